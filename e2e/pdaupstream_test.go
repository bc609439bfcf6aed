package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// use makes calls of all kinds and returns every token and password in them.
func (p *personal) use(t *testing.T) map[string]string {
	t.Helper()
	secrets := map[string]string{"the password": ownerPassword, "the password, escaped": escaped(ownerPassword), "the owner's token": p.token}
	p.addApplication(t, "app", "namespace-read:notes", "namespace-write:notes")
	secrets["the application's token"] = p.applicationToken(t, "app")
	for i, token := range []string{p.token, secrets["the application's token"]} {
		for _, target := range []string{
			diary, "/api/v2/data/notes/answers/404", "/api/v2.0/data/notes/answers/500", validate, "/users/user", calendar,
			"/api/v2.6/files/content/00000000-0000-4000-8000-000000000001", "/api/v2.6/phata/profile", "/system/update",
			"/api/v2.6/applications", "/control/v2/auth/hatlogin?name=app&redirect=x",
		} {
			got := p.send(t, "GET", target, xAuth(token), "Cookie: token="+token, "Authorization: Bearer "+token,
				"Referer: http://"+p.Gate+"/?token="+token, "X-Bbk-Auth-Token: "+token, "Token: "+token)
			if fresh := got.Header.Get("X-Auth-Token"); fresh != "" {
				secrets["a fresh token of "+target+" "+string(rune('0'+i))] = fresh
			}
			p.send(t, "GET", target+"?X-Auth-Token="+url.QueryEscape(token))
			p.send(t, "GET", target, append(credentials(owner, ownerPassword), xAuth(token))...)
		}
		p.sendBody(t, "POST", diary, `{"n":1}`, xAuth(token), "Content-Type: application/json")
		p.sendBody(t, "POST", "/api/v2.6/data-batch", `[{"endpoint":"notes/diary","data":{"n":1}}]`, xAuth(token), "Content-Type: application/json")
		harness.Send(t, p.Gate, harness.Request("POST", diary, p.Gate, xAuth(token), "Content-Type: application/json",
			"Transfer-Encoding: chunked", "Trailer: X-Auth-Token")+"7\r\n{\"a\":1}\r\n0\r\nX-Auth-Token: "+token+"\r\n\r\n")
	}
	return secrets
}

func TestServerBehindGetsAnIdentityAndNoToken(t *testing.T) {
	for _, options := range []string{"", "query_tokens"} {
		t.Run(options, func(t *testing.T) {
			p := startPersonal(t, pdaWith(options))
			secrets := p.use(t)
			wire := p.server.Wire()
			for name, secret := range secrets {
				if at := strings.Index(wire, secret); at >= 0 {
					t.Errorf("the server behind was sent %s: …%s…", name, wire[max(0, at-300):at])
				}
			}
			if strings.Count(wire, "X-Gatehouse-Subject: ") < 8 {
				t.Error("hardly a call reached the server behind: the test proves nothing")
			}
			kinds := make(map[string]bool)
			for _, seen := range p.server.Requests() {
				kinds[seen.Header.Get("X-Gatehouse-Kind")] = true
				if strings.Contains(strings.ToLower(seen.Raw), "\r\nx-auth-token:") {
					t.Errorf("a token reached the server behind:\n%s", seen.Raw)
				}
			}
			if !kinds["owner"] || !kinds["application"] {
				t.Errorf("the server behind was told of %v", kinds)
			}
		})
	}
}

func TestServerBehindThatChecksTokensGoesOnWorking(t *testing.T) {
	check := &harness.TokenCheck{}
	p, _ := startImported(t, pdaWith("upstream token"), check)
	// No gateway is needed to see that the token is the original's.
	if err := check.Check(request(t, p.token)); err != nil {
		t.Fatalf("the sign-in's token: %v", err)
	}
	p.addApplication(t, "app", "namespace-read:notes")
	application := p.applicationToken(t, "app")
	p.call(t, 200, "GET", diary, p.token)
	p.call(t, 200, "GET", diary, application)
	p.call(t, 200, "GET", "/users/user", p.token)
	p.call(t, 401, "GET", diary, p.token[:len(p.token)-5])

	passed, failed := check.Passed()
	if len(failed) > 0 || len(passed) != 4 {
		t.Fatalf("%d tokens passed; others did not: %q", len(passed), failed)
	}
	claims := passed[len(passed)-2]
	if claims.Application != "app" || claims.Version != "1.0.0" || claims.Issuer != p.Gate {
		t.Errorf("the application's call said %+v", claims)
	}
	if provider, username, err := claims.Login(crypterKey); err != nil || username != owner || !strings.HasPrefix(provider, p.host) {
		t.Errorf("the subject is %q of %q, %v", username, provider, err)
	}
	for _, seen := range p.server.Requests() {
		if len(seen.Header.Values("X-Auth-Token")) > 1 || strings.Contains(seen.Line, "X-Auth-Token") {
			t.Errorf("the server behind was sent\n%s", seen.Raw)
		}
	}
	// Public calls are nobody's, and carry no token.
	p.server.Forget()
	p.call(t, 200, "GET", "/api/v2.6/phata/profile", p.token)
	if seen := p.server.Last(t); seen.Header.Get("X-Auth-Token") != "" {
		t.Error("a public call carries a token")
	}

	// What was revoked at the gateway does not reach the server, which would take it.
	p.Gatehouse("account", "revoke", p.host)
	p.server.Forget()
	p.call(t, 401, "GET", diary, p.token)
	p.wantNothingUpstream(t)
}

// request is one that carries a token, as a server sees it.
func request(t *testing.T, token string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://127.0.0.1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", token)
	return r
}
