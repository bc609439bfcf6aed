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

var mintTests = []storeTest{
	{"a minted token is nobody's until it is bound", mintNobodys},
	{"a minted token is bound once, and for what it was minted", bindOnce},
	{"a minted token lives from when it is bound", bindLifetime},
	{"binding ends the token that was there before", bindEndsBefore},
	{"what nobody can hold is not minted, bound or forgotten", mintRefused},
	{"a mass revocation ends what was minted", mintRevokeRealm},
	{"a first coordinator is seated by its id", seatCoordinator},
	{"limits say nothing of tokens", limitsApart},
	{"what waited in vain goes, what was rescinded stays", mintPruned},
	{"bindings and deletions are announced", mintsAnnounced},
	{"the audit names what a BitBroker had done", mintsAudited},
}

// place is where a minted token can sit in front of a BitBroker, and how that ends.
type place struct {
	name     string
	kind     tokenstore.TokenKind
	audience string
	good     string // what its token gets
	over     string // what its token gets after each of forgets
	bind     func(s *site, t testing.TB, token string) error
	forgets  map[string]func(s *site, t testing.TB) error
}

const contribution = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"

var (
	asCoordinator = place{
		name: "coordinator", kind: tokenstore.CoordinatorToken, good: "coordinator 7", over: "revoked",
		bind: func(s *site, t testing.TB, token string) error {
			return s.BindCoordinator(t.Context(), home, brokerOf(token), 7, actor)
		},
		forgets: map[string]func(s *site, t testing.TB) error{
			"demoted":      func(s *site, t testing.TB) error { return s.ForgetCoordinator(t.Context(), home, 7, actor) },
			"user deleted": func(s *site, t testing.TB) error { return s.ForgetUser(t.Context(), home, 7, actor) },
		},
	}
	asConsumer = place{
		name: "consumer", kind: tokenstore.ConsumerToken, audience: "weather", good: "consumer 7 of weather", over: "revoked",
		bind: func(s *site, t testing.TB, token string) error {
			return s.BindAccess(t.Context(), home, brokerOf(token), 7, "weather", actor)
		},
		forgets: map[string]func(s *site, t testing.TB) error{
			"access deleted": func(s *site, t testing.TB) error { return s.ForgetAccess(t.Context(), home, 7, "weather", actor) },
			"user deleted":   func(s *site, t testing.TB) error { return s.ForgetUser(t.Context(), home, 7, actor) },
			"policy deleted": func(s *site, t testing.TB) error { return s.ForgetPolicy(t.Context(), home, "weather", actor) },
		},
	}
	asContributor = place{
		name: "contributor", kind: tokenstore.ContributorToken, audience: "camera", good: "contributor of road/camera", over: "connector gone",
		bind: func(s *site, t testing.TB, token string) error {
			return s.BindConnector(t.Context(), home, brokerOf(token), "road", "camera", contribution, actor)
		},
		forgets: map[string]func(s *site, t testing.TB) error{
			"connector deleted": func(s *site, t testing.TB) error {
				return s.ForgetConnector(t.Context(), home, "road", "camera", actor)
			},
			"entity deleted": func(s *site, t testing.TB) error { return s.ForgetEntity(t.Context(), home, "road", actor) },
		},
	}
	places = []place{asCoordinator, asConsumer, asContributor}
)

// tryMint mints the token of a name for a place.
func (s *site) tryMint(t testing.TB, at place, token string) error {
	mint := tokenstore.NewMint{NewBrokerToken: brokerToken(token), Kind: at.kind, Audience: at.audience}
	return again(func() error { return s.MintBrokerToken(t.Context(), home, mint, actor) })
}

func (s *site) mint(t testing.TB, at place, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		must(t, s.tryMint(t, at, token))
	}
}

// seat mints and binds tokens, one after the other.
func (s *site) seat(t testing.TB, at place, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		s.mint(t, at, token)
		must(t, at.bind(s, t, token))
		s.wantBroker(t, token, at.good)
	}
}

// wantTooLate demands that a token is not bound, because it is over for a reason.
func wantTooLate(t testing.TB, what string, err error, reason tokenstore.EndReason) {
	t.Helper()
	if ended, ok := errors.AsType[*tokenstore.EndedError](err); !ok || ended.Reason != reason || ended.Token.Accessor == "" {
		t.Errorf("%s: %v, want that it was %s", what, err, reason)
	}
}

