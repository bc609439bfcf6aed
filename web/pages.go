package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"time"
)

// ContentType is the media type of every page.
const ContentType = "text/html; charset=utf-8"

//go:embed templates/*.html
var templates embed.FS

//go:embed style.css
var style string

// Pages renders pages. It may be used concurrently.
type Pages struct {
	activation, used, expired, disabled, elsewhere, unknown, unavailable *template.Template
}

// Activation is what the page behind an unused link says. All texts may come
// from anywhere; they are escaped.
type Activation struct {
	// Recipient is the name of whom the credential is for.
	Recipient string

	// Sharer is the host of the public URL: who shares the data.
	Sharer string

	// Shares are the names of what is shared, at most ten of which are shown. None:
	// the page does not say.
	Shares []string

	// ExpiresAt is when the link ends. It is shown in UTC, to the minute.
	ExpiresAt time.Time

	// WorksUntil is when the file ends if it is downloaded now. Zero: the page does
	// not say.
	WorksUntil time.Time

	// OAuth says that the file holds an OAuth client's secret instead of a token.
	OAuth bool

	// Code is the activation code, sent back in the form field "code".
	Code string

	// Action is the path or URL on this site that the form is posted to.
	Action string
}

// New returns Pages. It panics when an embedded template does not parse, which
// a test would have seen.
func New() *Pages {
	page := func(name string) *template.Template {
		return template.Must(template.New("layout.html").Funcs(template.FuncMap{
			// Not escaped, or its hash would not match the policy's.
			"style":   func() template.CSS { return template.CSS(style) },
			"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
			"human":   func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04") + " UTC" },
		}).ParseFS(templates, "templates/layout.html", "templates/"+name+".html"))
	}
	return &Pages{
		activation: page("activation"), used: page("used"), expired: page("expired"), disabled: page("disabled"),
		elsewhere: page("elsewhere"), unknown: page("unknown"), unavailable: page("unavailable"),
	}
}

// maxShares bounds the page; the files of some recipients open hundreds of shares.
const maxShares = 10

// ShownShares are those that the page names.
func (a Activation) ShownShares() []string { return a.Shares[:min(len(a.Shares), maxShares)] }

// MoreShares is how many the page does not name.
func (a Activation) MoreShares() int { return max(0, len(a.Shares)-maxShares) }

// Activation writes the page from which the credential file is downloaded. To
// show it uses nothing up, so that mail scanners and previews do no harm.
func (p *Pages) Activation(w io.Writer, a Activation) error { return render(w, p.activation, a) }

// Used writes the page for a link whose file was downloaded before. sharer is as
// in Activation, here and below.
func (p *Pages) Used(w io.Writer, sharer string) error { return renderNotice(w, p.used, sharer) }

// Disabled writes the page for a link of a recipient that is disabled.
func (p *Pages) Disabled(w io.Writer, sharer string) error {
	return renderNotice(w, p.disabled, sharer)
}

// Elsewhere writes the page for a caller from a network that the link is not for. It
// tells nothing of the link.
func (p *Pages) Elsewhere(w io.Writer, sharer string) error {
	return renderNotice(w, p.elsewhere, sharer)
}

// Expired writes the page for a link whose time is over, or that was revoked or
// replaced.
func (p *Pages) Expired(w io.Writer, sharer string) error {
	return renderNotice(w, p.expired, sharer)
}

// Unknown writes the page for a link that was never given out, or is incomplete.
func (p *Pages) Unknown(w io.Writer, sharer string) error {
	return renderNotice(w, p.unknown, sharer)
}

// Unavailable writes the page for a link that cannot be looked up at present and
// is not used up by it.
func (p *Pages) Unavailable(w io.Writer, sharer string) error {
	return renderNotice(w, p.unavailable, sharer)
}

func renderNotice(w io.Writer, t *template.Template, sharer string) error {
	return render(w, t, struct{ Sharer string }{sharer})
}

// render writes a page as a whole or, if it cannot be rendered, nothing.
func render(w io.Writer, t *template.Template, data any) error {
	var page bytes.Buffer
	if err := t.Execute(&page, data); err != nil {
		return fmt.Errorf("rendering a page: %w", err)
	}
	_, err := w.Write(page.Bytes())
	return err
}
