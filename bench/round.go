package main

import (
	"context"
	"errors"
	"slices"
	"time"
)

// side is one of the servers with the connections to it.
type side struct {
	*server
	pool *pool
}

func newSide(s *server, connections int) (side, error) {
	p, err := newPool(s.address, connections)
	return side{s, p}, err
}

// meter measures one side over a round.
type meter struct {
	side
	work   work
	status int
	began  time.Duration // CPU time of the process
	all    load
}

func (s side) meter(w work, status int) (*meter, error) {
	began, err := s.cpu()
	return &meter{side: s, work: w, status: status, began: began}, err
}

// send sends the next requests.
func (m *meter) send(ctx context.Context, first uint64, count int) error {
	l, err := m.pool.run(ctx, m.work, m.status, first, count)
	m.all.wall += l.wall
	m.all.latencies = append(m.all.latencies, l.latencies...)
	return err
}

// sample is what one side did in one round.
type sample struct {
	cpu      time.Duration // of the server's process, for each request
	p50, p99 time.Duration
	rate     float64 // requests a second
}

// sample ends the measurement. What the process did while the other side had its
// turn counts: it is work put off, such as writing last uses.
func (m *meter) sample() (sample, error) {
	now, err := m.cpu()
	count := len(m.all.latencies)
	slices.Sort(m.all.latencies)
	return sample{
		cpu: (now - m.began) / time.Duration(count),
		p50: m.all.quantile(.50), p99: m.all.quantile(.99),
		rate: float64(count) / m.all.wall.Seconds(),
	}, err
}

// pair is bare Caddy and the gateway in one round.
type pair struct{ bare, gateway sample }

func (p pair) ratio() float64 { return float64(p.gateway.cpu) / float64(p.bare.cpu) }

// chunk is how many requests one side gets before the other has its turn: few, so
// that both meet the same neighbours on a busy machine.
const chunk = 500

// compare measures the requests of a work from first on, on both sides in turn.
func compare(ctx context.Context, w work, bare, gateway side, first uint64, count int) (p pair, err error) {
	b, err := bare.meter(w, 200)
	if err != nil {
		return p, err
	}
	g, err := gateway.meter(w, w.status)
	if err != nil {
		return p, err
	}
	for sent := 0; sent < count; sent += chunk {
		n := min(chunk, count-sent)
		for _, m := range []*meter{b, g} {
			if err := m.send(ctx, first+uint64(sent), n); err != nil {
				return p, err
			}
		}
	}
	var errs [2]error
	p.bare, errs[0] = b.sample()
	p.gateway, errs[1] = g.sample()
	return p, errors.Join(errs[:]...)
}
