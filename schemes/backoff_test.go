package schemes_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

const (
	homeNetwork   = "192.0.2.1/32"
	officeNetwork = "192.0.2.2/32"
)

func from(network string) schemes.BackoffKey {
	return schemes.BackoffKey{Realm: "default", Account: "acc_alice", Network: network}
}

// network returns one of many.
func network(i int) string { return fmt.Sprintf("198.51.%d.%d/32", i/256, i%256) }

// fail makes an attempt that fails. It reports how long to wait where there may be none.
func fail(b *schemes.Backoff, key schemes.BackoffKey, known bool) (retryAfter time.Duration, ok bool) {
	if retryAfter, ok = b.Attempt(key, known); ok {
		b.Failed(key)
	}
	return retryAfter, ok
}

// waits fails at once whenever it may, and returns the waits between, in seconds.
func waits(b *schemes.Backoff, clock *stillClock, key schemes.BackoffKey, known bool, n int) (seconds []int) {
	for range n {
		wait, ok := fail(b, key, known)
		if !ok {
			clock.advance(wait - time.Nanosecond)
			if _, ok := fail(b, key, known); ok {
				panic("let in before the time that it was told to wait")
			}
			clock.advance(time.Nanosecond)
			if _, ok := fail(b, key, known); !ok {
				panic("refused after the time that it was told to wait")
			}
		}
		seconds = append(seconds, int(wait/time.Second))
	}
	return seconds
}

// press puts the account under pressure, from networks that are used nowhere else.
func press(t *testing.T, b *schemes.Backoff) {
	t.Helper()
	for i := range 21 {
		if _, ok := fail(b, from(network(60_000+i)), false); !ok {
			t.Fatal("a first attempt is refused")
		}
	}
}

func TestFailuresDoubleTheWait(t *testing.T) {
	usual := []int{0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900}
	for _, tc := range []struct {
		name            string
		known, pressure bool
		want            []int
	}{
		{"usually", false, false, usual},
		{"from a known network", true, false, usual},
		{"under pressure", false, true, []int{0, 30, 60, 120, 240}}, // then it is over, if nobody else fails,
		{"under pressure, from a known network", true, true, usual},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clock := new(stillClock)
			b := schemes.NewBackoff(0, clock.now)
			if tc.pressure {
				press(t, b)
			}
			if got := waits(b, clock, from(homeNetwork), tc.known, len(tc.want)); !slices.Equal(got, tc.want) {
				t.Errorf("waits %v, want %v", got, tc.want)
			}
		})
	}
}

func TestHourWithoutFailureForgets(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	waits(b, clock, from(homeNetwork), false, 12)
	clock.advance(time.Hour - time.Nanosecond)
	if got := waits(b, clock, from(homeNetwork), false, 2); !slices.Equal(got, []int{0, 256}) {
		t.Errorf("waits %v: forgotten before the hour is over", got)
	}
	clock.advance(time.Hour)
	if got := waits(b, clock, from(homeNetwork), false, 6); !slices.Equal(got, []int{0, 0, 0, 0, 0, 1}) {
		t.Errorf("waits %v after an hour, want those of the beginning", got)
	}
}

func TestRefusedAttemptsDoNotProlongTheWait(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	waits(b, clock, from(homeNetwork), false, 8)
	for range 1000 {
		if wait, ok := b.Attempt(from(homeNetwork), false); ok || wait != 8*time.Second {
			t.Fatalf("ok %t, wait %s", ok, wait)
		}
	}
	clock.advance(8 * time.Second)
	if _, ok := b.Attempt(from(homeNetwork), false); !ok {
		t.Error("refused after the time that it was told to wait")
	}
}

func TestClockThatIsSetBackKeepsNobodyWaitingForIt(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	waits(b, clock, from(homeNetwork), true, 8)
	clock.advance(-24 * time.Hour)
	if wait, ok := b.Attempt(from(homeNetwork), true); ok || wait != 8*time.Second {
		t.Fatalf("ok %t, wait %s", ok, wait)
	}
	clock.advance(8 * time.Second)
	if _, ok := b.Attempt(from(homeNetwork), true); !ok {
		t.Error("refused after the time that it was told to wait")
	}
}

func TestWaitIsInWholeSeconds(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	waits(b, clock, from(homeNetwork), false, 7)
	clock.advance(time.Millisecond)
	if wait, ok := b.Attempt(from(homeNetwork), false); ok || wait != 4*time.Second {
		t.Errorf("ok %t, wait %s: Retry-After must not name a moment that is too early", ok, wait)
	}
}

