package keyring

import "context"

// maxFetches is how many issuers of a pool fetch at the same time, in each lane.
const maxFetches = 8

// lanes bound how many fetches run at the same time. Issuers that did not answer
// the last time have a lane of their own: each may take a whole timeout, and in one
// lane a few of them would keep the others from learning which keys were withdrawn.
type lanes struct{ sound, failing chan struct{} }

func newLanes() *lanes {
	return &lanes{sound: make(chan struct{}, maxFetches), failing: make(chan struct{}, maxFetches)}
}

// enter waits for a place, to be given back by leave. It reports false when ctx has
// ended. Nil lanes have room for all.
func (l *lanes) enter(ctx context.Context, failing bool) (leave func(), ok bool) {
	if l == nil {
		return func() {}, true
	}
	lane := l.sound
	if failing {
		lane = l.failing
	}
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, true
	case <-ctx.Done():
		return nil, false
	}
}
