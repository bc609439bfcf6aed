package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "gatehouse",
		Usage: "recipient|account|application|coordinator|connector|token|user|admin|import|rules|explain …",
		Short: "Manages the recipients, accounts and tokens of a running gateway",
		Long: `
Manages the recipients, accounts and tokens of a running gateway, over Caddy's admin
endpoint: the server must be running, and its store stays where it is. The commands on
rules need no server.

Commands print tables for people, and JSON with --json. Keys are printed once, where
they are made; a link until it is used.`,
		CobraFunc: func(cmd *cobra.Command) {
			group(cmd)
			c := new(client)
			flags := cmd.PersistentFlags()
			flags.StringVar(&c.address, "address", "", "The admin address of the running server. Default: the one in --config, else Caddy's")
			flags.StringVarP(&c.config, "config", "c", "", "A configuration file to take the admin address from")
			flags.StringVarP(&c.adapter, "adapter", "a", "", "The name of the adapter of that file")
			flags.BoolVar(&c.json, "json", false, "Print JSON")
			cmd.SilenceUsage = true
			cmd.SetFlagErrorFunc(flagError)
			cmd.AddCommand(recipientCommand(c), accountCommand(c), applicationCommand(c), coordinatorCommand(c), connectorCommand(c), tokenCommand(c), userCommand(c), adminCommand(c), importCommand(c), rulesCommand(c), explainCommand(c))
		},
	})
}

// client talks to the admin API of a running server.
type client struct {
	address, config, adapter string
	json                     bool
}

// apiError is how Caddy's admin endpoint answers an error, as
// caddycmd.AdminAPIRequest passes it on.
var apiError = regexp.MustCompile(`(?s)^caddy responded with error: HTTP (\d+): (.*)$`)

// call sends a request and reads the answer into an object. An error holds what
// the server says, without the wrapping.
func (c *client) call(method, path string, body, answer any) error {
	address, err := caddycmd.DetermineAdminAPIAddress(c.address, nil, c.config, c.adapter)
	if err != nil {
		return err
	}
	var sent io.Reader
	if method != http.MethodGet {
		if body == nil {
			body = struct{}{}
		}
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(data)
	}
	response, err := caddycmd.AdminAPIRequest(address, method, path, nil, sent)
	if err != nil {
		if match := apiError.FindStringSubmatch(err.Error()); match != nil {
			var said struct {
				Error string `json:"error"`
			}
			refused := &serverError{text: "the server answered with status " + match[1]}
			refused.status, _ = strconv.Atoi(match[1])
			if json.Unmarshal([]byte(match[2]), &said) == nil && said.Error != "" {
				refused.text = said.Error
			}
			return refused
		}
		return fmt.Errorf("%w (is the server running, and is %s its admin address? --address names another)", err, address)
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(answer)
}

// serverError is what the server says of a request that it refuses or that fails.
type serverError struct {
	status int
	text   string
}

func (e *serverError) Error() string { return e.text }

// isRefusal tells whether the server understood a request and refused it, so that
// other requests may well succeed.
func isRefusal(err error) bool {
	refused, ok := errors.AsType[*serverError](err)
	return ok && refused.status < http.StatusInternalServerError
}

// print writes an answer as JSON, or as the given table.
func (c *client) print(cmd *cobra.Command, answer any, table func(io.Writer)) error {
	out := cmd.OutOrStdout()
	if !c.json {
		table(out)
		return nil
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(answer)
}

// group makes a command that only holds others: without one it shows its help, and
// a misspelt one is an error, also to a script.
func group(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("there is no command %q; see %s --help", args[0], cmd.CommandPath())
		}
		return cmd.Help()
	}
}

// lifetime reads a duration option.
func lifetime(option, text string) (time.Duration, error) {
	d, err := caddy.ParseDuration(text)
	if text == "0" {
		d, err = 0, nil
	}
	if err != nil || d < 0 {
		return 0, fmt.Errorf("--%s: %q is not a duration such as 24h or 30d", option, text)
	}
	return d, nil
}
