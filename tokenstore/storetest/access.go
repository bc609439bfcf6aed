package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var accessTests = []storeTest{
	{"one kind of token is never another", kindsApart},
	{"a link delivers only what its recipient authenticates with", wrongKind},
	{"what ends a client secret ends its access tokens", secretEnds},
	{"an access token ends by itself, with its secret at the latest", accessEnds},
	{"a rotated client secret issues until its end", rotatedSecret},
	{"access tokens are forgotten after a day", pruneAccess},
	{"what is issued beside the end of its secret is dead after it", accessBesideEnd},
}

// createClient makes a recipient with client credentials that has fetched its secret,
// whose digest is tokenOf its name.
func (s *site) createClient(t testing.TB, name string) {
	t.Helper()
	_, err := s.CreateRecipient(t.Context(), tokenstore.NewRecipient{
		ID: "id of " + name, Realm: home, Name: name, Auth: tokenstore.ClientCredentials, Link: link("%s", name),
	}, actor)
	if err != nil {
		t.Fatalf("creating %s: %v", name, err)
	}
	s.fetchSecret(t, name)
}

// fetchSecret uses a link for the client secret of its name.
func (s *site) fetchSecret(t testing.TB, link string) {
	t.Helper()
	if _, err := s.Activate(t.Context(), home, codeOf(link), tokenOf(link), tokenstore.ClientSecret, lifetime); err != nil {
		t.Fatalf("fetching the secret of link %s: %v", link, err)
	}
}

func accessOf(name string) secret.Digest { return digestOf("access token %s", name) }

// access issues an access token of an hour to who holds the secret of a link.
func (s *site) access(t testing.TB, client, link, name string) error {
	t.Helper()
	_, err := s.IssueAccessToken(t.Context(), home, "id of "+client, tokenOf(link), tokenstore.NewAccessToken{
		Accessor: name, Digest: accessOf(name), Lifetime: time.Hour,
	})
	return err
}

func (s *site) mustAccess(t testing.TB, client, link, name string) {
	t.Helper()
	if err := s.access(t, client, link, name); err != nil {
		t.Fatalf("issuing access token %s for %s: %v", name, link, err)
	}
}

// accessState is what who presents an access token gets, and what an operator reads.
func (s *site) accessState(t testing.TB, name string) string {
	t.Helper()
	state := "valid"
	if _, err := s.TokenHolder(t.Context(), home, accessOf(name)); err != nil {
		state = tokenOutcome(t.Context(), s.Store, home, accessOf(name))
	}
	return state + ", " + tokenStatus(t.Context(), s.Store, name)
}

func (s *site) wantAccess(t testing.TB, name, want string) {
	t.Helper()
	if got := s.accessState(t, name); got != want {
		t.Errorf("access token %s is %s, want %s", name, got, want)
	}
}

// setEnd changes when all that a recipient holds ends.
func (s *site) setEnd(t testing.TB, name string, at time.Time) {
	t.Helper()
	_, err := s.ChangeRecipient(t.Context(), home, name, actor, "updateRecipient",
		func(r *tokenstore.Recipient) (string, error) { r.NotAfter = at; return "", nil })
	if err != nil {
		t.Fatalf("setting the end of %s: %v", name, err)
	}
}

func kindsApart(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	s.createClient(t, "client")
	s.createClient(t, "rival")
	s.mustAccess(t, "client", "client", "first")
	bearer, clientSecret, access := tokenOf("acme"), tokenOf("client"), accessOf("first")
	for _, test := range []struct {
		name         string
		digest       secret.Digest
		data, client bool
	}{
		{"bearer token", bearer, true, false},
		{"client secret", clientSecret, false, true},
		{"access token", access, true, false},
	} {
		for _, realm := range []string{home, "away"} {
			_, dataErr := s.TokenHolder(t.Context(), realm, test.digest)
			_, clientErr := s.ClientSecretHolder(t.Context(), realm, test.digest)
			for use, x := range map[string]struct {
				err  error
				good bool
			}{"on data calls": {dataErr, test.data}, "at the token endpoint": {clientErr, test.client}} {
				if good := x.good && realm == home; good && x.err != nil || !good && !errors.Is(x.err, tokenstore.ErrNotFound) {
					t.Errorf("%s, %s, in realm %s: %v", test.name, use, realm, x.err)
				}
			}
		}
	}
	issue := func(realm, id string, digest secret.Digest) error {
		_, err := s.IssueAccessToken(t.Context(), realm, id, digest, tokenstore.NewAccessToken{
			Accessor: "stolen", Digest: accessOf("stolen"), Lifetime: time.Hour,
		})
		return err
	}
	for name, err := range map[string]error{
		"for a bearer token":              issue(home, "id of acme", bearer),
		"for an access token":             issue(home, "id of client", access),
		"for another client":              issue(home, "id of rival", clientSecret),
		"for a client that is not there":  issue(home, "id of nobody", clientSecret),
		"in another realm":                issue("away", "id of client", clientSecret),
		"for a secret that was not given": issue(home, "id of client", digestOf("guess")),
	} {
		if !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("an access token %s: %v, want ErrNotFound", name, err)
		}
	}
	s.wantAccess(t, "stolen", "unknown, unknown")
	if err := s.access(t, "client", "client", "first"); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("an access token that exists: %v, want ErrInvalid", err)
	}
}

