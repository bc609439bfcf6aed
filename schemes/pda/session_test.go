package pda

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// testFamily is a session with a clock and a signer of its own, which counts.
type testFamily struct {
	session
	mu     sync.Mutex
	now    time.Time
	keyID  string
	signed []time.Time
	fail   error
	before func()      // called within each signature
	later  []func()    // what was left for the background
	full   atomic.Bool // the background has no room
}

func newTestFamily() *testFamily {
	return &testFamily{now: testClock.Add(700 * time.Millisecond), keyID: "key 1"}
}

func (f *testFamily) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func (f *testFamily) at() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *testFamily) signatures() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.signed)
}

func (f *testFamily) sign() (string, time.Time, error) {
	if f.before != nil {
		f.before()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signed = append(f.signed, f.now)
	// What a token can tell of its age is whole seconds.
	return fmt.Sprintf("token %d", len(f.signed)), f.now.Truncate(time.Second), f.fail
}

// call is a call of the family without a token of use.
func (f *testFamily) call() renewal {
	return renewal{
		now: f.at, interval: time.Minute, bound: 2 * time.Minute,
		presented: "presented", presentedAt: f.at().Add(-time.Hour), presentedKey: f.keyID,
		keyID: f.keyID, sign: f.sign, background: f.background,
	}
}

func (f *testFamily) background(sign func()) bool {
	if f.full.Load() {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.later = append(f.later, sign)
	return true
}

// runLater runs what was left for the background, and tells how much that was.
func (f *testFamily) runLater() int {
	f.mu.Lock()
	later := f.later
	f.later = nil
	f.mu.Unlock()
	for _, sign := range later {
		sign()
	}
	return len(later)
}

func (f *testFamily) want(t *testing.T, token string) {
	t.Helper()
	if got, err := f.renew(context.Background(), f.call()); err != nil || got != token {
		t.Errorf("got %q, %v; want %q", got, err, token)
	}
}

func TestATokenIsSignedOncePerInterval(t *testing.T) {
	f := newTestFamily()
	f.want(t, "token 1")
	f.want(t, "token 1")
	f.advance(time.Minute - 1)
	f.want(t, "token 1")
	if f.runLater() != 0 {
		t.Fatal("signed within the interval: its age was counted from the second in which it was signed")
	}
	f.advance(1)
	f.want(t, "token 1") // old, but good; another is on its way
	f.want(t, "token 1")
	if n := f.runLater(); n != 1 {
		t.Fatalf("%d signatures in the background", n)
	}
	f.want(t, "token 2")
	f.advance(2*time.Minute - 1)
	f.want(t, "token 2")
	f.advance(1)
	f.mu.Lock()
	late := f.later
	f.later = nil
	f.mu.Unlock()
	// The background has not come to it: now the call waits for it.
	go late[0]()
	f.want(t, "token 3")
	f.advance(2 * time.Minute)
	f.want(t, "token 4") // at once
	if f.signatures() != 4 || f.runLater() != 0 {
		t.Errorf("%d signatures", f.signatures())
	}
}

func TestAPresentedTokenOfTheIntervalIsHandedBack(t *testing.T) {
	for name, tc := range map[string]struct {
		age    time.Duration
		keyID  string
		want   string
		later  int
		signed int
	}{
		"signed a moment ago":     {0, "key 1", "presented", 0, 0},
		"within the interval":     {time.Minute - 1, "key 1", "presented", 0, 0},
		"within the bound":        {time.Minute, "key 1", "presented", 1, 1},
		"within the bound, still": {2*time.Minute - 1, "key 1", "presented", 1, 1},
		"older":                   {2 * time.Minute, "key 1", "token 1", 0, 1},
		"of a key that signed":    {0, "key 0", "token 1", 0, 1},
		"of no key":               {0, "", "token 1", 0, 1},
		"a minute ahead":          {-time.Minute, "key 1", "presented", 0, 0},
		"further ahead":           {-time.Minute - 1, "key 1", "token 1", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTestFamily()
			r := f.call()
			r.presentedAt, r.presentedKey = f.at().Add(-tc.age), tc.keyID
			got, err := f.renew(context.Background(), r)
			if later := f.runLater(); err != nil || got != tc.want || later != tc.later || f.signatures() != tc.signed {
				t.Errorf("got %q, %v, %d in the background, %d signed", got, err, later, f.signatures())
			}
		})
	}
}

// A newer token that comes from outside (of before a restart) is for the whole family.
func TestTheFreshestTokenIsHandedOutWhoeverBroughtIt(t *testing.T) {
	f := newTestFamily()
	r := f.call()
	r.presented, r.presentedAt = "newest", f.at().Add(-30*time.Second)
	for range 2 {
		if got, err := f.renew(context.Background(), r); err != nil || got != "newest" {
			t.Fatalf("got %q, %v", got, err)
		}
		f.want(t, "newest") // also for one with an older token
	}
	f.advance(2 * time.Minute)
	f.want(t, "token 1")
	if got, _ := f.renew(context.Background(), r); got != "token 1" {
		t.Errorf("got %q for a token that was the newest", got)
	}
}

func TestARotatedKeySignsAtOnce(t *testing.T) {
	f := newTestFamily()
	f.want(t, "token 1")
	f.keyID = "key 2"
	r := f.call()
	r.presented, r.presentedKey, r.presentedAt = "token 1", "key 1", f.at()
	if got, err := f.renew(context.Background(), r); err != nil || got != "token 2" {
		t.Fatalf("got %q, %v", got, err)
	}
	f.want(t, "token 2")
}

func TestAClockThatIsSetBackDoesNotStickToATokenOfTheFuture(t *testing.T) {
	f := newTestFamily()
	f.want(t, "token 1")
	f.advance(-time.Hour)
	r := f.call()
	r.presented, r.presentedAt = "of now", f.at()
	if got, err := f.renew(context.Background(), r); err != nil || got != "of now" {
		t.Errorf("got %q, %v", got, err)
	}
	f.want(t, "token 2")
	f.want(t, "token 2")
}

func TestAFullBackgroundSignsNothingAndHoldsNobodyUp(t *testing.T) {
	f := newTestFamily()
	f.want(t, "token 1")
	f.advance(time.Minute)
	f.full.Store(true)
	for range 3 {
		f.want(t, "token 1")
	}
	f.full.Store(false)
	f.want(t, "token 1")
	if f.runLater() != 1 {
		t.Fatal("not tried again")
	}
	f.want(t, "token 2")
	f.full.Store(true)
	f.advance(2 * time.Minute)
	f.want(t, "token 3") // at the bound it is signed all the same
}

// One who waits for a signature in the background that then finds no room signs itself.
func TestAWaiterOutlivesAFullBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFamily()
		f.want(t, "token 1")
		f.advance(time.Minute)
		early := f.call()
		refuse := make(chan struct{})
		early.background = func(func()) bool { <-refuse; return false }
		go func() {
			if got, err := f.renew(context.Background(), early); err != nil || got != "token 1" {
				t.Errorf("got %q, %v", got, err)
			}
		}()
		synctest.Wait()
		f.advance(time.Minute)
		go f.want(t, "token 2")
		synctest.Wait()
		close(refuse)
		synctest.Wait()
		if f.signatures() != 2 {
			t.Errorf("%d signatures", f.signatures())
		}
	})
}

func TestAFailureIsThatOfAllWhoWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFamily()
		release := make(chan struct{})
		f.before, f.fail = func() { <-release }, errors.New("no signature today")
		var failed atomic.Int32
		for range 50 {
			go func() {
				if token, err := f.renew(context.Background(), f.call()); errors.Is(err, f.fail) && token == "" {
					failed.Add(1)
				}
			}()
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		if failed.Load() != 50 || f.signatures() != 1 {
			t.Fatalf("%d of 50 failed, with %d attempts", failed.Load(), f.signatures())
		}
		f.fail = nil
		f.want(t, "token 2")
	})
}

func TestAFailureInTheBackgroundIsTriedAgain(t *testing.T) {
	f := newTestFamily()
	f.want(t, "token 1")
	f.advance(time.Minute)
	f.fail = errors.New("no signature today")
	for range 2 {
		f.want(t, "token 1")
		if f.runLater() != 1 {
			t.Fatal("not tried")
		}
	}
	f.fail = nil
	f.want(t, "token 1")
	f.runLater()
	f.want(t, "token 4")
}

func TestAPanicWhileSigningWedgesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFamily()
		release := make(chan struct{})
		f.before = func() { <-release; panic("of the signer") }
		var panicked, failed atomic.Int32
		for range 20 {
			go func() {
				defer func() {
					if recover() != nil {
						panicked.Add(1)
					}
				}()
				if _, err := f.renew(context.Background(), f.call()); errors.Is(err, errSigning) {
					failed.Add(1)
				}
			}()
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		if panicked.Load() != 1 || failed.Load() != 19 {
			t.Fatalf("%d panicked, %d failed", panicked.Load(), failed.Load())
		}
		f.before = nil
		f.want(t, "token 1")

		// In the background, it ends neither the process nor the slot.
		f.advance(time.Minute)
		f.before = func() { panic("of the signer") }
		slots := newSignings(1)
		r := f.call()
		r.background = slots.start
		for range 3 {
			if got, err := f.renew(context.Background(), r); err != nil || got != "token 1" {
				t.Fatalf("got %q, %v", got, err)
			}
			synctest.Wait()
		}
		f.before = nil
		_, _ = f.renew(context.Background(), r)
		synctest.Wait()
		f.want(t, "token 2")
	})
}

