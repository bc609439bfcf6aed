package tokenstore

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Epoch is the head of a mass revocation: tokens and links of a realm that were
// made under a lower number are revoked. One record ends any number of tokens at
// once, where a transaction that wrote each would not fit.
type Epoch struct {
	Number uint64 `cbor:"1,keyasint"`
	// Ends is when the latest epochs ended, in order: the last entry is the end of
	// the one before Number. Of those that ended more than KeepEnded ago only the
	// latest is kept, because the record is read with every token.
	Ends []time.Time `cbor:"2,keyasint"`
}

// whole tells whether a stored epoch is complete: one without its number would
// bring back to life what it revoked.
func (e Epoch) whole() bool {
	return e.Number > 0 && len(e.Ends) > 0 && uint64(len(e.Ends)) <= e.Number &&
		!slices.ContainsFunc(e.Ends, time.Time.IsZero)
}

// ended is when what was made under an epoch was revoked; zero if it was not. A
// second mass revocation does not move the end of what the first one ended.
func (e Epoch) ended(number uint64) time.Time {
	if number >= e.Number {
		return time.Time{}
	}
	back := min(e.Number-number, uint64(len(e.Ends)))
	return e.Ends[len(e.Ends)-int(back)]
}

// next is the epoch that begins now, or when the last one did if the clock was set back
// since: what an identity provider issued before that stays over.
func (e Epoch) next(now time.Time) Epoch {
	if len(e.Ends) > 0 {
		now = later(now, e.Ends[len(e.Ends)-1])
	}
	ends := append(slices.Clone(e.Ends), now)
	for len(ends) > 1 && !ends[1].After(now.Add(-KeepEnded)) {
		ends = ends[1:]
	}
	return Epoch{Number: e.Number + 1, Ends: ends}
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
		if err := put(t, epochKey(realm), versionEpoch, e.next(t.now)); err != nil {
			return err
		}
		if err := t.audit(AuditEntry{Actor: actor, Action: "revokeRealm", Realm: realm}); err != nil {
			return err
		}
		return t.changed(realm, "")
	})
}
