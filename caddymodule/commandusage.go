package caddymodule

import (
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

func (r *recipients) usageCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "usage NAME",
		Short: "Show who uses the imported and rotated tokens of a recipient",
		Long: `
Shows by client address and user agent who uses the old tokens of a recipient: those
that were imported, and those that were rotated and go on for a while. The latest
comes first; of each token, the latest 200 clients are known.`,
		Args: cobra.ExactArgs(1),
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
	table(out, "LAST SEEN\tFIRST SEEN\tCLIENT\tUSER AGENT\tTOKEN\tSTATUS", func(row func(...string)) {
		for _, c := range v.Clients {
			row(when(c.LastSeen), when(c.FirstSeen), orDash(c.ClientIP), orDash(c.UserAgent), c.TokenID, c.Status)
		}
	})
	switch {
	case !v.OldToken:
		_, _ = fmt.Fprintf(out, "\n%s holds no imported or rotated token.\n", v.Recipient)
	case len(v.Clients) == 0:
		_, _ = fmt.Fprintf(out, "\nNobody was seen to use the imported and rotated tokens of %s.\n", v.Recipient)
	}
}
