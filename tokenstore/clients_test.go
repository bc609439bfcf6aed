package tokenstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// wantClients demands who is known to use a token, the latest first: address, user
// agent, and the minutes since dawn of its first and its last use.
func (f *fixture) wantClients(accessor string, want ...string) {
	f.t.Helper()
	clients, err := f.Clients(f.t.Context(), accessor)
	if err != nil {
		f.t.Errorf("clients of %s: %v", accessor, err)
	}
	var got []string
	for _, c := range clients {
		got = append(got, fmt.Sprintf("%s %s %g-%g", c.IP, c.UserAgent, c.First.Sub(dawn).Minutes(), c.Last.Sub(dawn).Minutes()))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		f.t.Errorf("clients of %s: %q, want %q", accessor, got, want)
	}
}

func (f *fixture) flush() {
	f.t.Helper()
	if err := f.FlushUsage(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

func TestClientsAreKnownBeforeAndAfterTheyAreWritten(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, twice{driver})
	f.wantClients("tok")
	f.TouchBy("tok", "192.0.2.1", "spark\x1b[31m")
	f.advance(time.Minute)
	f.TouchBy("tok", "192.0.2.2", "python")
	f.TouchBy("other", "192.0.2.3", "python")
	both := []string{"192.0.2.2 python 1-1", "192.0.2.1 spark?[31m 0-0"}
	f.wantClients("tok", both...)
	f.flush()
	f.wantClients("tok", both...)
	newFixture(t, driver).wantClients("tok", both...)
	f.wantUse("tok", tokenstore.Use{At: dawn.Add(time.Minute), ClientIP: "192.0.2.2", UserAgent: "python"})

	// The same callers again: their first use is remembered.
	f.advance(time.Minute)
	f.TouchBy("tok", "192.0.2.1", "spark\x1b[31m")
	again := []string{"192.0.2.1 spark?[31m 0-2", "192.0.2.2 python 1-1"}
	f.wantClients("tok", again...)
	f.flush()
	f.wantClients("tok", again...)
	f.wantClients("other", "192.0.2.3 python 1-1")
}

func TestOfManyClientsTheLatestAreKnown(t *testing.T) {
	f := newFixture(t, newMemory())
	const many = 450
	for i := range many {
		f.TouchBy("tok", fmt.Sprint("address-", i), "client")
		f.advance(time.Second)
		if i%150 == 0 {
			f.flush()
		}
	}
	for range 2 {
		clients, err := f.Clients(t.Context(), "tok")
		if err != nil || len(clients) != tokenstore.MaxClients || clients[0].IP != "address-449" || clients[199].IP != "address-250" {
			t.Errorf("%d clients, %v, want the latest 200", len(clients), err)
		}
		f.flush()
	}
}

// Spark's client writes an id of each query into its User-Agent: one partner would push
// all others out of the list by which an operator decides when revoking is safe.
func TestQueriesOfOneClientHideNoOther(t *testing.T) {
	f := newFixture(t, newMemory())
	f.TouchBy("tok", "192.0.2.2", "python")
	for i := range 1000 {
		f.advance(time.Minute)
		f.TouchBy("tok", "192.0.2.1", fmt.Sprintf("Delta-Sharing-Spark/1.2.0 Spark/3.5 QueryId-%08x-e29b-41d4-a716-446655440000 Hadoop/3.3 java/11", i))
		if i%400 == 0 {
			f.flush()
		}
	}
	for range 2 {
		f.wantClients("tok", "192.0.2.1 Delta-Sharing-Spark/1.2.0 Spark/3.5 Hadoop/3.3 java/11 1-1000", "192.0.2.2 python 0-0")
		f.flush()
	}
}

// Nor do names that are made up otherwise, whether written in between or not.
func TestUserAgentsOfOneAddressHideNoOther(t *testing.T) {
	for _, every := range []int{1, 100, 1 << 30} {
		t.Run(fmt.Sprint("flush after ", every), func(t *testing.T) {
			f := newFixture(t, newMemory())
			const others = 150
			for i := range others {
				f.TouchBy("tok", fmt.Sprint("address-", i), "python")
			}
			for i := range 700 {
				f.advance(time.Second)
				f.TouchBy("tok", "192.0.2.1", fmt.Sprint("client/", i))
				if i%every == every-1 {
					f.flush()
				}
			}
			clients, err := f.Clients(t.Context(), "tok")
			if err != nil || len(clients) != others+5 {
				t.Fatalf("%d clients, %v, want %d", len(clients), err, others+5)
			}
			for i, c := range clients[:5] {
				if c.UserAgent != fmt.Sprint("client/", 699-i) {
					t.Errorf("client %d is %s", i, c.UserAgent)
				}
			}
		})
	}
}

// Where not all find room, each address has its latest, however long ago.
func TestEveryAddressIsKnownBeforeTheOtherClientsOfOne(t *testing.T) {
	f := newFixture(t, newMemory())
	const quiet, busy = 180, 10
	for i := range quiet {
		f.TouchBy("tok", fmt.Sprint("quiet-", i), "client")
	}
	for i := range 4 * busy {
		f.advance(time.Second)
		f.TouchBy("tok", fmt.Sprint("busy-", i%busy), fmt.Sprint("client/", i))
	}
	clients, err := f.Clients(t.Context(), "tok")
	addresses := make(map[string]bool)
	for i, c := range clients {
		addresses[c.IP] = true
		if i < 20 && c.UserAgent != fmt.Sprint("client/", 39-i) {
			t.Errorf("client %d is %+v, want the latest", i, c)
		}
	}
	if err != nil || len(clients) != tokenstore.MaxClients || len(addresses) != quiet+busy {
		t.Errorf("%d clients of %d addresses, %v", len(clients), len(addresses), err)
	}
}

func TestClientsOfManyTokensAreWrittenInBatches(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	const many = 120
	for i := range many {
		f.TouchBy(fmt.Sprint("tok-", i), "192.0.2.1", "client")
	}
	f.flush()
	if got := driver.updates.Load(); got != 1+3 { // the uses, and the callers
		t.Errorf("%d transactions, want 4", got)
	}
	written := newFixture(t, driver)
	for i := range many {
		written.wantClients(fmt.Sprint("tok-", i), "192.0.2.1 client 0-0")
	}
}

// An operator decides by them when revoking is safe: a disk that was full for a moment
// must not lose a caller, nor move its first use.
func TestFlushThatFailsKeepsTheClients(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	f.TouchBy("tok", "192.0.2.1", "spark")
	failure := errors.New("disk full")
	fail(&driver.update, failure)
	driver.before = func() {
		f.advance(time.Minute)
		f.TouchBy("tok", "192.0.2.2", "python")
	}
	if err := f.FlushUsage(t.Context()); !errors.Is(err, failure) {
		t.Fatalf("flush returns %v", err)
	}
	both := []string{"192.0.2.2 python 1-1", "192.0.2.1 spark 0-0"}
	f.wantClients("tok", both...)
	fail(&driver.update, nil)
	f.flush()
	newFixture(t, driver).wantClients("tok", both...)
}

func TestCallersInMemoryAreBounded(t *testing.T) {
	f := newFixture(t, newMemory())
	const many = 10_050
	for i := range many {
		f.TouchBy(fmt.Sprint("tok-", i), "192.0.2.1", "client")
	}
	f.wantClients("tok-9999", "192.0.2.1 client 0-0")
	f.wantClients("tok-10049") // at its next call
	f.flush()
	f.TouchBy("tok-10049", "192.0.2.1", "client")
	f.wantClients("tok-10049", "192.0.2.1 client 0-0")
}

// Else what one token's holders write would keep the others' callers out of memory.
func TestCallersOfOneTokenLeaveRoomForOthers(t *testing.T) {
	f := newFixture(t, newMemory())
	for i := range 30_000 {
		f.TouchBy("tok", fmt.Sprint("address-", i%3000), fmt.Sprint("client/", i))
	}
	f.TouchBy("other", "192.0.2.1", "client")
	f.wantClients("other", "192.0.2.1 client 0-0")
}

func TestClientsGoWithTheirToken(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, driver)
	f.create("acme")
	f.activate("acme")
	f.TouchBy("acme", "192.0.2.1", "client")
	f.flush()
	f.advance(lifetime + tokenstore.KeepEnded)
	if _, err := f.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.wantClients("acme")
}
