package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var forgetTests = []storeTest{
	{"what was minted before its holder ended is not bound", bindTooLate},
	{"what a BitBroker deleted is over, and nothing revives it", forgetEnds},
	{"a policy or entity type made anew revives nothing, though nobody heard that it was deleted", renewEnds},
	{"forgetting one thing leaves the others", forgetNothingElse},
	{"a connector is on one entity type", bindConnectorElsewhere},
}

// bindTooLate has the answers of a BitBroker arrive in another order than it gave them.
func bindTooLate(t *testing.T, s *site) {
	eachPlace(t, func(t *testing.T, at place, name func(string) string) {
		for end, forget := range at.forgets {
			for _, known := range []bool{false, true} {
				what := fmt.Sprintf("%s, known %t", end, known)
				before, early, after := name(what+" before"), name(what+" early"), name(what+" after")
				if known {
					s.seat(t, at, before)
				}
				s.mint(t, at, early)
				must(t, forget(s, t))
				wantTooLate(t, what, at.bind(s, t, early), tokenstore.Revoked)
				wantTooLate(t, what+", again", at.bind(s, t, early), tokenstore.Revoked)
				s.wantBroker(t, early, "unknown")
				if info, err := s.TokenByAccessor(t.Context(), accessorOf(early)); err != nil || info.Status != string(tokenstore.Revoked) {
					t.Errorf("%s: the token is %s, %v", what, info.Status, err)
				}
				s.seat(t, at, after)
				must(t, forget(s, t))
				if good := s.goodBrokers(t, before, early, after); good != nil {
					t.Errorf("%s: %q are good", what, good)
				}
			}
		}
	})
}

func forgetEnds(t *testing.T, s *site) {
	eachPlace(t, func(t *testing.T, at place, name func(string) string) {
		for end, forget := range at.forgets {
			first, second, third := name(end+" first"), name(end+" second"), name(end+" third")
			s.seat(t, at, first)
			s.mint(t, at, third) // and bound when all is over
			must(t, forget(s, t))
			s.wantBroker(t, first, at.over)
			wantTooLate(t, end, at.bind(s, t, first), tokenstore.Revoked)
			s.clock.advance(time.Minute)
			s.seat(t, at, second) // it is made anew
			if got := s.goodBrokers(t, first, second, third); !slices.Equal(got, []string{second}) {
				t.Errorf("%s and made anew: %q are good", end, got)
			}
			wantTooLate(t, end+" and made anew", at.bind(s, t, third), tokenstore.Revoked)
			s.wantBroker(t, second, at.good)
			must(t, forget(s, t), forget(s, t))
			s.wantBroker(t, second, at.over)
		}
	})
}

// renewEnds has the answers of a BitBroker to deletions get lost.
func renewEnds(t *testing.T, s *site) {
	renew := map[string]func(t testing.TB) error{
		asConsumer.name:    func(t testing.TB) error { return s.RenewPolicy(t.Context(), home, "weather", actor) },
		asContributor.name: func(t testing.TB) error { return s.RenewEntity(t.Context(), home, "road", actor) },
	}
	forget := map[string]string{asConsumer.name: "policy deleted", asContributor.name: "entity deleted"}
	eachPlace(t, func(t *testing.T, at place, name func(string) string) {
		made := renew[at.name]
		if made == nil {
			return // a user made anew has another id
		}
		first, early, second, third := name("first"), name("early"), name("second"), name("third")
		// Nothing is known of one before, of which a BitBroker may have issued tokens itself.
		must(t, made(t))
		if at.kind == tokenstore.ConsumerToken {
			s.wantStanding(t, "of one of which nothing was known", "foreign", at, s.clock.now(), s.clock.now())
		}
		s.clock.advance(time.Hour)
		s.seat(t, at, first)
		issued := s.clock.now()
		s.clock.advance(time.Hour)
		s.mint(t, at, early)
		s.wantStanding(t, "before it is made anew", "foreign", at, issued.Add(time.Minute), noTime)
		must(t, made(t))
		s.wantStanding(t, "made anew", "foreign", at, issued.Add(time.Minute), s.clock.now())
		s.wantBroker(t, first, at.over)
		wantTooLate(t, "minted before it was made", at.bind(s, t, early), tokenstore.Revoked)
		wantTooLate(t, "bound before it was made", at.bind(s, t, first), tokenstore.Revoked)
		s.seat(t, at, second)
		if got := s.goodBrokers(t, first, early, second); !slices.Equal(got, []string{second}) {
			t.Errorf("made anew: %q are good", got)
		}
		// The answer to the deletion came in time, for once.
		must(t, at.forgets[forget[at.name]](s, t))
		s.wantBroker(t, second, at.over)
		s.clock.advance(time.Hour)
		must(t, made(t))
		s.wantBroker(t, second, at.over)
		s.seat(t, at, third)
		if got := s.goodBrokers(t, first, early, second, third); !slices.Equal(got, []string{third}) {
			t.Errorf("deleted and made anew: %q are good", got)
		}
	})
}

