package caddymodule

import (
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func (r *recipients) usageCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "usage NAME",
		Short: "Show who uses the imported and rotated tokens of a recipient",
		Long: `
Shows by client address and user agent who uses the old tokens of a recipient: those
that were imported, and those that were rotated and go on for a while, of these
since they were rotated. The latest comes first. Of each token 200 clients are kept: of
each address the latest, then up to four others. What Spark writes into its user agent
for each query is left out.`,
		Args: oneName("recipient"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var view usageView
			if err := r.call(http.MethodGet, r.path(args[0], "/usage"), nil, &view); err != nil {
				return err
			}
			return r.print(cmd, view, view.writeTo)
		},
	}
}

// writeTo writes the clients for people.
func (v usageView) writeTo(out io.Writer) {
	if len(v.Clients) == 0 {
		text := "%s holds no imported or rotated token.\n"
		if v.OldToken {
			text = "Nobody was seen to use an imported token of %s since it was imported, or a rotated one since it was rotated.\n"
		}
		_, _ = fmt.Fprintf(out, text, v.Recipient)
		return
	}
	table(out, "LAST SEEN\tFIRST SEEN\tCLIENT\tUSER AGENT\tTOKEN\tSTATUS", func(row func(...string)) {
		for _, c := range v.Clients {
			row(when(c.LastSeen), when(c.FirstSeen), orDash(c.ClientIP), orDash(c.UserAgent), c.TokenID, c.Status)
		}
	})
	if v.Full {
		_, _ = fmt.Fprintf(out, "\nThe list is full: there may be more callers than are kept (%d of each token).\n", tokenstore.MaxClients)
	}
}
