package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var brokerConnectorTests = []storeTest{
	{"connectors are an entity type's, and their slugs a realm's", brokerConnectors},
	{"a connector is found by its contribution id", contributions},
	{"a connector's token is rotated in place", rotateConnector},
	{"of a connector that is gone, or its entity type, nothing comes back", recreateConnector},
	{"notes of what was deleted outlive their tokens", keepNotes},
	{"tokens that ended with something go after their time, others stay", pruneBrokers},
}

func brokerConnectors(t *testing.T, s *site) {
	s.entity(t, "city")
	s.connector(t, "sensor", "met", "met")
	s.connector(t, "sensor", "air", "air")
	s.connector(t, "city", "plan", "plan")
	s.connector(t, "sensor", "gone", "gone")
	must(t, s.DeleteBrokerConnector(t.Context(), home, "sensor", "gone", actor))
	for _, entity := range []string{"sensor", "city"} {
		_, err := s.tryConnector(t, entity, "met", "twice")
		wantErr(t, "met on "+entity, err, tokenstore.ErrExists)
	}
	s.wantBroker(t, "met", "contributor of sensor/met")
	s.wantBroker(t, "plan", "contributor of city/plan")
	s.wantBroker(t, "gone", "connector gone")
	s.wantBroker(t, "twice", "unknown")
	pages(t, "air met", func(after string, limit int) (slugs []string, next string, err error) {
		connectors, next, err := s.BrokerConnectors(t.Context(), home, "sensor", after, limit)
		for _, connector := range connectors {
			slugs = append(slugs, connector.Slug)
		}
		return slugs, next, err
	})
	changed, err := s.UpdateBrokerConnector(t.Context(), home, "sensor", "met", []byte("new"), "eve")
	must(t, err, s.SetBrokerConnectorLive(t.Context(), home, "sensor", "met", true, actor))
	found, err := s.BrokerConnector(t.Context(), home, "sensor", "met")
	if err != nil || string(found.Document) != "new" || !found.Live || changed.Live || found.Contribution != contributionOf("sensor", "met") {
		t.Errorf("the connector is %+v, %v", found, err)
	}
	must(t, s.SetBrokerConnectorLive(t.Context(), home, "sensor", "met", false, actor))
	if found, err = s.BrokerConnector(t.Context(), home, "sensor", "met"); found.Live || err != nil {
		t.Errorf("the connector is live, %v", err)
	}
	for _, name := range [][2]string{{"sensor", "gone"}, {"city", "met"}, {"sensor", "plan"}, {"sensor", ""}, {"sensor", "Met"}, {"", "met"}} {
		_, getErr := s.BrokerConnector(t.Context(), home, name[0], name[1])
		_, updateErr := s.UpdateBrokerConnector(t.Context(), home, name[0], name[1], nil, actor)
		for what, err := range map[string]error{
			"get": getErr, "update": updateErr, "live": s.SetBrokerConnectorLive(t.Context(), home, name[0], name[1], true, actor),
			"rotate": s.RotateBrokerConnector(t.Context(), home, name[0], name[1], brokerToken("late"), 0, actor),
			"delete": s.DeleteBrokerConnector(t.Context(), home, name[0], name[1], actor),
		} {
			wantErr(t, fmt.Sprint(what, " connector ", name), err, tokenstore.ErrNotFound)
		}
	}
	_, err = s.CreateBrokerConnector(t.Context(), home, "sensor", "Met", contributionOf("sensor", "Met"), nil, brokerToken("late"), actor)
	wantErr(t, "a slug that none can have", err, tokenstore.ErrInvalid)
	_, err = s.CreateBrokerConnector(t.Context(), home, "sensor", "long", contributionOf("sensor", "long"), make([]byte, 512<<10+1), brokerToken("late"), actor)
	wantErr(t, "a long document", err, tokenstore.ErrInvalid)
}

