package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// StoreWorkload is the workload for the typed layer: several writers, each of whom
// leads one recipient after the other through a whole life.
func StoreWorkload(f Factory) Workload {
	open := func(location string) (*tokenstore.Store, error) {
		driver, err := f.Open(location)
		if err != nil {
			return nil, err
		}
		return tokenstore.New(driver, tokenstore.Options{Clock: newClock().now}), nil
	}
	return Workload{
		Name: "store",
		Run: func(location string, ack func(string)) error {
			store, err := open(location)
			if err != nil {
				return err
			}
			failed := make(chan error)
			for writer := range crashWriters {
				go func() { failed <- crashLives(store, writer, ack) }()
			}
			return <-failed
		},
		Check: func(t *testing.T, location string, acked []string) {
			store, err := open(location)
			if err != nil {
				t.Fatalf("opening after a crash: %v", err)
			}
			defer func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			}()
			checkLives(t, store, acked)
		},
	}
}

// stage is one operation in the life of a recipient, on a store and in a ledger.
type stage struct {
	store  func(context.Context, *tokenstore.Store) error
	ledger func(*ledger) error
}

// life is what happens to a recipient, in this order. Its realm has its name.
func life(name string) []stage {
	activate := func(link string) stage {
		return stage{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, err := s.Activate(ctx, name, codeOf(link), tokenOf(link), lifetime)
				return err
			},
			func(l *ledger) error { return l.activate(l.passes[len(l.passes)-1], tokenOf(link), lifetime) },
		}
	}
	rotate := func(link tokenstore.NewLink, old time.Duration) stage {
		r := tokenstore.Rotation{OldExpiresIn: old, MaxTokens: 2, Link: link}
		return stage{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, _, err := s.Rotate(ctx, name, name, r, actor)
				return err
			},
			func(l *ledger) error { return l.rotate(l.owner(name, name), r) },
		}
	}
	second, third, fourth := link("%s-second", name), link("%s-third", name), link("%s-fourth", name)
	return []stage{
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				n := tokenstore.NewRecipient{ID: name, Realm: name, Name: name, Link: link("%s", name)}
				_, err := s.CreateRecipient(ctx, n, actor)
				return err
			},
			func(l *ledger) error { return l.create(name, name, name, link("%s", name)) },
		},
		activate(name),
		rotate(second, time.Hour),
		activate(second.Accessor),
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, err := s.RevokeToken(ctx, name, actor)
				return err
			},
			func(l *ledger) error { return l.revokeToken(l.passes[0]) },
		},
		rotate(third, time.Minute),
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, _, err := s.Shorten(ctx, name, name, time.Second, nil, actor)
				return err
			},
			func(l *ledger) error { l.shorten(l.owner(name, name), time.Second); return nil },
		},
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, err := s.Revoke(ctx, name, name, actor)
				return err
			},
			func(l *ledger) error { l.revoke(l.owner(name, name)); return nil },
		},
		rotate(fourth, 0),
		activate(fourth.Accessor),
		{
			func(ctx context.Context, s *tokenstore.Store) error { return s.RevokeRealm(ctx, name, actor) },
			func(l *ledger) error { l.revokeRealm(name); return nil },
		},
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, err := s.DeleteRecipient(ctx, name, name, actor)
				return err
			},
			func(l *ledger) error { l.remove(l.owner(name, name)); return nil },
		},
	}
}

// crashLives runs lives until an operation fails.
func crashLives(s *tokenstore.Store, writer int, ack func(string)) error {
	run := rand.Uint32() // the names of a former run are taken
	for n := 0; ; n++ {
		name := fmt.Sprintf("%d-%x-%d", writer, run, n)
		for i, stage := range life(name) {
			if err := stage.store(context.Background(), s); err != nil {
				return fmt.Errorf("stage %d of %s: %w", i, name, err)
			}
			ack(fmt.Sprint(name, " ", i))
		}
	}
}

// checkLives demands of each recipient that it is exactly where its last
// acknowledged stage left it, or one stage further: whole, with its audit.
func checkLives(t *testing.T, s *tokenstore.Store, acked []string) {
	reached := map[string]int{} // name -> stages that were acknowledged
	for _, line := range acked {
		var (
			name string
			i    int
		)
		if _, err := fmt.Sscan(line, &name, &i); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		reached[name] = max(reached[name], i+1)
	}
	audited := map[string]int{}
	for cursor := []byte(nil); ; {
		entries, next, err := s.Audit(t.Context(), cursor, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			audited[entry.Realm]++
			reached[entry.Realm] += 0 // also what was begun and never acknowledged
		}
		if cursor = next; next == nil {
			break
		}
	}
	for name, stages := range reached {
		l := &ledger{now: dawn}
		for i, stage := range life(name) {
			if i == stages {
				break
			}
			if err := stage.ledger(l); err != nil {
				t.Fatalf("stage %d: %v", i, err)
			}
		}
		stands := l.differences(t.Context(), s)
		if stands == nil && len(l.audit) == audited[name] {
			continue
		}
		if stages == len(life(name)) {
			t.Errorf("%s ended with %d audit entries, and differs: %v", name, audited[name], stands)
			continue
		}
		if err := life(name)[stages].ledger(l); err != nil {
			t.Fatalf("stage %d: %v", stages, err)
		}
		if err := l.differences(t.Context(), s); err != nil || len(l.audit) != audited[name] {
			t.Errorf("%s is neither at stage %d (%v) nor at the next (%v); it has %d audit entries",
				name, stages, stands, err, audited[name])
		}
	}
}
