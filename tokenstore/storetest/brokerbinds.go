package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func bindOnce(t *testing.T, s *site) {
	binds := map[string]func(token string) error{
		"user 7":     func(token string) error { return asCoordinator.bind(s, t, token) },
		"user 8":     func(token string) error { return s.BindCoordinator(t.Context(), home, brokerOf(token), 8, actor) },
		"7, weather": func(token string) error { return asConsumer.bind(s, t, token) },
		"8, weather": func(token string) error { return s.BindAccess(t.Context(), home, brokerOf(token), 8, "weather", actor) },
		"7, roads":   func(token string) error { return s.BindAccess(t.Context(), home, brokerOf(token), 7, "roads", actor) },
		"camera":     func(token string) error { return asContributor.bind(s, t, token) },
		"another": func(token string) error {
			return s.BindConnector(t.Context(), home, brokerOf(token), "road", "counter", strings.Repeat("1", 40), actor)
		},
	}
	right := map[string]string{asCoordinator.name: "user 7", asConsumer.name: "7, weather", asContributor.name: "camera"}
	eachPlace(t, func(t *testing.T, at place, name func(string) string) {
		token := name("token")
		s.mint(t, at, token)
		wrong := []string{}
		for holder := range binds {
			// A coordinator's token and an access to the policy could be anybody's.
			if holder != right[at.name] && !(at.audience == "" && holder == "user 8") && !(at.audience == "weather" && holder == "8, weather") {
				wrong = append(wrong, holder)
			}
		}
		for _, holder := range wrong {
			wantErr(t, "bound to "+holder, binds[holder](token), tokenstore.ErrNotFound)
		}
		wantErr(t, "of another realm", s.bindAway(t, at, token), tokenstore.ErrNotFound)
		s.wantBroker(t, token, "unknown")
		must(t, at.bind(s, t, token))
		before, err := s.Revision(t.Context())
		must(t, err)
		must(t, at.bind(s, t, token))
		if after, err := s.Revision(t.Context()); err != nil || after != before {
			t.Errorf("bound to the same again, the store went from %d to %d, %v", before, after, err)
		}
		for holder, bind := range binds {
			if holder != right[at.name] {
				wantErr(t, "bound and then to "+holder, bind(token), tokenstore.ErrNotFound)
			}
		}
		s.wantBroker(t, token, at.good)
		wantErr(t, "a token that nobody minted", at.bind(s, t, name("none")), tokenstore.ErrNotFound)
	})
	// What the gateway issued by itself was minted for nobody.
	must(t, s.SeatCoordinator(t.Context(), home, 7, brokerToken("own"), actor))
	for holder, bind := range binds {
		wantErr(t, "an own token to "+holder, bind("own"), tokenstore.ErrNotFound)
	}
	s.wantBroker(t, "own", "coordinator 7")
	if err := asCoordinator.bind(s, t, "coordinator token"); err == nil {
		t.Error("a token that lost its seat is bound to it")
	}
	s.wantBroker(t, "own", "coordinator 7")
}

func (s *site) bindAway(t testing.TB, at place, token string) error {
	switch at.kind {
	case tokenstore.CoordinatorToken:
		return s.BindCoordinator(t.Context(), "away", brokerOf(token), 7, actor)
	case tokenstore.ConsumerToken:
		return s.BindAccess(t.Context(), "away", brokerOf(token), 7, "weather", actor)
	default:
		return s.BindConnector(t.Context(), "away", brokerOf(token), "road", "camera", contribution, actor)
	}
}

