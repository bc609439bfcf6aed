package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (r *recipients) listCommand() *cobra.Command {
	var (
		expiring, within                string
		oldInUse, unretrieved, disabled bool
	)
	cmd := &cobra.Command{
		Use: "list", Short: "List recipients: all, or those that something must be done about", Args: cobra.NoArgs,
		Long: `
Lists recipients. Each option leaves out those of whom it does not hold.

An old token is one that was rotated and goes on for a while, or that was imported.
The column OLD TOKEN USED says when it was last used, or "not since" and the time of
its rotation or import, since when it was not. Once it has not been used for longer
than its user's longest interval, it can be revoked without breaking anything.`,
		Example: `  caddy gatehouse recipient list --expiring 14d
  caddy gatehouse recipient list --old-in-use --within 7d`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if within != "" && !oldInUse {
				return errors.New("--within goes with --old-in-use")
			}
			for name, text := range map[string]string{filterExpiring: expiring, filterWithin: within} {
				if !cmd.Flags().Changed(name) {
					continue
				}
				d, err := lifetime(name, text)
				if err != nil {
					return err
				}
				query.Set(name, d.String())
			}
			for name, said := range map[string]bool{filterOldInUse: oldInUse, filterUnretrieved: unretrieved, filterDisabled: disabled} {
				if said {
					query.Set(name, "true")
				}
			}
			all, err := r.list(query)
			if err != nil {
				return err
			}
			return r.print(cmd, all, recipientTable(all))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&expiring, "expiring", "", "Whose tokens all end within this time, such as 14d")
	flags.BoolVar(&oldInUse, "old-in-use", false, "Who used an old token since it was rotated, or an imported one at all")
	flags.StringVar(&within, "within", "", "With --old-in-use: and did so within this time, such as 7d")
	flags.BoolVar(&unretrieved, "unretrieved", false, "Whose activation link waits to be used")
	flags.BoolVar(&disabled, "disabled", false, "Who is disabled")
	return cmd
}

// list returns all recipients that a query's filters show.
func (r *recipients) list(query url.Values) ([]recipientView, error) {
	all := []recipientView{}
	for {
		var page struct {
			Recipients []recipientView `json:"recipients"`
			Next       string          `json:"next"`
		}
		if err := r.call(http.MethodGet, r.path("", "")+"?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Recipients...)
		if page.Next == "" {
			return all, nil
		}
		query.Set("after", page.Next)
	}
}

func recipientTable(all []recipientView) func(io.Writer) {
	return func(out io.Writer) {
		table(out, "RECIPIENT\tSTATE\tTOKENS\tENDS\tLAST USED\tOLD TOKEN USED\tGRANTS", func(row func(...string)) {
			for _, v := range all {
				row(v.Name, v.State, fmt.Sprint(v.tokensInUse()), whenKnown(v.EndsAt), whenKnown(v.LastUsed), v.oldTokenUsed(), orDash(strings.Join(v.Grants, ", ")))
			}
		})
	}
}

// oldTokenUsed says whether an old token can be revoked without harm.
func (v recipientView) oldTokenUsed() string {
	switch {
	case !v.OldToken:
		return "-"
	case v.OldLastUsed == nil || v.OldLastUsed.Before(v.oldSince()):
		return "not since " + when(v.oldSince())
	default:
		return when(*v.OldLastUsed)
	}
}

// oldSince is standing.oldSince, of what is shown.
func (v recipientView) oldSince() time.Time {
	var since time.Time
	for _, t := range v.Tokens {
		switch {
		case t.Imported:
			since = later(since, t.CreatedAt)
		case t.RotatedAt != nil:
			since = later(since, *t.RotatedAt)
		}
	}
	return since
}

// tokensInUse counts what the recipient holds, without a link that waits.
func (v recipientView) tokensInUse() int {
	n := 0
	for _, t := range v.Tokens {
		if t.Status != "pending" {
			n++
		}
	}
	return n
}
