package caddymodule

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func (r *recipients) updateCommand() *cobra.Command {
	var (
		s    settings
		name string
		noIP bool
	)
	cmd := &cobra.Command{
		Use: "update NAME", Short: "Change a recipient's name, end, networks, limits and notes", Args: oneName("recipient"),
		Example: `  caddy gatehouse recipient update acme --ip 192.0.2.0/24 --ip 2001:db8::/32
  caddy gatehouse recipient update acme --until never --rate 20`,
		RunE: func(cmd *cobra.Command, args []string) error {
			flags := cmd.Flags()
			if err := exclude(flags, "ip", "no-ip"); err != nil {
				return err
			}
			body := map[string]any{}
			if flags.Changed("name") {
				body["new_name"] = name
			}
			if noIP {
				body["networks"] = []string{}
			}
			if err := s.fill(body, flags); err != nil {
				return err
			}
			if len(body) == 0 {
				return fmt.Errorf("say what to change: --name, --comment, --owner, --token-lifetime, --until, --ip, --no-ip, --rate, --burst or --concurrent")
			}
			return r.one(cmd, http.MethodPatch, r.path(args[0], ""), body)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "The new name")
	flags.StringVar(&s.until, "until", "", "When all that it holds ends: a day, at its end in UTC, a time in RFC 3339, or never")
	flags.BoolVar(&noIP, "no-ip", false, "It may call from anywhere")
	s.register(flags)
	flags.Lookup("ip").Usage = "From where it may call, in place of the list before; may be repeated"
	return cmd
}
