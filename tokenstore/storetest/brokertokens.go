package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var brokerTokenTests = []storeTest{
	{"a user is given access to a policy", giveAccess},
	{"what is reissued ends the token before, or after an overlap", reissueAccess},
	{"a token is not good beyond its realm, or as another kind", brokerElsewhere},
	{"what is no token of a BitBroker is refused", refuseBrokerToken},
	{"a mass revocation ends the tokens, and the seats stay", brokerRevokeRealm},
	{"one token is revoked by its accessor", revokeBrokerToken},
	{"the list of tokens says whose they are", showBrokerTokens},
	{"the audit names who, what and whose", auditBroker},
}

func giveAccess(t *testing.T, s *site) {
	ann, ben := s.user(t, "ann"), s.user(t, "ben")
	s.addPolicy(t, "weather", "traffic", "energy")
	access, err := s.CreateBrokerAccess(t.Context(), home, ann, "weather", brokerToken("weather"), actor)
	if err != nil || access.Policy != "weather" || !access.CreatedAt.Equal(dawn) || !access.Seat.Taken() {
		t.Errorf("the access is %+v, %v", access, err)
	}
	must(t, s.tryAccess(t, ann, "energy", "energy"), s.tryAccess(t, ann, "traffic", "traffic"))
	wantErr(t, "an access that there is", s.tryAccess(t, ann, "weather", "twice"), tokenstore.ErrExists)
	wantErr(t, "of nobody", s.tryAccess(t, 7, "weather", "nobody"), tokenstore.ErrNotFound)
	wantErr(t, "of no policy", s.tryAccess(t, ann, "water", "nothing"), tokenstore.ErrNotFound)
	wantErr(t, "of a policy that cannot be", s.tryAccess(t, ann, "Weather\x00", "nothing"), tokenstore.ErrNotFound)
	if got := s.accessesOf(t, ann) + "; " + s.accessesOf(t, ben); got != "energy traffic weather; " {
		t.Errorf("the accesses are %q", got)
	}
	s.wantBroker(t, "weather", "consumer 1 of weather")
	s.wantBroker(t, "traffic", "consumer 1 of traffic")
	s.wantBroker(t, "twice", "unknown")
	must(t, s.DeleteBrokerAccess(t.Context(), home, ann, "weather", actor))
	wantErr(t, "deleting again", s.DeleteBrokerAccess(t.Context(), home, ann, "weather", actor), tokenstore.ErrNotFound)
	wantErr(t, "reissuing what is deleted",
		s.ReissueBrokerAccess(t.Context(), home, ann, "weather", brokerToken("late"), 0, actor), tokenstore.ErrNotFound)
	s.wantBroker(t, "weather", "revoked")
	s.wantBroker(t, "traffic", "consumer 1 of traffic")
	must(t, s.tryAccess(t, ann, "weather", "weather again"))
	s.wantBroker(t, "weather again", "consumer 1 of weather")
	s.wantBroker(t, "weather", "revoked")
}

func reissueAccess(t *testing.T, s *site) {
	ann := s.user(t, "ann")
	s.addPolicy(t, "weather")
	must(t, s.tryAccess(t, ann, "weather", "1"))
	good := func(want ...string) {
		t.Helper()
		if got := s.goodBrokers(t, strings.Fields("1 2 3 4 5 6")...); !slices.Equal(got, want) {
			t.Errorf("good are %q, want %q", got, want)
		}
	}
	s.clock.advance(400 * time.Millisecond) // of a second that had begun
	s.reissue(t, ann, "weather", "2", 0)
	good("2")
	s.wantBroker(t, "1", "rotated")
	s.reissue(t, ann, "weather", "3", time.Hour)
	good("2", "3")
	s.reissue(t, ann, "weather", "4", time.Minute) // the oldest one ends at once
	good("3", "4")
	s.wantBroker(t, "2", "rotated")
	s.clock.advance(time.Minute)
	good("4")
	s.wantBroker(t, "3", "rotated")
	s.reissue(t, ann, "weather", "5", 10*lifetime) // lengthens nothing
	s.clock.advance(lifetime - time.Minute - time.Second)
	good("4", "5")
	s.clock.advance(time.Second)
	good("5")
	s.reissue(t, ann, "weather", "6", time.Hour)
	must(t, s.DeleteBrokerAccess(t.Context(), home, ann, "weather", actor))
	good()
	s.wantBroker(t, "5", "revoked")
	s.wantBroker(t, "6", "revoked")
	// What is over does not come back with the time in which it was good.
	s.clock.advance(-2 * lifetime)
	good()
}

