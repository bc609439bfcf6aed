package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// rawAnswer says a request on a connection of its own and returns every byte of the
// answer: names in the case that went over the wire.
func (g *gateway) rawAnswer(t *testing.T, method, target string, headers ...string) string {
	t.Helper()
	c := harness.Dial(t, g.Gate)
	defer c.Close()
	c.Write(harness.Request(method, target, g.Gate, append(headers, "Connection: close", "Content-Length: 0")...))
	return c.Rest()
}

// freshToken is the value of X-Auth-Token in an answer's bytes, spelled in exactly this
// case; it fails unless there is one.
func freshToken(t *testing.T, raw string) string {
	t.Helper()
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	if n := strings.Count(strings.ToLower(head), "\r\nx-auth-token:"); n != 1 {
		t.Fatalf("the answer has %d tokens:\n%s", n, head)
	}
	_, token, found := strings.Cut(head, "\r\nX-Auth-Token: ")
	if !found {
		t.Fatalf("the header is spelled otherwise:\n%s", head)
	}
	token, _, _ = strings.Cut(token, "\r\n")
	return token
}

func TestFreshTokenIsOnEveryAnswerToAnIdentifiedCall(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.addApplication(t, "reader", "namespace-read:notes")
	reader := p.applicationToken(t, "reader")
	for _, tc := range []struct {
		name, token, method, target, status string
	}{
		{"200", p.token, "GET", diary, "200"},
		{"the server's 400", p.token, "POST", "/api/v2.6/files/upload", "400"},
		{"the server's trailer", p.token, "GET", "/api/v2.6/data/notes/answers/200", "200"},
		{"the server's redirect", p.token, "GET", "/api/v2.6/data/notes/answers/303", "303"},
		{"the server's 404", p.token, "GET", "/api/v2.6/files/file/00000000-0000-4000-8000-000000000099", "404"},
		{"the server's 500", p.token, "GET", "/api/v2.6/data/notes/answers/500", "500"},
		{"the server breaks off", p.token, "GET", "/api/v2.6/data/notes/answers/599", "502"},
		{"403 by a rule", reader, "GET", calendar, "403"},
		{"403 by the kind", reader, "GET", "/users/application_token?name=a&resource=b", "403"},
		{"404 of the gateway's own", p.token, "GET", "/api/v2.6/applications/unknown", "404"},
		{"the gateway's own list", p.token, "GET", "/api/v2.6/applications", "200"},
		{"validation", p.token, "GET", validate, "200"},
		{"validation of an application", reader, "GET", validate, "200"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := p.rawAnswer(t, tc.method, tc.target, xAuth(tc.token))
			if !strings.HasPrefix(raw, "HTTP/1.1 "+tc.status+" ") {
				t.Errorf("got\n%s\nwant %s", raw, tc.status)
			}
			was, is := harness.ClaimsOf(t, tc.token), harness.ClaimsOf(t, freshToken(t, raw))
			if is.ID != was.ID || is.Expires != was.Expires || is.Issuer != was.Issuer || is.Scope != was.Scope ||
				is.Application != was.Application || is.IssuedAt < was.IssuedAt {
				t.Errorf("the fresh token says %+v, the old one %+v", is, was)
			}
			if !strings.Contains(raw, "\r\nCache-Control: no-store\r\n") || strings.Count(strings.ToLower(raw), "\r\ncache-control:") != 1 {
				t.Errorf("the answer may be cached:\n%s", raw)
			}
			if strings.Contains(raw, harness.PersonalToken) {
				t.Errorf("the server's own token got through:\n%s", raw)
			}
		})
	}
}

