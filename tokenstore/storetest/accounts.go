package storetest

import (
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
	s.clock.advance(familyLife + time.Second)
	enable(true)
	s.wantFamily(t, "bob", "expired at "+unix(dawn.Add(familyLife)))
}

func recreateAccount(t *testing.T, s *site) {
	s.addApplication(t, "notes")
	old := s.openAccount(t, home, "bob.example")
	if _, _, err := s.Enrol(t.Context(), home, "bob.example", "notes", true, nil, actor); err != nil {
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
