package pda

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestOrigins(t *testing.T) {
	t.Parallel()
	good := []string{"https://app.example.com", "http://localhost:3000", "https://app.example.com:8443", "http://127.0.0.1:9000", "http://[::1]:9000"}
	if err := CheckOrigins(good); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		"", "*", "null", "app.example.com", "https://*.example.com", "https://app.example.com/", "https://app.example.com/x", "https://App.example.com",
		"HTTPS://app.example.com", "https://app.example.com:443", "http://app.example.com:80", "https://app.example.com:", "https://user@app.example.com",
		"https://app.example.com.", "https://", "ftp://app.example.com", "https://app.example.com?x", "https://app.example.com#x", " https://app.example.com",
		"https://app.example.com https://b.example.com", "https://a_b.example.com:x", "capacitor://localhost",
	} {
		if err := CheckOrigins([]string{good[0], bad}); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if CheckOrigins(slices.Repeat(good[:1], maxOrigins+1)) == nil {
		t.Error("any number of origins is taken")
	}
}

const app = "https://app.example.org"

func corsCall(t *testing.T, method, path string, header http.Header) *schemes.Call {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	canonical, err := canonpath.FromURL(&url.URL{Path: path}, canonpath.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &schemes.Call{Request: r, Path: canonical}
}

func TestPreflights(t *testing.T) {
	t.Parallel()
	s := &Scheme{config: Config{Origins: []string{app}}}
	asked := http.Header{"Origin": {app}, "Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": {"username"}}
	call := corsCall(t, "OPTIONS", "/api/v2/data/notes/x", asked)
	if !isPreflight(call.Request) || !s.answersBrowsers(call.Path) {
		t.Fatal("no preflight")
	}
	w := httptest.NewRecorder()
	if err := s.servePreflight(w, call); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Access-Control-Allow-Origin":      {app},
		"Access-Control-Allow-Credentials": {"true"},
		"Access-Control-Allow-Methods":     {corsMethods},
		"Access-Control-Allow-Headers":     {corsHeaders},
		"Access-Control-Expose-Headers":    {"X-Auth-Token"},
		"Access-Control-Max-Age":           {"259200"},
		"Vary":                             {"Origin"},
	}
	for name, values := range want {
		if got := w.Header()[name]; !slices.Equal(got, values) {
			t.Errorf("%s is %q, want %q", name, got, values)
		}
	}
	if w.Code != http.StatusNoContent || w.Body.Len() > 0 {
		t.Errorf("status %d, body %q", w.Code, w.Body)
	}
	if sent := strings.ToLower(corsHeaders); strings.Contains(sent, "username") || strings.Contains(sent, "password") || strings.Contains(sent, "*") {
		t.Errorf("pages of other origins may send %s", corsHeaders)
	}

	call.Request.Header.Set("Origin", "https://evil.example.org")
	w = httptest.NewRecorder()
	if err := s.servePreflight(w, call); err != nil {
		t.Fatal(err)
	}
	for name := range w.Header() {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("another origin is told %s", name)
		}
	}
	if w.Header().Get("Vary") != "Origin" {
		t.Error("the answer to another origin does not say that it depends on it")
	}
}

func TestWhatIsAPreflight(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		method string
		header http.Header
	}{
		"another method":   {"GET", http.Header{"Origin": {app}, "Access-Control-Request-Method": {"GET"}}},
		"no origin":        {"OPTIONS", http.Header{"Access-Control-Request-Method": {"GET"}}},
		"nothing is asked": {"OPTIONS", http.Header{"Origin": {app}}},
	} {
		if isPreflight(corsCall(t, tt.method, "/users/user", tt.header).Request) {
			t.Errorf("%s: a preflight", name)
		}
	}
}