// eachPlace runs a test of each place, with names of tokens that no other has.
func eachPlace(t *testing.T, test func(t *testing.T, at place, name func(string) string)) {
	for _, at := range places {
		t.Run(at.name, func(t *testing.T) {
			test(t, at, func(token string) string { return at.name + " " + token })
		})
	}
}

func mintNobodys(t *testing.T, s *site) {
	eachPlace(t, func(t *testing.T, at place, name func(string) string) {
		token := name("token")
		s.mint(t, at, token)
		s.wantBroker(t, token, "unknown")
		info, err := s.TokenByAccessor(t.Context(), accessorOf(token))
		if err != nil || info.Status != tokenstore.StatusPending || info.Broker.Audience != at.audience || info.Kind != at.kind || !info.Broker.Pending {
			t.Errorf("before it is bound: %+v, %v", info, err)
		}
		wantErr(t, "minted again", s.tryMint(t, at, token), tokenstore.ErrExists)
		other := tokenstore.NewMint{NewBrokerToken: brokerToken(token), Kind: at.kind, Audience: at.audience}
		other.Accessor = accessorOf(name("other"))
		wantErr(t, "another of the same secret", s.MintBrokerToken(t.Context(), home, other, actor), tokenstore.ErrInvalid)
		must(t, at.bind(s, t, token))
		s.wantBroker(t, token, at.good)
		info, err = s.TokenByAccessor(t.Context(), accessorOf(token))
		if err != nil || info.Status != tokenstore.StatusActive || info.Broker.Pending || info.Broker.Minted == 0 {
			t.Errorf("bound: %+v, %v", info, err)
		}
	})
	if ids, err := s.Coordinators(t.Context(), home); err != nil || !slices.Equal(ids, []uint64{7}) {
		t.Errorf("coordinators: %v, %v", ids, err)
	}
	found, _, err := s.ContributionConnector(t.Context(), home, contribution)
	if err != nil || found.Slug != "camera" || found.Entity != "road" {
		t.Errorf("the connector of a contribution: %+v, %v", found, err)
	}
}