func wrongKind(t *testing.T, s *site) {
	s.create(t, home, "acme")
	for _, kind := range []tokenstore.TokenKind{tokenstore.ClientSecret, tokenstore.AccessToken} {
		_, err := s.Activate(t.Context(), home, codeOf("acme"), tokenOf("acme"), kind, lifetime)
		if !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("a link for a bearer token delivers a %s: %v, want ErrInvalid", kind, err)
		}
	}
	s.wantLink(t, home, "acme", nil)
	s.activate(t, home, "acme")
	s.createClient(t, "client")
	s.rotate(t, home, "client", "second")
	if _, err := s.Activate(t.Context(), home, codeOf("second"), tokenOf("second"), tokenstore.BearerToken, lifetime); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("a link for a client secret delivers a bearer token: %v, want ErrInvalid", err)
	}
	s.fetchSecret(t, "second")
}

func secretEnds(t *testing.T, s *site) {
	now := s.clock.now()
	at := unix(now)
	for name, test := range map[string]struct {
		end  func(name string) error
		want string // of an access token, afterwards
	}{
		"revoke": {func(name string) error {
			_, err := s.Revoke(t.Context(), home, name, actor)
			return err
		}, "revoked at " + at + ", revoked"},
		"revoke-secret": {func(name string) error {
			_, err := s.RevokeToken(t.Context(), name, actor)
			return err
		}, "revoked at " + at + ", revoked"},
		"rotate-at-once": {func(name string) error {
			_, _, err := s.Rotate(t.Context(), home, name, tokenstore.Rotation{MaxTokens: 2, Link: link("%s anew", name)}, actor)
			return err
		}, "rotated at " + at + ", expired"},
		"shorten-to-nothing": {func(name string) error {
			_, _, err := s.Shorten(t.Context(), home, name, 0, nil, actor)
			return err
		}, "revoked at " + at + ", revoked"},
		"disable": {func(name string) error {
			_, err := s.ChangeRecipient(t.Context(), home, name, actor, "disableRecipient",
				func(r *tokenstore.Recipient) (string, error) { r.Disabled = true; return "", nil })
			return err
		}, "disabled, active"},
		"delete": {func(name string) error {
			_, err := s.DeleteRecipient(t.Context(), home, name, actor)
			return err
		}, "revoked at " + at + ", revoked"},
		"end": {func(name string) error {
			_, err := s.ChangeRecipient(t.Context(), home, name, actor, "updateRecipient",
				func(r *tokenstore.Recipient) (string, error) { r.NotAfter = now; return "", nil })
			return err
		}, "expired at " + at + ", expired"},
	} {
		s.createClient(t, name)
		s.mustAccess(t, name, name, name+" access")
		s.wantAccess(t, name+" access", "valid, active")
		if err := test.end(name); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.wantAccess(t, name+" access", test.want)
		if err := s.access(t, name, name, name+" later"); err == nil {
			t.Errorf("%s: the secret goes on issuing", name)
		}
		if _, err := s.RevokeToken(t.Context(), name+" access", actor); err != nil {
			t.Errorf("%s: revoking the access token as well: %v", name, err)
		}
	}
	s.createClient(t, "epoch")
	s.mustAccess(t, "epoch", "epoch", "epoch access")
	if err := s.RevokeRealm(t.Context(), home, actor); err != nil {
		t.Fatal(err)
	}
	s.wantAccess(t, "epoch access", "revoked at "+at+", revoked")
	if err := s.access(t, "epoch", "epoch", "epoch later"); err == nil {
		t.Error("after a mass revocation a secret goes on issuing")
	}
	// An access token ends alone.
	s.createClient(t, "alone")
	s.mustAccess(t, "alone", "alone", "alone access")
	if _, err := s.RevokeToken(t.Context(), "alone access", actor); err != nil {
		t.Fatal(err)
	}
	s.wantAccess(t, "alone access", "revoked at "+at+", revoked")
	s.mustAccess(t, "alone", "alone", "alone second")
	s.wantAccess(t, "alone second", "valid, active")
}

