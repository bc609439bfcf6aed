package storetest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var brokerPolicyTests = []storeTest{
	{"policies are a realm's, by their slugs", brokerPolicies},
	{"limits that can be none are refused", refuseLimits},
	{"a policy made anew revives nothing", recreatePolicy},
	{"entity types are a realm's, by their slugs", brokerEntities},
}

// pages reads a list in pages of each of several sizes, and demands the same slugs each time.
func pages(t testing.TB, want string, list func(after string, limit int) (slugs []string, next string, err error)) {
	t.Helper()
	for _, limit := range []int{1, 2, 3, 10} {
		var slugs []string
		for after := ""; ; {
			page, next, err := list(after, limit)
			must(t, err)
			if len(page) > limit {
				t.Fatalf("a page of %d has %d", limit, len(page))
			}
			slugs = append(slugs, page...)
			if after = next; next == "" || len(slugs) > 10 {
				break
			}
		}
		if got := strings.Join(slugs, " "); got != want {
			t.Errorf("in pages of %d: %s, want %s", limit, got, want)
		}
	}
}

func brokerPolicies(t *testing.T, s *site) {
	s.addPolicy(t, "weather", "gone", "energy", "weather-2", "air")
	must(t, s.DeleteBrokerPolicy(t.Context(), home, "gone", actor))
	_, err := s.CreateBrokerPolicy(t.Context(), home, "weather", nil, tokenstore.BrokerLimits{}, actor)
	wantErr(t, "a slug that is taken", err, tokenstore.ErrExists)
	_, err = s.CreateBrokerPolicy(t.Context(), "away", "water", nil, tokenstore.BrokerLimits{}, actor)
	must(t, err)
	pages(t, "air energy weather weather-2", func(after string, limit int) (slugs []string, next string, err error) {
		policies, next, err := s.BrokerPolicies(t.Context(), home, after, limit)
		for _, policy := range policies {
			slugs = append(slugs, policy.Slug)
		}
		return slugs, next, err
	})
	s.clock.advance(time.Minute)
	limits := tokenstore.BrokerLimits{Enabled: true, Quota: &tokenstore.BrokerQuota{MaxNumber: 5, Interval: "month"}, Rate: new(int64(0))}
	changed, err := s.UpdateBrokerPolicy(t.Context(), home, "weather", []byte("new"), limits, "eve")
	must(t, err)
	found, revision, err := s.BrokerPolicy(t.Context(), home, "weather")
	must(t, err)
	for _, policy := range []tokenstore.BrokerPolicy{changed, found} {
		if string(policy.Document) != "new" || policy.Life != 1 || policy.UpdatedBy != "eve" || !policy.CreatedAt.Equal(dawn) ||
			policy.Limits.Quota.MaxNumber != 5 || *policy.Limits.Rate != 0 || revision == 0 {
			t.Errorf("the policy is %+v at %d", policy, revision)
		}
	}
	for _, slug := range []string{"gone", "water", "", "Weather", "weather\x00", strings.Repeat("w", 65)} {
		_, revision, getErr := s.BrokerPolicy(t.Context(), home, slug)
		_, updateErr := s.UpdateBrokerPolicy(t.Context(), home, slug, nil, tokenstore.BrokerLimits{}, actor)
		wantErr(t, "policy "+slug, getErr, tokenstore.ErrNotFound)
		wantErr(t, "updating policy "+slug, updateErr, tokenstore.ErrNotFound)
		wantErr(t, "deleting policy "+slug, s.DeleteBrokerPolicy(t.Context(), home, slug, actor), tokenstore.ErrNotFound)
		if revision == 0 {
			t.Errorf("policy %q is not there as of no revision", slug)
		}
	}
	for _, slug := range []string{"", "Weather", "a/b", "a_b", "ä", "a\x00", strings.Repeat("w", 65)} {
		_, policyErr := s.CreateBrokerPolicy(t.Context(), home, slug, nil, tokenstore.BrokerLimits{}, actor)
		_, entityErr := s.CreateBrokerEntity(t.Context(), home, slug, nil, actor)
		wantErr(t, "making policy "+slug, policyErr, tokenstore.ErrInvalid)
		wantErr(t, "making entity type "+slug, entityErr, tokenstore.ErrInvalid)
	}
	s.addPolicy(t, strings.Repeat("w", 64))
}

func refuseLimits(t *testing.T, s *site) {
	s.addPolicy(t, "weather")
	for name, limits := range map[string]tokenstore.BrokerLimits{
		"a negative quota":   {Quota: &tokenstore.BrokerQuota{MaxNumber: -1, Interval: "day"}},
		"a quota of nothing": {Quota: &tokenstore.BrokerQuota{MaxNumber: 1}},
		"a quota of a week":  {Quota: &tokenstore.BrokerQuota{MaxNumber: 1, Interval: "week"}},
		"a negative rate":    {Rate: new(int64(-1))},
	} {
		_, createErr := s.CreateBrokerPolicy(t.Context(), home, "energy", nil, limits, actor)
		_, updateErr := s.UpdateBrokerPolicy(t.Context(), home, "weather", nil, limits, actor)
		wantErr(t, "made with "+name, createErr, tokenstore.ErrInvalid)
		wantErr(t, "updated to "+name, updateErr, tokenstore.ErrInvalid)
	}
}

