package bitbroker

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// limitKey is what a consumer's calls are counted by.
type limitKey struct {
	realm, policy string
	// life of the policy: one that was deleted and made anew begins anew.
	life uint64
	// access is the user's id where each access to a policy is counted for itself; 0: all
	// accesses together.
	access uint64
}

// counterKey tells counters apart: what was counted in days is not known in months.
type counterKey struct {
	limitKey
	monthly bool
}

// meter counts the calls of consumers, for all sites. Rates are counted in memory; of quotas,
// blocks are reserved in the store, and counted off here. It is bounded: the counters that were
// longest out of use are given up first, with what is left of their blocks. All methods may be
// called concurrently.
type meter struct {
	store    *tokenstore.Store
	capacity int

	mu       sync.Mutex
	counters map[counterKey]*list.Element
	recent   *list.List // of *counter, most recently used first
	closed   bool
}

// meterCapacity is how many counters there are at a time, of some 500 bytes.
const meterCapacity = 20_000

// newMeter returns a meter of a store. A capacity below 1 means the default.
func newMeter(store *tokenstore.Store, capacity int) *meter {
	if capacity < 1 {
		capacity = meterCapacity
	}
	return &meter{store: store, capacity: capacity, counters: make(map[counterKey]*list.Element), recent: list.New()}
}

// take counts a call, or refuses it: with 429, or with 503 if the store cannot tell. What the
// rate refuses costs nothing of the quota.
func (m *meter) take(ctx context.Context, key limitKey, limits tokenstore.BrokerLimits, now time.Time) error {
	if !limits.Enabled || limits.Rate == nil && limits.Quota == nil {
		return nil
	}
	c, spilt := m.counter(counterKey{key, limits.Quota != nil && limits.Quota.Interval == monthly})
	if c == nil {
		return schemes.Unavailable(tokenstore.ErrClosed)
	}
	defer c.users.Add(-1)
	for _, old := range spilt {
		old.giveBack(context.WithoutCancel(ctx), m.store)
	}
	if limits.Rate != nil {
		if err := c.takeRate(*limits.Rate, now); err != nil {
			return err
		}
	}
	if limits.Quota != nil {
		return c.takeQuota(ctx, m.store, *limits.Quota, now)
	}
	return nil
}

// counter returns the counter of a key, and those that had to make room for it: nobody has
// them any more. It is nil once the meter is closed. Whoever has it is one of its users.
func (m *meter) counter(key counterKey) (c *counter, spilt []*counter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, nil
	}
	if element, ok := m.counters[key]; ok {
		m.recent.MoveToFront(element)
		c = element.Value.(*counter)
		c.users.Add(1)
		return c, nil
	}
	for element := m.recent.Back(); element != nil && len(m.counters) >= m.capacity; {
		before := element.Prev()
		if old := element.Value.(*counter); old.users.Load() == 0 {
			m.recent.Remove(element)
			delete(m.counters, old.key)
			spilt = append(spilt, old)
		}
		element = before
	}
	c = newCounter(key)
	c.users.Add(1)
	m.counters[key] = m.recent.PushFront(c)
	return c, spilt
}

// Bounds of the work of closing: what is not given back in time is lost to its window.
const (
	closeTimeout  = 10 * time.Second
	closeParallel = 64 // commits that are written together
)

// Close gives back what is left of all blocks. It must be called before the store is closed;
// no call is counted afterwards.
func (m *meter) Close() error {
	m.mu.Lock()
	m.closed = true
	left := m.recent
	m.counters, m.recent = nil, list.New()
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(closeParallel)
	for element := left.Front(); element != nil; element = element.Next() {
		c := element.Value.(*counter)
		group.Go(func() error {
			c.giveBack(ctx, m.store)
			return nil
		})
	}
	return group.Wait()
}

// counter counts by one key.
type counter struct {
	key   counterKey
	quota string       // what the store calls the quota, but for its interval
	users atomic.Int64 // calls that have it; rises only under the meter's lock
	rate  rateWindow

	mu    sync.Mutex // held while a block is reserved: the others wait for it
	block block
}

