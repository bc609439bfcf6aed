package delta

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

const (
	browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

	usedText     = "This activation link has been used"
	overText     = "This activation link has expired, was revoked or was replaced."
	unknownText  = "This is not a valid activation link."
	disabledText = "Access is disabled for this recipient."
)

// linkHeaders go with every answer at a link: its address holds a secret.
var linkHeaders = []string{
	"Cache-Control", "no-store", "Referrer-Policy", "no-referrer", "X-Content-Type-Options", "nosniff",
	"X-Frame-Options", "DENY", "X-Robots-Tag", "noindex",
}

// code is the code of a link.
func code(link string) string {
	_, query, _ := strings.Cut(link, "?")
	return query
}

// post sends the form of the activation page.
func post(code string, headers ...string) *http.Request {
	return schemestest.Request("POST", ActivationPath, formField+"="+code,
		append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// wantPage checks for a page with a text.
func (a *answer) wantPage(t *testing.T, status int, text string) {
	t.Helper()
	a.wantStatus(t, status)
	a.wantHeaders(t, append([]string{"Content-Type", "text/html; charset=utf-8", "Content-Disposition", ""}, linkHeaders...)...)
	if !strings.Contains(a.Body.String(), text) || !strings.Contains(a.Body.String(), "sharing.example.com") {
		t.Errorf("page without %q: %s", text, a.Body)
	}
}

func TestWhoOpensALink(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		accept []string
		page   bool
	}{
		{"browser", []string{browser}, true},
		{"html alone", []string{"text/html"}, true},
		{"html in capitals", []string{"Text/HTML; charset=utf-8"}, true},
		{"xhtml", []string{"application/xhtml+xml"}, true},
		{"html in a second line", []string{"application/json", "image/png, text/html"}, true},
		{"curl", []string{"*/*"}, false},
		{"python requests", []string{"*/*"}, false},
		{"nothing", nil, false},
		{"empty", []string{""}, false},
		{"json", []string{"application/json"}, false},
		{"any text", []string{"text/*"}, false},
		{"a type with html in it", []string{"application/vnd.x+text/html, text/html5"}, false},
	}
	for _, pageOnly := range []bool{false, true} {
		s := newSite(t, func(c *Config) { c.PageOnly = pageOnly })
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				created, _ := s.recipient(secret.NewID("r"))
				r := schemestest.Request("GET", path(created.Link), "")
				r.Header["Accept"] = tt.accept
				a := s.serve(r)
				if tt.page || pageOnly {
					a.wantPage(t, http.StatusOK, `value="`+code(created.Link)+`"`)
					if a.call.Action != "getActivationUrlInfo" || a.call.Identity != nil {
						t.Errorf("action %q", a.call.Action)
					}
					s.serve(r).wantStatus(t, http.StatusOK) // as often as one likes
					s.serve(post(code(created.Link))).wantStatus(t, http.StatusOK)
					return
				}
				a.wantStatus(t, http.StatusOK)
				a.wantHeaders(t, "Content-Type", "application/json; charset=utf-8")
				if a.call.Action != "retrieveRecipientToken" || a.call.Identity == nil || a.call.Identity.Subject != created.Recipient.ID {
					t.Errorf("action %q by %+v", a.call.Action, a.call.Identity)
				}
			})
		}
	}
}

func TestPageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, _ := s.recipient("acme")
	a := s.serve(schemestest.Request("GET", path(created.Link), "", "Accept", browser))
	for _, text := range []string{"acme", "sharing.example.com", "25 November 2026, 12:00 UTC", `action="` + ActivationPath + `"`} {
		a.wantPage(t, http.StatusOK, text)
	}
}

func TestHeadNeverConsumes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, _ := s.recipient("acme")
	for _, accept := range []string{"*/*", "application/json", browser, ""} {
		s.serve(schemestest.Request("HEAD", path(created.Link), "", "Accept", accept)).wantStatus(t, http.StatusOK)
	}
	s.follow(created.Link)
	s.serve(schemestest.Request("HEAD", path(created.Link), "")).wantStatus(t, http.StatusGone)
	s.serve(schemestest.Request("HEAD", ActivationPath+"?"+secret.New(secret.ActivationCode).Reveal(), "")).wantStatus(t, http.StatusNotFound)
}

