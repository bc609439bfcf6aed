package e2e

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

const app = "https://app.example.com"

func vary(got harness.Answer) string { return strings.Join(got.Header.Values("Vary"), ",") }

func TestPagesOfAllowedOriginsReadTheFreshToken(t *testing.T) {
	p := startPersonal(t, pdaWith("cors "+app+" http://localhost:3000"))
	for _, tc := range []struct {
		name, target, origin string
		allowed              bool
	}{
		{"an allowed origin", diary, app, true},
		{"another allowed one", diary, "http://localhost:3000", true},
		{"validation", validate, app, true},
		{"the public key", "/publickey", app, true},
		{"a stranger", diary, "https://evil.example", false},
		{"one that begins alike", diary, app + ".evil.example", false},
		{"another scheme", diary, "http://app.example.com", false},
		{"no origin in particular", diary, "null", false},
		{"none", diary, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var headers []string
			if tc.origin != "" {
				headers = append(headers, "Origin: "+tc.origin)
			}
			want := ""
			if tc.allowed {
				want = tc.origin
			}
			got := p.call(t, 200, "GET", tc.target, p.token, headers...)
			if got.Header.Get("Access-Control-Allow-Origin") != want || !strings.Contains(vary(got), "Origin") {
				t.Errorf("the answer says %v", got.Header)
			}
			if tc.allowed && !strings.Contains(got.Header.Get("Access-Control-Expose-Headers"), "X-Auth-Token") {
				t.Errorf("the page cannot read the token: %v", got.Header)
			}

			preflight := p.send(t, "OPTIONS", tc.target, append(headers, "Access-Control-Request-Method: POST",
				"Access-Control-Request-Headers: content-type, x-auth-token")...)
			if preflight.Header.Get("Access-Control-Allow-Origin") != want || preflight.Header.Get("X-Auth-Token") != "" {
				t.Errorf("the preflight says %d %v", preflight.Status, preflight.Header)
			}
			if tc.allowed && (preflight.Status != 204 && preflight.Status != 200 ||
				!strings.Contains(strings.ToLower(preflight.Header.Get("Access-Control-Allow-Headers")), "x-auth-token") ||
				!strings.Contains(preflight.Header.Get("Access-Control-Allow-Methods"), "POST")) {
				t.Errorf("the preflight says %d %v", preflight.Status, preflight.Header)
			}
			for _, secret := range []string{"username", "password"} {
				if strings.Contains(strings.ToLower(preflight.Header.Get("Access-Control-Allow-Headers")), secret) {
					t.Errorf("a foreign page may send %s", secret)
				}
			}
		})
	}
	t.Run("a refusal can be read too", func(t *testing.T) {
		got := p.wantStatus(t, 401, "GET", diary, "Origin: "+app)
		if got.Header.Get("Access-Control-Allow-Origin") != app {
			t.Errorf("the refusal says %v", got.Header)
		}
	})
	t.Run("the password is changed from the account's own pages only", func(t *testing.T) {
		got := p.send(t, "OPTIONS", "/control/v2/auth/password", "Origin: "+app, "Access-Control-Request-Method: POST")
		if got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("the preflight says %v", got.Header)
		}
	})
}

func TestStateChangingGETsOfForeignPagesAreRefused(t *testing.T) {
	p := startPersonal(t, pdaWith("cors "+app))
	p.addApplication(t, "reader", "namespace-read:notes")
	p.server.Forget()
	for _, target := range []string{
		"/api/v2.6/applications/reader/setup", "/api/v2.6/applications/reader/disable", "/api/v2/applications/reader/access-token",
		"/users/application_token?name=a&resource=b", "/api/v2.6/data-debit/one/enable", "/api/v2.6/files/allowAccessPublic/00000000-0000-4000-8000-000000000001",
		"/api/v2.6/she/function/counter/enable",
	} {
		for name, headers := range map[string][]string{
			"cross-site":           {"Sec-Fetch-Site: cross-site"},
			"same-site":            {"Sec-Fetch-Site: same-site"},
			"an older browser":     {"Origin: https://evil.example"},
			"from a sandbox":       {"Origin: null"},
			"two words about this": {"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"},
		} {
			if got := p.call(t, 403, "GET", target, p.token, headers...); got.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s, %s: %v", target, name, got.Header)
			}
		}
	}
	p.wantNothingUpstream(t)
	p.call(t, 200, "GET", "/api/v2.6/applications/reader/setup", p.token, "Sec-Fetch-Site: cross-site", "Origin: "+app)
	p.call(t, 200, "GET", "/api/v2.6/applications/reader/setup", p.token, "Sec-Fetch-Site: same-origin")
	p.call(t, 200, "GET", diary, p.token, "Sec-Fetch-Site: cross-site") // reading changes nothing
}

func TestPublicAnswersAreNobodysOwn(t *testing.T) {
	p := startPersonal(t, pdaSite)
	for _, target := range []string{"/publickey", "/.well-known/jwks.json", "/system/update", "/api/v2.6/phata/profile"} {
		mine := p.send(t, "GET", target, xAuth(p.token))
		theirs := p.send(t, "GET", target)
		if mine.Status != 200 || mine.Body != theirs.Body || strings.Contains(vary(mine), "X-Auth-Token") {
			t.Errorf("%s answers its caller %d %s, and nobody %d %s", target, mine.Status, mine.Body, theirs.Status, theirs.Body)
		}
	}
}

func TestResetTokensAreNotHandedToStrangers(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.server.Forget()
	const mail = `{"email":"ann@example.com"}`
	for _, target := range []string{
		"/control/v2/auth/passwordReset?sendEmailToUser=false", "/control/v2/auth/passwordReset?sendEmailToUser=FALSE",
		"/control/v2/auth/passwordReset?x=1", "/control/v2/auth/claim?sendEmailToUser=false",
		"/control/v2/auth/request-verification?sendEmailToUser=false&lang=en",
		"/control/v2/auth/passwordreset/confirm/00000000-0000-4000-8000-000000000001",
		"/control/v2/auth/claim/complete/00000000-0000-4000-8000-000000000001", "/reset-password",
	} {
		got := p.sendBody(t, "POST", target, mail, "Content-Type: application/json")
		if got.Status != 403 && got.Status != 404 {
			t.Errorf("%s: got %d %s", target, got.Status, got.Body)
		}
	}
	p.wantNothingUpstream(t)
	// Without it the server behind sends its mail; the stand-in has no such route.
	p.sendBody(t, "POST", "/control/v2/auth/passwordReset", mail, "Content-Type: application/json")
	if seen := p.server.Last(t); !strings.HasPrefix(seen.Line, "POST /control/v2/auth/passwordReset ") || seen.Body != mail {
		t.Errorf("the server behind was sent %s", seen.Line)
	}
}
