package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// DefaultGarbageInterval is how often a store looks for value-log files to
// compact, unless its options say otherwise.
const DefaultGarbageInterval = 10 * time.Minute

// Options say where a store lives and how it behaves.
type Options struct {
	// Directory holds the database. It is made, mode 0700, if
	// it is missing.
	Directory string

	// Logger receives what Badger has to say: its notices at level debug,
	// warnings and errors as such. Keys and values are not logged. Default: none.
	Logger *slog.Logger

	// GarbageInterval is how often value-log files are compacted. Small values
	// don't live there, so that it seldom has something to do. Default:
	// DefaultGarbageInterval.
	GarbageInterval time.Duration
}

// Store is a tokenstore.Driver over a Badger database. Its methods may be called
// concurrently. It must be closed.
type Store struct {
	db     *badger.DB
	logger *slog.Logger

	// gate is held for reading by every operation, and locked for good by Close.
	// Operations only try it, so one inside another cannot deadlock with Close.
	gate      sync.RWMutex
	closeOnce sync.Once
	closeErr  error
	stop      chan struct{}
	collected chan struct{}

	// failed is set by the first commit with an unknown outcome; see commit.
	failed atomic.Bool

	// pruning keeps two calls of PruneChanges from contending for the floor.
	pruning sync.Mutex

	// The seams that tests replace.
	send  func(*badger.Txn) error
	pause func(ctx context.Context, try int) error
}

// Exclusive implements tokenstore.Exclusive: Badger locks its directory.
func (*Store) Exclusive() bool { return true }

var (
	_ tokenstore.Driver    = (*Store)(nil)
	_ tokenstore.Exclusive = (*Store)(nil)
)

// Open opens the store in a directory, or makes an empty one. If the directory
// is in use, by this process or another, the error is tokenstore.ErrInUse.
func Open(options Options) (*Store, error) {
	interval := options.GarbageInterval
	if interval <= 0 {
		interval = DefaultGarbageInterval
	}
	ticker := time.NewTicker(interval)
	store, err := open(options, badgerOptions(options.Directory), ticker.C, ticker.Stop)
	if err != nil {
		ticker.Stop()
	}
	return store, err
}

// open is Open with the seams for tests: Badger's options, and the ticks that
// start a garbage collection. It calls stopTicks once those are not read any more.
func open(options Options, settings badger.Options, ticks <-chan time.Time, stopTicks func()) (*Store, error) {
	logger := options.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	if options.Directory == "" {
		return nil, errors.New("opening the token store: no directory is given")
	}
	if err := prepareDirectory(options.Directory, logger); err != nil {
		return nil, fmt.Errorf("opening the token store: %w", err)
	}
	db, err := badger.Open(settings.WithLogger(badgerLog{logger}))
	if err != nil {
		return nil, openError(options.Directory, err)
	}
	store := &Store{
		db:        db,
		logger:    logger,
		stop:      make(chan struct{}),
		collected: make(chan struct{}),
		send:      (*badger.Txn).Commit,
		pause:     pauseAfterConflict,
	}
	go func() {
		defer close(store.collected)
		defer stopTicks()
		store.collectGarbage(ticks)
	}()
	return store, nil
}

// Close waits for running operations, then releases the directory. It must not
// be called from inside a View or an Update. Later calls return what the first
// one did.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.stop)
		s.gate.Lock() // never unlocked: whoever tries it from now on is refused
		<-s.collected
		if err := s.db.Close(); err != nil {
			s.closeErr = fmt.Errorf("closing the token store: %w", err)
		}
	})
	return s.closeErr
}

// enter begins an operation; if it returns nil, s.gate.RUnlock ends it.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.gate.TryRLock() {
		return tokenstore.ErrClosed
	}
	return nil
}
