package delta

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// wantDatabricksError checks an error in the format of Databricks' REST API, and
// returns its message.
func (a *answer) wantDatabricksError(t testing.TB, status int, code string) string {
	t.Helper()
	var body databricksError
	a.wantJSON(t, status, &body)
	if body.ErrorCode != code || body.Message == "" {
		t.Errorf("error %+v, want %s", body, code)
	}
	a.wantHeaders(t, "Content-Type", "application/json", "Cache-Control", "no-store")
	return body.Message
}

func TestPublicActivationDeliversOnce(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(link string) string{
		"code":                                   code,
		"code with a bare question mark":         func(link string) string { return code(link) + "?" },
		"whole link":                             func(link string) string { return link },
		"whole link and what a client appends":   func(link string) string { return link + "?" },
		"link with an encoded question mark":     func(link string) string { return strings.Replace(path(link)[len("/delta_sharing/"):], "?", "%3F", 1) },
		"whole link of a site without https":     func(link string) string { return strings.Replace(link, "https:", "http:", 1) },
		"code behind another page's name, bare?": func(link string) string { return "https://x/?" + code(link) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// What protects against previews of links is not in the way of programs.
			s := newSite(t, func(c *Config) { c.PageOnly = true })
			created, _ := s.recipient("acme", "sales")
			info := func() *answer { return s.serve(schemestest.Request("GET", linkInfoPath+"/"+address(created.Link), "")) }
			fetch := func(method string) *answer {
				return s.serve(schemestest.Request(method, retrievalPath+"/"+address(created.Link), "", "Authorization", "Bearer ignored"))
			}
			for range 2 {
				a := info()
				a.wantStatus(t, http.StatusOK)
				if a.Body.String() != "{}" || a.call.Action != "getActivationUrlInfo" {
					t.Errorf("info: %s, %s", a.Body, a.call.Action)
				}
				fetch("HEAD").wantStatus(t, http.StatusOK)
			}
			var p profile
			a := fetch("GET")
			a.wantJSON(t, http.StatusOK, &p)
			if p.Version != 1 || a.call.Action != "retrieveRecipientToken" {
				t.Errorf("profile %+v, %s", p, a.call.Action)
			}
			s.data(p.BearerToken, "GET", "/shares").wantStatus(t, http.StatusOK)
			for _, again := range []*answer{fetch("GET"), info()} {
				if said := again.wantDatabricksError(t, http.StatusGone, "RESOURCE_DOES_NOT_EXIST"); !strings.HasPrefix(said, usedText) {
					t.Errorf("told: %s", said)
				}
			}
		})
	}
}

func TestPublicActivationOfAnOAuthClient(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, err := s.Create(t.Context(), Order{Name: "acme", Auth: tokenstore.ClientCredentials}, "test")
	must(t, err)
	var p clientProfile
	s.serve(schemestest.Request("GET", retrievalPath+"/"+code(created.Link), "")).wantJSON(t, http.StatusOK, &p)
	s.token(p).wantStatus(t, http.StatusOK)
}

func TestPublicActivationThatIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, _ := s.recipient("acme")
	link := created.Link
	for _, base := range []string{retrievalPath, linkInfoPath} {
		for _, tt := range []struct {
			name, method, rest string
			status             int
			code               string
		}{
			{"unknown code", "GET", "/" + secret.New(secret.ActivationCode).Reveal(), 404, "RESOURCE_DOES_NOT_EXIST"},
			{"no code", "GET", "/", 404, "RESOURCE_DOES_NOT_EXIST"},
			{"nothing", "GET", "", 404, "RESOURCE_DOES_NOT_EXIST"},
			{"a word", "GET", "/code", 404, "RESOURCE_DOES_NOT_EXIST"},
			{"code cut off", "GET", "/" + code(link)[:59], 404, "RESOURCE_DOES_NOT_EXIST"},
			{"code as a parameter", "GET", "?" + code(link), 404, "RESOURCE_DOES_NOT_EXIST"},
			{"a word with the code as a parameter", "GET", "/code?" + code(link), 404, "RESOURCE_DOES_NOT_EXIST"},
			{"a token", "GET", "/" + secret.New(secret.DeltaToken).Reveal(), 404, "RESOURCE_DOES_NOT_EXIST"},
			{"POST", "POST", "/" + code(link), 405, "UNSUPPORTED_OPERATION"},
			{"DELETE", "DELETE", "/" + code(link), 405, "UNSUPPORTED_OPERATION"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				a := s.serve(schemestest.Request(tt.method, base+tt.rest, ""))
				a.wantDatabricksError(t, tt.status, tt.code)
				if tt.status == 405 {
					a.wantHeaders(t, "Allow", "GET, HEAD")
				}
			})
		}
	}
	s.serve(schemestest.Request("GET", retrievalPath+"/"+code(link), ""), func(c *schemes.Call) { c.EarlyData = true }).
		wantDatabricksError(t, 425, "INVALID_STATE")
	// Paths with encoded slashes are refused before anything is looked at.
	s.serve(schemestest.Request("GET", retrievalPath+"/"+url.PathEscape(link), "")).wantStatus(t, 400)
	s.serve(schemestest.Request("GET", retrievalPath+"/https:///"+code(link), "")).wantStatus(t, 400)
	s.serve(schemestest.Request("GET", PublicActivationPath+"/other/"+code(link), "")).wantDatabricksError(t, 404, "RESOURCE_DOES_NOT_EXIST")
	s.disable("acme", true)
	s.serve(schemestest.Request("GET", retrievalPath+"/"+code(link), "")).wantDatabricksError(t, 403, "PERMISSION_DENIED")
	s.disable("acme", false)
	s.broken.Store(true)
	s.serve(schemestest.Request("GET", retrievalPath+"/"+code(link), "")).wantDatabricksError(t, 503, "TEMPORARILY_UNAVAILABLE")
	s.broken.Store(false)
	s.serve(schemestest.Request("GET", retrievalPath+"/"+code(link), "")).wantStatus(t, 200) // nothing of all that used it
}

func FuzzCodeFromPath(f *testing.F) {
	f.Add("gha_x", "")
	f.Add("https:/host/delta_sharing/retrieve_config.html", "gha_x?")
	f.Add("retrieve_config.html?gha_x", "")
	f.Fuzz(func(t *testing.T, rest, query string) {
		segments := strings.FieldsFunc(rest, func(r rune) bool { return r == '/' })
		if len(segments) == 0 {
			return
		}
		// What is found is a part of what was said.
		if got := codeFromPath(segments, query); !strings.Contains(rest, got) && !strings.Contains(query, got) {
			t.Errorf("%q, %q: %q", rest, query, got)
		}
	})
}
