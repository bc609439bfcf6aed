package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/bench/secrets"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

const (
	realm = "default"

	// perCommit is how many recipients one transaction makes: Badger takes some
	// 1.2 MB at once with the store's settings.
	perCommit = 400

	lifetime = 90 * 24 * time.Hour
)

// fill makes recipients, each with one token that was fetched through its
// activation link.
func fill(ctx context.Context, driver tokenstore.Driver, s settings) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		workers sync.WaitGroup
		next    atomic.Uint64
	)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				first := next.Add(perCommit) - perCommit
				if first >= s.tokens {
					return
				}
				if err := addRecipients(ctx, driver, first, min(first+perCommit, s.tokens), s.managed); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// addRecipients makes the recipients from first up to, not with, end.
func addRecipients(ctx context.Context, driver tokenstore.Driver, first, end, managed uint64) error {
	_, err := driver.Update(ctx, func(txn tokenstore.Txn) error {
		store := tokenstore.New(inside{txn: txn}, tokenstore.Options{})
		for n := first; n < end; n++ {
			if err := addRecipient(ctx, store, n, n < managed); err != nil {
				return fmt.Errorf("recipient %d: %w", n, err)
			}
		}
		return nil
	})
	return err
}

func addRecipient(ctx context.Context, store *tokenstore.Store, n uint64, managed bool) error {
	code := secret.New(secret.ActivationCode).Digest()
	recipient := tokenstore.NewRecipient{
		ID: secret.NewID("rcp_"), Realm: realm, Name: fmt.Sprintf("recipient-%07d", n), Grants: []string{"sales"},
		Link: tokenstore.NewLink{Accessor: secret.NewAccessor(), Code: code, Lifetime: time.Hour},
	}
	if managed {
		key := secret.DigestOf(secrets.ManagementKey(n))
		recipient.ManagementKey = &key
	}
	if _, err := store.CreateRecipient(ctx, recipient, "bench"); err != nil {
		return err
	}
	_, err := store.Activate(ctx, realm, code, secret.DigestOf(secrets.Token(n)), tokenstore.BearerToken, lifetime)
	return err
}

// inside is a driver inside a transaction of another: an Update is a part of it,
// and is committed with the rest. A change at a time would take a sync each.
type inside struct {
	tokenstore.Driver
	txn tokenstore.Txn
}

func (d inside) View(_ context.Context, fn func(tokenstore.Reader) error) error { return fn(d.txn) }

func (d inside) Update(_ context.Context, fn func(tokenstore.Txn) error) (tokenstore.Revision, error) {
	return d.txn.Revision(), fn(d.txn)
}
