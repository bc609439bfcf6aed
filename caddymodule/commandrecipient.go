package caddymodule

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// recipients is the recipient commands' client, for one realm.
type recipients struct {
	*client
	realm string
}

func recipientCommand(c *client) *cobra.Command {
	r := &recipients{client: c}
	cmd := &cobra.Command{
		Use:   "recipient",
		Short: "Whom data is shared with: create, list, show, grant, rotate, revoke, …",
		Long: `
Recipients are whom data is shared with. Each has its own tokens, which it fetches
once through an activation link, and grants that say what it may read:

  revoke    ends every token and pending link at once; grants stay
  disable   refuses every call until enable
  delete    revokes and forgets; a later recipient of the name inherits nothing`,
	}
	group(cmd)
	cmd.PersistentFlags().StringVar(&r.realm, "realm", "default", "The realm that owns the recipient")
	cmd.AddCommand(
		r.createCommand(), r.listCommand(), r.showCommand(), r.updateCommand(),
		r.grantCommand(), r.ungrantCommand(), r.rotateCommand(), r.linkCommand(), r.managementKeyCommand(), r.usageCommand(), r.federationCommand(),
		r.changeCommand("revoke NAME", "End every token and pending link at once; grants stay", http.MethodPost, "/revoke", nil),
		r.changeCommand("disable NAME", "Refuse every call of a recipient until enable", http.MethodPatch, "", map[string]any{"disabled": true}),
		r.changeCommand("enable NAME", "Accept calls of a disabled recipient again", http.MethodPatch, "", map[string]any{"disabled": false}),
		r.deleteCommand(),
	)
	return cmd
}

func (r *recipients) path(name, action string) string {
	path := "/gatehouse/delta/" + url.PathEscape(r.realm) + "/recipients"
	if name != "" {
		path += "/" + url.PathEscape(name)
	}
	return path + action
}

// one sends a request about one recipient and prints it.
func (r *recipients) one(cmd *cobra.Command, method, path string, body any) error {
	var view recipientView
	if err := r.call(method, path, body, &view); err != nil {
		return err
	}
	return r.print(cmd, view, view.writeTo)
}

// changeCommand is a command with a name and no options.
func (r *recipients) changeCommand(use, short, method, action string, body any) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: oneName("recipient"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.one(cmd, method, r.path(args[0], action), body)
		},
	}
}

func (r *recipients) showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a recipient, its grants and its tokens", Args: oneName("recipient"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.one(cmd, http.MethodGet, r.path(args[0], ""), nil)
		},
	}
}

// aboutGrants is the notation of grants, for help.
const aboutGrants = `
A grant is a share, share/schema or share/schema/table, or * for everything, and lets a
recipient read it. With a space and privileges behind it, joined by commas, it gives
those only: discover, metadata, query, changes, temporary-credentials, volumes, models,
skills, iceberg. Quote such a grant, it is one argument: "finance/reports discover".`

func (r *recipients) grantCommand() *cobra.Command {
	return &cobra.Command{
		Use: "grant NAME GRANT…", Short: "Let a recipient read a share, share/schema or share/schema/table",
		Long: "\nLets a recipient read more.\n" + aboutGrants,
		Example: `  caddy gatehouse recipient grant acme sales finance/reports
  caddy gatehouse recipient grant acme "finance/plans discover,metadata" "finance iceberg"`,
		Args: nameAndGrants,
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.one(cmd, http.MethodPatch, r.path(args[0], ""), map[string]any{"grant": args[1:]})
		},
	}
}

func (r *recipients) ungrantCommand() *cobra.Command {
	return &cobra.Command{
		Use: "ungrant NAME GRANT…", Short: "Take grants away",
		Long: `
Takes grants away. GRANT is written as recipient show lists it, privileges included;
what other grants give stays, and is named.`,
		Example: `  caddy gatehouse recipient ungrant acme sales "finance/plans discover,metadata"`,
		Args:    nameAndGrants,
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.one(cmd, http.MethodPatch, r.path(args[0], ""), map[string]any{"ungrant": args[1:]})
		},
	}
}

func (r *recipients) linkCommand() *cobra.Command {
	var fresh bool
	cmd := &cobra.Command{
		Use:   "link NAME",
		Short: "Print the activation link that waits, or make one if none does",
		Long: `
Prints the activation link that waits to be used, and nothing else on standard
output, so that it can be handed on. If none waits and no token is in use, it
makes one.`,
		Example: `  curl -o config.share "$(caddy gatehouse recipient link acme)"`,
		Args:    oneName("recipient"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var view recipientView
			if err := r.call(http.MethodPost, r.path(args[0], "/link"), map[string]any{"fresh": fresh}, &view); err != nil {
				return err
			}
			return r.print(cmd, view, func(out io.Writer) {
				_, _ = fmt.Fprintln(out, view.ActivationLink)
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "good once, until %s UTC\n", whenKnown(view.LinkExpiresAt))
			})
		},
	}
	cmd.Flags().BoolVar(&fresh, "fresh", false, "Replace a link that waits: the old one stops working")
	return cmd
}

func (r *recipients) managementKeyCommand() *cobra.Command {
	var remove bool
	cmd := &cobra.Command{
		Use: "management-key NAME", Short: "Make a key for the credentials API, in place of any before; print it once", Args: oneName("recipient"),
		RunE: func(cmd *cobra.Command, args []string) error {
			method := http.MethodPost
			if remove {
				method = http.MethodDelete
			}
			return r.one(cmd, method, r.path(args[0], "/management-key"), nil)
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "Take the key away instead")
	return cmd
}

func (r *recipients) deleteCommand() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Revoke everything of a recipient and forget it", Args: oneName("recipient"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var answer notice
			if err := r.call(http.MethodDelete, r.path(args[0], ""), nil, &answer); err != nil {
				return err
			}
			return r.print(cmd, answer, answer.writeTo)
		},
	}
}
