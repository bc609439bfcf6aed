package keyring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// maxIssuers is how many issuers a Pool holds.
const maxIssuers = 10_000

// Errors of Pool.Get, to be tested with errors.Is. Its others say what is wrong
// with the issuer that was given.
var (
	ErrPoolFull   = fmt.Errorf("there are %d issuers already: remove one that is not used any more", maxIssuers)
	ErrPoolClosed = errors.New("the pool of issuers is closed")
)

// PoolOptions are what all issuers of a Pool share. They mean what they mean in
// IssuerConfig and have the defaults that they have there.
type PoolOptions struct {
	Algorithms []string
	Allow      func(*url.URL) error
	Client     *http.Client
	Now        func() time.Time
	Leeway     time.Duration
	Refresh    time.Duration
	MaxAge     time.Duration
	Logger     *slog.Logger
}

// Pool holds issuers that come and go while the gateway runs, 10,000 at most, and
// keeps their keys fresh in the background, a few at a time. It may be used
// concurrently.
//
// Only Get adds an issuer, and only whoever administers the gateway may cause a
// call of it: else a stranger's token could choose what is fetched. The way of a
// request uses Find.
type Pool struct {
	opts   PoolOptions
	own    *transports // for all, not some for each; nil if opts has a Client
	lanes  *lanes
	ctx    context.Context // of all Runs
	cancel context.CancelFunc

	generation atomic.Uint64
	running    sync.WaitGroup

	mu      sync.RWMutex
	issuers map[source]*pooled
	closed  bool
}

// source is what makes two issuers the same: one that says the same iss, but has
// its keys from elsewhere, is another.
type source struct{ issuer, jwks string }

type pooled struct {
	issuer *Issuer
	cancel context.CancelFunc
}

// NewPool checks the options and returns an empty pool, to be closed after use.
func NewPool(opts PoolOptions) (*Pool, error) {
	p := &Pool{opts: opts, lanes: newLanes(), issuers: make(map[source]*pooled)}
	if opts.Client == nil {
		p.own = newTransports()
	}
	example := p.config("example", "https://issuer.example/keys")
	example.Allow = nil
	if _, err := NewIssuer(example); err != nil {
		return nil, err
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p, nil
}

func (p *Pool) config(issuer, jwks string) IssuerConfig {
	client := p.opts.Client
	if p.own != nil {
		client = p.own.client(issuer, jwks)
	}
	return IssuerConfig{
		Issuer: issuer, JWKS: jwks, AudiencePerCall: true,
		Algorithms: p.opts.Algorithms, Allow: p.opts.Allow, Client: client, Now: p.opts.Now,
		Leeway: p.opts.Leeway, Refresh: p.opts.Refresh, MaxAge: p.opts.MaxAge, Logger: p.opts.Logger,
	}
}

// Check tells what is wrong with an issuer, as Get would, and starts nothing.
func (p *Pool) Check(issuer, jwks string) error {
	_, err := NewIssuer(p.config(issuer, jwks))
	return err
}

// Get returns the issuer whose iss claim and key set URL (empty for discovery) are
// given. The first call starts to fetch its keys and does not wait for them; until
// they are there, VerifyFor answers ErrUnavailable. Verify refuses always: the
// audiences are the caller's.
func (p *Pool) Get(issuer, jwks string) (*Issuer, error) {
	if found, ok := p.Find(issuer, jwks); ok {
		return found, nil
	}
	fresh, err := NewIssuer(p.config(issuer, jwks))
	if err != nil {
		return nil, err
	}
	fresh.lanes, fresh.changed = p.lanes, p.bump

	p.mu.Lock()
	defer p.mu.Unlock()
	key := source{issuer, jwks}
	switch found := p.issuers[key]; {
	case found != nil:
		return found.issuer, nil
	case p.closed:
		return nil, ErrPoolClosed
	case len(p.issuers) >= maxIssuers:
		return nil, ErrPoolFull
	}
	ctx, cancel := context.WithCancel(p.ctx)
	p.issuers[key] = &pooled{fresh, cancel}
	p.running.Go(func() { fresh.Run(ctx) })
	return fresh, nil
}

// Find returns the issuer if Get has been called for it. It starts nothing.
func (p *Pool) Find(issuer, jwks string) (*Issuer, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	found, ok := p.issuers[source{issuer, jwks}]
	if !ok {
		return nil, false
	}
	return found.issuer, true
}

// Drop stops an issuer, for all who use it. When it returns, no token of it is
// accepted any more, also not by an *Issuer that somebody kept, and Generation has
// changed. To drop what is not there does nothing.
func (p *Pool) Drop(issuer, jwks string) {
	p.mu.Lock()
	key := source{issuer, jwks}
	found, ok := p.issuers[key]
	delete(p.issuers, key)
	p.mu.Unlock()
	if ok {
		found.end()
	}
}

func (e *pooled) end() {
	e.cancel()
	e.issuer.stop()
}

// Close drops all issuers and waits until nothing is fetched any more.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	all := p.issuers
	p.issuers = nil
	p.mu.Unlock()
	p.cancel()
	for _, e := range all {
		e.end()
	}
	p.running.Wait()
	if p.own != nil {
		p.own.CloseIdleConnections()
	}
}

// Generation returns a number that changes whenever a key of an issuer of the pool
// was added or removed, or an issuer dropped; not when a fetch brings the keys that
// were there. What is remembered of a verified token must be remembered with it:
//
//	generation := pool.Generation() // before, not after
//	claims, err := issuer.VerifyFor(ctx, token, audiences)
//	until := issuer.KeysUntil()
//
// and may be used while pool.Generation() is still that number, and neither until
// nor claims.ExpiresAt() is over (if until is zero: not at all). A removed key then
// stops working for remembered tokens at the moment it does for new ones.
//
// The number changes after the keys. Whoever reads the new number before verifying
// therefore verifies with the new keys, and nothing that was verified with the old
// ones is ever remembered under it.
func (p *Pool) Generation() uint64 { return p.generation.Load() }

func (p *Pool) bump() { p.generation.Add(1) }
