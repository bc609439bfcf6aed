package pda

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

func TestCallsFromOtherSites(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		requestHost string
		header      http.Header
		want        bool
	}{
		"a program":                        {"bob.example.com", nil, false},
		"the user's own typing":            {"bob.example.com", http.Header{"Sec-Fetch-Site": {"none"}}, false},
		"the dashboard":                    {"bob.example.com", http.Header{"Sec-Fetch-Site": {"same-origin"}}, false},
		"another site":                     {"bob.example.com", http.Header{"Sec-Fetch-Site": {"cross-site"}}, true},
		"another host of the site":         {"bob.example.com", http.Header{"Sec-Fetch-Site": {"same-site"}}, true},
		"a word that is not known":         {"bob.example.com", http.Header{"Sec-Fetch-Site": {"Same-Origin"}}, true},
		"two words":                        {"bob.example.com", http.Header{"Sec-Fetch-Site": {"same-origin", "cross-site"}}, true},
		"an allowed origin":                {"bob.example.com", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://app.example.org"}}, false},
		"an allowed origin in capitals":    {"bob.example.com", http.Header{"Origin": {"https://APP.example.org"}}, true},
		"an allowed origin with a port":    {"bob.example.com", http.Header{"Origin": {"https://app.example.org:8443"}}, true},
		"an allowed origin in cleartext":   {"bob.example.com", http.Header{"Origin": {"http://app.example.org"}}, true},
		"another origin":                   {"bob.example.com", http.Header{"Origin": {"https://evil.example.org"}}, true},
		"another origin that claims to be": {"bob.example.com", http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"https://evil.example.org"}}, true},
		"a prefix of the host":             {"bob.example.com", http.Header{"Origin": {"https://bob.example.com.evil.org"}}, true},
		"the host as a user":               {"bob.example.com", http.Header{"Origin": {"https://bob.example.com@evil.org"}}, true},
		"the own origin":                   {"bob.example.com", http.Header{"Origin": {"https://bob.example.com"}}, false},
		"the own origin behind a proxy":    {"bob.example.com:80", http.Header{"Origin": {"https://bob.example.com"}}, false},
		"the own host at another port":     {"bob.example.com", http.Header{"Origin": {"https://bob.example.com:3000"}}, true},
		"the own port":                     {"bob.example.com:8081", http.Header{"Origin": {"http://bob.example.com:8081"}}, false},
		"a port beside the own":            {"bob.example.com:8081", http.Header{"Origin": {"http://bob.example.com"}}, true},
		"a page without origin":            {"bob.example.com", http.Header{"Origin": {"null"}}, true},
		"an empty origin":                  {"bob.example.com", http.Header{"Origin": {""}}, true},
		"an origin of a program's":         {"bob.example.com", http.Header{"Origin": {"file://"}}, true},
		"two origins":                      {"bob.example.com", http.Header{"Origin": {"https://app.example.org", "https://evil.example.org"}}, true},
		"the own origin and another":       {"bob.example.com", http.Header{"Origin": {"https://bob.example.com", "https://evil.example.org"}}, true},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = tt.requestHost
		for name, values := range tt.header {
			r.Header[name] = values
		}
		if got := crossSite(r, r.Header["Origin"], "bob.example.com", []string{"https://app.example.org"}); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestOwnOriginAtAnAddress(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "[::1]:8081"
	r.Header.Set("Origin", "http://[::1]:8081")
	if crossSite(r, r.Header["Origin"], "[::1]", nil) {
		t.Error("the own address is another site")
	}
	r.Host = "[::1]:80"
	r.Header.Set("Origin", "http://[::1]")
	if crossSite(r, r.Header["Origin"], "[::1]", nil) {
		t.Error("the usual port is another site")
	}
	r.Host = "[::1]"
	r.Header.Set("Origin", "http://[::1]:8081")
	if !crossSite(r, r.Header["Origin"], "[::1]", nil) {
		t.Error("another port is the own site")
	}
}

// Where a call has a body, the rules are asked again behind Forward.
func TestNamedOriginIsNoOtherSiteOnceItsHeaderIsTakenOut(t *testing.T) {
	t.Parallel()
	s := &Scheme{config: Config{Origins: []string{"https://app.example.org"}}}
	for origin, want := range map[string]bool{"https://app.example.org": false, "https://evil.example.org": true} {
		r := httptest.NewRequest("POST", "/api/v2.6/applications/notes/proxy/x", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		call := &schemes.Call{Request: r, Host: "bob.example.com"}
		before := s.isCrossSite(call)
		s.Forward(call, r)
		if after := s.isCrossSite(call); before != want || after != want || r.Header["Origin"] != nil {
			t.Errorf("%s: another site before %v, after %v", origin, before, after)
		}
	}
}
