package tokenstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// One record that cannot be read must not keep all others for ever.
func TestPruneLeavesWhatItCannotRead(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, driver)
	const many = 5
	for i := range many {
		f.create(fmt.Sprint("acme-", i))
		f.activate(fmt.Sprint("acme-", i))
	}
	var damaged tokenstore.Entry
	read(t, driver, func(r tokenstore.Reader) error {
		entries, err := r.Scan([]byte("t"), nil, 3)
		damaged = entries[2]
		return err
	})
	write(t, driver, []tokenstore.Entry{damaged}, []byte("garbage"))
	f.advance(lifetime + tokenstore.KeepEnded)
	removed, err := f.Prune(t.Context())
	if want := many - 1 + many; removed != want || !errors.Is(err, tokenstore.ErrRecord) {
		t.Errorf("%d records are removed, %v, want %d and ErrRecord", removed, err, want)
	}
	read(t, driver, func(r tokenstore.Reader) error {
		if _, err := r.Get(damaged.Key); err != nil {
			t.Errorf("the damaged record: %v", err)
		}
		return nil
	})
}

// meanwhile is a driver that does something else before the next transaction.
type meanwhile struct {
	tokenstore.Driver
	next func()
}

func (d *meanwhile) Update(ctx context.Context, fn func(tokenstore.Txn) error) (tokenstore.Revision, error) {
	if next := d.next; next != nil {
		d.next = nil
		next()
	}
	return d.Driver.Update(ctx, fn)
}

// A token of long ago that yields to another while Prune goes ended just now.
func TestPruneKeepsATokenThatEndedWhileItLooked(t *testing.T) {
	driver := &meanwhile{Driver: newMemory()}
	f := newFixture(t, driver)
	seat := func(id string) {
		t.Helper()
		err := f.SeatCoordinator(t.Context(), realm, 7, tokenstore.NewBrokerToken{Accessor: id, Digest: tokenOf(id)}, "tester")
		if err != nil {
			t.Fatal(err)
		}
	}
	seat(mintedID)
	f.advance(2 * tokenstore.KeepEnded)
	driver.next = func() { seat(lateID) }
	if removed, err := f.Prune(t.Context()); removed != 0 || err != nil {
		t.Errorf("%d records are removed, %v", removed, err)
	}
	info, err := f.TokenByAccessor(t.Context(), mintedID)
	if err != nil || info.Status == tokenstore.StatusActive || !info.EndedAt.Equal(f.now()) || driver.next != nil {
		t.Errorf("the token that yielded: %s, %v", info.Status, err)
	}
}
