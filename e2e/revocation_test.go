package e2e

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// ending is a way to end a token that is in use.
type ending struct {
	name   string
	run    func(t *testing.T, m *manager)
	status int    // the next call with the token gets
	says   string // in words
}

// endings are all the ways there are.
func endings() []ending {
	command := func(args ...string) func(*testing.T, *manager) {
		return func(_ *testing.T, m *manager) { m.Gatehouse(args...) }
	}
	return []ending{
		{"recipient revoke", command("recipient", "revoke", "acme"), 401, "was revoked at 20"},
		{"PATCH 0", func(t *testing.T, m *manager) { m.list(t, "PATCH", endingIn(0)) }, 401, "was revoked at 20"},
		{"recipient disable", command("recipient", "disable", "acme"), 403, "disabled"},
		{"recipient delete", command("recipient", "delete", "acme"), 401, "was revoked at 20"},
		{"token revoke", func(t *testing.T, m *manager) { m.Gatehouse("token", "revoke", m.tokenID(t)) }, 401, "was revoked at 20"},
		{"token revoke-all", command("token", "revoke-all", "--realm", "default"), 401, "was revoked at 20"},
		{"recipient rotate with 0s", command("recipient", "rotate", "acme", "--old-expires-in", "0s"), 401, "rotated"},
		{"POST 0", func(t *testing.T, m *manager) { m.list(t, "POST", endingIn(0)) }, 401, "rotated"},
		{"recipient ungrant", command("recipient", "ungrant", "acme", "sales"), 404, "not shared with you"},
	}
}

// tokenID is the public id of acme's newest token.
func (m *manager) tokenID(t *testing.T) string {
	t.Helper()
	var shown struct {
		Tokens []struct{ ID, Status string }
	}
	m.GatehouseJSON(&shown, "recipient", "show", "acme")
	if len(shown.Tokens) == 0 {
		t.Fatal("acme has no token")
	}
	return shown.Tokens[0].ID
}

// startManaged is startGateway with a management key for acme.
func startManaged(t *testing.T) *manager {
	t.Helper()
	return startGateway(t, harness.JSON(`{"items":[{"name":"sales"}]}`)).manager(t, "acme")
}

func TestNextRequestAfterARevocationIsRefused(t *testing.T) {
	for _, way := range endings() {
		t.Run(way.name, func(t *testing.T) {
			m := startManaged(t)
			conn := harness.Dial(t, m.Gate) // stays open: nothing may hang on the connection
			call := func() harness.Answer {
				conn.Write(harness.Request("GET", metadata, m.Gate, m.bearer))
				return conn.Read("GET")
			}
			for range 3 { // now the identity cache knows it
				if got := call(); got.Status != 200 {
					t.Fatalf("before: got %d %s", got.Status, got.Body)
				}
			}
			way.run(t, m)
			m.upstream.Forget()
			got := call()
			if got.Status != way.status || !strings.Contains(got.Body, way.says) {
				t.Errorf("got %d %s, want %d with %q", got.Status, got.Body, way.status, way.says)
			}
			challenge := got.Header.Get("WWW-Authenticate")
			if (way.status == 401) != strings.Contains(challenge, `error="invalid_token"`) {
				t.Errorf("the answer's challenge is %q", challenge)
			}
			if again := call(); again.Status != way.status {
				t.Errorf("once more: got %d", again.Status)
			}
			m.wantNothingUpstream(t)
		})
	}
}

// A crash right after the answer must not bring a token back.
func TestRevocationSurvivesAKill(t *testing.T) {
	for _, way := range endings() {
		t.Run(way.name, func(t *testing.T) {
			m := startManaged(t)
			way.run(t, m)
			m.Kill()
			m.Run()
			got := m.wantStatus(t, way.status, "GET", metadata, m.bearer)
			if !strings.Contains(got.Body, way.says) {
				t.Errorf("after the restart the token is told %s, want %q", got.Body, way.says)
			}
			m.wantNothingUpstream(t)
		})
	}
}

// A client that calls all the time gets its last answer before the revocation is
// acknowledged: none of the calls that begin after it succeeds.
func TestRevocationHoldsUnderLoad(t *testing.T) {
	for _, way := range endings() {
		t.Run(way.name, func(t *testing.T) {
			m := startManaged(t)
			var (
				acknowledged, late, served atomic.Int64
				running                    sync.WaitGroup
				done                       = make(chan struct{})
			)
			for range 4 {
				running.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						after := acknowledged.Load() == 1
						r, _ := http.NewRequest("GET", m.URL(metadata), nil)
						r.Header.Set("Authorization", strings.TrimPrefix(m.bearer, "Authorization: "))
						res, err := http.DefaultClient.Do(r)
						if err != nil {
							t.Errorf("a call failed: %v", err)
							return
						}
						res.Body.Close()
						if res.StatusCode == 200 {
							served.Add(1)
							if after {
								late.Add(1)
							}
						}
					}
				})
			}
			harness.Eventually(t, "the load runs", func() bool { return served.Load() > 50 })
			way.run(t, m)
			acknowledged.Store(1)
			before := len(m.upstream.Requests())
			for range 50 {
				m.wantStatus(t, way.status, "GET", metadata, m.bearer)
			}
			close(done)
			running.Wait()
			if late.Load() > 0 {
				t.Errorf("%d calls that began after the answer to the revocation succeeded", late.Load())
			}
			// At most the four that were under way.
			if after := len(m.upstream.Requests()); after > before+4 {
				t.Errorf("%d calls reached the upstream after the revocation", after-before)
			}
		})
	}
}

