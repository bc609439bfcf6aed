package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "gatehouse",
		Usage: "recipient|token …",
		Short: "Manages the recipients and tokens of a running gateway",
		Long: `
Manages the recipients and tokens of a running gateway, over Caddy's admin
endpoint: the server must be running, and its store stays where it is.

Commands print tables for people, and JSON with --json. Links, credentials and
keys are printed once, where they are made.`,
		CobraFunc: func(cmd *cobra.Command) {
			c := new(client)
			flags := cmd.PersistentFlags()
			flags.StringVar(&c.address, "address", "", "The admin address of the running server. Default: the one in --config, else Caddy's")
			flags.StringVarP(&c.config, "config", "c", "", "A configuration file to take the admin address from")
			flags.StringVarP(&c.adapter, "adapter", "a", "", "The name of the adapter of that file")
			flags.BoolVar(&c.json, "json", false, "Print JSON")
			cmd.SilenceUsage = true
			cmd.AddCommand(recipientCommand(c), tokenCommand(c))
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
			if json.Unmarshal([]byte(match[2]), &said) == nil && said.Error != "" {
				return errors.New(said.Error)
			}
			return fmt.Errorf("the server answered with status %s", match[1])
		}
		return fmt.Errorf("%w (is the server running, and is %s its admin address? --address names another)", err, address)
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(answer)
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