func brokerElsewhere(t *testing.T, s *site) {
	ann := s.user(t, "ann")
	s.addPolicy(t, "weather")
	s.promote(t, ann, "ann")
	must(t, s.tryAccess(t, ann, "weather", "weather"))
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	for _, name := range []string{"ann", "weather"} {
		_, elsewhere := s.BrokerHolder(t.Context(), "away", brokerOf(name))
		_, bearer := s.TokenHolder(t.Context(), home, brokerOf(name))
		_, family := s.FamilyHolder(t.Context(), home, brokerOf(name))
		for where, err := range map[string]error{"another realm": elsewhere, "a data call": bearer, "an account": family} {
			wantErr(t, name+" in "+where, err, tokenstore.ErrNotFound)
		}
	}
	_, err := s.BrokerHolder(t.Context(), home, tokenOf("acme"))
	wantErr(t, "a bearer token", err, tokenstore.ErrNotFound)
}

func refuseBrokerToken(t *testing.T, s *site) {
	ann := s.user(t, "ann")
	s.addPolicy(t, "weather", "traffic")
	must(t, s.tryAccess(t, ann, "weather", "first"))
	for name, spoil := range map[string]func(*tokenstore.NewBrokerToken){
		"no id":                  func(n *tokenstore.NewBrokerToken) { n.Accessor = "" },
		"an id that is no UUID":  func(n *tokenstore.NewBrokerToken) { n.Accessor = "tok_1" },
		"an id in capitals":      func(n *tokenstore.NewBrokerToken) { n.Accessor = strings.ToUpper(n.Accessor) },
		"the id of another":      func(n *tokenstore.NewBrokerToken) { n.Accessor = accessorOf("first") },
		"the secret of another":  func(n *tokenstore.NewBrokerToken) { n.Digest = brokerOf("first") },
		"a negative life":        func(n *tokenstore.NewBrokerToken) { n.Lifetime = -time.Second },
		"a life of milliseconds": func(n *tokenstore.NewBrokerToken) { n.Lifetime = time.Millisecond },
	} {
		token := brokerToken("another")
		spoil(&token)
		_, promoteErr := s.Promote(t.Context(), home, ann, token, actor)
		_, accessErr := s.CreateBrokerAccess(t.Context(), home, ann, "traffic", token, actor)
		wantErr(t, "promoted with "+name, promoteErr, tokenstore.ErrInvalid)
		wantErr(t, "access with "+name, accessErr, tokenstore.ErrInvalid)
		wantErr(t, "reissued with "+name, s.ReissueBrokerAccess(t.Context(), home, ann, "weather", token, 0, actor), tokenstore.ErrInvalid)
	}
	for _, overlap := range []time.Duration{-1, 200 * 365 * 24 * time.Hour} {
		err := s.ReissueBrokerAccess(t.Context(), home, ann, "weather", brokerToken("another"), overlap, actor)
		wantErr(t, fmt.Sprint("an overlap of ", overlap), err, tokenstore.ErrInvalid)
	}
	s.wantBroker(t, "first", "consumer 1 of weather")
	if got := s.accessesOf(t, ann); got != "weather" {
		t.Errorf("the accesses are %q", got)
	}
}

