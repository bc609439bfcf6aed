package tokenstore

import (
	"context"
	"fmt"
	"time"
)

// AccountKeys are the keys of an account. Secrets are sealed by the caller.
type AccountKeys struct {
	// Signing holds one key that signs, and the older ones that tokens may still be
	// verified with; the signer comes last.
	Signing []AccountKey `cbor:"1,keyasint"`
	// Crypter is what the subjects of tokens are encrypted with, sealed.
	Crypter []byte `cbor:"2,keyasint"`
}

// AccountKey is one signing key.
type AccountKey struct {
	ID     string `cbor:"1,keyasint"` // kid of the tokens
	Public []byte `cbor:"2,keyasint"` // SubjectPublicKeyInfo, DER
	Sealed []byte `cbor:"3,keyasint,omitempty"`
	// CreatedAt is when it began to sign; Until when tokens of it end, once another
	// signs. Until is zero for the signer.
	CreatedAt time.Time `cbor:"4,keyasint"`
	Until     time.Time `cbor:"5,keyasint,omitzero"`
}

// maxSigningKeys is how many keys of an account may be good at a time.
const maxSigningKeys = 4

// whole tells whether stored keys are complete: exactly the last one signs.
func (k AccountKeys) whole() bool {
	if len(k.Signing) == 0 || len(k.Signing) > maxSigningKeys || len(k.Crypter) == 0 {
		return false
	}
	for i, key := range k.Signing {
		signs := i == len(k.Signing)-1
		if key.ID == "" || len(key.Public) == 0 || signs != key.Until.IsZero() || signs && len(key.Sealed) == 0 {
			return false
		}
	}
	return true
}

// Signer is the key that signs.
func (k *AccountKeys) Signer() AccountKey { return k.Signing[len(k.Signing)-1] }

// At returns the keys that tokens may be verified with at a time.
func (k *AccountKeys) At(now time.Time) []AccountKey {
	var good []AccountKey
	for _, key := range k.Signing {
		if !ended(key.Until, now) {
			good = append(good, key)
		}
	}
	return good
}

// RotateAccountKey gives an account a new signing key. Tokens of the present one are
// good for as long as overlap, which may be 0; its secret part is forgotten at once.
// The errors are ErrNotFound and ErrInvalid.
func (s *Store) RotateAccountKey(ctx context.Context, realm, host string, key AccountKey, overlap time.Duration, actor string) (Account, AccountKeys, error) {
	if overlap < 0 || overlap > maxLifetime {
		return Account{}, AccountKeys{}, fmt.Errorf("%w: an overlap is between 0 and 100 years", ErrInvalid)
	}
	var keys AccountKeys
	account, err := s.withAccount(ctx, realm, host, actor, "rotateAccountKey", func(t *transaction, account *Account) (err error) {
		if keys, err = accountKeys(t, *account); err != nil {
			return err
		}
		old := &keys.Signing[len(keys.Signing)-1]
		if old.ID == key.ID {
			return fmt.Errorf("%w: the account has this key already", ErrInvalid)
		}
		old.Until, old.Sealed = t.now.Add(overlap), nil
		keys.Signing = keys.At(t.now)
		if overlap == 0 {
			keys.Signing = nil // whatever its age, for who ends a key without overlap trusts none before
		}
		if len(keys.Signing) >= maxSigningKeys {
			return fmt.Errorf("%w: %d keys of the account are still good; rotate without an overlap, or wait until %s",
				ErrInvalid, len(keys.Signing), keys.Signing[0].Until.UTC().Format(time.RFC3339))
		}
		key.CreatedAt, key.Until = t.now, time.Time{}
		keys.Signing = append(keys.Signing, key)
		return t.putAccountKeys(*account, keys)
	})
	return account, keys, err
}

func accountKeys(r Reader, account Account) (AccountKeys, error) {
	var keys AccountKeys
	return keys, get(r, accountKeysKey(account.Realm, account.ID), versionAccountKeys, &keys)
}

func (t *transaction) putAccountKeys(account Account, keys AccountKeys) error {
	return put(t, accountKeysKey(account.Realm, account.ID), versionAccountKeys, keys)
}
