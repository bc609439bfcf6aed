package badgerstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// maxPage is the most commits that one page of the feed holds.
const maxPage = 10_000

// checkEvery is after how many entries a walk over the feed looks at its context.
const checkEvery = 1024

// position is where a feed entry stands.
type position struct {
	revision uint64
	key      []byte
}

// Changes returns a page of the feed, of at most limit commits and never more than
// 10,000. A revision above the store's own is answered with ErrFeedTruncated:
// whoever asks for it has followed another store, or one that was restored since.
func (s *Store) Changes(ctx context.Context, after tokenstore.Revision, limit int) (tokenstore.ChangePage, error) {
	if limit < 1 {
		return tokenstore.ChangePage{}, fmt.Errorf("reading the change feed: the limit is %d, but must be positive", limit)
	}
	if err := s.enter(ctx); err != nil {
		return tokenstore.ChangePage{}, err
	}
	defer s.gate.RUnlock()
	txn := s.db.NewTransaction(false)
	defer txn.Discard()

	floor, err := readFloor(txn)
	if err != nil {
		return tokenstore.ChangePage{}, err
	}
	if uint64(after) < floor || uint64(after) > txn.ReadTs() {
		return tokenstore.ChangePage{}, tokenstore.ErrFeedTruncated
	}
	first, more, err := firstPositions(ctx, txn, uint64(after), min(limit, maxPage))
	if err != nil {
		return tokenstore.ChangePage{}, err
	}
	page := tokenstore.ChangePage{Through: tokenstore.Revision(txn.ReadTs())}
	for _, at := range first {
		messages, err := readMessages(txn, at.key)
		if err != nil {
			return tokenstore.ChangePage{}, err
		}
		page.Changes = append(page.Changes, tokenstore.Change{
			Revision: tokenstore.Revision(at.revision), Messages: messages,
		})
	}
	if more {
		page.Through = page.Changes[len(page.Changes)-1].Revision
	}
	return page, nil
}

// firstPositions returns the first entries of the feed after a revision, in the
// order of revisions, at most limit, and whether there are more. The keys come
// only roughly in that order, so that all of them have to be seen; Badger leaves
// out the tables that have nothing new.
func firstPositions(ctx context.Context, txn *badger.Txn, after uint64, limit int) (first []position, more bool, err error) {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: feedPrefix, SinceTs: after})
	defer it.Close()
	cut := func() {
		slices.SortFunc(first, func(a, b position) int { return cmp.Compare(a.revision, b.revision) })
		if len(first) > limit {
			first, more = first[:limit], true
		}
	}
	seen := 0
	for it.Rewind(); it.Valid(); it.Next() {
		if seen++; seen%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return nil, false, err
			}
		}
		item := it.Item()
		first = append(first, position{item.Version(), bytes.Clone(item.Key())})
		if len(first) == 2*limit+1 { // keeps memory in bounds, and sorting rare
			cut()
		}
	}
	cut()
	return first, more, nil
}

func readMessages(txn *badger.Txn, key []byte) ([][]byte, error) {
	item, err := txn.Get(key)
	if err != nil {
		return nil, fmt.Errorf("reading the change feed: %w", err)
	}
	var messages [][]byte
	err = item.Value(func(value []byte) error {
		messages, err = splitMessages(value)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the change feed: %w", err)
	}
	return messages, nil
}

// readFloor returns the highest revision whose announcement was pruned.
func readFloor(txn *badger.Txn) (uint64, error) {
	item, err := txn.Get(floorKey)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, nil
	}
	var floor uint64
	if err == nil {
		err = item.Value(func(value []byte) error {
			if len(value) != 8 {
				return errors.New("the record of what was pruned is damaged")
			}
			floor = binary.BigEndian.Uint64(value)
			return nil
		})
	}
	if err != nil {
		return 0, fmt.Errorf("reading the change feed: %w", err)
	}
	return floor, nil
}
