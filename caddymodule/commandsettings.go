package caddymodule

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gatehouse-auth/gatehouse/caddymodule/tokenlist"
)

// settings are the options of create and update: what an operator says of a recipient.
type settings struct {
	comment, owner, life, until string
	networks                    []string
	rate, burst, concurrent     int
}

func (s *settings) register(flags *pflag.FlagSet) {
	flags.StringVar(&s.comment, "comment", "", "A note for operators")
	flags.StringVar(&s.owner, "owner", "", "Who answers for the recipient, in the operators' own words")
	flags.StringVar(&s.life, "token-lifetime", "", "How long tokens made from now on live, such as 30d; 0s: as the site says")
	flags.StringArrayVar(&s.networks, "ip", nil, "From where it may call: an address or network such as 192.0.2.0/24 or 2001:db8::/32; may be repeated. Default: anywhere")
	flags.IntVar(&s.rate, "rate", 0, "How many calls a second it may make in the long run; 0: as the site says")
	flags.IntVar(&s.burst, "burst", 0, "How many calls it may make at once after a pause; 0: as the site says")
	flags.IntVar(&s.concurrent, "concurrent", 0, "How many of its calls are answered at a time; 0: as the site says")
}

// fill adds to a request what was said on the command line.
func (s *settings) fill(body map[string]any, flags *pflag.FlagSet) error {
	for flag, value := range map[string]any{"comment": s.comment, "owner": s.owner} {
		if flags.Changed(flag) {
			body[flag] = value
		}
	}
	limits := map[string]int{}
	for flag, value := range map[string]int{"rate": s.rate, "burst": s.burst, "concurrent": s.concurrent} {
		if flags.Changed(flag) {
			limits[flag] = value
		}
	}
	if len(limits) > 0 {
		body["limits"] = limits
	}
	if flags.Changed("ip") {
		body["networks"] = s.networks
	}
	if flags.Changed("token-lifetime") {
		d, err := lifetime("token-lifetime", s.life)
		if err != nil {
			return err
		}
		body["token_lifetime"] = d.String()
	}
	if flags.Changed("until") {
		end, err := parseUntil(s.until)
		if err != nil {
			return err
		}
		body["not_after"] = end
	}
	return nil
}

// parseUntil reads the option of that name.
func parseUntil(text string) (time.Time, error) {
	at, ok := tokenlist.ParseEnd(text)
	if !ok {
		return at, fmt.Errorf("--until: %q is neither a day such as 2031-12-31 nor a time such as 2031-12-31T18:00:00Z", text)
	}
	return at, nil
}

func (r *recipients) createCommand() *cobra.Command {
	var (
		s               settings
		grants          []string
		auth, tokenFile string
		managementKey   bool
		noEnd           bool
	)
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a recipient and print its activation link, once",
		Long: `
Creates a recipient and prints its activation link, once. What the link delivers:

  --auth token        a credential file with a bearer token, which all clients take
  --auth oauth        a credential file of an OAuth client: it takes tokens of an hour
  --auth federation   nothing: its own identity provider vouches for it; say which
                      identity it is with caddy gatehouse recipient federation add

With --token-file the recipient goes on with a token that it, or many partners
together, use already: no credential file changes. It may then read everything,
unless --grant says otherwise, until the end that --until says.`,
		Example: `  caddy gatehouse recipient create acme --grant sales
  caddy gatehouse recipient create acme --grant finance/reports/q3 --token-lifetime 30d --ip 192.0.2.0/24
  caddy gatehouse recipient create legacy --token-file /etc/gatehouse/upstream --until 2031-12-31`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags := cmd.Flags()
			body := map[string]any{"name": args[0], "auth": auth, "grants": grants, "management_key": managementKey}
			if err := s.fill(body, flags); err != nil {
				return err
			}
			if flags.Changed("token-file") {
				if !flags.Changed("until") && !noEnd {
					return errors.New("--token-file goes with --until, the day at whose end the token stops working, or with --no-end")
				}
				token, err := readSecret(tokenFile, cmd.InOrStdin())
				if err != nil {
					return fmt.Errorf("--token-file: %w", err)
				}
				body["token"] = token
				if !flags.Changed("grant") {
					body["grants"] = []string{"*"}
				}
			}
			return r.one(cmd, http.MethodPost, r.path("", ""), body)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&grants, "grant", nil, "What it may read: share, share/schema or share/schema/table, or * for everything; may be repeated")
	flags.StringVar(&auth, "auth", authToken, "How it proves who it is: token, oauth or federation")
	flags.StringVar(&tokenFile, "token-file", "", "A file with a token that it uses already; - is standard input")
	flags.StringVar(&s.until, "until", "", "When all that it holds ends: a day, at its end in UTC, or a time in RFC 3339. Default: its tokens' own end")
	flags.BoolVar(&noEnd, "no-end", false, "With --token-file: the token has no end")
	flags.BoolVar(&managementKey, "management-key", false, "Make a key for the credentials API, and print it once")
	s.register(flags)
	cmd.MarkFlagsMutuallyExclusive("until", "no-end")
	return cmd
}

// maxSecretFile bounds a file that holds a token, in bytes.
const maxSecretFile = 64 << 10

// readSecret reads a token from a file of one line; - is standard input. Its errors
// say nothing of what it holds.
func readSecret(path string, stdin io.Reader) (string, error) {
	in := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSecretFile))
	if err != nil {
		return "", err
	}
	text = bytes.TrimSpace(text)
	switch {
	case len(text) == 0:
		return "", errors.New("it is empty")
	case bytes.ContainsAny(text, " \t\r\n"):
		return "", errors.New("it holds more than one word; one token is expected")
	}
	return string(text), nil
}

func (r *recipients) updateCommand() *cobra.Command {
	var (
		s    settings
		name string
		noIP bool
	)
	cmd := &cobra.Command{
		Use: "update NAME", Short: "Change a recipient's name, end, networks, limits and notes", Args: cobra.ExactArgs(1),
		Example: `  caddy gatehouse recipient update acme --ip 192.0.2.0/24 --ip 2001:db8::/32
  caddy gatehouse recipient update acme --until never --rate 20`,
		RunE: func(cmd *cobra.Command, args []string) error {
			flags := cmd.Flags()
			body := map[string]any{}
			if flags.Changed("name") {
				body["new_name"] = name
			}
			if noIP {
				body["networks"] = []string{}
			}
			if s.until == "never" {
				body["not_after"] = nil
				flags.Lookup("until").Changed = false
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
	cmd.MarkFlagsMutuallyExclusive("ip", "no-ip")
	return cmd
}