func bindLifetime(t *testing.T, s *site) {
	eachPlace(t, func(t *testing.T, at place, name func(string) string) {
		mint := func(token string, lifetime time.Duration, notAfter time.Time) {
			t.Helper()
			n := tokenstore.NewMint{NewBrokerToken: brokerToken(token), Kind: at.kind, Audience: at.audience, NotAfter: notAfter}
			n.Lifetime = lifetime
			must(t, s.MintBrokerToken(t.Context(), home, n, actor))
		}
		bindAfter := func(wait time.Duration, token string) {
			t.Helper()
			s.clock.advance(wait)
			must(t, at.bind(s, t, token))
			s.wantBroker(t, token, at.good)
		}
		hour := name("an hour")
		mint(hour, time.Hour, time.Time{})
		bindAfter(9*time.Minute, hour)
		s.clock.advance(time.Hour - time.Second)
		s.wantBroker(t, hour, at.good)
		s.clock.advance(time.Second)
		s.wantBroker(t, hour, "expired")

		endless := name("endless")
		mint(endless, 0, time.Time{})
		bindAfter(0, endless)
		s.clock.advance(50 * 365 * day)
		s.wantBroker(t, endless, at.good)

		bounded := name("bounded")
		mint(bounded, 0, s.clock.now().Add(time.Hour+time.Millisecond))
		bindAfter(time.Minute, bounded)
		s.clock.advance(59*time.Minute - time.Second)
		s.wantBroker(t, bounded, at.good)
		s.clock.advance(time.Second)
		s.wantBroker(t, bounded, "expired")

		late, over := name("late"), name("over")
		mint(late, time.Hour, time.Time{})
		mint(over, time.Hour, s.clock.now().Add(time.Minute))
		s.clock.advance(time.Minute)
		wantTooLate(t, "at the end that it was asked for with", at.bind(s, t, over), tokenstore.Expired)
		s.clock.advance(9 * time.Minute)
		wantTooLate(t, "after ten minutes", at.bind(s, t, late), tokenstore.Expired)
		for _, token := range []string{late, over} {
			s.wantBroker(t, token, "unknown")
		}
	})
}

func bindEndsBefore(t *testing.T, s *site) {
	eachPlace(t, func(t *testing.T, at place, name func(string) string) {
		first, second, third := name("first"), name("second"), name("third")
		s.mint(t, at, first, second, third)
		must(t, at.bind(s, t, second))
		must(t, at.bind(s, t, first)) // whatever was minted first: this is the later word
		s.wantBroker(t, first, at.good)
		s.wantBroker(t, second, "rotated")
		wantTooLate(t, "the one before again", at.bind(s, t, second), tokenstore.Rotated)
		s.wantBroker(t, first, at.good)
		must(t, s.RescindKeys(t.Context(), home, []string{accessorOf(first)}, actor))
		s.wantBroker(t, first, "revoked")
		must(t, at.bind(s, t, third))
		s.wantBroker(t, third, at.good)
		s.wantBroker(t, first, "revoked")
	})
}

func seatCoordinator(t *testing.T, s *site) {
	ctx := t.Context()
	must(t, s.SeatCoordinator(ctx, home, 1, brokerToken("first"), actor))
	s.wantBroker(t, "first", "coordinator 1")
	must(t, s.SeatCoordinator(ctx, home, 1, brokerToken("second"), actor))
	s.wantBroker(t, "second", "coordinator 1")
	s.wantBroker(t, "first", "rotated")
	must(t, s.ForgetUser(ctx, home, 1, actor))
	s.wantBroker(t, "second", "revoked")
	must(t, s.SeatCoordinator(ctx, home, 1, brokerToken("third"), actor))
	if got := s.goodBrokers(t, "first", "second", "third"); !slices.Equal(got, []string{"third"}) {
		t.Errorf("%q are good", got)
	}
	if ids, err := s.Coordinators(ctx, home); err != nil || !slices.Equal(ids, []uint64{1}) {
		t.Errorf("coordinators: %v, %v", ids, err)
	}
}

func mintRevokeRealm(t *testing.T, s *site) {
	for _, at := range places {
		s.seat(t, at, "bound "+at.name)
		s.mint(t, at, "pending "+at.name)
	}
	must(t, s.RevokeRealm(t.Context(), home, actor))
	for _, at := range places {
		s.wantBroker(t, "bound "+at.name, "revoked")
		wantTooLate(t, at.name, at.bind(s, t, "pending "+at.name), tokenstore.Revoked)
		s.wantBroker(t, "pending "+at.name, "unknown")
		s.seat(t, at, "anew "+at.name)
	}
}
