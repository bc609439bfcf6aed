package caddymodule

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes/pda"
)

func TestUnusedTokenIsGoodFor72HoursToTheSecond(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	for _, tc := range []struct {
		after time.Duration
		want  int
	}{
		{72*time.Hour - time.Second, 200},
		{72 * time.Hour, 200},
		{72*time.Hour + 999*time.Millisecond, 200},
		{72*time.Hour + time.Second, 401},
		{100 * day, 401},
	} {
		t.Run(tc.after.String(), func(t *testing.T) {
			h.t = t
			h.set(morning.Add(tc.after))
			h.wantBoth(tc.want, token)
		})
	}
	h.t = t
	h.send(askAlice("GET", "/api/v2/data/notes/daily", token)).want(http.StatusUnauthorized, notAuthenticatedBody)
}

func TestTokenUsedEveryDayIsGoodUntil30DaysAfterSignInToTheSecond(t *testing.T) {
	h := newHousehold(t)
	first := h.signIn()
	token := first
	end := morning.Add(30 * day)
	for now := morning.Add(day); now.Before(end); now = now.Add(day) {
		h.set(now)
		next := h.send(askAlice("GET", "/api/v2.6/data/notes/daily", token)).want(http.StatusOK, fromServer).fresh()
		switch {
		case said(t, next)["jti"] != said(t, first)["jti"]:
			t.Fatal("jti changed")
		case !seconds(t, next, "exp").Equal(end):
			t.Fatalf("exp became %s", seconds(t, next, "exp"))
		case !seconds(t, next, "iat").Equal(now):
			t.Fatalf("iat is %s at %s", seconds(t, next, "iat"), now)
		case said(t, next)["sub"] == said(t, token)["sub"]:
			t.Fatal("the subject was not encrypted anew")
		}
		token = next
	}
	for _, tc := range []struct {
		name string
		at   time.Time
		want int
	}{
		{"the second before", end.Add(-time.Second), 200},
		{"the last second", end, 200},
		{"within the last second", end.Add(999 * time.Millisecond), 200},
		{"the second after", end.Add(time.Second), 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h.t = t
			h.set(tc.at)
			h.wantBoth(tc.want, token)
		})
	}
}

// The window cannot be pushed by asking at its very end.
func TestTokenSignedInTheLastSecondEndsWithItsFamily(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	for range 14 {
		h.advance(2 * day)
		token = h.send(askAlice("GET", "/users/access_token/validate", token)).fresh()
	}
	h.set(morning.Add(30*day - time.Second))
	last := h.send(askAlice("GET", "/users/access_token/validate", token)).want(200, "").fresh()
	h.set(morning.Add(30*day + time.Second))
	h.wantBoth(401, last)
	h.wantBoth(401, token)
}

func TestEachTokenOfAFamilyHasItsOwnIdleLimit(t *testing.T) {
	h := newHousehold(t)
	tokens := []string{h.signIn()}
	for range 3 {
		h.advance(day)
		tokens = append(tokens, h.send(askAlice("GET", "/users/access_token/validate", tokens[len(tokens)-1])).fresh())
	}
	for i, token := range tokens {
		issued := morning.Add(time.Duration(i) * day)
		h.set(issued.Add(72 * time.Hour))
		h.wantBoth(200, token)
		h.advance(time.Second)
		h.wantBoth(401, token)
		if i+1 < len(tokens) {
			h.wantBoth(200, tokens[i+1])
		}
	}
}

// What an old token of a family is used for keeps no other of its old ones.
func TestUseOfOneTokenDoesNotProlongAnother(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	h.advance(71 * time.Hour)
	h.wantStatus(200, map[string]string{"in use": token})
	h.advance(2 * time.Hour)
	h.wantStatus(401, map[string]string{"used, but not refreshed": token})
}

func TestClientThatCallsEvery71HoursLivesOn(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	for h.clock().Add(71 * time.Hour).Before(morning.Add(30 * day)) {
		h.advance(71 * time.Hour)
		a := h.send(askAlice("GET", "/users/access_token/validate", token)).want(200, authenticatedBody)
		token = a.fresh()
	}
	h.set(morning.Add(30*day + time.Second))
	h.wantBoth(401, token)
}

// The token that a client gets for its last one is never worth less than that one.
func TestTokensHandedOutAreNeverOlderThanThePresentedOne(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	for range 40 {
		h.advance(17 * time.Second)
		next := h.send(askAlice("GET", "/users/access_token/validate", token)).want(200, "").fresh()
		if seconds(t, next, "iat").Before(seconds(t, token, "iat")) {
			t.Fatal("an older token was handed out")
		}
		// Two intervals, and what the clock does while one is signed.
		if age := h.clock().Sub(seconds(t, next, "iat")); age > 5*time.Minute {
			t.Fatalf("a token of %s was handed out", age)
		}
		token = next
	}
	if seconds(t, token, "iat").Sub(morning) < 6*time.Minute {
		t.Error("the token was hardly renewed at all")
	}
}

