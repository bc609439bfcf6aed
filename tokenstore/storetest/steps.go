package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// update runs a transaction that must succeed.
func update(t testing.TB, d tokenstore.Driver, fn func(tokenstore.Txn) error) tokenstore.Revision {
	t.Helper()
	revision, err := d.Update(t.Context(), fn)
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	return revision
}

// view reads a snapshot; it must succeed. It returns the snapshot's revision.
func view(t testing.TB, d tokenstore.Driver, fn func(tokenstore.Reader) error) tokenstore.Revision {
	t.Helper()
	var revision tokenstore.Revision
	err := d.View(t.Context(), func(r tokenstore.Reader) error {
		revision = r.Revision()
		return fn(r)
	})
	if err != nil {
		t.Fatalf("view: %v", err)
	}
	return revision
}

// put writes key-value pairs in one transaction.
func put(t testing.TB, d tokenstore.Driver, pairs ...string) tokenstore.Revision {
	t.Helper()
	return update(t, d, func(txn tokenstore.Txn) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := txn.Put([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
}

// announce commits nothing but messages.
func announce(t testing.TB, d tokenstore.Driver, messages ...string) tokenstore.Revision {
	t.Helper()
	return update(t, d, func(txn tokenstore.Txn) error { return announceAll(txn, messages) })
}

func announceAll(txn tokenstore.Txn, messages []string) error {
	for _, message := range messages {
		if err := txn.Announce([]byte(message)); err != nil {
			return err
		}
	}
	return nil
}

// wantValue demands a value under a key of a reader.
func wantValue(r tokenstore.Reader, key, value string) error {
	got, err := r.Get([]byte(key))
	if err != nil {
		return fmt.Errorf("get %q: %w", key, err)
	}
	if !bytes.Equal(got, []byte(value)) {
		return fmt.Errorf("get %q: got %.40q, want %.40q", key, got, value)
	}
	return nil
}

// wantMissing demands that there is no value under a key.
func wantMissing(r tokenstore.Reader, key string) error {
	if got, err := r.Get([]byte(key)); !errors.Is(err, tokenstore.ErrNotFound) {
		return fmt.Errorf("get %q: got %.40q, %v, want ErrNotFound", key, got, err)
	}
	return nil
}

// wantKeys demands the keys that a scan returns, and that each value repeats its key.
func wantKeys(r tokenstore.Reader, prefix, after string, limit int, keys ...string) error {
	var from []byte
	if after != "" {
		from = []byte(after)
	}
	entries, err := r.Scan([]byte(prefix), from, limit)
	if err != nil {
		return fmt.Errorf("scan of %q after %q: %w", prefix, after, err)
	}
	var got []string
	for _, entry := range entries {
		if !bytes.Equal(entry.Key, entry.Value) {
			return fmt.Errorf("scan of %q after %q: key %q has value %q", prefix, after, entry.Key, entry.Value)
		}
		got = append(got, string(entry.Key))
	}
	if strings.Join(got, "\n") != strings.Join(keys, "\n") {
		return fmt.Errorf("scan of %q after %q: got %q, want %q", prefix, after, got, keys)
	}
	return nil
}

// wantAll returns the first of several errors.
func wantAll(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// follow reads the feed to its end, in pages, and checks each page's form.
func follow(ctx context.Context, d tokenstore.Driver, after tokenstore.Revision, limit int) ([]tokenstore.Change, tokenstore.Revision, error) {
	var all []tokenstore.Change
	for {
		page, err := d.Changes(ctx, after, limit)
		if err != nil {
			return nil, after, err
		}
		last := after
		for _, change := range page.Changes {
			if change.Revision <= last || len(change.Messages) == 0 {
				return nil, after, fmt.Errorf("after revision %d comes one at %d with %d messages",
					last, change.Revision, len(change.Messages))
			}
			last = change.Revision
		}
		if page.Through < last {
			return nil, after, fmt.Errorf("page claims to be complete through %d, but holds %d", page.Through, last)
		}
		all = append(all, page.Changes...)
		after = page.Through
		if len(page.Changes) == 0 {
			return all, after, nil
		}
	}
}

// feed is the whole feed after a revision, which must be readable.
func feed(t testing.TB, d tokenstore.Driver, after tokenstore.Revision, limit int) []tokenstore.Change {
	t.Helper()
	changes, _, err := follow(t.Context(), d, after, limit)
	if err != nil {
		t.Fatalf("following the feed: %v", err)
	}
	return changes
}

// render makes changes comparable and readable.
func render(changes []tokenstore.Change) string {
	var b strings.Builder
	for _, change := range changes {
		fmt.Fprintf(&b, "%d%.60q ", change.Revision, change.Messages)
	}
	return b.String()
}

// change is what a commit at a revision announced.
func change(revision tokenstore.Revision, messages ...string) tokenstore.Change {
	c := tokenstore.Change{Revision: revision}
	for _, message := range messages {
		c.Messages = append(c.Messages, []byte(message))
	}
	return c
}
