package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var federationTests = []storeTest{
	{"a foreign token is of whom a policy says", foreignHolder},
	{"a token of two recipients is nobody's", ambiguousToken},
	{"a policy that makes a token ambiguous is announced to all", ambiguityAnnounced},
	{"what was issued up to a revocation is over", foreignRevoked},
	{"a clock that is set back undoes no revocation", foreignRevokedTwice},
	{"a disabled or ended recipient is refused", foreignRefused},
}

const issuer = "https://idp.example.com/"

func (s *site) createFederated(t testing.TB, name string) {
	t.Helper()
	_, err := s.CreateRecipient(t.Context(), tokenstore.NewRecipient{
		ID: "id of " + name, Realm: home, Name: name, Auth: tokenstore.Federation,
	}, actor)
	if err != nil {
		t.Fatalf("creating %s: %v", name, err)
	}
}

// policyFor is a policy for a subject, which is its name too.
func policyFor(subject string, audiences ...string) tokenstore.FederationPolicy {
	if audiences == nil {
		audiences = []string{"gatehouse"}
	}
	return tokenstore.FederationPolicy{
		ID: "policy " + subject, Name: subject, Issuer: issuer, Audiences: audiences, Claim: "sub", Subject: subject,
	}
}

func (s *site) policy(t testing.TB, recipient string, policy tokenstore.FederationPolicy) error {
	t.Helper()
	_, _, err := s.PutFederationPolicy(t.Context(), home, recipient, policy, actor)
	return err
}

func (s *site) mustPolicy(t testing.TB, recipient string, policy tokenstore.FederationPolicy) {
	t.Helper()
	if err := s.policy(t, recipient, policy); err != nil {
		t.Fatalf("policy %s of %s: %v", policy.Name, recipient, err)
	}
}

// foreign is a token with some claims, for the audience of the tests.
func foreign(issuedAt time.Time, claims map[string][]string) tokenstore.ForeignToken {
	return tokenstore.ForeignToken{
		Issuer: issuer, IssuedAt: issuedAt,
		Values:      func(claim string) []string { return claims[claim] },
		HasAudience: func(audience string) bool { return audience == "gatehouse" },
	}
}

func subject(name string) map[string][]string { return map[string][]string{"sub": {name}} }

// wantForeign demands whose a token is: a recipient's name, or an error.
func (s *site) wantForeign(t testing.TB, what string, token tokenstore.ForeignToken, want any) {
	t.Helper()
	h, err := s.FederatedHolder(t.Context(), home, token)
	switch want := want.(type) {
	case string:
		if err != nil || h.Recipient.Name != want {
			t.Errorf("%s: it is of %q, %v, want %s", what, h.Recipient.Name, err, want)
		}
	case error:
		if !errors.Is(plain(err), want) {
			t.Errorf("%s: it is of %q, %v, want %v", what, h.Recipient.Name, err, want)
		}
	case tokenstore.EndReason:
		if end, ok := errors.AsType[*tokenstore.EndedError](err); !ok || end.Reason != want {
			t.Errorf("%s: it is of %q, %v, want %s", what, h.Recipient.Name, err, want)
		}
	}
}