func TestNoTokenWhereNobodyIsIdentified(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.addApplication(t, "reader", "namespace-read:notes")
	stale := strings.Replace(p.token, ".", ".e", 1)
	for _, tc := range []struct {
		name, method, target string
		headers              []string
		status               string
	}{
		{"no token", "GET", diary, nil, "401"},
		{"an empty token", "GET", diary, []string{"X-Auth-Token: "}, "401"},
		{"a token that is none", "GET", diary, []string{xAuth(stale)}, "401"},
		{"an unknown route", "GET", "/nowhere", nil, "404"},
		{"a failed sign-in", "GET", signIn, append(credentials(owner, "wrong"), xAuth(p.token)), "401"},
		{"the public key, with a token", "GET", "/publickey", []string{xAuth(p.token)}, "200"},
		{"the key set, with a token", "GET", "/.well-known/jwks.json", []string{xAuth(p.token)}, "200"},
		{"the profile, with a token", "GET", "/api/v2.6/phata/profile", []string{xAuth(p.token)}, "200"},
		{"the update, with a token", "GET", "/system/update", []string{xAuth(p.token)}, "200"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := p.rawAnswer(t, tc.method, tc.target, tc.headers...)
			if !strings.HasPrefix(raw, "HTTP/1.1 "+tc.status+" ") {
				t.Errorf("got\n%s\nwant %s", raw, tc.status)
			}
			if strings.Contains(strings.ToLower(raw), "x-auth-token:") || strings.Contains(raw, harness.PersonalToken) {
				t.Errorf("the answer has a token:\n%s", raw)
			}
		})
	}
	// What is public is forwarded without the credential.
	for _, seen := range p.server.Requests() {
		if strings.Contains(seen.Raw, p.token) {
			t.Errorf("the server behind was sent a token: %s", seen.Line)
		}
	}
}

func TestOldTokensOfAFamilyStayGood(t *testing.T) {
	p := startPersonal(t, pdaSite)
	tokens := map[string]bool{p.token: true}
	first := harness.ClaimsOf(t, p.token)
	harness.Eventually(t, "a fresh token is another", func() bool {
		got := p.call(t, 200, "GET", diary, p.token)
		fresh := got.Header.Get("X-Auth-Token")
		tokens[fresh] = true
		if is := harness.ClaimsOf(t, fresh); is.ID != first.ID || is.Expires != first.Expires {
			t.Fatalf("the family changed: %+v, before %+v", is, first)
		}
		return len(tokens) >= 3
	})
	subjects := make(map[string]bool)
	for token := range tokens {
		p.call(t, 200, "GET", diary, token)
		subjects[harness.ClaimsOf(t, token).Subject] = true
	}
	if len(subjects) != len(tokens) {
		t.Error("two tokens have the same subject: the initialisation vector is not fresh")
	}
}

func TestOneTokenIsSignedForManyCalls(t *testing.T) {
	p := startPersonal(t, strings.Replace(pdaSite, "renew_interval 1s", "renew_interval 1h", 1))
	fresh := make([]string, 200)
	atOnce(len(fresh), func(i int) {
		c := harness.Dial(t, p.Gate)
		defer c.Close()
		c.Write(harness.Request("GET", diary, p.Gate, xAuth(p.token)))
		fresh[i] = c.Read("GET").Header.Get("X-Auth-Token")
	})
	for i, token := range fresh {
		if token == "" || token != fresh[0] {
			t.Fatalf("call %d was answered with another token than the first: %q, %q", i, token, fresh[0])
		}
	}
}

func TestTokensSurviveARestart(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.addApplication(t, "reader", "namespace-read:notes")
	reader := p.applicationToken(t, "reader")
	key := p.send(t, "GET", "/publickey").Body
	for _, end := range []func(){p.Stop, p.Kill} {
		end()
		p.Run()
		p.call(t, 200, "GET", diary, p.token)
		p.call(t, 200, "GET", diary, reader)
		if now := p.send(t, "GET", "/publickey").Body; now != key {
			t.Error("the account has another key")
		}
	}
}

func TestKeysRotateWithOverlap(t *testing.T) {
	p := startPersonal(t, pdaSite)
	before := p.send(t, "GET", "/publickey").Body
	p.Gatehouse("account", "rotate-key", p.host, "--overlap", "1h")
	after := p.send(t, "GET", "/publickey").Body
	if before == after {
		t.Fatal("the key is the same")
	}
	got := p.call(t, 200, "GET", diary, p.token)
	if err := harness.VerifyRS256(got.Header.Get("X-Auth-Token"), after); err != nil {
		t.Errorf("the fresh token is not of the new key: %v", err)
	}
	var set struct{ Keys []any }
	if err := json.Unmarshal([]byte(p.send(t, "GET", "/.well-known/jwks.json").Body), &set); err != nil || len(set.Keys) != 2 {
		t.Errorf("the key set holds %d keys (%v), want both", len(set.Keys), err)
	}
	fresh := got.Header.Get("X-Auth-Token")
	p.Gatehouse("account", "rotate-key", p.host, "--overlap", "0s")
	p.call(t, 401, "GET", diary, fresh)
	p.call(t, 200, "GET", diary, p.signedIn(t))
}

