package bitbroker

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The reference remembers all calls that were let in, and looks at each second before one.
func TestInNoSecondThereAreMoreCallsThanTheRate(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for rate := int64(1); rate <= 40; rate += 13 {
		var w rateWindow
		var in []time.Time
		now := noon
		for range 5_000 {
			now = now.Add(time.Duration(random.Int64N(int64(time.Second) / rate)))
			recent := 0
			for i := len(in) - 1; i >= 0 && now.Sub(in[i]) < time.Second; i-- {
				recent++
			}
			wait, ok := w.take(now, rate)
			if want := int64(recent) < rate; ok != want {
				t.Fatalf("rate %d: with %d calls in the last second a call was let in: %t", rate, recent, ok)
			}
			if ok {
				in = append(in, now)
				continue
			}
			if wait <= 0 || wait > time.Second {
				t.Fatalf("rate %d: wait %v", rate, wait)
			}
			if _, early := w.take(now.Add(wait-1), rate); early {
				t.Fatalf("rate %d: let in before its wait was over", rate)
			}
			now = now.Add(wait)
			if _, ok := w.take(now, rate); !ok {
				t.Fatalf("rate %d: refused after its wait", rate)
			}
			in = append(in, now)
		}
	}
}

func TestLoweredRateHoldsAtOnceAndARaisedOneToo(t *testing.T) {
	var w rateWindow
	for range 10 {
		if _, ok := w.take(noon, 10); !ok {
			t.Fatal("refused within the rate")
		}
	}
	if wait, ok := w.take(noon.Add(time.Second/2), 3); ok || wait != time.Second/2 {
		t.Errorf("lowered: %v, %v", ok, wait)
	}
	if _, ok := w.take(noon.Add(time.Second/2), 11); !ok {
		t.Error("raised: refused")
	}
}

func TestCallsThatComeOutOfOrderGainNothingOfARate(t *testing.T) {
	var (
		w  rateWindow
		in atomic.Int64
	)
	var callers sync.WaitGroup
	for i := range 1_000 {
		callers.Go(func() {
			// Clocks that were read up to half a second apart.
			if _, ok := w.take(noon.Add(time.Duration(i%500)*time.Millisecond), 50); ok {
				in.Add(1)
			}
		})
	}
	callers.Wait()
	if in.Load() != 50 {
		t.Errorf("%d calls were let in, of 50", in.Load())
	}
}

func BenchmarkRateWindow(b *testing.B) {
	var w rateWindow
	now := noon
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		w.take(now, 1_000)
	}
}
