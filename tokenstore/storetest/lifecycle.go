package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var lifecycleTests = []storeTest{
	{"a link that was shortened gives a token that ends no later", shortenedLink},
	{"shortening never lengthens", neverLengthens},
	{"a link is worth nothing in another realm", foreignLink},
	{"a lost link takes no place", lostLink},
	{"a management key that was replaced leaves nothing behind", replacedKey},
}

func (s *site) shorten(t *testing.T, name string, in time.Duration) {
	t.Helper()
	if _, _, err := s.Shorten(t.Context(), home, name, in, nil, actor); err != nil {
		t.Fatalf("shortening %s: %v", name, err)
	}
}

func shortenedLink(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.shorten(t, "acme", time.Hour)
	s.clock.advance(time.Hour - time.Second)
	s.activate(t, home, "acme")
	s.wantToken(t, home, "acme", "valid")
	s.clock.advance(time.Second)
	s.wantToken(t, home, "acme", "expired at "+unix(s.clock.now()))

	s.create(t, home, "late")
	s.shorten(t, "late", time.Minute)
	s.clock.advance(time.Minute)
	s.wantLink(t, home, "late", errLinkOver)
}

func neverLengthens(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	s.shorten(t, "acme", time.Minute)
	ends := s.clock.now().Add(time.Minute)
	s.shorten(t, "acme", 10*lifetime)
	s.rotate(t, home, "acme", "second") // with an hour for the old token
	s.clock.advance(time.Minute - 1)
	s.wantToken(t, home, "acme", "valid")
	s.clock.advance(1)
	s.wantToken(t, home, "acme", "rotated at "+unix(ends))
}

func foreignLink(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.create(t, "away", "zoo")
	s.wantLink(t, "away", "acme", tokenstore.ErrNotFound)
	_, err := s.Activate(t.Context(), "away", codeOf("acme"), tokenOf("acme"), tokenstore.BearerToken, lifetime)
	if !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("activating in another realm: %v, want ErrNotFound", err)
	}
	s.wantLink(t, home, "acme", nil) // it was not used up
	s.activate(t, home, "acme")
	s.wantToken(t, "away", "acme", "unknown")
}

// The rule of Databricks: a link that was never used is replaced, else a lost one
// would take one of two places.
func lostLink(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	for _, name := range []string{"lost", "lost too", "found"} {
		s.rotate(t, home, "acme", name)
	}
	s.wantLink(t, home, "lost", errLinkOver)
	s.wantLink(t, home, "lost too", errLinkOver)
	s.activate(t, home, "found")
	s.wantToken(t, home, "found", "valid")
	s.wantToken(t, home, "acme", "valid")
	r := tokenstore.Rotation{OldExpiresIn: time.Hour, MaxTokens: 2, Link: link("third")}
	if _, _, err := s.Rotate(t.Context(), home, "acme", r, actor); !errors.Is(err, tokenstore.ErrTooManyTokens) {
		t.Errorf("rotating with two valid tokens: %v, want ErrTooManyTokens", err)
	}
	s.wantLink(t, home, "third", tokenstore.ErrNotFound)
	r.OldExpiresIn = 0 // which leaves room
	if _, _, err := s.Rotate(t.Context(), home, "acme", r, actor); err != nil {
		t.Errorf("rotating and ending both tokens at once: %v", err)
	}
	s.wantToken(t, home, "found", "rotated at "+unix(s.clock.now()))
	s.wantToken(t, home, "acme", "rotated at "+unix(s.clock.now()))
	s.activate(t, home, "third")
	s.wantToken(t, home, "third", "valid")
}

func replacedKey(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.create(t, home, "zoo")
	give := func(name string, key *secret.Digest) {
		t.Helper()
		if _, err := s.SetManagementKey(t.Context(), home, name, key, actor); err != nil {
			t.Fatalf("giving %s a management key: %v", name, err)
		}
	}
	holds := func(key secret.Digest, want string) {
		t.Helper()
		got, err := s.ManagementKeyHolder(t.Context(), home, key)
		if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
			t.Error(err)
		}
		if got.Name != want {
			t.Errorf("the key is held by %q, want %q", got.Name, want)
		}
		if other, err := s.ManagementKeyHolder(t.Context(), "away", key); !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("in another realm the key is held by %q, %v", other.Name, err)
		}
	}
	first, second := digestOf("first key"), digestOf("second key")
	give("acme", &first)
	holds(first, "acme")
	give("acme", &second)
	holds(first, "")
	holds(second, "acme")
	give("zoo", &first) // nothing of it is left with acme
	holds(first, "zoo")
	give("acme", nil)
	holds(second, "")
	if _, err := s.DeleteRecipient(t.Context(), home, "zoo", actor); err != nil {
		t.Fatal(err)
	}
	holds(first, "")
	give("acme", &first)
	holds(first, "acme")
}