func mintRefused(t *testing.T, s *site) {
	ctx := t.Context()
	digest := brokerOf("token")
	before, err := s.Revision(ctx)
	must(t, err)
	mint := func(change func(*tokenstore.NewMint)) error {
		n := tokenstore.NewMint{NewBrokerToken: brokerToken("token"), Kind: tokenstore.ConsumerToken, Audience: "weather"}
		change(&n)
		return s.MintBrokerToken(ctx, home, n, actor)
	}
	long := strings.Repeat("a", 65)
	for what, err := range map[string]error{
		"a kind of another scheme":       mint(func(n *tokenstore.NewMint) { n.Kind = tokenstore.BearerToken }),
		"no kind":                        mint(func(n *tokenstore.NewMint) { n.Kind = tokenstore.ConsumerToken + 1 }),
		"a consumer of no policy":        mint(func(n *tokenstore.NewMint) { n.Audience = "" }),
		"a contributor of no connector":  mint(func(n *tokenstore.NewMint) { n.Kind, n.Audience = tokenstore.ContributorToken, "" }),
		"a coordinator of a policy":      mint(func(n *tokenstore.NewMint) { n.Kind = tokenstore.CoordinatorToken }),
		"an audience that is no slug":    mint(func(n *tokenstore.NewMint) { n.Audience = "a/b" }),
		"an audience of 65 bytes":        mint(func(n *tokenstore.NewMint) { n.Audience = long }),
		"an id that is none":             mint(func(n *tokenstore.NewMint) { n.Accessor = "tok_1" }),
		"a negative lifetime":            mint(func(n *tokenstore.NewMint) { n.Lifetime = -1 }),
		"an end before all":              mint(func(n *tokenstore.NewMint) { n.NotAfter = time.Unix(-1, 0) }),
		"an end that cannot be written":  mint(func(n *tokenstore.NewMint) { n.NotAfter = time.Unix(1<<40, 0) }),
		"no realm":                       s.MintBrokerToken(ctx, "", tokenstore.NewMint{NewBrokerToken: brokerToken("token"), Kind: tokenstore.CoordinatorToken}, actor),
		"user 0":                         s.BindCoordinator(ctx, home, digest, 0, actor),
		"a user of nine digits":          s.BindCoordinator(ctx, home, digest, 100_000_000, actor),
		"an access of user 0":            s.BindAccess(ctx, home, digest, 0, "weather", actor),
		"an access to no policy":         s.BindAccess(ctx, home, digest, 7, "", actor),
		"a connector of no entity type":  s.BindConnector(ctx, home, digest, "", "camera", contribution, actor),
		"no connector":                   s.BindConnector(ctx, home, digest, "road", "", contribution, actor),
		"user 0 demoted":                 s.ForgetCoordinator(ctx, home, 0, actor),
		"user 0 deleted":                 s.ForgetUser(ctx, home, 0, actor),
		"nine digits deleted":            s.ForgetUser(ctx, home, 100_000_000, actor),
		"no access deleted":              s.ForgetAccess(ctx, home, 7, "A", actor),
		"an access of user 0 deleted":    s.ForgetAccess(ctx, home, 0, "weather", actor),
		"no policy deleted":              s.ForgetPolicy(ctx, home, long, actor),
		"no policy made":                 s.RenewPolicy(ctx, home, long, actor),
		"a policy made in no realm":      s.RenewPolicy(ctx, "", "weather", actor),
		"no entity type made":            s.RenewEntity(ctx, home, "", actor),
		"an entity type of no realm":     s.RenewEntity(ctx, "", "road", actor),
		"no connector deleted":           s.ForgetConnector(ctx, home, "road", "a\x00b", actor),
		"nothing's connector deleted":    s.ForgetConnector(ctx, home, "", "camera", actor),
		"no entity type deleted":         s.ForgetEntity(ctx, home, "", actor),
		"demoted in no realm":            s.ForgetCoordinator(ctx, "", 7, actor),
		"nobody seated":                  s.SeatCoordinator(ctx, home, 0, brokerToken("token"), actor),
		"limits of no policy":            s.SetBrokerLimits(ctx, home, "", nil, actor),
		"limits by the week":             s.SetBrokerLimits(ctx, home, "weather", &tokenstore.BrokerLimits{Quota: &tokenstore.BrokerQuota{MaxNumber: 1, Interval: "week"}}, actor),
		"101 keys":                       s.RescindKeys(ctx, home, slices.Repeat([]string{accessorOf("token")}, 101), actor),
		"a key in capitals":              s.RescindKeys(ctx, home, []string{accessorOf("good"), strings.ToUpper(accessorOf("token"))}, actor),
		"a key of 35 characters":         s.RescindKeys(ctx, home, []string{accessorOf("token")[1:]}, actor),
		"a key of nothing":               s.RescindKeys(ctx, home, []string{""}, actor),
		"a key with a space":             s.RescindKeys(ctx, home, []string{" " + accessorOf("token")[1:]}, actor),
		"keys of no realm":               s.RescindKeys(ctx, "", []string{accessorOf("token")}, actor),
		"the standing of no key":         second(s.ForeignStanding(ctx, home, "key", tokenstore.CoordinatorToken, "", dawn)),
		"the standing of no realm's key": second(s.ForeignStanding(ctx, "", accessorOf("token"), tokenstore.CoordinatorToken, "", dawn)),
	} {
		wantErr(t, what, err, tokenstore.ErrInvalid)
	}
	// Nothing at all is no error, and changes nothing.
	must(t, s.RescindKeys(ctx, home, nil, actor))
	if after, err := s.Revision(ctx); err != nil || after != before {
		t.Errorf("the store went from %d to %d, %v", before, after, err)
	}
}

func second[T any](_ T, err error) error { return err }

