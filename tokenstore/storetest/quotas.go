package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var quotaTests = []storeTest{
	{"a quota is given out once, whoever asks beside", quotaOnce},
	{"a quota is given out as a plain count has it", quotaAsCounted},
	{"what is given back can be had again, if nobody had more since", quotaReturned},
	{"quotas stand for themselves", quotaApart},
	{"quotas go long after their windows", quotaPruned},
	{"what cannot be counted is refused", quotaRefused},
	{"counting is nothing that anybody is told of", quotaQuiet},
}

const day = 24 * time.Hour

// midnight is the beginning of the day of dawn.
var midnight = dawn.Truncate(day)

// reserve reserves some of the quota of a key in the window of a day after midnight.
func (s *site) reserve(t testing.TB, key string, days int, limit, size int64) tokenstore.Reservation {
	t.Helper()
	begins := midnight.Add(time.Duration(days) * day)
	var reserved tokenstore.Reservation
	err := again(func() (err error) {
		reserved, err = s.ReserveQuota(t.Context(), home, key, begins, begins.Add(day), limit, size)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return reserved
}

func (s *site) wantReserved(t testing.TB, key string, days int, limit, size, first, got int64) {
	t.Helper()
	if r := s.reserve(t, key, days, limit, size); r != (tokenstore.Reservation{First: first, Size: got}) {
		t.Errorf("%d of %s on day %d, of at most %d: %+v, want %d after %d", size, key, days, limit, r, got, first)
	}
}

func (s *site) giveBack(t testing.TB, key string, days int, r tokenstore.Reservation, unused int64) {
	t.Helper()
	err := again(func() error {
		return s.ReturnQuota(t.Context(), home, key, midnight.Add(time.Duration(days)*day), r, unused)
	})
	if err != nil {
		t.Error(err)
	}
}

func quotaOnce(t *testing.T, s *site) {
	const limit = 2_000
	var (
		mutex sync.Mutex
		given = make(map[int64]int) // by the number of a call
		group sync.WaitGroup
	)
	for range rivals {
		group.Go(func() {
			for {
				r := s.reserve(t, "calls", 0, limit, 1+rand.Int64N(40))
				if r.Size == 0 {
					return
				}
				used := r.Size
				if rand.IntN(4) == 0 { // some of it comes back
					used = rand.Int64N(r.Size)
				}
				mutex.Lock()
				for i := range used {
					given[r.First+1+i]++
				}
				mutex.Unlock()
				if used < r.Size {
					s.giveBack(t, "calls", 0, r, r.Size-used)
				}
			}
		})
	}
	group.Wait()
	for call, times := range given {
		if times != 1 || call < 1 || call > limit {
			t.Errorf("call %d is given out %d times", call, times)
		}
	}
	s.wantReserved(t, "calls", 0, limit, 1, limit, 0)
}

// quotaAsCounted compares the store with a count of calls. What was reserved and not used is
// lost to its window, since the process died, unless it is given back at once.
func quotaAsCounted(t *testing.T, s *site) {
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		key := fmt.Sprint("run ", run)
		var (
			window int   // the latest of which something was given out
			gone   int64 // in it
			today  int
			limit  int64 = 50
		)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0:
				limit = rapid.Int64Range(0, 120).Draw(rt, "limit")
			case 1:
				today += rapid.IntRange(-2, 2).Draw(rt, "days")
				today = max(today, 0)
			default:
				size := rapid.Int64Range(1, 30).Draw(rt, "size")
				before := gone
				if today > window {
					before = 0
				}
				want := tokenstore.Reservation{First: before, Size: max(0, min(size, limit-before))}
				got := s.reserve(t, key, today, limit, size)
				if got != want {
					rt.Fatalf("%d on day %d of at most %d: %+v, want %+v", size, today, limit, got, want)
				}
				if got.Size > 0 { // nobody notes a window in which nothing was given out
					window, gone = max(window, today), before+got.Size
				}
				if got.Size > 0 && rapid.Bool().Draw(rt, "given back") {
					unused := rapid.Int64Range(0, got.Size).Draw(rt, "unused")
					s.giveBack(t, key, today, got, unused)
					if today == window { // of a clock that was set back, nothing is taken back
						gone -= unused
					}
				}
			}
		}
	})
}

func quotaReturned(t *testing.T, s *site) {
	first := s.reserve(t, "calls", 0, 100, 10)
	s.giveBack(t, "calls", 0, first, 4)
	s.wantReserved(t, "calls", 0, 100, 10, 6, 10)
	s.giveBack(t, "calls", 0, first, 4) // others had some since
	s.wantReserved(t, "calls", 0, 100, 10, 16, 10)
	last := tokenstore.Reservation{First: 16, Size: 10}
	s.giveBack(t, "calls", 1, last, 4) // of another day
	s.giveBack(t, "other", 0, last, 4) // of which nothing was reserved
	s.giveBack(t, "calls", 0, last, 0)
	s.wantReserved(t, "calls", 0, 100, 10, 26, 10)
	s.wantReserved(t, "calls", 1, 100, 10, 0, 10)
	s.giveBack(t, "calls", 0, tokenstore.Reservation{First: 26, Size: 10}, 10) // of a day that is over
	s.wantReserved(t, "calls", 1, 100, 10, 10, 10)
	for _, unused := range []int64{-1, 11} {
		if err := s.ReturnQuota(t.Context(), home, "calls", midnight.Add(day), tokenstore.Reservation{First: 10, Size: 10}, unused); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("%d of 10 are given back: %v, want ErrInvalid", unused, err)
		}
	}
	s.wantReserved(t, "calls", 1, 100, 10, 20, 10)
}

