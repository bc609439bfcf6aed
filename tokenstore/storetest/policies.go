package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var policyTests = []storeTest{
	{"of rivals for one identity one gets it", identityOnce},
	{"the audiences of an issuer are those of its policies", audiencesCounted},
	{"policies that are refused change nothing", policyRefused},
	{"a policy that is replaced keeps its id and place", policyReplaced},
	{"nothing is left of a policy that is gone", policyGone},
	{"nothing is left of a policy that goes before its use is written", policyGoneUnwritten},
	{"a federated recipient has no tokens of the store's", noTokens},
}

func identityOnce(t *testing.T, s *site) {
	for i := range rivals {
		s.createFederated(t, fmt.Sprint("rival-", i))
	}
	var group sync.WaitGroup
	var won atomic.Int32
	for i := range rivals {
		group.Go(func() {
			err := again(func() error { return s.policy(t, fmt.Sprint("rival-", i), policyFor("ann")) })
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, tokenstore.ErrInvalid):
				t.Errorf("rival %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		t.Errorf("%d rivals are one identity", won.Load())
	}
	if _, err := s.FederatedHolder(t.Context(), home, foreign(s.clock.now(), subject("ann"))); err != nil {
		t.Errorf("the identity is nobody's: %v", err)
	}
	s.wantAudiences(t)
}

// wantAudiences demands that what is counted for each issuer is what the policies of
// all recipients say.
func (s *site) wantAudiences(t testing.TB) {
	t.Helper()
	want := map[string]map[string]int{}
	all, _, err := s.Recipients(t.Context(), home, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		for _, p := range r.Federation {
			if want[p.Issuer] == nil {
				want[p.Issuer] = map[string]int{}
			}
			for _, audience := range p.Audiences {
				want[p.Issuer][audience]++
			}
		}
	}
	got, next, err := s.Issuers(t.Context(), home, "", 1000)
	if err != nil || next != "" {
		t.Fatalf("next %q, %v", next, err)
	}
	same := len(got) == len(want)
	for name, issuer := range got {
		same = same && maps.Equal(issuer.Audiences, want[name])
	}
	if !same {
		t.Fatalf("counted are %v, the policies say %v", got, want)
	}
}

func audiencesCounted(t *testing.T, s *site) {
	names, subjects := []string{"acme", "zoo", "apex"}, []string{"ann", "ben", "cat", "dan", "eve"}
	pick := func(from []string) string { return from[rand.IntN(len(from))] }
	held := 0
	for range 150 {
		name := pick(names)
		switch rand.IntN(8) {
		default:
			p := policyFor(pick(subjects), [][]string{{"a"}, {"a", "b"}, {"b", "a", "b"}, {"c"}}[rand.IntN(4)]...)
			p.Issuer = pick([]string{issuer, issuer + "2"})
			p.Name = pick([]string{"first", "Second"}) // the same name for another subject replaces
			if err := s.policy(t, name, p); err != nil && !errors.Is(err, tokenstore.ErrInvalid) && !errors.Is(err, tokenstore.ErrNotFound) {
				t.Fatal(err)
			}
		case 0:
			if _, err := s.DeleteFederationPolicy(t.Context(), home, name, pick([]string{"FIRST", "second"}), actor); err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
				t.Fatal(err)
			}
		case 1, 2:
			_, err := s.CreateRecipient(t.Context(), tokenstore.NewRecipient{ID: fmt.Sprint("id-", rand.Uint64()), Realm: home, Name: name, Auth: tokenstore.Federation}, actor)
			if err != nil && !errors.Is(err, tokenstore.ErrExists) {
				t.Fatal(err)
			}
		case 3:
			if _, err := s.DeleteRecipient(t.Context(), home, name, actor); err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
				t.Fatal(err)
			}
		}
		s.wantAudiences(t)
		if issuers, _, err := s.Issuers(t.Context(), home, "", 10); err == nil && len(issuers) == 2 {
			held++
		}
	}
	if held == 0 {
		t.Error("there were never policies of both issuers: the test shows nothing")
	}
	for _, name := range names {
		if _, err := s.DeleteRecipient(t.Context(), home, name, actor); err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
			t.Fatal(err)
		}
	}
	s.wantNone(t, 'f', 'i')
}

