package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/schemes/dx"
)

// users is the client of the commands on users of foreign issuers, for one realm.
type users struct {
	*client
	scheme, realm string
}

func userCommand(c *client) *cobra.Command {
	u := &users{client: c}
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Users whose tokens another issuer makes: revoke, list",
		Long: `
Users of a site with gatehouse dx. Their tokens are made by the exchange's authorisation
server; here those that were issued until now can be ended, as that server itself does it
with POST /admin/revokeToken. There is no way back: a user who is to go on needs a new
token.`,
	}
	group(cmd)
	flags := cmd.PersistentFlags()
	flags.StringVar(&u.scheme, "scheme", dx.Name, "The token contract that the users are of")
	flags.StringVar(&u.realm, "realm", "default", "The realm that owns the revocations")
	cmd.AddCommand(u.revokeCommand(), u.listCommand())
	return cmd
}

func (u *users) path(action string) string {
	return "/gatehouse/realms/" + url.PathEscape(u.realm) + "/users" + action
}

func (u *users) revokeCommand() *cobra.Command {
	var delegator string
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "End all tokens of a user that were issued until now",
		Long: `
Ends all tokens of a user that were issued until now, whether the user is their subject or
the one for whom a delegate acts. With --delegator, only those with which the user acts for
that one: after a delegation was withdrawn, for instance. Tokens that are made in the next
30 seconds are refused too, since the clock of who makes them may run ahead. IDs are what
tokens have as sub and did; the audit log shows both.`,
		Example: `  caddy gatehouse user revoke 6c796c29-fa9e-4678-9c0b-e48956f22bcc
  caddy gatehouse user revoke 6c796c29-fa9e-4678-9c0b-e48956f22bcc --delegator 0e9a7b0c-5d3b-4f7b-8f5b-2b1f6f0f6f11`,
		Args: oneArgument("user", "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			order := map[string]any{"scheme": u.scheme}
			if cmd.Flags().Changed("delegator") {
				if delegator == "" {
					// All of the user's would end instead.
					return errors.New("--delegator is empty")
				}
				order["delegator"] = delegator
			}
			var view revokedUser
			if err := u.call(http.MethodPost, u.path("/"+url.PathEscape(args[0])+"/revoke"), order, &view); err != nil {
				return err
			}
			return u.print(cmd, view, view.writeTo)
		},
	}
	cmd.Flags().StringVar(&delegator, "delegator", "", "Only tokens with which the user acts for this one, by its ID")
	return cmd
}

func (u *users) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the users of whom tokens were ended", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := []revokedUser{}
			query := url.Values{"scheme": {u.scheme}}
			for {
				var page struct {
					Users []revokedUser `json:"users"`
					Next  string        `json:"next"`
				}
				if err := u.call(http.MethodGet, u.path("")+"?"+query.Encode(), nil, &page); err != nil {
					return err
				}
				all = append(all, page.Users...)
				if page.Next == "" {
					break
				}
				query.Set("after", page.Next)
			}
			return u.print(cmd, all, revokedUserTable(all))
		},
	}
}

// revokedUserTable has a line for each user, and for each for whom it may not act.
func revokedUserTable(all []revokedUser) func(io.Writer) {
	return func(out io.Writer) {
		table(out, "USER\tACTING FOR\tTOKENS ENDED\tREVOKED\tBY", func(row func(...string)) {
			for _, v := range all {
				if v.Until != nil {
					row(v.ID, "anybody", issuedUntil(*v.Until), when(v.RevokedAt), orDash(v.RevokedBy))
				}
				for _, d := range v.Delegators {
					row(v.ID, d.ID, issuedUntil(d.Until), when(v.RevokedAt), orDash(v.RevokedBy))
				}
			}
		})
	}
}

// issuedUntil is when the last of the tokens was issued that are over; to the second,
// which is what tokens tell.
func issuedUntil(t time.Time) string { return "issued until " + t.UTC().Format("2006-01-02 15:04:05") }

// writeTo writes a user for people.
func (v revokedUser) writeTo(out io.Writer) {
	revokedUserTable([]revokedUser{v})(out)
	if v.Notice != "" {
		_, _ = fmt.Fprintf(out, "\n%s\n", v.Notice)
	}
}
