package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var familyTests = []storeTest{
	{"a sign-in starts a family, which is shown by its accessor", startFamily},
	{"what no family can be is refused", refuseFamily},
	{"revoking a family ends what descends from it, and nothing else", revokeDescent},
	{"signing out ends the family itself", signOut},
	{"what is asked for with a family has a life of its own, or ends with it", ownLife},
	{"only a live family of the account gives another", askRefused},
	{"a family whose parent is gone is dead", missingParent},
	{"a family is kept for as long as what descends from it is known", pruneFamilies},
	{"a mass revocation ends the families of its realm", revokeRealmFamilies},
	{"what is asked for beside a revocation is dead after it", askBesideRevoke},
	{"a family is no other kind of token, and no other is a family", familyApart},
}

// familyLife is until the absolute end of the families of tests.
const familyLife = 30 * 24 * time.Hour

func familyOf(name string) secret.Digest { return digestOf("family %s", name) }

// signIn is the family, of a name, of a sign-in whose password was found right.
func signIn(account tokenstore.Account, name string) tokenstore.NewFamily {
	return tokenstore.NewFamily{
		Realm: account.Realm, Host: account.Host, Accessor: name, Digest: familyOf(name), Scope: tokenstore.OwnerScope,
		Lifetime: familyLife, Account: account.ID, Generation: account.Generation,
	}
}

// child is a family, of a name, that is asked for with another; the application is notes.
func child(account tokenstore.Account, parent *secret.Digest, name string, scope tokenstore.FamilyScope) tokenstore.NewFamily {
	n := tokenstore.NewFamily{
		Realm: account.Realm, Host: account.Host, Accessor: name, Digest: familyOf(name), Scope: scope,
		Lifetime: familyLife, Parent: parent,
	}
	if scope == tokenstore.ApplicationScope {
		n.Application = "notes"
	}
	return n
}

func (s *site) mustSignIn(t testing.TB, host, name string) tokenstore.FamilyHolder {
	t.Helper()
	h, err := s.StartFamily(t.Context(), signIn(s.account(t, home, host), name), actor)
	if err != nil {
		t.Fatalf("signing in to %s: %v", host, err)
	}
	return h
}

func (s *site) tryAsk(ctx context.Context, host, parent, name string, scope tokenstore.FamilyScope) (tokenstore.FamilyHolder, secret.Digest, error) {
	digest := familyOf(parent)
	h, err := s.StartFamily(ctx, child(tokenstore.Account{Realm: home, Host: host}, &digest, name, scope), actor)
	return h, familyOf(name), err
}

func (s *site) mustAsk(t testing.TB, host, parent, name string, scope tokenstore.FamilyScope) tokenstore.FamilyHolder {
	t.Helper()
	h, _, err := s.tryAsk(t.Context(), host, parent, name, scope)
	if err != nil {
		t.Fatalf("asking for %s with %s: %v", name, parent, err)
	}
	return h
}

// familyOutcome is what the holder of a family's token gets, in words.
func familyOutcome(ctx context.Context, s *tokenstore.Store, realm string, digest secret.Digest) string {
	h, err := s.FamilyHolder(ctx, realm, digest)
	ended, isEnded := errors.AsType[*tokenstore.EndedError](err)
	switch {
	case isEnded:
		return fmt.Sprintf("%s at %d", ended.Reason, ended.At.Unix())
	case errors.Is(err, tokenstore.ErrAccountDisabled):
		return "disabled"
	case errors.Is(err, tokenstore.ErrNotFound):
		return "unknown"
	case err != nil:
		return err.Error()
	case h.Token.Family.Scope != tokenstore.ApplicationScope:
		return string(h.Token.Family.Scope)
	case h.Application.ID == "":
		return "application of nothing"
	case h.Application.Disabled:
		return "application " + h.Application.ID + ", disabled"
	}
	return "application " + h.Application.ID
}

