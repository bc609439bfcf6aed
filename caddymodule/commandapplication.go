package caddymodule

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// aboutApplicationGrants is the notation of an application's grants, for help.
const aboutApplicationGrants = `
Grants say what an application may do on each account whose owner lets it in:

  namespace-read:NS                read the records of a namespace
  namespace-write:NS               write and delete them
  data-debit:ID                    use a data debit
  data-debit-create                make data debits
  manage-files:SOURCE              upload files; of which source, the server behind decides
  application-list                 list the account's applications
  application-manage:ID            see, set up, disable and call another application
  retrieve-application-token:ID    get the tokens of another application
  platform, owner                  what the original's roles of these names may`

func applicationCommand(c *client) *cobra.Command {
	a := &accounts{client: c}
	cmd := &cobra.Command{
		Use:   "application",
		Short: "Applications that owners of accounts can let in: add, list, show, update, …",
		Long: `
The registry of applications. What an application may do stands here, and not in its
tokens: a change counts at once.

enable and disable are about one account with --account, and about all without.
` + aboutApplicationGrants,
	}
	group(cmd)
	cmd.PersistentFlags().StringVar(&a.realm, "realm", "default", "The realm that owns the application")
	cmd.AddCommand(
		a.addApplicationCommand(), a.listApplicationsCommand(), a.showApplicationCommand(), a.updateApplicationCommand(),
		a.enableApplicationCommand("enable ID", "Let an application in: set it up on one account, or end a disable on all", true),
		a.enableApplicationCommand("disable ID", "Keep an application out of one account, or of all", false),
		a.deleteApplicationCommand(),
	)
	return cmd
}

// oneApplication takes one argument, the id of an application.
func oneApplication() cobra.PositionalArgs { return oneArgument("application", "ID") }

func (a *accounts) applicationPath(id string) string {
	path := "/gatehouse/pda/" + url.PathEscape(a.realm) + "/applications"
	if id != "" {
		path += "/" + url.PathEscape(id)
	}
	return path
}

// application sends a request about one application and prints it.
func (a *accounts) application(cmd *cobra.Command, method, id string, body any) error {
	var view applicationView
	if err := a.call(method, a.applicationPath(id), body, &view); err != nil {
		return err
	}
	return a.print(cmd, view, view.writeTo)
}

// applicationSettings are the options of add and update.
type applicationSettings struct {
	version, name, description, url string
	redirectURIs, grants            []string
}

func (s *applicationSettings) register(flags *pflag.FlagSet) {
	flags.StringVar(&s.version, "version", "", "Its version, such as 1.0.0, as its tokens say it")
	flags.StringVar(&s.name, "name", "", "Its name, as owners see it")
	flags.StringVar(&s.description, "description", "", "What it does, as owners see it")
	flags.StringVar(&s.url, "url", "", "Its address, as owners see it")
	flags.StringArrayVar(&s.redirectURIs, "redirect-uri", nil, "Where a browser may be sent with a token, exactly; may be repeated")
	flags.StringArrayVar(&s.grants, "grant", nil, "What it may do, such as namespace-read:notes; may be repeated")
}

// fill adds to a request what was said on the command line.
func (s *applicationSettings) fill(body map[string]any, flags *pflag.FlagSet) {
	for flag, value := range map[string]any{"version": s.version, "name": s.name, "description": s.description, "url": s.url} {
		if flags.Changed(flag) {
			body[flag] = value
		}
	}
	if flags.Changed("redirect-uri") {
		body["redirect_uris"] = s.redirectURIs
	}
}

