package caddymodule

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// handClock hands out what a surveyor waits for, and tells how long it wanted to wait.
type handClock struct {
	wanted chan time.Duration
	ring   chan time.Time
}

func newHandClock() *handClock {
	return &handClock{wanted: make(chan time.Duration), ring: make(chan time.Time)}
}

func (c *handClock) after(d time.Duration) <-chan time.Time {
	c.wanted <- d
	return c.ring
}

func TestSurveyCountsRecipientsByHowTheyStand(t *testing.T) {
	g := startGateway(t)
	g.create("waiting", "sales")
	g.activate(g.create("active", "sales")["activation_link"])
	g.activate(g.ok("POST", recipientsPath, `{"name": "short", "grants": ["sales"], "token_lifetime": "24h"}`)["activation_link"])
	g.create("revoked", "sales")
	g.ok("POST", recipientsPath+"/revoked/revoke", "")
	g.ok("POST", recipientsPath, `{"name": "legacy", "grants": ["*"], "token": "a-token-of-before"}`)
	g.ok("POST", recipientsPath, `{"name": "unused", "grants": ["*"], "token": "another-of-before"}`)
	if w := g.get("http://sharing.example.com/delta-sharing/shares", "a-token-of-before"); w.Code != 200 {
		t.Fatalf("the imported token gets %d", w.Code)
	}
	g.create("gone", "sales")
	g.ok("PATCH", recipientsPath+"/gone", `{"disabled": true}`)

	var found surveys
	clock := newHandClock()
	s := startSurveys(g.app, &found, clock.after)
	if wait := <-clock.wanted; wait < surveyInterval {
		t.Errorf("the next survey is after %s", wait)
	}
	want := `
		# HELP gatehouse_delta_recipients Recipients of a realm by how they stand; one can be in several states.
		# TYPE gatehouse_delta_recipients gauge
		gatehouse_delta_recipients{realm="default",state="all"} 7
		gatehouse_delta_recipients{realm="default",state="disabled"} 1
		gatehouse_delta_recipients{realm="default",state="link_unretrieved"} 2
		gatehouse_delta_recipients{realm="default",state="no_token"} 1
		gatehouse_delta_recipients{realm="default",state="old_token_in_use"} 1
		gatehouse_delta_recipients{realm="default",state="token_expiring"} 1
	`
	if err := testutil.CollectAndCompare(&found, strings.NewReader(want), "gatehouse_delta_recipients"); err != nil {
		t.Error(err)
	}
	used := found.latest["default"].old
	if len(used) != 2 || used[0].recipient != "legacy" || used[0].at.IsZero() || used[1].recipient != "unused" || used[1].at.IsZero() {
		t.Errorf("old tokens: %v", used)
	}

	// The next survey sees what changed; what the app found goes with it.
	g.ok("DELETE", recipientsPath+"/gone", "")
	clock.ring <- time.Time{}
	<-clock.wanted
	if got := found.latest["default"].states; got[stateAll] != 6 || got[stateDisabled] != 0 {
		t.Errorf("after a deletion: %v", got)
	}
	s.Stop()
	if n := testutil.CollectAndCount(&found); n != 0 {
		t.Errorf("%d series are left", n)
	}
}

// A reload starts the new configuration's surveys before the old one's are stopped. The
// first may take long, and must not leave a gap.
func TestSurveysStayOverAReload(t *testing.T) {
	var found surveys
	one := func(n int) survey { return survey{states: map[string]int{stateAll: n}} }
	total := func(realm string) int { return found.latest[realm].states[stateAll] }

	earlier := found.join()
	found.put(earlier, "default", one(1))
	found.put(earlier, "gone", one(1))
	later := found.join()
	found.leave(earlier)
	if total("default") != 1 || total("gone") != 1 {
		t.Errorf("a gap: %v", found.latest)
	}
	found.put(later, "default", one(2))
	found.settle()
	if _, there := found.latest["gone"]; there || total("default") != 2 {
		t.Errorf("after the new one's round: %v", found.latest)
	}

	// The new configuration failed: the old one's surveyor goes on.
	failed := found.join()
	found.put(failed, "default", one(3))
	found.put(later, "default", one(2)) // was under way: it does not replace a later one's
	if total("default") != 3 {
		t.Errorf("an earlier survey replaced a later one: %v", found.latest)
	}
	found.leave(failed)
	found.put(later, "default", one(2))
	found.settle()
	if total("default") != 2 {
		t.Errorf("after a failed reload: %v", found.latest)
	}
	found.leave(later)
	if len(found.latest) != 0 {
		t.Errorf("left: %v", found.latest)
	}
}

