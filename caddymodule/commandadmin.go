package caddymodule

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// admins is the admin commands' client, for one realm.
type admins struct {
	*client
	realm string
}

func adminCommand(c *client) *cobra.Command {
	a := &admins{client: c}
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Admin tokens, for tools that manage recipients over HTTP: create, list, revoke",
		Long: `
Admin tokens are for the administration over HTTP that a site serves with the
directive gatehouse_admin_api. Each is for one realm and has a role:

  full        manages recipients
  read-only   looks at them

The commands here need none: they use Caddy's admin endpoint.`,
	}
	group(cmd)
	cmd.PersistentFlags().StringVar(&a.realm, "realm", "default", "The realm whose recipients the token is for")
	cmd.AddCommand(a.createCommand(), a.listCommand(), a.revokeCommand())
	return cmd
}

func (a *admins) path(name, action string) string {
	path := "/gatehouse/delta/" + url.PathEscape(a.realm) + "/admins"
	if name != "" {
		path += "/" + url.PathEscape(name)
	}
	return path + action
}

func (a *admins) createCommand() *cobra.Command {
	var role, life string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create an admin token and print it, once",
		Example: `  caddy gatehouse admin create terraform
  caddy gatehouse admin create dashboard --role read-only --expires-in 30d`,
		Args: oneName("admin token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := lifetime("expires-in", life)
			if err != nil {
				return err
			}
			body := map[string]any{"name": args[0], "role": role, "lifetime": d.String()}
			var view adminTokenView
			if err := a.call(http.MethodPost, a.path("", ""), body, &view); err != nil {
				return err
			}
			return a.print(cmd, view, view.writeTo)
		},
	}
	cmd.Flags().StringVar(&role, "role", "full", "What it may do: full or read-only")
	cmd.Flags().StringVar(&life, "expires-in", "365d", "How long it lives")
	return cmd
}

func (a *admins) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List a realm's admin tokens, those that have ended included", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := []adminTokenView{}
			for after := ""; ; {
				var page struct {
					Admins []adminTokenView `json:"admins"`
					Next   string           `json:"next"`
				}
				if err := a.call(http.MethodGet, a.path("", "")+"?after="+url.QueryEscape(after), nil, &page); err != nil {
					return err
				}
				all = append(all, page.Admins...)
				if after = page.Next; after == "" {
					break
				}
			}
			return a.print(cmd, all, adminTable(all))
		},
	}
}

func (a *admins) revokeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME", Short: "End an admin token at once; its name is free again", Args: oneName("admin token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var view adminTokenView
			if err := a.call(http.MethodPost, a.path(args[0], "/revoke"), nil, &view); err != nil {
				return err
			}
			return a.print(cmd, view, view.writeTo)
		},
	}
}

func adminTable(all []adminTokenView) func(io.Writer) {
	return func(out io.Writer) {
		table(out, "ADMIN\tROLE\tSTATUS\tID\tCREATED\tEXPIRES", func(row func(...string)) {
			for _, v := range all {
				expires := when(v.ExpiresAt)
				if v.RevokedAt != nil {
					expires = "-"
				}
				row(v.Name, v.Role, v.Status, v.ID, when(v.CreatedAt), expires)
			}
		})
	}
}

// writeTo writes an admin token for people.
func (v adminTokenView) writeTo(out io.Writer) {
	adminTable([]adminTokenView{v})(out)
	if v.Token != "" {
		_, _ = fmt.Fprintf(out, "\nadmin token for realm %s, shown only now:\n%s\n", v.Realm, v.Token)
	}
}
