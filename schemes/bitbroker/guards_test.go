package bitbroker

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// coordinatorOf seats another coordinator of a BitBroker.
func (s *site) coordinatorOf(user uint64) (token string) {
	s.t.Helper()
	token = s.mint(tokenstore.CoordinatorToken, "")
	must(s.t, s.store().BindCoordinator(s.t.Context(), realm, secret.DigestOf(token), user, "test"))
	return token
}

func TestNoCoordinatorEndsItsOwnBeingOne(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		s := newSite(t, inFront, func(c *Config) { c.AllowSelfDelete = allowed })
		w := s.newWorld()
		s.coordinatorOf(2)
		for _, path := range []string{"/user/1/coordinator", "/user/001/COORDINATOR/", "/%75ser/%31/coordinator"} {
			a := s.ask("DELETE", "/coordinator/v1"+path, w.coordinator)
			a.want(t, 405, false)
			if a.Body.String() != envelopeOf(405) {
				t.Errorf("%s", a.Body)
			}
		}
		s.behind = says(204, "")
		want := map[bool]int{false: 405, true: 204}[allowed]
		s.ask("DELETE", "/coordinator/v1/User/00000001/", w.coordinator).want(t, want, allowed)
		want = map[bool]int{false: 200, true: 403}[allowed]
		s.behind = nil
		s.ask("GET", coordinatorPath, w.coordinator).want(t, want, !allowed)
	}
}

func TestTheLastCoordinatorStaysOne(t *testing.T) {
	s := newSite(t, inFront, func(c *Config) { c.AllowSelfDelete = true })
	w := s.newWorld()
	s.ask("DELETE", "/coordinator/v1/user/1", w.coordinator).want(t, 409, false)
	s.ask("DELETE", "/coordinator/v1/user/1/coordinator", w.coordinator).want(t, 405, false)
	// Users that are none can go.
	s.ask("DELETE", "/coordinator/v1/user/9", w.coordinator).want(t, 200, true)
	s.ask("DELETE", "/coordinator/v1/user/9/coordinator", w.coordinator).want(t, 200, true)
	// And with another one there, one of the two.
	other := s.coordinatorOf(2)
	s.ask("DELETE", "/coordinator/v1/user/1", other).want(t, 200, true)
	s.ask("GET", coordinatorPath, w.coordinator).want(t, 403, false)
	s.ask("DELETE", "/coordinator/v1/user/2", other).want(t, 409, false)
	s.ask("DELETE", "/coordinator/v1/user/2/coordinator", other).want(t, 405, false)
}

// One who cannot call any more is no coordinator that could make another one.
func TestCoordinatorsWithoutAGoodTokenDoNotCount(t *testing.T) {
	s := newSite(t, inFront, func(c *Config) { c.AllowSelfDelete = true })
	w := s.newWorld()
	accessor := s.ask("GET", coordinatorPath, s.coordinatorOf(2)).call.Identity.Accessor
	must(t, s.store().RescindKeys(t.Context(), realm, []string{accessor}, "test"))
	s.ask("DELETE", "/coordinator/v1/user/1", w.coordinator).want(t, 409, false)
	s.ask("DELETE", "/coordinator/v1/user/2/coordinator", w.coordinator).want(t, 200, true)
}

// Two coordinators that remove each other must not both succeed.
func TestOfCoordinatorsThatRemoveEachOtherOneStays(t *testing.T) {
	for range 8 {
		s := newSite(t, inFront)
		tokens := map[uint64]string{1: s.newWorld().coordinator, 2: s.coordinatorOf(2), 3: s.coordinatorOf(3)}
		s.behind = says(204, "")
		var group sync.WaitGroup
		var done atomic.Int32
		for user := range tokens {
			caller := tokens[user%3+1]
			group.Go(func() {
				r := schemestest.Request("DELETE", "/coordinator/v1/user/"+string('0'+rune(user))+"/coordinator", "", "X-Bbk-Auth-Token", caller)
				if s.serve(r).Code == 204 {
					done.Add(1)
				}
			})
		}
		group.Wait()
		left, err := s.store().Coordinators(t.Context(), realm)
		must(t, err)
		if len(left) == 0 || len(left) != 3-int(done.Load()) {
			t.Fatalf("%d were removed, left are %v", done.Load(), left)
		}
	}
}

// While the outcome of a removal is not known, its coordinator does not count.
func TestRemovalsOfUnknownOutcomeCount(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	other := s.coordinatorOf(2)
	// Nothing was heard of the first: no answer came.
	call := &schemes.Call{Request: schemestest.Request("DELETE", "/coordinator/v1/user/2/coordinator", "", "X-Bbk-Auth-Token", w.coordinator)}
	forwarded, err := schemestest.Walk(s.Scheme, nil, call)
	must(t, err)
	if !forwarded {
		t.Fatal("refused")
	}
	s.ask("DELETE", "/coordinator/v1/user/1/coordinator", other).want(t, 409, false)
	// The same once more is no other.
	s.behind = says(500, "")
	s.ask("DELETE", "/coordinator/v1/user/2/coordinator", w.coordinator).want(t, 500, true)
	s.ask("DELETE", "/coordinator/v1/user/1/coordinator", other).want(t, 409, false)
	s.clock.Advance(removalTime)
	s.ask("DELETE", "/coordinator/v1/user/1/coordinator", other).want(t, 500, true)
	// An answer that refuses ends it at once.
	s.behind = says(204, "")
	s.ask("DELETE", "/coordinator/v1/user/2/coordinator", w.coordinator).want(t, 204, true)
}

func TestGuardsFailClosed(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	s.coordinatorOf(2)
	s.ask("GET", coordinatorPath, w.coordinator).want(t, 200, true) // is cached
	s.broken.Store(true)
	s.ask("DELETE", "/coordinator/v1/user/2/coordinator", w.coordinator).want(t, 503, false)
	s.broken.Store(false)
	s.behind = func(*http.Request) (int, string) { return 204, "" }
	s.ask("DELETE", "/coordinator/v1/user/2/coordinator", w.coordinator).want(t, 204, true)
}

func TestTrialsHoldNothing(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	other := s.coordinatorOf(2)
	for range 3 {
		call := &schemes.Call{
			Request: schemestest.Request("DELETE", "/coordinator/v1/user/2/coordinator", "", "X-Bbk-Auth-Token", w.coordinator).WithContext(context.Background()),
			Trial:   new(schemes.Trial),
		}
		forwarded, err := schemestest.Walk(s.Scheme, nil, call)
		if !forwarded || err != nil {
			t.Fatal(err)
		}
	}
	s.ask("DELETE", "/coordinator/v1/user/1/coordinator", other).want(t, 200, true)
}
