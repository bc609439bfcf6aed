package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/caddymodule/tokenlist"
)

func importCommand(c *client) *cobra.Command {
	var realm string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Create many recipients from a CSV file, with the tokens that they use already",
		Long: `
Creates many recipients that go on with the tokens that they use already, so that no
credential file changes. FILE is CSV in UTF-8; - is standard input. Its first line names
the columns, in any order:

  name      of the recipient
  token     that it uses already
  grants    what it may read, with ; between grants, or * for everything; without any,
            it is let in and can read nothing until recipient grant
  until     when the token ends: a day, at its end in UTC, or a time in RFC 3339;
            empty: not by itself
  comment   a note for operators

Only name and token must be there. Nothing is stored unless all lines are good; each one
that is not is named. Lines whose recipient is there already with the same token are
passed over, so the same file can be imported again: they change nothing, and each that
has other grants, another end or another comment than what is stored is named.`,
		Example: `  caddy gatehouse import partners.csv`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("which file? %s FILE", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := readImportFile(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			return c.importFile(cmd, realm, file)
		},
	}
	cmd.Flags().StringVar(&realm, "realm", "default", "The realm that will own the recipients")
	return cmd
}

func readImportFile(path string, stdin io.Reader) (*tokenlist.List, error) {
	in := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	// The file is hardly shorter than the request that it becomes.
	limited := &io.LimitedReader{R: in, N: maxImportBody + 1}
	file, err := tokenlist.Read(limited)
	if limited.N <= 0 {
		return nil, fmt.Errorf("the file is longer than %d MiB; import it in parts", maxImportBody>>20)
	}
	return file, err
}

// importReport is what became of a file.
type importReport struct {
	Imported int             `json:"imported"`
	Known    int             `json:"known"` // were there already
	Notices  []lineNotice    `json:"notices"`
	Problems []importTrouble `json:"problems"`
	Warning  string          `json:"warning,omitempty"`

	withoutGrants, withoutEnd int // of those that were imported
}

// lineNotice says of a line what the operator may not expect.
type lineNotice struct {
	Line   int    `json:"line"`
	Notice string `json:"notice"`
}

// importTrouble is what is wrong with a line.
type importTrouble struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

// importFile sends a file. Lines that cannot be read are sent as empty ones, which the
// server refuses: so it checks all others too, and stores none.
func (c *client) importFile(cmd *cobra.Command, realm string, file *tokenlist.List) error {
	var (
		view   importView
		report = importReport{Notices: []lineNotice{}, Problems: []importTrouble{}}
	)
	err := c.call(http.MethodPost, "/gatehouse/delta/"+url.PathEscape(realm)+"/import", map[string]any{"recipients": file.Rows}, &view)
	if err != nil {
		return err
	}
	for _, problem := range view.Problems {
		if file.Problems[problem.Index] == "" && problem.Index < len(file.Lines) {
			report.Problems = append(report.Problems, importTrouble{file.Lines[problem.Index], problem.Error})
		}
	}
	for row, problem := range file.Problems {
		report.Problems = append(report.Problems, importTrouble{file.Lines[row], problem})
	}
	slices.SortFunc(report.Problems, func(a, b importTrouble) int { return a.Line - b.Line })
	report.Imported, report.Known, report.Warning = view.Imported, view.Known, view.Warning
	report.withoutGrants, report.withoutEnd = view.WithoutGrants, view.WithoutEnd
	for _, notice := range view.Notices {
		if notice.Index < len(file.Lines) {
			report.Notices = append(report.Notices, lineNotice{file.Lines[notice.Index], notice.Notice})
		}
	}
	if len(view.Problems) < len(file.Problems) {
		return errors.New("the server stored a file that is not good; look at recipient list")
	}
	if err := c.print(cmd, report, report.writeTo); err != nil {
		return err
	}
	if len(report.Problems) > 0 {
		return fmt.Errorf("%d of %d lines are not good, so nothing was stored", len(report.Problems), len(file.Rows))
	}
	return nil
}

// writeTo writes the report for people.
func (r importReport) writeTo(out io.Writer) {
	for _, problem := range r.Problems {
		_, _ = fmt.Fprintf(out, "line %d: %s\n", problem.Line, problem.Error)
	}
	if len(r.Problems) > 0 {
		return
	}
	for _, notice := range r.Notices {
		_, _ = fmt.Fprintf(out, "line %d: %s\n", notice.Line, notice.Notice)
	}
	_, _ = fmt.Fprintf(out, "imported %d, there already %d\n", r.Imported, r.Known)
	if r.withoutGrants > 0 {
		_, _ = fmt.Fprintf(out, "%d have no grants: they are let in and can read nothing until recipient grant\n", r.withoutGrants)
	}
	if r.withoutEnd > 0 {
		_, _ = fmt.Fprintf(out, "%d have no end\n", r.withoutEnd)
	}
	if r.Warning != "" {
		_, _ = fmt.Fprintf(out, "\n%s\n", r.Warning)
	}
}
