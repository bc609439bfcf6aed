package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var mintRaceTests = []storeTest{
	{"of parallel mints for one place one token is good", oneMintBound},
	{"of parallel reissues as a BitBroker makes them one token is good", oneReissueInFront},
	{"what is forgotten beside a binding is over", forgetBesideBind},
	{"what is rescinded beside a binding is over", rescindBesideBind},
	{"of rivals that mint one key one has it", oneMintOfAKey},
}

// bindBeside binds a token beside others. That it is over by then is no error.
func (s *site) bindBeside(t testing.TB, at place, token string) {
	err := again(func() error { return at.bind(s, t, token) })
	if _, ended := errors.AsType[*tokenstore.EndedError](err); err != nil && !ended {
		t.Errorf("binding %s: %v", token, err)
	}
}

func oneMintBound(t *testing.T, s *site) {
	for _, at := range places {
		for round := range 3 {
			var tokens []string
			var group sync.WaitGroup
			for i := range rivals {
				token := fmt.Sprint(at.name, " ", round, ".", i)
				tokens = append(tokens, token)
				group.Go(func() {
					if err := s.tryMint(t, at, token); err != nil {
						t.Error(err)
					}
					s.bindBeside(t, at, token)
				})
			}
			group.Wait()
			if good := s.goodBrokers(t, tokens...); len(good) != 1 {
				t.Errorf("%s: %q are good", at.name, good)
			}
			if round == 2 {
				for _, forget := range at.forgets {
					must(t, forget(s, t))
					break
				}
				if good := s.goodBrokers(t, tokens...); good != nil {
					t.Errorf("%s, forgotten: %q are good", at.name, good)
				}
			}
		}
	}
}

// oneReissueInFront has each rival rescind the key that the BitBroker's own table has, mint, write the
// new key there, and answer, as the original does, without any lock over it all.
func oneReissueInFront(t *testing.T, s *site) {
	s.seat(t, asConsumer, "first")
	var (
		mutex  sync.Mutex
		stored = "first" // in the BitBroker's table
		tokens = []string{"first"}
		group  sync.WaitGroup
	)
	for i := range rivals {
		token := fmt.Sprint("reissue ", i)
		tokens = append(tokens, token)
		group.Go(func() {
			mutex.Lock()
			old := stored
			mutex.Unlock()
			s.rescind(t, old)
			if err := s.tryMint(t, asConsumer, token); err != nil {
				t.Error(err)
			}
			mutex.Lock()
			stored = token
			mutex.Unlock()
			s.bindBeside(t, asConsumer, token)
		})
	}
	group.Wait()
	// A rival may have rescinded what another one is about to bind: never more than one.
	if good := s.goodBrokers(t, tokens...); len(good) > 1 {
		t.Errorf("%q are good", good)
	}
	must(t, s.ForgetAccess(t.Context(), home, 7, "weather", actor))
	if good := s.goodBrokers(t, tokens...); good != nil {
		t.Errorf("after the access was deleted, %q are good", good)
	}
}

func forgetBesideBind(t *testing.T, s *site) {
	for _, at := range places {
		for _, what := range slices.Sorted(maps.Keys(at.forgets)) {
			for round := range 4 {
				var tokens []string
				for i := range rivals {
					tokens = append(tokens, fmt.Sprint(at.name, " ", what, " ", round, ".", i))
				}
				s.mint(t, at, tokens...)
				var group sync.WaitGroup
				for i, token := range tokens {
					group.Go(func() { s.bindBeside(t, at, token) })
					if i == round*2 {
						group.Go(func() {
							if err := again(func() error { return at.forgets[what](s, t) }); err != nil {
								t.Error(err)
							}
						})
					}
				}
				group.Wait()
				if good := s.goodBrokers(t, tokens...); good != nil {
					t.Errorf("%s, %s: %q are good", at.name, what, good)
				}
			}
		}
	}
}

func rescindBesideBind(t *testing.T, s *site) {
	for _, at := range places {
		for round := range 6 {
			token := fmt.Sprint(at.name, " ", round)
			s.mint(t, at, token)
			var group sync.WaitGroup
			group.Go(func() { s.bindBeside(t, at, token) })
			group.Go(func() { s.rescind(t, token) })
			group.Wait()
			if good := s.goodBrokers(t, token); good != nil {
				t.Errorf("%q is good", good)
			}
		}
	}
}

