package pda

import (
	"cmp"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/internal/password"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// AccountOrder is what an operator says of a new account.
type AccountOrder struct {
	Host string
	// Address is the host and port that tokens name as their issuer; empty: those of
	// the request.
	Address string
	// Username of the owner; empty: the first label of the host.
	Username string
	// UserID is the owner's UUID; empty: a new one.
	UserID string
	// Password, or PasswordHash: one of another server, as bcrypt or argon2id writes it.
	Password, PasswordHash string
	// Key is the signing key in PEM and Crypter the key of the subjects, both of the
	// server behind, if it checks tokens itself; nil: new ones.
	Key, Crypter []byte
}

// WeakPasswordError says that a password can be guessed.
type WeakPasswordError struct{ Hints []string }

func (e *WeakPasswordError) Error() string {
	return "the password can be guessed too easily: " + strings.Join(e.Hints, "; ")
}

// Is makes it an ErrInvalid.
func (e *WeakPasswordError) Is(target error) bool { return target == tokenstore.ErrInvalid }

// CreateAccount makes an account with its keys. The errors are *WeakPasswordError, and
// those of tokenstore.Store.CreateAccount.
func (s *Scheme) CreateAccount(ctx context.Context, order AccountOrder, actor string) (tokenstore.Account, error) {
	b, err := s.open(ctx)
	if err != nil {
		return tokenstore.Account{}, err
	}
	if s.config.UpstreamToken && order.Key == nil {
		return tokenstore.Account{}, fmt.Errorf("%w: the server behind this site checks tokens itself (upstream token): give its signing key and its crypter key", tokenstore.ErrInvalid)
	}
	label, _, _ := strings.Cut(order.Host, ".")
	account := tokenstore.Account{
		ID: secret.NewID(tokenstore.AccountIDPrefix), Realm: s.config.Realm, Host: order.Host, Address: order.Address,
		UserID: cmp.Or(order.UserID, uuid.NewString()), Username: cmp.Or(order.Username, label),
	}
	if account.Password, err = passwordOf(ctx, b, order, account); err != nil {
		return tokenstore.Account{}, err
	}
	keys, err := newAccountKeys(b.Sealer, account, order)
	if err != nil {
		return tokenstore.Account{}, err
	}
	return b.Store.CreateAccount(ctx, account, keys, actor)
}

func passwordOf(ctx context.Context, b *schemes.Backend, order AccountOrder, account tokenstore.Account) (password.Hash, error) {
	switch {
	case order.PasswordHash != "" && order.Password != "":
		return "", fmt.Errorf("%w: give a password or its hash, not both", tokenstore.ErrInvalid)
	case order.PasswordHash != "":
		hash, err := password.ParseHash(order.PasswordHash)
		if err != nil {
			return "", fmt.Errorf("%w: %w", tokenstore.ErrInvalid, err)
		}
		return hash, nil
	}
	return hashNew(ctx, b, order.Password, account.Username, account.Host)
}

// hashNew hashes a password that an operator sets, if it is strong enough.
func hashNew(ctx context.Context, b *schemes.Backend, plain string, about ...string) (password.Hash, error) {
	if weak := password.Check(plain, about...); weak != nil {
		return "", &WeakPasswordError{weak.Hints}
	}
	return partOf(b).passwords.Hash(ctx, plain)
}

// newAccountKeys makes the keys of an account, or takes those of the server behind.
func newAccountKeys(sealer *secret.Sealer, account tokenstore.Account, order AccountOrder) (tokenstore.AccountKeys, error) {
	if (order.Key == nil) != (order.Crypter == nil) {
		return tokenstore.AccountKeys{}, fmt.Errorf("%w: a server that checks tokens needs both its signing key and its crypter key here", tokenstore.ErrInvalid)
	}
	crypterText := strings.TrimRight(string(order.Crypter), "\r\n")
	var (
		key *rsa.PrivateKey
		err error
	)
	switch {
	case order.Key == nil:
		crypterText = newCrypterText()
		key, err = newSigningKey()
	case crypterText == "":
		return tokenstore.AccountKeys{}, fmt.Errorf("%w: the crypter key is empty", tokenstore.ErrInvalid)
	case crypterText == "[changeme]":
		return tokenstore.AccountKeys{}, fmt.Errorf("%w: the crypter key is the one that the server is shipped with, which anybody knows; give the server one of its own", tokenstore.ErrInvalid)
	default:
		key, err = importSigningKey(order.Key)
	}
	if err != nil {
		return tokenstore.AccountKeys{}, err
	}
	entry, err := sealSigningKey(sealer, account, key)
	if err != nil {
		return tokenstore.AccountKeys{}, err
	}
	return tokenstore.AccountKeys{
		Signing: []tokenstore.AccountKey{entry},
		Crypter: sealer.Seal([]byte(crypterText), sealedFor(account, "crypter")),
	}, nil
}

// RotateKey gives an account a new signing key. Tokens of the present one are good for
// as long as overlap; zero ends them at once. The errors are those of
// tokenstore.Store.RotateAccountKey.
func (s *Scheme) RotateKey(ctx context.Context, host string, overlap time.Duration, actor string) (tokenstore.AccountKeys, error) {
	b, err := s.open(ctx)
	if err != nil {
		return tokenstore.AccountKeys{}, err
	}
	if s.config.UpstreamToken {
		return tokenstore.AccountKeys{}, fmt.Errorf("%w: the server behind checks tokens with the present key; give the account up and create it again with the server's new keys", tokenstore.ErrInvalid)
	}
	account, _, _, err := b.Store.AccountByHost(ctx, s.config.Realm, host)
	if err != nil {
		return tokenstore.AccountKeys{}, err
	}
	key, err := newSigningKey()
	if err != nil {
		return tokenstore.AccountKeys{}, err
	}
	entry, err := sealSigningKey(b.Sealer, account, key)
	if err != nil {
		return tokenstore.AccountKeys{}, err
	}
	_, keys, err := b.Store.RotateAccountKey(ctx, s.config.Realm, host, entry, overlap, actor)
	return keys, err
}

// sealedFor binds what is sealed to its account and purpose.
func sealedFor(account tokenstore.Account, purpose string) []byte {
	return []byte("pda\x00" + account.Realm + "\x00" + account.ID + "\x00" + purpose)
}

func sealSigningKey(sealer *secret.Sealer, account tokenstore.Account, key *rsa.PrivateKey) (tokenstore.AccountKey, error) {
	id, err := keyID(&key.PublicKey)
	if err != nil {
		return tokenstore.AccountKey{}, err
	}
	public, err := marshalPublicKey(&key.PublicKey)
	if err != nil {
		return tokenstore.AccountKey{}, err
	}
	private, err := marshalSigningKey(key)
	if err != nil {
		return tokenstore.AccountKey{}, err
	}
	return tokenstore.AccountKey{ID: id, Public: public, Sealed: sealer.Seal(private, sealedFor(account, id))}, nil
}

// errSealed says that the account's keys were sealed with another master key.
var errSealed = errors.New("the account's keys cannot be opened; is this the master key that they were sealed with?")

// openSigner opens what an account signs with.
func openSigner(sealer *secret.Sealer, account tokenstore.Account, keys tokenstore.AccountKeys) (*signer, error) {
	entry := keys.Signer()
	der, err := sealer.Open(entry.Sealed, sealedFor(account, entry.ID))
	if err != nil {
		return nil, errSealed
	}
	key, err := parseSigningKey(der)
	if err != nil {
		return nil, err
	}
	text, err := sealer.Open(keys.Crypter, sealedFor(account, "crypter"))
	if err != nil {
		return nil, errSealed
	}
	crypter, err := newCrypter(string(text))
	if err != nil {
		return nil, err
	}
	return &signer{KeyID: entry.ID, Key: key, Crypter: crypter}, nil
}