// wantFamily demands what the holder of a family's token gets.
func (s *site) wantFamily(t testing.TB, name, want string) {
	t.Helper()
	if got := familyOutcome(t.Context(), s.Store, home, familyOf(name)); got != want {
		t.Errorf("family %q: %s, want %s", name, got, want)
	}
}

// familyLives tells whether a family is good. What the store cannot tell is no no.
func (s *site) familyLives(t testing.TB, name string) bool {
	t.Helper()
	_, err := s.FamilyHolder(t.Context(), home, familyOf(name))
	if _, ended := errors.AsType[*tokenstore.EndedError](err); err != nil && !ended && !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("family %q: %v", name, err)
	}
	return err == nil
}

func startFamily(t *testing.T, s *site) {
	s.openAccount(t, home, "bob.example")
	s.openAccount(t, home, "eve.example")
	notes := s.addApplication(t, "notes")
	s.mustSignIn(t, "bob.example", "bob")
	s.mustAsk(t, "bob.example", "bob", "notes of bob", tokenstore.ApplicationScope)
	s.mustAsk(t, "bob.example", "bob", "proof of bob", tokenstore.ValidateScope)
	s.mustSignIn(t, "eve.example", "eve")
	before, err := s.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.FamilyHolder(t.Context(), home, familyOf("notes of bob"))
	if err != nil || h.Account.Host != "bob.example" || h.Token.Subject != h.Account.ID || h.Application.UID != notes.UID ||
		h.Token.Accessor != "notes of bob" || !h.Token.ExpiresAt.Equal(dawn.Add(familyLife)) || h.Revision != before {
		t.Errorf("held is %+v, %v", h, err)
	}
	s.wantFamily(t, "proof of bob", "validate")
	if got := familyOutcome(t.Context(), s.Store, "away", familyOf("bob")); got != "unknown" {
		t.Errorf("in another realm it is %s", got)
	}
	s.TouchBy("bob", "192.0.2.7", "browser")
	if err := s.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := s.TokenByAccessor(t.Context(), "bob")
	if err != nil || info.Kind != tokenstore.FamilyToken || info.Status != "active" || info.Account != "bob.example" || info.Recipient != "" ||
		info.Use.ClientIP != "192.0.2.7" || info.CreatedBy != actor {
		t.Errorf("the family is shown as %+v, %v", info, err)
	}
	tokens, _, err := s.Tokens(t.Context(), "", 10)
	var shown []string
	for _, token := range tokens {
		shown = append(shown, fmt.Sprint(token.Accessor, " ", token.Account, " ", token.Status))
	}
	if got := strings.Join(shown, ", "); err != nil || got !=
		"bob bob.example active, eve eve.example active, notes of bob bob.example active, proof of bob bob.example active" {
		t.Errorf("listed are %s, %v", got, err)
	}
}

