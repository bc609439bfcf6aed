package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// signIns go to one account; each costs a hash of the password and a signature.
func signIns() work {
	return work{
		name: personalPrefix + "sign-ins", status: http.StatusOK,
		request: func(host string, _ uint64) []byte { return signIn(host) },
	}
}

// signingIn is how many sign-ins are sent at a time: more of one account from one
// address would be taken for guessing.
const signingIn = 4

// measureSignIns prints how many sign-ins a second there can be, and what each costs.
func (b *bench) measureSignIns(ctx context.Context) error {
	w := signIns()
	if !strings.Contains(w.name, b.only) {
		return nil
	}
	say("%s", w.name)
	count := max(b.requests/100, 50)
	var samples []sample
	for round := range b.rounds + 1 {
		s, err := b.signInOnce(ctx, w, count)
		if err != nil {
			return err
		}
		if round > 0 {
			samples = append(samples, s)
		}
	}
	return table{signInHead, signInRow(signingIn, samples)}.write(os.Stdout, b.markdown)
}

func (b *bench) signInOnce(ctx context.Context, w work, count int) (sample, error) {
	if err := b.personal.settle(ctx); err != nil {
		return sample{}, err
	}
	s, err := newSide(b.personal.server, signingIn)
	if err != nil {
		return sample{}, err
	}
	defer s.pool.close()
	m, err := s.meter(w, w.status)
	if err != nil {
		return sample{}, err
	}
	if err := m.send(ctx, 0, count); err != nil {
		return sample{}, err
	}
	return m.sample()
}

// hammered is a data call's latency in one round: of bare Caddy, and of the gateway
// without and with sign-ins at the same time.
type hammered struct {
	bare, calm, hammered sample
	rate                 float64 // sign-ins a second meanwhile
}

const hammeredName = personalPrefix + "data calls while sign-ins are hammered"

// measureHammered prints what sign-ins, as many as can be, do to a data call.
func (b *bench) measureHammered(ctx context.Context) error {
	if !strings.Contains(hammeredName, b.only) {
		return nil
	}
	say("%s", hammeredName)
	w := b.personal.works()[0]
	var rounds []hammered
	for round := range b.rounds + 1 {
		h, err := b.hammerOnce(ctx, w, b.requests)
		if err != nil {
			return err
		}
		if round > 0 {
			rounds = append(rounds, h)
		}
	}
	return table{hammeredHead, hammeredRow(rounds)}.write(os.Stdout, b.markdown)
}

func (b *bench) hammerOnce(ctx context.Context, w work, count int) (h hammered, err error) {
	if h.bare, err = b.dataCalls(ctx, b.bare, w, count); err != nil {
		return h, err
	}
	if h.calm, err = b.dataCalls(ctx, b.personal.server, w, count); err != nil {
		return h, err
	}
	stop, err := b.hammer(ctx)
	if err != nil {
		return h, err
	}
	h.hammered, err = b.dataCalls(ctx, b.personal.server, w, count)
	rate, stopped := stop()
	h.rate = rate
	if err == nil {
		err = stopped
	}
	return h, err
}

// dataCalls sends the requests of a work to one server.
func (b *bench) dataCalls(ctx context.Context, to *server, w work, count int) (sample, error) {
	s, err := newSide(to, b.connections)
	if err != nil {
		return sample{}, err
	}
	defer s.pool.close()
	m, err := s.meter(w, http.StatusOK)
	if err != nil {
		return sample{}, err
	}
	if err := m.send(ctx, 0, count); err != nil {
		return sample{}, err
	}
	return m.sample()
}

// hammer signs in without a pause until stopped. stop returns how many sign-ins there
// were in a second.
func (b *bench) hammer(ctx context.Context) (stop func() (rate float64, err error), err error) {
	s, err := newSide(b.personal.server, signingIn)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var (
		taken   atomic.Int64
		running sync.WaitGroup
		counts  = make([]int, len(s.pool.conns))
		errs    = make([]error, len(s.pool.conns))
		started = time.Now()
	)
	for i, c := range s.pool.conns {
		running.Go(func() {
			for ctx.Err() == nil && errs[i] == nil {
				// In turn: the gateway bounds the sign-ins of one account.
				families := b.personal.families
				n := int(taken.Add(1)) * familiesPerAccount % len(families)
				status, err := c.send(signIn(families[n].host))
				if err == nil && status != http.StatusOK {
					err = fmt.Errorf("a sign-in was answered %d", status)
				}
				errs[i] = err
				counts[i]++
			}
		})
	}
	return func() (float64, error) {
		cancel()
		running.Wait()
		took := time.Since(started).Seconds()
		total := 0
		for i, n := range counts {
			total += n
			if errs[i] != nil {
				return 0, errs[i]
			}
		}
		return float64(total) / took, s.pool.close()
	}, nil
}
