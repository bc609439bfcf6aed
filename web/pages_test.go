package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

var example = Activation{
	Recipient: "acme",
	Sharer:    "sharing.example.com",
	ExpiresAt: time.Date(2026, 11, 25, 13, 4, 5, 0, time.FixedZone("", 3600)),
	Shares:    []string{"sales", "finance"},
	Code:      "gha_code",
	Action:    "/delta_sharing/retrieve_config.html",
}

// renderAll returns every page, made with a's values.
func renderAll(t *testing.T, a Activation) map[string]string {
	t.Helper()
	p := New()
	pages := make(map[string]string)
	for name, write := range map[string]func(io.Writer) error{
		"activation":  func(w io.Writer) error { return p.Activation(w, a) },
		"used":        func(w io.Writer) error { return p.Used(w, a.Sharer) },
		"expired":     func(w io.Writer) error { return p.Expired(w, a.Sharer) },
		"disabled":    func(w io.Writer) error { return p.Disabled(w, a.Sharer) },
		"elsewhere":   func(w io.Writer) error { return p.Elsewhere(w, a.Sharer) },
		"unknown":     func(w io.Writer) error { return p.Unknown(w, a.Sharer) },
		"unavailable": func(w io.Writer) error { return p.Unavailable(w, a.Sharer) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		pages[name] = b.String()
	}
	return pages
}

// nodes returns the elements of a page, by their names.
func nodes(t *testing.T, page string) map[string][]*html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]*html.Node)
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			all[n.Data] = append(all[n.Data], n)
		}
	}
	return all
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func TestPagesAreAccessible(t *testing.T) {
	for name, page := range renderAll(t, example) {
		t.Run(name, func(t *testing.T) {
			if !strings.HasPrefix(page, "<!DOCTYPE html>\n") {
				t.Error("no doctype: browsers would guess")
			}
			all := nodes(t, page)
			for _, once := range []string{"html", "title", "main", "h1", "style"} {
				if len(all[once]) != 1 {
					t.Fatalf("%d elements %s, want one", len(all[once]), once)
				}
			}
			if attr(all["html"][0], "lang") != "en" {
				t.Error("no language for screen readers")
			}
			if title := text(all["title"][0]); !strings.HasPrefix(title, text(all["h1"][0])) || !strings.HasSuffix(title, example.Sharer) {
				t.Errorf("title %q says neither what the page says nor who shares", title)
			}
			if !strings.Contains(page, `name="viewport"`) {
				t.Error("no viewport: too small on a phone")
			}
			if len(all["h2"]) == 0 {
				t.Error("no heading for what to do")
			}
			ids := make(map[string]bool)
			for _, list := range all {
				for _, n := range list {
					if id := attr(n, "id"); id != "" {
						if ids[id] {
							t.Errorf("id %q twice", id)
						}
						ids[id] = true
					}
				}
			}
			for _, list := range all {
				for _, n := range list {
					for _, ref := range []string{attr(n, "aria-labelledby"), attr(n, "aria-describedby")} {
						if ref != "" && !ids[ref] {
							t.Errorf("%s refers to %q, which is not there", n.Data, ref)
						}
					}
				}
			}
		})
	}
}

func TestActivationPage(t *testing.T) {
	page := renderAll(t, example)["activation"]
	all := nodes(t, page)
	if len(all["form"]) != 1 || len(all["button"]) != 1 || len(all["input"]) != 1 {
		t.Fatalf("%d forms, %d buttons, %d inputs, want one of each", len(all["form"]), len(all["button"]), len(all["input"]))
	}
	form, button, input := all["form"][0], all["button"][0], all["input"][0]
	if attr(form, "method") != "post" || attr(form, "action") != example.Action {
		t.Errorf("form goes by %q to %q", attr(form, "method"), attr(form, "action"))
	}
	if attr(form, "aria-labelledby") == "" || attr(button, "aria-describedby") == "" {
		t.Error("form or button has no label or description")
	}
	if text(button) != "Download credential file" || attr(button, "type") != "submit" {
		t.Errorf("button %q", text(button))
	}
	// A field that is seen would need a label.
	if attr(input, "type") != "hidden" || attr(input, "name") != "code" || attr(input, "value") != example.Code {
		t.Errorf("field %v", input.Attr)
	}
	for _, want := range []string{
		"acme", "sharing.example.com", "25 November 2026, 12:04 UTC", `datetime="2026-11-25T12:04:05Z"`, "only once", "holds a secret",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("page does not say %q", want)
		}
	}
	if n := strings.Count(page, example.Code); n != 1 {
		t.Errorf("the code stands %d times on the page, want once, in the form", n)
	}
}

func TestActivationPageTellsOfOAuthWhereItIsUsed(t *testing.T) {
	a := example
	for _, oauth := range []bool{false, true} {
		a.OAuth = oauth
		page := renderAll(t, a)["activation"]
		if strings.Contains(page, "OAuth client credentials") != oauth {
			t.Errorf("OAuth %v: the page says the other", oauth)
		}
		if strings.Contains(page, "take the file as it is") == oauth {
			t.Errorf("OAuth %v: the page promises that every client takes the file, or no longer does", oauth)
		}
		if !strings.Contains(page, "What to do with the file") {
			t.Error("the page does not say what to do with the file")
		}
	}
}

