package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Store is the typed layer over a driver. All methods may be called
// concurrently.
type Store struct {
	driver    Driver
	clock     func() time.Time
	exclusive bool
	staleness time.Duration
	caughtUp  atomic.Pointer[time.Time] // when the feed was last read to its end; nil: never
	usage     usageBuffer

	checkpoints struct {
		sync.Mutex
		notes []checkpoint // ascending
	}
	subscribers struct {
		sync.RWMutex
		all  map[int]Subscriber
		next int
	}
}

// Options of a Store; the zero value is good.
type Options struct {
	// Clock is the store's clock, by which everything expires. Default: time.Now.
	Clock func() time.Time

	// Staleness is how far behind the change feed an answer derived from the
	// store may be, where several processes share it. Default: 5s.
	Staleness time.Duration
}

// DefaultStaleness is how far behind the feed a derived answer may be.
const DefaultStaleness = 5 * time.Second

// New returns a Store over an open driver. Closing the Store closes the driver.
func New(driver Driver, options Options) *Store {
	s := &Store{
		driver:    driver,
		clock:     options.Clock,
		staleness: options.Staleness,
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.staleness <= 0 {
		s.staleness = DefaultStaleness
	}
	if e, ok := driver.(Exclusive); ok {
		s.exclusive = e.Exclusive()
	}
	s.subscribers.all = make(map[int]Subscriber)
	s.usage.pending = make(map[string]Use)
	return s
}

// Now is the time by the store's clock.
func (s *Store) Now() time.Time { return s.clock() }

// now is the time as records keep it: UTC, whole seconds.
func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Second) }

// Revision returns the revision up to which every commit is visible.
func (s *Store) Revision(ctx context.Context) (Revision, error) {
	var revision Revision
	err := s.driver.View(ctx, func(r Reader) error {
		revision = r.Revision()
		return nil
	})
	return revision, err
}

// When a store is pruned: soon after it was opened, so that one which is restarted
// often is pruned at all, and then again and again.
const (
	firstPrune    = 5 * time.Minute
	pruneInterval = time.Hour
)

// Maintain writes the uses noted, each interval or when many are, and prunes 5
// minutes after it began and then once an hour, until ctx ends. Errors are reported
// and do not stop it.
func (s *Store) Maintain(ctx context.Context, interval time.Duration, report func(error)) {
	full := make(chan struct{}, 1)
	s.usage.Lock()
	s.usage.full = full
	s.usage.Unlock()
	tick, prune := time.NewTicker(interval), time.NewTimer(firstPrune)
	defer tick.Stop()
	defer prune.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err = s.FlushUsage(ctx)
		case <-full:
			err = s.FlushUsage(ctx)
		case <-prune.C:
			_, err = s.Prune(ctx)
			prune.Reset(pruneInterval)
		}
		if err != nil && ctx.Err() == nil {
			report(err)
		}
	}
}

// Close writes what is buffered and closes the driver.
func (s *Store) Close() error {
	flushErr := s.FlushUsage(context.Background())
	if errors.Is(flushErr, ErrClosed) {
		flushErr = nil
	}
	return errors.Join(flushErr, s.driver.Close())
}

// transaction is one Update of the typed layer, with what it changed.
type transaction struct {
	Txn
	at     time.Time // by the store's clock
	now    time.Time // the same, as records keep it
	topics []Topic
	unused []string // accessors of which no use may be written any more
}

// changed announces that what was derived from a subject is no longer true.
func (t *transaction) changed(realm, subject string) error {
	topic := Topic{Realm: realm, Subject: subject}
	message, err := encode(versionTopic, topic)
	if err != nil {
		return err
	}
	t.topics = append(t.topics, topic)
	return t.Announce(message)
}

// vacant returns ErrInvalid if a record stands under the key of a digest that is
// about to be stored.
func (t *transaction) vacant(key []byte) error {
	switch _, err := t.Get(key); {
	case err == nil:
		return fmt.Errorf("%w: this secret is in use already; make a new one", ErrInvalid)
	case errors.Is(err, ErrNotFound):
		return nil
	default:
		return err
	}
}

// update runs fn in a driver's Update and tells subscribers what changed before
// it returns. fn may run several times.
func (s *Store) update(ctx context.Context, fn func(*transaction) error) error {
	var (
		topics []Topic
		unused []string
	)
	revision, err := s.driver.Update(ctx, func(txn Txn) error {
		at := s.clock().UTC()
		t := &transaction{Txn: txn, at: at, now: at.Truncate(time.Second)}
		err := fn(t)
		topics, unused = t.topics, t.unused
		return err
	})
	if err == nil || errors.Is(err, ErrOutcomeUnknown) {
		s.usage.forget(unused)
	}
	switch {
	case err == nil:
		s.invalidate(topics, revision)
	case errors.Is(err, ErrOutcomeUnknown):
		// The change may stand. Nothing read before now may be used.
		revision, readErr := s.Revision(context.WithoutCancel(ctx))
		if readErr != nil {
			revision = math.MaxUint64 // the store is broken: cache nothing of it any more
		}
		s.invalidate(topics, revision)
	}
	return err
}
