package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var contentionTests = []storeTest{
	{"of rotations for the last slot one gets a token", lastToken},
	{"of parallel rotations one link remains", lastLink},
	{"of parallel activations one wins", oneActivation},
	{"a recipient never holds more valid tokens than it may", neverMore},
	{"what activates beside a mass revocation is dead after it", activateBesideRevokeRealm},
}

const rivals = 8

func lastToken(t *testing.T, s *site) {
	for round := range 4 {
		most := 2 + round%2
		name := fmt.Sprint("acme-", round)
		s.create(t, home, name)
		s.activate(t, home, name)
		for i := 1; i < most-1; i++ { // to one below the limit
			held := fmt.Sprintf("%s held %d", name, i)
			if _, _, err := s.Rotate(t.Context(), home, name, tokenstore.Rotation{OldExpiresIn: lifetime, MaxTokens: most, Link: link("%s", held)}, actor); err != nil {
				t.Fatal(err)
			}
			s.activate(t, home, held)
		}
		var group sync.WaitGroup
		var won atomic.Int32
		for i := range rivals {
			group.Go(func() {
				r := tokenstore.Rotation{OldExpiresIn: lifetime, MaxTokens: most, Link: link("%s rival %d", name, i)}
				err := again(func() error { _, _, err := s.Rotate(t.Context(), home, name, r, actor); return err })
				if err == nil {
					err = again(func() error {
						_, err := s.Activate(t.Context(), home, r.Link.Code, tokenOf(r.Link.Accessor), tokenstore.BearerToken, lifetime)
						return err
					})
				}
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, tokenstore.ErrTooManyTokens) && plain(err) != errLinkOver:
					t.Errorf("rival %d: %v", i, err)
				}
			})
		}
		group.Wait()
		live, err := credentials(t.Context(), s.Store, home, name)
		if won.Load() != 1 || err != nil || len(live) != most {
			t.Errorf("%d rivals for one slot got a token; the recipient holds %q, %v", won.Load(), live, err)
		}
	}
}

func lastLink(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	var group sync.WaitGroup
	for i := range rivals {
		group.Go(func() {
			r := tokenstore.Rotation{OldExpiresIn: time.Hour, MaxTokens: 2, Link: link("rival %d", i)}
			if err := again(func() error { _, _, err := s.Rotate(t.Context(), home, "acme", r, actor); return err }); err != nil {
				t.Errorf("rival %d: %v", i, err)
			}
		})
	}
	group.Wait()
	usable := 0
	for i := range rivals {
		if _, err := s.Link(t.Context(), home, codeOf(fmt.Sprint("rival ", i))); err == nil {
			usable++
		}
	}
	live, err := credentials(t.Context(), s.Store, home, "acme")
	if usable != 1 || err != nil || len(live) != 2 {
		t.Errorf("%d links can be used; the recipient holds %q, %v", usable, live, err)
	}
}

func oneActivation(t *testing.T, s *site) {
	for round := range 4 {
		name := fmt.Sprint("acme-", round)
		s.create(t, home, name)
		token := func(i int) secret.Digest { return digestOf("%s for %d", name, i) }
		var group sync.WaitGroup
		var winner atomic.Int32
		winner.Store(-1)
		for i := range rivals {
			group.Go(func() {
				err := again(func() error {
					_, err := s.Activate(t.Context(), home, codeOf(name), token(i), tokenstore.BearerToken, lifetime)
					return err
				})
				switch {
				case err == nil && !winner.CompareAndSwap(-1, int32(i)):
					t.Errorf("%d wins beside %d", i, winner.Load())
				case err != nil && plain(err) != errLinkUsed:
					t.Errorf("rival %d: %v", i, err)
				}
			})
		}
		group.Wait()
		for i := range rivals {
			_, err := s.TokenHolder(t.Context(), home, token(i))
			if i == int(winner.Load()) && err != nil || i != int(winner.Load()) && !errors.Is(err, tokenstore.ErrNotFound) {
				t.Errorf("rival %d, where %d won: %v", i, winner.Load(), err)
			}
		}
		s.wantLink(t, home, name, errLinkUsed)
	}
}

// frozen is one snapshot of a driver as a driver, so that many answers of a Store
// can be had of one instant.
type frozen struct {
	tokenstore.Driver // none: whatever else is called panics
	reader            tokenstore.Reader
}

func (f frozen) View(_ context.Context, fn func(tokenstore.Reader) error) error { return fn(f.reader) }

