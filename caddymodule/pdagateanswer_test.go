package caddymodule

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes/pda"
)

// answering is a server behind with a token of its own and one status.
func answering(status int, body string) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header()["X-Auth-Token"] = []string{notTheirs, notTheirs}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.WriteHeader(status)
		if body == "" {
			return nil
		}
		_, err := io.WriteString(w, body)
		return err
	}
}

func TestFreshTokenOnWhateverTheServerBehindAnswers(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	for _, status := range []int{200, 201, 202, 203, 206, 301, 302, 303, 307, 400, 403, 404, 405, 409, 413, 415, 422, 429, 500, 501, 502, 503, 504} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			h.t = t
			h.behind = answering(status, "text")
			a := h.send(askAlice("GET", "/api/v2.6/data/notes/daily", token)).want(status, "text")
			if a.fresh() != token {
				t.Errorf("X-Auth-Token %q", a.Header()["X-Auth-Token"])
			}
			h.noneOfTheirs(a)
			public := h.send(askAlice("GET", "/system/update", token)).want(status, "text")
			if public.fresh() != "" {
				t.Error("a token on a public route")
			}
			h.noneOfTheirs(public)
		})
	}
	h.t = t
	for _, status := range []int{204, 304, 101, 401} {
		h.behind = answering(status, "")
		a := h.send(askAlice("GET", "/api/v2.6/data/notes/daily", token))
		h.noneOfTheirs(a)
		if a.Code != status && status != 101 || (a.fresh() == token) != (status != 401) {
			t.Errorf("%d: %d with X-Auth-Token %q", status, a.Code, a.Header()["X-Auth-Token"])
		}
	}
	h.behind = func(http.ResponseWriter, *http.Request) error { return errors.New("connection refused") }
	if a := h.send(askAlice("GET", "/api/v2.6/data/notes/daily", token)); a.Code != 502 || a.fresh() != token {
		t.Errorf("unreachable: %d with X-Auth-Token %q", a.Code, a.Header()["X-Auth-Token"])
	}
	if a := h.send(askAlice("GET", "/system/update", token)); a.Code != 502 || a.fresh() != "" {
		t.Errorf("unreachable, public: %d with X-Auth-Token %q", a.Code, a.Header()["X-Auth-Token"])
	}
}

// noneOfTheirs checks that no token of the server behind is in an answer.
func (h *household) noneOfTheirs(a *answered) {
	h.t.Helper()
	for name, values := range a.Header() {
		if strings.Contains(strings.Join(values, " "), notTheirs) {
			h.t.Errorf("the token of the server behind is in %s", name)
		}
	}
}

func TestBrowserThatWantsAPageIsSentToTheDashboard(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	reader := h.application(token, "reader", "namespace-read:notes")
	const page = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, tc := range []struct {
		name, accept, token string
		status              int
		fresh               bool
	}{
		{"nobody, a page", page, "", 303, false},
		{"garbage, a page", page, "garbage", 303, false},
		{"denied, a page", page, reader, 303, true},
		{"nobody, JSON", "application/json", "", 401, false},
		{"nobody, anything", "*/*", "", 401, false},
		{"denied, JSON", "application/json", reader, 403, true},
		{"allowed, a page", page, token, 200, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h.t = t
			a := h.send(askAlice("GET", "/api/v2.6/data/diary/daily", tc.token, "Accept", tc.accept)).want(tc.status, "")
			if (a.fresh() != "") != tc.fresh {
				t.Errorf("X-Auth-Token %q", a.Header()["X-Auth-Token"])
			}
			if tc.status == 303 && a.Header().Get("Location") != "/" {
				t.Errorf("Location %q", a.Header()["Location"])
			}
			if tc.status != 200 && !strings.Contains(strings.Join(a.Header()["Vary"], ","), "Accept") {
				t.Errorf("Vary %q", a.Header()["Vary"])
			}
		})
	}
}

