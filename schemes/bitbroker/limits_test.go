package bitbroker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// lateAutumn is ten o'clock in the evening, two hours before the last day of a month.
var lateAutumn = time.Date(2026, time.November, 29, 22, 0, 0, 0, time.UTC)

// metering is a meter over a store, with a clock that only the test moves.
type metering struct {
	*meter
	t      testing.TB
	clock  *schemestest.Clock
	store  *tokenstore.Store
	driver *schemestest.Driver
}

func newMetering(t testing.TB, capacity int) *metering {
	t.Helper()
	m := &metering{t: t, clock: schemestest.NewClock(lateAutumn), driver: schemestest.OpenDriver(t, t.TempDir())}
	m.store = tokenstore.New(m.driver, tokenstore.Options{Clock: m.clock.Now})
	m.meter = newMeter(m.store, capacity)
	t.Cleanup(func() {
		_ = m.Close()
		if err := m.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// restarted is the meter of the next process: after a crash nothing was given back.
func (m *metering) restarted(crash bool) {
	m.t.Helper()
	if !crash {
		if err := m.Close(); err != nil {
			m.t.Fatal(err)
		}
	}
	m.meter = newMeter(m.store, 0)
}

func (m *metering) call(key limitKey, limits tokenstore.BrokerLimits) error {
	return m.take(m.t.Context(), key, limits, m.clock.Now())
}

// allowed is how many of some calls are let in, one after the other.
func (m *metering) allowed(calls int, key limitKey, limits tokenstore.BrokerLimits) (n int64) {
	for range calls {
		if m.call(key, limits) == nil {
			n++
		}
	}
	return n
}

// rivals is how many of some calls are let in that so many goroutines make.
func (m *metering) rivals(goroutines, calls int, key limitKey, limits tokenstore.BrokerLimits) int64 {
	var allowed atomic.Int64
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() { allowed.Add(m.allowed(calls, key, limits)) })
	}
	group.Wait()
	return allowed.Load()
}

func (m *metering) want(want int64, calls int, key limitKey, limits tokenstore.BrokerLimits) {
	m.t.Helper()
	if got := m.allowed(calls, key, limits); got != want {
		m.t.Errorf("%d of %d calls are let in, want %d", got, calls, want)
	}
}

// wantRefused demands a refusal of the next call with 429, and when to try again.
func (m *metering) wantRefused(key limitKey, limits tokenstore.BrokerLimits, after time.Duration) {
	m.t.Helper()
	var refusal *schemes.Refusal
	err := m.call(key, limits)
	if !errors.As(err, &refusal) || refusal.Status != http.StatusTooManyRequests || refusal.Reason != schemes.Limited || refusal.RetryAfter != after {
		m.t.Errorf("got %v (%+v), want 429 with %s", err, refusal, after)
	}
}

var weather = limitKey{realm: "default", policy: "weather", life: 1}

func perSecond(rate int64) tokenstore.BrokerLimits {
	return tokenstore.BrokerLimits{Enabled: true, Rate: &rate}
}

func quotaOf(most int64, interval string) tokenstore.BrokerLimits {
	return tokenstore.BrokerLimits{Enabled: true, Quota: &tokenstore.BrokerQuota{MaxNumber: most, Interval: interval}}
}

func TestOfParallelCallsExactlyTheRateIsLetIn(t *testing.T) {
	m := newMetering(t, 0)
	if n := m.rivals(500, 1, weather, perSecond(50)); n != 50 {
		t.Errorf("%d of 500 parallel calls are let in at a rate of 50", n)
	}
	m.wantRefused(weather, perSecond(50), time.Second)
	m.clock.Advance(time.Second)
	if n := m.rivals(500, 1, weather, perSecond(50)); n != 50 {
		t.Errorf("%d of 500 parallel calls are let in a second later", n)
	}
	if n := m.driver.Updates.Load(); n != 0 {
		t.Errorf("a rate costs %d transactions", n)
	}
}

func TestOfParallelCallsExactlyTheQuotaIsLetIn(t *testing.T) {
	for _, most := range []int64{1, 7, 99, 1_000, 12_345} {
		m := newMetering(t, 0)
		calls := int(most/64) + 20
		if n := m.rivals(64, calls, weather, quotaOf(most, "day")); n != most {
			t.Errorf("%d of %d parallel calls are let in, the quota is %d", n, 64*calls, most)
		}
	}
}

func TestWhatIsNotLimited(t *testing.T) {
	m := newMetering(t, 0)
	none, some := int64(0), int64(5)
	for what, limits := range map[string]tokenstore.BrokerLimits{
		"nothing known": {},
		"not enabled":   {Rate: &none, Quota: &tokenstore.BrokerQuota{MaxNumber: 0, Interval: "day"}},
		"no limit":      {Enabled: true},
	} {
		if n := m.allowed(100, weather, limits); n != 100 {
			t.Errorf("%s: %d of 100 calls are let in", what, n)
		}
	}
	// Of one that is absent, the other counts.
	m.want(5, 20, weather, perSecond(some))
	m.want(5, 20, limitKey{realm: "default", policy: "roads", life: 1}, quotaOf(some, "month"))
}

func TestLimitOfNoneLetsNothingIn(t *testing.T) {
	m := newMetering(t, 0)
	m.wantRefused(weather, perSecond(0), time.Minute)
	m.wantRefused(weather, quotaOf(0, "day"), 2*time.Hour)
	m.wantRefused(weather, quotaOf(0, "month"), 26*time.Hour)
	m.wantRefused(weather, quotaOf(-1, "month"), 26*time.Hour)
	m.wantRefused(weather, perSecond(-1), time.Minute)
	if n := m.driver.Updates.Load(); n != 0 {
		t.Errorf("no quota at all costs %d transactions", n)
	}
}

// What the rate refuses costs nothing of the quota.
func TestRefusedCallsCostNoQuota(t *testing.T) {
	m := newMetering(t, 0)
	rate := int64(5)
	limits := quotaOf(12, "day")
	limits.Rate = &rate
	for _, want := range []int64{5, 5, 2, 0} {
		m.want(want, 50, weather, limits)
		m.clock.Advance(time.Second)
	}
	m.wantRefused(weather, limits, 2*time.Hour-4*time.Second)
}

func TestQuotaBeginsAnewWithItsWindow(t *testing.T) {
	for _, test := range []struct {
		interval string
		until    time.Duration
		begins   time.Time
	}{
		{"day", 2 * time.Hour, time.Date(2026, time.November, 30, 0, 0, 0, 0, time.UTC)},
		{"month", 26 * time.Hour, time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run(test.interval, func(t *testing.T) {
			m := newMetering(t, 0)
			limits := quotaOf(250, test.interval)
			m.want(250, 300, weather, limits)
			m.wantRefused(weather, limits, test.until)
			m.clock.Advance(500 * time.Millisecond)
			m.wantRefused(weather, limits, test.until) // whole seconds, and never too early
			m.clock.Set(test.begins.Add(-time.Nanosecond))
			m.wantRefused(weather, limits, time.Second)
			m.clock.Set(test.begins)
			m.want(250, 300, weather, limits)
			m.clock.Set(test.begins.In(time.FixedZone("elsewhere", 9*3600))) // the same instant
			m.wantRefused(weather, limits, m.ends(test.interval).Sub(test.begins))
		})
	}
}

func (m *metering) ends(interval string) time.Time {
	_, ends := windowOf(interval, m.clock.Now())
	return ends
}

func TestLimitHoldsAsItIsNow(t *testing.T) {
	m := newMetering(t, 0)
	m.want(250, 250, weather, quotaOf(10_000, "day")) // of blocks of 100, half of the last one
	m.want(10, 100, weather, quotaOf(260, "day"))
	m.want(90, 100, weather, quotaOf(350, "day"))
	m.want(0, 100, weather, quotaOf(350, "day"))
	m.want(0, 100, weather, quotaOf(20, "day"))
	m.want(3, 100, weather, quotaOf(353, "day"))
	m.want(47, 100, weather, quotaOf(400, "day"))
	m.want(1, 100, weather, quotaOf(401, "day"))
	m.want(0, 100, weather, quotaOf(401, "day"))
	m.want(599, 2_000, weather, quotaOf(1_000, "day"))

	m.want(10, 100, weather, perSecond(10))
	m.clock.Advance(time.Second)
	m.want(3, 100, weather, perSecond(3))
	m.clock.Advance(time.Second)
	m.clock.Advance(time.Second)
	m.want(3, 100, weather, perSecond(3))
}

// An update of a policy begins nothing anew; another life does, and so does another interval,
// of which nothing was counted.
func TestCountersStandForThemselves(t *testing.T) {
	m := newMetering(t, 0)
	limits := quotaOf(10, "day")
	m.want(10, 20, weather, limits)
	for what, key := range map[string]limitKey{
		"another realm":    {realm: "another", policy: "weather", life: 1},
		"another policy":   {realm: "default", policy: "roads", life: 1},
		"another life":     {realm: "default", policy: "weather", life: 2},
		"one access":       {realm: "default", policy: "weather", life: 1, access: 1},
		"another access":   {realm: "default", policy: "weather", life: 1, access: 2},
		"a longer life":    {realm: "default", policy: "weather", life: 11},
		"life in its name": {realm: "default", policy: "weather-1", life: 1},
	} {
		rate := int64(15)
		both := limits
		both.Rate = &rate
		if n := m.allowed(20, key, both); n != 10 {
			t.Errorf("%s: %d calls are let in, want 10", what, n)
		}
	}
	m.want(10, 20, weather, quotaOf(10, "month"))
	m.want(0, 20, weather, limits)
	rate := int64(15)
	limits.Rate = &rate // the policy is updated
	m.want(0, 20, weather, limits)
}

func TestRestartForgivesNothing(t *testing.T) {
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprintf("crash %t", crash), func(t *testing.T) {
			m := newMetering(t, 0)
			const most = 1_000
			limits := quotaOf(most, "day")
			var sum, lost int64
			for sum+lost < most {
				sum += m.rivals(4, 7, weather, limits)
				if crash {
					lost += blockSize(most) - 1 // at most
				}
				m.restarted(crash)
			}
			sum += m.allowed(2*most, weather, limits)
			if sum > most || sum < most-lost || !crash && sum != most {
				t.Errorf("%d calls are let in over all restarts, the quota is %d and at most %d were lost", sum, most, lost)
			}
		})
	}
}

