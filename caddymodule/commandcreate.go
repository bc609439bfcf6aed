package caddymodule

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"
)

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
		Short: "Create a recipient and print its activation link",
		Long: `
Creates a recipient and prints its activation link; recipient link prints it again until
it is used. What the link delivers:

  --auth token        a credential file with a bearer token, which all clients take
  --auth oauth        a credential file of an OAuth client: it takes tokens of an hour
  --auth federation   nothing: its own identity provider vouches for it; say which
                      identity it is with caddy gatehouse recipient federation add

With --token-file the recipient goes on with a token that it, or many partners
together, use already: no credential file changes. It may then read everything,
unless --grant says otherwise, until the end that --until says.
` + aboutGrants,
		Example: `  caddy gatehouse recipient create acme --grant sales
  caddy gatehouse recipient create acme --grant finance/reports/q3 --token-lifetime 30d --ip 192.0.2.0/24
  caddy gatehouse recipient create auditor --grant "finance discover,metadata"
  caddy gatehouse recipient create legacy --token-file /etc/gatehouse/upstream --until 2031-12-31`,
		Args: oneName("recipient"),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags := cmd.Flags()
			body := map[string]any{"name": args[0], "auth": auth, "grants": grants, "management_key": managementKey}
			if err := exclude(flags, "until", "no-end"); err != nil {
				return err
			}
			if noEnd && !flags.Changed("token-file") {
				return errors.New("--no-end goes with --token-file; of others, --token-lifetime says how long their tokens live")
			}
			if auth == authFederation && flags.Changed("token-lifetime") {
				return errors.New("--token-lifetime: with --auth federation its own identity provider says how long its tokens live")
			}
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
	flags.StringArrayVar(&grants, "grant", nil, "What it may read: share, share/schema or share/schema/table, or * for everything, and privileges if not to read it, as in \"finance discover\"; may be repeated")
	flags.StringVar(&auth, "auth", authToken, "How it proves who it is: token, oauth or federation")
	flags.StringVar(&tokenFile, "token-file", "", "A file with a token that it uses already; - is standard input")
	flags.StringVar(&s.until, "until", "", "When all that it holds ends: a day, at its end in UTC, a time in RFC 3339, or never. Default: its tokens' own end")
	flags.BoolVar(&noEnd, "no-end", false, "With --token-file: the token has no end")
	flags.BoolVar(&managementKey, "management-key", false, "Make a key for the credentials API, and print it once")
	s.register(flags)
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
	case text[0] == '{':
		return "", errors.New("it is a credential file; the token alone (its bearerToken) belongs in the file")
	case bytes.ContainsAny(text, " \t\r\n"):
		return "", errors.New("it holds more than one word; one token is expected")
	}
	return string(text), nil
}
