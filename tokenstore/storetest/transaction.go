package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var transactionTests = []driverTest{
	{"a snapshot doesn't change", on(snapshotStands)},
	{"an update reads its own snapshot and writes", on(ownWrites)},
	{"revisions tell what a snapshot holds", on(revisionsTell)},
	{"an error of the function is returned unchanged and nothing is written", on(functionFails)},
	{"a panic of the function writes nothing", on(functionPanics)},
	{"a context that is done stops it", on(contextDone)},
	{"too large a transaction writes nothing", on(tooLarge)},
}

func snapshotStands(t *testing.T, d tokenstore.Driver) {
	put(t, d, "k", "old", "gone", "gone")
	revision := view(t, d, func(r tokenstore.Reader) error {
		update(t, d, func(txn tokenstore.Txn) error {
			return wantAll(txn.Put([]byte("k"), []byte("new")), txn.Put([]byte("fresh"), nil), txn.Delete([]byte("gone")))
		})
		return wantAll(wantValue(r, "k", "old"), wantMissing(r, "fresh"), wantKeys(r, "g", "", 10, "gone"))
	})
	later := view(t, d, func(r tokenstore.Reader) error {
		return wantAll(wantValue(r, "k", "new"), wantValue(r, "fresh", ""), wantMissing(r, "gone"), wantKeys(r, "g", "", 10))
	})
	if later <= revision {
		t.Errorf("a later snapshot has revision %d, the earlier one had %d", later, revision)
	}
}

func ownWrites(t *testing.T, d tokenstore.Driver) {
	put(t, d, "k", "1", "gone", "x")
	update(t, d, func(txn tokenstore.Txn) error {
		return wantAll(
			wantValue(txn, "k", "1"),
			txn.Put([]byte("k"), []byte("2")), wantValue(txn, "k", "2"),
			txn.Put([]byte("k"), []byte("3")), wantValue(txn, "k", "3"),
			txn.Delete([]byte("gone")), wantMissing(txn, "gone"),
			txn.Delete([]byte("k")), wantMissing(txn, "k"),
			txn.Put([]byte("k"), []byte("4")), wantValue(txn, "k", "4"),
		)
	})
	view(t, d, func(r tokenstore.Reader) error { return wantAll(wantValue(r, "k", "4"), wantMissing(r, "gone")) })
}

func revisionsTell(t *testing.T, d tokenstore.Driver) {
	last := view(t, d, func(tokenstore.Reader) error { return nil })
	writes := []func(tokenstore.Txn) error{
		func(txn tokenstore.Txn) error { return txn.Put([]byte("a"), []byte("1")) },
		func(txn tokenstore.Txn) error { return txn.Delete([]byte("a")) },
		func(txn tokenstore.Txn) error { return txn.Delete([]byte("missing")) },
		func(txn tokenstore.Txn) error { return txn.Announce([]byte("m")) },
		func(txn tokenstore.Txn) error {
			return wantAll(txn.Put([]byte("b"), nil), txn.Delete([]byte("b")), txn.Announce(nil))
		},
		func(txn tokenstore.Txn) error {
			return wantAll(txn.Put([]byte("c"), nil), txn.Put([]byte("d"), nil), txn.Delete([]byte("d")))
		},
	}
	for i, write := range writes {
		var snapshot tokenstore.Revision
		revision := update(t, d, func(txn tokenstore.Txn) error {
			snapshot = txn.Revision()
			return write(txn)
		})
		if snapshot < last || revision <= snapshot {
			t.Errorf("write %d: snapshot at %d, commit at %d, after %d", i, snapshot, revision, last)
		}
		last = view(t, d, func(tokenstore.Reader) error { return nil })
		if last < revision {
			t.Errorf("write %d: commit at %d is not in a later snapshot at %d", i, revision, last)
		}
	}
	var snapshot tokenstore.Revision
	revision := update(t, d, func(txn tokenstore.Txn) error {
		snapshot = txn.Revision()
		return wantMissing(txn, "a")
	})
	if revision != snapshot || revision < last {
		t.Errorf("a transaction without writes returns revision %d, its snapshot has %d, the last one %d", revision, snapshot, last)
	}
}

