package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var brokerKeyTests = []storeTest{
	{"a rescinded key is over, whoever made its token", rescindKeys},
	{"a rescinded key ends also the foreign token that had it before", rescindShared},
	{"a key of another realm is not rescinded with it", rescindElsewhere},
	{"no token is minted of a key that was rescinded", mintOfRescinded},
	{"a foreign token ends with its policy or connector", foreignEnds},
	{"a foreign token ends with all of its realm", foreignEndsWithRealm},
}

// rescind ends the tokens of names by their key ids.
func (s *site) rescind(t testing.TB, tokens ...string) {
	t.Helper()
	keys := make([]string, len(tokens))
	for i, token := range tokens {
		keys[i] = accessorOf(token)
	}
	must(t, again(func() error { return s.RescindKeys(t.Context(), home, keys, actor) }))
}

// wantStanding demands when a token of a name is over that a BitBroker issued at a time; the
// zero time for one that is good.
func (s *site) wantStanding(t testing.TB, what, token string, at place, issued, want time.Time) {
	t.Helper()
	standing, err := s.ForeignStanding(t.Context(), home, accessorOf(token), at.kind, at.audience, issued)
	if err != nil || !standing.Rescinded.Equal(want) {
		t.Errorf("%s: over at %v, %v, want %v", what, standing.Rescinded, err, want)
	}
}

var noTime time.Time

func rescindKeys(t *testing.T, s *site) {
	for _, at := range places {
		bound, pending, next := "bound "+at.name, "pending "+at.name, "next "+at.name
		s.seat(t, at, bound)
		s.mint(t, at, pending)
		s.rescind(t, bound, pending)
		s.wantBroker(t, bound, "revoked")
		wantTooLate(t, pending, at.bind(s, t, pending), tokenstore.Revoked)
		s.wantBroker(t, pending, "unknown")
		// As a BitBroker reissues: rescinded first, then minted, then bound.
		s.seat(t, at, next)
		s.wantBroker(t, bound, "revoked")
	}
	s.wantStanding(t, "never heard of", "foreign", asCoordinator, dawn, noTime)
	s.rescind(t, "foreign", "foreign")
	standing, err := s.ForeignStanding(t.Context(), home, accessorOf("foreign"), tokenstore.CoordinatorToken, "", dawn)
	if now, revisionErr := s.Revision(t.Context()); err != nil || revisionErr != nil || standing.Revision != now {
		t.Errorf("read at revision %d, %v, the store is at %d, %v", standing.Revision, err, now, revisionErr)
	}
	s.clock.advance(time.Minute)
	before, err := s.Revision(t.Context())
	must(t, err)
	s.rescind(t, "foreign", "bound consumer")
	if after, err := s.Revision(t.Context()); err != nil || after != before {
		t.Errorf("rescinded again, the store went from %d to %d, %v", before, after, err)
	}
	for _, at := range places {
		s.wantStanding(t, at.name, "foreign", at, dawn.Add(time.Hour), dawn)
		s.wantStanding(t, at.name, "another", at, dawn.Add(time.Hour), noTime)
	}
	// A whole hundred, of all sorts.
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprint("many ", i))
		if i%2 == 0 {
			s.mint(t, asConsumer, many[i])
		}
	}
	must(t, asConsumer.bind(s, t, many[50]))
	s.rescind(t, many...)
	s.wantBroker(t, many[50], "revoked")
	for i, token := range many {
		if i%2 == 0 {
			wantTooLate(t, token, asConsumer.bind(s, t, token), tokenstore.Revoked)
		} else {
			s.wantStanding(t, token, token, asConsumer, dawn, dawn.Add(time.Minute))
		}
	}
}

// rescindShared has a BitBroker ask for tokens by key ids of its own, which it gave before.
func rescindShared(t *testing.T, s *site) {
	for _, at := range places {
		bound, pending, over := "bound "+at.name, "pending "+at.name, "over "+at.name
		s.seat(t, at, over, bound) // so that the first is rotated
		s.mint(t, at, pending)
		for _, token := range []string{bound, pending, over} {
			foreign := asCoordinator
			s.wantStanding(t, token+" before", token, foreign, dawn, noTime)
			s.rescind(t, token)
			s.wantStanding(t, token, token, foreign, dawn, dawn)
		}
	}
	// And none is minted of it, when nothing else is known of it any more.
	s.clock.advance(tokenstore.KeepEnded + day)
	s.pass(t)
	wantErr(t, "pruned", second(s.TokenByAccessor(t.Context(), accessorOf("bound consumer"))), tokenstore.ErrNotFound)
	wantErr(t, "a token of a key that was", s.tryMint(t, asConsumer, "bound consumer"), tokenstore.ErrExists)
}

func rescindElsewhere(t *testing.T, s *site) {
	s.seat(t, asConsumer, "weather")
	must(t, s.RescindKeys(t.Context(), "away", []string{accessorOf("weather"), accessorOf("foreign")}, actor))
	s.wantBroker(t, "weather", asConsumer.good)
	s.wantStanding(t, "of another realm", "foreign", asConsumer, dawn, noTime)
	// Nor a token of another scheme, whatever its accessor is.
	bearer := link("acme")
	bearer.Accessor = accessorOf("acme")
	_, err := s.CreateRecipient(t.Context(), tokenstore.NewRecipient{ID: "id of acme", Realm: home, Name: "acme", Link: bearer}, actor)
	must(t, err)
	_, err = s.Activate(t.Context(), home, codeOf("acme"), tokenOf("acme"), tokenstore.BearerToken, lifetime)
	must(t, err)
	s.rescind(t, "acme")
	s.wantToken(t, home, "acme", "valid")
	s.wantStanding(t, "a foreign one of that id", "acme", asConsumer, dawn, dawn)
}

