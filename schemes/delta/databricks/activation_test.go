package databricks

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestActivationTakesTheCodeOrTheWholeLink(t *testing.T) {
	for name, target := range map[string]func(link string) string{
		"the code":                   func(link string) string { return "/" + codeOf(link) },
		"the code and a bare ?":      func(link string) string { return "/" + codeOf(link) + "?" },
		"the whole link, encoded":    func(link string) string { return "/" + url.PathEscape(link) + "?" },
		"the same with small digits": func(link string) string { return "/" + strings.ToLower(url.QueryEscape(link)) },
		"the whole link, as it is":   func(link string) string { return "/" + link },
		"as it is, and a bare ?":     func(link string) string { return "/" + link + "?" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			link := s.create("acme")["activation_url"].(string)
			for range 2 { // it is not used up
				if a := s.serve(request(http.MethodGet, activationInfoBase+target(link), "", "")); a.Code != http.StatusOK || a.Body.String() != "{}" {
					t.Fatalf("info: %d %q", a.Code, a.Body)
				}
				if a := s.serve(request(http.MethodHead, activationBase+target(link), "", "")); a.Code != http.StatusOK {
					t.Fatalf("HEAD: %d %q", a.Code, a.Body)
				}
			}
			a := s.serve(request(http.MethodGet, activationBase+target(link), "", ""))
			profile := a.json()
			if a.Code != http.StatusOK || profile["shareCredentialsVersion"] != 1.0 || !strings.HasPrefix(profile["bearerToken"].(string), "ghd_") ||
				profile["endpoint"] != "https://sharing.example.com/delta-sharing" || profile["expirationTime"] == "" {
				t.Errorf("%d %v", a.Code, profile)
			}
			if a.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", a.Header())
			}
			s.serve(request(http.MethodGet, activationBase+target(link), "", "")).is(http.StatusGone, codeMissing)
			s.serve(request(http.MethodGet, activationInfoBase+target(link), "", "")).is(http.StatusGone, codeMissing)
		})
	}
}

func TestActivationOfAnOAuthClient(t *testing.T) {
	s := newServer(t)
	made := s.ok(http.MethodPost, recipientsPath, `{"name":"acme","authentication_type":"OAUTH_CLIENT_CREDENTIALS"}`)
	profile := s.activate(made["activation_url"])
	if profile["shareCredentialsVersion"] != 2.0 || profile["type"] != "oauth_client_credentials" || profile["clientId"] != made["id"] {
		t.Errorf("got %v", profile)
	}
}

func TestActivationRefuses(t *testing.T) {
	s := newServer(t)
	link := s.create("acme")["activation_url"].(string)
	for name, tc := range map[string]struct {
		method, target string
		status         int
	}{
		"a code that never was":         {http.MethodGet, activationBase + "/gha_none", http.StatusNotFound},
		"a link without a code":         {http.MethodGet, activationBase + "/" + url.PathEscape("https://sharing.example.com/x"), http.StatusBadRequest},
		"another method":                {http.MethodPost, activationBase + "/" + codeOf(link), http.StatusMethodNotAllowed},
		"no code":                       {http.MethodGet, activationBase + "/", http.StatusNotFound},
		"an encoded slash in something": {http.MethodGet, activationBase + "/a%2Fb", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.serve(request(tc.method, tc.target, "", ""))
			if body := a.json(); a.Code != tc.status || body["error_code"] == nil {
				t.Errorf("%d %v", a.Code, body)
			}
		})
	}
	if a := s.serve(request(http.MethodGet, activationInfoBase+"/"+codeOf(link), "", "")); a.Code != http.StatusOK {
		t.Error("a refused call used the link up")
	}
}

// What UnfoldLink makes of a path must never be another endpoint.
func FuzzUnfoldLink(f *testing.F) {
	f.Add(activationBase + "/https%3A%2F%2Fhost%2Fpath%3Fcode")
	f.Add(activationInfoBase + "/http%3A%2F%2Fhost%3F..%2F..")
	f.Add(activationBase + "/https%3A%2F%2Fhost%3Fa%252Fb")
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Path == "" {
			return
		}
		before := *u
		UnfoldLink(u)
		if u.EscapedPath() == before.EscapedPath() {
			return
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = u
		if rest, ok := strings.CutPrefix(u.Path, activationBase+"/"); ok && !strings.Contains(rest, "/") {
			return
		}
		if rest, ok := strings.CutPrefix(u.Path, activationInfoBase+"/"); !ok || strings.Contains(rest, "/") {
			t.Errorf("%q became %q", target, u.Path)
		}
	})
}