func limitsApart(t *testing.T, s *site) {
	ctx := t.Context()
	rate := int64(5)
	some := &tokenstore.BrokerLimits{Enabled: true, Rate: &rate, Quota: &tokenstore.BrokerQuota{MaxNumber: 10, Interval: "day"}}
	wantLimits := func(when string, life uint64, limited bool) {
		t.Helper()
		policy, _, err := s.BrokerPolicy(ctx, home, "weather")
		got := policy.Limits
		if err != nil || policy.Life != life || got.Enabled != limited || limited && (*got.Rate != 5 || *got.Quota != *some.Quota) {
			t.Errorf("%s: %+v, %v", when, policy, err)
		}
	}
	must(t, s.SetBrokerLimits(ctx, home, "weather", nil, actor))
	wantErr(t, "nothing is known", second2(s.BrokerPolicy(ctx, home, "weather")), tokenstore.ErrNotFound)
	must(t, s.SetBrokerLimits(ctx, home, "free", &tokenstore.BrokerLimits{}, actor))
	wantErr(t, "that nothing is limited is known", second2(s.BrokerPolicy(ctx, home, "free")), nil)
	must(t, s.SetBrokerLimits(ctx, home, "weather", some, actor)) // before the policy is there
	wantLimits("noted", 1, true)
	s.seat(t, asConsumer, "first")
	wantLimits("with an access", 1, true)
	before, err := s.Revision(ctx)
	must(t, err, s.SetBrokerLimits(ctx, home, "weather", some, actor))
	if after, err := s.Revision(ctx); err != nil || after != before {
		t.Errorf("the same limits: the store went from %d to %d, %v", before, after, err)
	}
	// A BitBroker takes them away before it deletes the policy, and may not come to that.
	must(t, s.SetBrokerLimits(ctx, home, "weather", nil, actor))
	wantLimits("of a policy that may stay", 1, true)
	must(t, s.SetBrokerLimits(ctx, home, "weather", &tokenstore.BrokerLimits{}, actor))
	wantLimits("without", 1, false)
	s.wantBroker(t, "first", asConsumer.good)

	// It is deleted and made anew; its BitBroker may say the new limits before it answers.
	must(t, s.SetBrokerLimits(ctx, home, "weather", some, actor), s.ForgetPolicy(ctx, home, "weather", actor))
	s.wantBroker(t, "first", "revoked")
	wantErr(t, "gone", second2(s.BrokerPolicy(ctx, home, "weather")), tokenstore.ErrNotFound)
	must(t, s.SetBrokerLimits(ctx, home, "weather", nil, actor), s.SetBrokerLimits(ctx, home, "weather", some, actor))
	wantErr(t, "gone, whatever its limits", second2(s.BrokerPolicy(ctx, home, "weather")), tokenstore.ErrNotFound)
	s.wantBroker(t, "first", "revoked")
	s.seat(t, asConsumer, "second")
	wantLimits("made anew", 2, true)
	s.wantBroker(t, "first", "revoked")

	must(t, s.ForgetPolicy(ctx, home, "weather", actor), s.SetBrokerLimits(ctx, home, "weather", some, actor), s.RenewPolicy(ctx, home, "weather", actor))
	wantLimits("made anew, as its BitBroker says", 3, true)
}

func second2[T, U any](_ T, _ U, err error) error { return err }

func mintPruned(t *testing.T, s *site) {
	ctx := t.Context()
	s.mint(t, asConsumer, "vain", "rescinded")
	must(t, s.RescindKeys(ctx, home, []string{accessorOf("foreign"), accessorOf("rescinded")}, actor))
	s.seat(t, asConsumer, "bound")
	must(t, s.ForgetAccess(ctx, home, 8, "weather", actor))
	s.clock.advance(2 * day)
	s.pass(t)
	for _, token := range []string{"vain", "rescinded"} {
		wantErr(t, token, second(s.TokenByAccessor(ctx, accessorOf(token))), tokenstore.ErrNotFound)
		wantErr(t, token, asConsumer.bind(s, t, token), tokenstore.ErrNotFound)
	}
	if left := s.leftovers(t, "weather"); len(left) != 2 { // the policy, and the note of an access
		t.Errorf("left: %q", left)
	}
	s.clock.advance(tokenstore.KeepEnded)
	s.pass(t)
	if left := s.leftovers(t, "weather"); len(left) != 1 {
		t.Errorf("left a month later: %q", left)
	}
	s.clock.advance(10 * tokenstore.KeepAudit)
	s.pass(t)
	standing, err := s.ForeignStanding(ctx, home, accessorOf("foreign"), tokenstore.CoordinatorToken, "", s.clock.now())
	if err != nil || !standing.Rescinded.Equal(dawn) {
		t.Errorf("what was rescinded: %+v, %v", standing, err)
	}
}

