package tokenstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// queryBinding says that a recipient started an asynchronous query. Its key holds
// who, on which table, and which query.
type queryBinding struct {
	ExpiresAt time.Time `cbor:"1,keyasint"`
}

func (b queryBinding) whole() bool { return !b.ExpiresAt.IsZero() }

func queryKey(realm, recipientID, table, queryID string) []byte {
	// A digest, since ids of queries are the server's and of any length.
	digest := sha256.New()
	for _, part := range []string{recipientID, table, queryID} {
		digest.Write([]byte(part))
		digest.Write([]byte{0})
	}
	return digest.Sum(realmPrefix(keyQuery, realm))
}

// BindQuery notes that a recipient, by its id, started a query on a table.
func (s *Store) BindQuery(ctx context.Context, realm, recipientID, table, queryID string, lifetime time.Duration) error {
	return s.update(ctx, func(t *transaction) error {
		return put(t, queryKey(realm, recipientID, table, queryID), versionQuery, queryBinding{ExpiresAt: t.now.Add(lifetime)})
	})
}

// QueryBound tells whether a recipient started a query on a table.
func (s *Store) QueryBound(ctx context.Context, realm, recipientID, table, queryID string) (bool, error) {
	var binding queryBinding
	err := s.driver.View(ctx, func(r Reader) error {
		return get(r, queryKey(realm, recipientID, table, queryID), versionQuery, &binding)
	})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && !ended(binding.ExpiresAt, s.clock()), err
}

func (s *Store) pruneQueries(ctx context.Context) (int, error) {
	return s.pruneKind(ctx, keyQuery, func(t *transaction, entry Entry) (bool, error) {
		var binding queryBinding
		if err := decode(entry.Value, versionQuery, &binding); err != nil {
			return false, err
		}
		if !ended(binding.ExpiresAt, t.now) {
			return false, nil
		}
		return true, t.Delete(entry.Key)
	})
}
