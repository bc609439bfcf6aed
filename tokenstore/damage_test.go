package tokenstore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Whatever record is damaged or of a newer release: nobody is let in by it, and
// the error says that the store could not tell, not that the token is unknown.
func TestDamagedRecordsFailClosed(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, driver)
	f.create("acme")
	f.activate("acme")
	f.create("pending")
	key := codeOf("management key")
	if _, err := f.SetManagementKey(t.Context(), realm, "acme", &key, "tester"); err != nil {
		t.Fatal(err)
	}
	if err := f.RevokeRealm(t.Context(), "another", "tester"); err != nil {
		t.Fatal(err)
	}
	// An epoch under which the token and the link were made.
	if err := f.RevokeRealm(t.Context(), realm, "tester"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"acme", "pending"} {
		if _, _, err := f.Rotate(t.Context(), realm, name, tokenstore.Rotation{MaxTokens: 2, Link: f.link(name + "-second")}, "tester"); err != nil {
			t.Fatal(err)
		}
	}
	f.activate("acme-second")
	f.createClient("client")
	f.access("client", "access")
	f.createFederated("foreign")
	f.putPolicy("foreign", f.policy("theirs"))
	f.createAdmin("ann")
	if err := f.BindQuery(t.Context(), realm, "id of acme", "a/b/c", "q1", lifetime); err != nil {
		t.Fatal(err)
	}
	f.TouchBy("acme-second", "192.0.2.1", "client/1")
	if err := f.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		f.tryAccount("bob.example"), f.tryApplication("notes"),
		f.trySignIn("bob.example", "bob"), f.tryAsk("bob.example", "bob", "notes", "notes of bob"),
	); err != nil {
		t.Fatal(err)
	}
	if _, err := f.CutOff(t.Context(), realm, "ann", "", f.now(), "tester"); err != nil {
		t.Fatal(err)
	}
	if err := f.KeepKeys(t.Context(), issuer, tokenstore.KeptKeys{Document: []byte("keys"), FetchedAt: f.now()}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		f.RescindKeys(t.Context(), realm, []string{rescindedID}, "tester"), f.tryMint(mintedID),
		f.ForgetAccess(t.Context(), realm, 7, "weather", "tester"), f.tryMint(lateID), f.tryBind(lateID), f.tryReserve(),
		f.SetBrokerLimits(t.Context(), realm, "weather", &tokenstore.BrokerLimits{Enabled: true}, "tester"),
	); err != nil {
		t.Fatal(err)
	}
	// A token that was issued after the mass revocation.
	foreign := f.foreign("theirs")
	foreign.IssuedAt = f.now().Add(time.Minute)

	calls := map[string]func() error{
		"holder":         func() error { _, err := f.TokenHolder(t.Context(), realm, tokenOf("acme-second")); return err },
		"link":           func() error { _, err := f.Link(t.Context(), realm, codeOf("pending-second")); return err },
		"activate":       func() error { return f.tryActivate("pending-second") },
		"management key": func() error { _, err := f.ManagementKeyHolder(t.Context(), realm, key); return err },
		"credentials":    func() error { _, _, err := f.Credentials(t.Context(), realm, "acme"); return err },
		"list":           func() error { _, _, err := f.Recipients(t.Context(), realm, "", 10); return err },
		"by accessor":    func() error { _, err := f.TokenByAccessor(t.Context(), "acme-second"); return err },
		"tokens":         func() error { _, _, err := f.Tokens(t.Context(), "", 10); return err },
		"audit":          func() error { _, _, err := f.Audit(t.Context(), nil, 100); return err },
		"overviews":      func() error { _, _, err := f.Overviews(t.Context(), realm, "", 10); return err },
		"access token":   func() error { _, err := f.TokenHolder(t.Context(), realm, accessOf("access")); return err },
		"client secret":  func() error { _, err := f.ClientSecretHolder(t.Context(), realm, tokenOf("client")); return err },
		"issue":          func() error { _, err := f.tryAccess("client", "another"); return err },
		"federated":      func() error { _, err := f.FederatedHolder(t.Context(), realm, foreign); return err },
		"issuer":         func() error { _, err := f.Issuer(t.Context(), realm, issuer); return err },
		"issuers":        func() error { _, _, err := f.Issuers(t.Context(), realm, "", 10); return err },
		"put policy":     func() error { return f.tryPolicy("foreign", f.policy("theirs")) },
		"admin":          func() error { _, err := f.Admin(t.Context(), realm, adminOf("ann")); return err },
		"admins":         func() error { _, _, err := f.Admins(t.Context(), realm, "", 10); return err },
		"create admin":   func() error { return f.tryAdmin("ann") },
		"query":          func() error { _, err := f.QueryBound(t.Context(), realm, "id of acme", "a/b/c", "q1"); return err },
		"clients":        func() error { _, err := f.Clients(t.Context(), "acme-second"); return err },
		"family":         func() error { _, err := f.FamilyHolder(t.Context(), realm, familyOf("notes of bob")); return err },
		"shown family":   func() error { _, err := f.TokenByAccessor(t.Context(), "notes of bob"); return err },
		"sign in":        func() error { return f.trySignIn("bob.example", "another sign-in") },
		"ask":            func() error { return f.tryAsk("bob.example", "bob", "notes", "another family") },
		"sign out":       func() error { return f.SignOut(t.Context(), realm, familyOf("bob"), "tester") },
		"revoke":         func() error { _, err := f.RevokeToken(t.Context(), "notes of bob", "tester"); return err },
		"account":        func() error { _, _, _, err := f.AccountByHost(t.Context(), realm, "bob.example"); return err },
		"accounts":       func() error { _, _, err := f.Accounts(t.Context(), realm, "", 10); return err },
		"open":           func() error { return f.tryAccount("bob.example") },
		"disable": func() error {
			_, err := f.EnableAccount(t.Context(), realm, "bob.example", false, "tester")
			return err
		},
		"close":        func() error { _, err := f.DeleteAccount(t.Context(), realm, "bob.example", "tester"); return err },
		"application":  func() error { _, err := f.ApplicationByID(t.Context(), realm, "notes"); return err },
		"applications": func() error { _, _, err := f.Applications(t.Context(), realm, "", 10); return err },
		"add":          func() error { return f.tryApplication("notes") },
		"set up": func() error {
			_, _, err := f.Enrol(t.Context(), realm, "bob.example", "notes", true, nil, "tester")
			return err
		},
		"rotate key": func() error {
			key := tokenstore.AccountKey{ID: "another", Public: []byte("public"), Sealed: []byte("sealed")}
			_, _, err := f.RotateAccountKey(t.Context(), realm, "bob.example", key, time.Hour, "tester")
			return err
		},
		"cut-off":   func() error { _, _, err := f.CutOffOf(t.Context(), realm, "ann"); return err },
		"cut-offs":  func() error { _, _, err := f.CutOffs(t.Context(), realm, "", 10); return err },
		"kept keys": func() error { _, err := f.KeptKeysOf(t.Context(), issuer); return err },
		"cut off": func() error {
			_, err := f.CutOff(t.Context(), realm, "ann", "", f.now(), "tester")
			return err
		},
		"standing": func() error {
			_, err := f.ForeignStanding(t.Context(), realm, rescindedID, tokenstore.ConsumerToken, "weather", f.now())
			return err
		},
		"rescind": func() error { return f.RescindKeys(t.Context(), realm, []string{rescindedID}, "tester") },
		"mint":    func() error { return f.tryMint(someID) },
		"bind":    func() error { return f.tryBind(mintedID) },
		"limits": func() error {
			return f.SetBrokerLimits(t.Context(), realm, "weather", &tokenstore.BrokerLimits{Enabled: true}, "tester")
		},
		"reserve": f.tryReserve,
		"return": func() error {
			r := tokenstore.Reservation{First: 5, Size: 5}
			return f.ReturnQuota(t.Context(), realm, "calls", dawn.Truncate(24*time.Hour), r, 0)
		},
		"import": func() error {
			_, _, _, err := f.ImportRecipients(t.Context(), []tokenstore.NewRecipient{imported("acme")}, "tester")
			return err
		},
	}
	changing := []string{ // what the others see
		"activate", "issue", "put policy", "create admin",
		"sign in", "ask", "sign out", "revoke", "open", "disable", "close", "add", "set up", "rotate key",
		"mint", "bind",
	}
	for name, call := range calls {
		if slices.Contains(changing, name) {
			continue
		}
		if err := call(); err != nil {
			t.Fatalf("%s, before any damage: %v", name, err)
		}
	}
	// Which calls read a kind of record, by the first byte of its keys.
	readers := map[byte][]string{
		't': {
			"holder", "credentials", "by accessor", "tokens", "overviews", "access token", "client secret", "issue",
			"family", "shown family", "ask", "sign out", "revoke", "bind",
		},
		'a': {"by accessor", "tokens", "shown family", "revoke"},
		'r': {
			"holder", "link", "activate", "management key", "credentials", "list", "by accessor", "tokens", "overviews",
			"access token", "client secret", "issue", "federated", "put policy", "import",
		},
		'n': {"credentials", "list", "overviews", "import"},
		'l': {"link", "activate", "overviews"},
		'm': {"management key"},
		'e': {
			"holder", "link", "activate", "credentials", "by accessor", "tokens", "overviews",
			"access token", "client secret", "issue", "federated",
			"family", "shown family", "sign in", "ask", "revoke",
			"standing", "mint", "bind",
		},
		'k': {"admin", "admins", "create admin"},
		'b': {"admins", "create admin"},
		'f': {"federated"},
		'i': {"issuer", "issuers", "put policy"},
		'q': {"query"},
		'c': {"clients"},
		'o': {
			"family", "shown family", "tokens", "sign in", "ask", "sign out", "revoke",
			"account", "accounts", "disable", "close", "set up", "rotate key",
		},
		'h': {"sign in", "ask", "account", "accounts", "open", "disable", "close", "set up", "rotate key"},
		'g': {"account", "rotate key"},
		'p': {"family", "ask", "application", "applications", "add", "set up"},
		'x': {"cut-off", "cut-offs", "cut off"},
		'v': {"kept keys"},
		'R': {"standing", "rescind"},
		'E': {"bind"},
		'Q': {"reserve", "return"},
		'P': {"standing", "bind", "limits"},
		'U': {"bind"},
		'B': {"mint"},
		'j': {"audit"},
	}
	kinds := map[byte][]tokenstore.Entry{}
	read(t, driver, func(r tokenstore.Reader) error {
		all, err := r.Scan(nil, nil, 1000)
		for _, entry := range all {
			kinds[entry.Key[0]] = append(kinds[entry.Key[0]], entry)
		}
		return err
	})
	for kind, names := range readers {
		if len(kinds[kind]) == 0 {
			t.Errorf("there is no record of kind %c", kind)
		}
		for damage, value := range map[string][]byte{
			"empty": {}, "a newer version": {99, 0xa0}, "without fields": {1, 0xa0}, "garbage": []byte("garbage"),
		} {
			if (kind == 'j' || kind == 'c') && damage == "without fields" {
				continue // an entry of the audit and a list of clients decide nothing
			}
			write(t, driver, kinds[kind], value)
			for _, name := range names {
				if err := calls[name](); !errors.Is(err, tokenstore.ErrRecord) {
					t.Errorf("records of kind %c are %s, %s: %v, want ErrRecord", kind, damage, name, err)
				}
			}
			write(t, driver, kinds[kind], nil)
		}
	}
	if err := f.tryActivate("pending-second"); err != nil {
		t.Errorf("after the damage is repaired: %v", err)
	}
}

