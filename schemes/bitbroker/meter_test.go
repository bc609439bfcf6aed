package bitbroker

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestConsumersAreLimitedTogetherOrEachForItself(t *testing.T) {
	for _, perAccess := range []bool{false, true} {
		s := newSite(t, func(c *Config) { c.LimitPerAccess = perAccess })
		s.policy("pol-one", quotaOf(2, "day"))
		s.policy("pol-two", quotaOf(2, "day"))
		ada, grace := s.user("ada@example.com"), s.user("grace@example.com")
		first, second, other := s.access(ada, "pol-one"), s.access(grace, "pol-one"), s.access(ada, "pol-two")
		s.ask("GET", consumerPath, first).want(t, 200, true)
		s.ask("HEAD", consumerPath, first).want(t, 200, true)
		a := s.ask("GET", consumerPath, first)
		a.want(t, 429, false)
		if a.Header().Get("Retry-After") != "43200" || a.Body.String() != envelopeOf(429) {
			t.Errorf("%v %s", a.Header(), a.Body)
		}
		want := map[bool]int{false: 429, true: 200}[perAccess]
		s.ask("GET", consumerPath, second).want(t, want, perAccess)
		s.ask("GET", consumerPath, other).want(t, 200, true)

		// What is reissued is no other access.
		text, stored := fresh()
		must(t, s.store().ReissueBrokerAccess(t.Context(), realm, ada, "pol-one", stored, 0, "test"))
		s.ask("GET", consumerPath, text).want(t, 429, false)

		s.clock.Set(noon.Add(12 * time.Hour))
		s.ask("GET", consumerPath, text).want(t, 200, true)
	}
}

func TestWhatIsRefusedOrTriedCostsNothing(t *testing.T) {
	s := newSite(t)
	s.policy("pol-one", quotaOf(1, "day"))
	token := s.access(s.user("ada@example.com"), "pol-one")
	for _, call := range []struct{ method, path string }{{"POST", consumerPath}, {"OPTIONS", consumerPath}, {"GET", coordinatorPath}, {"GET", "/nothing"}, {"GET", contributorPath}} {
		s.ask(call.method, call.path, token)
	}
	trial := func(call *schemes.Call) { call.Trial = new(schemes.Trial) }
	s.serve(schemestest.Request("GET", consumerPath, "", "X-Bbk-Auth-Token", token), trial).want(t, 200, true)
	s.ask("GET", consumerPath, token).want(t, 200, true)
	s.ask("GET", consumerPath, token).want(t, 429, false)
}

func TestLimitsThatChangeHoldAtOnceAndForgiveNothing(t *testing.T) {
	s := newSite(t)
	s.policy("pol-one", quotaOf(3, "day"))
	token := s.access(s.user("ada@example.com"), "pol-one")
	set := func(limits tokenstore.BrokerLimits) {
		_, err := s.store().UpdateBrokerPolicy(t.Context(), realm, "pol-one", []byte(`{}`), limits, "test")
		must(t, err)
	}
	s.ask("GET", consumerPath, token).want(t, 200, true)
	s.ask("GET", consumerPath, token).want(t, 200, true)
	set(quotaOf(2, "day"))
	s.ask("GET", consumerPath, token).want(t, 429, false)
	set(quotaOf(3, "day"))
	s.ask("GET", consumerPath, token).want(t, 200, true)
	s.ask("GET", consumerPath, token).want(t, 429, false)
	disabled := quotaOf(3, "day")
	disabled.Enabled = false
	set(disabled)
	s.ask("GET", consumerPath, token).want(t, 200, true)
	set(tokenstore.BrokerLimits{Enabled: true})
	s.ask("GET", consumerPath, token).want(t, 200, true)
	set(perSecond(0))
	s.ask("GET", consumerPath, token).want(t, 429, false)
	s.ask("OPTIONS", consumerPath, "").want(t, 200, true)
}

func TestOthersAreNotCounted(t *testing.T) {
	s := newSite(t)
	w := s.newWorld()
	for range 50 {
		s.ask("GET", contributorPath, w.contributor).want(t, 200, true)
		s.ask("GET", consumerPath, w.consumer).want(t, 200, true) // a policy without limits
	}
}

func TestLimitsInFrontAreWhatTheRateServiceWasTold(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	s.ask("GET", consumerPath, w.consumer).want(t, 200, true)
	limits := quotaOf(2, "month")
	must(t, s.store().SetBrokerLimits(t.Context(), realm, "pol-one", &limits, "test"))
	s.ask("GET", consumerPath, w.consumer).want(t, 200, true)
	s.ask("GET", consumerPath, w.consumer).want(t, 200, true)
	s.ask("GET", consumerPath, w.consumer).want(t, 429, false)
	must(t, s.store().SetBrokerLimits(t.Context(), realm, "pol-one", nil, "test"))
	s.ask("GET", consumerPath, w.consumer).want(t, 429, false) // until the policy is deleted
	must(t, s.store().SetBrokerLimits(t.Context(), realm, "pol-one", &tokenstore.BrokerLimits{}, "test"))
	s.ask("GET", consumerPath, w.consumer).want(t, 200, true)
}

func TestStoreThatCannotCountRefuses(t *testing.T) {
	s := newSite(t)
	s.policy("pol-one", quotaOf(1000, "day"))
	token := s.access(s.user("ada@example.com"), "pol-one")
	s.ask("HEAD", "/consumer/v1", token).want(t, 200, false) // the gateway's own: identified, not counted
	s.broken.Store(true)
	s.ask("GET", consumerPath, token).want(t, 503, false)
}
