package dx

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

// onTheWire is an answer as a client gets it.
func (s *site) onTheWire(method, path string, header ...string) (*http.Response, string) {
	s.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := s.serve(r)
		for name, values := range a.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(a.Code)
		_, _ = w.Write(a.Body.Bytes())
	}))
	defer server.Close()
	r, err := http.NewRequest(method, server.URL+path, nil)
	must(s.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := server.Client()
	resp, err := client.Do(r)
	must(s.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(s.t, err)
	return resp, string(body)
}

func TestRefusalsAreTheOriginals(t *testing.T) {
	s := newSite(t)
	const unauthorized = `{"type":"urn:dx:dmp:invalidAuthorizationToken","title":"Not Authorized","detail":"Not Authorized"}`
	const badQuery = `{"type":400,"title":"Bad Request","detail":"Bad query"}`
	for name, tc := range map[string]struct {
		method, path, token string
		status              int
		body                string
	}{
		"no token":       {"GET", basicPath, "", 401, unauthorized},
		"bad token":      {"GET", basicPath, "x", 401, unauthorized},
		"another role":   {"POST", "/provider/product", identityToken().signed(), 401, unauthorized},
		"no AAA token":   {"POST", revocationPath, identityToken().signed(), 401, unauthorized},
		"verify":         {"POST", verifyPath, "", 400, badQuery},
		"trailing slash": {"GET", basicPath + "/", "", 400, badQuery},
		"dot segments":   {"GET", "/consumer/%2e%2e/apis", "", 400, badQuery},
		"no route":       {"GET", "/nothing", "", 404, `{"type":"urn:dx:dmp:notFound","title":"Not Found","detail":"Not Found"}`},
		"no method":      {"PATCH", basicPath, "", 405, `{"type":"urn:dx:dmp:methodNotAllowed","title":"Method Not Allowed","detail":"Method Not Allowed"}`},
		"HEAD":           {"HEAD", basicPath, "", 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var header []string
			if tc.token != "" {
				header = []string{"token", tc.token}
			}
			resp, body := s.onTheWire(tc.method, tc.path, header...)
			if resp.StatusCode != tc.status || body != tc.body {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			resp.Header.Del("Date")
			resp.Header.Del("Content-Length")
			want := map[string]string{
				"Content-Type": "application/json", "Cache-Control": "no-cache, no-store, must-revalidate, max-age=0",
				"Pragma": "no-cache", "Expires": "0", "X-Content-Type-Options": "nosniff",
			}
			for name, value := range want {
				if got := resp.Header[name]; len(got) != 1 || got[0] != value {
					t.Errorf("%s: %q", name, got)
				}
			}
			if len(resp.Header) != len(want) {
				t.Errorf("headers %v", resp.Header)
			}
		})
	}
}

func TestPagesOfOthersMayReadRefusals(t *testing.T) {
	s := newSite(t)
	resp, _ := s.onTheWire("GET", basicPath, "Origin", "https://app.example.com")
	if got := resp.Header["Access-Control-Allow-Origin"]; len(got) != 1 || got[0] != "*" {
		t.Errorf("Access-Control-Allow-Origin: %q", got)
	}
}

// What the gate itself refuses has the same shape, in the words of the site's server.
func TestEveryRefusalHasTheShape(t *testing.T) {
	s := newSite(t, func(c *Config) { c.URNPrefix = "urn:dx:acl:" })
	for status, want := range map[int]string{
		401: `{"type":"urn:dx:acl:invalidAuthorizationToken","title":"Not Authorized","detail":"Not Authorized"}`,
		408: `{"type":"urn:dx:acl:requestTimeout","title":"Request Timeout","detail":"Request Timeout"}`,
		413: `{"type":"urn:dx:acl:payloadTooLarge","title":"Payload Too Large","detail":"Payload Too Large"}`,
		425: `{"type":"urn:dx:acl:tooEarly","title":"Too Early","detail":"Too Early"}`,
		429: `{"type":"urn:dx:acl:tooManyRequests","title":"Too Many Requests","detail":"Too Many Requests"}`,
		500: `{"type":"urn:dx:acl:internalServerError","title":"Internal Server Error","detail":"Internal Server Error"}`,
		502: `{"type":"urn:dx:acl:badGateway","title":"Bad Gateway","detail":"Bad Gateway"}`,
		503: `{"type":"urn:dx:acl:serviceUnavailable","title":"Service Unavailable","detail":"Service Unavailable"}`,
		504: `{"type":"urn:dx:acl:gatewayTimeout","title":"Gateway Timeout","detail":"Gateway Timeout"}`,
		599: `{"type":"urn:dx:acl:error","title":"","detail":""}`,
	} {
		w := httptest.NewRecorder()
		s.Refuse(w, &schemes.Call{Request: schemestest.Request("GET", "/", "")}, &schemes.Refusal{Status: status, Public: "in our words"})
		if w.Code != status || w.Body.String() != want {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	s.Refuse(w, &schemes.Call{Request: schemestest.Request("GET", "/", "")}, schemes.TooMany(1500e6))
	if w.Header().Get("Retry-After") != "2" {
		t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
	}
}

func TestReasonsAreShownWhereTheSiteSaysSo(t *testing.T) {
	rules, err := policies.Parse("own", "allow GET /c role consumer\nallow GET /w role provider when path == \"/x\"\nallow POST /payment-authorized public")
	must(t, err)
	own := func(c *Config) { c.Rules, c.WebhookSecret = rules, schemes.NewCredential("secret") }
	for name, tc := range map[string]struct {
		method, path, token, want string
	}{
		"no token":     {"GET", "/c", "", `Bearer error_description="no token"`},
		"bad token":    {"GET", "/c", "x", `Bearer error="invalid_token", error_description="malformed"`},
		"expired":      {"GET", "/c", identityToken("exp", noon.Unix()-30).signed(), `Bearer error="invalid_token", error_description="expired"`},
		"another role": {"GET", "/c", identityToken("role", "provider").signed(), `Bearer error="insufficient_scope", error_description="role missing"`},
		"a condition":  {"GET", "/w", identityToken("role", "provider").signed(), `Bearer error="insufficient_scope", error_description="condition false"`},
		"no AAA token": {"POST", revocationPath, identityToken().signed(), `Bearer error="insufficient_scope", error_description="not aaa server"`},
		"a webhook":    {"POST", "/payment-authorized", "", ""},
		"no route":     {"GET", "/d", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, shown := range []bool{true, false} {
				s := newSite(t, own, func(c *Config) { c.ShowReasons = shown })
				r := schemestest.Request(tc.method, tc.path, "")
				if tc.token != "" {
					r.Header.Set("token", tc.token)
				}
				want := tc.want
				if !shown {
					want = ""
				}
				if got := s.serve(r).Header().Get("WWW-Authenticate"); got != want {
					t.Errorf("%q, want %q", got, want)
				}
			}
		})
	}
}

// Codes are words for logs; they must be told from one another.
func TestFaultsHaveCodes(t *testing.T) {
	seen := map[fault]bool{}
	for _, f := range faults {
		seen[f] = true
	}
	for f := range seen {
		if (&schemes.Refusal{Cause: f}).CauseCode() != string(f) || f == "" {
			t.Errorf("%q has another code", f)
		}
	}
}