func TestPathsForOtherOrigins(t *testing.T) {
	t.Parallel()
	with, without := &Scheme{config: Config{Origins: []string{app}}}, new(Scheme)
	for path, want := range map[string]bool{
		"/users/access_token": true, "/api/v2/data/x/y": true, "/api/v2.0/data/x/y": true, "/api/v2.6/data/x/y": true, "/publickey": true,
		"/.well-known/jwks.json": true, "/system/update": true, "/control/v2/auth/password": false, "/": false, "/api": false, "/api/v1/x": false,
		"/usersx": false, "/system/status": false, "/.well-known/other": false,
	} {
		call := corsCall(t, "GET", path, nil)
		if with.answersBrowsers(call.Path) != want {
			t.Errorf("%s: %v", path, !want)
		}
		if without.answersBrowsers(call.Path) {
			t.Errorf("%s: answered though no origin is named", path)
		}
	}
}

func TestAnswersForOtherOrigins(t *testing.T) {
	t.Parallel()
	otherCase := strings.ToLower("Access-Control-Allow-Credentials")
	behind := func() http.Header {
		return http.Header{
			"Access-Control-Allow-Origin": {"*"}, otherCase: {"true"}, "Access-Control-Anything": {"x"},
			"Vary": {"Accept-Encoding"}, "Content-Type": {"application/json"},
		}
	}
	for name, tt := range map[string]struct {
		origins []string
		path    string
		origin  []string
		want    []string // of Access-Control-Allow-Origin
		vary    string
	}{
		"an allowed origin":       {[]string{app}, "/api/v2/data/x/y", []string{app}, []string{app}, "Accept-Encoding,Origin"},
		"another origin":          {[]string{app}, "/api/v2/data/x/y", []string{"https://evil.example.org"}, nil, "Accept-Encoding,Origin"},
		"no origin":               {[]string{app}, "/api/v2/data/x/y", nil, nil, "Accept-Encoding,Origin"},
		"two origins":             {[]string{app}, "/api/v2/data/x/y", []string{app, app}, nil, "Accept-Encoding,Origin"},
		"a path that is not one":  {[]string{app}, "/control/v2/auth/password", []string{app}, nil, "Accept-Encoding"},
		"no origins of the sites": {nil, "/api/v2/data/x/y", []string{app}, []string{"*"}, "Accept-Encoding"},
	} {
		s, header := &Scheme{config: Config{Origins: tt.origins}}, behind()
		request := http.Header{}
		if tt.origin != nil {
			request["Origin"] = tt.origin
		}
		s.shareWithOrigin(corsCall(t, "GET", tt.path, request), header)
		if got := header["Access-Control-Allow-Origin"]; !slices.Equal(got, tt.want) {
			t.Errorf("%s: shared with %q", name, got)
		}
		if got := strings.Join(header["Vary"], ","); got != tt.vary {
			t.Errorf("%s: varies with %q", name, got)
		}
		if _, left := header["Access-Control-Anything"]; left != (tt.origins == nil) {
			t.Errorf("%s: what the server says of origins: %v", name, left)
		}
		if _, left := header[otherCase]; left != (tt.origins == nil) {
			t.Errorf("%s: what the server says of credentials: %v", name, left)
		}
		exposed := header.Get("Access-Control-Expose-Headers")
		if (exposed == "X-Auth-Token") != (len(tt.want) == 1 && tt.want[0] == app) {
			t.Errorf("%s: exposes %q", name, exposed)
		}
	}
}

func TestVaryIsSaidOnce(t *testing.T) {
	t.Parallel()
	s := &Scheme{config: Config{Origins: []string{app}}}
	header := http.Header{"Vary": {"Accept, ORIGIN"}}
	s.shareWithOrigin(corsCall(t, "GET", "/publickey", nil), header)
	if got := header["Vary"]; len(got) != 1 {
		t.Errorf("varies with %q", got)
	}
}

func FuzzCheckOrigins(f *testing.F) {
	f.Add(app)
	f.Add("http://[::1]:9000")
	f.Fuzz(func(t *testing.T, origin string) {
		if CheckOrigins([]string{origin}) != nil {
			return
		}
		u, err := url.Parse(origin)
		if err != nil || u.Scheme+"://"+u.Host != origin || strings.ContainsAny(origin, "*, \r\n") || strings.ToLower(origin) != origin {
			t.Fatalf("%q is taken", origin)
		}
	})
}
