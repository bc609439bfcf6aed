package tokenstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func (f *fixture) wantUse(accessor string, want tokenstore.Use) {
	f.t.Helper()
	got, err := f.LastUse(f.t.Context(), accessor)
	if err != nil || !got.At.Equal(want.At) || got.ClientIP != want.ClientIP || got.UserAgent != want.UserAgent {
		f.t.Errorf("last use of %s is %v, %v, want %v", accessor, got, err, want)
	}
}

func TestLastUseIsKnownBeforeAndAfterItIsWritten(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, driver)
	f.wantUse("tok", tokenstore.Use{})
	f.advance(300 * time.Millisecond)
	f.Touch("tok", "192.0.2.1", "client/1")
	use := tokenstore.Use{At: dawn, ClientIP: "192.0.2.1", UserAgent: "client/1"}
	f.wantUse("tok", use)
	other := newFixture(t, driver)
	other.wantUse("tok", tokenstore.Use{})
	if err := f.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.wantUse("tok", use)
	other.wantUse("tok", use)
}

func TestLastUseShowsWithTheToken(t *testing.T) {
	f := newFixture(t, newMemory())
	f.create("acme")
	f.activate("acme")
	f.Touch("acme", "192.0.2.1", "client/1")
	info, err := f.TokenByAccessor(t.Context(), "acme")
	if err != nil || info.Use.UserAgent != "client/1" {
		t.Errorf("the token's last use is %v, %v", info.Use, err)
	}
}

func TestFlushThatFailsKeepsTheUses(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	f.Touch("old", "192.0.2.1", "first")
	f.Touch("both", "192.0.2.1", "first")
	failure := errors.New("disk full")
	fail(&driver.update, failure)
	driver.before = func() { // used again while the flush is under way
		f.advance(time.Minute)
		f.Touch("both", "192.0.2.2", "second")
	}
	if err := f.FlushUsage(t.Context()); !errors.Is(err, failure) {
		t.Fatalf("flush returns %v", err)
	}
	first := tokenstore.Use{At: dawn, ClientIP: "192.0.2.1", UserAgent: "first"}
	second := tokenstore.Use{At: dawn.Add(time.Minute), ClientIP: "192.0.2.2", UserAgent: "second"}
	f.wantUse("old", first)
	f.wantUse("both", second)
	fail(&driver.update, nil)
	if err := f.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	written := newFixture(t, driver)
	written.wantUse("old", first)
	written.wantUse("both", second)
}

func TestFlushGoesInBatches(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	const many = 1203
	for i := range many {
		f.Touch(fmt.Sprint("tok-", i), "192.0.2.1", "")
	}
	if err := f.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := driver.updates.Load(); got != 3 {
		t.Errorf("%d transactions, want 3", got)
	}
	written := newFixture(t, driver)
	for i := range many {
		written.wantUse(fmt.Sprint("tok-", i), tokenstore.Use{At: dawn, ClientIP: "192.0.2.1"})
	}
	if err := f.FlushUsage(t.Context()); err != nil || driver.updates.Load() != 3 {
		t.Errorf("a flush of nothing writes: %d transactions, %v", driver.updates.Load(), err)
	}
}

func TestUserAgentIsKeptPrintableAndShort(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, test := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"as usual", "delta-sharing-spark/3.1 (Linux)", "delta-sharing-spark/3.1 (Linux)"},
		{"a terminal escape", "a\x1b[31mb\r\nc", "a?[31mb??c"},
		{"delete and beyond ASCII", "a\x7fb\u00e9c", "a?b??c"},
		{"text that is not UTF-8", "a\xffb", "a?b"},
		{"the longest", long, long},
		{"too long", long + "y", long},
		{"cut inside a character", long[1:] + "\u00e9", long[1:] + "?"},
	} {
		f := newFixture(t, newMemory())
		f.Touch("tok", "", test.in)
		if got, err := f.LastUse(t.Context(), "tok"); got.UserAgent != test.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", test.name, got.UserAgent, err, test.want)
		}
	}
}

func TestCloseWritesTheUses(t *testing.T) {
	driver := &memory{data: newMemory().data}
	f := newFixture(t, driver)
	f.Touch("tok", "192.0.2.1", "client")
	for range 2 { // idempotent
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	newFixture(t, &memory{data: driver.data}).wantUse("tok", tokenstore.Use{At: dawn, ClientIP: "192.0.2.1", UserAgent: "client"})
}

func TestMaintainWritesEachIntervalAndWhenMuchIsNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := &faulty{Driver: newMemory()}
		store := tokenstore.New(driver, tokenstore.Options{})
		failure := errors.New("disk full")
		reported := 0
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			store.Maintain(ctx, time.Minute, func(err error) {
				if errors.Is(err, failure) {
					reported++
				}
			})
			close(done)
		}()
		wait := func(d time.Duration) { // by the bubble's clock
			<-time.After(d)
			synctest.Wait()
		}
		store.Touch("tok", "", "")
		wait(59 * time.Second)
		if got := driver.updates.Load(); got != 0 {
			t.Errorf("%d transactions before the interval", got)
		}
		wait(time.Second)
		if got := driver.updates.Load(); got != 1 {
			t.Errorf("%d transactions after the interval, want 1", got)
		}
		fail(&driver.update, failure)
		store.Touch("tok", "", "")
		wait(time.Minute)
		fail(&driver.update, nil)
		if reported != 1 {
			t.Errorf("%d errors reported, want 1", reported)
		}
		before := driver.updates.Load()
		for i := range 20_000 {
			store.Touch(fmt.Sprint("tok-", i), "", "")
		}
		synctest.Wait() // no time passes
		if driver.updates.Load() == before {
			t.Error("a full buffer waits for the interval")
		}
		stop()
		<-done
	})
}