func functionFails(t *testing.T, d tokenstore.Driver) {
	failure := fmt.Errorf("of the function")
	put(t, d, "k", "old")
	runs := 0
	_, err := d.Update(t.Context(), func(txn tokenstore.Txn) error {
		runs++
		return wantAll(txn.Put([]byte("k"), []byte("new")), txn.Put([]byte("fresh"), nil),
			txn.Announce([]byte("m")), failure)
	})
	if err != failure || runs != 1 {
		t.Errorf("update returns %v after %d runs, want the function's own error after one", err, runs)
	}
	if err := d.View(t.Context(), func(tokenstore.Reader) error { return failure }); err != failure {
		t.Errorf("view returns %v, want the function's own error", err)
	}
	view(t, d, func(r tokenstore.Reader) error { return wantAll(wantValue(r, "k", "old"), wantMissing(r, "fresh")) })
	if got := feed(t, d, 0, 10); len(got) != 0 {
		t.Errorf("feed holds %s of a transaction that failed", render(got))
	}
	// Errors that a driver uses itself are no reason to run the function again.
	for _, own := range []error{tokenstore.ErrConflict, tokenstore.ErrNotFound} {
		runs = 0
		_, err := d.Update(t.Context(), func(tokenstore.Txn) error { runs++; return own })
		if err != own || runs != 1 {
			t.Errorf("update returns %v after %d runs, want %v after one", err, runs, own)
		}
	}
}

func functionPanics(t *testing.T, d tokenstore.Driver) {
	for _, run := range []func(){
		func() {
			_, _ = d.Update(t.Context(), func(txn tokenstore.Txn) error {
				_ = txn.Put([]byte("k"), nil)
				panic("of the function")
			})
		},
		func() { _ = d.View(t.Context(), func(tokenstore.Reader) error { panic("of the function") }) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is swallowed")
				}
			}()
			run()
		}()
	}
	view(t, d, func(r tokenstore.Reader) error { return wantMissing(r, "k") })
	if err := d.Close(); err != nil { // would wait for ever if the panic left something open
		t.Error(err)
	}
}

func contextDone(t *testing.T, d tokenstore.Driver) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ran := func() error { t.Error("the function runs although the context is done"); return nil }
	_, updateErr := d.Update(ctx, func(tokenstore.Txn) error { return ran() })
	_, changesErr := d.Changes(ctx, 0, 1)
	for name, err := range map[string]error{
		"view":    d.View(ctx, func(tokenstore.Reader) error { return ran() }),
		"update":  updateErr,
		"changes": changesErr,
		"prune":   d.PruneChanges(ctx, 1),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s returns %v, want context.Canceled", name, err)
		}
	}

	// Between two runs: the first loses, the second never begins.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	runs := 0
	_, err := d.Update(ctx, func(txn tokenstore.Txn) error {
		runs++
		if _, err := txn.Get([]byte("k")); !errors.Is(err, tokenstore.ErrNotFound) {
			return err
		}
		put(t, d, "k", "of another")
		cancel()
		return txn.Put([]byte("k"), []byte("lost"))
	})
	if !errors.Is(err, context.Canceled) || runs != 1 {
		t.Errorf("update returns %v after %d runs, want context.Canceled after one", err, runs)
	}
	view(t, d, func(r tokenstore.Reader) error { return wantValue(r, "k", "of another") })
}

func tooLarge(t *testing.T, d tokenstore.Driver) {
	put(t, d, "k", "old")
	for _, test := range []struct {
		name        string
		count, size int
	}{
		{"many small values", 1 << 20, 64},
		{"some large values", 64, 1 << 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			value := make([]byte, test.size)
			runs := 0
			_, err := d.Update(t.Context(), func(txn tokenstore.Txn) error {
				runs++
				if err := wantAll(txn.Put([]byte("k"), []byte("new")), txn.Announce([]byte("m"))); err != nil {
					return err
				}
				for i := range test.count {
					if err := txn.Put(fmt.Appendf(nil, "large/%08d", i), value); err != nil {
						return err
					}
				}
				return nil
			})
			if !errors.Is(err, tokenstore.ErrTooLarge) || runs != 1 {
				t.Errorf("update returns %v after %d runs, want ErrTooLarge after one", err, runs)
			}
		})
	}
	view(t, d, func(r tokenstore.Reader) error {
		return wantAll(wantValue(r, "k", "old"), wantKeys(r, "large/", "", 1))
	})
	if got := feed(t, d, 0, 10); len(got) != 0 {
		t.Errorf("feed holds %s of a transaction that was too large", render(got))
	}
}
