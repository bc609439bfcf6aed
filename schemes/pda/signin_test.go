package pda

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/password"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// tenant is an account that was signed in to from a network.
func tenant(i int, hash password.Hash, network string) *account {
	return &account{Account: tokenstore.Account{
		Realm: "default", ID: fmt.Sprint("acc_", i), Username: "tenant", Password: hash, SignedInFrom: []string{network},
	}}
}

func TestTrustedLaneIsSharedOut(t *testing.T) {
	const home = "192.0.2.1/32"
	for name, tc := range map[string]struct {
		account func(i int) int
		network func(i int) string
	}{
		"one account":                  {func(int) int { return 1 }, func(i int) string { return fmt.Sprintf("198.51.100.%d/32", i) }},
		"one network":                  {func(i int) int { return i }, func(int) string { return "198.51.100.1/32" }},
		"one customer's many networks": {func(i int) int { return i }, func(i int) string { return fmt.Sprintf("2001:db8:1:%x::/64", i) }},
	} {
		t.Run(name, func(t *testing.T) {
			b := &schemes.Backend{Limiter: schemes.NewLimiter(0, nil)}
			var leave []func()
			for i := range 40 {
				give, ok := takeTrusted(b, tenant(tc.account(i), "", ""), tc.network(i))
				if ok {
					leave = append(leave, give)
				} else {
					give()
				}
			}
			if len(leave) != 4 {
				t.Errorf("%d of 40 are in the lane, want 4", len(leave))
			}
			if _, ok := takeTrusted(b, tenant(100, "", ""), home); !ok {
				t.Error("another owner is not let in")
			}
			for _, give := range leave {
				give()
			}
			for i := range 4 {
				if _, ok := takeTrusted(b, tenant(tc.account(i), "", ""), tc.network(i)); !ok {
					t.Error("a place was not given back")
				}
			}
		})
	}
}

func TestRefusedOwnerHoldsNoPlaceInTheTrustedLane(t *testing.T) {
	b := &schemes.Backend{Limiter: schemes.NewLimiter(0, nil)}
	for range 4 {
		takeTrusted(b, tenant(1, "", ""), "198.51.100.1/32")
	}
	for range 4 {
		if _, ok := takeTrusted(b, tenant(2, "", ""), "198.51.100.1/32"); ok {
			t.Error("a fifth of the network is let in")
		}
	}
	if _, ok := takeTrusted(b, tenant(2, "", ""), "192.0.2.1/32"); !ok {
		t.Error("the owner is kept out of the lane at home, for a network that was full")
	}
}

// One tenant with several accounts signed in to all of them at once and again, and other
// owners were told that the gateway is busy.
func TestTenantDoesNotFillTheLaneOfOwners(t *testing.T) {
	in := signIn(t)
	hasher := password.NewHasher(password.Options{Slots: 1, Waiting: 6, Params: password.Params{Memory: 1 << 10, Time: 1, Threads: 1}})
	partOf(in.backend).passwords = hasher
	const plain = "nine patient harbours"
	hash, err := hasher.Hash(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var tenants sync.WaitGroup
	for i := range 40 {
		tenants.Go(func() {
			const network = "198.51.100.1/32"
			for {
				select {
				case <-stop:
					return
				default:
					_ = in.checkPassword(t.Context(), in.backend, tenant(i%8, hash, network), "tenant", plain, network)
				}
			}
		})
	}
	const home = "192.0.2.1/32"
	for range 50 {
		err := in.checkPassword(t.Context(), in.backend, tenant(100, hash, home), "tenant", plain, home)
		if refusal := (*schemes.Refusal)(nil); errors.As(err, &refusal) && refusal.Status == http.StatusTooManyRequests {
			t.Error("the owner is told that the gateway is busy")
			break
		} else if err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	tenants.Wait()
}
