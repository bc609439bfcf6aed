package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// exitDenied is the exit status of explain for a request that would be denied. 1 is for
// errors, and 2 Caddy's own.
const exitDenied = 3

func explainCommand(c *client) *cobra.Command {
	var (
		q               explainQuery
		tokenFile, file string
		tokenStdin      bool
	)
	cmd := &cobra.Command{
		Use:   "explain METHOD ADDRESS",
		Short: "Tell what would happen to a request, and why",
		Long: `
Tells what would happen to a request, and why: the site that it comes to, its path in
the one spelling that is decided on, who calls, each rule that was considered, the
decision, and what the server behind gets. Nothing is forwarded, and nothing comes of it:
no token is renewed, no link is used up, no call is counted.

ADDRESS is a path, or a whole URL, whose host finds the site. Who calls:

  --recipient NAME      a recipient (delta), as with a good token of its own
  --account HOST        the owner of an account (pda)
  --user EMAIL|ID       a user (bitbroker), with what it has for the API of ADDRESS; if it
                        has access to several policies, EMAIL/POLICY. On the contributor
                        API the connector, as ENTITY/CONNECTOR
  --token-file FILE     who holds this token; it is sent over the admin endpoint, and
                        neither kept nor logged
  --token-stdin         the same from standard input
  --kind K --role R,R   somebody made up
  (none of these)       nobody

It asks the running server, whose address --address or --config say. With --caddyfile it
asks none: the file is read as caddy validate does, no store is opened, and what only
the store knows is left open.

The exit status is 0 if the request would be allowed, or answered by the gateway
itself, 3 if it would be denied, and 1 if that cannot be told.`,
		Example: `  caddy gatehouse explain --recipient acme GET /delta-sharing/shares/sales
  caddy gatehouse explain --token-file acme.token GET https://sharing.example.com/delta-sharing/shares
  caddy gatehouse explain --caddyfile Caddyfile --kind user --role consumer GET https://apd.example.com/consumer/list/products`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("which request? explain METHOD ADDRESS, such as GET /delta-sharing/shares")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Method, q.Address = args[0], args[1]
			if err := exclude(cmd.Flags(), "token-file", "token-stdin"); err != nil {
				return err
			}
			if err := exclude(cmd.Flags(), "caddyfile", "address"); err != nil {
				return err
			}
			if err := exclude(cmd.Flags(), "caddyfile", "config"); err != nil {
				return err
			}
			if tokenStdin {
				tokenFile = "-"
			}
			if tokenFile != "" {
				var err error
				if q.Token, err = readSecret(tokenFile, cmd.InOrStdin()); err != nil {
					return fmt.Errorf("the token: %w", err)
				}
			}
			e, err := c.explain(cmd, file, q)
			if err != nil {
				return err
			}
			if err := c.print(cmd, e, e.writeTo); err != nil {
				return err
			}
			if e.Decision != denied {
				return nil
			}
			cmd.SilenceErrors = true // it was told
			return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return exitDenied, nil })(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&q.Site, "site", "", "The site, as logs call it, such as Caddyfile:12")
	flags.StringVar(&q.Host, "host", "", "The host, if ADDRESS is a path")
	flags.StringVar(&q.Scheme, "scheme", "", "The scheme of the site, if there are several sites")
	flags.StringVar(&q.Realm, "realm", "", "The realm of the site, if there are several sites")
	flags.StringVar(&q.ClientIP, "client-ip", "", "The address from which the caller calls")
	flags.StringVar(&q.Recipient, "recipient", "", "A recipient that calls, by its name or id (delta)")
	flags.StringVar(&q.Account, "account", "", "An account whose owner calls, by its host (pda)")
	flags.StringVar(&q.User, "user", "", "A user that calls, by its email address or id (bitbroker)")
	flags.StringVar(&tokenFile, "token-file", "", "A file with the token of who calls; - is standard input")
	flags.BoolVar(&tokenStdin, "token-stdin", false, "Read the token of who calls from standard input")
	flags.StringVar(&q.Kind, "kind", "", "The kind of an identity that is made up, such as user")
	flags.StringSliceVar(&q.Roles, "role", nil, "Its roles, joined by commas")
	flags.StringVar(&q.Subject, "subject", "", "Its id")
	flags.StringVar(&file, "caddyfile", "", "Ask no server, but this configuration file")
	return cmd
}

// explain asks the running server, or a file.
func (c *client) explain(cmd *cobra.Command, file string, q explainQuery) (*explanation, error) {
	if file == "" {
		e := new(explanation)
		return e, c.call(http.MethodPost, strings.TrimPrefix(explainRoute, "POST "), q, e)
	}
	e, warnings, err := explainFile(cmd.Context(), file, c.adapter, q)
	for _, warning := range warnings {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), warning)
	}
	return e, err
}
