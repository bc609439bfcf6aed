package caddymodule

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// table writes aligned columns.
func table(out io.Writer, header string, rows func(row func(cells ...string))) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, header)
	rows(func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) })
	_ = w.Flush()
}

func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func whenKnown(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return when(*t)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// writeTo writes a recipient for people.
func (v recipientView) writeTo(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	line := func(name, value string) { _, _ = fmt.Fprintf(w, "%s\t%s\n", name, value) }
	line("recipient", v.Name)
	if v.Comment != "" {
		line("comment", v.Comment)
	}
	if v.Realm != "default" {
		line("realm", v.Realm)
	}
	line("state", v.state())
	line("grants", orDash(strings.Join(v.Grants, ", ")))
	if v.TokenLifetime > 0 {
		line("token lifetime", (time.Duration(v.TokenLifetime) * time.Second).String())
	}
	if v.ManagementKey {
		line("management key", "yes")
	}
	_ = w.Flush()
	if len(v.Tokens) > 0 {
		_, _ = fmt.Fprintln(out)
		table(out, "TOKEN\tSTATUS\tCREATED\tEXPIRES\tLAST USED\tCLIENT\tUSER AGENT", func(row func(...string)) {
			for _, t := range v.Tokens {
				row(t.ID, t.Status, when(t.CreatedAt), when(t.ExpiresAt), whenKnown(t.LastUsed), orDash(t.ClientIP), orDash(t.UserAgent))
			}
		})
	}
	if v.ActivationLink != "" {
		_, _ = fmt.Fprintf(out, "\nactivation link, good once until %s UTC; hand it over by a safe channel:\n%s\n", whenKnown(v.LinkExpiresAt), v.ActivationLink)
	}
	if v.NewManagementKey != "" {
		_, _ = fmt.Fprintf(out, "\nmanagement key for the credentials API, shown only now:\n%s\n", v.NewManagementKey)
	}
	if v.Notice != "" {
		_, _ = fmt.Fprintf(out, "\n%s\n", v.Notice)
	}
}

// state sums a recipient up in a word or two.
func (v recipientView) state() string {
	if v.Disabled {
		return "disabled"
	}
	for _, t := range v.Tokens {
		if t.Status != "pending" {
			return "active"
		}
	}
	if len(v.Tokens) > 0 {
		return "link waits"
	}
	return "no token"
}

func recipientTable(all []recipientView) func(io.Writer) {
	return func(out io.Writer) {
		table(out, "RECIPIENT\tSTATE\tTOKENS\tLAST USED\tGRANTS", func(row func(...string)) {
			for _, v := range all {
				var last *time.Time
				for _, t := range v.Tokens {
					if t.LastUsed != nil && (last == nil || t.LastUsed.After(*last)) {
						last = t.LastUsed
					}
				}
				row(v.Name, v.state(), fmt.Sprint(len(v.Tokens)), whenKnown(last), orDash(strings.Join(v.Grants, ", ")))
			}
		})
	}
}

func tokenTable(all []tokenView) func(io.Writer) {
	return func(out io.Writer) {
		table(out, "TOKEN\tSTATUS\tRECIPIENT\tISSUED\tEXPIRES\tLAST USED\tCLIENT\tUSER AGENT", func(row func(...string)) {
			for _, t := range all {
				row(t.ID, t.Status, orDash(t.Recipient), when(t.IssuedAt), when(t.ExpiresAt), whenKnown(t.LastUsed), orDash(t.ClientIP), orDash(t.UserAgent))
			}
		})
	}
}

// writeTo writes a token for people.
func (v tokenView) writeTo(out io.Writer) {
	tokenTable([]tokenView{v})(out)
	if v.EndedAt != nil {
		_, _ = fmt.Fprintf(out, "\nended %s UTC\n", when(*v.EndedAt))
	}
	if v.Notice != "" {
		_, _ = fmt.Fprintf(out, "\n%s\n", v.Notice)
	}
}

// notice is the answer to what leaves nothing to show.
type notice map[string]string

func (n notice) writeTo(out io.Writer) {
	for name, value := range n {
		if name != "notice" {
			_, _ = fmt.Fprintf(out, "%s: %s\n", strings.ReplaceAll(name, "_", " "), value)
		}
	}
	_, _ = fmt.Fprintf(out, "\n%s\n", n["notice"])
}