func foreignHolder(t *testing.T, s *site) {
	s.createFederated(t, "acme")
	s.createFederated(t, "zoo")
	s.mustPolicy(t, "acme", policyFor("ann", "other", "gatehouse"))
	group := policyFor("keepers")
	group.Claim = "groups"
	s.mustPolicy(t, "zoo", group)
	s.mustPolicy(t, "zoo", policyFor("elsewhere", "another-service"))
	now := s.clock.now()
	many := make([]string, tokenstore.MaxClaimValues+1)
	for i := range many {
		many[i] = fmt.Sprint("group-", i)
	}
	early, within := slices.Clone(many), slices.Clone(many[:tokenstore.MaxClaimValues])
	early[0], within[tokenstore.MaxClaimValues-1] = "keepers", "keepers"
	other := foreign(now, subject("ann"))
	other.Issuer = issuer + "2"
	for what, test := range map[string]struct {
		token tokenstore.ForeignToken
		want  any
	}{
		"by its subject":                       {foreign(now, subject("ann")), "acme"},
		"by one of its groups":                 {foreign(now, map[string][]string{"sub": {"x"}, "groups": {"a", "keepers"}}), "zoo"},
		"by the last group that is looked at":  {foreign(now, map[string][]string{"groups": within}), "zoo"},
		"with more groups than are looked at":  {foreign(now, map[string][]string{"groups": early}), tokenstore.ErrManyValues},
		"by its subject, with so many groups":  {foreign(now, map[string][]string{"sub": {"ann"}, "groups": many}), tokenstore.ErrManyValues},
		"of another subject":                   {foreign(now, subject("ben")), tokenstore.ErrNotFound},
		"of the subject in other letters":      {foreign(now, subject("Ann")), tokenstore.ErrNotFound},
		"with the subject in another claim":    {foreign(now, map[string][]string{"oid": {"ann"}}), tokenstore.ErrNotFound},
		"with the subject in a claim unlisted": {foreign(now, map[string][]string{"email": {"ann"}}), tokenstore.ErrNotFound},
		"for an audience of no policy of it":   {foreign(now, subject("elsewhere")), tokenstore.ErrNotFound},
		"of another issuer":                    {other, tokenstore.ErrNotFound},
		"with nothing":                         {foreign(now, nil), tokenstore.ErrNotFound},
		"with an empty subject":                {foreign(now, subject("")), tokenstore.ErrNotFound},
	} {
		s.wantForeign(t, what, test.token, test.want)
	}
	if _, err := s.FederatedHolder(t.Context(), "away", foreign(now, subject("ann"))); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("in another realm: %v, want ErrNotFound", err)
	}
}

func ambiguousToken(t *testing.T, s *site) {
	s.createFederated(t, "acme")
	s.createFederated(t, "zoo")
	s.mustPolicy(t, "acme", policyFor("ann"))
	group, own := policyFor("keepers"), policyFor("staff")
	group.Claim, own.Claim = "groups", "groups"
	s.mustPolicy(t, "zoo", group)
	s.mustPolicy(t, "acme", own)
	now := s.clock.now()
	s.wantForeign(t, "of two", foreign(now, map[string][]string{"sub": {"ann"}, "groups": {"keepers"}}), tokenstore.ErrAmbiguous)
	s.wantForeign(t, "of two by one claim", foreign(now, map[string][]string{"groups": {"keepers", "staff"}}), tokenstore.ErrAmbiguous)
	s.wantForeign(t, "of one by two claims", foreign(now, map[string][]string{"sub": {"ann"}, "groups": {"staff"}}), "acme")
	if _, err := s.ChangeRecipient(t.Context(), home, "zoo", actor, "disableRecipient",
		func(r *tokenstore.Recipient) (string, error) { r.Disabled = true; return "", nil }); err != nil {
		t.Fatal(err)
	}
	s.wantForeign(t, "of one that is disabled, too", foreign(now, map[string][]string{"sub": {"ann"}, "groups": {"keepers"}}), tokenstore.ErrAmbiguous)
	if _, err := s.DeleteRecipient(t.Context(), home, "zoo", actor); err != nil {
		t.Fatal(err)
	}
	s.wantForeign(t, "of one that is gone, too", foreign(now, map[string][]string{"sub": {"ann"}, "groups": {"keepers"}}), "acme")
}

// Whoever derived from the store that a token is acme's must forget it when zoo gets a
// policy that it meets, too.
func ambiguityAnnounced(t *testing.T, s *site) {
	s.createFederated(t, "acme")
	s.createFederated(t, "zoo")
	s.mustPolicy(t, "acme", policyFor("ann"))
	near := &listener{}
	defer s.Subscribe(near)()
	follower, far := s.other(t)
	s.mustPolicy(t, "zoo", policyFor("ben"))
	if err := follower.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	for where, told := range map[string][]tokenstore.Topic{"here": near.take(), "elsewhere": far.take()} {
		if !slices.Contains(told, tokenstore.Topic{Realm: home}) {
			t.Errorf("subscribers %s are told %v", where, told)
		}
	}
	if _, err := s.DeleteFederationPolicy(t.Context(), home, "acme", "ann", actor); err != nil {
		t.Fatal(err)
	}
	if got := near.take(); !slices.Contains(got, tokenstore.Topic{Realm: home, Subject: "id of acme"}) {
		t.Errorf("of a policy that is gone subscribers are told %v", got)
	}
}

