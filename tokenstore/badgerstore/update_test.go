package badgerstore

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// version is Badger's version of a stored key, deletions included.
func version(t testing.TB, store *Store, stored []byte) uint64 {
	t.Helper()
	txn := store.db.NewTransaction(false)
	defer txn.Discard()
	it := txn.NewKeyIterator(stored, badger.IteratorOptions{})
	defer it.Close()
	it.Rewind()
	if !it.Valid() {
		t.Fatalf("no entry under %q", stored)
	}
	return it.Item().Version()
}

func TestUpdateReturnsExactRevision(t *testing.T) {
	store := opened(t)
	k := []byte("k")
	for name, write := range map[string]func(tokenstore.Txn) error{
		"put":      func(txn tokenstore.Txn) error { return txn.Put(k, nil) },
		"delete":   func(txn tokenstore.Txn) error { return txn.Delete(k) },
		"announce": func(txn tokenstore.Txn) error { return errors.Join(txn.Put(k, nil), txn.Announce(nil)) },
		"put and delete": func(txn tokenstore.Txn) error {
			return errors.Join(txn.Put(k, nil), txn.Put([]byte("l"), nil), txn.Delete([]byte("l")))
		},
		"put and put again": func(txn tokenstore.Txn) error { return errors.Join(txn.Put(k, nil), txn.Put(k, k)) },
	} {
		t.Run(name, func(t *testing.T) {
			// Another's commit, right after this one, must not blur what it learns.
			store.send = func(txn *badger.Txn) error {
				if err := txn.Commit(); err != nil {
					return err
				}
				return store.db.Update(func(txn *badger.Txn) error { return txn.Set([]byte{callerSpace, 'x'}, nil) })
			}
			revision, err := store.Update(t.Context(), write)
			if err != nil {
				t.Fatal(err)
			}
			if want := version(t, store, appendCallerKey(nil, k)); uint64(revision) != want {
				t.Errorf("revision is %d, Badger's version %d", revision, want)
			}
		})
	}
}

// A newer Badger, which another module of the same binary may ask for, might not
// tell the timestamp any more.
func TestCommitWithoutWitnessReturnsUpperBound(t *testing.T) {
	store := opened(t)
	txn := store.db.NewTransaction(true)
	defer txn.Discard()
	if err := txn.Set([]byte("\x01k"), nil); err != nil {
		t.Fatal(err)
	}
	revision, conflict, err := store.commit(txn, badger.NewEntry([]byte("not of the transaction"), nil))
	if err != nil || conflict {
		t.Fatalf("commit: %v, %v", conflict, err)
	}
	if want := version(t, store, []byte("\x01k")); uint64(revision) < want {
		t.Errorf("revision is %d, below Badger's version %d", revision, want)
	}
}

func TestEveryCommitLeavesALiveEntry(t *testing.T) {
	directory := t.TempDir()
	store := openedIn(t, Options{Directory: directory})
	putOne(t, store, "k", "v")
	var last tokenstore.Revision
	for range 3 {
		revision, err := store.Update(t.Context(), func(txn tokenstore.Txn) error { return txn.Delete([]byte("k")) })
		if err != nil {
			t.Fatal(err)
		}
		last = revision
	}
	if got := version(t, store, markKey); got != uint64(last) {
		t.Errorf("the mark is at %d, the last deletion at %d", got, last)
	}
}

func TestUnknownOutcomeStopsWriting(t *testing.T) {
	directory := t.TempDir()
	store := openedIn(t, Options{Directory: directory})
	putOne(t, store, "k", "before")
	cause := errors.New("no space left on device")
	runs := 0
	write := func(txn tokenstore.Txn) error { runs++; return txn.Put([]byte("k"), []byte("after")) }

	store.send = func(*badger.Txn) error { return cause }
	if _, err := store.Update(t.Context(), write); !errors.Is(err, tokenstore.ErrOutcomeUnknown) || !errors.Is(err, cause) || runs != 1 {
		t.Errorf("update returns %v after %d runs, want ErrOutcomeUnknown with its cause after one", err, runs)
	}

	// The disk is well again, but what readers see may not be what it holds.
	store.send = (*badger.Txn).Commit
	for name, fn := range map[string]func(tokenstore.Txn) error{
		"a write":             write,
		"finding it all done": func(tokenstore.Txn) error { return nil },
	} {
		if _, err := store.Update(t.Context(), fn); !errors.Is(err, ErrFailed) || errors.Is(err, tokenstore.ErrOutcomeUnknown) {
			t.Errorf("%s: update returns %v, want ErrFailed", name, err)
		}
	}
	if runs != 1 {
		t.Errorf("the function ran %d times, want not again", runs)
	}
	if value, err := getOne(t, store, "k"); value != "before" {
		t.Errorf("get returns %q, %v; reading should go on", value, err)
	}
	closeStore(t, store)

	store = openedIn(t, Options{Directory: directory})
	putOne(t, store, "k", "again")
}

func TestUnknownOutcomeStopsPruning(t *testing.T) {
	store := opened(t)
	announceOne := func(txn tokenstore.Txn) error { return txn.Announce([]byte("m")) }
	if _, err := store.Update(t.Context(), announceOne); err != nil {
		t.Fatal(err)
	}
	store.send = func(*badger.Txn) error { return errors.New("lost") }
	if err := store.PruneChanges(t.Context(), math.MaxUint64); !errors.Is(err, tokenstore.ErrOutcomeUnknown) {
		t.Errorf("prune returns %v, want ErrOutcomeUnknown", err)
	}
	if err := store.PruneChanges(t.Context(), math.MaxUint64); !errors.Is(err, ErrFailed) {
		t.Errorf("prune returns %v, want ErrFailed", err)
	}
}

func TestConflictsAreBounded(t *testing.T) {
	store := opened(t)
	var pauses []int
	store.pause = func(_ context.Context, try int) error { pauses = append(pauses, try); return nil }
	sends := 0
	store.send = func(*badger.Txn) error { sends++; return badger.ErrConflict }
	_, err := store.Update(t.Context(), func(txn tokenstore.Txn) error { return txn.Put([]byte("k"), nil) })
	if !errors.Is(err, tokenstore.ErrConflict) || sends != maxTries || len(pauses) != maxTries-1 {
		t.Errorf("update returns %v after %d tries and %d pauses", err, sends, len(pauses))
	}
	for i, try := range pauses {
		if try != i+1 {
			t.Fatalf("pauses come after tries %v", pauses)
		}
	}
}

func TestPause(t *testing.T) {
	last := firstPause
	for try := 1; try <= maxTries; try++ {
		bound := pauseBound(try)
		if bound < last || bound > longestPause {
			t.Errorf("after try %d the pause is up to %v, after the one before up to %v", try, bound, last)
		}
		last = bound
	}
	if last != longestPause {
		t.Errorf("the last pause is up to %v, want %v", last, longestPause)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pauseAfterConflict(ctx, maxTries); !errors.Is(err, context.Canceled) {
		t.Errorf("a pause whose context is done returns %v", err)
	}
	if err := pauseAfterConflict(t.Context(), 1); err != nil {
		t.Errorf("a pause returns %v", err)
	}
}
