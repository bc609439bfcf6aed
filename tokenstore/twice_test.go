package tokenstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/tokenstore/storetest"
)

// twice is a driver that runs the function of every Update and View twice and
// throws the first run away, as a conflict does: whatever a closure keeps from a
// run that lost shows in the answers.
type twice struct{ tokenstore.Driver }

var errDiscard = errors.New("discarded")

func (d twice) Update(ctx context.Context, fn func(tokenstore.Txn) error) (tokenstore.Revision, error) {
	_, err := d.Driver.Update(ctx, func(txn tokenstore.Txn) error {
		_ = fn(txn)
		return errDiscard
	})
	if !errors.Is(err, errDiscard) {
		return 0, err
	}
	return d.Driver.Update(ctx, fn)
}

func (d twice) View(ctx context.Context, fn func(tokenstore.Reader) error) error {
	err := d.Driver.View(ctx, func(r tokenstore.Reader) error {
		_ = fn(r)
		return errDiscard
	})
	if !errors.Is(err, errDiscard) {
		return err
	}
	return d.Driver.View(ctx, fn)
}

// All that a Store promises, every operation among it, holds over such a driver.
func TestStoreWithClosuresThatRunTwice(t *testing.T) {
	storetest.RunStore(t, storetest.Factory{
		New: memoryFactory.New,
		Open: func(location string) (tokenstore.Driver, error) {
			driver, err := memoryFactory.Open(location)
			return twice{driver}, err
		},
	})
}

func TestListsOfARunThatWasThrownAwayAreNotRepeated(t *testing.T) {
	f := newFixture(t, twice{newMemory()})
	for _, name := range []string{"acme", "zoo"} {
		f.create(name)
		f.activate(name)
	}
	recipients, next, err := f.Recipients(t.Context(), realm, "", 10)
	if len(recipients) != 2 || next != "" || err != nil {
		t.Errorf("%d recipients, next %q, %v", len(recipients), next, err)
	}
	tokens, next, err := f.Tokens(t.Context(), "", 10)
	if len(tokens) != 2 || next != "" || err != nil {
		t.Errorf("%d tokens, next %q, %v", len(tokens), next, err)
	}
	entries, cursor, err := f.Audit(t.Context(), nil, 10)
	if len(entries) != 4 || cursor != nil || err != nil {
		t.Errorf("%d audit entries, next %q, %v", len(entries), cursor, err)
	}
	recipient, live, err := f.Rotate(t.Context(), realm, "acme", tokenstore.Rotation{
		MaxTokens: 2, OldExpiresIn: lifetime, Link: f.link("second"),
	}, "tester")
	if len(live) != 2 || len(recipient.Slots) != 2 || err != nil {
		t.Errorf("rotation answers %d credentials and %d slots, %v", len(live), len(recipient.Slots), err)
	}
	if removed, err := f.Prune(t.Context()); removed != 0 || err != nil {
		t.Errorf("%d records removed, %v", removed, err)
	}
	f.advance(tokenstore.KeepAudit + lifetime)
	// Two tokens, three links, five entries of the audit.
	if removed, err := f.Prune(t.Context()); removed != 10 || err != nil {
		t.Errorf("%d records removed, %v, want 10", removed, err)
	}
}
