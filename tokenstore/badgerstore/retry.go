package badgerstore

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// maxTries is how often a transaction runs before it is given up.
	maxTries = 40
	// firstPause and longestPause bound the wait after a conflict. A synced commit
	// takes some hundred microseconds.
	firstPause   = 200 * time.Microsecond
	longestPause = 20 * time.Millisecond
)

// pauseAfterConflict waits a random while, the longer the more tries have failed,
// so that contenders spread out. It ends early, with the context's error, when
// that is done.
func pauseAfterConflict(ctx context.Context, try int) error {
	timer := time.NewTimer(rand.N(pauseBound(try)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ctx.Err()
	}
}

// pauseBound is the longest wait after the given number of tries.
func pauseBound(try int) time.Duration {
	bound := firstPause
	for ; try > 1 && bound < longestPause; try-- {
		bound *= 2
	}
	return min(bound, longestPause)
}