// neverMore rotates, activates, shortens and revokes from all sides and looks at
// snapshots meanwhile.
func neverMore(t *testing.T, s *site) {
	const (
		most          = 2
		workers, each = 4, 60
		seen          = 3 // snapshots with as many tokens as there may be, for the test to show something
	)
	var full atomic.Int32
	s.create(t, home, "acme")
	var (
		mutex  sync.Mutex
		links  = []string{"acme"}
		tokens = make(map[secret.Digest]bool) // of attempts too: noted before the token exists
	)
	note := func(token secret.Digest) { mutex.Lock(); defer mutex.Unlock(); tokens[token] = true }
	// What ended, or never was, is looked at no more, or the snapshots would become few.
	forget := func(token secret.Digest) { mutex.Lock(); defer mutex.Unlock(); delete(tokens, token) }
	some := func() string { mutex.Lock(); defer mutex.Unlock(); return links[max(0, len(links)-1-rand.IntN(3))] }
	step := func(worker, i int) (err error) {
		switch rand.IntN(8) {
		default:
			r := tokenstore.Rotation{MaxTokens: most, Link: link("link %d.%d", worker, i)}
			r.OldExpiresIn = []time.Duration{0, time.Minute, time.Hour}[rand.IntN(3)]
			if _, _, err = s.Rotate(t.Context(), home, "acme", r, actor); err == nil {
				mutex.Lock()
				defer mutex.Unlock()
				links = append(links, r.Link.Accessor)
			}
		case 0, 1, 2:
			token := digestOf("token %d.%d", worker, i)
			note(token)
			if _, err = s.Activate(t.Context(), home, codeOf(some()), token, tokenstore.BearerToken, lifetime); err != nil {
				forget(token)
			}
		case 3:
			_, _, err = s.Shorten(t.Context(), home, "acme", time.Duration(1+rand.IntN(90))*time.Second, nil, actor)
		case 4:
			_, err = s.RevokeToken(t.Context(), some(), actor)
		case 5:
			if s.clock.advance(time.Duration(rand.IntN(30)) * time.Second); rand.IntN(4) == 0 {
				_, err = s.Revoke(t.Context(), home, "acme", actor)
			}
		}
		return err
	}
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := 0; i < each || full.Load() < seen && i < 100*each; i++ {
				switch err := plain(step(worker, i)); {
				case err == nil, err == errLinkOver, err == errLinkUsed:
				case errors.Is(err, tokenstore.ErrTooManyTokens), errors.Is(err, tokenstore.ErrConflict):
				case errors.Is(err, tokenstore.ErrNotFound): // a token whose link waits
				default:
					t.Errorf("worker %d: %v", worker, err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		view(t, s.driver, func(r tokenstore.Reader) error {
			now := s.clock.now() // after the snapshot: no commit in it has seen a later time
			store := tokenstore.New(frozen{reader: r}, tokenstore.Options{Clock: func() time.Time { return now }})
			mutex.Lock()
			known := slices.Collect(maps.Keys(tokens))
			mutex.Unlock()
			valid := 0
			for _, token := range known {
				_, err := store.TokenHolder(t.Context(), home, token)
				var ended *tokenstore.EndedError
				switch {
				case err == nil:
					valid++
				case errors.As(err, &ended):
					forget(token)
				}
			}
			_, live, err := store.Credentials(t.Context(), home, "acme")
			listed := len(slices.DeleteFunc(live, func(c tokenstore.Credential) bool { return c.Token == nil }))
			if err == nil && (valid > most || valid != listed) {
				err = fmt.Errorf("%d tokens are valid, %d are listed, %d may be", valid, listed, most)
			}
			if valid == most {
				full.Add(1)
			}
			return err
		})
	}
	if full.Load() < seen {
		t.Errorf("%d snapshots had as many tokens as there may be: the test shows nothing", full.Load())
	}
}

func activateBesideRevokeRealm(t *testing.T, s *site) {
	for i := range rivals {
		s.create(t, home, fmt.Sprint("acme-", i))
	}
	var group sync.WaitGroup
	for i := range rivals {
		group.Go(func() {
			err := again(func() error {
				name := fmt.Sprint("acme-", i)
				_, err := s.Activate(t.Context(), home, codeOf(name), tokenOf(name), tokenstore.BearerToken, lifetime)
				return err
			})
			if err != nil && plain(err) != errLinkOver {
				t.Errorf("activating %d: %v", i, err)
			}
		})
	}
	if err := again(func() error { return s.RevokeRealm(t.Context(), home, actor) }); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	for i := range rivals {
		if name := fmt.Sprint("acme-", i); s.valid(t, home, name) {
			t.Errorf("the token of %s outlives the mass revocation", name)
		}
	}
}
