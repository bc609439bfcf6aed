package caddymodule

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func connectorCommand(c *client) *cobra.Command {
	b := &coordinators{client: c}
	cmd := &cobra.Command{
		Use:   "connector",
		Short: "Connectors of a BitBroker: rotate their tokens",
		Long: `
Connectors of a site with gatehouse bitbroker. They are made, changed and deleted over the
coordinator API. A token that was lost, or may be known to others, is replaced here: a
connector that is deleted and made anew would lose all its records.`,
	}
	group(cmd)
	cmd.PersistentFlags().StringVar(&b.realm, "realm", "default", "The realm that owns the connectors")
	cmd.AddCommand(b.rotateCommand())
	return cmd
}

func (b *coordinators) rotateCommand() *cobra.Command {
	var oldExpiresIn string
	cmd := &cobra.Command{
		Use:   "rotate ENTITY CONNECTOR",
		Short: "Give a connector a new token and print it, once",
		Long: `
Gives a connector a new token and prints it. The token in use goes on for at most the time
that --old-expires-in says; without it, as the site says (reissue_overlap), which is not at
all by default. The connector keeps its records and its contribution id.`,
		Example: `  caddy gatehouse connector rotate country wikipedia --old-expires-in 24h`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("which connector? %s ENTITY CONNECTOR", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{}
			if cmd.Flags().Changed("old-expires-in") {
				d, err := lifetime("old-expires-in", oldExpiresIn)
				if err != nil {
					return err
				}
				body["old_expires_in"] = d.String()
			}
			var view connectorView
			path := "/entities/" + url.PathEscape(args[0]) + "/connectors/" + url.PathEscape(args[1]) + "/rotate"
			if err := b.call(http.MethodPost, b.path(path), body, &view); err != nil {
				return err
			}
			return b.print(cmd, view, view.writeTo)
		},
	}
	cmd.Flags().StringVar(&oldExpiresIn, "old-expires-in", "", "How long the token in use goes on at most, such as 24h. Default: as the site says")
	return cmd
}

// writeTo writes a connector for people.
func (v connectorView) writeTo(out io.Writer) {
	table(out, "ENTITY\tCONNECTOR\tCONTRIBUTION ID\tTOKEN", func(row func(...string)) {
		row(v.Entity, v.Connector, orDash(v.Contribution), v.TokenID)
	})
	_, _ = fmt.Fprintf(out, "\ncontributor token for realm %s, shown only now:\n%s\n\n%s\n", v.Realm, v.Token, v.Notice)
}
