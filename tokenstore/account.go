package tokenstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/password"
)

// Account is a personal data account: one host, one owner who signs in with a
// password. It is the head record of its token families and enrolments.
type Account struct {
	ID    string `cbor:"1,keyasint"` // never used again, so a later account of the host inherits nothing
	Realm string `cbor:"2,keyasint"`
	// Host is what selects the account: lower case, without a port. It never changes.
	Host string `cbor:"3,keyasint"`
	// Address is the issuer that tokens name, as host and port; empty: the host and
	// port of the request that they are issued for.
	Address string `cbor:"4,keyasint,omitempty"`
	// UserID is the owner's UUID, as answers of a sign-in show it.
	UserID   string        `cbor:"5,keyasint"`
	Username string        `cbor:"6,keyasint"`
	Password password.Hash `cbor:"7,keyasint"`
	// Generation counts what ended all token families at once: those that began under
	// a lower number are over.
	Generation uint64 `cbor:"8,keyasint,omitempty"`
	Disabled   bool   `cbor:"9,keyasint,omitempty"`
	// Applications are those that the owner has set up, by their ids.
	Applications []Enrolment `cbor:"10,keyasint,omitempty"`
	// SignedInFrom are the networks of the latest sign-ins, latest last.
	SignedInFrom []string  `cbor:"11,keyasint,omitempty"`
	PasswordAt   time.Time `cbor:"12,keyasint"`
	CreatedAt    time.Time `cbor:"13,keyasint"`
	UpdatedAt    time.Time `cbor:"14,keyasint"`
	CreatedBy    string    `cbor:"15,keyasint,omitempty"`
	UpdatedBy    string    `cbor:"16,keyasint,omitempty"`
	// EndedAt is when the generation before this one was ended; zero: never.
	EndedAt time.Time `cbor:"17,keyasint,omitzero"`
}

// whole tells whether a stored account is complete: one without a password hash
// would take any.
func (a Account) whole() bool {
	return a.ID != "" && a.Realm != "" && a.Host != "" && a.UserID != "" && a.Username != "" && a.Password != ""
}

// AccountIDPrefix begins every account's id.
const AccountIDPrefix = "acc_"

// maxNetworks is how many networks of sign-ins are remembered.
const maxNetworks = 8

// Bounds of an account.
const (
	maxUsername     = 255 // bytes
	maxApplications = 500 // enrolments of an account
)

// existsError is ErrExists with a text of its own.
type existsError struct{ text string }

func (e existsError) Error() string        { return e.text }
func (e existsError) Is(target error) bool { return target == ErrExists }

// CreateAccount stores a new account with its keys. The errors are ErrExists if the
// host has one, and ErrInvalid.
func (s *Store) CreateAccount(ctx context.Context, account Account, keys AccountKeys, actor string) (Account, error) {
	if err := cmp.Or(ValidRealm(account.Realm), account.check()); err != nil {
		return Account{}, err
	}
	err := s.update(ctx, func(t *transaction) error {
		account.CreatedAt, account.UpdatedAt, account.PasswordAt = t.now, t.now, t.now
		account.CreatedBy, account.UpdatedBy = actor, actor
		key := accountHostKey(account.Realm, account.Host)
		switch err := get(t, key, versionIndex, &index{}); {
		case err == nil:
			return existsError{"an account of that host exists"}
		case !errors.Is(err, ErrNotFound):
			return err
		}
		if err := put(t, key, versionIndex, index{ID: account.ID}); err != nil {
			return err
		}
		keys.Signing = slices.Clone(keys.Signing)
		for i := range keys.Signing {
			keys.Signing[i].CreatedAt = t.now
		}
		if err := t.putAccountKeys(account, keys); err != nil {
			return err
		}
		if err := t.putAccount(account); err != nil {
			return err
		}
		return t.auditAccount(account, actor, "createAccount", "")
	})
	return account, err
}

