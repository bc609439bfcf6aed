package caddymodule

import (
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// accounts is the client of the commands on accounts and applications, for one realm.
type accounts struct {
	*client
	realm string
}

func accountCommand(c *client) *cobra.Command {
	a := &accounts{client: c}
	cmd := &cobra.Command{
		Use:   "account",
		Short: "Personal data accounts: create, list, show, passwd, rotate-key, revoke, …",
		Long: `
Personal data accounts. Each has a host, by which requests find it, an owner, who signs
in with a password, and keys of its own:

  revoke    ends every token of the account, also those of its applications
  disable   refuses every call until enable
  delete    revokes and forgets; a later account of the host inherits nothing

Passwords are read from standard input or a file; at a terminal they are asked for.`,
	}
	group(cmd)
	cmd.PersistentFlags().StringVar(&a.realm, "realm", "default", "The realm that owns the account")
	cmd.AddCommand(
		a.createCommand(), a.listCommand(), a.passwordCommand(), a.rotateKeyCommand(), a.deleteCommand(),
		a.changeCommand("show HOST", "Show an account, its applications and its keys", http.MethodGet, "", nil),
		a.changeCommand("revoke HOST", "End every token at once; the owner can sign in again", http.MethodPost, "/revoke", nil),
		a.changeCommand("disable HOST", "Refuse every call on an account until enable", http.MethodPatch, "", map[string]any{"disabled": true}),
		a.changeCommand("enable HOST", "Accept calls on a disabled account again", http.MethodPatch, "", map[string]any{"disabled": false}),
	)
	return cmd
}

// oneHost takes one argument, the host of an account.
func oneHost() cobra.PositionalArgs { return oneArgument("account", "HOST") }

func (a *accounts) path(host, action string) string {
	path := "/gatehouse/pda/" + url.PathEscape(a.realm) + "/accounts"
	if host != "" {
		path += "/" + url.PathEscape(host)
	}
	return path + action
}

// one sends a request about one account and prints it.
func (a *accounts) one(cmd *cobra.Command, method, path string, body any) error {
	var view accountView
	if err := a.call(method, path, body, &view); err != nil {
		return err
	}
	return a.print(cmd, view, view.writeTo)
}

// changeCommand is a command with a host and no options.
func (a *accounts) changeCommand(use, short, method, action string, body any) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: oneHost(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.one(cmd, method, a.path(args[0], action), body)
		},
	}
}

func (a *accounts) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List accounts, by host", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := []accountView{}
			for after := ""; ; {
				var page struct {
					Accounts []accountView `json:"accounts"`
					Next     string        `json:"next"`
				}
				if err := a.call(http.MethodGet, a.path("", "")+"?after="+url.QueryEscape(after), nil, &page); err != nil {
					return err
				}
				all = append(all, page.Accounts...)
				if after = page.Next; after == "" {
					break
				}
			}
			return a.print(cmd, all, accountTable(all))
		},
	}
}

func (a *accounts) passwordCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "passwd HOST",
		Short: "Set the owner's password, and end every token",
		Long: `
Sets the owner's password, and ends every token of the account, also those of its
applications. The password is read from a file of one line, from standard input with -,
or asked for at a terminal. One that is easily guessed is refused.`,
		Example: `  caddy gatehouse account passwd bob.pda.example.com
  pwgen 20 1 | caddy gatehouse account passwd bob.pda.example.com --password-file -`,
		Args: oneHost(),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := newPassword(cmd, file)
			if err != nil {
				return err
			}
			return a.one(cmd, http.MethodPost, a.path(args[0], "/password"), map[string]any{"password": password})
		},
	}
	cmd.Flags().StringVar(&file, "password-file", "", "A file with the password; - is standard input")
	return cmd
}

func (a *accounts) rotateKeyCommand() *cobra.Command {
	var overlap string
	cmd := &cobra.Command{
		Use:   "rotate-key HOST",
		Short: "Sign tokens with a new key from now on",
		Long: `
Signs the account's tokens with a new key from now on. Those that were signed before are
good for as long as --overlap says, if they are good so long: tokens are renewed with
every call, so an overlap as long as they may lie unused ends nobody's session.`,
		Example: `  caddy gatehouse account rotate-key bob.pda.example.com --overlap 72h`,
		Args:    oneHost(),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := lifetime("overlap", overlap)
			if err != nil {
				return err
			}
			return a.one(cmd, http.MethodPost, a.path(args[0], "/rotate-key"), map[string]any{"overlap": d.String()})
		},
	}
	cmd.Flags().StringVar(&overlap, "overlap", "72h", "How long tokens of the present key are good; 0: not at all")
	return cmd
}

func (a *accounts) deleteCommand() *cobra.Command {
	return &cobra.Command{
		Use: "delete HOST", Short: "Revoke everything of an account and forget it, with its keys", Args: oneHost(),
		RunE: func(cmd *cobra.Command, args []string) error {
			var answer notice
			if err := a.call(http.MethodDelete, a.path(args[0], ""), nil, &answer); err != nil {
				return err
			}
			return a.print(cmd, answer, answer.writeTo)
		},
	}
}
