package caddymodule

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// writeTo prints an explanation for people.
func (e *explanation) writeTo(out io.Writer) {
	row := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(out, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	site := fmt.Sprintf("%s (%s, realm %s)", e.Site, e.Scheme, e.Realm)
	if e.Shadow {
		site += ", in shadow"
	}
	row("site", "%s", site)
	row("host", "%s", cmp.Or(e.Host, "refused: "+e.Cause))
	if e.Host != "" {
		row("path", "%s", cmp.Or(e.Path, "refused: "+e.Cause))
	}
	row("caller", "%s", e.who())
	if e.Endpoint != "" {
		row("endpoint", "the gateway's own: %s", e.Endpoint)
	}
	if e.Base != "" {
		row("base", "%s", e.Base)
	}
	name := "rules"
	for _, rule := range e.Rules {
		row(name, "%s:%d  %s", rule.Source, rule.Line, rule.Rule)
		name = ""
		row(name, "  %s", rule.answer())
	}
	if len(e.Rules) == 0 && (e.RefusedAt == "" || e.RefusedAt == "rules") && e.Endpoint == "" {
		row("rules", "none is for this path: what no rule names is denied")
	}
	row("decision", "%s", e.verdict())
	if e.Said != "" {
		told := "is told"
		if e.GoesOn {
			told = "would be told"
		}
		row("", "the caller %s: %s", told, strings.Join(strings.Fields(e.Said), " "))
	}
	if e.Cause != "" && e.Path != "" {
		row("", "the cause: %s", e.Cause)
	}
	if e.Forwarded != nil {
		e.Forwarded.writeTo(out, e.Method)
	}
	for _, note := range e.Notes {
		row("note", "%s", note)
	}
	for _, open := range e.Open {
		row("open", "%s", open)
	}
}

// answer says what came of a rule, in a line.
func (c *consideredAt) answer() string {
	words := c.Outcome
	for _, more := range []string{c.Reason, c.Cause} {
		if more != "" {
			words += ": " + more
		}
	}
	return words
}

// who says who calls, in a line.
func (e *explanation) who() string {
	id := e.Identity
	switch {
	case id == nil && e.Caller == fromNobody:
		return "nobody: no credential"
	case id == nil && e.RefusedAt == "identity":
		return "by " + e.Caller + ", refused"
	case id == nil && e.Endpoint != "":
		return "not asked: the endpoint needs no caller"
	case id == nil && (e.RefusedAt == "" || e.RefusedAt == "rules"):
		return "not asked: no rule for this path needs a caller"
	case id == nil:
		return "not asked: the request is refused before"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", id.Kind, id.Name)
	if id.Subject != id.Name {
		fmt.Fprintf(&b, " (%s)", id.Subject)
	}
	for _, part := range []struct{ name, value string }{
		{"roles", strings.Join(id.Roles, ",")}, {"on behalf of it", id.Delegate}, {"token", id.Accessor},
	} {
		if part.value != "" {
			fmt.Fprintf(&b, ", %s %s", part.name, part.value)
		}
	}
	if id.ExpiresAt != nil {
		fmt.Fprintf(&b, ", until %s UTC", whenKnown(id.ExpiresAt))
	}
	fmt.Fprintf(&b, " (by %s)", e.Caller)
	return b.String()
}

// verdict is the decision in words.
func (e *explanation) verdict() string {
	var words string
	switch {
	case e.Decision == allowed && e.Endpoint != "":
		words = "answered by the gateway itself"
	case e.Decision == allowed:
		words = "allowed"
	default:
		words = fmt.Sprintf("denied with status %d, at the step: %s", e.Status, e.RefusedAt)
	}
	words += " (" + e.Reason + ")"
	if e.GoesOn {
		words += "; but the site is in shadow, so the request goes on as it came"
	}
	return words
}

// writeTo prints what the server behind gets.
func (f *forwardedView) writeTo(out io.Writer, method string) {
	query := ""
	switch f.Query {
	case headerKept:
		query = ", its query as it came"
	case "changed":
		query = ", its query changed"
	}
	_, _ = fmt.Fprintf(out, "%-10s %s %s, Host: %s%s; the answer %s\n", "forwarded", method, f.Path, f.Host, query, f.Answer)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, change := range []string{headerSet, headerReplaced, headerRemoved, headerKept} {
		var plain []string
		for _, header := range f.Headers {
			switch {
			case header.Change != change:
			case header.Value != "":
				_, _ = fmt.Fprintf(table, "%-10s would be %s\t%s: %s\n", "", change, header.Name, header.Value)
			default:
				plain = append(plain, header.Name)
			}
		}
		if len(plain) > 0 {
			_, _ = fmt.Fprintf(table, "%-10s would be %s\t%s\n", "", change, strings.Join(plain, ", "))
		}
	}
	_ = table.Flush()
}
