package caddymodule

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// writeTo writes a recipient for people.
func (v recipientView) writeTo(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	line("recipient", v.Name)
	line("comment", v.Comment)
	line("owner", v.Owner)
	if v.Realm != "default" {
		line("realm", v.Realm)
	}
	line("state", v.State)
	if v.Auth != authToken {
		line("authentication", v.Auth)
	}
	if v.NotAfter != nil {
		line("until", when(*v.NotAfter)+" UTC")
	}
	line("grants", orDash(strings.Join(v.Grants, ", ")))
	line("networks", strings.Join(v.Networks, ", "))
	line("limits", v.Limits.String())
	if v.TokenLifetime > 0 {
		line("token lifetime", days(time.Duration(v.TokenLifetime)*time.Second))
	}
	if v.ManagementKey {
		line("management key", "yes")
	}
	_ = w.Flush()
	v.writeTokens(out)
	v.writePolicies(out)
	if v.ActivationLink != "" {
		_, _ = fmt.Fprintf(out, "\nactivation link, good once until %s UTC; hand it over by a safe channel:\n%s\n", whenKnown(v.LinkExpiresAt), v.ActivationLink)
	}
	if v.NewManagementKey != "" {
		_, _ = fmt.Fprintf(out, "\nmanagement key for the credentials API, shown only now:\n%s\n", v.NewManagementKey)
	}
	for _, text := range []string{v.Notice, v.Warning} {
		if text != "" {
			_, _ = fmt.Fprintf(out, "\n%s\n", text)
		}
	}
}

func (v recipientView) writeTokens(out io.Writer) {
	if len(v.Tokens) == 0 {
		return
	}
	_, _ = fmt.Fprintln(out)
	table(out, "TOKEN\tKIND\tSTATUS\tCREATED\tEXPIRES\tLAST USED\tCLIENT\tUSER AGENT", func(row func(...string)) {
		for _, t := range v.Tokens {
			row(t.ID, kindOf(t.Kind, t.Imported), t.Status, when(t.CreatedAt), whenEnds(t.ExpiresAt), whenKnown(t.LastUsed), orDash(t.ClientIP), orDash(t.UserAgent))
		}
	})
}

func (v recipientView) writePolicies(out io.Writer) {
	if len(v.Federation) == 0 {
		return
	}
	_, _ = fmt.Fprintln(out)
	table(out, "POLICY\tISSUER\tAUDIENCES\tCLAIM\tSUBJECT\tLAST USED", func(row func(...string)) {
		for _, p := range v.Federation {
			row(p.Name, p.Issuer, strings.Join(p.Audiences, ", "), p.Claim, p.Subject, whenKnown(p.LastUsed))
		}
	})
}

// String is the limits in words; empty if all are the site's.
func (l limitsView) String() string {
	var parts []string
	for _, limit := range []struct {
		n    int
		text string
	}{{l.Rate, "%d a second"}, {l.Burst, "bursts of %d"}, {l.Concurrent, "%d in parallel"}} {
		if limit.n > 0 {
			parts = append(parts, fmt.Sprintf(limit.text, limit.n))
		}
	}
	return strings.Join(parts, ", ")
}
