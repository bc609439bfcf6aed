package bitbroker

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// tried is a call that is only explained.
func (s *site) tried(method, path string) *schemes.Call {
	s.t.Helper()
	call := &schemes.Call{Request: schemestest.Request(method, path, ""), Trial: new(schemes.Trial)}
	var err error
	call.Path, err = canonpath.FromRequest(call.Request, s.Paths())
	must(s.t, err)
	return call
}

func TestPortraitsAreOfWhoIsThere(t *testing.T) {
	s := newSite(t)
	s.newWorld()
	grace := s.user("grace@example.com")
	s.policy("pol-two")
	s.access(grace, "pol-one")
	s.access(grace, "pol-two")
	for _, tc := range []struct {
		path, who string
		subject   string // empty: not found
		status    int    // of a refusal
	}{
		{coordinatorPath, "1", "1", 0},
		{coordinatorPath, "ADA@example.com", "1", 0},
		{coordinatorPath, "grace@example.com", "", 403},
		{coordinatorPath, "nobody@example.com", "", 0},
		{coordinatorPath, "99", "", 0},
		{coordinatorPath, "0", "", 0},
		{coordinatorPath, "", "", 0},
		{consumerPath, "ada@example.com", "1", 0},
		{consumerPath, "2", "", 403},
		{consumerPath, "2/pol-two", "2", 0},
		{consumerPath, "grace@example.com/pol-one", "2", 0},
		{consumerPath, "grace@example.com/pol-none", "", 403},
		{contributorPath, "ent-one/con-one", "ent-one/con-one", 0},
		{contributorPath, "ent-one/con-two", "", 0},
		{contributorPath, "con-one", "", 0},
		{"/elsewhere", "1", "", 404},
	} {
		call := s.tried("GET", tc.path)
		id, err := s.Portray(t.Context(), call, tc.who)
		refusal := (*schemes.Refusal)(nil)
		switch {
		case tc.subject != "":
			must(t, err)
			if id.Subject != tc.subject {
				t.Errorf("%s: %+v", tc.who, id)
			}
			call.Identity = id
			if decision := s.Decide(call); !decision.Allow {
				t.Errorf("%s: %v %v", tc.who, decision.Reason, call.Denial)
			}
		case tc.status != 0:
			if !errors.As(err, &refusal) || refusal.Status != tc.status {
				t.Errorf("%s %s: %v", tc.path, tc.who, err)
			}
		case !errors.Is(err, tokenstore.ErrNotFound):
			t.Errorf("%s %s: %v", tc.path, tc.who, err)
		}
	}
	s.broken.Store(true)
	if _, err := s.Portray(t.Context(), s.tried("GET", coordinatorPath), "1"); err == nil || errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestMadeUpIdentitiesLeaveOpenWhatTheyDoNotSay(t *testing.T) {
	s := newSite(t)
	id := &schemes.Identity{Kind: kindContributor, Subject: "ent-one/con-one"}
	s.Complete(id)
	call := s.tried("GET", contributorPath)
	call.Identity = id
	if decision := s.Decide(call); !decision.Allow || len(call.Trial.Open) != 1 {
		t.Errorf("%v %v", decision.Reason, call.Trial.Open)
	}
	s.Forward(call, call.Request)
	if call.Request.Header.Get("X-Bbk-Audience") != "con-one" {
		t.Errorf("%v", call.Request.Header)
	}
	offline := newSite(t, inFront)
	call = offline.tried("DELETE", "/coordinator/v1/user/2")
	call.Trial.Offline = true
	call.Identity = &schemes.Identity{Kind: kindCoordinator, Subject: "1"}
	offline.Complete(call.Identity)
	if decision := offline.Decide(call); !decision.Allow || len(call.Trial.Open) != 1 {
		t.Errorf("%v %v", decision.Reason, call.Trial.Open)
	}
	call = offline.tried("DELETE", "/coordinator/v1/user/1")
	call.Identity = &schemes.Identity{Kind: kindCoordinator, Subject: "1"}
	offline.Complete(call.Identity)
	if decision := offline.Decide(call); decision.Allow || call.Denial.Status != 405 {
		t.Errorf("%v %v", decision.Reason, call.Denial)
	}
	if strange := s.Strange(&schemes.Identity{Kind: "owner", Roles: []string{"x"}}); len(strange) != 2 {
		t.Errorf("%v", strange)
	}
	if strange := s.Strange(&schemes.Identity{Kind: kindConsumer}); strange != nil {
		t.Errorf("%v", strange)
	}
}

func TestExplanationsConsiderTheRulesThatDecide(t *testing.T) {
	s := newSite(t)
	call := s.tried("GET", "/CONSUMER/v1/Catalog/")
	considered := s.Explain(call)
	if !slices.ContainsFunc(considered, func(c policies.Consideration) bool {
		return c.Rule.Pattern == "/consumer/v1/{path...}" && c.Outcome == policies.Asked
	}) {
		t.Errorf("%v", considered)
	}
	if considered := s.Explain(s.tried("GET", "/nothing")); len(considered) != 0 {
		t.Errorf("%v", considered)
	}
	h := http.Header{}
	s.Present(h, schemes.NewCredential("t"))
	if h.Get("x-bbk-auth-token") != "t" {
		t.Errorf("%v", h)
	}
}

func TestExplanationsLeaveOpenWhetherLimitsAreUsedUp(t *testing.T) {
	s := newSite(t)
	s.newWorld() // its policy has no limits
	s.policy("pol-two", quotaOf(1, "day"))
	s.access(s.user("grace@example.com"), "pol-two")
	for _, tc := range []struct {
		path, who string
		open      int
	}{
		{consumerPath, "1", 0},
		{consumerPath, "2", 1},
		{coordinatorPath, "1", 0},
		{contributorPath, "ent-one/con-one", 0},
	} {
		call := s.tried("GET", tc.path)
		var err error
		call.Identity, err = s.Portray(t.Context(), call, tc.who)
		must(t, err)
		for range 2 { // nothing is counted
			if err := s.Meter(t.Context(), call); err != nil || len(call.Trial.Open) != tc.open {
				t.Errorf("%s by %s: %v, open %q", tc.path, tc.who, err, call.Trial.Open)
			}
		}
	}
	// Of who is made up nobody knows the policy, nor without a store.
	s.broken.Store(true)
	for _, offline := range []bool{false, true} {
		call := s.tried("GET", consumerPath)
		call.Trial.Offline = offline
		call.Identity = &schemes.Identity{Kind: kindConsumer, Subject: "1"}
		s.Complete(call.Identity)
		if err := s.Meter(t.Context(), call); err != nil || len(call.Trial.Open) != 1 {
			t.Errorf("made up: %v, open %q", err, call.Trial.Open)
		}
	}
}