// What clients and mail programs do to a link must not keep it from working, and
// a part of a link must not work.
func TestDecoratedAndTruncatedLinks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for suffix, status := range map[string]int{
		"": 200, "=": 200, "&utm_source=mail&utm_medium=x": 200, "=&fbclid=1": 200, "&": 200, "&=": 200, "&;": 200,
		"==": 404, "a": 404, "%20": 404, ".": 404, ">": 404, "/": 404, "=x": 404,
	} {
		created, _ := s.recipient(secret.NewID("r"))
		s.serve(schemestest.Request("GET", path(created.Link)+suffix, "")).wantStatus(t, status)
	}
	created, _ := s.recipient("acme")
	whole := code(created.Link)
	for _, query := range []string{
		"", whole[:len(whole)-1], whole[:10], whole[4:], "&" + whole, "code=" + whole, "token=" + whole,
		strings.ToUpper(whole), "gha_" + strings.Repeat("a", len(whole)-4), strings.Repeat("x", 5000),
		secret.New(secret.DeltaToken).Reveal(), secret.New(secret.ManagementKey).Reveal(),
	} {
		a := s.serve(schemestest.Request("GET", ActivationPath+"?"+query, ""))
		if text := a.wantError(t, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST"); !strings.HasPrefix(text, unknownText) {
			t.Errorf("told: %s", text)
		}
		a.wantHeaders(t, linkHeaders...)
		s.serve(schemestest.Request("GET", ActivationPath+"?"+query, "", "Accept", browser)).wantPage(t, http.StatusNotFound, "This link does not work")
	}
	s.follow(created.Link)
}

func TestForm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, _ := s.recipient("acme")
	good := code(created.Link)
	for name, tt := range map[string]struct {
		r      *http.Request
		status int
	}{
		"no body":                  {schemestest.Request("POST", ActivationPath, ""), 404},
		"code in the url only":     {schemestest.Request("POST", path(created.Link), ""), 404},
		"field in the url only":    {schemestest.Request("POST", ActivationPath+"?"+formField+"="+good, ""), 404},
		"json":                     {schemestest.Request("POST", ActivationPath, `{"code":"`+good+`"}`, "Content-Type", "application/json"), 404},
		"another field":            {schemestest.Request("POST", ActivationPath, "token="+good, "Content-Type", "application/x-www-form-urlencoded"), 404},
		"two codes, bad one first": {post("x&code=" + good), 404},
		"decorated":                {post(good + "%3D"), 404},
		"unknown code":             {post(secret.New(secret.ActivationCode).Reveal()), 404},
		"bad escape":               {post("%zz"), 400},
		"too long":                 {post(good + "&x=" + strings.Repeat("x", maxForm)), 400},
	} {
		a := s.serve(tt.r)
		if a.Code != tt.status {
			t.Errorf("%s: status %d, want %d", name, a.Code, tt.status)
		}
		a.wantHeaders(t, linkHeaders...)
	}
	a := s.serve(post(good, "Accept", browser))
	var p profile
	a.wantJSON(t, http.StatusOK, &p)
	s.data(p.BearerToken, "GET", "/shares").wantStatus(t, http.StatusOK)
	s.serve(post(good, "Accept", browser)).wantPage(t, http.StatusGone, "This link has been used")
}

func TestLinksThatAreOver(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		end    func(s *site, created Created)
		status int
		text   string
		page   string
	}{
		{"used", func(s *site, c Created) { s.follow(c.Link) }, 410, usedText, "This link has been used"},
		{"expired at the very moment", func(s *site, _ Created) { s.clock.Advance(DefaultActivationLifetime) }, 410, overText, "This link has ended"},
		{"replaced", func(s *site, _ Created) {
			_, _, err := s.Link(s.t.Context(), "acme", true, "test")
			must(s.t, err)
		}, 410, overText, "This link has ended"},
		{"revoked", func(s *site, _ Created) {
			_, err := s.backend.Store.Revoke(s.t.Context(), "partners", "acme", "test")
			must(s.t, err)
		}, 410, overText, "This link has ended"},
		{"revoked with its realm", func(s *site, _ Created) {
			must(s.t, s.backend.Store.RevokeRealm(s.t.Context(), "partners", "test"))
		}, 410, overText, "This link has ended"},
		{"of a deleted recipient, made again under its name", func(s *site, _ Created) {
			_, err := s.backend.Store.DeleteRecipient(s.t.Context(), "partners", "acme", "test")
			must(s.t, err)
			s.recipient("acme")
		}, 410, overText, "This link has ended"},
		{"of a disabled recipient", func(s *site, _ Created) { s.disable("acme", true) }, 403, disabledText, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			created, _ := s.recipient("acme")
			tt.end(s, created)
			errorCode := map[int]string{410: "RESOURCE_DOES_NOT_EXIST", 403: "PERMISSION_DENIED"}[tt.status]
			for _, r := range []*http.Request{schemestest.Request("GET", path(created.Link), ""), post(code(created.Link))} {
				a := s.serve(r)
				if text := a.wantError(t, tt.status, errorCode); !strings.HasPrefix(text, tt.text) {
					t.Errorf("told: %s", text)
				}
				a.wantHeaders(t, append([]string{"Content-Disposition", ""}, linkHeaders...)...)
			}
			s.serve(schemestest.Request("GET", path(created.Link), "", "Accept", browser)).wantPage(t, tt.status, tt.page)
			s.serve(schemestest.Request("HEAD", path(created.Link), "")).wantStatus(t, tt.status)

			other := s.with(func(c *Config) { c.Realm = "others" })
			if text := other.serve(schemestest.Request("GET", path(created.Link), "")).wantError(t, 404, "RESOURCE_DOES_NOT_EXIST"); !strings.HasPrefix(text, unknownText) {
				t.Errorf("another realm tells: %s", text)
			}
		})
	}
}

