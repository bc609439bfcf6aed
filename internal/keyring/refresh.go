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
)

// Run fetches the keys at once and then again every Refresh, until ctx ends. An
// unknown key in a token brings the next fetch forward. After a failure it
// tries again, first after a second, later every minute; meanwhile Verify uses
// the keys it has. Run must not run twice at a time.
func (i *Issuer) Run(ctx context.Context) {
	if i.owned {
		defer i.client.CloseIdleConnections()
	}
	failures := 0
	for {
		if i.refresh(ctx) {
			failures = 0
		} else {
			failures++
		}
		if !i.wait(ctx, pause(i.cfg.Refresh, failures)) {
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
		i.cfg.Logger.Warn("could not fetch the keys of an issuer", "issuer", i.cfg.Issuer, "error", err)
		return false
	}
	if len(keys) == 0 {
		i.cfg.Logger.Warn("issuer has no usable key: all its tokens are refused", "issuer", i.cfg.Issuer)
	}
	i.keys.Store(&keySet{keys: keys, fetched: start})
	return true
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