func newCounter(key counterKey) *counter {
	quota := fmt.Sprintf("%s/%d", key.policy, key.life)
	if key.access != 0 {
		quota += fmt.Sprintf("/user/%d", key.access)
	}
	return &counter{key: key, quota: quota}
}

// noRateRetry is when a call may be tried again that a rate of 0 refused: nobody knows when the
// policy will be changed.
const noRateRetry = time.Minute

func (c *counter) takeRate(rate int64, now time.Time) error {
	if rate <= 0 {
		return schemes.TooMany(noRateRetry)
	}
	if wait, ok := c.rate.take(now, rate); !ok {
		return schemes.TooMany(wholeSeconds(wait))
	}
	return nil
}

// takeQuota takes the next position in the quota's window, if the quota as it is now has it.
func (c *counter) takeQuota(ctx context.Context, store *tokenstore.Store, quota tokenstore.BrokerQuota, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A clock that was set back goes on with the block's window, as the store does.
	if !now.Before(c.block.ends) {
		begins, ends := windowOf(quota.Interval, now)
		c.block = block{begins: begins, ends: ends}
	}
	if quota.MaxNumber <= 0 {
		return c.block.refusal(now)
	}
	if c.block.left() == 0 && c.block.mayReserve(quota.MaxNumber, now) {
		reserved, err := store.ReserveQuota(ctx, c.key.realm, c.quotaKey(), c.block.begins, c.block.ends, quota.MaxNumber, blockSize(quota.MaxNumber))
		if err != nil {
			return schemes.Unavailable(err)
		}
		c.block.reservation, c.block.used, c.block.asked = reserved, 0, now
	}
	if c.block.left() == 0 || c.block.next() > quota.MaxNumber {
		return c.block.refusal(now)
	}
	c.block.used++
	return nil
}

// quotaKey is what is counted, as the store has it.
func (c *counter) quotaKey() string {
	if c.key.monthly {
		return c.quota + "/" + monthly
	}
	return c.quota + "/day"
}

// giveBack returns what is left of the block. What the store does not take is lost to the
// window: later calls are refused early.
func (c *counter) giveBack(ctx context.Context, store *tokenstore.Store) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if left := c.block.left(); left > 0 {
		_ = store.ReturnQuota(ctx, c.key.realm, c.quotaKey(), c.block.begins, c.block.reservation, left)
	}
	c.block = block{}
}

// block is a stretch of a quota's window, and how far it is used up.
type block struct {
	begins, ends time.Time // of the window
	reservation  tokenstore.Reservation
	used         int64
	asked        time.Time // when it was reserved
}

func (b *block) left() int64 { return b.reservation.Size - b.used }

// next is the number of the next call in the window.
func (b *block) next() int64 { return b.reservation.First + b.used + 1 }

// askAgain is for how long it is remembered that nothing was left: another process may give
// something back.
const askAgain = time.Second

// mayReserve tells whether it is worth asking the store for the next block.
func (b *block) mayReserve(limit int64, now time.Time) bool {
	if b.reservation.Size > 0 || b.asked.IsZero() || limit > b.reservation.First {
		return true
	}
	since := now.Sub(b.asked)
	return since < 0 || since >= askAgain
}

// refusal says when the window ends.
func (b *block) refusal(now time.Time) error {
	return schemes.TooMany(wholeSeconds(b.ends.Sub(now)))
}

// wholeSeconds rounds up, since Retry-After is in whole seconds.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// monthly is the interval of a quota by the month; any other is by the day.
const monthly = "month"

// windowOf is the calendar day or month of UTC that a time is in.
func windowOf(interval string, now time.Time) (begins, ends time.Time) {
	year, month, day := now.UTC().Date()
	if interval == monthly {
		return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC), time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC), time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
}

// Sizes of blocks. A block is what a crash may cost; a larger one costs fewer commits.
const (
	blockParts   = 100 // of a quota
	largestBlock = 1_000
)

// blockSize is how much of a quota is reserved at once.
func blockSize(limit int64) int64 { return min(max(limit/blockParts, 1), largestBlock) }