// wantNone demands that there are no records of some kinds, by the first byte of
// their keys.
func (s *site) wantNone(t testing.TB, kinds ...byte) {
	t.Helper()
	view(t, s.driver, func(r tokenstore.Reader) error {
		for _, kind := range kinds {
			left, err := r.Scan([]byte{kind}, nil, 10)
			if err != nil || len(left) > 0 {
				return fmt.Errorf("%d records of kind %c are left, %v", len(left), kind, err)
			}
		}
		return nil
	})
}

func policyRefused(t *testing.T, s *site) {
	s.createFederated(t, "acme")
	s.createFederated(t, "zoo")
	s.create(t, home, "bearer")
	s.mustPolicy(t, "acme", policyFor("ann"))
	with := func(change func(*tokenstore.FederationPolicy)) tokenstore.FederationPolicy {
		p := policyFor("new")
		change(&p)
		return p
	}
	long := strings.Repeat("x", 2000)
	for what, test := range map[string]struct {
		recipient string
		policy    tokenstore.FederationPolicy
		want      error
	}{
		"of nobody":                    {"nobody", policyFor("new"), tokenstore.ErrNotFound},
		"of who has bearer tokens":     {"bearer", policyFor("new"), tokenstore.ErrInvalid},
		"identity of another":          {"zoo", policyFor("ann"), tokenstore.ErrInvalid},
		"without an id":                {"zoo", with(func(p *tokenstore.FederationPolicy) { p.ID = "" }), tokenstore.ErrInvalid},
		"without a name":               {"zoo", with(func(p *tokenstore.FederationPolicy) { p.Name = "" }), tokenstore.ErrInvalid},
		"without an issuer":            {"zoo", with(func(p *tokenstore.FederationPolicy) { p.Issuer = "" }), tokenstore.ErrInvalid},
		"without a subject":            {"zoo", with(func(p *tokenstore.FederationPolicy) { p.Subject = "" }), tokenstore.ErrInvalid},
		"without an audience":          {"zoo", with(func(p *tokenstore.FederationPolicy) { p.Audiences = nil }), tokenstore.ErrInvalid},
		"with an empty audience":       {"zoo", with(func(p *tokenstore.FederationPolicy) { p.Audiences = []string{"a", ""} }), tokenstore.ErrInvalid},
		"of a claim unlisted":          {"zoo", with(func(p *tokenstore.FederationPolicy) { p.Claim = "email" }), tokenstore.ErrInvalid},
		"with a NUL in the subject":    {"zoo", with(func(p *tokenstore.FederationPolicy) { p.Subject = "a\x00b" }), tokenstore.ErrInvalid},
		"with a line in the issuer":    {"zoo", with(func(p *tokenstore.FederationPolicy) { p.Issuer = "a\nb" }), tokenstore.ErrInvalid},
		"with a long issuer":           {"zoo", with(func(p *tokenstore.FederationPolicy) { p.Issuer = long }), tokenstore.ErrInvalid},
		"with a long comment":          {"zoo", with(func(p *tokenstore.FederationPolicy) { p.Comment = long }), tokenstore.ErrInvalid},
		"with keys that are elsewhere": {"zoo", with(func(p *tokenstore.FederationPolicy) { p.JWKS = "https://evil.example/keys" }), tokenstore.ErrInvalid},
	} {
		before, err := s.Revision(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.policy(t, test.recipient, test.policy); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
		if after, err := s.Revision(t.Context()); err != nil || after != before {
			t.Errorf("%s: the store went from %d to %d, %v", what, before, after, err)
		}
	}
	for i := range tokenstore.MaxFederationPolicies {
		s.mustPolicy(t, "zoo", policyFor(fmt.Sprint("subject-", i)))
	}
	if err := s.policy(t, "zoo", policyFor("one too many")); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("one policy too many: %v, want ErrInvalid", err)
	}
	s.mustPolicy(t, "zoo", policyFor("subject-3", "another")) // replaces
	s.wantAudiences(t)
}