// check finds what no account can have.
func (a *Account) check() error {
	host, err := canonpath.Host(a.Host)
	if err != nil || host != a.Host {
		return fmt.Errorf("%w: %q is not the host of an account; write it in lower case and without a port, such as bob.pda.example.com", ErrInvalid, a.Host)
	}
	if a.Address != "" && !a.isAddress() {
		return fmt.Errorf("%w: the address of an account is its host in the same spelling, with a port or without, such as %s:8443", ErrInvalid, a.Host)
	}
	switch {
	case a.Username == "" || len(a.Username) > maxUsername || strings.ContainsFunc(a.Username, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }):
		return fmt.Errorf("%w: a username has 1 to %d bytes of text", ErrInvalid, maxUsername)
	case !isCanonicalUUID(a.UserID):
		return fmt.Errorf("%w: a user's id is a UUID in lower case, such as 6c796c29-fa9e-4678-9c0b-e48956f22bcc", ErrInvalid)
	}
	return nil
}

// isAddress takes one spelling of each address, since clients compare issuers as text.
func (a *Account) isAddress() bool {
	text, found := strings.CutPrefix(a.Address, a.Host)
	if !found || text == "" {
		return found
	}
	port, err := strconv.ParseUint(strings.TrimPrefix(text, ":"), 10, 16)
	return err == nil && port != 0 && text == ":"+strconv.FormatUint(port, 10)
}

// isCanonicalUUID takes the one spelling of RFC 9562 section 4, in lower case.
func isCanonicalUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !('0' <= c && c <= '9' || 'a' <= c && c <= 'f'):
			return false
		}
	}
	return true
}

// AccountByHost returns the account of a host with its keys, as of a revision.
// ErrNotFound.
func (s *Store) AccountByHost(ctx context.Context, realm, host string) (Account, AccountKeys, Revision, error) {
	var (
		account  Account
		keys     AccountKeys
		revision Revision
	)
	err := s.driver.View(ctx, func(r Reader) (err error) {
		revision = r.Revision()
		if account, err = accountByHost(r, realm, host); err != nil {
			return err
		}
		keys, err = accountKeys(r, account)
		return err
	})
	return account, keys, revision, err
}

// Accounts returns up to limit accounts of a realm by their hosts, after the given
// one; next is empty at the end.
func (s *Store) Accounts(ctx context.Context, realm, after string, limit int) (accounts []Account, next string, err error) {
	err = s.driver.View(ctx, func(r Reader) error {
		accounts, next = nil, ""
		prefix := realmPrefix(keyAccountHost, realm)
		found, err := r.Scan(prefix, cursor(func(host string) []byte { return accountHostKey(realm, host) }, after), limit)
		if err != nil {
			return err
		}
		for _, entry := range found {
			account, err := accountByHost(r, realm, string(entry.Key[len(prefix):]))
			if err != nil {
				return err
			}
			accounts = append(accounts, account)
		}
		if len(found) == limit {
			next = accounts[limit-1].Host
		}
		return nil
	})
	return accounts, next, err
}

// SetPassword changes an account's password and ends all its token families. check is
// asked inside of the transaction, if it is not nil, and may run several times.
// ErrNotFound.
func (s *Store) SetPassword(ctx context.Context, realm, host string, hash password.Hash, check func(Account) error, actor string) (Account, error) {
	return s.withAccount(ctx, realm, host, actor, "setPassword", func(t *transaction, account *Account) error {
		if check != nil {
			if err := check(*account); err != nil {
				return err
			}
		}
		account.Password, account.PasswordAt = hash, t.now
		account.end(t.now)
		return nil
	})
}

// ReplaceHash stores the same password hashed anew; sessions go on. ErrStale if the
// password was changed meanwhile.
func (s *Store) ReplaceHash(ctx context.Context, realm, host string, old, hash password.Hash) error {
	_, err := s.withAccount(ctx, realm, host, "gateway", "rehashPassword", func(_ *transaction, account *Account) error {
		if account.Password != old {
			return ErrStale
		}
		account.Password = hash
		return nil
	})
	return err
}

// ErrStale says that what a change rests on was changed meanwhile.
var ErrStale = errors.New("changed meanwhile; begin again")