func recreatePolicy(t *testing.T, s *site) {
	ann, ben := s.user(t, "ann"), s.user(t, "ben")
	s.addPolicy(t, "weather", "energy")
	must(t, s.tryAccess(t, ann, "weather", "ann"), s.tryAccess(t, ben, "weather", "ben"), s.tryAccess(t, ann, "energy", "energy"))
	s.reissue(t, ann, "weather", "ann 2", time.Hour)
	s.clock.advance(time.Minute)
	gone := dawn.Add(time.Minute)
	must(t, s.DeleteBrokerPolicy(t.Context(), home, "weather", actor))
	over := func() {
		t.Helper()
		for _, name := range []string{"ann", "ann 2", "ben"} {
			s.wantBroker(t, name, "revoked")
		}
		s.wantBroker(t, "energy", "consumer 1 of energy")
	}
	notThere := func() {
		t.Helper()
		if got := s.accessesOf(t, ann); got != "energy" {
			t.Errorf("the accesses are %q", got)
		}
		users, _, err := s.BrokerUsers(t.Context(), home, 0, 10)
		if err != nil || len(users) != 2 || len(users[0].Accesses) != 1 || len(users[1].Accesses) != 0 {
			t.Errorf("the list says %+v, %v", users, err)
		}
		wantErr(t, "reissuing", s.ReissueBrokerAccess(t.Context(), home, ann, "weather", brokerToken("late"), 0, actor), tokenstore.ErrNotFound)
		wantErr(t, "deleting", s.DeleteBrokerAccess(t.Context(), home, ann, "weather", actor), tokenstore.ErrNotFound)
	}
	over()
	notThere()
	wantErr(t, "access to what is gone", s.tryAccess(t, ann, "weather", "late"), tokenstore.ErrNotFound)
	for life := uint64(2); life < 4; life++ {
		policy, err := s.CreateBrokerPolicy(t.Context(), home, "weather", nil, tokenstore.BrokerLimits{}, actor)
		if err != nil || policy.Life != life || policy.Gone || !policy.EndedOn.Equal(gone) {
			t.Errorf("the policy made anew is %+v, %v", policy, err)
		}
		over()
		notThere()
		if life == 2 {
			must(t, s.DeleteBrokerPolicy(t.Context(), home, "weather", actor))
			over()
		}
	}
	must(t, s.tryAccess(t, ann, "weather", "anew"))
	s.wantBroker(t, "anew", "consumer 1 of weather")
	over()
	info, err := s.TokenByAccessor(t.Context(), accessorOf("ann"))
	if err != nil || !info.EndedAt.Equal(gone) {
		t.Errorf("the first token ended at %s, %v, want %s", info.EndedAt, err, gone)
	}
}

func brokerEntities(t *testing.T, s *site) {
	s.entity(t, "sensor", "gone", "city", "sensor-2", "area")
	must(t, s.DeleteBrokerEntity(t.Context(), home, "gone", actor))
	_, err := s.CreateBrokerEntity(t.Context(), home, "sensor", nil, actor)
	wantErr(t, "a slug that is taken", err, tokenstore.ErrExists)
	pages(t, "area city sensor sensor-2", func(after string, limit int) (slugs []string, next string, err error) {
		entities, next, err := s.BrokerEntities(t.Context(), home, after, limit)
		for _, entity := range entities {
			slugs = append(slugs, entity.Slug)
		}
		return slugs, next, err
	})
	changed, err := s.UpdateBrokerEntity(t.Context(), home, "city", []byte("new"), "eve")
	must(t, err)
	if found, err := s.BrokerEntity(t.Context(), home, "city"); err != nil || !bytes.Equal(found.Document, changed.Document) || found.UpdatedBy != "eve" {
		t.Errorf("the entity type is %+v, %v", found, err)
	}
	for _, slug := range []string{"gone", "", "City"} {
		_, getErr := s.BrokerEntity(t.Context(), home, slug)
		_, updateErr := s.UpdateBrokerEntity(t.Context(), home, slug, nil, actor)
		_, _, listErr := s.BrokerConnectors(t.Context(), home, slug, "", 10)
		_, createErr := s.tryConnector(t, slug, "met", "late")
		for what, err := range map[string]error{
			"get": getErr, "update": updateErr, "connectors": listErr, "connect": createErr,
			"delete": s.DeleteBrokerEntity(t.Context(), home, slug, actor),
		} {
			wantErr(t, what+" entity type "+slug, err, tokenstore.ErrNotFound)
		}
	}
	s.entity(t, "gone")
	if entity, err := s.BrokerEntity(t.Context(), home, "gone"); err != nil || entity.Life != 2 || len(entity.Document) != 2 {
		t.Errorf("the entity type made anew is %+v, %v", entity, err)
	}
}