func foreignRevoked(t *testing.T, s *site) {
	s.createFederated(t, "acme")
	s.createFederated(t, "zoo")
	s.mustPolicy(t, "acme", policyFor("ann"))
	s.mustPolicy(t, "zoo", policyFor("ben"))
	demand := func(what, name string, revoked time.Time, want any) {
		t.Helper()
		if want == nil {
			want = map[string]string{"ann": "acme", "ben": "zoo"}[name]
		}
		for _, issued := range []time.Duration{-time.Hour, 0, 29 * time.Second, 30 * time.Second} {
			s.wantForeign(t, fmt.Sprintf("%s, %s, issued %s after it", what, name, issued), foreign(revoked.Add(issued), subject(name)), want)
		}
		s.wantForeign(t, what+", without a time", foreign(time.Time{}, subject(name)), want)
		later := foreign(revoked.Add(31*time.Second), subject(name))
		s.wantForeign(t, what+", issued later", later, map[string]string{"ann": "acme", "ben": "zoo"}[name])
	}
	demand("before", "ann", s.clock.now(), nil)
	s.clock.advance(time.Minute)
	if _, err := s.Revoke(t.Context(), home, "acme", actor); err != nil {
		t.Fatal(err)
	}
	demand("revoked", "ann", s.clock.now(), tokenstore.Revoked)
	demand("another revoked", "ben", s.clock.now(), nil)
	s.clock.advance(time.Hour)
	if err := s.RevokeRealm(t.Context(), home, actor); err != nil {
		t.Fatal(err)
	}
	demand("mass revocation", "ann", s.clock.now(), tokenstore.Revoked)
	demand("mass revocation", "ben", s.clock.now(), tokenstore.Revoked)
	s.clock.advance(time.Hour)
	if _, _, err := s.Shorten(t.Context(), home, "zoo", 0, nil, actor); err != nil {
		t.Fatal(err)
	}
	demand("ended at once", "ben", s.clock.now(), tokenstore.Revoked)
}

func foreignRevokedTwice(t *testing.T, s *site) {
	s.createFederated(t, "acme")
	s.createFederated(t, "zoo")
	s.mustPolicy(t, "acme", policyFor("ann"))
	s.mustPolicy(t, "zoo", policyFor("ben"))
	for what, test := range map[string]struct {
		subject string
		revoke  func() error
	}{
		"one": {"ann", func() error {
			_, err := s.Revoke(t.Context(), home, "acme", actor)
			return err
		}},
		"all": {"ben", func() error { return s.RevokeRealm(t.Context(), home, actor) }},
	} {
		s.clock.advance(24 * time.Hour)
		token := foreign(s.clock.now(), subject(test.subject))
		for _, back := range []time.Duration{0, time.Hour, time.Minute} {
			s.clock.advance(-back)
			if err := test.revoke(); err != nil {
				t.Fatal(err)
			}
			s.wantForeign(t, fmt.Sprintf("%s, the clock set back by %s", what, back), token, tokenstore.Revoked)
		}
	}
}

func foreignRefused(t *testing.T, s *site) {
	s.createFederated(t, "acme")
	s.mustPolicy(t, "acme", policyFor("ann"))
	disable := func(disabled bool) {
		t.Helper()
		if _, err := s.ChangeRecipient(t.Context(), home, "acme", actor, "updateRecipient",
			func(r *tokenstore.Recipient) (string, error) { r.Disabled = disabled; return "", nil }); err != nil {
			t.Fatal(err)
		}
	}
	token := foreign(s.clock.now(), subject("ann"))
	disable(true)
	s.wantForeign(t, "disabled", token, errDisabled)
	disable(false)
	s.wantForeign(t, "enabled", token, "acme")
	s.setEnd(t, "acme", s.clock.now().Add(time.Hour))
	s.clock.advance(time.Hour - 1)
	s.wantForeign(t, "at the last moment", token, "acme")
	s.clock.advance(1)
	s.wantForeign(t, "ended", token, tokenstore.Expired)
}
