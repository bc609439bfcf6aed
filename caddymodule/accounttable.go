package caddymodule

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

func accountTable(all []accountView) func(io.Writer) {
	return func(out io.Writer) {
		table(out, "ACCOUNT\tUSERNAME\tSTATE\tAPPLICATIONS\tCREATED", func(row func(...string)) {
			for _, v := range all {
				row(v.Host, v.Username, v.State, orDash(strings.Join(v.enabled(), ", ")), when(v.CreatedAt))
			}
		})
	}
}

// enabled are the applications that the account lets in.
func (v accountView) enabled() []string {
	var ids []string
	for _, e := range v.Applications {
		if e.Enabled {
			ids = append(ids, e.Application)
		}
	}
	return ids
}

// writeTo writes an account for people.
func (v accountView) writeTo(out io.Writer) {
	lines(out, func(line func(name, value string)) {
		line("account", v.Host)
		if v.Realm != "default" {
			line("realm", v.Realm)
		}
		line("state", v.State)
		line("username", v.Username)
		line("user id", v.UserID)
		line("issuer", v.Address)
		password := "set " + when(v.PasswordAt) + " UTC"
		if v.PasswordKind == "bcrypt" {
			password += ", as a bcrypt hash until the owner signs in"
		}
		line("password", password)
		if v.RevokedAt != nil {
			line("tokens ended", when(*v.RevokedAt)+" UTC, all that were issued until then")
		}
	})
	if len(v.Applications) > 0 {
		_, _ = fmt.Fprintln(out)
		table(out, "APPLICATION\tSTATE\tSET UP\tDISABLED", func(row func(...string)) {
			for _, e := range v.Applications {
				row(e.Application, e.State, when(e.SetUpAt), whenKnown(e.DisabledAt))
			}
		})
	}
	if len(v.Keys) > 0 {
		_, _ = fmt.Fprintln(out)
		table(out, "KEY\tCREATED\tGOOD UNTIL", func(row func(...string)) {
			for _, key := range v.Keys {
				until := whenKnown(key.Until)
				if key.Until == nil {
					until = "signs"
				}
				row(key.ID, when(key.CreatedAt), until)
			}
		})
	}
	if v.Notice != "" {
		_, _ = fmt.Fprintf(out, "\n%s\n", v.Notice)
	}
}

func applicationTable(all []applicationView) func(io.Writer) {
	return func(out io.Writer) {
		table(out, "APPLICATION\tVERSION\tSTATE\tNAME\tGRANTS", func(row func(...string)) {
			for _, v := range all {
				row(v.ID, v.Version, v.State, orDash(v.Name), orDash(strings.Join(v.Grants, ", ")))
			}
		})
	}
}

// writeTo writes an application for people.
func (v applicationView) writeTo(out io.Writer) {
	lines(out, func(line func(name, value string)) {
		line("application", v.ID)
		line("version", v.Version)
		if v.Realm != "default" {
			line("realm", v.Realm)
		}
		line("state", v.State)
		line("name", v.Name)
		line("description", v.Description)
		line("url", v.URL)
		line("redirect uris", strings.Join(v.RedirectURIs, ", "))
		line("grants", orDash(strings.Join(v.Grants, ", ")))
	})
	if v.Notice != "" {
		_, _ = fmt.Fprintf(out, "\n%s\n", v.Notice)
	}
}

// lines writes names and values, one pair a line, without those that are empty.
func lines(out io.Writer, write func(line func(name, value string))) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	write(func(name, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	})
	_ = w.Flush()
}
