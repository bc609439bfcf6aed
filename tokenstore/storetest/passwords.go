package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func changePassword(t *testing.T, s *site) {
	s.openAccount(t, home, "bob.example")
	s.openAccount(t, home, "eve.example")
	s.mustSignIn(t, "bob.example", "bob")
	s.mustAsk(t, "bob.example", "bob", "bob notes", tokenstore.ValidateScope)
	s.mustSignIn(t, "eve.example", "eve")
	if err := s.ReplaceHash(t.Context(), home, "bob.example", "hash", "hash anew"); err != nil {
		t.Fatal(err)
	}
	if err := s.ReplaceHash(t.Context(), home, "bob.example", "hash", "hash of a loser"); !errors.Is(err, tokenstore.ErrStale) {
		t.Errorf("a hash in place of one that is gone: %v, want ErrStale", err)
	}
	s.wantFamily(t, "bob", "owner")
	s.wantFamily(t, "bob notes", "validate")
	s.clock.advance(time.Minute)
	account, err := s.SetPassword(t.Context(), home, "bob.example", "hash of another", nil, "ann")
	if err != nil || account.Password.Reveal() != "hash of another" || !account.PasswordAt.Equal(dawn.Add(time.Minute)) {
		t.Errorf("the account is %+v, %v", account, err)
	}
	ended := "revoked at " + unix(s.clock.now())
	s.wantFamily(t, "bob", ended)
	s.wantFamily(t, "bob notes", ended)
	s.wantFamily(t, "eve", "owner")
	s.mustSignIn(t, "bob.example", "bob again")
	s.clock.advance(time.Minute)
	if _, err := s.RevokeAccount(t.Context(), home, "bob.example", "ann"); err != nil {
		t.Fatal(err)
	}
	s.wantFamily(t, "bob again", "revoked at "+unix(s.clock.now()))
	if got := s.account(t, home, "bob.example"); got.Password.Reveal() != "hash of another" || got.UpdatedBy != "ann" {
		t.Errorf("a revocation made it %+v", got)
	}
	if s.familyLives(t, "bob") {
		t.Error("a second end of all families revives those that the first one ended")
	}
	for name, change := range s.accountChanges("nobody.example") {
		if err := change(t.Context()); !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("%s of an account that is not there: %v, want ErrNotFound", name, err)
		}
	}
}

// accountChanges are the changes of an account that exists.
func (s *site) accountChanges(host string) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"password": func(ctx context.Context) error {
			_, err := s.SetPassword(ctx, home, host, "hash", nil, actor)
			return err
		},
		"hash": func(ctx context.Context) error { return s.ReplaceHash(ctx, home, host, "hash", "hash") },
		"disable": func(ctx context.Context) error {
			_, err := s.EnableAccount(ctx, home, host, false, actor)
			return err
		},
		"enable": func(ctx context.Context) error { _, err := s.EnableAccount(ctx, home, host, true, actor); return err },
		"revoke": func(ctx context.Context) error { _, err := s.RevokeAccount(ctx, home, host, actor); return err },
		"key": func(ctx context.Context) error {
			_, _, err := s.RotateAccountKey(ctx, home, host, keyOf("of another"), time.Hour, actor)
			return err
		},
		"delete": func(ctx context.Context) error { _, err := s.DeleteAccount(ctx, home, host, actor); return err },
	}
}

func checkPassword(t *testing.T, s *site) {
	s.openAccount(t, home, "bob.example")
	s.mustSignIn(t, "bob.example", "bob")
	refusal := errors.New("the old password is wrong")
	_, err := s.SetPassword(t.Context(), home, "bob.example", "hash of a thief", func(account tokenstore.Account) error {
		if account.Password.Reveal() != "hash" {
			t.Errorf("the check sees the hash %q", account.Password.Reveal())
		}
		return refusal
	}, actor)
	if err != refusal {
		t.Errorf("changing the password: %v, want the refusal", err)
	}
	s.wantFamily(t, "bob", "owner")
	if got := s.account(t, home, "bob.example").Password.Reveal(); got != "hash" {
		t.Errorf("the hash is %q", got)
	}
	// Of many who change the password that they know, one does.
	var group sync.WaitGroup
	var won atomic.Int32
	for range rivals {
		group.Go(func() {
			err := again(func() error {
				_, err := s.SetPassword(t.Context(), home, "bob.example", "hash of the winner", func(account tokenstore.Account) error {
					if account.Password.Reveal() != "hash" {
						return tokenstore.ErrStale
					}
					return nil
				}, actor)
				return err
			})
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, tokenstore.ErrStale):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		t.Errorf("%d changed the password that they knew", won.Load())
	}
}

// signInBesideEnd has a sign-in, whose password was found right, meet whatever ends all
// families of the account: first one after the other, then at once.
func signInBesideEnd(t *testing.T, s *site) {
	ends := map[string]func(host string) error{
		"password": func(host string) error {
			_, err := s.SetPassword(t.Context(), home, host, "hash of another", nil, actor)
			return err
		},
		"revoke": func(host string) error { _, err := s.RevokeAccount(t.Context(), home, host, actor); return err },
		"delete": func(host string) error {
			_, err := s.DeleteAccount(t.Context(), home, host, actor)
			if err == nil {
				account := accountOf(home, host)
				account.ID = "acc of the next owner of " + host
				_, err = s.CreateAccount(t.Context(), account, keysOf(host), actor)
			}
			return err
		},
	}
	for name, end := range ends {
		host := name + ".example"
		account := s.openAccount(t, home, host)
		if err := end(host); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := s.StartFamily(t.Context(), signIn(account, name+" late"), actor); !errors.Is(err, tokenstore.ErrStale) {
			t.Errorf("%s, a sign-in that read the account before: %v, want ErrStale", name, err)
		}
		s.wantFamily(t, name+" late", "unknown")

		account = s.account(t, home, host)
		var group sync.WaitGroup
		for rival := range rivals {
			group.Go(func() {
				err := again(func() error {
					_, err := s.StartFamily(t.Context(), signIn(account, fmt.Sprint(name, rival)), actor)
					return err
				})
				if err != nil && !errors.Is(err, tokenstore.ErrStale) && !errors.Is(err, tokenstore.ErrNotFound) {
					t.Errorf("%s, rival %d: %v", name, rival, err)
				}
			})
		}
		if name == "delete" { // its next account has another id
			if err := again(func() error { _, err := s.DeleteAccount(t.Context(), home, host, actor); return err }); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		} else if err := again(func() error { return end(host) }); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		group.Wait()
		for rival := range rivals {
			if s.familyLives(t, fmt.Sprint(name, rival)) {
				t.Errorf("%s: family %d lives, of a sign-in before it", name, rival)
			}
		}
	}
}
