package storetest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var valueTests = []driverTest{
	{"an empty store has nothing", on(func(t *testing.T, d tokenstore.Driver) {
		view(t, d, func(r tokenstore.Reader) error {
			return wantAll(wantMissing(r, "a"), wantKeys(r, "", "", 10))
		})
	})},
	{"put, overwrite, delete, put again", on(putDelete)},
	{"keys and values of every size and byte", on(sizes)},
	{"keys and values out of bounds are refused", on(outOfBounds)},
	{"slices that go in may be used again", on(slicesIn)},
	{"slices that come out belong to the caller", on(slicesOut)},
	{"a reader is of no use outside its function", on(outside)},
}

func putDelete(t *testing.T, d tokenstore.Driver) {
	remove := func(key string) {
		update(t, d, func(txn tokenstore.Txn) error { return txn.Delete([]byte(key)) })
	}
	want := func(err func(tokenstore.Reader) error) { t.Helper(); view(t, d, err) }

	put(t, d, "k", "1", "other", "x")
	want(func(r tokenstore.Reader) error { return wantValue(r, "k", "1") })
	put(t, d, "k", "2")
	want(func(r tokenstore.Reader) error { return wantValue(r, "k", "2") })
	remove("k")
	remove("k") // a missing key is no error
	want(func(r tokenstore.Reader) error {
		return wantAll(wantMissing(r, "k"), wantValue(r, "other", "x"))
	})
	put(t, d, "k", "3")
	want(func(r tokenstore.Reader) error { return wantValue(r, "k", "3") })
}

func sizes(t *testing.T, d tokenstore.Driver) {
	pairs := []string{
		"empty value", "",
		"\x00", "NUL",
		"\xff", "highest byte",
		"!badger!txn", "looks like a driver's own", // Badger refuses this prefix
		strings.Repeat("k", 1024), "longest key",
		"4 KiB", strings.Repeat("v", 4<<10),
		"1 MiB", strings.Repeat("w", 1<<20),
	}
	put(t, d, pairs...)
	view(t, d, func(r tokenstore.Reader) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := wantValue(r, pairs[i], pairs[i+1]); err != nil {
				return err
			}
		}
		return nil
	})
}

func outOfBounds(t *testing.T, d tokenstore.Driver) {
	long := bytes.Repeat([]byte("k"), 1025)
	for _, test := range []struct {
		name string
		do   func(tokenstore.Txn) error
	}{
		{"put under an empty key", func(txn tokenstore.Txn) error { return txn.Put(nil, []byte("v")) }},
		{"put under a long key", func(txn tokenstore.Txn) error { return txn.Put(long, []byte("v")) }},
		{"put of a large value", func(txn tokenstore.Txn) error { return txn.Put([]byte("v"), make([]byte, 1<<20+1)) }},
		{"delete of an empty key", func(txn tokenstore.Txn) error { return txn.Delete(nil) }},
		{"delete of a long key", func(txn tokenstore.Txn) error { return txn.Delete(long) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := d.Update(t.Context(), func(txn tokenstore.Txn) error {
				if err := txn.Put([]byte("beside"), []byte("x")); err != nil {
					return err
				}
				if test.do(txn) == nil {
					t.Error("the call is not refused")
				}
				return nil // overlooks the error
			})
			if err == nil {
				t.Error("the transaction was committed although a write was refused")
			}
			view(t, d, func(r tokenstore.Reader) error { return wantMissing(r, "beside") })
		})
	}
	view(t, d, func(r tokenstore.Reader) error {
		for _, key := range [][]byte{nil, {}, long} {
			if _, err := r.Get(key); err == nil || errors.Is(err, tokenstore.ErrNotFound) {
				t.Errorf("get of a key of %d bytes: %v, want another error", len(key), err)
			}
		}
		for _, limit := range []int{0, -1} {
			if _, err := r.Scan([]byte("a"), nil, limit); err == nil {
				t.Errorf("scan with limit %d is not refused", limit)
			}
		}
		return nil
	})
}