func policyReplaced(t *testing.T, s *site) {
	s.createFederated(t, "acme")
	s.mustPolicy(t, "acme", policyFor("ann"))
	s.mustPolicy(t, "acme", policyFor("ben"))
	first := s.clock.now()
	s.clock.advance(time.Minute)
	other := policyFor("cat", "b", "gatehouse", "b")
	other.ID, other.Name = "new id", "ANN"
	stored, recipient, err := s.PutFederationPolicy(t.Context(), home, "acme", other, actor)
	if err != nil || stored.ID != "policy ann" || !stored.CreatedAt.Equal(first) || !stored.UpdatedAt.Equal(s.clock.now()) ||
		!slices.Equal(stored.Audiences, []string{"b", "gatehouse"}) {
		t.Errorf("the policy is %+v, %v", stored, err)
	}
	if len(recipient.Federation) != 2 || recipient.Federation[0].Subject != "cat" || recipient.Federation[1].Subject != "ben" {
		t.Errorf("the recipient has %+v", recipient.Federation)
	}
	s.wantForeign(t, "the old subject", foreign(s.clock.now(), subject("ann")), tokenstore.ErrNotFound)
	s.wantForeign(t, "the new subject", foreign(s.clock.now(), subject("cat")), "acme")
	for _, name := range []string{"policy ann", "ann"} {
		if p, ok := recipient.Policy(name); !ok || p.ID != "policy ann" {
			t.Errorf("%s finds %+v", name, p)
		}
	}
	s.wantAudiences(t)
}

func policyGoneUnwritten(t *testing.T, s *site) {
	s.createFederated(t, "acme")
	s.createFederated(t, "zoo")
	s.mustPolicy(t, "acme", policyFor("ann"))
	s.mustPolicy(t, "acme", policyFor("eve"))
	s.mustPolicy(t, "zoo", policyFor("ben"))
	for _, id := range []string{"policy ann", "policy eve", "policy ben"} {
		s.TouchBy(id, "192.0.2.1", "client/1")
	}
	if _, err := s.DeleteFederationPolicy(t.Context(), home, "acme", "policy ann", actor); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteRecipient(t.Context(), home, "zoo", actor); err != nil {
		t.Fatal(err)
	}
	// Nothing is lost of the policy that stays.
	if err := s.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	use, err := s.LastUse(t.Context(), "policy eve")
	if clients, clientsErr := s.Clients(t.Context(), "policy eve"); use.At.IsZero() || len(clients) != 1 || err != nil || clientsErr != nil {
		t.Errorf("of the policy that stays: %v, %v, %v, %v", use, clients, err, clientsErr)
	}
	if _, err := s.DeleteFederationPolicy(t.Context(), home, "acme", "policy eve", actor); err != nil {
		t.Fatal(err)
	}
	s.wantNone(t, 'f', 'i', 'u', 'c')
}

func policyGone(t *testing.T, s *site) {
	s.createFederated(t, "acme")
	s.createFederated(t, "zoo")
	s.mustPolicy(t, "acme", policyFor("ann"))
	s.mustPolicy(t, "zoo", policyFor("ben"))
	for _, id := range []string{"policy ann", "policy ben"} {
		s.TouchBy(id, "192.0.2.1", "client/1")
	}
	if err := s.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.DeleteFederationPolicy(t.Context(), home, "acme", "policy ann", actor); err != nil || gone.Subject != "ann" {
		t.Fatalf("%+v, %v", gone, err)
	}
	s.wantForeign(t, "of a policy that is gone", foreign(s.clock.now(), subject("ann")), tokenstore.ErrNotFound)
	if _, err := s.DeleteFederationPolicy(t.Context(), home, "acme", "policy ann", actor); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("a policy that is gone: %v, want ErrNotFound", err)
	}
	if _, err := s.DeleteRecipient(t.Context(), home, "zoo", actor); err != nil {
		t.Fatal(err)
	}
	s.wantNone(t, 'f', 'i', 'u', 'c')
	if _, err := s.Issuer(t.Context(), home, issuer); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("the issuer: %v, want ErrNotFound", err)
	}
	s.mustPolicy(t, "acme", policyFor("ben")) // the identity is free again
	s.wantForeign(t, "of another now", foreign(s.clock.now(), subject("ben")), "acme")
	s.createFederated(t, "zoo")
}

func noTokens(t *testing.T, s *site) {
	s.createFederated(t, "acme")
	r := tokenstore.Rotation{OldExpiresIn: time.Hour, MaxTokens: 2, Link: link("useless")}
	if _, _, err := s.Rotate(t.Context(), home, "acme", r, actor); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("rotating: %v, want ErrInvalid", err)
	}
	if _, _, err := s.Relink(t.Context(), home, "acme", 2, link("useless"), actor); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("a new link: %v, want ErrInvalid", err)
	}
	// It would end nothing, and whoever asked would think it had.
	if _, _, err := s.Shorten(t.Context(), home, "acme", time.Hour, nil, actor); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("shortening: %v, want ErrInvalid", err)
	}
	s.wantLink(t, home, "useless", tokenstore.ErrNotFound)
}