func TestASignerThatReturnsNothingIsAFailure(t *testing.T) {
	f := newTestFamily()
	r := f.call()
	r.sign = func() (string, time.Time, error) { return "", f.at(), nil }
	if got, err := f.renew(context.Background(), r); !errors.Is(err, errSigning) {
		t.Errorf("got %q, %v", got, err)
	}
	f.want(t, "token 1")
}

func TestAWaitEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFamily()
		release := make(chan struct{})
		f.before = func() { <-release }
		go f.want(t, "token 1")
		synctest.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() {
			_, err := f.renew(ctx, f.call())
			ended <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		go f.want(t, "token 1")
		synctest.Wait()
		close(release)
	})
}

// One that waited for a signature of a key that was rotated away meanwhile does not take
// it.
func TestAWaiterOfAnotherKeySignsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFamily()
		release := make(chan struct{})
		f.before = func() { <-release }
		go f.want(t, "token 1")
		synctest.Wait()
		r := f.call()
		r.keyID = "key 2"
		go func() {
			if got, err := f.renew(context.Background(), r); err != nil || got != "token 2" {
				t.Errorf("got %q, %v", got, err)
			}
		}()
		synctest.Wait()
		close(release)
	})
}

// However many call at once, there are never two signatures within an interval, and
// nobody is given a token older than the bound.
func TestParallelCallsShareASignature(t *testing.T) {
	const callers, rounds, step = 200, 60, 7 * time.Second
	f := newTestFamily()
	slots := newSignings(2)
	var calls sync.WaitGroup
	stop := make(chan struct{})
	for range callers {
		calls.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := f.call()
				r.background = slots.start
				if token, err := f.renew(context.Background(), r); err != nil || token == "presented" || token == "" {
					t.Errorf("got %q, %v", token, err)
					return
				}
			}
		})
	}
	for range rounds {
		began := f.at()
		done := make(chan struct{})
		go func() { // a call that began after this moment, and was answered
			defer close(done)
			r := f.call()
			r.background = slots.start
			token, err := f.renew(context.Background(), r)
			var n int
			if _, scan := fmt.Sscanf(token, "token %d", &n); scan != nil || err != nil {
				t.Errorf("got %q, %v", token, err)
				return
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if age := began.Sub(f.signed[n-1]); age >= 2*time.Minute {
				t.Errorf("a token that is %v old", age)
			}
		}()
		<-done
		f.advance(step)
	}
	close(stop)
	calls.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := 1; i < len(f.signed); i++ {
		if gap := f.signed[i].Sub(f.signed[i-1]); gap < time.Minute {
			t.Errorf("signatures %d and %d lie %v apart", i, i+1, gap)
		}
	}
	if least := int(rounds * step / (2 * time.Minute)); len(f.signed) < least {
		t.Errorf("%d signatures only: the tokens grew old", len(f.signed))
	}
}

func TestHundredsOfFirstCallsSignOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFamily()
		release := make(chan struct{})
		f.before = func() { <-release }
		for range 500 {
			go f.want(t, "token 1")
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		if f.signatures() != 1 {
			t.Errorf("%d signatures", f.signatures())
		}
	})
}

func TestTheBackgroundIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := newSignings(2)
		release := make(chan struct{})
		var running, started atomic.Int32
		try := func() bool {
			return slots.start(func() { started.Add(1); running.Add(1); <-release; running.Add(-1) })
		}
		if first, second, third := try(), try(), try(); !first || !second || third {
			t.Error("two slots let another number in than two")
		}
		synctest.Wait()
		if running.Load() != 2 {
			t.Errorf("%d run", running.Load())
		}
		close(release)
		synctest.Wait()
		if !try() || started.Load() > 3 || running.Load() != 0 {
			t.Error("a slot was not given back")
		}
		synctest.Wait()
	})
}

func BenchmarkRenewHit(b *testing.B) {
	f := newTestFamily()
	r := f.call()
	ctx := context.Background()
	for b.Loop() {
		if _, err := f.renew(ctx, r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRenewHitInParallel(b *testing.B) {
	f := newTestFamily()
	r := f.call()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := f.renew(context.Background(), r); err != nil {
				b.Error(err)
			}
		}
	})
}
