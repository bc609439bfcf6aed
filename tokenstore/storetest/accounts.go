package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var accountTests = []storeTest{
	{"an account is found by its host, in its realm", findAccount},
	{"accounts are listed by their hosts", listAccounts},
	{"of many who create the account of a host one wins", oneAccount},
	{"what no account can have is refused", refuseAccount},
	{"a change of password ends every family, a new hash of the same ends none", changePassword},
	{"a password changes only if the check inside of the transaction agrees", checkPassword},
	{"a sign-in that raced the end of all families gives none", signInBesideEnd},
	{"a disabled account starts and uses no family until it is enabled", disableAccount},
	{"an account of a deleted one's host revives nothing", recreateAccount},
	{"a new key signs, and the old one verifies for the overlap", rotateKey},
	{"of parallel rotations of a key one signer remains", oneSigner},
	{"the latest networks of sign-ins are remembered", rememberNetworks},
}

const someUser = "6c796c29-fa9e-4678-9c0b-e48956f22bcc"

// accountOf is an account as a caller makes it, with the id "acc of" its host.
func accountOf(realm, host string) tokenstore.Account {
	return tokenstore.Account{
		ID: "acc of " + host, Realm: realm, Host: host, UserID: someUser, Username: "owner", Password: "hash",
	}
}

func keyOf(name string) tokenstore.AccountKey {
	return tokenstore.AccountKey{ID: name, Public: []byte("public " + name), Sealed: []byte("sealed " + name)}
}

// keysOf are the keys of a new account; the signer has the name of the host.
func keysOf(host string) tokenstore.AccountKeys {
	return tokenstore.AccountKeys{Signing: []tokenstore.AccountKey{keyOf(host)}, Crypter: []byte("crypter of " + host)}
}

// openAccount makes the account of a host.
func (s *site) openAccount(t testing.TB, realm, host string) tokenstore.Account {
	t.Helper()
	account, err := s.CreateAccount(t.Context(), accountOf(realm, host), keysOf(host), actor)
	if err != nil {
		t.Fatalf("creating the account of %s: %v", host, err)
	}
	return account
}

func (s *site) account(t testing.TB, realm, host string) tokenstore.Account {
	t.Helper()
	account, _, _, err := s.AccountByHost(t.Context(), realm, host)
	if err != nil {
		t.Fatalf("account of %s: %v", host, err)
	}
	return account
}

func findAccount(t *testing.T, s *site) {
	s.openAccount(t, home, "bob.example")
	s.openAccount(t, "away", "bob.example")
	before := s.openAccount(t, home, "eve.example")
	account, keys, revision, err := s.AccountByHost(t.Context(), home, "eve.example")
	if err != nil || account.ID != before.ID || account.Realm != home || account.Password.Reveal() != "hash" ||
		!account.CreatedAt.Equal(dawn) || !account.PasswordAt.Equal(dawn) || account.CreatedBy != actor {
		t.Errorf("found %+v, %v", account, err)
	}
	if keys.Signer().ID != "eve.example" || string(keys.Crypter) != "crypter of eve.example" {
		t.Errorf("its keys are %+v", keys)
	}
	if now, err := s.Revision(t.Context()); revision != now || err != nil {
		t.Errorf("read at revision %d, the store is at %d, %v", revision, now, err)
	}
	for _, other := range []struct{ realm, host string }{
		{"elsewhere", "bob.example"},
		{"away", "eve.example"},
		{home, "bob"},
		{home, "bob.example.org"},
		{home, ""},
		{home, "BOB.example"}, // hosts come in one spelling, or not at all
	} {
		if _, _, _, err := s.AccountByHost(t.Context(), other.realm, other.host); !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("%s in %s: %v, want ErrNotFound", other.host, other.realm, err)
		}
	}
}