func TestEnableAcceptsTheSameTokenAgain(t *testing.T) {
	m := startManaged(t)
	m.wantStatus(t, 200, "GET", metadata, m.bearer)
	m.Gatehouse("recipient", "disable", "acme")
	m.wantStatus(t, 403, "GET", metadata, m.bearer)
	m.wantStatus(t, 403, "GET", "/dds-tokens", m.auth)
	m.Gatehouse("recipient", "enable", "acme")
	m.wantStatus(t, 200, "GET", metadata, m.bearer)
	m.wantStatus(t, 200, "GET", "/dds-tokens", m.auth)
}

func TestNewRecipientOfAnOldNameInheritsNothing(t *testing.T) {
	m := startManaged(t)
	rotated := *m.list(t, "POST", endingIn(3600))[0].ActivationLink
	m.Gatehouse("recipient", "delete", "acme")
	link := m.createRecipient(t, "acme", "sales")

	got := m.wantStatus(t, 401, "GET", metadata, m.bearer)
	if !strings.Contains(got.Body, "revoked") {
		t.Errorf("the old token is told %s", got.Body)
	}
	m.wantStatus(t, 401, "GET", "/dds-tokens", m.auth)
	if got := m.follow(t, rotated); got.Status != 410 {
		t.Errorf("the old link: got %d %s, want 410", got.Status, got.Body)
	}
	fresh := bearer(m.activate(t, link))
	m.wantStatus(t, 200, "GET", metadata, fresh)
	if list := m.manager(t, "acme").list(t, "GET", ""); len(list) != 1 || list[0].ActivationLink != nil {
		t.Errorf("the new recipient holds %+v, want its own token", list)
	}
	m.wantStatus(t, 401, "GET", metadata, m.bearer)
}

func TestPendingLinkEndsWithARevocation(t *testing.T) {
	for _, way := range []struct {
		name   string
		args   []string
		status int
	}{
		{"revoke", []string{"recipient", "revoke", "other"}, 410},
		{"disable", []string{"recipient", "disable", "other"}, 403},
		{"delete", []string{"recipient", "delete", "other"}, 410},
		{"a fresh one", []string{"recipient", "link", "other", "--fresh"}, 410},
		{"revoke-all", []string{"token", "revoke-all", "--realm", "default"}, 410},
	} {
		t.Run(way.name, func(t *testing.T) {
			m := startManaged(t)
			link := m.createRecipient(t, "other", "sales")
			m.Gatehouse(way.args...)
			for _, accept := range []string{"Accept: application/json", "Accept: text/html"} {
				got := m.wantStatus(t, way.status, "GET", m.target(t, link), accept)
				if strings.Contains(got.Body, "bearerToken") || got.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: got %v %s", accept, got.Header, got.Body)
				}
			}
			_, code, _ := strings.Cut(link, "?")
			posted := m.sendBody(t, "POST", "/delta_sharing/retrieve_config.html", "code="+code, "Content-Type: application/x-www-form-urlencoded")
			if posted.Status != way.status {
				t.Errorf("the page's button: got %d %s", posted.Status, posted.Body)
			}
		})
	}
}

// atOnce runs n calls that start together.
func atOnce(n int, call func(i int)) {
	var (
		running sync.WaitGroup
		start   = make(chan struct{})
	)
	for i := range n {
		running.Go(func() {
			<-start
			call(i)
		})
	}
	close(start)
	running.Wait()
}

func TestLinkDeliversOnceHoweverManyAsk(t *testing.T) {
	m := startManaged(t)
	for round := range 5 {
		link := *m.list(t, "POST", endingIn(0))[0].ActivationLink
		answers := make([]harness.Answer, 20)
		atOnce(len(answers), func(i int) { answers[i] = m.follow(t, link) })
		served := 0
		for _, got := range answers {
			switch got.Status {
			case 200:
				served++
			case 410:
			default:
				t.Errorf("round %d: got %d %s", round, got.Status, got.Body)
			}
		}
		if served != 1 {
			t.Errorf("round %d: the link delivered %d times, want once", round, served)
		}
	}
}

func TestAtMostTwoTokensHoweverManyRotate(t *testing.T) {
	m := startManaged(t)
	var (
		mu     sync.Mutex
		tokens = []string{strings.TrimPrefix(m.bearer, "Authorization: Bearer ")}
	)
	// Each rotates and uses its link at once, as often as it is allowed to.
	atOnce(20, func(i int) {
		got := m.call(t, "POST", endingIn(3600))
		switch got.Status {
		case 200:
		case 409:
			return
		default:
			t.Errorf("POST: got %d %s", got.Status, got.Body)
			return
		}
		if listed := strings.Count(got.Body, `"status"`); listed > 2 {
			t.Errorf("POST lists %d tokens: %s", listed, got.Body)
		}
		_, link, _ := strings.Cut(got.Body, `"activation_link":"`)
		link, _, _ = strings.Cut(link, `"`)
		if answer := m.follow(t, link); answer.Status == 200 {
			_, token, _ := strings.Cut(answer.Body, `"bearerToken":"`)
			token, _, _ = strings.Cut(token, `"`)
			mu.Lock()
			tokens = append(tokens, token)
			mu.Unlock()
		}
	})
	valid := 0
	for _, token := range tokens {
		if got := m.send(t, "GET", metadata, bearer(token)); got.Status == 200 {
			valid++
		}
	}
	if valid != 2 || len(tokens) < 2 {
		t.Errorf("of %d tokens that were given out %d are valid, want 2", len(tokens), valid)
	}
	if list := m.list(t, "GET", ""); len(list) != 2 {
		t.Errorf("listed are %+v, want 2", list)
	}
	if got := m.call(t, "POST", endingIn(3600)); got.Status != 409 {
		t.Errorf("one more: got %d %s, want 409", got.Status, got.Body)
	}
}
