package caddymodule

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
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

// days writes a duration as an operator does: 30d, 36h, 90m.
func days(d time.Duration) string {
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
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
		table(out, "TOKEN\tKIND\tSTATUS\tHOLDER\tISSUED\tEXPIRES\tLAST USED\tCLIENT\tUSER AGENT", func(row func(...string)) {
			for _, t := range all {
				row(t.ID, t.kind(), t.Status, orDash(t.holder()), when(t.IssuedAt), t.expires(), whenKnown(t.LastUsed), orDash(t.ClientIP), orDash(t.UserAgent))
			}
		})
	}
}

// kind is the kind of a token in words; of a family, what its tokens are good for.
func (v tokenView) kind() string {
	if v.Scope != "" {
		return v.Scope + " tokens"
	}
	return kindOf(v.Kind, v.Imported)
}

// holder is whose a token is; of a family, the account and, if it is an application's,
// that. An account that was deleted is called by its id.
func (v tokenView) holder() string {
	account := cmp.Or(v.Account, v.AccountID)
	switch {
	case v.Holder != "":
		return v.Holder
	case account == "":
		return v.Recipient
	case v.Application != "":
		return v.Application + " at " + account
	default:
		return account
	}
}

// expires is when a token ends by itself; one that was revoked or signed out does so no
// more.
func (v tokenView) expires() string {
	if v.Status == string(tokenstore.Revoked) || v.Status == string(tokenstore.SignedOut) {
		return "-"
	}
	return whenEnds(v.ExpiresAt)
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
