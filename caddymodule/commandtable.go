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

// whenEnds is when something ends; without an end, never.
func whenEnds(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return when(*t)
}

// kindOf is the kind of a token in words.
func kindOf(kind string, imported bool) string {
	if imported {
		return "imported token"
	}
	return kind
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func tokenTable(all []tokenView) func(io.Writer) {
	return func(out io.Writer) {
		table(out, "TOKEN\tKIND\tSTATUS\tRECIPIENT\tISSUED\tEXPIRES\tLAST USED\tCLIENT\tUSER AGENT", func(row func(...string)) {
			for _, t := range all {
				row(t.ID, kindOf(t.Kind, t.Imported), t.Status, orDash(t.Recipient), when(t.IssuedAt), whenEnds(t.ExpiresAt), whenKnown(t.LastUsed), orDash(t.ClientIP), orDash(t.UserAgent))
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
