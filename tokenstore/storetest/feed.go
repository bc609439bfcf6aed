package storetest

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var feedTests = []driverTest{
	{"an empty feed is complete through the snapshot", on(feedEmpty)},
	{"commits and messages come in order, in pages of any size", on(feedOrder)},
	{"a commit that began first and ended last comes last", on(feedLate)},
	{"a revision that the store has not reached is truncated", on(feedAhead)},
	{"limit must be positive", on(func(t *testing.T, d tokenstore.Driver) {
		for _, limit := range []int{0, -1} {
			if _, err := d.Changes(t.Context(), 0, limit); err == nil {
				t.Errorf("limit %d is not refused", limit)
			}
		}
	})},
	{"followers of parallel writers miss nothing", on(feedParallel)},
}

func feedEmpty(t *testing.T, d tokenstore.Driver) {
	put(t, d, "silent", "commit")
	snapshot := view(t, d, func(tokenstore.Reader) error { return nil })
	page, err := d.Changes(t.Context(), 0, 10)
	if err != nil || len(page.Changes) != 0 || page.Through != snapshot {
		t.Errorf("page is %s through %d, %v; want none, through %d", render(page.Changes), page.Through, err, snapshot)
	}
}

func feedOrder(t *testing.T, d tokenstore.Driver) {
	var want []tokenstore.Change
	for i := range 7 {
		messages := []string{fmt.Sprint(i, " z"), "", fmt.Sprint(i, " a"), strings.Repeat("long", 3000)}[:1+i%4]
		want = append(want, change(announce(t, d, messages...), messages...))
		put(t, d, "silent", fmt.Sprint(i))
	}
	for _, limit := range []int{1, 2, 3, 6, 7, 8, 1 << 20, math.MaxInt} {
		if got := render(feed(t, d, 0, limit)); got != render(want) {
			t.Errorf("with limit %d the feed is %s, want %s", limit, got, render(want))
		}
	}
	for i, c := range want {
		if got := render(feed(t, d, c.Revision, 2)); got != render(want[i+1:]) {
			t.Errorf("after %d the feed is %s, want %s", c.Revision, got, render(want[i+1:]))
		}
		if got := render(feed(t, d, c.Revision-1, 2)); got != render(want[i:]) {
			t.Errorf("after %d the feed is %s, want %s", c.Revision-1, got, render(want[i:]))
		}
	}
	snapshot := view(t, d, func(tokenstore.Reader) error { return nil })
	page, err := d.Changes(t.Context(), 0, 100)
	if err != nil || page.Through != snapshot {
		t.Errorf("the last page ends at %d, %v; want the snapshot's revision %d", page.Through, err, snapshot)
	}
}

func feedLate(t *testing.T, d tokenstore.Driver) {
	var inner []tokenstore.Revision
	outer := update(t, d, func(txn tokenstore.Txn) error {
		if err := txn.Announce([]byte("outer")); err != nil {
			return err
		}
		for range 3 {
			inner = append(inner, announce(t, d, "inner"))
		}
		// Who follows meanwhile and goes on from there must still see the outer one.
		if got := feed(t, d, 0, 1); len(got) != len(inner) {
			return fmt.Errorf("feed is %s while the outer transaction runs", render(got))
		}
		return nil
	})
	var want []tokenstore.Change
	for _, revision := range inner {
		want = append(want, change(revision, "inner"))
	}
	want = append(want, change(outer, "outer"))
	for after := range want {
		from := tokenstore.Revision(0)
		if after > 0 {
			from = want[after-1].Revision
		}
		if got := render(feed(t, d, from, 1)); got != render(want[after:]) {
			t.Errorf("after %d the feed is %s, want %s", from, got, render(want[after:]))
		}
	}
}

func feedAhead(t *testing.T, d tokenstore.Driver) {
	last := announce(t, d, "m")
	for _, after := range []tokenstore.Revision{last + 1000, math.MaxUint64} {
		if page, err := d.Changes(t.Context(), after, 10); !errors.Is(err, tokenstore.ErrFeedTruncated) {
			t.Errorf("changes after %d: %v, %v; want ErrFeedTruncated", after, page, err)
		}
	}
}

// feedParallel has writers that each count up, in a record and in the feed, and
// followers that begin at some snapshot: what its records say and what the feed
// after it says must join without a gap or an overlap.
func feedParallel(t *testing.T, d tokenstore.Driver) {
	const writers, each, followers = 6, 40, 3
	var writing, following sync.WaitGroup
	var revisions sync.Map // of each message, as the writer learnt it
	for writer := range writers {
		writing.Go(func() {
			head := fmt.Sprintf("head/%d", writer)
			for i := 1; i <= each; i++ {
				message := fmt.Sprint(writer, i)
				revision, err := insist(t.Context(), d, func(txn tokenstore.Txn) error {
					return wantAll(putNumber(txn, head, i), txn.Announce([]byte(message)))
				})
				if err != nil {
					t.Error(err)
					return
				}
				revisions.Store(message, revision)
			}
		})
	}
	var written atomic.Bool
	for range followers {
		following.Go(func() {
			seen := make([]int, writers)
			var at tokenstore.Revision
			err := d.View(t.Context(), func(r tokenstore.Reader) error {
				at = r.Revision()
				for writer := range seen {
					n, err := number(r, fmt.Sprintf("head/%d", writer))
					if err != nil {
						return err
					}
					seen[writer] = n
				}
				return nil
			})
			if err != nil {
				t.Error(err)
				return
			}
			for last := false; !last; runtime.Gosched() {
				last = written.Load() // once more after the last commit
				changes, through, err := follow(t.Context(), d, at, 5)
				if err != nil {
					t.Error(err)
					return
				}
				at = through
				for _, c := range changes {
					var writer, i int
					if _, err := fmt.Sscanf(string(c.Messages[0]), "%d %d", &writer, &i); err != nil || i != seen[writer]+1 {
						t.Errorf("revision %d announces %q, want number %d of that writer", c.Revision, c.Messages, seen[writer]+1)
						return
					}
					seen[writer] = i
				}
			}
			for writer, n := range seen {
				if n != each {
					t.Errorf("writer %d is followed up to %d of %d", writer, n, each)
				}
			}
		})
	}
	writing.Wait()
	written.Store(true)
	following.Wait()
	for _, c := range feed(t, d, 0, 1000) {
		if revision, _ := revisions.Load(string(c.Messages[0])); revision != c.Revision {
			t.Errorf("%q is at %d in the feed, but its writer was told %v", c.Messages, c.Revision, revision)
		}
	}
}