// write puts a value under the keys of all entries; nil puts back their own.
func write(t *testing.T, driver tokenstore.Driver, entries []tokenstore.Entry, value []byte) {
	t.Helper()
	_, err := driver.Update(t.Context(), func(txn tokenstore.Txn) error {
		for _, entry := range entries {
			put := value
			if put == nil {
				put = entry.Value
			}
			if err := txn.Put(entry.Key, put); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, driver tokenstore.Driver, fn func(tokenstore.Reader) error) {
	t.Helper()
	if err := driver.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// What a store answers when its driver fails is neither "unknown" nor "invalid".
func TestDriverThatFailsIsNoAnswer(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	f.create("acme")
	f.activate("acme")
	failure := errors.New("disk is gone")
	fail(&driver.view, failure)
	for name, call := range map[string]func() error{
		"holder":         func() error { _, err := f.TokenHolder(t.Context(), realm, tokenOf("acme")); return err },
		"link":           func() error { _, err := f.Link(t.Context(), realm, codeOf("acme")); return err },
		"management key": func() error { _, err := f.ManagementKeyHolder(t.Context(), realm, codeOf("x")); return err },
		"recipient":      func() error { _, err := f.Recipient(t.Context(), realm, "acme"); return err },
		"family":         func() error { _, err := f.FamilyHolder(t.Context(), realm, familyOf("bob")); return err },
		"account":        func() error { _, _, _, err := f.AccountByHost(t.Context(), realm, "bob.example"); return err },
		"application":    func() error { _, err := f.ApplicationByID(t.Context(), realm, "notes"); return err },
		"cut-off":        func() error { _, _, err := f.CutOffOf(t.Context(), realm, "ann"); return err },
		"cut-offs":       func() error { _, _, err := f.CutOffs(t.Context(), realm, "", 10); return err },
		"kept keys":      func() error { _, err := f.KeptKeysOf(t.Context(), issuer); return err },
		"standing": func() error {
			_, err := f.ForeignStanding(t.Context(), realm, rescindedID, tokenstore.ConsumerToken, "weather", f.now())
			return err
		},
		"prune": func() error { _, err := f.Prune(t.Context()); return err },
	} {
		if err := call(); !errors.Is(err, failure) || errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("%s: %v, want what the driver says", name, err)
		}
	}
}

// readFails is a driver whose transactions cannot read the keys of one kind.
type readFails struct {
	tokenstore.Txn
	kind byte
}

var errRead = errors.New("block is damaged")

func (x readFails) Get(key []byte) ([]byte, error) {
	if key[0] == x.kind {
		return nil, errRead
	}
	return x.Txn.Get(key)
}

// A digest whose place cannot be read is not "in use already".
func TestUnreadablePlaceOfASecretIsNotTheCallersFault(t *testing.T) {
	for kind, call := range map[byte]func(*fixture) error{
		't': func(f *fixture) error { return f.tryActivate("acme") },
		'l': func(f *fixture) error {
			_, err := f.CreateRecipient(f.t.Context(), tokenstore.NewRecipient{ID: "id", Realm: realm, Name: "zoo", Link: f.link("zoo")}, "tester")
			return err
		},
		'h': func(f *fixture) error { return f.tryAccount("bob.example") },
		'p': func(f *fixture) error { return f.tryApplication("notes") },
		'm': func(f *fixture) error {
			key := codeOf("key")
			_, err := f.SetManagementKey(f.t.Context(), realm, "acme", &key, "tester")
			return err
		},
	} {
		t.Run(fmt.Sprintf("%c", kind), func(t *testing.T) {
			driver := newMemory()
			newFixture(t, driver).create("acme")
			f := newFixture(t, wrapped{driver, func(txn tokenstore.Txn) tokenstore.Txn { return readFails{txn, kind} }})
			if err := call(f); !errors.Is(err, errRead) || errors.Is(err, tokenstore.ErrInvalid) || errors.Is(err, tokenstore.ErrExists) {
				t.Errorf("got %v, want the error of the read", err)
			}
		})
	}
}

func TestSecretThatIsInUseIsRefused(t *testing.T) {
	f := newFixture(t, newMemory())
	f.create("acme")
	f.create("zoo")
	f.activate("acme")
	key := codeOf("key")
	if _, err := f.SetManagementKey(t.Context(), realm, "acme", &key, "tester"); err != nil {
		t.Fatal(err)
	}
	_, tokenErr := f.Activate(t.Context(), realm, codeOf("zoo"), tokenOf("acme"), tokenstore.BearerToken, lifetime)
	_, _, linkErr := f.Rotate(t.Context(), realm, "acme", tokenstore.Rotation{MaxTokens: 2, Link: f.link("zoo")}, "tester")
	_, keyErr := f.SetManagementKey(t.Context(), realm, "zoo", &key, "tester")
	for name, err := range map[string]error{"token": tokenErr, "link": linkErr, "management key": keyErr} {
		if !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("%s of another: %v, want ErrInvalid", name, err)
		}
	}
	// Nothing has changed hands.
	if holder, err := f.TokenHolder(t.Context(), realm, tokenOf("acme")); err != nil || holder.Recipient.Name != "acme" {
		t.Errorf("the token is held by %q, %v", holder.Recipient.Name, err)
	}
	if info, err := f.Link(t.Context(), realm, codeOf("zoo")); err != nil || info.Recipient.Name != "zoo" {
		t.Errorf("the link is for %q, %v", info.Recipient.Name, err)
	}
	if holder, err := f.ManagementKeyHolder(t.Context(), realm, key); err != nil || holder.Name != "acme" {
		t.Errorf("the key is held by %q, %v", holder.Name, err)
	}
}
