package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// descent makes a tree: bob, with a, b; of a: aa, ab; of aa: aaa; beside them another
// sign-in, and one of another account.
func (s *site) descent(t *testing.T) []string {
	t.Helper()
	s.addApplication(t, "notes")
	s.openAccount(t, home, "bob.example")
	s.openAccount(t, home, "eve.example")
	s.mustSignIn(t, "bob.example", "bob")
	s.mustSignIn(t, "bob.example", "phone")
	s.mustSignIn(t, "eve.example", "eve")
	for _, family := range [][2]string{{"bob", "a"}, {"bob", "b"}, {"a", "aa"}, {"a", "ab"}, {"aa", "aaa"}, {"phone", "p"}} {
		s.mustAsk(t, "bob.example", family[0], family[1], tokenstore.ApplicationScope)
	}
	return strings.Fields("bob a b aa ab aaa phone p eve")
}

// living lists which of some families live, and that the list of tokens says the same.
func (s *site) living(t *testing.T, names []string) string {
	t.Helper()
	var alive []string
	for _, name := range names {
		lives := s.familyLives(t, name)
		if lives {
			alive = append(alive, name)
		}
		if status := tokenStatus(t.Context(), s.Store, name); (status == "active") != lives {
			t.Errorf("family %q is shown as %s, and lives: %v", name, status, lives)
		}
	}
	return strings.Join(alive, " ")
}

func revokeDescent(t *testing.T, s *site) {
	names := s.descent(t)
	for _, test := range []struct{ revoke, left string }{
		{"aa", "bob a b ab phone p eve"}, // with aaa
		{"aaa", "bob a b ab phone p eve"},
		{"ab", "bob a b phone p eve"},
		{"bob", "phone p eve"},
		{"bob", "phone p eve"},
		{"p", "phone eve"},
	} {
		s.clock.advance(time.Minute)
		info, err := s.RevokeToken(t.Context(), test.revoke, actor)
		if err != nil || info.Status != "revoked" || info.Account != "bob.example" {
			t.Errorf("revoking %s: %+v, %v", test.revoke, info, err)
		}
		if got := s.living(t, names); got != test.left {
			t.Errorf("after revoking %s live %s, want %s", test.revoke, got, test.left)
		}
	}
	// Each says when it ended: with the first that did.
	s.wantFamily(t, "aaa", "revoked at "+unix(dawn.Add(time.Minute)))
	s.wantFamily(t, "ab", "revoked at "+unix(dawn.Add(3*time.Minute)))
	s.wantFamily(t, "b", "revoked at "+unix(dawn.Add(4*time.Minute)))
	if n, err := auditLength(t.Context(), s.Store); n != 3+9+5 || err != nil {
		t.Errorf("the audit has %d entries, %v, want one of each that was made and of each end", n, err)
	}
}

func signOut(t *testing.T, s *site) {
	names := s.descent(t)
	leave := func(name string) {
		t.Helper()
		if err := s.SignOut(t.Context(), home, familyOf(name), actor); err != nil {
			t.Errorf("signing out of %s: %v", name, err)
		}
		s.clock.advance(time.Minute)
	}
	leave("bob")
	leave("bob")
	leave("aa")
	if got := s.living(t, names); got != "a b ab aaa phone p eve" {
		t.Errorf("live are %s", got)
	}
	s.wantFamily(t, "bob", "signed out at "+unix(dawn))
	if got := tokenStatus(t.Context(), s.Store, "bob"); got != "signed out" {
		t.Errorf("it is shown as %s", got)
	}
	// An operator can still end all that came of it.
	if _, err := s.RevokeToken(t.Context(), "bob", actor); err != nil {
		t.Fatal(err)
	}
	if got := s.living(t, names); got != "phone p eve" {
		t.Errorf("after a revocation live %s", got)
	}
	s.wantFamily(t, "bob", "signed out at "+unix(dawn)) // the first cause counts
	leave("aaa")                                        // ends nothing that was not over
	for name, err := range map[string]error{
		"an unknown id":   s.SignOut(t.Context(), home, familyOf("nobody"), actor),
		"another realm's": s.SignOut(t.Context(), "away", familyOf("eve"), actor),
	} {
		if !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("signing out of %s: %v, want ErrNotFound", name, err)
		}
	}
	s.wantFamily(t, "eve", "owner")
}