func TestClockThatIsSetBackForgivesNothing(t *testing.T) {
	m := newMetering(t, 0)
	limits := quotaOf(1_000, "day") // in blocks of 10
	m.clock.Advance(2 * time.Hour)
	m.want(605, 605, weather, limits)
	m.clock.Advance(-time.Minute) // the day before
	m.want(201, 201, weather, limits)
	m.restarted(false)
	m.want(194, 1_000, weather, limits)
	m.wantRefused(weather, limits, time.Minute) // then it is known how long
	m.clock.Advance(time.Minute)
	m.want(0, 100, weather, limits)
	m.clock.Advance(24 * time.Hour)
	m.want(1_000, 2_000, weather, limits)
}

// What nobody uses any more is given up, and what is left of it can be used by others.
func TestCountersAreBounded(t *testing.T) {
	m := newMetering(t, 4)
	const most = 2_000 // in blocks of 20
	limits := quotaOf(most, "day")
	key := func(i int) limitKey { return limitKey{realm: "default", policy: "weather", life: 1, access: uint64(i)} }
	var sums [10]int64
	for round := range 30 {
		for i := range sums {
			sums[i] += m.allowed(3+(round+i)%5, key(i+1), limits)
		}
		if n := len(m.counters); n > 4 || m.recent.Len() != n {
			t.Fatalf("%d counters, %d of them in order", n, m.recent.Len())
		}
	}
	for i := range sums {
		if sums[i] += m.allowed(2*most, key(i+1), limits); sums[i] != most {
			t.Errorf("access %d: %d calls are let in, the quota is %d", i+1, sums[i], most)
		}
	}
}

