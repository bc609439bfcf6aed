package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// coordinators is the client of the commands on a BitBroker's coordinators and connectors, for
// one realm.
type coordinators struct {
	*client
	realm string
}

func (b *coordinators) path(rest string) string {
	return "/gatehouse/bitbroker/" + url.PathEscape(b.realm) + rest
}

func coordinatorCommand(c *client) *cobra.Command {
	b := &coordinators{client: c}
	cmd := &cobra.Command{
		Use:   "coordinator",
		Short: "Coordinators of a BitBroker: create the first one, list",
		Long: `
Coordinators of a site with gatehouse bitbroker. They administer users, connectors and
policies over the coordinator API, and make further coordinators there; the first one is
made here.`,
	}
	group(cmd)
	cmd.PersistentFlags().StringVar(&b.realm, "realm", "default", "The realm that owns the users")
	cmd.AddCommand(b.createCommand(), b.listCommand())
	return cmd
}

func (b *coordinators) createCommand() *cobra.Command {
	var (
		name, organization, life string
		user                     uint64
	)
	cmd := &cobra.Command{
		Use:   "create EMAIL --name NAME --organization NAME",
		Short: "Make a user a coordinator and print its token, once",
		Long: `
Makes a user a coordinator and prints its token. A user of the address is made if there is
none. The token ends after a day unless --lifetime says otherwise: it is for making the
first coordinators, who then promote each other over the coordinator API.

A user whose token is good is a coordinator already, and is refused: if the token is
lost, revoke it first.

In front of a BitBroker, say which of its users it is: --user 1 is the one that it begins
with. There, the token that the user had before ends.`,
		Example: `  caddy gatehouse coordinator create ada@example.com --name "Ada L." --organization "Analytical Engines"
  caddy gatehouse coordinator create --user 1 --lifetime 2h`,
		Args: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("user") {
				return oneArgument("user", "EMAIL")(cmd, args)
			}
			if len(args) > 0 {
				return errors.New("write an EMAIL or --user, not both")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := lifetime("lifetime", life)
			if err != nil {
				return err
			}
			body := map[string]any{"lifetime": d.String()}
			if len(args) > 0 {
				body["email"], body["name"], body["organization"] = args[0], name, organization
			} else {
				if user == 0 {
					return errors.New("--user: the users of a BitBroker count from 1")
				}
				body["user"] = user
			}
			var view coordinatorView
			if err := b.call(http.MethodPost, b.path("/coordinators"), body, &view); err != nil {
				return err
			}
			return b.print(cmd, view, view.writeTo)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "The name of a new user")
	flags.StringVar(&organization, "organization", "", "The organization of a new user")
	flags.Uint64Var(&user, "user", 0, "In front of a BitBroker: the user, by its id there")
	flags.StringVar(&life, "lifetime", "24h", "How long the token lives, such as 24h")
	return cmd
}

func (b *coordinators) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the coordinators, with their tokens", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list struct {
				Coordinators []coordinatorView `json:"coordinators"`
			}
			if err := b.call(http.MethodGet, b.path("/coordinators"), nil, &list); err != nil {
				return err
			}
			return b.print(cmd, list.Coordinators, coordinatorTable(list.Coordinators))
		},
	}
}

func coordinatorTable(all []coordinatorView) func(io.Writer) {
	return func(out io.Writer) {
		table(out, "USER\tEMAIL\tTOKEN\tSTATUS\tISSUED\tEXPIRES\tLAST USED", func(row func(...string)) {
			for _, v := range all {
				row(fmt.Sprint(v.User), orDash(v.Email), orDash(v.TokenID), orDash(v.Status), whenKnown(v.IssuedAt), v.ends(), whenKnown(v.LastUsed))
			}
		})
	}
}

// ends is when the token ends by itself; one that is over does so no more.
func (v coordinatorView) ends() string {
	if v.IssuedAt == nil || v.Status == string(tokenstore.Revoked) {
		return "-"
	}
	return whenEnds(v.ExpiresAt)
}

// writeTo writes a coordinator for people.
func (v coordinatorView) writeTo(out io.Writer) {
	coordinatorTable([]coordinatorView{v})(out)
	if v.Token != "" {
		_, _ = fmt.Fprintf(out, "\ncoordinator token for realm %s, shown only now:\n%s\n", v.Realm, v.Token)
	}
	if v.Notice != "" {
		_, _ = fmt.Fprintf(out, "\n%s\n", v.Notice)
	}
}
