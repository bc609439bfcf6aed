package tokenstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// KeptKeys are the last good keys of a foreign issuer, so that a restart does not need
// the issuer. They are public, and a copy: what cannot be read of them is fetched again.
type KeptKeys struct {
	// Source says where the keys are from, in the words of who keeps them.
	Source string `cbor:"1,keyasint"`
	// Document holds the keys, in the form of who keeps them.
	Document []byte `cbor:"2,keyasint"`
	// FetchedAt is when the source last showed them.
	FetchedAt time.Time `cbor:"3,keyasint"`
}

// Bounds of kept keys, in bytes.
const (
	// MaxKeptKeys bounds a document.
	MaxKeptKeys = 256 << 10
	maxSource   = 4096
)

func (k KeptKeys) whole() bool {
	return k.Source != "" && len(k.Document) > 0 && len(k.Document) <= MaxKeptKeys && !k.FetchedAt.IsZero()
}

// A digest, since sources have URLs in them.
func keptKeysKey(source string) []byte { return digestKey(keyKeptKeys, sha256.Sum256([]byte(source))) }

// KeepKeys keeps the keys of a source in the place of those kept before, unless these
// were fetched later, by another process. ErrInvalid.
func (s *Store) KeepKeys(ctx context.Context, source string, k KeptKeys) error {
	k.Source, k.FetchedAt = source, k.FetchedAt.UTC().Truncate(time.Second)
	if len(source) > maxSource || len(k.Document) > MaxKeptKeys {
		return fmt.Errorf("%w: a source has at most %d bytes, its document at most %d", ErrInvalid, maxSource, MaxKeptKeys)
	}
	return s.update(ctx, func(t *transaction) error {
		var kept KeptKeys
		switch err := get(t, keptKeysKey(source), versionKeptKeys, &kept); {
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrRecord):
		case err != nil:
			return err
		case kept.FetchedAt.After(k.FetchedAt) && !kept.FetchedAt.After(t.now):
			// One from the future is of a clock that was wrong, and would stay for ever.
			return nil
		}
		return put(t, keptKeysKey(source), versionKeptKeys, k)
	})
}

// KeptKeysOf returns the keys kept for a source. ErrNotFound.
func (s *Store) KeptKeysOf(ctx context.Context, source string) (KeptKeys, error) {
	var kept KeptKeys
	err := s.driver.View(ctx, func(r Reader) error {
		return get(r, keptKeysKey(source), versionKeptKeys, &kept)
	})
	if err != nil {
		return KeptKeys{}, err
	}
	return kept, nil
}
