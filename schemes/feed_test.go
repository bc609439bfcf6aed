package schemes

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet is a driver without records: all that a cache needs of a store is its
// revision, and whether its feed can be read.
type quiet struct {
	tokenstore.Driver // none: whatever else is called panics
	revision          atomic.Uint64
	down              atomic.Bool
	exclusive         bool
}

var errDown = errors.New("the feed is down")

func (q *quiet) Exclusive() bool { return q.exclusive }

type quietReader struct {
	tokenstore.Reader
	revision tokenstore.Revision
}

func (r quietReader) Revision() tokenstore.Revision { return r.revision }

func (q *quiet) View(_ context.Context, fn func(tokenstore.Reader) error) error {
	return fn(quietReader{revision: tokenstore.Revision(q.revision.Load())})
}

func (q *quiet) Changes(context.Context, tokenstore.Revision, int) (tokenstore.ChangePage, error) {
	if q.down.Load() {
		return tokenstore.ChangePage{}, errDown
	}
	return tokenstore.ChangePage{Through: tokenstore.Revision(q.revision.Load())}, nil
}

var dawn = time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)

// newCache is a cache over a store that only this process can have open.
func newCache(t testing.TB, capacity int) *IdentityCache {
	t.Helper()
	store := tokenstore.New(&quiet{exclusive: true}, tokenstore.Options{Clock: func() time.Time { return dawn }})
	cache := NewIdentityCache(store, capacity)
	t.Cleanup(cache.Close)
	return cache
}