func TestActivationPageSaysWhatIsSharedAndUntilWhen(t *testing.T) {
	shares := strings.Split(strings.Repeat("s,", 11)+"hidden", ",")
	for _, tc := range []struct {
		name       string
		shares     []string
		worksUntil time.Time
		says, not  []string
	}{
		{"all of a few", []string{"sales", "Finanzen"}, time.Time{}, []string{"Data", "sales", "Finanzen"}, []string{"more", "File ends"}},
		{"ten of many", shares, time.Time{}, []string{"and 2 more"}, []string{"hidden"}},
		{"nothing yet", nil, time.Time{}, nil, []string{"Data", "more"}},
		{
			"the end of the file", nil, time.Date(2027, 2, 20, 7, 8, 9, 0, time.UTC),
			[]string{"File ends", "20 February 2027, 07:08 UTC", `datetime="2027-02-20T07:08:09Z"`},
			nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := example
			a.Shares, a.WorksUntil = tc.shares, tc.worksUntil
			page := renderAll(t, a)["activation"]
			_, page, _ = strings.Cut(page, "<dl>")
			page, _, _ = strings.Cut(page, "</dl>")
			for _, want := range tc.says {
				if !strings.Contains(page, want) {
					t.Errorf("page does not say %q:\n%s", want, page)
				}
			}
			for _, no := range tc.not {
				if strings.Contains(page, no) {
					t.Errorf("page says %q:\n%s", no, page)
				}
			}
		})
	}
}

func TestNoticesSayWhatToDoAndOfferNoForm(t *testing.T) {
	for name, want := range map[string]string{
		"used": "revoked", "expired": "for a new one", "disabled": "enabled again", "elsewhere": "network", "unknown": "whole link", "unavailable": "not been used up",
	} {
		page := renderAll(t, example)[name]
		if !strings.Contains(page, want) || !strings.Contains(page, "the person who sent you the link") {
			t.Errorf("%s: page does not say what to do", name)
		}
		if len(nodes(t, page)["form"]) != 0 {
			t.Errorf("%s: there is nothing to send", name)
		}
	}
}

func TestPagesNeedNothingFromOutside(t *testing.T) {
	for name, page := range renderAll(t, example) {
		all := nodes(t, page)
		for _, no := range []string{"script", "link", "img", "iframe", "object", "embed", "base", "svg", "a"} {
			if len(all[no]) != 0 {
				t.Errorf("%s: element %s", name, no)
			}
		}
		for _, list := range all {
			for _, n := range list {
				for _, a := range n.Attr {
					if a.Key == "style" || strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "srcset" {
						t.Errorf("%s: %s has the attribute %s", name, n.Data, a.Key)
					}
				}
			}
		}
		sum := sha256.Sum256([]byte(text(all["style"][0])))
		if hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, hash) {
			t.Errorf("%s: the policy blocks the page's own style", name)
		}
	}
	if strings.Contains(style, "url(") || strings.Contains(style, "@import") || strings.Contains(style, "<") {
		t.Error("the style sheet reaches outside itself")
	}
}

func TestHostileValuesStayText(t *testing.T) {
	plain := renderAll(t, example)
	for _, evil := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title><script>x</script>`, `</style><script>x</script>`,
		`' autofocus onfocus=alert(1) x='`, `javascript:alert(1)`, `data:text/html,<script>x</script>`, "\x00\u202e<b>", `{{.Code}}`, `<!--`,
		"a\r\nSet-Cookie: x", strings.Repeat("<", 10_000), "\xff\xfe", `&lt;script&gt;`,
	} {
		pages := renderAll(t, Activation{Recipient: evil, Sharer: evil, Shares: []string{evil, evil}, Code: evil, Action: evil})
		for name, page := range pages {
			want, got := nodes(t, plain[name]), nodes(t, page)
			if len(got) != len(want) {
				t.Fatalf("%s with %.40q has other elements", name, evil)
			}
			for element, list := range got {
				if len(list) != len(want[element]) {
					t.Errorf("%s with %.40q: %d elements %s, want %d", name, evil, len(list), element, len(want[element]))
				}
				for k, n := range list {
					if k < len(want[element]) && len(n.Attr) != len(want[element][k].Attr) {
						t.Errorf("%s with %.40q: %s has other attributes", name, evil, element)
					}
				}
			}
			if name == "activation" {
				action := strings.ToLower(attr(got["form"][0], "action"))
				if strings.HasPrefix(action, "javascript:") || strings.HasPrefix(action, "data:") {
					t.Errorf("form goes to %q", action)
				}
			}
		}
	}
}

func TestTheCodeComesBackUnchanged(t *testing.T) {
	for _, code := range []string{"gha_abc234", `a&b"c'd<e>f`, "ä+%20 "} {
		a := example
		a.Code = code
		if got := attr(nodes(t, renderAll(t, a)["activation"])["input"][0], "value"); got != code {
			t.Errorf("got %q, want %q", got, code)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestErrorsOfTheWriterAreReturned(t *testing.T) {
	if err := New().Used(brokenPipe{}, "h"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}