func (a *accounts) addApplicationCommand() *cobra.Command {
	var s applicationSettings
	cmd := &cobra.Command{
		Use: "add ID --version VERSION --grant GRANT…", Short: "Add an application, with what it may do",
		Long: "\nAdds an application. No account lets it in until it is set up there.\n" + aboutApplicationGrants,
		Example: `  caddy gatehouse application add notes-dev --version 1.0.0 --name Notes \
    --redirect-uri https://notes.example.com/done --grant namespace-read:notes --grant namespace-write:notes`,
		Args: oneApplication(),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{"id": args[0], "grants": s.grants}
			s.fill(body, cmd.Flags())
			return a.application(cmd, http.MethodPost, "", body)
		},
	}
	s.register(cmd.Flags())
	_ = cmd.MarkFlagRequired("version")
	return cmd
}

func (a *accounts) listApplicationsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List applications, by id", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := []applicationView{}
			for after := ""; ; {
				var page struct {
					Applications []applicationView `json:"applications"`
					Next         string            `json:"next"`
				}
				if err := a.call(http.MethodGet, a.applicationPath("")+"?after="+url.QueryEscape(after), nil, &page); err != nil {
					return err
				}
				all = append(all, page.Applications...)
				if after = page.Next; after == "" {
					break
				}
			}
			return a.print(cmd, all, applicationTable(all))
		},
	}
}

func (a *accounts) showApplicationCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show an application and what it may do", Args: oneApplication(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.application(cmd, http.MethodGet, args[0], nil)
		},
	}
}

func (a *accounts) updateApplicationCommand() *cobra.Command {
	var (
		s             applicationSettings
		ungrant       []string
		noRedirectURI bool
	)
	cmd := &cobra.Command{
		Use: "update ID", Short: "Change an application: what it may do, its version, and how owners see it",
		Long: "\nChanges an application. What it may do counts at once, on all accounts.\n" + aboutApplicationGrants,
		Example: `  caddy gatehouse application update notes-dev --grant namespace-read:calendar --ungrant namespace-write:notes
  caddy gatehouse application update notes-dev --version 1.1.0`,
		Args: oneApplication(),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags := cmd.Flags()
			if err := exclude(flags, "redirect-uri", "no-redirect-uri"); err != nil {
				return err
			}
			body := map[string]any{}
			s.fill(body, flags)
			if noRedirectURI {
				body["redirect_uris"] = []string{}
			}
			if flags.Changed("grant") {
				body["grant"] = s.grants
			}
			if flags.Changed("ungrant") {
				body["ungrant"] = ungrant
			}
			if len(body) == 0 {
				return errors.New("say what to change: --version, --name, --description, --url, --redirect-uri, --no-redirect-uri, --grant or --ungrant")
			}
			return a.application(cmd, http.MethodPatch, args[0], body)
		},
	}
	flags := cmd.Flags()
	s.register(flags)
	flags.StringArrayVar(&ungrant, "ungrant", nil, "What it may do no more, as application show lists it; may be repeated")
	flags.BoolVar(&noRedirectURI, "no-redirect-uri", false, "No browser may be sent anywhere with its token")
	flags.Lookup("redirect-uri").Usage += "; in place of the list before"
	return cmd
}

func (a *accounts) enableApplicationCommand(use, short string, enabled bool) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use: use, Short: short, Args: oneApplication(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("account") {
				return a.application(cmd, http.MethodPatch, args[0], map[string]any{"disabled": !enabled})
			}
			if account == "" {
				return errors.New("--account: which account? --account HOST")
			}
			path := a.path(account, "/applications/"+url.PathEscape(args[0]))
			return a.one(cmd, http.MethodPatch, path, map[string]any{"enabled": enabled})
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "The host of the one account that it is about. Default: all accounts of the realm")
	return cmd
}

func (a *accounts) deleteApplicationCommand() *cobra.Command {
	return &cobra.Command{
		Use: "delete ID", Short: "Forget an application: its tokens are good for nothing more", Args: oneApplication(),
		RunE: func(cmd *cobra.Command, args []string) error {
			var answer notice
			if err := a.call(http.MethodDelete, a.applicationPath(args[0]), nil, &answer); err != nil {
				return err
			}
			return a.print(cmd, answer, answer.writeTo)
		},
	}
}