// EnableAccount disables an account, or enables it again. Its families live on
// meanwhile, unless their time is over. ErrNotFound.
func (s *Store) EnableAccount(ctx context.Context, realm, host string, enabled bool, actor string) (Account, error) {
	action := "disableAccount"
	if enabled {
		action = "enableAccount"
	}
	return s.withAccount(ctx, realm, host, actor, action, func(_ *transaction, account *Account) error {
		account.Disabled = !enabled
		return nil
	})
}

// RevokeAccount ends all token families of an account at once: the owner signs in
// again, and applications are given new tokens. ErrNotFound.
func (s *Store) RevokeAccount(ctx context.Context, realm, host, actor string) (Account, error) {
	return s.withAccount(ctx, realm, host, actor, "revokeAccountTokens", func(t *transaction, account *Account) error {
		account.end(t.now)
		return nil
	})
}

// end ends all token families that have begun.
func (a *Account) end(now time.Time) {
	a.Generation++
	a.EndedAt = now
}

// DeleteAccount forgets an account and its keys. Its families stay known as revoked;
// a later account of the host revives none. ErrNotFound.
func (s *Store) DeleteAccount(ctx context.Context, realm, host, actor string) (Account, error) {
	var account Account
	err := s.update(ctx, func(t *transaction) (err error) {
		if account, err = accountByHost(t, realm, host); err != nil {
			return err
		}
		for _, key := range [][]byte{
			accountHostKey(realm, account.Host), accountKeysKey(realm, account.ID), accountKey(realm, account.ID),
		} {
			if err := t.Delete(key); err != nil {
				return err
			}
		}
		if err := t.auditAccount(account, actor, "deleteAccount", ""); err != nil {
			return err
		}
		return t.changed(realm, account.ID)
	})
	return account, err
}

// withAccount runs a change of one account: it reads the record, runs fn, writes the
// record, and announces and audits the change.
func (s *Store) withAccount(ctx context.Context, realm, host, actor, action string, fn func(*transaction, *Account) error) (Account, error) {
	var account Account
	err := s.update(ctx, func(t *transaction) (err error) {
		if account, err = accountByHost(t, realm, host); err != nil {
			return err
		}
		if err := fn(t, &account); err != nil {
			return err
		}
		account.UpdatedAt, account.UpdatedBy = t.now, actor
		if err := t.putAccount(account); err != nil {
			return err
		}
		if err := t.auditAccount(account, actor, action, ""); err != nil {
			return err
		}
		return t.changed(realm, account.ID)
	})
	return account, err
}

func accountByHost(r Reader, realm, host string) (Account, error) {
	var at index
	if err := get(r, accountHostKey(realm, host), versionIndex, &at); err != nil {
		return Account{}, err
	}
	return accountByID(r, realm, at.ID)
}

func accountByID(r Reader, realm, id string) (Account, error) {
	var account Account
	return account, get(r, accountKey(realm, id), versionAccount, &account)
}

func (t *transaction) putAccount(account Account) error {
	return put(t, accountKey(account.Realm, account.ID), versionAccount, account)
}

func (t *transaction) auditAccount(account Account, actor, action, detail string) error {
	return t.audit(AuditEntry{
		Actor: actor, Action: action, Detail: detail, Realm: account.Realm, Subject: account.ID, Name: account.Host,
	})
}

// signedIn remembers the network of a sign-in. It tells whether that was news.
func (a *Account) signedIn(network string) bool {
	if network == "" || len(a.SignedInFrom) > 0 && a.SignedInFrom[len(a.SignedInFrom)-1] == network {
		return false
	}
	networks := slices.DeleteFunc(slices.Clone(a.SignedInFrom), func(known string) bool { return known == network })
	if networks = append(networks, network); len(networks) > maxNetworks {
		networks = networks[len(networks)-maxNetworks:]
	}
	a.SignedInFrom = networks
	return true
}

func accountKey(realm, id string) []byte { return append(realmPrefix(keyAccount, realm), id...) }

func accountKeysKey(realm, id string) []byte {
	return append(realmPrefix(keyAccountKeys, realm), id...)
}

func accountHostKey(realm, host string) []byte {
	return append(realmPrefix(keyAccountHost, realm), host...)
}