func TestBrowsersAreLedHome(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.addApplication(t, "reader", "namespace-read:notes")
	reader := p.applicationToken(t, "reader")
	for _, tc := range []struct {
		name, accept, token string
		status              int
	}{
		{"a browser, 401", "text/html,application/xhtml+xml,*/*;q=0.8", "", 303},
		{"a browser, 403", "text/html,application/xhtml+xml,*/*;q=0.8", reader, 303},
		{"a program, 401", "application/json", "", 401},
		{"a program, 403", "*/*", reader, 403},
		{"one that likes JSON more", "text/html;q=0.5, application/json", reader, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			headers := []string{"Accept: " + tc.accept}
			if tc.token != "" {
				headers = append(headers, xAuth(tc.token))
			}
			got := p.wantStatus(t, tc.status, "GET", calendar, headers...)
			if !strings.Contains(strings.Join(got.Header.Values("Vary"), ","), "Accept") {
				t.Errorf("Vary is %q", got.Header.Values("Vary"))
			}
			if tc.status == 303 && got.Header.Get("Location") != "/" {
				t.Errorf("Location is %q", got.Header.Get("Location"))
			}
			want := map[int]string{401: notAuthenticated, 403: accessDenied}[tc.status]
			if want != "" && got.Body != want {
				t.Errorf("the body is %s, want %s", got.Body, want)
			}
			if fresh := got.Header.Get("X-Auth-Token"); (fresh != "") != (tc.token != "") {
				t.Errorf("the answer's token is %q", fresh)
			}
		})
	}
}

func TestTokenInTheQueryIsRefusedUnlessTheSiteAllowsIt(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.server.Forget()
	for _, headers := range [][]string{nil, {xAuth(p.token)}} {
		got := p.send(t, "GET", diary+"?X-Auth-Token="+p.token, headers...)
		if got.Status != 400 && got.Status != 401 {
			t.Errorf("with %d headers: got %d %s", len(headers), got.Status, got.Body)
		}
	}
	p.wantNothingUpstream(t)

	if res := p.Reload(pdaWith("query_tokens")); res.Code != 0 {
		t.Fatalf("reloading: %s", res.Stderr)
	}
	if got := p.wantStatus(t, 200, "GET", diary+"?skip=0&X-Auth-Token="+p.token+"&take=5"); got.Header.Get("X-Auth-Token") == "" {
		t.Error("the answer has no fresh token")
	}
	if seen := p.server.Last(t); strings.Contains(seen.Raw, p.token) || !strings.Contains(seen.Line, "take=5") {
		t.Errorf("the server behind was sent %s", seen.Line)
	}
	p.server.Forget()
	for _, target := range []string{
		diary + "?X-Auth-Token=" + p.token + "&X-Auth-Token=" + p.token,
		diary + "?X-Auth-Token=" + p.token + "&X-Auth-Token=other",
	} {
		p.wantStatus(t, 400, "GET", target)
	}
	p.wantStatus(t, 400, "GET", diary+"?X-Auth-Token="+p.token, xAuth(p.signedIn(t)))
	p.wantStatus(t, 401, "GET", diary+"?x-auth-token="+p.token[1:])
	p.wantNothingUpstream(t)
}

func TestTwoTokensAreRefused(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.server.Forget()
	for _, tc := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"the same twice", []string{xAuth(p.token), xAuth(p.token)}, 400},
		{"another second", []string{xAuth(p.token), xAuth("other")}, 400},
		{"another first, in lower case", []string{"x-auth-token: other", xAuth(p.token)}, 400},
		{"two in one line", []string{xAuth(p.token + ", " + p.token)}, 401},
		{"CVE-2025-64484 an alias with an underscore", []string{"X_Auth_Token: " + p.token}, 401},
		{"CVE-2026-52845 an alias with a dot", []string{"X.Auth.Token: " + p.token}, 401},
		{"as a bearer token", []string{"Authorization: Bearer " + p.token}, 401},
		{"as a cookie", []string{"Cookie: token=" + p.token}, 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := p.wantStatus(t, tc.status, "GET", diary, tc.headers...); got.Header.Get("X-Auth-Token") != "" {
				t.Error("the answer has a token")
			}
		})
	}
	p.wantNothingUpstream(t)
}