func TestOldTokensAreTheLatestOfMany(t *testing.T) {
	s := survey{states: map[string]int{}}
	for i := range 3 * maxOldTokens {
		s.add(fmt.Sprintf("r%05d", i), standing{usable: true, old: true, oldUsed: noon.Add(time.Duration(i) * time.Second)}, noon)
	}
	s.add("never", standing{usable: true, old: true}, noon)
	s.latest()
	if len(s.old) != maxOldTokens || s.old[0].recipient != "r02999" || s.old[maxOldTokens-1].recipient != "r02000" {
		t.Errorf("%d, from %v to %v", len(s.old), s.old[0], s.old[len(s.old)-1])
	}
}

func TestSurveyThatIsStoppedBreaksOff(t *testing.T) {
	g := startGateway(t)
	backend, err := g.app.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := takeSurvey(ctx, backend.Store, "default"); err == nil {
		t.Error("a survey went on")
	}
}

// Stop waits for what runs in the background, or the store would close under it; the
// leak check of this package's tests sees what is left.
func TestAppStopsItsSurveys(t *testing.T) {
	g := startGateway(t)
	if err := g.app.Stop(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-g.app.surveys.ended:
	default:
		t.Error("the surveys go on")
	}
}

func TestUsesAreCountedByStatusOfTheToken(t *testing.T) {
	m := newMetrics()
	for _, old := range []schemes.Oldness{schemes.NotOld, schemes.Imported, schemes.Rotated, schemes.Rotated} {
		m.used(&schemes.Identity{Scheme: "delta", Old: old})
	}
	registry := prometheus.NewRegistry()
	if err := m.register(registry); err != nil {
		t.Fatal(err)
	}
	want := `
		# HELP gatehouse_token_uses_total Requests with a valid token, by scheme and status of the token: active, rotated (in its overlap) or imported.
		# TYPE gatehouse_token_uses_total counter
		gatehouse_token_uses_total{scheme="delta",status="active"} 1
		gatehouse_token_uses_total{scheme="delta",status="imported"} 1
		gatehouse_token_uses_total{scheme="delta",status="rotated"} 2
	`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "gatehouse_token_uses_total"); err != nil {
		t.Error(err)
	}
}

func TestGateCountsUsesOfOldTokens(t *testing.T) {
	g := startGateway(t)
	g.ok("POST", recipientsPath, `{"name": "legacy", "grants": ["*"], "token": "a-token-of-before"}`)
	second := g.activate(g.create("acme", "sales")["activation_link"])
	count := func(status string) float64 {
		return testutil.ToFloat64(processMetrics.uses.WithLabelValues("delta", status))
	}
	imported, active, rotated := count("imported"), count("active"), count("rotated")
	shares := "http://sharing.example.com/delta-sharing/shares"
	g.get(shares, "a-token-of-before")
	g.get(shares, second)
	g.ok("POST", recipientsPath+"/acme/rotate", `{"old_expires_in": "1h"}`)
	g.get(shares, second)
	g.get(shares, second)
	g.get(shares, "nobodys-token-at-all")
	if i, a, r := count("imported")-imported, count("active")-active, count("rotated")-rotated; i != 1 || a != 1 || r != 2 {
		t.Errorf("counted %v imported, %v active, %v rotated", i, a, r)
	}
}
