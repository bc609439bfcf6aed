package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// model is what a store should hold, as plain data.
type model struct {
	factory  Factory
	location string
	driver   tokenstore.Driver

	values  map[string]string
	changes []tokenstore.Change // all that were ever announced
	pruned  tokenstore.Revision // the highest through of a prune
	last    tokenstore.Revision
}

// runModel runs random operations on a store and on the model.
func runModel(t *testing.T, f Factory) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{factory: f, location: f.location(t), values: map[string]string{}}
		m.openStore(rt)
		defer func() {
			if err := m.driver.Close(); err != nil {
				rt.Errorf("closing: %v", err)
			}
		}()
		actions := map[string]func(*rapid.T){
			"update":  m.update,
			"update2": m.update, // twice as often
			"view":    m.view,
			"follow":  m.follow,
			"prune":   m.prune,
			"reopen":  m.reopen,
		}
		if f.Maintain != nil {
			actions["maintain"] = func(rt *rapid.T) {
				if err := f.Maintain(m.driver); err != nil {
					rt.Fatalf("maintaining: %v", err)
				}
			}
		}
		rt.Repeat(actions)
	})
}

var (
	// Few and nasty bytes, so that keys meet, and are prefixes of one another.
	someKey   = rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 'b', 0xff}), 1, 3), text)
	somePart  = rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 'b', 0xff}), 0, 2), text)
	someValue = rapid.Custom(func(t *rapid.T) string {
		// Large ones go another way in some databases.
		return strings.Repeat(string(rune('a'+rapid.IntRange(0, 25).Draw(t, "letter"))),
			rapid.SampledFrom([]int{0, 1, 2, 9, 100, 6000}).Draw(t, "size"))
	})
)

func text(b []byte) string { return string(b) }

func (m *model) openStore(rt *rapid.T) {
	driver, err := m.factory.Open(m.location)
	if err != nil {
		rt.Fatalf("opening: %v", err)
	}
	m.driver = driver
}

func (m *model) reopen(rt *rapid.T) {
	if err := m.driver.Close(); err != nil {
		rt.Errorf("closing: %v", err)
	}
	m.openStore(rt)
	m.view(rt)
}

func (m *model) update(rt *rapid.T) {
	values := maps.Clone(m.values)
	var messages []string
	failure := errors.New("drawn failure")
	fails := rapid.IntRange(0, 7).Draw(rt, "fails") == 0
	writes := false
	revision, err := m.driver.Update(rt.Context(), func(txn tokenstore.Txn) error {
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			var err error
			switch rapid.SampledFrom([]string{"put", "put", "delete", "announce", "get", "scan"}).Draw(rt, "step") {
			case "put":
				key, value := someKey.Draw(rt, "key"), someValue.Draw(rt, "value")
				values[key], writes = value, true
				err = txn.Put([]byte(key), []byte(value))
			case "delete":
				key := someKey.Draw(rt, "key")
				delete(values, key)
				writes = true
				err = txn.Delete([]byte(key))
			case "announce":
				message := someValue.Draw(rt, "message")
				messages, writes = append(messages, message), true
				err = txn.Announce([]byte(message))
			case "get":
				err = checkGet(rt, txn, values)
			case "scan":
				err = checkScan(rt, txn, values)
			}
			if err != nil {
				return err
			}
		}
		if fails {
			return failure
		}
		return nil
	})
	if fails && err == failure {
		return
	}
	if fails || err != nil {
		rt.Fatalf("update returns %v, the drawn failure is %v", err, fails)
	}
	if revision < m.last || writes && revision == m.last {
		rt.Fatalf("commit at %d comes after one at %d", revision, m.last)
	}
	m.values, m.last = values, revision
	if messages != nil {
		m.changes = append(m.changes, change(revision, messages...))
	}
}

func (m *model) view(rt *rapid.T) {
	err := m.driver.View(rt.Context(), func(r tokenstore.Reader) error {
		if r.Revision() < m.last {
			return fmt.Errorf("snapshot at %d, the last commit was at %d", r.Revision(), m.last)
		}
		m.last = r.Revision()
		return wantAll(checkGet(rt, r, m.values), checkScan(rt, r, m.values))
	})
	if err != nil {
		rt.Fatal(err)
	}
}

func checkGet(rt *rapid.T, r tokenstore.Reader, values map[string]string) error {
	key := someKey.Draw(rt, "key")
	if value, ok := values[key]; ok {
		return wantValue(r, key, value)
	}
	return wantMissing(r, key)
}

func checkScan(rt *rapid.T, r tokenstore.Reader, values map[string]string) error {
	prefix, after := somePart.Draw(rt, "prefix"), somePart.Draw(rt, "after")
	limit := rapid.SampledFrom([]int{1, 2, 5, 1000}).Draw(rt, "limit")
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if strings.HasPrefix(key, prefix) && key > after && len(keys) < limit {
			keys = append(keys, key)
		}
	}
	var from []byte
	if after != "" {
		from = []byte(after)
	}
	entries, err := r.Scan([]byte(prefix), from, limit)
	if err != nil {
		return err
	}
	same := slices.EqualFunc(entries, keys, func(entry tokenstore.Entry, key string) bool {
		return string(entry.Key) == key && bytes.Equal(entry.Value, []byte(values[key]))
	})
	if !same {
		return fmt.Errorf("scan of %q after %q, limit %d: got %.300q, want keys %q", prefix, after, limit, entries, keys)
	}
	return nil
}

// someRevision draws the revision of a commit that announced something, or zero,
// or one just beside it.
func (m *model) someRevision(rt *rapid.T) tokenstore.Revision {
	revisions := []tokenstore.Revision{0}
	for _, c := range m.changes {
		revisions = append(revisions, c.Revision-1, c.Revision)
	}
	return rapid.SampledFrom(revisions).Draw(rt, "revision")
}

func (m *model) follow(rt *rapid.T) {
	after := m.someRevision(rt)
	limit := rapid.IntRange(1, 4).Draw(rt, "limit")
	var want []tokenstore.Change
	gone := false
	for _, c := range m.changes {
		if c.Revision > after {
			want = append(want, c)
			gone = gone || c.Revision <= m.pruned
		}
	}
	got, _, err := follow(rt.Context(), m.driver, after, limit)
	switch {
	case gone && !errors.Is(err, tokenstore.ErrFeedTruncated):
		rt.Fatalf("after %d, pruned through %d: %s, %v; want ErrFeedTruncated", after, m.pruned, render(got), err)
	case !gone && after < m.pruned && errors.Is(err, tokenstore.ErrFeedTruncated):
		// Nothing is missing, but a driver may not know.
	case !gone && (err != nil || render(got) != render(want)):
		rt.Fatalf("after %d: %s, %v; want %s", after, render(got), err, render(want))
	}
}

func (m *model) prune(rt *rapid.T) {
	through := m.someRevision(rt)
	if err := m.driver.PruneChanges(rt.Context(), through); err != nil {
		rt.Fatalf("pruning: %v", err)
	}
	m.pruned = max(m.pruned, through)
}