func TestCounterInUseIsNotGivenUp(t *testing.T) {
	m := newMetering(t, 1)
	busy, _ := m.counter(counterKey{limitKey: weather})
	if _, spilt := m.counter(counterKey{limitKey: limitKey{policy: "roads"}}); len(spilt) != 0 {
		t.Error("a counter is given up while a call has it")
	}
	busy.users.Add(-1)
	if _, spilt := m.counter(counterKey{limitKey: limitKey{policy: "rivers"}}); len(spilt) != 1 || spilt[0] != busy {
		t.Errorf("given up: %v", spilt)
	}
}

func TestStoreThatFailsLetsNothingIn(t *testing.T) {
	m := newMetering(t, 0)
	limits := quotaOf(200, "day") // in blocks of 2
	m.want(2, 2, weather, limits)
	m.driver.Broken.Store(true)
	var refusal *schemes.Refusal
	for range 3 {
		if err := m.call(weather, limits); !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable || !errors.Is(err, schemestest.ErrBroken) {
			t.Errorf("got %v, want 503", err)
		}
	}
	m.driver.Broken.Store(false)
	m.want(198, 300, weather, limits)
}

func TestRefusedCallsAreCheap(t *testing.T) {
	m := newMetering(t, 0)
	limits := quotaOf(10, "day")
	m.want(10, 100, weather, limits)
	if n := m.driver.Updates.Load(); n != 11 {
		t.Errorf("%d transactions for 10 calls one by one and 90 that are refused, want 11", n)
	}
	// Another process may give something back meanwhile.
	m.clock.Advance(time.Second)
	m.want(0, 100, weather, limits)
	if n := m.driver.Updates.Load(); n != 12 {
		t.Errorf("%d transactions a second later, want one more", n)
	}
}