func TestPagesOfNamedOriginsReadTheFreshToken(t *testing.T) {
	const ours, evil = "https://app.example.com", "https://evil.example.com"
	h := newHousehold(t, func(c *pda.Config) { c.Origins = []string{ours} })
	token := h.signIn()
	h.behind = answering(200, "text")
	for _, tc := range []struct {
		name, path, token string
		status            int
	}{
		{"an answer", "/api/v2.6/data/notes/daily", token, 200},
		{"no token", "/api/v2.6/data/notes/daily", "", 401},
		{"a bad token", "/api/v2.6/data/notes/daily", "garbage", 401},
		{"denied", "/api/v2.6/files/restrictAccessPublic/x", token, 403},
		{"not found", "/api/v2.6/nothing", token, 404},
		{"own", "/users/access_token/validate", token, 200},
		{"own, public", "/publickey", "", 200},
		{"bad request", "/api/v2.6/data/notes/daily?X-Auth-Token=x", token, 400},
		{"set-up by the named origin", "/api/v2.6/applications/ghost/setup", token, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h.t = t
			for _, origin := range []string{ours, evil, "null", ""} {
				r := askAlice("GET", tc.path, tc.token)
				if origin != "" {
					r.Header.Set("Origin", origin)
				}
				a := h.send(r)
				allowed, exposed := a.Header().Get("Access-Control-Allow-Origin"), a.Header().Get("Access-Control-Expose-Headers")
				if origin == ours && (a.Code != tc.status || allowed != ours || exposed != "X-Auth-Token") {
					t.Errorf("%q: %d, allowed %q, exposed %q", origin, a.Code, allowed, exposed)
				}
				if origin != ours && (allowed != "" || exposed != "") {
					t.Errorf("%q: allowed %q, exposed %q", origin, allowed, exposed)
				}
				if !strings.Contains(strings.Join(a.Header()["Vary"], ","), "Origin") {
					t.Errorf("Vary %q", a.Header()["Vary"])
				}
				if a.forwarded != nil && a.forwarded.Header.Get("Origin") != "" {
					t.Error("the origin was forwarded")
				}
			}
		})
	}
	h.t = t
	a := h.send(askAlice("OPTIONS", "/api/v2.6/data/notes/daily", "", "Origin", ours, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-auth-token")).want(204, "")
	if a.Header().Get("Access-Control-Allow-Origin") != ours || !strings.Contains(a.Header().Get("Access-Control-Allow-Headers"), "X-Auth-Token") || a.forwarded != nil {
		t.Errorf("preflight: %v", a.Header())
	}
	a = h.send(askAlice("OPTIONS", "/api/v2.6/data/notes/daily", "", "Origin", evil, "Access-Control-Request-Method", "POST"))
	if a.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("a preflight of anybody is answered")
	}
}

func TestBrowsersDoNotChangeThingsFromAnotherSite(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	h.register("reader")
	for _, path := range []string{
		"/api/v2.6/applications/reader/setup", "/api/v2/applications/reader/disable", "/api/v2.0/applications/reader/access-token",
		"/api/v2.6/data-debit/x/enable", "/api/v2/data-debit/x/disable", "/api/v2.6/she/function/x/trigger",
		"/api/v2.6/files/allowAccessPublic/x", "/users/application_token?name=x&resource=y",
		"/control/v2/auth/hatlogin?name=reader&redirect=https://reader.example.com/cb?x=1", "/users/access_token",
	} {
		credentials := []string{"Username", "alice", "Password", alicePassword}
		if path != "/users/access_token" {
			credentials = nil
		}
		for _, says := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example.com"}, {"Origin", "null"}} {
			a := h.send(askAlice("GET", path, token, append(credentials, says...)...))
			if a.Code != 403 || a.forwarded != nil {
				t.Errorf("%s by a browser (%v): %d", path, says, a.Code)
			}
		}
		for _, says := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Origin", "http://" + alice}, nil} {
			if a := h.send(askAlice("GET", path, token, append(credentials, says...)...)); a.Code == 403 {
				t.Errorf("%s (%v): %d %s", path, says, a.Code, a.Body)
			}
		}
	}
	h.send(askAlice("GET", "/api/v2.6/data/notes/daily", token, "Sec-Fetch-Site", "cross-site")).want(200, "")
}

