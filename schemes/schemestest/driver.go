package schemestest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/tokenstore/badgerstore"
)

// Driver is an embedded store that counts how often it is read and written, and fails while it
// is broken.
type Driver struct {
	*badgerstore.Store
	Reads, Updates atomic.Int64
	Broken         atomic.Bool
}

// ErrBroken is what a broken driver answers.
var ErrBroken = errors.New("the disk is gone")

// OpenDriver opens a driver in a folder. Who opens it closes it.
func OpenDriver(t testing.TB, directory string) *Driver {
	t.Helper()
	badger, err := badgerstore.Open(badgerstore.Options{Directory: directory})
	if err != nil {
		t.Fatal(err)
	}
	return &Driver{Store: badger}
}

// View implements tokenstore.Driver.
func (d *Driver) View(ctx context.Context, fn func(tokenstore.Reader) error) error {
	d.Reads.Add(1)
	if d.Broken.Load() {
		return ErrBroken
	}
	return d.Store.View(ctx, fn)
}

// Update implements tokenstore.Driver.
func (d *Driver) Update(ctx context.Context, fn func(tokenstore.Txn) error) (tokenstore.Revision, error) {
	d.Updates.Add(1)
	if d.Broken.Load() {
		return 0, ErrBroken
	}
	return d.Store.Update(ctx, fn)
}

// NewBackend is what schemes share, over a driver and by a clock.
func NewBackend(d tokenstore.Driver, now func() time.Time) *schemes.Backend {
	store := tokenstore.New(d, tokenstore.Options{Clock: now})
	return &schemes.Backend{
		Store: store, Identities: schemes.NewIdentityCache(store, 0), Limiter: schemes.NewLimiter(0, now),
		Sealer: secret.NewSealer(secret.NewMasterKey()), Parts: new(schemes.Parts),
	}
}

// CloseBackend closes what NewBackend made, its store last.
func CloseBackend(t testing.TB, b *schemes.Backend) {
	t.Helper()
	b.Parts.Close()
	b.Identities.Close()
	if err := b.Store.Close(); err != nil {
		t.Error(err)
	}
}
