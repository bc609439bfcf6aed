package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
)

// bench is one run.
type bench struct {
	options
	directory string
	binary    string
	tool      storeTool

	closers      []func() error
	upstream     string
	bare         *side
	large, small *gateway
}

// gateway is a side with a store of some size.
type gateway struct {
	side
	size size
}

// prepare fills the stores, measures them while nobody has them open, and starts
// the servers.
func (b *bench) prepare(ctx context.Context) (err error) {
	b.binary = filepath.Join(b.directory, "caddy")
	if err := copyBinary(b.options.binary, b.binary); err != nil {
		return err
	}
	if b.tool, err = buildStoreTool(ctx, b.directory); err != nil {
		return err
	}
	var stop func() error
	if b.upstream, stop, err = startUpstream(); err != nil {
		return err
	}
	b.closers = append(b.closers, stop)

	if b.small, err = b.startGateway(ctx, "small", b.options.small); err != nil {
		return err
	}
	if b.large, err = b.startGateway(ctx, "large", b.options.tokens); err != nil {
		return err
	}
	b.bare, err = b.startSide(ctx, "bare", bareSite, "")
	return err
}

func (b *bench) startGateway(ctx context.Context, name string, tokens uint64) (*gateway, error) {
	say("filling a store with %s tokens", thousands(tokens))
	g := &gateway{size: size{tokens: tokens}}
	store := filepath.Join(b.directory, name+"-store")
	var err error
	if g.size.filled, err = timed(func() error { return b.tool.fill(ctx, store, tokens) }); err != nil {
		return nil, err
	}
	if g.size.lookup, err = b.tool.lookup(ctx, store, tokens, b.requests); err != nil {
		return nil, err
	}
	g.size.start, err = timed(func() error {
		s, err := b.startSide(ctx, name, gatewaySite, store)
		if err != nil {
			return err
		}
		g.side = *s
		// The gateway opens its store when it first needs it.
		_, err = g.pool.run(ctx, works(tokens, tokens)[0], http.StatusOK, 0, 1)
		return err
	})
	if err != nil {
		return nil, err
	}
	g.size.atStart, err = g.memory()
	return g, err
}

func (b *bench) startSide(ctx context.Context, name, site, store string) (*side, error) {
	s, err := startServer(ctx, b.binary, filepath.Join(b.directory, name), site, b.upstream, store)
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, s.stop)
	connected, err := newSide(s, b.connections)
	b.closers = append(b.closers, connected.pool.close)
	return &connected, err
}

// close stops what was started, the last first.
func (b *bench) close() error {
	var errs []error
	for i := len(b.closers) - 1; i >= 0; i-- {
		errs = append(errs, b.closers[i]())
	}
	return errors.Join(errs...)
}

// compareAll measures one work after the other. Round 0 warms up and does not count.
func (b *bench) compareAll(ctx context.Context) error {
	result := table{compareHead}
	for _, w := range works(b.options.small, b.options.tokens) {
		say("%s", w.name)
		to, stored := b.large, b.options.tokens
		if w.small {
			to, stored = b.small, b.options.small
		}
		for _, s := range []*server{b.bare.server, to.server} {
			if err := s.settle(ctx); err != nil {
				return err
			}
		}
		// No token comes twice, or the identity cache would know it.
		count := min(b.requests, int(stored)/(b.rounds+1))
		var pairs []pair
		for round := range b.rounds + 1 {
			send := count
			if round == 0 {
				send = max(count/4, 1)
			}
			p, err := b.profiled(ctx, w, to.side, round, func() (pair, error) {
				return compare(ctx, w, *b.bare, to.side, uint64(round*count), send)
			})
			if err != nil {
				return err
			}
			if round > 0 {
				pairs = append(pairs, p)
			}
		}
		result = append(result, compareRow(w, pairs))
	}
	return result.write(os.Stdout, b.markdown)
}

// rotate measures rotations, and in turn what the driver can commit on the same
// disk.
func (b *bench) rotate(ctx context.Context) error {
	say("rotations")
	p, err := newPool(b.large.address, b.parallel)
	if err != nil {
		return err
	}
	defer p.close()
	rotating := side{b.large.server, p}
	count := max(b.requests/5, 100)
	var (
		samples []sample
		commits []float64
	)
	for round := range b.rounds + 1 {
		m, err := rotating.meter(rotations(), http.StatusOK)
		if err != nil {
			return err
		}
		if err := m.send(ctx, uint64(round*count), count); err != nil {
			return err
		}
		s, err := m.sample()
		if err != nil {
			return err
		}
		c, err := b.tool.commit(ctx, filepath.Join(b.directory, "commits"), b.parallel, count)
		if err != nil {
			return err
		}
		if round > 0 {
			samples, commits = append(samples, s), append(commits, c)
		}
	}
	return table{rotationHead, rotationRow(b.parallel, samples, commits)}.write(os.Stdout, b.markdown)
}

// sizes prints what the two stores cost.
func (b *bench) sizes() error {
	result := table{sizeHead}
	for _, g := range []*gateway{b.small, b.large} {
		var err error
		if g.size.afterTheLoad, err = g.memory(); err != nil {
			return err
		}
		result = append(result, g.size.row())
	}
	return result.write(os.Stdout, b.markdown)
}