func TestHashesOfUsersStayBehind(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	const list = `[{"userId":"1","email":"a@b","pass":"$2a$12$abc","roles":[{"role":"owner"}]},{"pass":"$2a$12$def"}]`
	const stripped = `[{"userId":"1","email":"a@b","roles":[{"role":"owner"}]},{}]`
	one := "/users/user/6c796c29-fa9e-4678-9c0b-e48956f22bcc"
	for _, tc := range []struct {
		name, method, path string
		from               int
		body               string
		status             int
		want               string
	}{
		{"the list", "GET", "/users/user", 200, list, 200, stripped},
		{"one that is made", "POST", "/users/user", 201, `{"pass":"$2a$12$abc","id":1}`, 201, `{"id":1}`},
		{"one that is changed", "PUT", one + "/update", 200, `{"id":1,"Pass":"$2a$12$abc"}`, 200, `{"id":1}`},
		{"one that is disabled", "PUT", one + "/disable", 200, `{"message":"ok"}`, 200, `{"message":"ok"}`},
		{"an error that quotes one", "POST", "/users/user", 400, `{"message":"bad","details":{"pass":"$2a$12$abc"}}`, 400, `{"message":"bad","details":{}}`},
		{"an error in other words", "POST", "/users/user", 500, `<html>$2a$12$abc`, 500, ""},
		{"what is no JSON", "GET", "/users/user", 200, `$2a$12$abc`, 502, ""},
		{"a part", "GET", "/users/user", 206, list, 502, ""},
		{"HEAD", "HEAD", "/users/user", 200, "", 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h.t = t
			h.behind = answering(tc.from, tc.body)
			a := h.send(askAliceWith(tc.method, tc.path, token, "", "Accept-Encoding", "gzip", "Range", "bytes=0-10")).want(tc.status, tc.want)
			if strings.Contains(a.Body.String(), "$2a$") {
				t.Errorf("a hash got out: %s", a.Body)
			}
			if a.fresh() != token {
				t.Error("no fresh token")
			}
			if a.forwarded.Header.Get("Accept-Encoding") != "" || a.forwarded.Header.Get("Range") != "" {
				t.Error("asked for what cannot be read")
			}
			h.noneOfTheirs(a)
		})
	}
}

func TestTokensInTheAddress(t *testing.T) {
	const path = "/api/v2.6/data/notes/daily"
	for _, taken := range []bool{false, true} {
		h := newHousehold(t, func(c *pda.Config) { c.QueryTokens = taken })
		token, other := h.signIn(), h.signIn()
		for _, tc := range []struct {
			name, query, header string
			status              int // where the site takes them
			forwarded           string
		}{
			{"alone", "X-Auth-Token=" + token, "", 200, ""},
			{"among others", "a=1&X-Auth-Token=" + token + "&b=%20", "", 200, "a=1&b=%20"},
			{"name escaped", "X%2DAuth%2DToken=" + token, "", 200, ""},
			{"name in another case", "x-auth-token=" + token, "", 200, ""},
			{"with the same header", "X-Auth-Token=" + token, token, 200, ""},
			{"with another header", "X-Auth-Token=" + token, other, 400, ""},
			{"twice", "X-Auth-Token=" + token + "&X-Auth-Token=" + token, "", 400, ""},
			{"behind a semicolon", "a=1;X-Auth-Token=" + token, "", 401, ""},
			{"of nobody", "X-Auth-Token=eyJ", "", 401, ""},
			{"empty", "X-Auth-Token=", "", 401, ""},
			{"broken", "X-Auth-Token=%zz", "", 400, ""},
		} {
			t.Run(tc.name, func(t *testing.T) {
				h.t = t
				a := h.send(askAlice("GET", path+"?"+tc.query, tc.header))
				switch {
				case !taken && (a.Code != 400 || a.forwarded != nil || strings.Contains(a.Body.String(), "eyJ")):
					t.Errorf("not taken: %d %s", a.Code, a.Body)
				case taken && a.Code != tc.status:
					t.Errorf("%d %s, want %d", a.Code, a.Body, tc.status)
				case taken && tc.status == 200 && a.forwarded.URL.RawQuery != tc.forwarded:
					t.Errorf("forwarded %q", a.forwarded.URL.RawQuery)
				}
			})
		}
		h.t = t
		for _, entry := range h.log.All() {
			for name, value := range entry.ContextMap() {
				if text, ok := value.(string); ok && strings.Contains(text, "eyJ") {
					t.Fatalf("a token is in the log, as %s of %s", name, entry.Message)
				}
			}
		}
	}
}
