package tokenstore_test

import (
	"context"
	"sync/atomic"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// faulty is a driver whose operations fail as the test says.
type faulty struct {
	tokenstore.Driver
	update  atomic.Pointer[error] // instead of an update
	answer  atomic.Pointer[error] // instead of the answer to an update that committed
	view    atomic.Pointer[error]
	changes atomic.Pointer[error]
	updates atomic.Int32 // that were asked for
	before  func()       // runs once, before the next update begins
}

// fail makes a kind of operation fail; nil mends it.
func fail(kind *atomic.Pointer[error], err error) {
	if err == nil {
		kind.Store(nil)
		return
	}
	kind.Store(&err)
}

func (d *faulty) Update(ctx context.Context, fn func(tokenstore.Txn) error) (tokenstore.Revision, error) {
	d.updates.Add(1)
	if before := d.before; before != nil {
		d.before = nil
		before()
	}
	if err := d.update.Load(); err != nil {
		return 0, *err
	}
	revision, err := d.Driver.Update(ctx, fn)
	if lost := d.answer.Load(); lost != nil && err == nil {
		return 0, *lost
	}
	return revision, err
}

func (d *faulty) View(ctx context.Context, fn func(tokenstore.Reader) error) error {
	if err := d.view.Load(); err != nil {
		return *err
	}
	return d.Driver.View(ctx, fn)
}

func (d *faulty) Changes(ctx context.Context, after tokenstore.Revision, limit int) (tokenstore.ChangePage, error) {
	if err := d.changes.Load(); err != nil {
		return tokenstore.ChangePage{}, *err
	}
	return d.Driver.Changes(ctx, after, limit)
}

// wrapped is a driver whose transactions go through a wrapper.
type wrapped struct {
	tokenstore.Driver
	wrap func(tokenstore.Txn) tokenstore.Txn
}

func (d wrapped) Update(ctx context.Context, fn func(tokenstore.Txn) error) (tokenstore.Revision, error) {
	return d.Driver.Update(ctx, func(txn tokenstore.Txn) error { return fn(d.wrap(txn)) })
}