func listAccounts(t *testing.T, s *site) {
	for _, host := range []string{"d.example", "a.example", "c.example", "b.example"} {
		s.openAccount(t, home, host)
	}
	s.openAccount(t, home+"more", "z.example") // a realm whose name begins with the other's
	s.openAccount(t, "away", "e.example")
	for _, limit := range []int{1, 3, 4, 10} {
		var hosts []string
		for after := ""; ; {
			page, next, err := s.Accounts(t.Context(), home, after, limit)
			if err != nil || len(page) > limit {
				t.Fatalf("a page of %d has %d accounts, %v", limit, len(page), err)
			}
			for _, account := range page {
				hosts = append(hosts, account.Host)
			}
			if after = next; next == "" {
				break
			}
		}
		if got := strings.Join(hosts, " "); got != "a.example b.example c.example d.example" {
			t.Errorf("in pages of %d: %s", limit, got)
		}
	}
}

func oneAccount(t *testing.T, s *site) {
	var group sync.WaitGroup
	var winner atomic.Int32
	winner.Store(-1)
	for i := range rivals {
		group.Go(func() {
			account := accountOf(home, "bob.example")
			account.ID = fmt.Sprintf("acc rival %d", i)
			err := again(func() error {
				_, err := s.CreateAccount(t.Context(), account, keysOf(account.ID), actor)
				return err
			})
			switch {
			case err == nil && !winner.CompareAndSwap(-1, int32(i)):
				t.Errorf("%d wins beside %d", i, winner.Load())
			case err != nil && !errors.Is(err, tokenstore.ErrExists):
				t.Errorf("rival %d: %v", i, err)
			}
		})
	}
	group.Wait()
	id := fmt.Sprintf("acc rival %d", winner.Load())
	account, keys, _, err := s.AccountByHost(t.Context(), home, "bob.example")
	if err != nil || account.ID != id || keys.Signer().ID != id {
		t.Errorf("the account is of %q with the key %+v, %v, where %s won", account.ID, keys, err, id)
	}
	for i := range rivals {
		if left := s.leftovers(t, fmt.Sprintf("acc rival %d", i)); len(left) > 0 && int32(i) != winner.Load() {
			t.Errorf("rival %d left %q", i, left)
		}
	}
}

func refuseAccount(t *testing.T, s *site) {
	for name, spoil := range map[string]func(*tokenstore.Account, *tokenstore.AccountKeys){
		"no realm":                  func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Realm = "" },
		"a realm with a slash":      func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Realm = "a/b" },
		"no host":                   func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Host = "" },
		"a host in capitals":        func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Host = "Bob.example" },
		"a host with a port":        func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Host = "bob.example:8443" },
		"a host with a final dot":   func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Host = "bob.example." },
		"a host with a zero byte":   func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Host = "bob\x00example" },
		"the address of another":    func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Address = "eve.example:8443" },
		"an address that is an URL": func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Address = "https://bob.example" },
		"no username":               func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Username = "" },
		"a username of two lines":   func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Username = "bob\nowner" },
		"a username of no text":     func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Username = "b\xffb" },
		"a long username":           func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Username = strings.Repeat("b", 256) },
		"no user's id":              func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.UserID = "" },
		"a user's id in capitals":   func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.UserID = strings.ToUpper(someUser) },
		"no password":               func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.Password = "" },
		"no id":                     func(a *tokenstore.Account, _ *tokenstore.AccountKeys) { a.ID = "" },
		"no keys":                   func(_ *tokenstore.Account, k *tokenstore.AccountKeys) { k.Signing = nil },
		"no crypter key":            func(_ *tokenstore.Account, k *tokenstore.AccountKeys) { k.Crypter = nil },
		"a key that cannot sign":    func(_ *tokenstore.Account, k *tokenstore.AccountKeys) { k.Signing[0].Sealed = nil },
	} {
		account, keys := accountOf(home, "bob.example"), keysOf("bob.example")
		spoil(&account, &keys)
		if _, err := s.CreateAccount(t.Context(), account, keys, actor); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	if left, _, err := s.Accounts(t.Context(), home, "", 10); len(left) != 0 || err != nil {
		t.Errorf("%d accounts are there, %v", len(left), err)
	}
	if n, err := auditLength(t.Context(), s.Store); n != 0 || err != nil {
		t.Errorf("the audit has %d entries, %v", n, err)
	}
}

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

