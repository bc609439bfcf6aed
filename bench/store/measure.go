package main

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/bench/secrets"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// lookupResult is what bench reads from standard output.
type lookupResult struct {
	Microseconds float64 // for each look-up of a token by its digest
}

// lookup times what an uncached request asks the store: who holds a token.
func lookup(ctx context.Context, driver tokenstore.Driver, s settings) (lookupResult, error) {
	store := tokenstore.New(driver, tokenstore.Options{})
	digests := make([]secret.Digest, s.count)
	for i := range digests {
		digests[i] = secret.DigestOf(secrets.Token(mathrand.Uint64N(s.tokens)))
	}
	started := time.Now()
	for _, digest := range digests {
		if _, err := store.TokenHolder(ctx, realm, digest); err != nil {
			return lookupResult{}, err
		}
	}
	took := time.Since(started)
	return lookupResult{float64(took.Microseconds()) / float64(s.count)}, nil
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