func brokerRevokeRealm(t *testing.T, s *site) {
	ann := s.user(t, "ann")
	s.addPolicy(t, "weather")
	s.promote(t, ann, "ann")
	must(t, s.tryAccess(t, ann, "weather", "weather"))
	must(t, s.RevokeRealm(t.Context(), "away", actor))
	s.wantBroker(t, "weather", "consumer 1 of weather")
	must(t, s.RevokeRealm(t.Context(), home, actor))
	s.wantBroker(t, "ann", "revoked")
	s.wantBroker(t, "weather", "revoked")
	s.wantCoordinators(t, "[1]")
	if got := s.accessesOf(t, ann); got != "weather" {
		t.Errorf("the accesses are %q", got)
	}
	// The overlap is for what is good.
	s.reissue(t, ann, "weather", "anew", time.Hour)
	s.wantBroker(t, "anew", "consumer 1 of weather")
	s.wantBroker(t, "weather", "revoked")
}

func revokeBrokerToken(t *testing.T, s *site) {
	ann := s.user(t, "ann")
	s.addPolicy(t, "weather")
	must(t, s.tryAccess(t, ann, "weather", "weather"))
	s.reissue(t, ann, "weather", "anew", time.Hour)
	s.clock.advance(time.Minute)
	for range 2 {
		info, err := s.RevokeToken(t.Context(), accessorOf("weather"), actor)
		if err != nil || info.Status != "revoked" || !info.EndedAt.Equal(dawn.Add(time.Minute)) {
			t.Errorf("revoking gives %+v, %v", info, err)
		}
		s.clock.advance(time.Minute)
	}
	s.wantBroker(t, "weather", "revoked")
	s.wantBroker(t, "anew", "consumer 1 of weather")
	_, err := s.RevokeToken(t.Context(), accessorOf("anew"), actor)
	must(t, err)
	s.wantBroker(t, "anew", "revoked")
	wantErr(t, "an access of which the token is revoked", s.tryAccess(t, ann, "weather", "more"), tokenstore.ErrExists)
	must(t, s.DeleteBrokerUser(t.Context(), home, ann, actor))
	before, err := auditLength(t.Context(), s.Store)
	must(t, err)
	if _, err = s.RevokeToken(t.Context(), accessorOf("anew"), actor); err != nil {
		t.Errorf("revoking a token of a deleted user: %v", err)
	}
	if after, err := auditLength(t.Context(), s.Store); after != before || err != nil {
		t.Errorf("revoking what is over is in the audit, %v", err)
	}
}

func showBrokerTokens(t *testing.T, s *site) {
	ann := s.user(t, "ann")
	s.addPolicy(t, "weather")
	s.promote(t, ann, "ann")
	must(t, s.tryAccess(t, ann, "weather", "weather"))
	s.reissue(t, ann, "weather", "anew", time.Hour)
	s.connector(t, "sensor", "met", "met")
	s.Touch(accessorOf("anew"), "192.0.2.7", "client")
	want := func(token, kind, holder, status string) {
		t.Helper()
		info, err := s.TokenByAccessor(t.Context(), accessorOf(token))
		if err != nil || info.Kind.String() != kind || info.Holder != holder || info.Status != status || info.Recipient != "" || info.Account != "" {
			t.Errorf("token %s is the %s of %q, %s, %v, want %s of %q, %s", token, info.Kind, info.Holder, info.Status, err, kind, holder, status)
		}
	}
	want("ann", "coordinator token", "ann@example.com", "active")
	want("weather", "consumer token", "ann@example.com, policy weather", "rotated")
	want("anew", "consumer token", "ann@example.com, policy weather", "active")
	want("met", "contributor token", "sensor/met", "active")
	list, _, err := s.Tokens(t.Context(), "", 10)
	if err != nil || len(list) != 4 {
		t.Errorf("the list has %d tokens, %v", len(list), err)
	}
	if info, err := s.TokenByAccessor(t.Context(), accessorOf("anew")); err != nil || info.Use.ClientIP != "192.0.2.7" {
		t.Errorf("the last use is %+v, %v", info.Use, err)
	}
	must(t, s.RotateBrokerConnector(t.Context(), home, "sensor", "met", brokerToken("met 2"), 0, actor))
	want("met", "contributor token", "sensor/met", "revoked") // as who comes with it is told
	must(t, s.DeleteBrokerEntity(t.Context(), home, "sensor", actor), s.DeleteBrokerPolicy(t.Context(), home, "weather", actor))
	want("anew", "consumer token", "ann@example.com, policy weather", "revoked")
	want("met", "contributor token", "sensor/met", "revoked")
	ben := s.user(t, "ben")
	s.promote(t, ben, "ben")
	must(t, s.DeleteBrokerUser(t.Context(), home, ann, actor))
	want("ann", "coordinator token", "user 1", "revoked")
	want("weather", "consumer token", "user 1, policy weather", "revoked")
}

