package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var errOutside = errors.New("reader or transaction is used after the function it was given to returned")

// View runs fn on one snapshot. The context is checked before it begins.
func (s *Store) View(ctx context.Context, fn func(tokenstore.Reader) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.RUnlock()
	txn := s.db.NewTransaction(false)
	r := &reader{txn: txn}
	defer r.end()
	return fn(r)
}

// reader reads one snapshot.
type reader struct {
	txn *badger.Txn
	// room holds the stored form of a key of usual length, for one allocation
	// less in each look-up. Badger reads it only during the call.
	room [96]byte
}

// end makes every later use of the reader fail, where Badger would panic.
func (r *reader) end() {
	r.txn.Discard()
	r.txn = nil
}

func (r *reader) Revision() tokenstore.Revision {
	if r.txn == nil {
		return 0
	}
	return tokenstore.Revision(r.txn.ReadTs())
}

func (r *reader) Get(key []byte) ([]byte, error) {
	if r.txn == nil {
		return nil, errOutside
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	item, err := r.txn.Get(appendCallerKey(r.room[:0], key))
	if err != nil {
		return nil, readError(err)
	}
	value, err := item.ValueCopy(nil)
	return value, readError(err)
}

func (r *reader) Scan(prefix, after []byte, limit int) ([]tokenstore.Entry, error) {
	if r.txn == nil {
		return nil, errOutside
	}
	if limit < 1 {
		return nil, fmt.Errorf("scanning: the limit is %d, but must be positive", limit)
	}
	stored := appendCallerKey(nil, prefix)
	start := stored
	if bytes.Compare(after, prefix) >= 0 && after != nil {
		start = append(appendCallerKey(nil, after), 0) // the next possible key
	}
	// Values are read in place: prefetching takes a goroutine for each.
	it := r.txn.NewIterator(badger.IteratorOptions{Prefix: stored})
	defer it.Close()

	var entries []tokenstore.Entry
	for it.Seek(start); it.Valid() && len(entries) < limit; it.Next() {
		item := it.Item()
		value, err := item.ValueCopy(nil)
		if err != nil {
			return nil, readError(err)
		}
		entries = append(entries, tokenstore.Entry{Key: bytes.Clone(item.Key()[1:]), Value: value})
	}
	return entries, nil
}

// readError translates an error of a read.
func readError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, badger.ErrKeyNotFound):
		return tokenstore.ErrNotFound
	case errors.Is(err, badger.ErrDBClosed):
		return tokenstore.ErrClosed
	}
	return fmt.Errorf("reading the token store: %w", err)
}
