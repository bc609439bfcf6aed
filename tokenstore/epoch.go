package tokenstore

import (
	"context"
	"errors"
	"time"
)

// Epoch is the head of a mass revocation: tokens and links of a realm that were
// made under a lower number are revoked since At. One record ends any number of
// tokens at once, where a transaction that wrote each would not fit.
type Epoch struct {
	Number uint64    `cbor:"1,keyasint"`
	At     time.Time `cbor:"2,keyasint"`
}

// epoch reads a realm's epoch; a realm that was never revoked is at zero.
func epoch(r Reader, realm string) (Epoch, error) {
	var e Epoch
	err := get(r, epochKey(realm), versionEpoch, &e)
	if errors.Is(err, ErrNotFound) {
		return Epoch{}, nil
	}
	return e, err
}

// RevokeRealm ends every token and every pending activation link of a realm.
// Recipients, their grants and management keys stay.
func (s *Store) RevokeRealm(ctx context.Context, realm, actor string) error {
	if err := ValidRealm(realm); err != nil {
		return err
	}
	return s.update(ctx, func(t *transaction) error {
		e, err := epoch(t, realm)
		if err != nil {
			return err
		}
		if err := put(t, epochKey(realm), versionEpoch, Epoch{Number: e.Number + 1, At: t.now}); err != nil {
			return err
		}
		if err := t.audit(AuditEntry{Actor: actor, Action: "revokeRealm", Realm: realm}); err != nil {
			return err
		}
		return t.changed(realm, "")
	})
}
