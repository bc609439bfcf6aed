package storetest

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var pruneTests = []driverTest{
	{"drops what is below and keeps what is above", pruneMiddle},
	{"is idempotent and takes any revision", on(pruneAgain)},
	{"a follower beside it never sees a gap", on(pruneFollowed)},
	{"many entries", on(pruneMany)},
}

// wantTruncated demands that the feed after a revision is gone.
func wantTruncated(t testing.TB, d tokenstore.Driver, after tokenstore.Revision) {
	t.Helper()
	if page, err := d.Changes(t.Context(), after, 10); !errors.Is(err, tokenstore.ErrFeedTruncated) {
		t.Errorf("changes after %d: %s, %v; want ErrFeedTruncated", after, render(page.Changes), err)
	}
}

func prune(t testing.TB, d tokenstore.Driver, through tokenstore.Revision) {
	t.Helper()
	if err := d.PruneChanges(t.Context(), through); err != nil {
		t.Fatalf("pruning: %v", err)
	}
}

// announced commits so many announcements and returns them.
func announced(t testing.TB, d tokenstore.Driver, count int) []tokenstore.Change {
	t.Helper()
	var changes []tokenstore.Change
	for i := range count {
		message := fmt.Sprint("m", i)
		changes = append(changes, change(announce(t, d, message), message))
	}
	return changes
}

func pruneMiddle(t *testing.T, f Factory) {
	location := f.location(t)
	d := f.open(t, location)
	put(t, d, "k", "kept")
	all := announced(t, d, 6)
	check := func(d tokenstore.Driver) {
		t.Helper()
		for _, after := range []tokenstore.Revision{0, all[0].Revision, all[2].Revision - 1} {
			wantTruncated(t, d, after)
		}
		for i := 2; i < len(all); i++ {
			if got := render(feed(t, d, all[i].Revision, 2)); got != render(all[i+1:]) {
				t.Errorf("after %d the feed is %s, want %s", all[i].Revision, got, render(all[i+1:]))
			}
		}
		view(t, d, func(r tokenstore.Reader) error { return wantValue(r, "k", "kept") })
	}
	prune(t, d, all[2].Revision)
	check(d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	check(f.open(t, location))
}

func pruneAgain(t *testing.T, d tokenstore.Driver) {
	prune(t, d, 0)
	prune(t, d, math.MaxUint64) // an empty feed
	all := announced(t, d, 5)
	prune(t, d, all[3].Revision)
	for _, through := range []tokenstore.Revision{all[3].Revision, all[1].Revision, 0} {
		prune(t, d, through)
		wantTruncated(t, d, all[2].Revision)
		if got := render(feed(t, d, all[3].Revision, 10)); got != render(all[4:]) {
			t.Errorf("feed is %s, want %s", got, render(all[4:]))
		}
	}
	// What comes after a prune of everything can be followed.
	prune(t, d, math.MaxUint64)
	wantTruncated(t, d, all[3].Revision)
	last := view(t, d, func(tokenstore.Reader) error { return nil })
	if got := feed(t, d, last, 10); len(got) != 0 {
		t.Errorf("feed is %s, want none", render(got))
	}
	more := announced(t, d, 2)
	if got := render(feed(t, d, last, 10)); got != render(more) {
		t.Errorf("feed is %s, want %s", got, render(more))
	}
}

func pruneFollowed(t *testing.T, d tokenstore.Driver) {
	all := announced(t, d, 80)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, c := range all[:len(all)-1] {
			if err := d.PruneChanges(t.Context(), c.Revision); err != nil {
				t.Error(err)
			}
		}
	}()
	for i, running := 0, true; running; i++ {
		select {
		case <-done:
			running = false
		default:
		}
		from := i % len(all)
		changes, _, err := follow(t.Context(), d, all[from].Revision, 1000)
		switch {
		case errors.Is(err, tokenstore.ErrFeedTruncated):
		case err != nil:
			t.Error(err)
		case render(changes) != render(all[from+1:]):
			t.Errorf("after %d the feed is %s, want %s", all[from].Revision, render(changes), render(all[from+1:]))
		}
	}
}

func pruneMany(t *testing.T, d tokenstore.Driver) {
	const writers, each = 8, 300
	var group sync.WaitGroup
	for writer := range writers {
		group.Go(func() {
			for range each {
				_, err := d.Update(t.Context(), func(txn tokenstore.Txn) error {
					return txn.Announce(fmt.Append(nil, writer))
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	all := feed(t, d, 0, 1000)
	if len(all) != writers*each {
		t.Fatalf("feed has %d commits, want %d", len(all), writers*each)
	}
	cut := len(all) - 10
	prune(t, d, all[cut-1].Revision)
	wantTruncated(t, d, all[cut-2].Revision)
	if got := render(feed(t, d, all[cut-1].Revision, 3)); got != render(all[cut:]) {
		t.Errorf("feed is %s, want %s", got, render(all[cut:]))
	}
}
