package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var closeTests = []driverTest{
	{"is idempotent and ends everything", on(closeEnds)},
	{"waits for a view, which reads on", on(closeWaitsForView)},
	{"waits for an update, which commits", closeWaitsForUpdate},
	{"while everything runs", on(closeUnderLoad)},
	{"data, revisions and feed stand after opening again", reopenKeeps},
	{"revisions grow although the last commits only deleted", reopenGrows},
}

func nothing(tokenstore.Reader) error { return nil }

// operations are one of each kind.
func operations(ctx context.Context, d tokenstore.Driver) map[string]error {
	_, updateErr := d.Update(ctx, func(txn tokenstore.Txn) error { return txn.Put([]byte("late"), nil) })
	_, changesErr := d.Changes(ctx, 0, 1)
	return map[string]error{
		"view":    d.View(ctx, nothing),
		"update":  updateErr,
		"changes": changesErr,
		"prune":   d.PruneChanges(ctx, 1),
	}
}

func closeEnds(t *testing.T, d tokenstore.Driver) {
	put(t, d, "k", "v")
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if err := d.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			for name, err := range operations(t.Context(), d) {
				if !errors.Is(err, tokenstore.ErrClosed) {
					t.Errorf("%s after close returns %v, want ErrClosed", name, err)
				}
			}
		})
	}
	group.Wait()
}

// closing starts Close and returns once the store refuses operations, with a
// channel that tells of Close's end.
func closing(t testing.TB, d tokenstore.Driver) <-chan error {
	done := make(chan error, 1)
	go func() { done <- d.Close() }()
	for {
		switch err := d.View(t.Context(), nothing); {
		case errors.Is(err, tokenstore.ErrClosed):
			return done
		case err != nil:
			t.Fatalf("view while closing: %v", err)
		}
		runtime.Gosched()
	}
}

func stillOpen(t testing.TB, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		t.Errorf("close returned %v while an operation runs", err)
	default:
	}
}

func closeWaitsForView(t *testing.T, d tokenstore.Driver) {
	large := string(make([]byte, 64<<10))
	var pairs []string
	for i := range 20 {
		pairs = append(pairs, fmt.Sprintf("large/%02d", i), large)
	}
	put(t, d, pairs...)
	var done <-chan error
	view(t, d, func(r tokenstore.Reader) error {
		done = closing(t, d)
		for name, err := range operations(t.Context(), d) { // inside, where waiting would deadlock
			if !errors.Is(err, tokenstore.ErrClosed) {
				t.Errorf("%s while closing returns %v, want ErrClosed", name, err)
			}
		}
		entries, err := r.Scan([]byte("large/"), nil, 100)
		if err == nil && len(entries) != 20 {
			err = fmt.Errorf("scan while closing returns %d entries", len(entries))
		}
		stillOpen(t, done)
		return wantAll(err, wantValue(r, "large/07", large))
	})
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func closeWaitsForUpdate(t *testing.T, f Factory) {
	location := f.location(t)
	d := f.open(t, location)
	var done <-chan error
	revision := update(t, d, func(txn tokenstore.Txn) error {
		done = closing(t, d)
		stillOpen(t, done)
		return wantAll(txn.Put([]byte("k"), []byte("v")), txn.Announce([]byte("m")))
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	d = f.open(t, location)
	view(t, d, func(r tokenstore.Reader) error { return wantValue(r, "k", "v") })
	if got, want := render(feed(t, d, 0, 10)), render([]tokenstore.Change{change(revision, "m")}); got != want {
		t.Errorf("feed is %s, want %s", got, want)
	}
}

func closeUnderLoad(t *testing.T, d tokenstore.Driver) {
	for i := range 50 {
		put(t, d, fmt.Sprintf("k/%02d", i), string(make([]byte, 8<<10)))
	}
	started := make(chan struct{}, 64)
	loop := func(operation func() error) {
		for first := true; ; first = false {
			err := operation()
			if errors.Is(err, tokenstore.ErrClosed) {
				return
			}
			if err != nil {
				t.Errorf("operation beside close: %v", err)
				return
			}
			if first {
				started <- struct{}{}
			}
		}
	}
	kinds := []func() error{
		func() error {
			return d.View(t.Context(), func(r tokenstore.Reader) error {
				entries, err := r.Scan([]byte("k/"), nil, 100)
				if err == nil && len(entries) != 50 {
					err = fmt.Errorf("scan returns %d entries", len(entries))
				}
				return err
			})
		},
		func() error {
			return d.View(t.Context(), func(r tokenstore.Reader) error { _, err := r.Get([]byte("k/07")); return err })
		},
		func() error {
			_, err := d.Update(t.Context(), func(txn tokenstore.Txn) error {
				return wantAll(txn.Put([]byte("w"), nil), txn.Announce([]byte("m")))
			})
			return err
		},
		func() error {
			at := tokenstore.Revision(0)
			err := d.View(t.Context(), func(r tokenstore.Reader) error { at = r.Revision(); return nil })
			if err == nil {
				_, err = d.Changes(t.Context(), at, 10)
			}
			if errors.Is(err, tokenstore.ErrFeedTruncated) { // by the loop below
				err = nil
			}
			return err
		},
		func() error { return d.PruneChanges(t.Context(), 1<<62) },
	}
	var group sync.WaitGroup
	for _, kind := range kinds {
		for range 2 {
			group.Go(func() { loop(kind) })
		}
	}
	for range 2 * len(kinds) {
		<-started
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	group.Wait()
}

func reopenKeeps(t *testing.T, f Factory) {
	location := f.location(t)
	var all []tokenstore.Change
	last := tokenstore.Revision(0)
	for round := range 3 {
		d := f.open(t, location)
		at := view(t, d, func(r tokenstore.Reader) error {
			for i := range round {
				if err := wantValue(r, fmt.Sprint("round/", i), "kept"); err != nil {
					return err
				}
			}
			return wantMissing(r, "gone")
		})
		if at < last {
			t.Errorf("snapshot after opening again is at %d, the last commit was at %d", at, last)
		}
		if got := render(feed(t, d, 0, 2)); got != render(all) {
			t.Errorf("feed is %s, want %s", got, render(all))
		}
		put(t, d, "gone", "x", fmt.Sprint("round/", round), "kept")
		update(t, d, func(txn tokenstore.Txn) error { return txn.Delete([]byte("gone")) })
		last = announce(t, d, "round", fmt.Sprint(round))
		all = append(all, change(last, "round", fmt.Sprint(round)))
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func reopenGrows(t *testing.T, f Factory) {
	location := f.location(t)
	last := tokenstore.Revision(0)
	for range 4 {
		d := f.open(t, location)
		if f.Maintain != nil { // a compaction forgets deletions
			if err := f.Maintain(d); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			d = f.open(t, location)
		}
		if at := view(t, d, nothing); at < last {
			t.Errorf("snapshot after opening again is at %d, the last commit was at %d", at, last)
		}
		put(t, d, "k", "v")
		for range 3 {
			revision := update(t, d, func(txn tokenstore.Txn) error { return txn.Delete([]byte("k")) })
			if revision <= last {
				t.Errorf("commit at %d comes after one at %d", revision, last)
			}
			last = revision
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
