package e2e

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// familyEnding is a way to end tokens of an account. Each has an owner's token, one of
// an application that was minted from it, and one that was minted from that.
type familyEnding struct {
	name string
	run  func(t *testing.T, p *personal, minted mintedTokens)
	// The statuses of the next call with each, to a route that any valid token opens, and
	// to the diary.
	owner, application, grandchild endedStatus
}

type endedStatus struct{ validate, read int }

var (
	ended  = endedStatus{401, 401}
	denied = endedStatus{403, 403}
	good   = endedStatus{200, 200}
)

// mintedTokens are tokens that descend from the owner's sign-in.
type mintedTokens struct{ application, grandchild string }

func familyEndings() []familyEnding {
	command := func(args ...string) func(*testing.T, *personal, mintedTokens) {
		return func(_ *testing.T, p *personal, _ mintedTokens) { p.Gatehouse(args...) }
	}
	onAccount := func(args ...string) func(*testing.T, *personal, mintedTokens) {
		return func(_ *testing.T, p *personal, _ mintedTokens) {
			p.Gatehouse(append([]string{args[0], args[1], p.host}, args[2:]...)...)
		}
	}
	return []familyEnding{
		{"account revoke", onAccount("account", "revoke"), ended, ended, ended},
		{"account disable", onAccount("account", "disable"), ended, ended, ended},
		{"account passwd", func(t *testing.T, p *personal, _ mintedTokens) {
			p.withPassword(t, "an entirely different heron 12", "account", "passwd", p.host)
		}, ended, ended, ended},
		{"token revoke of the owner's", func(t *testing.T, p *personal, _ mintedTokens) {
			p.Gatehouse("token", "revoke", p.accessorOf(t, p.token))
		}, ended, ended, ended},
		{"token revoke of the application's", func(t *testing.T, p *personal, m mintedTokens) {
			p.Gatehouse("token", "revoke", p.accessorOf(t, m.application))
		}, good, ended, ended},
		{"token revoke-all", command("token", "revoke-all", "--realm", "default"), ended, ended, ended},
		{"application disable", command("application", "disable", "app"), good, denied, denied},
		{"application disable on the account", func(_ *testing.T, p *personal, _ mintedTokens) {
			p.Gatehouse("application", "disable", "app", "--account", p.host)
		}, good, denied, denied},
		{"the owner disables the application", func(t *testing.T, p *personal, _ mintedTokens) {
			p.call(t, 200, "GET", "/api/v2.6/applications/app/disable", p.token)
		}, good, denied, denied},
		{"the owner signs out", func(t *testing.T, p *personal, _ mintedTokens) {
			p.call(t, 200, "POST", "/control/v2/auth/logout", p.token, "Content-Length: 0")
		}, ended, good, good},
		{"the application signs out", func(t *testing.T, p *personal, m mintedTokens) {
			p.call(t, 200, "POST", "/control/v2/auth/logout", m.application, "Content-Length: 0")
		}, good, ended, good},
		{"the owner changes the password", func(t *testing.T, p *personal, _ mintedTokens) {
			body := `{"newPassword":"an entirely different heron 12","password":"` + ownerPassword + `"}`
			got := p.sendBody(t, "POST", "/control/v2/auth/password", body, xAuth(p.token), "Content-Type: application/json")
			if got.Status != 200 || got.Body != `{"message":"Password changed"}` {
				t.Fatalf("changing the password: %d %s", got.Status, got.Body)
			}
			// The answer's token is of a new sign-in.
			p.call(t, 200, "GET", diary, got.Header.Get("X-Auth-Token"))
		}, ended, ended, ended},
	}
}

// accessorOf is the public id of a token, as the server behind is told it.
func (p *personal) accessorOf(t *testing.T, token string) string {
	t.Helper()
	p.call(t, 200, "GET", diary, token)
	return p.server.Last(t).Header.Get("X-Gatehouse-Token-Id")
}

// startMinted starts a gateway with three generations of tokens.
func startMinted(t *testing.T) (*personal, mintedTokens) {
	t.Helper()
	p := startPersonal(t, pdaSite)
	p.addApplication(t, "app", "namespace-read:notes", "retrieve-application-token:child")
	p.addApplication(t, "child", "namespace-read:notes")
	minted := mintedTokens{application: p.applicationToken(t, "app")}
	p.call(t, 200, "GET", "/api/v2.6/applications/child/setup", p.token)
	got := p.call(t, 200, "GET", "/api/v2.6/applications/child/access-token", minted.application)
	minted.grandchild = tokenIn(t, got)
	return p, minted
}

func (p *personal) wantEnded(t *testing.T, whose, token string, want endedStatus, call func(target, token string) harness.Answer) {
	t.Helper()
	for _, tc := range []struct {
		target string
		status int
	}{{validate, want.validate}, {diary, want.read}} {
		got := call(tc.target, token)
		if got.Status != tc.status {
			t.Errorf("%s token at %s: got %d %s, want %d", whose, tc.target, got.Status, got.Body, tc.status)
		}
		if got.Status == 401 && (got.Body != notAuthenticated || got.Header.Get("X-Auth-Token") != "") {
			t.Errorf("%s token at %s: the refusal is %v %s", whose, tc.target, got.Header, got.Body)
		}
	}
}

