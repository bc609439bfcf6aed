package storetest

import (
	"fmt"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var scanTests = []driverTest{
	{"pages", on(scanPages)},
	{"edges of prefixes", on(scanEdges)},
	{"own writes and deletions are seen", on(scanOwn)},
	{"values and keys of any size", on(scanSizes)},
}

// putKeys puts each key with itself as its value, as wantKeys expects it.
func putKeys(t testing.TB, d tokenstore.Driver, keys ...string) {
	t.Helper()
	var pairs []string
	for _, key := range keys {
		pairs = append(pairs, key, key)
	}
	put(t, d, pairs...)
}

func scanPages(t *testing.T, d tokenstore.Driver) {
	putKeys(t, d, "a", "p/1", "p/2", "p/20", "p/3", "p0", "z")
	view(t, d, func(r tokenstore.Reader) error {
		return wantAll(
			wantKeys(r, "p/", "", 1, "p/1"),
			wantKeys(r, "p/", "p/1", 1, "p/2"),
			wantKeys(r, "p/", "p/2", 1, "p/20"),
			wantKeys(r, "p/", "p/20", 1, "p/3"),
			wantKeys(r, "p/", "p/3", 1),
			wantKeys(r, "p/", "", 4, "p/1", "p/2", "p/20", "p/3"),
			wantKeys(r, "p/", "", 5, "p/1", "p/2", "p/20", "p/3"),
			wantKeys(r, "p/", "p/15", 2, "p/2", "p/20"), // a missing key to start after
			wantKeys(r, "", "", 100, "a", "p/1", "p/2", "p/20", "p/3", "p0", "z"),
			wantKeys(r, "", "p0", 100, "z"),
			wantKeys(r, "q", "", 100),
		)
	})
	// An empty after is not nil, but no key is below it either.
	view(t, d, func(r tokenstore.Reader) error {
		entries, err := r.Scan([]byte("p/"), []byte{}, 1)
		if err == nil && (len(entries) != 1 || string(entries[0].Key) != "p/1") {
			err = fmt.Errorf("scan after an empty key: %q", entries)
		}
		return err
	})
}

func scanEdges(t *testing.T, d tokenstore.Driver) {
	putKeys(t, d, "\x00", "\x00\x00", "p", "p\x00", "p\x00\x00", "p\xfe", "p\xff", "p\xff\x00", "p\xff\xff", "q", "\xff", "\xff\xff", "\xff\xff\x01")
	view(t, d, func(r tokenstore.Reader) error {
		return wantAll(
			wantKeys(r, "p", "", 100, "p", "p\x00", "p\x00\x00", "p\xfe", "p\xff", "p\xff\x00", "p\xff\xff"),
			wantKeys(r, "p", "p", 1, "p\x00"),         // the prefix itself as after
			wantKeys(r, "p", "p\x00", 1, "p\x00\x00"), // the smallest successor
			wantKeys(r, "p\xff", "", 100, "p\xff", "p\xff\x00", "p\xff\xff"),
			wantKeys(r, "p\xff", "p\xff", 100, "p\xff\x00", "p\xff\xff"),
			wantKeys(r, "p\xff", "p\xff\xff", 100),
			wantKeys(r, "\xff", "", 100, "\xff", "\xff\xff", "\xff\xff\x01"),
			wantKeys(r, "\xff\xff", "", 100, "\xff\xff", "\xff\xff\x01"),
			wantKeys(r, "\xff\xff", "\xff\xff\x01", 100),
			wantKeys(r, "\x00", "", 100, "\x00", "\x00\x00"),
			// after outside the prefix: below it counts for nothing, above it ends.
			wantKeys(r, "p", "a", 2, "p", "p\x00"),
			wantKeys(r, "p", "\x00", 1, "p"),
			wantKeys(r, "p", "q", 100),
			wantKeys(r, "p", "\xff", 100),
			wantKeys(r, "p\xff", "p", 1, "p\xff"),
		)
	})
}

func scanOwn(t *testing.T, d tokenstore.Driver) {
	putKeys(t, d, "p/a", "p/b", "p/c", "p/d")
	put(t, d, "p/c", "to be overwritten")
	update(t, d, func(txn tokenstore.Txn) error {
		for _, key := range []string{"p/0", "p/bb", "p/c", "p/e", "p/f", "o", "q"} {
			if err := txn.Put([]byte(key), []byte(key)); err != nil {
				return err
			}
		}
		for _, key := range []string{"p/b", "p/f", "p/missing"} {
			if err := txn.Delete([]byte(key)); err != nil {
				return err
			}
		}
		if err := wantAll(
			wantKeys(txn, "p/", "", 100, "p/0", "p/a", "p/bb", "p/c", "p/d", "p/e"),
			wantKeys(txn, "p/", "p/a", 2, "p/bb", "p/c"), // a page is full despite what was deleted
			wantKeys(txn, "p/b", "", 100, "p/bb"),
			wantMissing(txn, "p/b"), wantMissing(txn, "p/f"), wantValue(txn, "p/c", "p/c"),
		); err != nil {
			return err
		}
		// Put after a deletion, and once more between two scans.
		if err := txn.Put([]byte("p/b"), []byte("p/b")); err != nil {
			return err
		}
		return wantKeys(txn, "p/", "p/a", 1, "p/b")
	})
	view(t, d, func(r tokenstore.Reader) error {
		return wantKeys(r, "p/", "", 100, "p/0", "p/a", "p/b", "p/bb", "p/c", "p/d", "p/e")
	})
}

func scanSizes(t *testing.T, d tokenstore.Driver) {
	longest := make([]byte, 1024)
	for i := range longest {
		longest[i] = 0xff
	}
	value := make([]byte, 100<<10)
	update(t, d, func(txn tokenstore.Txn) error {
		return wantAll(txn.Put(longest, value), txn.Put([]byte("empty"), nil))
	})
	view(t, d, func(r tokenstore.Reader) error {
		entries, err := r.Scan(nil, nil, 10)
		if err != nil {
			return err
		}
		if len(entries) != 2 || len(entries[0].Value) != 0 || len(entries[1].Value) != len(value) {
			return fmt.Errorf("scan returns %d entries", len(entries))
		}
		entries, err = r.Scan(nil, longest, 10)
		if err == nil && len(entries) != 0 {
			err = fmt.Errorf("scan after the highest key returns %q", entries[0].Key)
		}
		return err
	})
}
