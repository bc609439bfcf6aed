package schemes_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// subnet returns one of the 65,536 networks of a customer of IPv6.
func subnet(i int) string { return schemes.NetworkOf(fmt.Sprintf("2001:db8:1:%x::1", i)) }

func TestCustomerWithA48DoesNotGuessFromEverySubnetAnew(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	guesses := 0
	for range 60 { // an hour, as fast as one likes
		for i := range 2000 {
			if _, ok := fail(b, from(subnet(i)), false); ok {
				guesses++
			}
		}
		clock.advance(time.Minute)
	}
	if guesses < 30 || guesses > 45 {
		t.Errorf("%d guesses in an hour, want the 30 that are free and few more", guesses)
	}
	if wait, ok := b.Attempt(from(subnet(60_000)), false); ok || wait <= 0 {
		t.Errorf("ok %t, wait %s in a subnet that was not used yet", ok, wait)
	}
	other := from(subnet(60_000))
	other.Account = "acc_bob"
	if _, ok := b.Attempt(other, false); ok {
		t.Error("a password may be tried at every account")
	}
}

func TestWiderNetworkWaitsAsOthersDoAfterThirtyFailures(t *testing.T) {
	clock := new(stillClock)
	b := schemes.NewBackoff(0, clock.now)
	next := func() schemes.BackoffKey { // of another account and subnet each time
		clock.advance(time.Nanosecond)
		key := from(subnet(int(clock.now().UnixNano() % 65_536)))
		key.Account = "acc_" + key.Network
		return key
	}
	for i := range 30 {
		if _, ok := fail(b, next(), false); !ok {
			t.Fatalf("failure %d is not free", i+1)
		}
	}
	for _, seconds := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		wait, ok := b.Attempt(next(), false)
		if ok || int(wait/time.Second) != seconds {
			t.Fatalf("ok %t, wait %s, want %d s", ok, wait, seconds)
		}
		clock.advance(wait)
		if _, ok := fail(b, next(), false); !ok {
			t.Fatal("refused after the time that it was told to wait")
		}
	}
	clock.advance(time.Hour)
	if _, ok := b.Attempt(next(), false); !ok {
		t.Error("not forgotten after an hour")
	}
}

func TestWiderNetworkKeepsNobodyOutOfANetworkThatTheAccountKnows(t *testing.T) {
	b := schemes.NewBackoff(0, new(stillClock).now)
	for i := range 60_000 {
		fail(b, from(subnet(i)), false)
	}
	if _, ok := b.Attempt(from(subnet(65_000)), true); !ok {
		t.Error("the owner is refused at home for the neighbours")
	}
	for _, network := range []string{"2001:db8:2::/64", homeNetwork, ""} {
		if _, ok := b.Attempt(from(network), false); !ok {
			t.Errorf("a first attempt from %q is refused, though its wider network has no failures", network)
		}
	}
}

func TestSuccessTakesBackWhatTheWiderNetworkCounted(t *testing.T) {
	b := schemes.NewBackoff(0, new(stillClock).now)
	for i := range 25 { // owners who mistype, behind one provider
		key := from(subnet(i))
		key.Account = fmt.Sprint("acc_", i)
		for range 4 {
			if _, ok := fail(b, key, false); !ok {
				t.Fatalf("owner %d is refused", i)
			}
		}
		if _, ok := b.Attempt(key, false); !ok {
			t.Fatalf("owner %d is refused", i)
		}
		b.Succeeded(key)
	}
}

// Whoever has an account of his own must not clear the way by signing in between.
func TestSuccessAtOwnAccountDoesNotClearTheWiderNetwork(t *testing.T) {
	b := schemes.NewBackoff(0, new(stillClock).now)
	guesses := 0
	for i := range 1000 {
		if _, ok := fail(b, from(subnet(i)), false); ok {
			guesses++
		}
		own := from(subnet(i))
		own.Account = "acc_mallory"
		if _, ok := b.Attempt(own, true); !ok {
			t.Fatal("a known network is refused at its own account")
		}
		b.Succeeded(own)
	}
	if guesses != 30 {
		t.Errorf("%d guesses, want 30", guesses)
	}
}

func TestWiderNetwork(t *testing.T) {
	for ip, want := range map[string]string{
		"2001:db8:1:2:3::4":  "2001:db8:1::/48",
		"2001:db8:1:fff::1":  "2001:db8:1::/48",
		"2001:db8:2::1":      "2001:db8:2::/48",
		"::1":                "::/48",
		"192.0.2.7":          "192.0.2.7/32",
		"64:ff9b::192.0.2.7": "192.0.2.7/32",
		"alice":              "",
	} {
		if got := schemes.WiderNetwork(schemes.NetworkOf(ip)); got != want {
			t.Errorf("%q: %q, want %q", ip, got, want)
		}
	}
}