func accessEnds(t *testing.T, s *site) {
	s.createClient(t, "client")
	s.mustAccess(t, "client", "client", "first")
	s.clock.advance(time.Hour - 1)
	s.wantAccess(t, "first", "valid, active")
	s.clock.advance(1)
	s.wantAccess(t, "first", "expired at "+unix(s.clock.now())+", expired")

	s.shorten(t, "client", time.Minute)
	holder, err := s.IssueAccessToken(t.Context(), home, "id of client", tokenOf("client"), tokenstore.NewAccessToken{
		Accessor: "second", Digest: accessOf("second"), Lifetime: time.Hour,
	})
	if ends := s.clock.now().Add(time.Minute); err != nil || !holder.Token.ExpiresAt.Equal(ends) {
		t.Errorf("it ends at %s, %v, want with its secret, at %s", holder.Token.ExpiresAt, err, ends)
	}
	s.clock.advance(time.Minute)
	s.wantAccess(t, "second", "expired at "+unix(s.clock.now())+", expired")
	if err := s.access(t, "client", "client", "third"); err == nil {
		t.Error("a secret that has expired issues")
	}
	for _, life := range []time.Duration{0, -time.Hour, time.Millisecond} {
		_, err := s.IssueAccessToken(t.Context(), home, "id of client", tokenOf("client"), tokenstore.NewAccessToken{
			Accessor: "odd", Digest: accessOf("odd"), Lifetime: life,
		})
		if !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("an access token of %s: %v, want ErrInvalid", life, err)
		}
	}
}

func rotatedSecret(t *testing.T, s *site) {
	s.createClient(t, "client")
	s.mustAccess(t, "client", "client", "before")
	s.rotate(t, home, "client", "second") // with an hour for the old secret
	s.clock.advance(30 * time.Minute)
	s.mustAccess(t, "client", "client", "overlap")
	holder, err := s.TokenHolder(t.Context(), home, accessOf("overlap"))
	if err != nil || holder.Root.Accessor != "client" || holder.Root.RotatedAt.IsZero() {
		t.Errorf("the access token comes of %q, rotated at %s, %v", holder.Root.Accessor, holder.Root.RotatedAt, err)
	}
	s.fetchSecret(t, "second")
	s.mustAccess(t, "client", "second", "new")
	s.clock.advance(30 * time.Minute)
	ended := "rotated at " + unix(s.clock.now()) + ", expired"
	s.wantAccess(t, "before", ended)
	s.wantAccess(t, "overlap", ended)
	s.wantAccess(t, "new", "valid, active")
}

func pruneAccess(t *testing.T, s *site) {
	s.createClient(t, "client")
	s.mustAccess(t, "client", "client", "access")
	s.TouchBy("access", "192.0.2.1", "client/1")
	if err := s.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(25*time.Hour - time.Second)
	s.pass(t)
	if got := tokenStatus(t.Context(), s.Store, "access"); got != "expired" {
		t.Errorf("less than a day after its end the token is %s", got)
	}
	s.clock.advance(time.Second)
	s.pass(t)
	s.wantAccess(t, "access", "unknown, unknown")
	for _, kind := range []string{"a", "u", "c"} {
		if left := s.leftovers(t, kind+"access"); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
	if got := tokenStatus(t.Context(), s.Store, "client"); got != "expired" {
		t.Errorf("the client secret is %s, want expired, and known", got)
	}
}

func accessBesideEnd(t *testing.T, s *site) {
	ends := []func(name string) error{
		func(name string) error { _, err := s.Revoke(t.Context(), home, name, actor); return err },
		func(name string) error { _, err := s.RevokeToken(t.Context(), name, actor); return err },
		func(name string) error { _, err := s.DeleteRecipient(t.Context(), home, name, actor); return err },
		func(name string) error {
			_, _, err := s.Rotate(t.Context(), home, name, tokenstore.Rotation{MaxTokens: 2, Link: link("%s anew", name)}, actor)
			return err
		},
	}
	for i, end := range ends {
		name := fmt.Sprint("client-", i)
		s.createClient(t, name)
		var group sync.WaitGroup
		for rival := range rivals {
			group.Go(func() {
				err := again(func() error { return s.access(t, name, name, fmt.Sprint(name, " access ", rival)) })
				if _, ended := errors.AsType[*tokenstore.EndedError](err); err != nil && !ended {
					t.Errorf("rival %d: %v", rival, err)
				}
			})
		}
		if err := again(func() error { return end(name) }); err != nil {
			t.Fatalf("end %d: %v", i, err)
		}
		group.Wait()
		for rival := range rivals {
			if _, err := s.TokenHolder(t.Context(), home, accessOf(fmt.Sprint(name, " access ", rival))); err == nil {
				t.Errorf("access token %d outlives end %d of its secret", rival, i)
			}
		}
	}
}
