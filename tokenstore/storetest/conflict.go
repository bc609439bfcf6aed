package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var conflictTests = []driverTest{
	{"counters from many goroutines lose nothing", on(counters)},
	{"of many who take the last slot one wins", on(lastSlot)},
	{"a write skew is impossible", on(writeSkew)},
	{"a run that lost leaves no trace", on(lostRun)},
	{"a transaction that always loses gives up", on(alwaysLoses)},
}

// number reads a decimal number, 0 if there is none.
func number(r tokenstore.Reader, key string) (int, error) {
	value, err := r.Get([]byte(key))
	if errors.Is(err, tokenstore.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(value))
}

func putNumber(txn tokenstore.Txn, key string, n int) error {
	return txn.Put([]byte(key), strconv.AppendInt(nil, int64(n), 10))
}

// insist runs a transaction until the driver doesn't give it up for conflicts.
func insist(ctx context.Context, d tokenstore.Driver, fn func(tokenstore.Txn) error) (tokenstore.Revision, error) {
	for {
		revision, err := d.Update(ctx, fn)
		if !errors.Is(err, tokenstore.ErrConflict) {
			return revision, err
		}
	}
}

func counters(t *testing.T, d tokenstore.Driver) {
	const goroutines, each = 8, 25
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			for range each {
				_, err := insist(t.Context(), d, func(txn tokenstore.Txn) error {
					n, err := number(txn, "counter")
					if err != nil {
						return err
					}
					return putNumber(txn, "counter", n+1)
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	view(t, d, func(r tokenstore.Reader) error { return wantValue(r, "counter", fmt.Sprint(goroutines*each)) })
}

func lastSlot(t *testing.T, d tokenstore.Driver) {
	const contenders, slots = 8, 2
	full := errors.New("no slot is free")
	for round := range 5 {
		prefix := fmt.Sprintf("round/%d/", round)
		put(t, d, prefix+"head", "1", prefix+"slot/0", "taken before")
		var won atomic.Int32
		var group sync.WaitGroup
		for contender := range contenders {
			group.Go(func() {
				// What the scan doesn't return is not watched: only the head is.
				_, err := insist(t.Context(), d, func(txn tokenstore.Txn) error {
					taken, err := number(txn, prefix+"head")
					if err != nil {
						return err
					}
					if taken == slots {
						return full
					}
					key := fmt.Sprintf("%sslot/c%d", prefix, contender)
					return wantAll(putNumber(txn, prefix+"head", taken+1), txn.Put([]byte(key), []byte(key)))
				})
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, full):
					t.Error(err)
				}
			})
		}
		group.Wait()
		view(t, d, func(r tokenstore.Reader) error {
			entries, err := r.Scan([]byte(prefix+"slot/"), nil, 10)
			if err == nil && (won.Load() != 1 || len(entries) != slots) {
				err = fmt.Errorf("%d won, %d slots are taken, want 1 and %d", won.Load(), len(entries), slots)
			}
			return err
		})
	}
}

func writeSkew(t *testing.T, d tokenstore.Driver) {
	// Each of two on duty may leave if the other stays.
	put(t, d, "on duty/a", "1", "on duty/b", "1")
	stay := errors.New("the other has left")
	leave := func(who, other string, between func()) func(tokenstore.Txn) error {
		return func(txn tokenstore.Txn) error {
			n, err := number(txn, "on duty/"+other)
			if err != nil {
				return err
			}
			between()
			if n == 0 {
				return stay
			}
			return putNumber(txn, "on duty/"+who, 0)
		}
	}
	first := true
	_, err := insist(t.Context(), d, leave("a", "b", func() {
		if first {
			first = false
			update(t, d, leave("b", "a", func() {}))
		}
	}))
	if err != stay {
		t.Errorf("update returns %v, want the refusal of the second run", err)
	}
	view(t, d, func(r tokenstore.Reader) error {
		return wantAll(wantValue(r, "on duty/a", "1"), wantValue(r, "on duty/b", "0"))
	})
}

func lostRun(t *testing.T, d tokenstore.Driver) {
	runs := 0
	var between tokenstore.Revision
	revision := update(t, d, func(txn tokenstore.Txn) error {
		runs++
		_, err := txn.Get([]byte("contended")) // a missing key is watched as well
		switch {
		case runs == 1 && !errors.Is(err, tokenstore.ErrNotFound):
			return fmt.Errorf("first run: %w", err)
		case runs == 2 && (err != nil || txn.Revision() < between):
			return fmt.Errorf("second run is not on a new snapshot: %w", err)
		case runs == 2:
			return wantAll(txn.Put([]byte("second"), nil), txn.Announce([]byte("second")))
		}
		between = put(t, d, "contended", "of another")
		return wantAll(txn.Put([]byte("first"), nil), txn.Delete([]byte("contended")), txn.Announce([]byte("first")))
	})
	if runs != 2 || revision <= between {
		t.Errorf("%d runs, commit at %d after the other's at %d; want 2 runs", runs, revision, between)
	}
	view(t, d, func(r tokenstore.Reader) error {
		return wantAll(wantMissing(r, "first"), wantValue(r, "second", ""), wantValue(r, "contended", "of another"))
	})
	if got, want := render(feed(t, d, 0, 10)), render([]tokenstore.Change{change(revision, "second")}); got != want {
		t.Errorf("feed is %s, want %s", got, want)
	}
}

func alwaysLoses(t *testing.T, d tokenstore.Driver) {
	runs := 0
	_, err := d.Update(t.Context(), func(txn tokenstore.Txn) error {
		runs++
		if _, err := number(txn, "contended"); err != nil {
			return err
		}
		put(t, d, "contended", fmt.Sprint(runs))
		return wantAll(txn.Put([]byte("mine"), nil), txn.Announce([]byte("mine")))
	})
	if !errors.Is(err, tokenstore.ErrConflict) || runs < 2 {
		t.Errorf("update returns %v after %d runs, want ErrConflict after several", err, runs)
	}
	view(t, d, func(r tokenstore.Reader) error {
		return wantAll(wantMissing(r, "mine"), wantValue(r, "contended", fmt.Sprint(runs)))
	})
	if got := feed(t, d, 0, 10); len(got) != 0 {
		t.Errorf("feed holds %s of a transaction that lost", render(got))
	}
}