func TestNetworkPaysForItsFailuresAtAllAccounts(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	for i := range 5 {
		key := from(homeNetwork)
		key.Account = fmt.Sprint("acc_", i)
		if _, ok := fail(b, key, false); !ok {
			t.Fatal("refused within what is free")
		}
	}
	if wait, ok := b.Attempt(from(homeNetwork), false); ok || wait != time.Second {
		t.Errorf("ok %t, wait %s: a password may be tried at every account", ok, wait)
	}
	other := from(homeNetwork)
	other.Realm = "other"
	for _, key := range []schemes.BackoffKey{from(officeNetwork), other} {
		if _, ok := b.Attempt(key, false); !ok {
			t.Errorf("%v pays for another", key)
		}
	}
}

func TestAttemptsInFlightCountAsFailures(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			if _, ok := b.Attempt(from(homeNetwork), i%2 == 0); ok {
				admitted.Add(1)
			}
		})
	}
	wg.Wait()
	if admitted.Load() != 5 {
		t.Errorf("%d guesses at once, want 5", admitted.Load())
	}
	clock.advance(30 * time.Minute)
	if _, ok := b.Attempt(from(homeNetwork), true); ok {
		t.Error("a sixth while five are not ended")
	}
	b.Dropped(from(homeNetwork))
	if _, ok := b.Attempt(from(homeNetwork), true); !ok {
		t.Error("refused though one ended without a verdict")
	}
	if _, ok := b.Attempt(from(homeNetwork), true); ok {
		t.Error("one that ended took the others with it")
	}
	for range 5 {
		b.Failed(from(homeNetwork))
	}
	if wait, ok := b.Attempt(from(homeNetwork), true); ok || wait != time.Second {
		t.Errorf("ok %t, wait %s after five failures", ok, wait)
	}
}

// Attempts that a panic left are not for ever.
func TestAttemptsThatNobodyEndsAreForgotten(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	for range 5 {
		b.Attempt(from(homeNetwork), true)
	}
	clock.advance(time.Hour)
	if got := waits(b, clock, from(homeNetwork), false, 6); !slices.Equal(got, []int{0, 0, 0, 0, 0, 1}) {
		t.Errorf("waits %v an hour later", got)
	}
}

func TestSuccessTakesBackItsOwnAccountsFailures(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	for range 4 {
		fail(b, from(homeNetwork), false)
	}
	if _, ok := b.Attempt(from(homeNetwork), false); !ok {
		t.Fatal("refused within what is free")
	}
	b.Succeeded(from(homeNetwork))
	if got := waits(b, clock, from(homeNetwork), false, 6); !slices.Equal(got, []int{0, 0, 0, 0, 0, 1}) {
		t.Errorf("waits %v after a success, want those of the beginning", got)
	}
}

// Whoever has an account of his own must not go on guessing at others' by signing in
// to it between the guesses.
func TestSuccessAtOwnAccountDoesNotClearGuessesAtOthers(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	own := from(homeNetwork)
	own.Account = "acc_mallory"
	guesses := 0
	for i := range 100 {
		other := from(homeNetwork)
		other.Account = fmt.Sprint("acc_", i)
		if _, ok := fail(b, other, false); ok {
			guesses++
		}
		if _, ok := b.Attempt(own, true); !ok {
			t.Fatal("a known network is refused at its own account")
		}
		b.Succeeded(own)
	}
	if guesses != 5 {
		t.Errorf("%d guesses, want 5", guesses)
	}
}

func TestAttackersCannotKeepTheOwnerOut(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	for range 3 {
		for i := range 2000 {
			fail(b, from(network(i)), false)
			b.Attempt(from(network(10_000+i)), false) // and never ends
		}
		clock.advance(time.Minute)
	}
	if _, ok := b.Attempt(from(homeNetwork), true); !ok {
		t.Error("the owner is refused at home")
	}
	if _, ok := b.Attempt(from(officeNetwork), false); !ok {
		t.Error("the owner's first attempt from elsewhere is refused")
	}
	b.Failed(from(officeNetwork))
	if wait, ok := b.Attempt(from(officeNetwork), false); ok || wait != 30*time.Second {
		t.Errorf("elsewhere, after a failure: ok %t, wait %s", ok, wait)
	}
}

// Others behind one address fail at accounts of theirs.
func TestKnownNetworkIsNotRefusedForItsNeighbours(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	neighbour := from(homeNetwork)
	neighbour.Account = "acc_bob"
	waits(b, clock, neighbour, false, 15)
	if _, ok := b.Attempt(from(homeNetwork), true); !ok {
		t.Error("the owner is refused")
	}
}

