package bitbroker

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestTokensAreGoodOnTheirOwnAPI(t *testing.T) {
	for mode, change := range modes {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, change)
			w := s.newWorld()
			name := map[bool]string{true: "user 1", false: "ada@example.com"}[s.config.InFront]
			tokens := map[string]string{kindCoordinator: w.coordinator, kindContributor: w.contributor, kindConsumer: w.consumer}
			for _, tc := range []struct{ kind, path, subject, name string }{
				{kindCoordinator, coordinatorPath, "1", name},
				{kindContributor, contributorPath, "ent-one/con-one", "ent-one/con-one"},
				{kindConsumer, consumerPath, "1", name},
			} {
				for _, round := range []string{"looked up", "cached"} {
					a := s.ask("GET", tc.path, tokens[tc.kind])
					if a.Code != 200 {
						t.Fatalf("%s, %s: %d %v", tc.kind, round, a.Code, a.refusal)
					}
					id := a.call.Identity
					if id.Scheme != Name || id.Realm != realm || id.Kind != tc.kind || id.Subject != tc.subject || id.Name != tc.name || len(id.Accessor) != 36 {
						t.Errorf("%s, %s: %+v", tc.kind, round, id)
					}
				}
				for other, token := range tokens {
					if other != tc.kind {
						s.ask("GET", tc.path, token).want(t, 401, false)
					}
				}
			}
		})
	}
}

func TestWhatIsNoTokenIsRefusedWithoutALook(t *testing.T) {
	s := newSite(t)
	good := s.newWorld().consumer
	s.reads.Store(0)
	for name, token := range map[string]string{
		"empty":                "",
		"a word":               "token",
		"one UUID":             newUUID(),
		"two UUIDs":            good[:73],
		"a dot too many":       good + ".",
		"four UUIDs":           good + "." + newUUID(),
		"cut off":              good[:len(good)-1],
		"too long":             good + "0",
		"100 kB":               strings.Repeat("a", 100_000),
		"capitals":             upper(good),
		"one capital":          oneCapital(good),
		"another version":      good[:14] + "1" + good[15:],
		"another variant":      good[:19] + "c" + good[20:],
		"braces":               "{" + good[:36] + "}" + good[38:],
		"no hyphens":           strings.ReplaceAll(good, "-", ""),
		"underscores":          strings.ReplaceAll(good, "-", "_"),
		"commas":               strings.ReplaceAll(good, ".", ","),
		"behind a word":        "Bearer " + good,
		"in quotes":            `"` + good + `"`,
		"a space before":       " " + good,
		"a zero byte":          good[:50] + "\x00" + good[51:],
		"not ASCII":            good[:50] + "é" + good[52:],
		"full width":           "３" + good[3:],
		"a JSON web token":     "eyJhbGciOiJSUzI1NiJ9.eyJzY29wZSI6ImNvbnN1bWVyIn0.c2lnbmF0dXJl",
		"an unsigned one":      "eyJhbGciOiJub25lIn0.e30.",
		"of another contract":  "ghd_" + strings.Repeat("a", 60),
		"two tokens":           good + "," + good,
		"two tokens, and room": good + ", " + good,
	} {
		t.Run(name, func(t *testing.T) {
			a := s.serve(schemestest.Request("GET", consumerPath, "", "X-Bbk-Auth-Token", token))
			a.want(t, 401, false)
			if body := a.Body.String(); body != envelopeOf(401) {
				t.Errorf("body %s", body)
			}
		})
	}
	if n := s.reads.Load(); n != 0 {
		t.Errorf("the store was read %d times", n)
	}
}

// oneCapital writes the last letter of a token in capitals.
func oneCapital(token string) string {
	at := strings.LastIndexAny(token, "abcdef")
	return token[:at] + upper(token[at:at+1]) + token[at+1:]
}