func mintsAnnounced(t *testing.T, s *site) {
	ctx := t.Context()
	topic := func(subjects ...string) (topics []tokenstore.Topic) {
		for _, subject := range subjects {
			topics = append(topics, tokenstore.Topic{Realm: home, Subject: subject})
		}
		return topics
	}
	bind := func(at place, token string) func() error {
		return func() error { return at.bind(s, t, token) }
	}
	mint := func(at place, token string) func() error {
		return func() error { return s.tryMint(t, at, token) }
	}
	rescind := func(token string) func() error {
		return func() error { return s.RescindKeys(ctx, home, []string{accessorOf(token)}, actor) }
	}
	s.wantAnnounced(t, []operation{
		{"a mint", mint(asCoordinator, "a"), nil},
		{"a coordinator", bind(asCoordinator, "a"), topic("user/7")},
		{"the same again", bind(asCoordinator, "a"), nil},
		{"another mint", mint(asConsumer, "b"), nil},
		{"the first access to a policy", bind(asConsumer, "b"), topic("policy/weather", "user/7")},
		{"a reissue's mint", mint(asConsumer, "c"), nil},
		{"a reissue", bind(asConsumer, "c"), topic("user/7")},
		{"a third mint", mint(asContributor, "d"), nil},
		{"a connector", bind(asContributor, "d"), topic("entity/road", "entity/road")},
		{"a pending mint", mint(asConsumer, "e"), nil},
		{"one that is nobody's yet rescinded", rescind("e"), topic("key/" + accessorOf("e"))},
		{"a consumer's rescinded", rescind("c"), topic("user/7", "key/"+accessorOf("c"))},
		{"a contributor's rescinded", rescind("d"), topic("entity/road", "key/"+accessorOf("d"))},
		{"rescinded again", rescind("d"), nil},
		{"a foreign one rescinded", rescind("f"), topic("key/" + accessorOf("f"))},
		{"the foreign one again", rescind("f"), nil},
		{"a policy made anew", func() error { return s.RenewPolicy(ctx, home, "weather", actor) }, topic("policy/weather")},
		{"an entity type made anew", func() error { return s.RenewEntity(ctx, home, "road", actor) }, topic("entity/road")},
		{"limits", func() error {
			return s.SetBrokerLimits(ctx, home, "weather", &tokenstore.BrokerLimits{Enabled: true}, actor)
		}, topic("policy/weather")},
		{"an access deleted", func() error { return asConsumer.forgets["access deleted"](s, t) }, topic("user/7")},
		{"an access that there is none of", func() error { return asConsumer.forgets["access deleted"](s, t) }, nil},
		{"a policy deleted", func() error { return asConsumer.forgets["policy deleted"](s, t) }, topic("policy/weather")},
		{"a user deleted", func() error { return asConsumer.forgets["user deleted"](s, t) }, topic("user/7")},
		{"a connector deleted", func() error { return asContributor.forgets["connector deleted"](s, t) }, topic("entity/road")},
		{"an entity type deleted", func() error { return asContributor.forgets["entity deleted"](s, t) }, topic("entity/road")},
	})
}

func mintsAudited(t *testing.T, s *site) {
	ctx := t.Context()
	for _, at := range places {
		s.seat(t, at, at.name)
		s.clock.advance(time.Second) // the audit is in the order of time
	}
	s.seat(t, asConsumer, "reissued")
	s.clock.advance(time.Second)
	s.mint(t, asCoordinator, "late")
	s.clock.advance(time.Second)
	must(t, s.ForgetCoordinator(ctx, home, 7, "eve"))
	s.clock.advance(time.Second)
	_ = asCoordinator.bind(s, t, "late")
	s.clock.advance(time.Second)
	must(t, s.RescindKeys(ctx, home, []string{accessorOf("foreign")}, "eve"))
	s.clock.advance(time.Second)
	must(t, s.SetBrokerLimits(ctx, home, "weather", &tokenstore.BrokerLimits{Enabled: true}, "eve"))
	entries, _, err := s.Audit(ctx, nil, 100)
	must(t, err)
	names := map[string]string{"": ""}
	for _, token := range []string{"coordinator", "consumer", "contributor", "reissued", "late", "foreign"} {
		names[accessorOf(token)] = token
	}
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%s %s %s|%s|%s|%s", e.Actor, e.Action, names[e.Accessor], e.Subject, e.Name, e.Detail))
	}
	want := []string{
		"tester mintToken coordinator|||coordinator token",
		"tester promoteCoordinator coordinator|7|user 7|",
		"tester mintToken consumer|||consumer token for weather",
		"tester createPolicy ||weather|",
		"tester createAccess consumer|7|user 7|policy weather",
		"tester mintToken contributor|||contributor token for camera",
		"tester createEntity ||road|",
		"tester createConnector contributor|road/camera|road/camera|",
		"tester mintToken reissued|||consumer token for weather",
		"tester reissueAccess reissued|7|user 7|policy weather",
		"tester mintToken late|||coordinator token",
		"eve demoteCoordinator |7|user 7|",
		"tester rescindToken late|||its holder ended after it was minted",
		"eve rescindToken foreign|||not issued by the gateway",
		"eve setLimits ||weather|",
	}
	slices.Sort(got) // several are of one moment
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the audit says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