func slicesIn(t *testing.T, d tokenstore.Driver) {
	before := tokenstore.Revision(0)
	update(t, d, func(txn tokenstore.Txn) error {
		key, value, message, gone := []byte("key"), []byte("value"), []byte("message"), []byte("gone")
		if err := wantAll(txn.Put(gone, value), txn.Put(key, value), txn.Announce(message), txn.Delete(gone)); err != nil {
			return err
		}
		for _, slice := range [][]byte{key, value, message, gone} {
			copy(slice, "~~~~~~~")
		}
		return wantAll(wantValue(txn, "key", "value"), wantMissing(txn, "gone"))
	})
	view(t, d, func(r tokenstore.Reader) error {
		return wantAll(wantValue(r, "key", "value"), wantMissing(r, "gone"), wantMissing(r, "~~~"))
	})
	if got := feed(t, d, before, 10); len(got) != 1 || string(got[0].Messages[0]) != "message" {
		t.Errorf("feed is %s, want the message as it was announced", render(got))
	}
}

func slicesOut(t *testing.T, d tokenstore.Driver) {
	put(t, d, "key", "value", "large", strings.Repeat("l", 64<<10))
	var kept [][]byte
	spoil := func(r tokenstore.Reader) error {
		for range 2 { // the second round reads what the first may have spoilt
			for _, key := range []string{"key", "large"} {
				value, err := r.Get([]byte(key))
				if err != nil {
					return err
				}
				if value[0] == 'X' {
					t.Errorf("value of %q was changed through a slice that was read", key)
				}
				value[0] = 'X'
				kept = append(kept, append(value, "more"...))
			}
			entries, err := r.Scan(nil, nil, 10)
			if err != nil {
				return err
			}
			for _, entry := range entries {
				if entry.Key[0] == 'X' || entry.Value[0] == 'X' {
					t.Errorf("entry %q was changed through a slice that was read", entry.Key)
				}
				entry.Key[0], entry.Value[0] = 'X', 'X'
				_ = append(entry.Key, "more"...)
			}
		}
		return nil
	}
	view(t, d, spoil)
	update(t, d, func(txn tokenstore.Txn) error {
		if err := txn.Put([]byte("key"), []byte("value")); err != nil {
			return err
		}
		return spoil(txn)
	})
	want := render([]tokenstore.Change{change(announce(t, d, "one", "two"), "one", "two")})
	for range 2 {
		got := feed(t, d, 0, 10)
		if render(got) != want {
			t.Errorf("feed is %s, want %s: it was changed through a slice that was read", render(got), want)
		}
		if len(got) == 1 {
			first := got[0].Messages[0]
			first[0] = 'X'
			_ = append(first, "more than there is room for"...)
			if second := string(got[0].Messages[1]); second != "two" {
				t.Errorf("the second message is %q after the first was changed", second)
			}
		}
	}
	put(t, d, "key", "other", "large", "other")
	for _, value := range kept {
		if value[0] != 'X' || !bytes.HasSuffix(value, []byte("more")) {
			t.Errorf("a slice that was read has changed to %.20q", value)
		}
	}
	view(t, d, func(r tokenstore.Reader) error { return wantValue(r, "key", "other") })
}

func outside(t *testing.T, d tokenstore.Driver) {
	put(t, d, "k", "v")
	var reader tokenstore.Reader
	view(t, d, func(r tokenstore.Reader) error { reader = r; return nil })
	var txn tokenstore.Txn
	update(t, d, func(t tokenstore.Txn) error { txn = t; return nil })
	for _, r := range []tokenstore.Reader{reader, txn} {
		if _, err := r.Get([]byte("k")); err == nil {
			t.Error("get works outside the function")
		}
		if _, err := r.Scan(nil, nil, 1); err == nil {
			t.Error("scan works outside the function")
		}
	}
	for name, err := range map[string]error{
		"put":      txn.Put([]byte("k"), nil),
		"delete":   txn.Delete([]byte("k")),
		"announce": txn.Announce(nil),
	} {
		if err == nil {
			t.Errorf("%s works outside the function", name)
		}
	}
}
