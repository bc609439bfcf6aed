package keyring

import (
	"context"
	"time"
)

const (
	// minGap is the least time between two fetches that tokens with unknown keys
	// can cause: anyone can send such tokens.
	minGap = time.Minute

	firstRetry = time.Second

	// warnEvery is how many failures in a row share one warning.
	warnEvery = 60
)

// Run fetches the keys at once and then again every Refresh, until ctx ends. An
// unknown key in a token brings the next fetch forward. After a failure it
// tries again, first after a second, later every minute; meanwhile Verify uses
// the keys it has. Run must not run twice at a time.
func (i *Issuer) Run(ctx context.Context) {
	if i.owned {
		defer i.client.CloseIdleConnections()
	}
	for {
		leave, ok := i.lanes.enter(ctx, i.failures > 0)
		if !ok {
			return
		}
		i.refresh(ctx)
		leave()
		if !i.wait(ctx, pause(i.cfg.Refresh, i.failures)) {
			return
		}
	}
}

// refresh replaces all keys by those that the issuer has now.
func (i *Issuer) refresh(ctx context.Context) bool {
	start := i.cfg.Now()
	keys, err := i.fetch(ctx)
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		if i.failures%warnEvery == 0 {
			i.cfg.Logger.Warn("could not fetch the keys of an issuer", "issuer", i.cfg.Issuer, "error", err)
		}
		i.failures++
		return false
	}
	if i.failures > 0 {
		i.cfg.Logger.Info("fetched the keys of an issuer again", "issuer", i.cfg.Issuer, "failures", i.failures)
	}
	i.failures = 0
	if len(keys) == 0 {
		i.cfg.Logger.Warn("issuer has no usable key: all its tokens are refused", "issuer", i.cfg.Issuer)
	}
	i.save(ctx, i.replace(keys, start))
	return true
}

// replace puts the keys of a fetch in the place of the present ones, of which some may
// be good for a while longer. It returns the new set.
func (i *Issuer) replace(keys []publicKey, fetched time.Time) *keySet {
	i.replacing.Lock()
	defer i.replacing.Unlock()
	old := i.keys.Load()
	set := newKeySet(keys, old.leaving(), fetched, i.cfg.Overlap)
	if i.stopped {
		return set // of a fetch that ended after stop
	}
	i.keys.Store(set)
	if old.sameKeys(set) {
		return set
	}
	if old != nil {
		i.cfg.Logger.Info("the keys of an issuer have changed", "issuer", i.cfg.Issuer, "keys", len(set.keys))
	}
	// After the keys, and so it is in stop: see Pool.Generation.
	if i.changed != nil {
		i.changed()
	}
	return set
}

// stop takes all keys away, for ever.
func (i *Issuer) stop() {
	i.replacing.Lock()
	defer i.replacing.Unlock()
	i.stopped = true
	i.keys.Store(nil)
	if i.changed != nil {
		i.changed()
	}
}

// KeysUntil returns until when the present keys are used if no fetch succeeds any
// more: the last one plus MaxAge. What was verified with them must not be
// remembered for longer. Zero means that there are no keys, so that nothing may be
// remembered at all; it does not mean "for ever".
func (i *Issuer) KeysUntil() time.Time {
	set := i.keys.Load()
	if set == nil {
		return time.Time{}
	}
	return set.fetched.Add(i.cfg.MaxAge)
}

func pause(refresh time.Duration, failures int) time.Duration {
	if failures == 0 {
		return refresh
	}
	return min(refresh, minGap, firstRetry<<min(failures-1, 10))
}

// wait waits for d, or shorter if a key is wanted, but then minGap at least. It
// reports false when ctx has ended.
func (i *Issuer) wait(ctx context.Context, d time.Duration) bool {
	start := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select { // a wish from before the fetch is fulfilled
	case <-i.wanted:
	default:
	}
	wanted := i.wanted
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-wanted:
			wanted = nil // one is enough
			timer.Reset(min(d, minGap) - time.Since(start))
		}
	}
}

// want asks Run for fresh keys. It never blocks.
func (i *Issuer) want() {
	select {
	case i.wanted <- struct{}{}:
	default:
	}
}
