package caddymodule

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes/pda"
)

// issue asks for a token for an application, and returns the status.
func (h *household) issue(token, id string) int {
	h.t.Helper()
	return h.send(askAlice("GET", "/api/v2.6/applications/"+id+"/access-token", token)).Code
}

// Each token that is asked for leaves a record for months.
func TestTokensAreNotIssuedWithoutEnd(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	owner := h.signIn()
	minter := h.application(owner, "minter", "retrieve-application-token:minter")

	issued := 0
	for range 100 {
		if h.issue(minter, "minter") == 200 {
			issued++
		}
	}
	if issued != 60 {
		t.Errorf("%d tokens were issued at once, want 60", issued)
	}
	if a := h.send(askAlice("GET", "/api/v2.6/applications/minter/access-token", minter)); a.Code != 429 || a.Header().Get("Retry-After") == "" {
		t.Errorf("beyond: %d, Retry-After %q", a.Code, a.Header().Get("Retry-After"))
	}
	if got := h.issue(owner, "minter"); got != 200 {
		t.Errorf("what an application used up, the owner misses: %d", got)
	}
	h.advance(10 * time.Second)
	if got := h.issue(minter, "minter"); got != 200 {
		t.Errorf("ten seconds later: %d", got)
	}
}

// Clients that send slowly must not fill the memory.
func TestBatchesUnderWayAreBounded(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, func(c *pda.Config) { c.BatchLimit = 32 << 20 })
	token := h.application(h.signIn(), "notes-app", "namespace-write:notes")

	batch := func(ctx context.Context, body io.Reader, length int64) int {
		r := askAliceWith("POST", "/api/v2.6/data-batch", token, "x", "Content-Type", "application/json").WithContext(ctx)
		r.Body, r.ContentLength = io.NopCloser(body), length
		return h.send(r).Code
	}
	const small = `[{"endpoint":"notes/diary","data":{}}]`
	ctx, over := context.WithCancel(t.Context())
	statuses := map[int]int{}
	for range 6 { // of unknown length, each may be of 32 MiB, and take twice that to read
		statuses[batch(ctx, strings.NewReader(small), -1)]++
	}
	if fmt.Sprint(statuses) != "map[200:4 503:2]" {
		t.Errorf("six that may be large: %v", statuses)
	}
	over()
	for patience := time.Now().Add(10 * time.Second); batch(t.Context(), strings.NewReader(small), -1) != 200; runtime.Gosched() {
		if time.Now().After(patience) {
			t.Fatal("the room of calls that are over is not given back")
		}
	}
}

// A disabling that another application could undo is none.
func TestApplicationsDoNotUndoTheOwnersDisabling(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	h.register("one")
	owner := h.signIn()
	h.setUp(owner, "one")
	manager := h.application(owner, "manager", "application-manage:one")
	h.send(askAlice("GET", "/api/v2.6/applications/one/setup", manager)).want(200, "")
	h.send(askAlice("GET", "/api/v2.6/applications/one/disable", owner)).want(200, "")
	h.send(askAlice("GET", "/api/v2.6/applications/one/setup", manager)).want(403, "")
	h.setUp(owner, "one")

	_, err := h.store.EnableApplication(t.Context(), "people", "one", false, "a test")
	h.must(err)
	h.send(askAlice("GET", "/api/v2.6/applications/one/setup", owner)).want(400, "")
	h.send(askAlice("GET", "/api/v2.6/applications/one/access-token", owner)).want(400, "")
}

// A server behind may select the account by the Host that it gets.
func TestHostIsForwardedInTheSpellingThatWasDecidedOn(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	owner := h.signIn()
	for came, want := range map[string]string{
		alice: alice, alice + ".": alice, strings.ToUpper(alice): alice, alice + ":8443": alice + ":8443",
		alice + ":08443": alice + ":8443", alice + ".:443": alice + ":443", alice + ":99999": alice, alice + ":": alice,
	} {
		r := askAlice("GET", "/api/v2.6/data/notes/diary", owner)
		r.Host = came
		a := h.send(r)
		if a.Code == 400 { // an address that no client sends
			continue
		}
		if a.forwarded == nil || a.forwarded.Host != want {
			t.Errorf("%s: %d, forwarded as %v, want %s", came, a.Code, a.forwarded, want)
		}
	}
}
