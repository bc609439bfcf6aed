package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func keyOf(name string) tokenstore.AccountKey {
	return tokenstore.AccountKey{ID: name, Public: []byte("public " + name), Sealed: []byte("sealed " + name)}
}

// keysOf are the keys of a new account; the signer has the name of the host.
func keysOf(host string) tokenstore.AccountKeys {
	return tokenstore.AccountKeys{Signing: []tokenstore.AccountKey{keyOf(host)}, Crypter: []byte("crypter of " + host)}
}

func rotateKey(t *testing.T, s *site) {
	s.openAccount(t, home, "bob.example")
	rotate := func(id string, overlap time.Duration) (string, error) {
		_, _, err := s.RotateAccountKey(t.Context(), home, "bob.example", keyOf(id), overlap, actor)
		_, keys, _, readErr := s.AccountByHost(t.Context(), home, "bob.example")
		if readErr != nil {
			t.Fatal(readErr)
		}
		return goodKeys(keys, s.clock.now()), err
	}
	want := func(what, got string, err error, keys string) {
		t.Helper()
		if err != nil || got != keys {
			t.Errorf("%s: %s, %v, want %s", what, got, err, keys)
		}
	}
	got, err := rotate("second", time.Hour)
	want("rotated", got, err, "bob.example second*")
	_, keys, _, err := s.AccountByHost(t.Context(), home, "bob.example")
	if err != nil || string(keys.Signer().Sealed) != "sealed second" || keys.Signing[0].Sealed != nil {
		t.Errorf("the keys are %+v, %v: only the signer keeps its secret part", keys, err)
	}
	if before, after := goodKeys(keys, dawn.Add(time.Hour-time.Second)), goodKeys(keys, dawn.Add(time.Hour)); before != "bob.example second*" || after != "second*" {
		t.Errorf("within the overlap %s, at its end %s", before, after)
	}
	for name, refused := range map[string]func() (string, error){
		"a key that signs already": func() (string, error) { return rotate("second", time.Hour) },
		"an overlap in the past":   func() (string, error) { return rotate("third", -time.Second) },
		"a key without its secret": func() (string, error) {
			_, _, err := s.RotateAccountKey(t.Context(), home, "bob.example", tokenstore.AccountKey{ID: "third", Public: []byte("public")}, 0, actor)
			return "", err
		},
	} {
		if _, err := refused(); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	got, err = rotate("third", time.Minute)
	want("the shorter overlap", got, err, "bob.example second third*")
	s.clock.advance(time.Minute)
	got, err = rotate("fourth", time.Hour)
	want("the second is over", got, err, "bob.example third fourth*")
	got, err = rotate("fifth", time.Hour)
	want("as many as there may be", got, err, "bob.example third fourth fifth*")
	if got, err = rotate("sixth", time.Hour); !errors.Is(err, tokenstore.ErrInvalid) || got != "bob.example third fourth fifth*" {
		t.Errorf("one more: %s, %v, want ErrInvalid", got, err)
	}
	got, err = rotate("sixth", 0)
	want("without an overlap", got, err, "sixth*")
	s.mustSignIn(t, "bob.example", "bob")
	got, err = rotate("seventh", time.Hour)
	want("again", got, err, "sixth seventh*")
	s.wantFamily(t, "bob", "owner") // what a key signed is not what the family is
}

// goodKeys are the keys that verify at a time, the signer with a star.
func goodKeys(keys tokenstore.AccountKeys, now time.Time) string {
	var ids []string
	for _, key := range keys.At(now) {
		id := key.ID
		if key.ID == keys.Signer().ID {
			id += "*"
		}
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

func oneSigner(t *testing.T, s *site) {
	s.openAccount(t, home, "bob.example")
	var group sync.WaitGroup
	var done atomic.Int32
	for i := range rivals {
		group.Go(func() {
			err := again(func() error {
				_, _, err := s.RotateAccountKey(t.Context(), home, "bob.example", keyOf(fmt.Sprint("rival ", i)), time.Hour, actor)
				return err
			})
			switch {
			case err == nil:
				done.Add(1)
			case !errors.Is(err, tokenstore.ErrInvalid): // four are good
				t.Errorf("rival %d: %v", i, err)
			}
		})
	}
	group.Wait()
	_, keys, _, err := s.AccountByHost(t.Context(), home, "bob.example")
	good := keys.At(s.clock.now())
	if err != nil || done.Load() != 3 || len(good) != 4 || good[0].ID != "bob.example" {
		t.Errorf("%d rotated, and %s are good, %v", done.Load(), goodKeys(keys, s.clock.now()), err)
	}
	if n, err := auditLength(t.Context(), s.Store); n != 4 || err != nil {
		t.Errorf("the audit has %d entries, %v, want 4", n, err)
	}
}