func TestPressureBeginsAfterTwentyFailuresAndEnds(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	try := func() int { // in seconds, how long the second attempt of a new network must wait
		clock.advance(time.Nanosecond)
		key := from(fmt.Sprint(clock.now().UnixNano()))
		if _, ok := fail(b, key, false); !ok {
			t.Fatal("a first attempt is refused")
		}
		wait, ok := b.Attempt(key, false)
		if ok {
			b.Dropped(key)
		}
		return int(wait / time.Second)
	}
	for i := range 20 {
		if wait := try(); wait != 0 {
			t.Fatalf("failure %d puts the account under pressure", i+1)
		}
	}
	if wait := try(); wait != 30 {
		t.Errorf("wait %d s after 21 failures, want 30", wait)
	}
	clock.advance(15*time.Minute - 50*time.Nanosecond)
	if wait := try(); wait != 30 {
		t.Errorf("wait %d s: the pressure ended before the window", wait)
	}
	clock.advance(15 * time.Minute)
	if wait := try(); wait != 0 {
		t.Errorf("wait %d s: the pressure does not end", wait)
	}
}

func TestBackoffForgetsTheLeastRecentlyTried(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(10, clock.now)
	spend := func(network string) {
		for range 5 {
			fail(b, from(network), true)
		}
	}
	spend(homeNetwork)
	for i := range 9 {
		spend(network(i))
	}
	if _, ok := b.Attempt(from(homeNetwork), true); ok { // and by this, it is the most recent
		t.Fatal("forgotten while there is room")
	}
	for i := range 9 {
		spend(network(100 + i))
	}
	if _, ok := b.Attempt(from(homeNetwork), true); ok {
		t.Error("refused attempts let their count be forgotten")
	}
	for i := range 10 {
		spend(network(200 + i))
	}
	if _, ok := b.Attempt(from(homeNetwork), true); !ok {
		t.Error("more is counted than the capacity")
	}
}

// Owners who sign in, however many, must not push attackers out of what is counted.
func TestSuccessesForgetNobody(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(10, clock.now)
	waits(b, clock, from(homeNetwork), true, 21)
	for i := range 100 {
		key := schemes.BackoffKey{Realm: "default", Account: fmt.Sprint("acc_", i), Network: network(i)}
		b.Attempt(key, i%2 == 0)
		if i%3 == 0 {
			b.Dropped(key)
		} else {
			b.Succeeded(key)
		}
	}
	elsewhere := from(homeNetwork)
	elsewhere.Account = "acc_bob"
	for name, key := range map[string]schemes.BackoffKey{"pair": from(homeNetwork), "network": elsewhere} {
		if _, ok := b.Attempt(key, name == "pair"); ok {
			t.Errorf("the %s was forgotten", name)
		}
	}
}

func TestSuccessesElsewhereDoNotEndPressure(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(10, clock.now)
	press(t, b)
	for i := range 100 {
		key := schemes.BackoffKey{Realm: "default", Account: fmt.Sprint("acc_", i), Network: network(i)}
		b.Attempt(key, false)
		b.Succeeded(key)
	}
	fail(b, from(homeNetwork), false)
	if wait, ok := b.Attempt(from(homeNetwork), false); ok || wait != 30*time.Second {
		t.Errorf("ok %t, wait %s", ok, wait)
	}
}

func TestAttemptsInFlightArePressure(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	for i := range 20 {
		b.Attempt(from(network(i)), false)
	}
	fail(b, from(homeNetwork), false)
	if wait, ok := b.Attempt(from(homeNetwork), false); ok || wait != 30*time.Second {
		t.Errorf("ok %t, wait %s", ok, wait)
	}
	for i := range 20 {
		b.Succeeded(from(network(i)))
	}
	if _, ok := b.Attempt(from(homeNetwork), false); !ok {
		t.Error("the pressure is not over, though all others knew the password")
	}
}

func TestBackoffWhenMoreIsTriedAtOnceThanIsCounted(t *testing.T) {
	b := schemes.NewBackoff(2, nil)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 200 {
				key := from(network((i + n) % 7))
				if _, ok := b.Attempt(key, n%2 == 0); !ok {
					continue
				}
				switch n % 3 {
				case 0:
					b.Failed(key)
				case 1:
					b.Succeeded(key)
				case 2:
					b.Dropped(key)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkBackoff(b *testing.B) {
	backoff := schemes.NewBackoff(0, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := backoff.Attempt(from(homeNetwork), true); ok {
			backoff.Succeeded(from(homeNetwork))
		}
	}
}