func contributions(t *testing.T, s *site) {
	s.connector(t, "sensor", "met", "met")
	s.connector(t, "sensor", "air", "air")
	id := contributionOf("sensor", "met")
	find := func(realm, id, want string) {
		t.Helper()
		connector, revision, err := s.ContributionConnector(t.Context(), realm, id)
		if want == "" {
			wantErr(t, "contribution "+id, err, tokenstore.ErrNotFound)
		} else if err != nil || connector.Slug != want {
			t.Errorf("contribution %s is connector %q, %v, want %q", id, connector.Slug, err, want)
		}
		if revision == 0 {
			t.Errorf("contribution %s was read at no revision", id)
		}
	}
	find(home, id, "met")
	find("away", id, "")
	for _, none := range []string{"", id[:39], id + "0", strings.ToUpper(id), "g" + id[1:], id[:39] + "\x00"} {
		find(home, none, "")
		_, err := s.CreateBrokerConnector(t.Context(), home, "sensor", "other", none, nil, brokerToken("other"), actor)
		wantErr(t, "a connector of contribution "+none, err, tokenstore.ErrInvalid)
	}
	_, err := s.CreateBrokerConnector(t.Context(), home, "sensor", "other", id, nil, brokerToken("other"), actor)
	wantErr(t, "a connector of another's contribution", err, tokenstore.ErrInvalid)
	must(t, s.DeleteBrokerConnector(t.Context(), home, "sensor", "met", actor))
	find(home, id, "")
	// Made anew, with another secret of the application.
	_, err = s.CreateBrokerConnector(t.Context(), home, "sensor", "met", contributionOf("sensor", "salted met"), nil, brokerToken("met 2"), actor)
	must(t, err)
	find(home, id, "")
	find(home, contributionOf("sensor", "salted met"), "met")
	must(t, s.DeleteBrokerEntity(t.Context(), home, "sensor", actor))
	find(home, contributionOf("sensor", "air"), "")
	s.entity(t, "sensor")
	find(home, contributionOf("sensor", "air"), "")
	s.connector(t, "sensor", "air", "air 2")
	find(home, contributionOf("sensor", "air"), "air")
}

func rotateConnector(t *testing.T, s *site) {
	s.connector(t, "sensor", "met", "1")
	rotate := func(token string, overlap time.Duration) {
		t.Helper()
		must(t, s.RotateBrokerConnector(t.Context(), home, "sensor", "met", brokerToken(token), overlap, actor))
	}
	good := func(want ...string) {
		t.Helper()
		if got := s.goodBrokers(t, strings.Fields("1 2 3 4")...); !slices.Equal(got, want) {
			t.Errorf("good are %q, want %q", got, want)
		}
	}
	rotate("2", 0)
	good("2")
	s.wantBroker(t, "1", "rotated")
	rotate("3", time.Hour)
	good("2", "3")
	rotate("4", time.Hour)
	good("3", "4")
	s.clock.advance(time.Hour)
	good("4")
	if connector, err := s.BrokerConnector(t.Context(), home, "sensor", "met"); err != nil || connector.Contribution != contributionOf("sensor", "met") {
		t.Errorf("the connector is %+v, %v", connector, err)
	}
	err := s.RotateBrokerConnector(t.Context(), home, "sensor", "met", brokerToken("5"), -1, actor)
	wantErr(t, "a negative overlap", err, tokenstore.ErrInvalid)
	s.clock.advance(lifetime)
	s.wantBroker(t, "4", "expired")
	must(t, s.DeleteBrokerConnector(t.Context(), home, "sensor", "met", actor))
	s.wantBroker(t, "4", "expired") // who comes with it is a stranger already
}

func recreateConnector(t *testing.T, s *site) {
	s.entity(t, "city")
	s.connector(t, "sensor", "met", "1")
	s.connector(t, "sensor", "air", "air")
	must(t, s.DeleteBrokerConnector(t.Context(), home, "sensor", "met", actor))
	s.wantBroker(t, "1", "connector gone")
	s.connector(t, "sensor", "met", "2")
	s.wantBroker(t, "1", "revoked")
	s.wantBroker(t, "2", "contributor of sensor/met")
	s.clock.advance(time.Minute)
	must(t, s.DeleteBrokerEntity(t.Context(), home, "sensor", actor))
	s.wantBroker(t, "2", "connector gone")
	s.wantBroker(t, "air", "connector gone")
	s.entity(t, "sensor")
	s.wantBroker(t, "2", "connector gone")
	if list, _, err := s.BrokerConnectors(t.Context(), home, "sensor", "", 10); len(list) != 0 || err != nil {
		t.Errorf("the entity type made anew has %d connectors, %v", len(list), err)
	}
	_, err := s.UpdateBrokerConnector(t.Context(), home, "sensor", "met", nil, actor)
	wantErr(t, "updating what went with its entity type", err, tokenstore.ErrNotFound)
	s.connector(t, "city", "met", "3") // its slug is free, on any entity type
	s.wantBroker(t, "3", "contributor of city/met")
	s.wantBroker(t, "2", "connector gone") // that was another one
	s.wantBroker(t, "1", "connector gone")
	// What ended with the entity type says so itself, now that its connector's record is another's.
	gone := dawn.Add(time.Minute)
	if info, err := s.TokenByAccessor(t.Context(), accessorOf("2")); err != nil || !info.EndedAt.Equal(gone) {
		t.Errorf("the token of before ended at %s, %v, want %s", info.EndedAt, err, gone)
	}
	if moved, err := s.BrokerConnector(t.Context(), home, "city", "met"); err != nil || !moved.EndedOn.Equal(gone) || moved.EndedAt == 0 {
		t.Errorf("the connector on another entity type is %+v, %v", moved, err)
	}
	must(t, s.DeleteBrokerConnector(t.Context(), home, "city", "met", actor))
	s.connector(t, "sensor", "met", "4")
	connector, err := s.BrokerConnector(t.Context(), home, "sensor", "met")
	if err != nil || !connector.EndedOn.Equal(gone) || connector.EndedAt == 0 {
		t.Errorf("the connector made anew is %+v, %v", connector, err)
	}
	s.wantBroker(t, "1", "revoked")
	s.wantBroker(t, "2", "revoked")
	s.wantBroker(t, "3", "connector gone")
	s.wantBroker(t, "4", "contributor of sensor/met")
}