func TestLinkWorksToItsLastMomentAndAfterEnabling(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, _ := s.recipient("acme")
	s.disable("acme", true)
	s.serve(schemestest.Request("GET", path(created.Link), "")).wantStatus(t, http.StatusForbidden)
	s.disable("acme", false)
	s.clock.Advance(DefaultActivationLifetime - time.Second)
	s.follow(created.Link)
}

// RFC 8470: what is replayed in early data must not use a link up.
func TestEarlyDataConsumesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, _ := s.recipient("acme")
	early := func(c *schemes.Call) { c.EarlyData = true }
	for _, r := range []*http.Request{schemestest.Request("GET", path(created.Link), ""), post(code(created.Link))} {
		a := s.serve(r, early)
		a.wantError(t, http.StatusTooEarly, "INVALID_STATE")
		a.wantHeaders(t, linkHeaders...)
	}
	s.serve(schemestest.Request("GET", path(created.Link), "", "Accept", browser), early).wantStatus(t, http.StatusOK)
	s.serve(schemestest.Request("HEAD", path(created.Link), ""), early).wantStatus(t, http.StatusOK)
	s.follow(created.Link)
}

func TestOtherMethodsAtALink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, _ := s.recipient("acme")
	for _, method := range []string{"PUT", "PATCH", "DELETE", "OPTIONS"} {
		a := s.serve(schemestest.Request(method, path(created.Link), ""))
		a.wantError(t, http.StatusMethodNotAllowed, "UNSUPPORTED_OPERATION")
		a.wantHeaders(t, append([]string{"Allow", "GET, HEAD, POST"}, linkHeaders...)...)
	}
	s.follow(created.Link)
}

// A credential beside the link is neither needed nor looked at.
func TestLinkNeedsNoOtherCredential(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, _ := s.recipient("acme")
	s.serve(schemestest.Request("GET", path(created.Link), "", "Authorization", "Bearer x", "Authorization", "Basic y")).wantStatus(t, http.StatusOK)
}

func TestOfManyUsesAtOnceOneWins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, _ := s.recipient("acme", "sales")
	const callers = 8
	answers := make([]*answer, callers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range callers {
		r := schemestest.Request("GET", path(created.Link), "")
		if i%2 == 1 {
			r = post(code(created.Link))
		}
		wg.Go(func() {
			<-start
			answers[i] = s.serve(r)
		})
	}
	close(start)
	wg.Wait()
	won := 0
	for _, a := range answers {
		if a.Code == http.StatusOK {
			won++
			var p profile
			a.wantJSON(t, http.StatusOK, &p)
			s.data(p.BearerToken, "GET", "/shares").wantStatus(t, http.StatusOK)
			continue
		}
		if text := a.wantError(t, http.StatusGone, "RESOURCE_DOES_NOT_EXIST"); !strings.HasPrefix(text, usedText) {
			t.Errorf("a loser is told: %s", text)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d callers won", won, callers)
	}
	if _, live, err := s.backend.Store.Credentials(t.Context(), "partners", "acme"); err != nil || len(live) != 1 {
		t.Errorf("%d credentials, %v", len(live), err)
	}
}

// The link is used or it is not: a caller that has gone does not leave it half.
func TestCallerThatHasGoneStillUsesTheLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, _ := s.recipient("acme")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.serve(schemestest.Request("GET", path(created.Link), "").WithContext(ctx)).wantStatus(t, http.StatusOK)
	s.serve(schemestest.Request("GET", path(created.Link), "")).wantStatus(t, http.StatusGone)
}

// FuzzCodeFromQuery: what is taken for a code is one, and stood at the front.
func FuzzCodeFromQuery(f *testing.F) {
	good := secret.New(secret.ActivationCode).Reveal()
	for _, seed := range []string{good, good + "=", good + "&utm_source=x", "&" + good, good[1:], "", "=", "&", good + "==", good + "%3D"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		token, err := codeFromQuery(query)
		if err != nil {
			if !token.IsZero() {
				t.Error("a code and an error")
			}
			return
		}
		rest, ok := strings.CutPrefix(query, token.Reveal())
		if !ok || rest != "" && rest != "=" && !strings.HasPrefix(rest, "&") && !strings.HasPrefix(rest, "=&") {
			t.Errorf("%q gives a code", query)
		}
		if again, err := secret.Parse(secret.ActivationCode, token.Reveal()); err != nil || again.Digest() != token.Digest() {
			t.Errorf("%q gives what is no code", query)
		}
	})
}
