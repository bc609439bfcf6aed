package main

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatehouse-auth/gatehouse/bench/secrets"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// lookupResult is what bench reads from standard output.
type lookupResult struct {
	Microseconds float64 // of CPU time, for each look-up of a token by its digest
}

// passes of look-ups; the first warms up, the median of the others counts.
const passes = 6

// lookup measures what an uncached request asks the store: who holds a token. It
// takes the CPU time of its own thread, so that neither other processes nor the
// store's merging of tables count.
func lookup(ctx context.Context, driver tokenstore.Driver, s settings) (lookupResult, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	store := tokenstore.New(driver, tokenstore.Options{})
	digests := make([]secret.Digest, s.count)
	var took []time.Duration
	for range passes {
		for i := range digests {
			digests[i] = secret.DigestOf(secrets.Token(mathrand.Uint64N(s.tokens)))
		}
		began, err := threadCPU()
		if err != nil {
			return lookupResult{}, err
		}
		for _, digest := range digests {
			if _, err := store.TokenHolder(ctx, realm, digest); err != nil {
				return lookupResult{}, err
			}
		}
		ended, err := threadCPU()
		if err != nil {
			return lookupResult{}, err
		}
		took = append(took, ended-began)
	}
	counted := slices.Sorted(slices.Values(took[1:]))
	return lookupResult{counted[len(counted)/2].Seconds() * 1e6 / float64(s.count)}, nil
}

func threadCPU() (time.Duration, error) {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		return 0, fmt.Errorf("reading the thread's CPU time: %w", err)
	}
	return time.Duration(at.Nano()), nil
}

// commitResult is what bench reads from standard output.
type commitResult struct {
	PerSecond float64
}

// commit measures what the driver itself can do on this disk: many goroutines, each
// a small synced transaction that announces a change, like a rotation without the
// rest.
func commit(ctx context.Context, driver tokenstore.Driver, s settings) (commitResult, error) {
	var (
		workers sync.WaitGroup
		left    atomic.Int64
		failed  atomic.Pointer[error]
	)
	left.Store(int64(s.count))
	started := time.Now()
	for range s.parallel {
		workers.Go(func() {
			for left.Add(-1) >= 0 {
				if err := commitOne(ctx, driver); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		return commitResult{}, *err
	}
	return commitResult{float64(s.count) / time.Since(started).Seconds()}, nil
}

func commitOne(ctx context.Context, driver tokenstore.Driver) error {
	key := []byte("bench" + rand.Text())
	_, err := driver.Update(ctx, func(txn tokenstore.Txn) error {
		if err := txn.Announce(key); err != nil {
			return err
		}
		return txn.Put(key, make([]byte, 150))
	})
	return err
}