func forgetNothingElse(t *testing.T, s *site) {
	ctx := t.Context()
	for _, at := range places {
		s.seat(t, at, at.name)
		s.mint(t, at, "next "+at.name)
	}
	must(t,
		s.ForgetCoordinator(ctx, home, 8, actor), s.ForgetCoordinator(ctx, "away", 7, actor), s.ForgetUser(ctx, home, 8, actor),
		s.ForgetAccess(ctx, home, 7, "roads", actor), s.ForgetAccess(ctx, home, 8, "weather", actor), s.ForgetAccess(ctx, "away", 7, "weather", actor),
		s.ForgetPolicy(ctx, home, "roads", actor), s.ForgetPolicy(ctx, "away", "weather", actor),
		s.ForgetConnector(ctx, home, "river", "camera", actor), s.ForgetConnector(ctx, home, "road", "counter", actor),
		s.RenewPolicy(ctx, home, "roads", actor), s.RenewPolicy(ctx, "away", "weather", actor),
		s.RenewEntity(ctx, home, "river", actor), s.RenewEntity(ctx, "away", "road", actor),
		s.ForgetConnector(ctx, "away", "road", "camera", actor), s.ForgetEntity(ctx, home, "river", actor), s.ForgetEntity(ctx, "away", "road", actor),
	)
	for _, at := range places {
		s.wantBroker(t, at.name, at.good)
		must(t, at.bind(s, t, "next "+at.name))
		s.wantBroker(t, "next "+at.name, at.good)
	}
	// Of one user, what is left stays.
	s.seat(t, asConsumer, "weather of 7")
	must(t, s.ForgetCoordinator(ctx, home, 7, actor))
	s.wantBroker(t, "next coordinator", "revoked")
	s.wantBroker(t, "weather of 7", asConsumer.good)
	s.seat(t, asCoordinator, "again")
	must(t, s.ForgetAccess(ctx, home, 7, "weather", actor))
	s.wantBroker(t, "again", asCoordinator.good)
	if ids, err := s.Coordinators(ctx, home); err != nil || !slices.Equal(ids, []uint64{7}) {
		t.Errorf("coordinators: %v, %v", ids, err)
	}
}

func bindConnectorElsewhere(t *testing.T, s *site) {
	ctx := t.Context()
	river := asContributor
	river.good = "contributor of river/camera"
	other := strings.Repeat("9", 40)
	river.bind = func(s *site, t testing.TB, token string) error {
		return s.BindConnector(ctx, home, brokerOf(token), "river", "camera", other, actor)
	}
	s.seat(t, asContributor, "road")
	// Its BitBroker says that there is none of river: that of road is not meant.
	must(t, s.ForgetConnector(ctx, home, "river", "camera", actor))
	s.wantBroker(t, "road", asContributor.good)
	near := &listener{}
	defer s.Subscribe(near)()
	s.seat(t, river, "river") // so that of road has gone unseen
	if got := near.take(); !slices.Contains(got, tokenstore.Topic{Realm: home, Subject: "entity/road"}) ||
		!slices.Contains(got, tokenstore.Topic{Realm: home, Subject: "entity/river"}) {
		t.Errorf("announced: %v", got)
	}
	s.wantBroker(t, "road", "connector gone")
	if _, _, err := s.ContributionConnector(ctx, home, contribution); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("by the id that it had: %v, want ErrNotFound", err)
	}
	// The id of another one's is not given to a second.
	s.mint(t, place{kind: tokenstore.ContributorToken, audience: "counter"}, "counter")
	wantErr(t, "an id that another has", s.BindConnector(ctx, home, brokerOf("counter"), "river", "counter", other, actor), tokenstore.ErrInvalid)
	s.wantBroker(t, "counter", "unknown")
	s.wantBroker(t, "river", river.good)
	must(t, s.ForgetEntity(ctx, home, "road", actor))
	s.wantBroker(t, "river", river.good)
}
