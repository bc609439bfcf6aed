package badgerstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// pruneBatch is how many feed entries one transaction deletes: far below what
// Badger commits at once, so that others need not wait long.
const pruneBatch = 1000

// PruneChanges deletes feed entries, in several transactions. After an error the
// feed is whole from the highest revision that was deleted, and a later call
// deletes the rest.
func (s *Store) PruneChanges(ctx context.Context, through tokenstore.Revision) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.RUnlock()
	s.pruning.Lock()
	defer s.pruning.Unlock()

	// Commits up to the snapshot's revision are all visible, so that none can
	// appear behind the walk's back; the ones above stay, whatever through is.
	snapshot := s.db.NewTransaction(false)
	defer snapshot.Discard()
	floor, err := readFloor(snapshot)
	if err != nil {
		return err
	}
	for start := feedPrefix; start != nil; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var batch []position
		batch, start = nextBatch(snapshot, start, uint64(through))
		if len(batch) == 0 {
			continue
		}
		for _, at := range batch {
			floor = max(floor, at.revision)
		}
		if err := s.deletePositions(batch, floor); err != nil {
			return err
		}
	}
	return nil
}

// nextBatch returns entries up to a revision, from the key start on, and the key
// at which to go on, or nil at the end. A batch may be empty before the end.
func nextBatch(txn *badger.Txn, start []byte, through uint64) (batch []position, next []byte) {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: feedPrefix})
	defer it.Close()
	seen := 0
	for it.Seek(start); it.Valid(); it.Next() {
		item := it.Item()
		if seen++; seen > 10*pruneBatch || len(batch) == pruneBatch {
			return batch, bytes.Clone(item.Key())
		}
		if item.Version() <= through {
			batch = append(batch, position{item.Version(), bytes.Clone(item.Key())})
		}
	}
	return batch, nil
}

// deletePositions deletes feed entries and moves the floor in one transaction, so
// that nobody sees a gap that the floor doesn't tell of.
func (s *Store) deletePositions(batch []position, floor uint64) error {
	if s.failed.Load() {
		return ErrFailed
	}
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	for _, at := range batch {
		if err := txn.Delete(at.key); err != nil {
			return writeError(err)
		}
	}
	entry := badger.NewEntry(bytes.Clone(floorKey), binary.BigEndian.AppendUint64(nil, floor))
	if err := txn.SetEntry(entry); err != nil {
		return writeError(err)
	}
	_, conflict, err := s.commit(txn, entry)
	if conflict { // never: it gets nothing
		err = tokenstore.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("pruning the change feed: %w", err)
	}
	return nil
}