func mintOfRescinded(t *testing.T, s *site) {
	s.rescind(t, "foreign")
	wantErr(t, "a token of a rescinded key", s.tryMint(t, asConsumer, "foreign"), tokenstore.ErrExists)
	s.seat(t, asConsumer, "own")
	s.rescind(t, "own")
	wantErr(t, "a token of a key that it had", s.tryMint(t, asConsumer, "own"), tokenstore.ErrExists)
	n := tokenstore.NewMint{NewBrokerToken: brokerToken("foreign"), Kind: tokenstore.ConsumerToken, Audience: "weather"}
	must(t, s.MintBrokerToken(t.Context(), "away", n, actor)) // there it was not
}

func foreignEnds(t *testing.T, s *site) {
	const ahead = 30 * time.Second // an issuer's clock may be
	for _, at := range []place{asConsumer, asContributor} {
		t.Run(at.name, func(t *testing.T) {
			for _, forget := range sortedKeys(at.forgets) {
				if forget == "user deleted" || forget == "access deleted" {
					continue // nobody knows whose it is
				}
				what := at.name + ", " + forget
				at.audience = "of-" + forget[:6] // of which nothing is known
				entity := "entity-" + at.audience
				end := func(t testing.TB) error {
					switch forget {
					case "policy deleted":
						return s.ForgetPolicy(t.Context(), home, at.audience, actor)
					case "connector deleted":
						return s.ForgetConnector(t.Context(), home, entity, at.audience, actor)
					default:
						return s.ForgetEntity(t.Context(), home, entity, actor)
					}
				}
				anew := func(t testing.TB, token string) {
					t.Helper()
					s.mint(t, at, token)
					if at.kind == tokenstore.ConsumerToken {
						must(t, s.BindAccess(t.Context(), home, brokerOf(token), 7, at.audience, actor))
						return
					}
					id := fmt.Sprintf("%040x", at.audience)
					must(t, s.BindConnector(t.Context(), home, brokerOf(token), entity, at.audience, id, actor))
				}
				start := s.clock.now()
				s.wantStanding(t, what+": nothing known", "foreign", at, start, noTime)
				s.wantStanding(t, what+": nothing known, of no time", "foreign", at, noTime, noTime)
				if forget == "entity deleted" {
					anew(t, what+" first") // or nobody knows that it is on it
				}
				s.clock.advance(time.Hour)
				must(t, end(t))
				gone := s.clock.now()
				s.wantStanding(t, what+": gone", "foreign", at, start, gone)
				s.wantStanding(t, what+": gone, of no time", "foreign", at, noTime, gone)
				s.wantStanding(t, what+": gone, issued after", "foreign", at, gone.Add(ahead+time.Second), gone)
				s.clock.advance(time.Hour)
				anew(t, what+" anew")
				s.wantStanding(t, what+": made anew", "foreign", at, start, s.endOf(t, at, gone))
				s.wantStanding(t, what+": made anew, of no time", "foreign", at, noTime, s.endOf(t, at, gone))
				ended := s.endOf(t, at, gone)
				s.wantStanding(t, what+": issued just before", "foreign", at, ended.Add(ahead+time.Second-time.Nanosecond), ended)
				s.wantStanding(t, what+": issued after it was made", "foreign", at, ended.Add(ahead+time.Second), noTime)
				coordinator := at
				coordinator.kind, coordinator.audience = tokenstore.CoordinatorToken, ""
				s.wantStanding(t, what+": a coordinator's", "foreign", coordinator, start, noTime)
			}
		})
	}
	// A connector that is bound was made just now: what there was before is another's.
	later := s.clock.now()
	s.wantStanding(t, "a connector", "foreign", asContributor, dawn, noTime)
	s.seat(t, asContributor, "camera")
	s.wantStanding(t, "a connector that was made", "foreign", asContributor, dawn, later)
	s.wantStanding(t, "a policy", "foreign", asConsumer, dawn, noTime)
	s.seat(t, asConsumer, "weather")
	s.wantStanding(t, "a policy with another access", "foreign", asConsumer, dawn, noTime)
	for _, audience := range []string{"", "a\x00b", string(make([]byte, 5000))} {
		at := asConsumer
		at.audience = audience
		s.wantStanding(t, "an audience that is none", "foreign", at, dawn, noTime)
	}
}

// endOf is until when foreign tokens are over that have a place's audience: a policy's end, or
// when the connector of now was made.
func (s *site) endOf(t testing.TB, at place, gone time.Time) time.Time {
	t.Helper()
	if at.kind == tokenstore.ConsumerToken {
		return gone
	}
	return s.clock.now()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func foreignEndsWithRealm(t *testing.T, s *site) {
	s.clock.advance(time.Hour)
	must(t, s.RevokeRealm(t.Context(), home, actor))
	over := s.clock.now()
	for _, at := range places {
		s.wantStanding(t, at.name, "foreign", at, dawn, over)
		s.wantStanding(t, at.name+" of no time", "foreign", at, noTime, over)
		s.wantStanding(t, at.name+" of a fast clock", "foreign", at, over.Add(30*time.Second), over)
		s.wantStanding(t, at.name+" issued after", "foreign", at, over.Add(31*time.Second), noTime)
	}
	s.clock.advance(time.Hour)
	s.rescind(t, "foreign")
	s.wantStanding(t, "what is over twice", "foreign", asConsumer, dawn, over)
	s.wantStanding(t, "what is rescinded after", "foreign", asConsumer, over.Add(time.Minute), over.Add(time.Hour))
}