func ownLife(t *testing.T, s *site) {
	account := s.openAccount(t, home, "bob.example")
	s.mustSignIn(t, "bob.example", "bob")
	s.clock.advance(familyLife - time.Hour)
	s.mustAsk(t, "bob.example", "bob", "own", tokenstore.ValidateScope)
	parent := familyOf("bob")
	capped := child(account, &parent, "capped", tokenstore.ValidateScope)
	capped.CapByParent = true
	brief := child(account, &parent, "brief", tokenstore.ValidateScope)
	brief.CapByParent, brief.Lifetime = true, time.Minute
	for _, n := range []tokenstore.NewFamily{capped, brief} {
		if _, err := s.StartFamily(t.Context(), n, actor); err != nil {
			t.Fatal(err)
		}
	}
	// Tokens say when they end in whole seconds, of which the last is still good.
	s.clock.advance(time.Minute + time.Second - 1)
	s.wantFamily(t, "brief", "validate")
	if got := tokenStatus(t.Context(), s.Store, "brief"); got != "active" {
		t.Errorf("in its last second it is shown as %s", got)
	}
	s.clock.advance(1)
	s.wantFamily(t, "brief", "expired at "+unix(s.clock.now().Add(-time.Second)))
	s.clock.advance(59*time.Minute - 1)
	s.wantFamily(t, "capped", "validate")
	s.clock.advance(1)
	ended := "expired at " + unix(s.clock.now().Add(-time.Second))
	s.wantFamily(t, "bob", ended)
	s.wantFamily(t, "capped", ended)
	s.wantFamily(t, "own", "validate")
	// A family that has expired can be revoked, for the sake of what descends from it.
	if _, err := s.RevokeToken(t.Context(), "bob", actor); err != nil {
		t.Fatal(err)
	}
	s.wantFamily(t, "own", "revoked at "+unix(s.clock.now()))
	s.wantFamily(t, "bob", ended)
	s.wantFamily(t, "capped", ended)
}

func askRefused(t *testing.T, s *site) {
	s.descent(t)
	s.mustSignIn(t, "bob.example", "left")
	s.mustSignIn(t, "bob.example", "revoked")
	brief := signIn(s.account(t, home, "bob.example"), "expired")
	brief.Lifetime = time.Minute
	_, err := s.StartFamily(t.Context(), brief, actor)
	_, revokeErr := s.RevokeToken(t.Context(), "revoked", actor)
	if err := errors.Join(err, revokeErr, s.SignOut(t.Context(), home, familyOf("left"), actor)); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(time.Minute + time.Second)
	for _, parent := range []string{"left", "revoked", "expired", "eve", "nobody"} {
		if _, _, err := s.tryAsk(t.Context(), "bob.example", parent, "new", tokenstore.OwnerScope); !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("asking with %s: %v, want ErrNotFound", parent, err)
		}
	}
	digest := familyOf("eve")
	away := child(tokenstore.Account{Realm: "away", Host: "eve.example"}, &digest, "new", tokenstore.OwnerScope)
	s.openAccount(t, "away", "eve.example")
	if _, err := s.StartFamily(t.Context(), away, actor); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("asking with a family of another realm: %v, want ErrNotFound", err)
	}
	s.mustAsk(t, "bob.example", "aaa", "aaaa", tokenstore.ApplicationScope)
	if _, _, err := s.tryAsk(t.Context(), "bob.example", "aaaa", "new", tokenstore.ApplicationScope); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("a family that descends from five: %v, want ErrInvalid", err)
	}
	s.wantFamily(t, "new", "unknown")
	// The last of a line is bound by the first.
	s.wantFamily(t, "aaaa", "application notes")
	if _, err := s.RevokeToken(t.Context(), "bob", actor); err != nil {
		t.Fatal(err)
	}
	s.wantFamily(t, "aaaa", "revoked at "+unix(s.clock.now()))
}

func missingParent(t *testing.T, s *site) {
	names := s.descent(t)
	digest := familyOf("a")
	update(t, s.driver, func(txn tokenstore.Txn) error { return txn.Delete(append([]byte{'t'}, digest[:]...)) })
	if got := s.living(t, slices.DeleteFunc(names, func(name string) bool { return name == "a" })); got != "bob b phone p eve" {
		t.Errorf("live are %s", got)
	}
	if _, _, err := s.tryAsk(t.Context(), "bob.example", "aa", "new", tokenstore.ApplicationScope); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("asking with one whose parent is gone: %v, want ErrNotFound", err)
	}
}

func askBesideRevoke(t *testing.T, s *site) {
	s.addApplication(t, "notes")
	s.openAccount(t, home, "bob.example")
	for round, end := range []func(root string) error{
		func(root string) error { _, err := s.RevokeToken(t.Context(), root, actor); return err },
		func(string) error {
			_, err := s.SetPassword(t.Context(), home, "bob.example", "hash of another", nil, actor)
			return err
		},
		func(string) error { _, err := s.RevokeAccount(t.Context(), home, "bob.example", actor); return err },
	} {
		root, middle := fmt.Sprint("root ", round), fmt.Sprint("middle ", round)
		s.mustSignIn(t, "bob.example", root)
		s.mustAsk(t, "bob.example", root, middle, tokenstore.OwnerScope)
		name := func(rival int) string { return fmt.Sprint("rival ", round, ".", rival) }
		var group sync.WaitGroup
		for rival := range rivals {
			group.Go(func() {
				parent := root
				if rival%2 == 1 {
					parent = middle
				}
				err := again(func() error {
					_, _, err := s.tryAsk(t.Context(), "bob.example", parent, name(rival), tokenstore.ApplicationScope)
					return err
				})
				if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
					t.Errorf("%s: %v", name(rival), err)
				}
			})
		}
		if err := again(func() error { return end(root) }); err != nil {
			t.Fatal(err)
		}
		group.Wait()
		for rival := range rivals {
			if s.familyLives(t, name(rival)) {
				t.Errorf("%s outlives end %d of what it was asked for with", name(rival), round)
			}
		}
	}
}
