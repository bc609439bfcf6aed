package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// bench is one run.
type bench struct {
	options
	directory string
	binary    string
	tool      storeTool

	closers      []func() error
	upstream     string
	issuer       *issuer
	bare         *server
	large, small *gateway
	personal     *personal
	market       *market
	broker       *broker
}

// gateway is a server with a store of some size.
type gateway struct {
	*server
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
	if b.issuer, err = startIssuer(); err != nil {
		return err
	}
	b.closers = append(b.closers, b.issuer.stop)

	if b.bare, err = b.start(ctx, "bare", bareSite, ""); err != nil {
		return err
	}
	if !b.asksOnly(marketPrefix) && !b.asksOnly(brokerPrefix) {
		if b.personal, err = b.startPersonal(ctx); err != nil {
			return err
		}
	}
	if !b.asksOnly(personalPrefix) && !b.asksOnly(brokerPrefix) {
		if b.market, err = b.startMarket(ctx); err != nil {
			return err
		}
	}
	if !b.asksOnly(personalPrefix) && !b.asksOnly(marketPrefix) {
		if b.broker, err = b.startBroker(ctx); err != nil {
			return err
		}
	}
	if !b.needsStores() {
		return nil
	}
	if b.small, err = b.startGateway(ctx, "small", b.options.small); err != nil {
		return err
	}
	b.large, err = b.startGateway(ctx, "large", b.options.tokens)
	return err
}

// asksOnly tells whether nothing is asked for but works of one scheme, whose names begin
// with this.
func (b *bench) asksOnly(prefix string) bool {
	return strings.HasPrefix(b.only, strings.TrimSuffix(prefix, ": "))
}

// needsStores tells whether stores need be filled with tokens.
func (b *bench) needsStores() bool {
	return !b.asksOnly(personalPrefix) && !b.asksOnly(marketPrefix) && !b.asksOnly(brokerPrefix)
}

func (b *bench) startGateway(ctx context.Context, name string, tokens uint64) (*gateway, error) {
	say("filling a store with %s tokens", thousands(tokens))
	g := &gateway{size: size{tokens: tokens}}
	store := filepath.Join(b.directory, name+"-store")
	var err error
	if g.size.filled, err = timed(func() error { return b.tool.fill(ctx, store, tokens, b.issuer.url) }); err != nil {
		return nil, err
	}
	if g.size.lookup, err = b.tool.lookup(ctx, store, tokens, b.requests); err != nil {
		return nil, err
	}
	g.size.start, err = timed(func() (err error) {
		if g.server, err = b.start(ctx, name, gatewaySite, store); err != nil {
			return err
		}
		// The gateway opens its store when it first needs it.
		p, err := newPool(g.address, 1)
		if err != nil {
			return err
		}
		_, err = p.run(ctx, works(tokens, tokens, b.issuer.token)[0], http.StatusOK, 0, 1)
		return errors.Join(err, p.close())
	})
	if err != nil {
		return nil, err
	}
	g.size.atStart, err = g.memory()
	return g, err
}

func (b *bench) start(ctx context.Context, name, site, store string) (*server, error) {
	s, err := startServer(ctx, b.binary, filepath.Join(b.directory, name), site, b.upstream, store)
	if err == nil {
		b.closers = append(b.closers, s.stop)
	}
	return s, err
}

// close stops what was started, the last first.
func (b *bench) close() error {
	var errs []error
	for i := len(b.closers) - 1; i >= 0; i-- {
		errs = append(errs, b.closers[i]())
	}
	return errors.Join(errs...)
}

// compareAll measures one work after the other.
func (b *bench) compareAll(ctx context.Context) error {
	result := table{compareHead}
	all := works(b.options.small, b.options.tokens, b.issuer.token)
	if b.personal != nil {
		all = append(all, b.personal.works()...)
	}
	if b.market != nil {
		all = append(all, b.market.works()...)
	}
	if b.broker != nil {
		all = append(all, b.broker.works()...)
	}
	for _, w := range all {
		if !strings.Contains(w.name, b.only) {
			continue
		}
		say("%s", w.name)
		pairs, err := b.compare(ctx, w, b.serverOf(w))
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		result = append(result, compareRow(w, pairs))
	}
	if len(result) == 1 {
		return nil // none was asked for
	}
	return result.write(os.Stdout, b.markdown)
}

// serverOf is the gateway that a work goes to.
func (b *bench) serverOf(w work) *server {
	switch {
	case w.to != nil:
		return w.to
	case w.small:
		return b.small.server
	default:
		return b.large.server
	}
}

// compare measures one work, round by round. Round 0 warms up and does not count.
func (b *bench) compare(ctx context.Context, w work, to *server) (pairs []pair, err error) {
	var sides [2]side
	for i, s := range []*server{b.bare, to} {
		if err := s.settle(ctx); err != nil {
			return nil, err
		}
		// Connections of its own: Caddy closes those that were idle for long.
		if sides[i], err = newSide(s, b.connections); err != nil {
			return nil, err
		}
		defer sides[i].pool.close()
	}
	count := b.requests
	if w.once > 0 {
		count = min(count, int(w.once)/(b.rounds+1))
	}
	for round := range b.rounds + 1 {
		send := count
		if round == 0 {
			send = max(count/4, 1)
		}
		p, err := b.profiled(ctx, w, to, round, func() (pair, error) {
			return compare(ctx, w, sides[0], sides[1], uint64(round*count), send)
		})
		if err != nil {
			return nil, err
		}
		if round > 0 {
			pairs = append(pairs, p)
		}
	}
	return pairs, nil
}

// rotate measures rotations, and in turn what the driver can commit on the same
// disk.
func (b *bench) rotate(ctx context.Context) error {
	w := rotations()
	if !strings.Contains(w.name, b.only) || !b.needsStores() {
		return nil
	}
	return b.besideCommits(ctx, w, b.large.server, "rotations")
}

// besideCommits measures what ends in a synced commit, and in turn what the driver can
// commit on the same disk. what names it in the table.
func (b *bench) besideCommits(ctx context.Context, w work, to *server, what string) error {
	say("%s", w.name)
	count := max(b.requests/5, 100)
	var (
		samples []sample
		commits []float64
	)
	for round := range b.rounds + 1 {
		s, err := b.commitOnce(ctx, w, to, uint64(round*count), count)
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
	return table{commitHead(what), commitRow(b.parallel, samples, commits)}.write(os.Stdout, b.markdown)
}

func (b *bench) commitOnce(ctx context.Context, w work, to *server, first uint64, count int) (sample, error) {
	changing, err := newSide(to, b.parallel)
	if err != nil {
		return sample{}, err
	}
	defer changing.pool.close()
	m, err := changing.meter(w, w.status)
	if err != nil {
		return sample{}, err
	}
	if err := m.send(ctx, first, count); err != nil {
		return sample{}, err
	}
	return m.sample()
}

// sizes prints what the two stores cost.
func (b *bench) sizes() error {
	if !b.needsStores() {
		return nil
	}
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