func keepNotes(t *testing.T, s *site) {
	ann := s.user(t, "ann")
	s.addPolicy(t, "weather")
	must(t, s.tryAccess(t, ann, "weather", "weather"))
	s.connector(t, "sensor", "met", "met")
	must(
		t, s.DeleteBrokerConnector(t.Context(), home, "sensor", "met", actor), s.DeleteBrokerEntity(t.Context(), home, "sensor", actor),
		s.DeleteBrokerPolicy(t.Context(), home, "weather", actor),
	)
	s.clock.advance(10 * 365 * 24 * time.Hour)
	s.pass(t)
	s.wantBroker(t, "weather", "unknown")
	s.addPolicy(t, "weather")
	if policy, _, err := s.BrokerPolicy(t.Context(), home, "weather"); err != nil || policy.Life != 2 || !policy.EndedOn.Equal(dawn) || policy.EndedAt == 0 {
		t.Errorf("the policy made anew is %+v, %v", policy, err)
	}
	if got := s.accessesOf(t, ann); got != "" {
		t.Errorf("the accesses are %q", got)
	}
	s.connector(t, "sensor", "met", "met 2")
	connector, err := s.BrokerConnector(t.Context(), home, "sensor", "met")
	if err != nil || connector.Life != 2 || !connector.EndedOn.Equal(dawn) {
		t.Errorf("the connector made anew is %+v, %v", connector, err)
	}
	must(t, s.DeleteBrokerUser(t.Context(), home, ann, actor))
	s.clock.advance(10 * 365 * 24 * time.Hour)
	s.pass(t)
	if next := s.user(t, "ann"); next != 2 {
		t.Errorf("the id %d is given again", next)
	}
}

func pruneBrokers(t *testing.T, s *site) {
	ann, ben := s.user(t, "ann"), s.user(t, "ben")
	s.addPolicy(t, "weather", "energy", "traffic")
	give := func(user uint64, policy string) {
		t.Helper()
		token := brokerToken(policy)
		token.Lifetime = 0
		_, err := s.CreateBrokerAccess(t.Context(), home, user, policy, token, actor)
		must(t, err)
		s.Touch(token.Accessor, "192.0.2.7", "client")
	}
	give(ann, "weather")
	give(ann, "energy")
	give(ben, "traffic")
	token := brokerToken("met")
	token.Lifetime = 0
	s.entity(t, "sensor", "city")
	_, err := s.CreateBrokerConnector(t.Context(), home, "sensor", "met", contributionOf("sensor", "met"), nil, token, actor)
	must(t, err, s.FlushUsage(t.Context()))
	const late = 100 * 24 * time.Hour // when they have been there for longer than what ended is kept
	s.clock.advance(late)
	must(
		t, s.DeleteBrokerPolicy(t.Context(), home, "energy", actor), s.DeleteBrokerUser(t.Context(), home, ben, actor),
		s.DeleteBrokerEntity(t.Context(), home, "sensor", actor),
	)
	s.clock.advance(tokenstore.KeepEnded - time.Second)
	s.pass(t)
	s.wantBroker(t, "energy", "revoked")
	s.wantBroker(t, "traffic", "revoked")
	s.wantBroker(t, "met", "connector gone")
	s.clock.advance(time.Second)
	if n := s.pass(t); n != 3 {
		t.Errorf("%d records are removed, want 3", n)
	}
	for _, name := range []string{"energy", "traffic", "met"} {
		s.wantBroker(t, name, "unknown")
		if left := s.leftovers(t, accessorOf(name)); len(left) > 0 {
			t.Errorf("left behind of %s: %q", name, left)
		}
	}
	s.wantBroker(t, "weather", "consumer 1 of weather")
	// What leads to tokens that are gone works.
	s.connector(t, "sensor", "met", "met 2")
	s.addPolicy(t, "energy")
	must(t, s.tryAccess(t, ann, "energy", "energy 2"))
	s.wantBroker(t, "energy 2", "consumer 1 of energy")
}