func TestClosedMeterLetsNothingIn(t *testing.T) {
	m := newMetering(t, 0)
	limits := quotaOf(1_000, "day")
	m.want(5, 5, weather, limits)
	if err := errors.Join(m.Close(), m.Close()); err != nil {
		t.Fatal(err)
	}
	var refusal *schemes.Refusal
	if err := m.call(weather, limits); !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable {
		t.Errorf("got %v, want 503", err)
	}
}

// A caller who goes away while a block is reserved takes nobody's calls along.
func TestCallerWhoGoesAwayCostsOthersNothing(t *testing.T) {
	m := newMetering(t, 0)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	limits := quotaOf(10, "day")
	if err := m.take(gone, weather, limits, m.clock.Now()); err == nil {
		t.Error("a call is let in whose quota was not reserved")
	}
	m.want(10, 20, weather, limits)
}

func TestBlocksAreSmall(t *testing.T) {
	for most, want := range map[int64]int64{1: 1, 99: 1, 199: 1, 200: 2, 1_000: 10, 99_999: 999, 100_000: 1_000, 1 << 62: 1_000} {
		if got := blockSize(most); got != want {
			t.Errorf("of %d: %d, want %d", most, got, want)
		}
	}
}

// Within a block of a quota a call costs no more than a few locks; "blocks" shows what it costs
// with a commit for each thousand.
func BenchmarkTake(b *testing.B) {
	rate := int64(1 << 40)
	both := quotaOf(1<<40, "month")
	both.Rate = &rate
	for name, limits := range map[string]tokenstore.BrokerLimits{
		"rate": perSecond(rate), "quota": quotaOf(1<<40, "month"), "both": both, "blocks": both,
	} {
		b.Run(name, func(b *testing.B) {
			m := newMetering(b, 0)
			ctx, now := b.Context(), m.clock.Now()
			if err := m.take(ctx, weather, limits, now); err != nil {
				b.Fatal(err)
			}
			if c, _ := m.counter(counterKey{weather, limits.Quota != nil}); name != "blocks" {
				c.block.reservation.Size = 1 << 40
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := m.take(ctx, weather, limits, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