func TestNextCallAfterAnEndingIsRefused(t *testing.T) {
	for _, way := range familyEndings() {
		t.Run(way.name, func(t *testing.T) {
			p, minted := startMinted(t)
			conn := harness.Dial(t, p.Gate) // stays open: nothing may hang on the connection
			call := func(target, token string) harness.Answer {
				conn.Write(harness.Request("GET", target, p.Gate, xAuth(token)))
				return conn.Read("GET")
			}
			// A descendant by renewal ends with the rest.
			renewed := p.call(t, 200, "GET", diary, p.token).Header.Get("X-Auth-Token")
			for range 2 { // now the identity cache knows them
				for _, token := range []string{p.token, renewed, minted.application, minted.grandchild} {
					if got := call(diary, token); got.Status != 200 {
						t.Fatalf("before: got %d %s", got.Status, got.Body)
					}
				}
			}
			way.run(t, p, minted)
			p.wantEnded(t, "the owner's", p.token, way.owner, call)
			p.wantEnded(t, "the owner's renewed", renewed, way.owner, call)
			p.wantEnded(t, "the application's", minted.application, way.application, call)
			p.wantEnded(t, "the grandchild's", minted.grandchild, way.grandchild, call)
		})
	}
}

// None of the calls that begin after the answer to a revocation succeeds, however many
// there are.
func TestEndingHoldsUnderLoad(t *testing.T) {
	for _, way := range familyEndings()[:3] { // each ends all three tokens
		t.Run(way.name, func(t *testing.T) {
			p, minted := startMinted(t)
			var (
				acknowledged, late, served atomic.Int64
				running                    sync.WaitGroup
				done                       = make(chan struct{})
			)
			tokens := []string{p.token, minted.application, minted.grandchild}
			for i := range 6 {
				conn := harness.Dial(t, p.Gate)
				running.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						after := acknowledged.Load() == 1
						conn.Write(harness.Request("GET", diary, p.Gate, xAuth(tokens[i%len(tokens)])))
						if conn.Read("GET").Status != 200 {
							continue
						}
						served.Add(1)
						if after {
							late.Add(1)
						}
					}
				})
			}
			harness.Eventually(t, "the load runs", func() bool { return served.Load() > 100 })
			way.run(t, p, minted)
			acknowledged.Store(1)
			for _, token := range tokens {
				for range 10 {
					p.call(t, 401, "GET", diary, token)
				}
			}
			close(done)
			running.Wait()
			if late.Load() > 0 {
				t.Errorf("%d calls that began after the answer succeeded", late.Load())
			}
		})
	}
}

// A crash right after the answer must not bring a token back.
func TestEndingSurvivesAKill(t *testing.T) {
	for i, way := range familyEndings() {
		if i%2 == 1 {
			continue // the others are written in the same ways
		}
		t.Run(way.name, func(t *testing.T) {
			p, minted := startMinted(t)
			way.run(t, p, minted)
			p.Kill()
			p.Run()
			call := func(target, token string) harness.Answer { return p.send(t, "GET", target, xAuth(token)) }
			p.wantEnded(t, "the owner's", p.token, way.owner, call)
			p.wantEnded(t, "the application's", minted.application, way.application, call)
			p.wantEnded(t, "the grandchild's", minted.grandchild, way.grandchild, call)
		})
	}
}

func TestAccountIsEnabledAgainAndApplicationsToo(t *testing.T) {
	p, minted := startMinted(t)
	p.Gatehouse("application", "disable", "app")
	p.call(t, 403, "GET", diary, minted.application)
	p.Gatehouse("application", "enable", "app")
	p.call(t, 200, "GET", diary, minted.application)

	p.Gatehouse("account", "disable", p.host)
	if got := p.send(t, "GET", signIn, credentials(owner, escaped(ownerPassword))...); got.Status != 401 || got.Body != notAuthenticated {
		t.Errorf("signing in to a disabled account: %d %s", got.Status, got.Body)
	}
	p.Gatehouse("account", "enable", p.host)
	p.call(t, 200, "GET", diary, p.token)
	p.wantSignIn(t)
}

func TestNewAccountOfAnOldHostInheritsNothing(t *testing.T) {
	p, minted := startMinted(t)
	key := p.send(t, "GET", "/publickey").Body
	p.Gatehouse("account", "delete", p.host)
	for _, token := range []string{p.token, minted.application} {
		if got := p.send(t, "GET", diary, xAuth(token)); got.Status != 404 {
			t.Errorf("after the deletion: got %d %s", got.Status, got.Body)
		}
	}
	p.createAccount(t, p.host)
	p.call(t, 401, "GET", diary, p.token)
	p.call(t, 401, "GET", diary, minted.application)
	if p.send(t, "GET", "/publickey").Body == key {
		t.Error("the new account has the old one's key")
	}
	fresh := p.signedIn(t)
	p.call(t, 200, "GET", diary, fresh)
	got := p.call(t, 200, "GET", "/api/v2.6/applications/app/access-token", fresh)
	p.call(t, 403, "GET", diary, tokenIn(t, got)) // not set up on the new one
}

func TestApplicationTokenEndsWithItsSignInWhereTheSiteSaysSo(t *testing.T) {
	p := startPersonal(t, pdaWith("cap_application_tokens\nabsolute 10d"))
	p.addApplication(t, "app", "namespace-read:notes")
	token := p.applicationToken(t, "app")
	parent, child := harness.ClaimsOf(t, p.token), harness.ClaimsOf(t, token)
	if parent.Expires-parent.IssuedAt != 10*24*3600 || child.Expires > parent.Expires {
		t.Errorf("the sign-in ends at %d, the application's token at %d", parent.Expires, child.Expires)
	}
}