func disableAccount(t *testing.T, s *site) {
	account := s.openAccount(t, home, "bob.example")
	s.mustSignIn(t, "bob.example", "bob")
	s.mustSignIn(t, "bob.example", "signed out")
	enable := func(enabled bool) {
		t.Helper()
		got, err := s.EnableAccount(t.Context(), home, "bob.example", enabled, actor)
		if err != nil || got.Disabled == enabled {
			t.Fatalf("enabled is %v, %v", !got.Disabled, err)
		}
	}
	enable(false)
	enable(false)
	s.wantFamily(t, "bob", "disabled")
	parent := familyOf("bob")
	for name, n := range map[string]tokenstore.NewFamily{
		"a sign-in": signIn(account, "late"), "one asked for with another": child(account, &parent, "late", tokenstore.ValidateScope),
	} {
		if _, err := s.StartFamily(t.Context(), n, actor); !errors.Is(err, tokenstore.ErrAccountDisabled) {
			t.Errorf("%s: %v, want ErrAccountDisabled", name, err)
		}
	}
	if err := s.SignOut(t.Context(), home, familyOf("signed out"), actor); err != nil {
		t.Fatal(err)
	}
	enable(true)
	s.wantFamily(t, "bob", "owner")
	s.wantFamily(t, "signed out", "signed out at "+unix(s.clock.now()))
	enable(false)
	s.clock.advance(familyLife)
	enable(true)
	s.wantFamily(t, "bob", "expired at "+unix(s.clock.now()))
}

func recreateAccount(t *testing.T, s *site) {
	s.addApplication(t, "notes")
	old := s.openAccount(t, home, "bob.example")
	if _, _, err := s.Enrol(t.Context(), home, "bob.example", "notes", true, actor); err != nil {
		t.Fatal(err)
	}
	s.mustSignIn(t, "bob.example", "bob")
	s.mustAsk(t, "bob.example", "bob", "bob notes", tokenstore.ApplicationScope)
	s.clock.advance(time.Minute)
	if _, err := s.DeleteAccount(t.Context(), home, "bob.example", actor); err != nil {
		t.Fatal(err)
	}
	if left := s.leftovers(t, old.ID); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	for round := range 2 {
		for _, family := range []string{"bob", "bob notes"} {
			if s.familyLives(t, family) {
				t.Errorf("family %q outlives its account", family)
			}
			if got := tokenStatus(t.Context(), s.Store, family); got != "revoked" {
				t.Errorf("family %q is %s, want revoked", family, got)
			}
		}
		if round == 0 {
			next := accountOf(home, "bob.example")
			next.ID = "acc of the next"
			if _, err := s.CreateAccount(t.Context(), next, keysOf("next"), actor); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := s.account(t, home, "bob.example"); len(got.Applications) != 0 || len(got.SignedInFrom) != 0 {
		t.Errorf("the next account has %+v", got)
	}
	if _, _, err := s.tryAsk(t.Context(), "bob.example", "bob", "thief", tokenstore.OwnerScope); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("asking with a family of the account before: %v, want ErrNotFound", err)
	}
	// An operator ends what nobody holds any more, and it stays so.
	if _, err := s.RevokeToken(t.Context(), "bob", actor); err != nil {
		t.Errorf("revoking a family of a deleted account: %v", err)
	}
	s.mustSignIn(t, "bob.example", "next")
	s.wantFamily(t, "next", "owner")
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

func rememberNetworks(t *testing.T, s *site) {
	account := s.openAccount(t, home, "bob.example")
	from := func(network string) {
		t.Helper()
		n := signIn(account, "from "+network+" at "+unix(s.clock.now()))
		n.Network = network
		if _, err := s.StartFamily(t.Context(), n, actor); err != nil {
			t.Fatal(err)
		}
		s.clock.advance(time.Second)
	}
	want := func(networks ...string) {
		t.Helper()
		if got := s.account(t, home, "bob.example").SignedInFrom; !slices.Equal(got, networks) {
			t.Errorf("remembered are %q, want %q", got, networks)
		}
	}
	from("")
	want()
	from("a")
	from("b")
	from("b")
	want("a", "b")
	from("a")
	want("b", "a")
	for _, network := range []string{"c", "d", "e", "f", "g", "h", "i"} {
		from(network)
	}
	want("a", "c", "d", "e", "f", "g", "h", "i")
	if got := s.account(t, home, "bob.example"); got.UpdatedBy != actor || got.Generation != 0 {
		t.Errorf("sign-ins made it %+v", got)
	}
}