func TestTheHeaderIsReadInAnyCaseAndOnce(t *testing.T) {
	s := newSite(t)
	good := s.newWorld().consumer
	for _, name := range []string{"x-bbk-auth-token", "X-BBK-Auth-Token", "X-Bbk-Auth-Token", "x-BBK-auth-TOKEN"} {
		s.serve(schemestest.Request("GET", consumerPath, "", name, good)).want(t, 200, true)
	}
	for _, other := range []string{good, "", "x", s.newWorldTwin()} {
		a := s.serve(schemestest.Request("GET", consumerPath, "", "x-bbk-auth-token", good, "X-BBK-Auth-Token", other))
		a.want(t, 400, false)
		if body := a.Body.String(); body != envelopeOf(400) {
			t.Errorf("body %s", body)
		}
	}
	for _, header := range []string{"Authorization", "X-Auth-Token", "Token", "X_Bbk_Auth_Token", "X-Bbk_Auth-Token", "Cookie"} {
		r := schemestest.Request("GET", consumerPath, "")
		r.Header[header] = []string{good}
		s.serve(r).want(t, 401, false)
	}
	r := schemestest.Request("GET", consumerPath+"?x-bbk-auth-token="+good+"&access_token="+good, "")
	s.serve(r).want(t, 401, false)
}

// newWorldTwin is the token of a second access.
func (s *site) newWorldTwin() string { return s.access(s.user("grace@example.com"), "pol-one") }

// rescinding is a way in which a token ends, and how it is answered then.
type rescinding struct {
	path   string
	token  func(w world) string
	end    func(ctx context.Context, store *tokenstore.Store) error
	status int
}

func ofCoordinator(w world) string { return w.coordinator }
func ofContributor(w world) string { return w.contributor }
func ofConsumer(w world) string    { return w.consumer }

// another makes what was ended anew: nothing that was before comes back by it.
func (s *site) another() {
	ctx := s.t.Context()
	_, stored := fresh()
	_, _ = s.store().Promote(ctx, realm, 1, stored, "test")
	_, _ = s.store().CreateBrokerPolicy(ctx, realm, "pol-one", nil, tokenstore.BrokerLimits{}, "test")
	_, stored = fresh()
	_, _ = s.store().CreateBrokerAccess(ctx, realm, 1, "pol-one", stored, "test")
	_, _ = s.store().CreateBrokerEntity(ctx, realm, "ent-one", nil, "test")
	_, stored = fresh()
	_, _ = s.store().CreateBrokerConnector(ctx, realm, "ent-one", "con-one", contributionA, nil, stored, "test")
}

