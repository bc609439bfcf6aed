package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Quota is how much of a quota has been reserved in a window of time. What was reserved and not
// used when a process died is lost to the window: a crash may refuse early, and never allows
// more.
type Quota struct {
	Realm string `cbor:"1,keyasint"`
	Key   string `cbor:"2,keyasint"`
	// Window is when the window began.
	Window   time.Time `cbor:"3,keyasint"`
	Ends     time.Time `cbor:"4,keyasint"`
	Reserved int64     `cbor:"5,keyasint,omitempty"`
}

// whole tells whether a stored quota is complete: one without its window would begin at 0.
func (q Quota) whole() bool {
	return q.Realm != "" && q.Key != "" && !q.Window.IsZero() && q.Ends.After(q.Window) && q.Reserved >= 0
}

// Reservation is a block of a quota: the calls number First+1 to First+Size of its window.
type Reservation struct {
	First, Size int64
}

// maxQuotaKey bounds what says what is counted, in bytes.
const maxQuotaKey = 256

// keepQuotas is how long after the end of its window a quota is kept. Until then, a clock that
// is set back finds what was counted.
const keepQuotas = 30 * 24 * time.Hour

func quotaKey(realm, key string) []byte { return append(realmPrefix(keyQuota, realm), key...) }

// ReserveQuota reserves up to size calls of the quota of a key in a window, as far as limit
// leaves any; a Size of 0 says that none are left, and First how many are gone. A window that
// is later than the one before begins at 0; one that is earlier, as after a clock was set back,
// goes on with the later one. ErrInvalid.
func (s *Store) ReserveQuota(ctx context.Context, realm, key string, window, ends time.Time, limit, size int64) (Reservation, error) {
	window, ends = window.UTC().Truncate(time.Second), ends.UTC().Truncate(time.Second)
	if err := checkQuota(realm, key, window, ends, limit, size); err != nil {
		return Reservation{}, err
	}
	var reserved Reservation
	err := s.update(ctx, func(t *transaction) error {
		reserved = Reservation{}
		quota := Quota{Realm: realm, Key: key}
		err := get(t, quotaKey(realm, key), versionQuota, &quota)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if window.After(quota.Window) {
			quota.Window, quota.Ends, quota.Reserved = window, ends, 0
		}
		reserved = Reservation{First: quota.Reserved, Size: max(0, min(size, limit-quota.Reserved))}
		if reserved.Size == 0 {
			return nil
		}
		quota.Reserved += reserved.Size
		return put(t, quotaKey(realm, key), versionQuota, quota)
	})
	if err != nil {
		return Reservation{}, err
	}
	return reserved, nil
}

func checkQuota(realm, key string, window, ends time.Time, limit, size int64) error {
	if err := ValidRealm(realm); err != nil {
		return err
	}
	switch {
	case key == "" || len(key) > maxQuotaKey || strings.IndexByte(key, 0) >= 0:
		return fmt.Errorf("%w: what a quota counts has 1 to %d bytes, none of them zero", ErrInvalid, maxQuotaKey)
	case window.Year() < 1970 || ends.Year() >= 9999 || !ends.After(window):
		return fmt.Errorf("%w: a quota's window ends after it began, and before the year 9999", ErrInvalid)
	case limit < 0 || size < 1:
		return fmt.Errorf("%w: a quota is not negative, and a block of it has at least one call", ErrInvalid)
	}
	return nil
}

// ReturnQuota gives back what was not used of a reservation, the last calls of it, if none was
// made after it. Else, and after any error, it is lost to the window. It must not be called
// again for the same reservation.
func (s *Store) ReturnQuota(ctx context.Context, realm, key string, window time.Time, r Reservation, unused int64) error {
	if unused < 0 || unused > r.Size {
		return fmt.Errorf("%w: no more can be given back than was reserved", ErrInvalid)
	}
	window = window.UTC().Truncate(time.Second)
	return s.update(ctx, func(t *transaction) error {
		var quota Quota
		err := get(t, quotaKey(realm, key), versionQuota, &quota)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil || unused == 0 || !quota.Window.Equal(window) || quota.Reserved != r.First+r.Size {
			return err
		}
		quota.Reserved -= unused
		return put(t, quotaKey(realm, key), versionQuota, quota)
	})
}

// pruneQuotas removes the quotas whose window ended long ago.
func (s *Store) pruneQuotas(ctx context.Context) (int, error) {
	return s.pruneKind(ctx, keyQuota, func(t *transaction, entry Entry) (bool, error) {
		var quota Quota // of now: what the page says may have a new window since
		err := get(t, entry.Key, versionQuota, &quota)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		if err != nil || quota.Ends.After(t.now.Add(-keepQuotas)) {
			return false, err
		}
		return true, t.Delete(entry.Key)
	})
}
