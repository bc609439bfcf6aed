package bitbroker

import (
	"sync"
	"time"
)

// rateWindow counts the calls of the last second: in no second there are more than the rate,
// wherever it begins. The original counts by the calendar's seconds, of which two that meet let
// through twice as many at once. It holds as many times as there were calls in that second.
// The zero rateWindow is good. All methods may be called concurrently.
type rateWindow struct {
	mu    sync.Mutex
	calls []time.Time // a ring
	first int         // of those that count
	count int
}

// window is how long a call counts.
const window = time.Second

// take counts a call, or says how long to wait until the rate, which is positive, has room.
func (w *rateWindow) take(now time.Time, rate int64) (wait time.Duration, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	// Of calls at once, one that read the clock first may come last.
	if w.count > 0 && now.Before(w.at(w.count-1)) {
		now = w.at(w.count - 1)
	}
	for w.count > 0 && now.Sub(w.at(0)) >= window {
		w.first = (w.first + 1) % len(w.calls)
		w.count--
	}
	if int64(w.count) >= rate { // which may be lower than when they were let in
		return window - now.Sub(w.at(w.count-int(rate))), false
	}
	if w.count == len(w.calls) {
		w.grow()
	}
	w.calls[(w.first+w.count)%len(w.calls)] = now
	w.count++
	return 0, true
}

// at is when a call came, of those that count.
func (w *rateWindow) at(i int) time.Time { return w.calls[(w.first+i)%len(w.calls)] }

// grow makes room for more calls.
func (w *rateWindow) grow() {
	larger := make([]time.Time, max(2*len(w.calls), 8))
	for i := range w.count {
		larger[i] = w.at(i)
	}
	w.calls, w.first = larger, 0
}