// Each signature has a random part, so tokens that differ count them.
func TestHundredsOfParallelCallsCostOneSignatureAnInterval(t *testing.T) {
	h := newHousehold(t)
	first := h.signIn()
	seen := map[string]bool{first: true}
	ask := func(token string) {
		var (
			mu    sync.Mutex
			calls sync.WaitGroup
		)
		for range 200 {
			calls.Go(func() {
				fresh := h.send(askAlice("GET", "/api/v2.6/data/notes/daily", token)).want(http.StatusOK, fromServer).fresh()
				mu.Lock()
				defer mu.Unlock()
				seen[fresh] = true
			})
		}
		calls.Wait()
	}
	ask(first)
	if len(seen) != 1 {
		t.Fatalf("%d tokens within the first interval", len(seen))
	}
	h.advance(2 * time.Minute) // so old that calls wait for the fresh one
	ask(first)
	if len(seen) != 2 {
		t.Fatalf("%d tokens after one interval, want the first and a fresh one", len(seen))
	}
	for range 5 {
		h.advance(time.Minute)
		ask(first)
	}
	if len(seen) > 7 {
		t.Errorf("%d tokens in five more intervals", len(seen))
	}
	for token := range seen {
		h.wantStatus(200, map[string]string{"one of the family": token})
	}
}

func TestRenewIntervalIsTheSites(t *testing.T) {
	h := newHousehold(t, func(c *pda.Config) { c.RenewInterval = time.Hour })
	token := h.signIn()
	h.advance(59 * time.Minute)
	if h.send(askAlice("GET", "/users/access_token/validate", token)).fresh() != token {
		t.Error("signed before its time")
	}
	h.set(morning.Add(2 * time.Hour))
	if h.send(askAlice("GET", "/users/access_token/validate", token)).fresh() == token {
		t.Error("not signed anew after two intervals")
	}
}

func TestLifeOfAnApplicationsTokens(t *testing.T) {
	for _, tc := range []struct {
		name   string
		capped bool
		want   time.Duration // after the owner's sign-in
	}{
		{"its own thirty days", false, 59 * day},
		{"capped by the sign-in", true, 30 * day},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHousehold(t, func(c *pda.Config) { c.CapApplications = tc.capped })
			owner := h.signIn()
			h.application(owner, "notes-app", "namespace-read:notes")
			for range 29 {
				h.advance(day)
				owner = h.send(askAlice("GET", "/users/access_token/validate", owner)).fresh()
			}
			application := h.tokenOf(owner, "notes-app")
			service := h.bodyToken(askAlice("GET", "/users/application_token?name=x&resource=y", owner))
			for name, token := range map[string]string{"application": application, "service": service} {
				if got := seconds(t, token, "exp"); !got.Equal(morning.Add(tc.want)) {
					t.Errorf("%s: exp is %s after the sign-in, want %s", name, got.Sub(morning), tc.want)
				}
			}
			for h.clock().Add(day).Before(morning.Add(tc.want)) {
				h.advance(day)
				application = h.send(askAlice("GET", "/api/v2.6/data/notes/daily", application)).want(200, fromServer).fresh()
			}
			h.set(morning.Add(tc.want))
			h.wantBoth(200, application)
			h.advance(time.Second)
			h.wantBoth(401, application)
		})
	}
}

func TestShorterLimitsOfASite(t *testing.T) {
	h := newHousehold(t, func(c *pda.Config) { c.Idle, c.Absolute = time.Hour, 2*time.Hour })
	token := h.signIn()
	h.advance(time.Hour)
	token2 := h.send(askAlice("GET", "/users/access_token/validate", token)).want(200, "").fresh()
	h.advance(time.Second)
	h.wantBoth(401, token)
	h.set(morning.Add(2 * time.Hour))
	h.wantBoth(200, token2)
	h.advance(time.Second)
	h.wantBoth(401, token2)
}

// Another gateway of the same accounts may be ahead, by a minute at most.
func TestTokenOfTheFutureIsRefused(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	h.set(morning.Add(-60 * time.Second))
	h.wantBoth(200, token)
	h.set(morning.Add(-61 * time.Second))
	h.forget()
	h.wantStatus(401, map[string]string{"of the future": token})
}
