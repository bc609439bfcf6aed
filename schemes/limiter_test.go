package schemes_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// stillClock is a clock that tests move.
type stillClock struct{ at atomic.Int64 }

func (c *stillClock) now() time.Time          { return time.Unix(1_700_000_000, c.at.Load()) }
func (c *stillClock) advance(d time.Duration) { c.at.Add(int64(d)) }

var acme = schemes.LimitKey{Realm: "default", Subject: "rcp_acme"}

func TestRateLimitsCalls(t *testing.T) {
	clock := new(stillClock)
	l := schemes.NewLimiter(0, clock.now)
	limits := schemes.Limits{Rate: 2, Burst: 5}
	taken := func() (n int) {
		for {
			lease, _, ok := l.Take(acme, limits)
			if !ok {
				return n
			}
			lease.Release()
			n++
		}
	}
	if n := taken(); n != 5 {
		t.Errorf("%d calls at once, the burst is 5", n)
	}
	if _, retry, ok := l.Take(acme, limits); ok || retry != time.Second {
		t.Errorf("another: ok %t, retry after %s; want a refusal, and the least that Retry-After can say", ok, retry)
	}
	clock.advance(time.Second)
	if n := taken(); n != 2 {
		t.Errorf("%d calls after a second, the rate is 2", n)
	}
	if _, _, ok := l.Take(schemes.LimitKey{Realm: "default", Subject: "rcp_other"}, limits); !ok {
		t.Error("one subject's calls count against another's")
	}
	other := acme
	other.Purpose = "token"
	if _, _, ok := l.Take(other, limits); !ok {
		t.Error("calls for one purpose count against those for another")
	}
	clock.advance(time.Hour)
	if n := taken(); n != 5 {
		t.Errorf("%d calls after a long pause, the burst is 5", n)
	}
}

func TestRefusedCallsDoNotPutTheNextOff(t *testing.T) {
	clock := new(stillClock)
	l := schemes.NewLimiter(0, clock.now)
	limits := schemes.Limits{Rate: 1, Burst: 1}
	l.Take(acme, limits)
	for range 1000 { // a client that retries blindly
		if _, retry, ok := l.Take(acme, limits); ok || retry > 2*time.Second {
			t.Fatalf("ok %t, retry after %s", ok, retry)
		}
	}
	clock.advance(time.Second)
	if _, _, ok := l.Take(acme, limits); !ok {
		t.Error("refused after the time that it was told to wait")
	}
}

func TestChangedLimitsHoldAtOnce(t *testing.T) {
	clock := new(stillClock)
	l := schemes.NewLimiter(0, clock.now)
	for range 10 {
		l.Take(acme, schemes.Limits{Rate: 10, Burst: 10})
	}
	if _, _, ok := l.Take(acme, schemes.Limits{Rate: 1, Burst: 1}); ok {
		t.Error("a lower limit begins with a full burst")
	}
	if _, _, ok := l.Take(acme, schemes.Limits{}); !ok {
		t.Error("no limit refuses")
	}
}

func TestConcurrentCallsAreBounded(t *testing.T) {
	l := schemes.NewLimiter(0, nil)
	limits := schemes.Limits{Concurrent: 3}
	var running, most atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 200 {
				lease, retry, ok := l.Take(acme, limits)
				if !ok {
					if retry != time.Second {
						t.Errorf("retry after %s", retry)
					}
					continue
				}
				now := running.Add(1)
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				running.Add(-1)
				lease.Release()
			}
		})
	}
	wg.Wait()
	if most.Load() > 3 {
		t.Errorf("%d at a time, the limit is 3", most.Load())
	}
	for i := range 3 {
		if _, _, ok := l.Take(acme, limits); !ok {
			t.Errorf("call %d refused though none is running: a lease was lost", i)
		}
	}
	if _, _, ok := l.Take(acme, limits); ok {
		t.Error("a fourth is let in")
	}
}

func TestLimiterForgetsOnlyIdleSubjects(t *testing.T) {
	clock := new(stillClock)
	l := schemes.NewLimiter(10, clock.now)
	limits := schemes.Limits{Concurrent: 1}
	held, _, _ := l.Take(acme, limits)
	for i := range 100 {
		lease, _, _ := l.Take(schemes.LimitKey{Subject: fmt.Sprint(i)}, limits)
		lease.Release()
	}
	if _, _, ok := l.Take(acme, limits); ok {
		t.Error("a subject with a running call was forgotten, and may have two now")
	}
	held.Release()
	if _, _, ok := l.Take(acme, limits); !ok {
		t.Error("refused after its call ended")
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := schemes.NewLimiter(0, nil)
	limits := schemes.Limits{Rate: 1_000_000, Burst: 1_000_000, Concurrent: 64}
	b.ReportAllocs()
	for b.Loop() {
		if lease, _, ok := l.Take(acme, limits); ok {
			lease.Release()
		}
	}
}

// Of calls at once, those that read the clock early and come late must not have the bucket
// fill up again and again for the same time.
func TestCallsThatComeOutOfOrderGainNothing(t *testing.T) {
	clock := new(stillClock)
	l := schemes.NewLimiter(0, clock.now)
	limits := schemes.Limits{Rate: 50, Burst: 50}
	passed := 0
	for range 500 {
		for _, d := range []time.Duration{100 * time.Millisecond, -100 * time.Millisecond} {
			clock.advance(d)
			if lease, _, ok := l.Take(acme, limits); ok {
				lease.Release()
				passed++
			}
		}
	}
	if passed != 50 {
		t.Errorf("%d calls pass, the burst is 50", passed)
	}
}