func TestRescindedTokensAreRefusedAtTheNextCall(t *testing.T) {
	const by = "test"
	for name, tc := range map[string]rescinding{
		"demoted": {coordinatorPath, ofCoordinator, func(ctx context.Context, store *tokenstore.Store) error {
			return store.Demote(ctx, realm, 1, by)
		}, 403},
		"reissued": {consumerPath, ofConsumer, func(ctx context.Context, store *tokenstore.Store) error {
			_, stored := fresh()
			return store.ReissueBrokerAccess(ctx, realm, 1, "pol-one", stored, 0, by)
		}, 403},
		"access deleted": {consumerPath, ofConsumer, func(ctx context.Context, store *tokenstore.Store) error {
			return store.DeleteBrokerAccess(ctx, realm, 1, "pol-one", by)
		}, 403},
		"consumer deleted": {consumerPath, ofConsumer, func(ctx context.Context, store *tokenstore.Store) error {
			return store.DeleteBrokerUser(ctx, realm, 1, by)
		}, 403},
		"coordinator deleted": {coordinatorPath, ofCoordinator, func(ctx context.Context, store *tokenstore.Store) error {
			return store.DeleteBrokerUser(ctx, realm, 1, by)
		}, 403},
		"policy deleted": {consumerPath, ofConsumer, func(ctx context.Context, store *tokenstore.Store) error {
			return store.DeleteBrokerPolicy(ctx, realm, "pol-one", by)
		}, 403},
		"connector deleted": {contributorPath, ofContributor, func(ctx context.Context, store *tokenstore.Store) error {
			return store.DeleteBrokerConnector(ctx, realm, "ent-one", "con-one", by)
		}, 404},
		"entity deleted": {contributorPath, ofContributor, func(ctx context.Context, store *tokenstore.Store) error {
			return store.DeleteBrokerEntity(ctx, realm, "ent-one", by)
		}, 404},
		"connector rotated": {contributorPath, ofContributor, func(ctx context.Context, store *tokenstore.Store) error {
			_, stored := fresh()
			return store.RotateBrokerConnector(ctx, realm, "ent-one", "con-one", stored, 0, by)
		}, 403},
	} {
		for _, cached := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", cached", false: ""}[cached], func(t *testing.T) {
				s := newSite(t)
				w := s.newWorld()
				s.promoted(s.user("grace@example.com")) // else the only coordinator stays one
				token := tc.token(w)
				if cached {
					s.ask("GET", tc.path, token).want(t, 200, tc.path != coordinatorPath)
				}
				must(t, tc.end(t.Context(), s.store()))
				a := s.ask("GET", tc.path, token)
				a.want(t, tc.status, false)
				if body := a.Body.String(); body != envelopeOf(tc.status) {
					t.Errorf("body %s", body)
				}
				if name != "connector rotated" && name != "reissued" {
					s.another()
				}
				if a := s.ask("GET", tc.path, token); a.Code == 200 {
					t.Error("it came back")
				}
				for _, other := range []string{coordinatorPath, contributorPath, consumerPath} {
					if other != tc.path {
						s.ask("GET", other, token).want(t, 401, false)
					}
				}
			})
		}
	}
}

func TestTokensEndByThemselves(t *testing.T) {
	s := newSite(t)
	id := s.user("ada@example.com")
	s.policy("pol-one")
	text, stored := fresh()
	stored.Lifetime = time.Hour
	_, err := s.store().CreateBrokerAccess(t.Context(), realm, id, "pol-one", stored, "test")
	must(t, err)
	s.clock.Advance(time.Hour - time.Second)
	s.ask("GET", consumerPath, text).want(t, 200, true)
	s.clock.Advance(time.Second)
	s.ask("GET", consumerPath, text).want(t, 401, false)
}

func TestTokensWithoutAnEndStay(t *testing.T) {
	s := newSite(t)
	w := s.newWorld()
	s.clock.Advance(50 * 365 * 24 * time.Hour)
	s.ask("GET", consumerPath, w.consumer).want(t, 200, true)
}

func TestOverlapLeavesTheTokenBeforeForItsTime(t *testing.T) {
	s := newSite(t)
	w := s.newWorld()
	s.ask("GET", consumerPath, w.consumer).want(t, 200, true)
	text, stored := fresh()
	must(t, s.store().ReissueBrokerAccess(t.Context(), realm, 1, "pol-one", stored, time.Hour, "test"))
	a := s.ask("GET", consumerPath, w.consumer)
	a.want(t, 200, true)
	if a.call.Identity.Old != schemes.Rotated {
		t.Error("nobody sees that it is an old one")
	}
	s.ask("GET", consumerPath, text).want(t, 200, true)
	s.clock.Advance(time.Hour)
	if code := s.ask("GET", consumerPath, w.consumer).Code; code != 403 && code != 401 {
		t.Errorf("%d", code)
	}
	s.ask("GET", consumerPath, text).want(t, 200, true)
}

func TestAllTokensOfARealmEndAtOnce(t *testing.T) {
	s := newSite(t)
	w := s.newWorld()
	paths := map[string]string{w.coordinator: coordinatorPath, w.contributor: contributorPath, w.consumer: consumerPath}
	for token, path := range paths {
		s.ask("GET", path, token).want(t, 200, path != coordinatorPath)
	}
	must(t, s.store().RevokeRealm(t.Context(), realm, "test"))
	for token, path := range paths {
		s.ask("GET", path, token).want(t, 403, false)
	}
}