func oneMintOfAKey(t *testing.T, s *site) {
	for round := range 4 {
		token := fmt.Sprint("round ", round)
		var (
			group  sync.WaitGroup
			mutex  sync.Mutex
			minted int
		)
		for range rivals {
			group.Go(func() {
				err := s.tryMint(t, asConsumer, token)
				mutex.Lock()
				defer mutex.Unlock()
				switch {
				case err == nil:
					minted++
				case !errors.Is(err, tokenstore.ErrExists):
					t.Error(err)
				}
			})
		}
		group.Go(func() { s.rescind(t, token) })
		group.Wait()
		if minted > 1 {
			t.Errorf("%d tokens of one key are minted", minted)
		}
		if minted == 1 { // before the key was rescinded, so it ended with it
			wantTooLate(t, token, asConsumer.bind(s, t, token), tokenstore.Revoked)
		}
	}
}

// BrokerWorkload is the workload of a BitBroker's calls: keys that are rescinded, and quotas
// that are reserved.
func BrokerWorkload(f Factory) Workload {
	open := func(location string) (*site, error) {
		driver, err := f.Open(location)
		if err != nil {
			return nil, err
		}
		s := &site{driver: driver, clock: newClock()}
		s.Store = tokenstore.New(driver, tokenstore.Options{Clock: s.clock.now})
		return s, nil
	}
	return Workload{
		Name: "broker",
		Run: func(location string, ack func(string)) error {
			s, err := open(location)
			if err != nil {
				return err
			}
			failed := make(chan error)
			for writer := range crashWriters {
				go func() { failed <- s.brokerLives(context.Background(), writer, ack) }()
			}
			return <-failed
		},
		Check: func(t *testing.T, location string, acked []string) {
			s, err := open(location)
			if err != nil {
				t.Fatalf("opening after a crash: %v", err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			s.checkBrokerLives(t, acked)
		},
	}
}

// crashQuota is more than any run reserves.
const crashQuota = 1 << 40

// brokerLives mints, binds and ends tokens of one user after the other, until an operation fails.
func (s *site) brokerLives(ctx context.Context, writer int, ack func(string)) error {
	run := rand.Uint32() // the names of a former run are taken
	user := uint64(writer + 1)
	for n := 0; ; n++ {
		foreign, rescinded, forgotten := fmt.Sprintf("f-%x-%d-%d", run, writer, n), fmt.Sprintf("r-%x-%d-%d", run, writer, n), fmt.Sprintf("a-%x-%d-%d", run, writer, n)
		bound := func(token string) error {
			mint := tokenstore.NewMint{NewBrokerToken: brokerToken(token), Kind: tokenstore.ConsumerToken, Audience: "weather"}
			if err := s.MintBrokerToken(ctx, home, mint, actor); err != nil {
				return err
			}
			return again(func() error { return s.BindAccess(ctx, home, mint.Digest, user, "weather", actor) })
		}
		for _, step := range []struct {
			line string
			run  func() error
		}{
			{foreign, func() error { return s.RescindKeys(ctx, home, []string{accessorOf(foreign)}, actor) }},
			{"", func() error { return bound(rescinded) }},
			{rescinded, func() error { return s.RescindKeys(ctx, home, []string{accessorOf(rescinded)}, actor) }},
			{"", func() error { return bound(forgotten) }},
			{forgotten, func() error { return s.ForgetAccess(ctx, home, user, "weather", actor) }},
		} {
			if err := again(step.run); err != nil {
				return fmt.Errorf("%s of writer %d: %w", step.line, writer, err)
			}
			if step.line != "" {
				ack(step.line)
			}
		}
		var r tokenstore.Reservation
		if err := again(func() (err error) {
			r, err = s.ReserveQuota(ctx, home, "calls", midnight, midnight.Add(day), crashQuota, 3)
			return err
		}); err != nil {
			return err
		}
		ack(fmt.Sprint("q ", r.First))
	}
}

// checkBrokerLives demands that whatever was acknowledged is over, and that nothing was
// reserved twice.
func (s *site) checkBrokerLives(t *testing.T, acked []string) {
	reserved := map[int64]bool{}
	for _, line := range acked {
		switch line[0] {
		case 'f':
			s.wantStanding(t, line, line, asConsumer, dawn, dawn)
		case 'q':
			var first int64
			if _, err := fmt.Sscanf(line, "q %d", &first); err != nil || reserved[first] {
				t.Errorf("%q was reserved twice, or is no line: %v", line, err)
			}
			reserved[first] = true
		default:
			if good := s.goodBrokers(t, line); good != nil {
				t.Errorf("%q is good", good)
			}
		}
	}
	next := s.reserve(t, "calls", 0, crashQuota, 3)
	for first := range reserved {
		if first >= next.First {
			t.Errorf("%d was reserved, and after the crash %d is next", first, next.First)
		}
	}
}