func refuseFamily(t *testing.T, s *site) {
	account := s.openAccount(t, home, "bob.example")
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	s.mustSignIn(t, "bob.example", "bob")
	for name, test := range map[string]struct {
		spoil func(*tokenstore.NewFamily)
		want  error
	}{
		"no lifetime":               {func(n *tokenstore.NewFamily) { n.Lifetime = 0 }, tokenstore.ErrInvalid},
		"a lifetime in the past":    {func(n *tokenstore.NewFamily) { n.Lifetime = -time.Second }, tokenstore.ErrInvalid},
		"a lifetime of ages":        {func(n *tokenstore.NewFamily) { n.Lifetime = 101 * 365 * 24 * time.Hour }, tokenstore.ErrInvalid},
		"no scope":                  {func(n *tokenstore.NewFamily) { n.Scope = "" }, tokenstore.ErrInvalid},
		"a scope that nobody knows": {func(n *tokenstore.NewFamily) { n.Scope = "root" }, tokenstore.ErrInvalid},
		"no accessor":               {func(n *tokenstore.NewFamily) { n.Accessor = "" }, tokenstore.ErrInvalid},
		"an id that is in use":      {func(n *tokenstore.NewFamily) { n.Digest = familyOf("bob") }, tokenstore.ErrInvalid},
		"an id that is a token":     {func(n *tokenstore.NewFamily) { n.Digest = tokenOf("acme") }, tokenstore.ErrInvalid},
		"another host":              {func(n *tokenstore.NewFamily) { n.Host = "eve.example" }, tokenstore.ErrNotFound},
		"another realm":             {func(n *tokenstore.NewFamily) { n.Realm = "away" }, tokenstore.ErrNotFound},
		"another account":           {func(n *tokenstore.NewFamily) { n.Account = "acc of eve.example" }, tokenstore.ErrStale},
		"no account":                {func(n *tokenstore.NewFamily) { n.Account = "" }, tokenstore.ErrStale},
		"a generation to come":      {func(n *tokenstore.NewFamily) { n.Generation++ }, tokenstore.ErrStale},
		"an unknown application": {func(n *tokenstore.NewFamily) {
			n.Scope, n.Application = tokenstore.ApplicationScope, "maps"
		}, tokenstore.ErrNotFound},
		"no application": {func(n *tokenstore.NewFamily) { n.Scope = tokenstore.ApplicationScope }, tokenstore.ErrNotFound},
	} {
		n := signIn(account, "new")
		n.Network = "192.0.2.1/32"
		test.spoil(&n)
		if _, err := s.StartFamily(t.Context(), n, actor); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	s.wantFamily(t, "new", "unknown")
	s.wantFamily(t, "bob", "owner")
	s.wantToken(t, home, "acme", "valid")
	if got := s.account(t, home, "bob.example").SignedInFrom; len(got) != 0 {
		t.Errorf("a sign-in that was refused is remembered from %q", got)
	}
	if left := s.leftovers(t, "anew"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func pruneFamilies(t *testing.T, s *site) {
	s.openAccount(t, home, "bob.example")
	s.mustSignIn(t, "bob.example", "bob")
	s.mustSignIn(t, "bob.example", "alone")
	s.mustSignIn(t, "bob.example", "left")
	if err := s.SignOut(t.Context(), home, familyOf("left"), actor); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(familyLife - time.Hour)
	s.mustAsk(t, "bob.example", "bob", "child", tokenstore.ValidateScope)
	if err := s.SignOut(t.Context(), home, familyOf("bob"), actor); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(familyLife - time.Hour)
	s.pass(t)
	s.wantFamily(t, "left", "unknown") // its end was when its holder signed out
	s.wantFamily(t, "alone", "expired at "+unix(dawn.Add(familyLife)))
	s.mustAsk(t, "bob.example", "child", "grandchild", tokenstore.ValidateScope)
	s.Touch("bob", "192.0.2.7", "browser")
	if err := s.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(familyLife - time.Second)
	s.pass(t)
	s.wantFamily(t, "alone", "unknown")
	s.wantFamily(t, "grandchild", "validate")
	if got := tokenStatus(t.Context(), s.Store, "bob"); got == "unknown" {
		t.Error("a family is forgotten while another needs it")
	}
	s.clock.advance(2 * time.Second)
	ended := "expired at " + unix(s.clock.now().Add(-time.Second))
	s.pass(t)
	s.wantFamily(t, "grandchild", ended)
	s.clock.advance(tokenstore.KeepEnded - 2*time.Second)
	s.pass(t)
	s.wantFamily(t, "grandchild", ended) // as long as it is known, it tells why
	s.clock.advance(time.Second)
	s.pass(t)
	s.pass(t)
	for _, name := range []string{"bob", "child", "grandchild"} {
		s.wantFamily(t, name, "unknown")
		for _, kind := range []string{"a", "u", "c"} {
			if left := s.leftovers(t, kind+name); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		}
	}
	s.mustSignIn(t, "bob.example", "bob") // the account goes on
}

func revokeRealmFamilies(t *testing.T, s *site) {
	names := s.descent(t)
	s.openAccount(t, "away", "bob.example")
	away, _, _, err := s.AccountByHost(t.Context(), "away", "bob.example")
	if err == nil {
		_, err = s.StartFamily(t.Context(), signIn(away, "away"), actor)
	}
	if err == nil {
		err = s.RevokeRealm(t.Context(), home, actor)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := s.living(t, names); got != "" {
		t.Errorf("live are %s", got)
	}
	s.wantFamily(t, "aaa", "revoked at "+unix(s.clock.now()))
	if got := familyOutcome(t.Context(), s.Store, "away", familyOf("away")); got != "owner" {
		t.Errorf("of another realm: %s", got)
	}
	s.mustSignIn(t, "bob.example", "again")
	s.wantFamily(t, "again", "owner")

	// Sign-ins beside it are ended by it, or began after it.
	account := s.account(t, home, "bob.example")
	revoked := make(chan struct{})
	var group sync.WaitGroup
	for rival := range rivals {
		group.Go(func() {
			name := fmt.Sprint("rival ", rival)
			err := again(func() error { _, err := s.StartFamily(t.Context(), signIn(account, name), actor); return err })
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			<-revoked
			h, err := s.FamilyHolder(t.Context(), home, familyOf(name))
			if err == nil && h.Token.Epoch != 2 {
				t.Errorf("%s lives, and began in epoch %d", name, h.Token.Epoch)
			}
		})
	}
	err = again(func() error { return s.RevokeRealm(t.Context(), home, actor) })
	close(revoked)
	group.Wait()
	if err != nil {
		t.Fatal(err)
	}
}

func familyApart(t *testing.T, s *site) {
	s.openAccount(t, home, "bob.example")
	s.mustSignIn(t, "bob.example", "bob")
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	s.create(t, home, "waiting")
	s.createClient(t, "client")
	s.mustAccess(t, "client", "client", "access")
	family := familyOf("bob")
	for name, look := range map[string]func() error{
		"a token of a data call": func() error { _, err := s.TokenHolder(t.Context(), home, family); return err },
		"a client secret":        func() error { _, err := s.ClientSecretHolder(t.Context(), home, family); return err },
		"a link":                 func() error { _, err := s.Link(t.Context(), home, family); return err },
		"a management key":       func() error { _, err := s.ManagementKeyHolder(t.Context(), home, family); return err },
		"an admin token":         func() error { _, err := s.Admin(t.Context(), home, family); return err },
		"a client that asks for an access token": func() error {
			_, err := s.IssueAccessToken(t.Context(), home, "acc of bob.example", family, tokenstore.NewAccessToken{
				Accessor: "new", Digest: digestOf("new"), Lifetime: time.Hour,
			})
			return err
		},
	} {
		if err := look(); !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("a family as %s: %v, want ErrNotFound", name, err)
		}
	}
	for name, digest := range map[string]secret.Digest{
		"a bearer token": tokenOf("acme"), "a client secret": tokenOf("client"), "an access token": accessOf("access"), "a link": codeOf("waiting"),
	} {
		_, lookErr := s.FamilyHolder(t.Context(), home, digest)
		outErr := s.SignOut(t.Context(), home, digest, actor)
		n := child(s.account(t, home, "bob.example"), &digest, "new", tokenstore.OwnerScope)
		_, askErr := s.StartFamily(t.Context(), n, actor)
		for what, err := range map[string]error{"looked up": lookErr, "signed out": outErr, "asked with": askErr} {
			if !errors.Is(err, tokenstore.ErrNotFound) {
				t.Errorf("%s as a family, %s: %v, want ErrNotFound", name, what, err)
			}
		}
	}
	if _, err := s.Activate(t.Context(), home, codeOf("waiting"), family, tokenstore.BearerToken, lifetime); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("a bearer token with the id of a family: %v, want ErrInvalid", err)
	}
	s.wantFamily(t, "bob", "owner")
	s.wantToken(t, home, "acme", "valid")
}