func quotaApart(t *testing.T, s *site) {
	s.wantReserved(t, "calls", 0, 10, 20, 0, 10)
	s.wantReserved(t, "calls", 0, 10, 20, 10, 0)
	s.wantReserved(t, "call", 0, 10, 20, 0, 10)
	s.wantReserved(t, "calls/user/1", 0, 10, 20, 0, 10)
	r, err := s.ReserveQuota(t.Context(), "away", "calls", midnight, midnight.Add(day), 10, 20)
	if err != nil || r.First != 0 || r.Size != 10 {
		t.Errorf("in another realm: %+v, %v", r, err)
	}
	// Raised and lowered, it is the same count.
	s.wantReserved(t, "calls", 0, 15, 20, 10, 5)
	s.wantReserved(t, "calls", 0, 5, 20, 15, 0)
	s.wantReserved(t, "calls", 0, 16, 20, 15, 1)
	s.wantReserved(t, "calls", 0, 1<<62, 1<<61, 16, 1<<61)
}

func quotaPruned(t *testing.T, s *site) {
	s.reserve(t, "old", 0, 10, 10)
	s.reserve(t, "used again", 0, 10, 10)
	s.reserve(t, "used again", 10, 10, 10)
	s.clock.advance(midnight.Add(31 * day).Sub(dawn)) // thirty days after the end of the first
	s.clock.advance(-time.Second)
	if removed := s.pass(t); removed != 0 {
		t.Errorf("%d records removed too early", removed)
	}
	s.wantReserved(t, "old", 0, 10, 10, 10, 0) // of a clock that was set back
	s.clock.advance(time.Second)
	if removed := s.pass(t); removed != 1 {
		t.Errorf("%d records removed, want the one", removed)
	}
	s.wantReserved(t, "used again", 10, 10, 10, 10, 0)
	s.wantReserved(t, "old", 31, 10, 10, 0, 10)
}

func quotaRefused(t *testing.T, s *site) {
	for what, test := range map[string]struct {
		realm, key  string
		begins      time.Time
		lasts       time.Duration
		limit, size int64
	}{
		"no realm":                      {"", "calls", midnight, day, 10, 1},
		"no key":                        {home, "", midnight, day, 10, 1},
		"a key with a NUL":              {home, "a\x00b", midnight, day, 10, 1},
		"a key of 257 bytes":            {home, strings.Repeat("k", 257), midnight, day, 10, 1},
		"no window":                     {home, "calls", time.Time{}, day, 10, 1},
		"a window that ends as it does": {home, "calls", midnight, 0, 10, 1},
		"a window that ends before":     {home, "calls", midnight, -day, 10, 1},
		"a window without end":          {home, "calls", time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC), day, 10, 1},
		"less than nothing":             {home, "calls", midnight, day, -1, 1},
		"nothing":                       {home, "calls", midnight, day, 10, 0},
		"a block of less than nothing":  {home, "calls", midnight, day, 10, -1},
	} {
		if r, err := s.ReserveQuota(t.Context(), test.realm, test.key, test.begins, test.begins.Add(test.lasts), test.limit, test.size); !errors.Is(err, tokenstore.ErrInvalid) || r.Size != 0 {
			t.Errorf("%s: %+v, %v, want ErrInvalid", what, r, err)
		}
	}
	s.wantNone(t, 'Q')
	s.wantReserved(t, strings.Repeat("k", 256), 0, 10, 1, 0, 1)
}

func quotaQuiet(t *testing.T, s *site) {
	s.wantAnnounced(t, []operation{
		{"a reservation", func() error { s.reserve(t, "calls", 0, 10, 5); return nil }, nil},
		{"its return", func() error { s.giveBack(t, "calls", 0, tokenstore.Reservation{Size: 5}, 5); return nil }, nil},
	})
	s.wantNone(t, 'j')
	before, err := s.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// What is refused writes nothing, however often it is asked.
	s.wantReserved(t, "calls", 0, 0, 5, 0, 0)
	if after, err := s.Revision(t.Context()); err != nil || after != before {
		t.Errorf("the store went from %d to %d, %v", before, after, err)
	}
}

// quotaReopened: what was reserved stands when the store is opened again.
func quotaReopened(t *testing.T, f Factory) {
	location := f.location(t)
	var all []int64
	for range 4 {
		s := &site{driver: f.open(t, location), clock: newClock()}
		s.Store = tokenstore.New(s.driver, tokenstore.Options{Clock: s.clock.now})
		r := s.reserve(t, "calls", 0, 10, 3)
		for i := range r.Size {
			all = append(all, r.First+i)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(all, want) {
		t.Errorf("given out: %v, want %v", all, want)
	}
}
