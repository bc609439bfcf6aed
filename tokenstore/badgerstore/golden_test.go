package badgerstore

import (
	"encoding/hex"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// What is stored today must be readable by every later version: change nothing
// here without raising format and reading both.
func TestStoredBytes(t *testing.T) {
	store := opened(t)
	for _, write := range []func(tokenstore.Txn) error{
		func(txn tokenstore.Txn) error { return txn.Put([]byte("key"), []byte("value")) },
		func(txn tokenstore.Txn) error { return txn.Announce([]byte("pruned")) },
		func(txn tokenstore.Txn) error { return txn.Delete([]byte("missing")) },
	} {
		if _, err := store.Update(t.Context(), write); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.PruneChanges(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Update(t.Context(), func(txn tokenstore.Txn) error {
		if err := txn.Announce([]byte("first")); err != nil {
			return err
		}
		return txn.Announce(nil)
	}); err != nil {
		t.Fatal(err)
	}

	want := []string{
		// feed: prefix, snapshot 4, sixteen random digits left out; format, lengths, messages
		"00660000000000000004 = 01056669727374" + "00",
		"006c = 0000000000000002", // floor: the announcement at revision 2 was pruned
		"006d = ",                 // mark
		"016b6579 = 76616c7565",   // caller's key and value
	}
	var got []string
	txn := store.db.NewTransaction(false)
	defer txn.Discard()
	it := txn.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		key := it.Item().KeyCopy(nil)
		value, err := it.Item().ValueCopy(nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(key) == len(feedPrefix)+16 {
			key = key[:len(feedPrefix)+8]
		}
		got = append(got, hex.EncodeToString(key)+" = "+hex.EncodeToString(value))
	}
	if len(got) != len(want) {
		t.Fatalf("stored are %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("stored is %s, want %s", got[i], want[i])
		}
	}
}