func auditBroker(t *testing.T, s *site) {
	ann, ben := s.user(t, "ann"), s.user(t, "ben")
	s.addPolicy(t, "weather")
	s.promote(t, ann, "ann")
	s.promote(t, ben, "ben")
	must(t, s.tryAccess(t, ben, "weather", "weather"))
	s.reissue(t, ben, "weather", "anew", time.Hour)
	s.connector(t, "sensor", "met", "met")
	must(
		t, s.RotateBrokerConnector(t.Context(), home, "sensor", "met", brokerToken("met 2"), 0, actor),
		s.SetBrokerConnectorLive(t.Context(), home, "sensor", "met", true, actor),
		s.SetBrokerConnectorLive(t.Context(), home, "sensor", "met", true, actor), // says nothing new
		s.DeleteBrokerConnector(t.Context(), home, "sensor", "met", actor),
		s.DeleteBrokerEntity(t.Context(), home, "sensor", actor),
		s.DeleteBrokerAccess(t.Context(), home, ben, "weather", actor),
		s.DeleteBrokerPolicy(t.Context(), home, "weather", actor),
		s.Demote(t.Context(), home, ben, actor),
		s.DeleteBrokerUser(t.Context(), home, ben, actor),
	)
	entries, _, err := s.Audit(t.Context(), nil, 100)
	must(t, err)
	var got []string
	for _, e := range entries {
		if e.Actor != actor || e.Realm != home {
			t.Errorf("%s is by %q in %q", e.Action, e.Actor, e.Realm)
		}
		for _, name := range []string{"ann", "ben", "weather", "anew", "met", "met 2"} {
			if e.Accessor == accessorOf(name) {
				e.Accessor = "token " + name
			}
		}
		got = append(got, strings.Join([]string{e.Action, e.Subject, e.Name, e.Accessor, e.Detail}, "|"))
	}
	want := []string{
		"createUser|1|ann@example.com||",
		"createUser|2|ben@example.com||",
		"createPolicy||weather||",
		"promoteCoordinator|1|ann@example.com|token ann|",
		"promoteCoordinator|2|ben@example.com|token ben|",
		"createAccess|2|ben@example.com|token weather|policy weather",
		"reissueAccess|2|ben@example.com|token anew|policy weather; old tokens expire within 1h0m0s",
		"createEntity||sensor||",
		"createConnector|sensor/met|sensor/met|token met|",
		"rotateConnector|sensor/met|sensor/met|token met 2|old tokens expire within 0s",
		"updateConnector|sensor/met|sensor/met||live",
		"deleteConnector|sensor/met|sensor/met||",
		"deleteEntity||sensor||",
		"deleteAccess|2|ben@example.com||policy weather",
		"deletePolicy||weather||",
		"demoteCoordinator|2|ben@example.com||",
		"deleteUser|2|ben@example.com||",
	}
	slices.Sort(got) // entries of one moment stand in no order
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the audit says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
