package badgerstore

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// maxBytes is how much one transaction may write in all. Badger counts only what
// it keeps in the tree, not what goes to the value log.
const maxBytes = 8 << 20

// txn is one run of an Update's function.
type txn struct {
	reader
	messages []byte        // announced, as the feed entry stores them
	live     *badger.Entry // a Put that nothing has overwritten or deleted since
	deleted  bool
	written  int
	err      error // the first that a write returned
}

func (t *txn) Put(key, value []byte) error {
	if t.reader.txn == nil {
		return errOutside
	}
	if err := checkKey(key); err != nil {
		return t.fail(err)
	}
	if len(value) > maxValue {
		return t.fail(tooLarge(fmt.Sprintf("a value has %d bytes, at most %d are allowed", len(value), maxValue)))
	}
	// Badger keeps what it is given until the commit; the caller's is not ours to keep.
	entry := badger.NewEntry(appendCallerKey(nil, key), bytes.Clone(value))
	if err := t.grow(len(entry.Key) + len(value)); err != nil {
		return err
	}
	if err := t.reader.txn.SetEntry(entry); err != nil {
		return t.fail(writeError(err))
	}
	t.live = entry
	return nil
}

func (t *txn) Delete(key []byte) error {
	if t.reader.txn == nil {
		return errOutside
	}
	if err := checkKey(key); err != nil {
		return t.fail(err)
	}
	stored := appendCallerKey(nil, key)
	if err := t.grow(len(stored)); err != nil {
		return err
	}
	if err := t.reader.txn.Delete(stored); err != nil {
		return t.fail(writeError(err))
	}
	t.deleted = true
	if t.live != nil && bytes.Equal(t.live.Key, stored) {
		t.live = nil
	}
	return nil
}

func (t *txn) Announce(message []byte) error {
	if t.reader.txn == nil {
		return errOutside
	}
	if len(t.messages)+len(message) > maxValue {
		return t.fail(tooLarge(fmt.Sprintf("its announcements have more than %d bytes", maxValue)))
	}
	if err := t.grow(len(message)); err != nil {
		return err
	}
	t.messages = appendMessage(t.messages, message)
	return nil
}

// seal writes what the driver itself adds to the transaction, and returns an
// entry that is alive at the commit's version: the package comment says why there
// must be one. It returns nil if there is nothing to commit.
func (t *txn) seal() (*badger.Entry, error) {
	switch {
	case t.messages != nil:
		t.live = badger.NewEntry(newFeedKey(t.reader.txn.ReadTs()), t.messages)
	case t.live == nil && t.deleted:
		t.live = badger.NewEntry(bytes.Clone(markKey), nil)
	default:
		return t.live, nil
	}
	return t.live, writeError(t.reader.txn.SetEntry(t.live))
}

// grow counts what is written.
func (t *txn) grow(size int) error {
	t.written += size
	if t.written > maxBytes {
		return t.fail(tooLarge(fmt.Sprintf("it writes more than %d bytes", maxBytes)))
	}
	return nil
}

func (t *txn) fail(err error) error {
	if t.err == nil {
		t.err = err
	}
	return err
}

// writeError translates an error of a write inside a transaction.
func writeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, badger.ErrTxnTooBig):
		return tooLarge("it has too many entries")
	}
	return fmt.Errorf("writing to the token store: %w", err)
}
