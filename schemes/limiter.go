package schemes

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound the calls of one subject; a zero field is no limit.
type Limits struct {
	Rate       int // calls a second, in the long run
	Burst      int // calls at once, after a pause; at least Rate
	Concurrent int // calls being answered at a time
}

// LimitKey is what calls are counted by.
type LimitKey struct {
	Realm, Subject string
	// Purpose keeps counts apart, such as those of data calls and of a token
	// endpoint.
	Purpose string
}

// Limiter counts the calls of subjects. It outlives configurations, so that a
// reload forgives nothing. It is bounded: of the subjects that no call of is being
// answered, the least recently seen are forgotten first, and begin anew with a full
// burst. All methods may be called concurrently.
type Limiter struct {
	now      func() time.Time
	capacity int

	mu      sync.Mutex
	entries map[LimitKey]*list.Element
	recent  *list.List // of *limited, most recently seen first
}

type limited struct {
	key     LimitKey
	bucket  *rate.Limiter
	running int
	seen    time.Time // the latest that the bucket was told
}

// DefaultLimiterCapacity is how many subjects are counted at a time.
const DefaultLimiterCapacity = 50_000

// busyRetry is when a call that found too many others running may try again. It is
// the least that the header Retry-After can say.
const busyRetry = time.Second

// NewLimiter returns a limiter. A capacity below 1 means the default, a nil clock
// time.Now.
func NewLimiter(capacity int, now func() time.Time) *Limiter {
	if capacity < 1 {
		capacity = DefaultLimiterCapacity
	}
	if now == nil {
		now = time.Now
	}
	return &Limiter{now: now, capacity: capacity, entries: make(map[LimitKey]*list.Element), recent: list.New()}
}

// Lease is a call that was let in. The zero Lease holds nothing.
type Lease struct {
	limiter *Limiter
	entry   *limited
}

// Release ends the call. It must be called once.
func (l Lease) Release() {
	if l.entry == nil {
		return
	}
	l.limiter.mu.Lock()
	defer l.limiter.mu.Unlock()
	l.entry.running--
}

// Take lets a call in, or says after how long to try again: at least a second.
func (l *Limiter) Take(key LimitKey, limits Limits) (lease Lease, retryAfter time.Duration, ok bool) {
	if limits == (Limits{}) {
		return Lease{}, 0, true
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	entry := l.entry(key)
	if limits.Concurrent > 0 && entry.running >= limits.Concurrent {
		return Lease{}, busyRetry, false // and does not cost what the rate allows
	}
	if limits.Rate > 0 {
		if wait := entry.wait(limits, now); wait > 0 {
			return Lease{}, (wait + time.Second - 1).Truncate(time.Second), false // Retry-After is in whole seconds
		}
	}
	entry.running++
	return Lease{l, entry}, 0, true
}

// wait takes one call from the bucket, or tells how long to wait for it.
func (e *limited) wait(limits Limits, now time.Time) time.Duration {
	perSecond, burst := rate.Limit(limits.Rate), max(limits.Burst, limits.Rate)
	// Of calls at once, one that read the clock first may come last. The bucket would take
	// it for a clock that was set back, and then fill up for the same time again.
	if now.Before(e.seen) {
		now = e.seen
	}
	e.seen = now
	if e.bucket == nil {
		e.bucket = rate.NewLimiter(perSecond, burst)
	}
	if e.bucket.Limit() != perSecond || e.bucket.Burst() != burst {
		e.bucket.SetLimitAt(now, perSecond)
		e.bucket.SetBurstAt(now, burst)
	}
	if e.bucket.AllowN(now, 1) {
		return 0
	}
	reservation := e.bucket.ReserveN(now, 1)
	defer reservation.CancelAt(now)
	return max(reservation.DelayFrom(now), 1)
}

// entry returns the counts of a key, and makes room for them if need be.
func (l *Limiter) entry(key LimitKey) *limited {
	if element, ok := l.entries[key]; ok {
		l.recent.MoveToFront(element)
		return element.Value.(*limited)
	}
	for element := l.recent.Back(); element != nil && len(l.entries) >= l.capacity; {
		before := element.Prev()
		if old := element.Value.(*limited); old.running == 0 {
			l.recent.Remove(element)
			delete(l.entries, old.key)
		}
		element = before
	}
	entry := &limited{key: key}
	l.entries[key] = l.recent.PushFront(entry)
	return entry
}