func TestTokensOfAnotherRealmAreUnknown(t *testing.T) {
	s := newSite(t)
	w := s.newWorld()
	s.with(func(c *Config) { c.Realm = "elsewhere" })
	for token, path := range map[string]string{w.coordinator: coordinatorPath, w.contributor: contributorPath, w.consumer: consumerPath} {
		s.ask("GET", path, token).want(t, 401, false)
	}
}

func TestMintedTokensAreGoodForNothingUntilBound(t *testing.T) {
	s := newSite(t, inFront)
	for kind, path := range map[tokenstore.TokenKind]string{
		tokenstore.CoordinatorToken: coordinatorPath, tokenstore.ContributorToken: contributorPath, tokenstore.ConsumerToken: consumerPath,
	} {
		s.ask("GET", path, s.mint(kind, map[bool]string{true: "", false: "con-one"}[kind == tokenstore.CoordinatorToken])).want(t, 401, false)
	}
}

func TestStoreThatFailsLetsNobodyIn(t *testing.T) {
	for mode, change := range modes {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, change)
			w := s.newWorld()
			s.broken.Store(true)
			for token, path := range map[string]string{w.coordinator: coordinatorPath, w.contributor: contributorPath, w.consumer: consumerPath} {
				a := s.ask("GET", path, token)
				a.want(t, 503, false)
				if a.Header().Get("Retry-After") == "" || a.Body.String() != envelopeOf(503) {
					t.Errorf("%v %s", a.Header(), a.Body)
				}
			}
		})
	}
}

func TestRepeatedCallsReadNothing(t *testing.T) {
	for mode, change := range modes {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, change)
			w := s.newWorld()
			tokens := map[string]string{w.contributor: contributorPath, w.consumer: consumerPath}
			for range 2 {
				s.reads.Store(0)
				for token, path := range tokens {
					s.ask("GET", path, token).want(t, 200, true)
				}
			}
			if n := s.reads.Load(); n != 0 {
				t.Errorf("the store was read %d times", n)
			}
		})
	}
}

func TestPolicyThatWasMadeAnewIsAnother(t *testing.T) {
	s := newSite(t)
	w := s.newWorld()
	s.ask("GET", consumerPath, w.consumer).want(t, 200, true)
	must(t, s.store().DeleteBrokerPolicy(t.Context(), realm, "pol-one", "test"))
	s.policy("pol-one")
	s.ask("GET", consumerPath, w.consumer).want(t, 403, false)
	text := s.access(w.user, "pol-one")
	s.ask("GET", consumerPath, text).want(t, 200, true)
	s.ask("GET", consumerPath, w.consumer).want(t, 403, false)
}

// A call that was let in, and whose body came late, is asked again.
func TestCallsAreAskedAgainWithTheSameAnswer(t *testing.T) {
	s := newSite(t)
	w := s.newWorld()
	a := s.serve(schemestest.Request("POST", contributorPath, "{}", "X-Bbk-Auth-Token", w.contributor))
	a.want(t, 200, true)
	again := *a.call
	if err := s.still(&again); err != nil {
		t.Error(err)
	}
	must(t, s.store().DeleteBrokerConnector(t.Context(), realm, "ent-one", "con-one", "test"))
	if err := s.still(&again); err == nil {
		t.Error("the connector is gone")
	}
}

// The audit has the same name for a coordinator, whoever keeps the users.
func TestStandaloneChangesAreAuditedAsThoseInFront(t *testing.T) {
	s := newSite(t)
	w := s.newWorld()
	a := s.ask("DELETE", "/coordinator/v1/policy/pol-one", w.coordinator)
	entries, _, err := s.store().Audit(t.Context(), nil, 100)
	must(t, err)
	if !slices.ContainsFunc(entries, func(e tokenstore.AuditEntry) bool {
		return e.Action == "deletePolicy" && e.Actor == "coordinator ada@example.com" && e.Actor == actorOf(a.call)
	}) {
		t.Errorf("%d %s: %+v", a.Code, a.Body, entries)
	}
}
