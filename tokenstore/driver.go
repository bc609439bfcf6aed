package tokenstore

import (
	"context"
	"errors"
)

// Revision is a point in the history of a store. Revisions grow in commit
// order; the zero Revision lies before every commit. They are comparable only
// within one store.
type Revision uint64

// Errors that every driver returns, to be tested with errors.Is.
var (
	// ErrNotFound says that no value stands under a key.
	ErrNotFound = errors.New("not found")

	// ErrClosed says that the store is closed, or closing. Nothing was done.
	ErrClosed = errors.New("store is closed")

	// ErrConflict says that a transaction lost against others more often than
	// the driver was willing to run it again. Nothing was written.
	ErrConflict = errors.New("too many conflicting transactions")

	// ErrTooLarge says that a transaction wrote more than the driver can commit
	// at once. Nothing was written.
	ErrTooLarge = errors.New("transaction is too large")

	// ErrOutcomeUnknown says that the answer to a commit was lost: it may have
	// been written, or not. It is never success; whoever sees it reads again.
	ErrOutcomeUnknown = errors.New("outcome of the transaction is unknown")

	// ErrFeedTruncated says that changes after the asked revision have been
	// pruned. Whoever follows the feed drops all that it derived from the store
	// and goes on from a fresh View's revision.
	ErrFeedTruncated = errors.New("change feed is truncated")

	// ErrInUse says that another process has the store open.
	ErrInUse = errors.New("store is in use by another process")
)

// Driver is a transactional, ordered key-value store at the level of bytes.
// All methods may be called concurrently. Package storetest is its contract as
// tests; every driver runs them.
//
// Keys are 1 to 1024 bytes, values 0 to 1 MiB. A driver keeps its own entries
// (the feed, say) where no key of a caller reaches them.
type Driver interface {
	// View runs fn on one consistent snapshot that contains every commit
	// acknowledged before View was called.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn in a serializable transaction and commits it if fn returns
	// nil, durably: when Update returns, a crash loses nothing. It returns the
	// revision of the commit. An error of fn is returned unchanged and nothing is
	// written.
	//
	// A transaction conflicts when a key that fn got was written by another
	// transaction since it began; what a scan did not return is not watched, so
	// an invariant over a set needs one record that every change of the set gets
	// and puts. On a conflict fn runs again, on a new snapshot: it must have no
	// side effects. A transaction that writes and announces nothing returns the
	// revision of its snapshot.
	Update(ctx context.Context, fn func(Txn) error) (Revision, error)

	// Changes returns what was announced by the commits after the given
	// revision, in commit order, about limit commits at most. It never returns
	// a commit before every commit below it. ErrFeedTruncated if some are gone,
	// or if the store has not come as far as the given revision (it was restored).
	Changes(ctx context.Context, after Revision, limit int) (ChangePage, error)

	// PruneChanges drops what was announced by commits up to and including the
	// given revision. It is idempotent.
	PruneChanges(ctx context.Context, through Revision) error

	// Close waits for running operations, then releases the store. Operations
	// that begin meanwhile get ErrClosed. Close is idempotent.
	Close() error
}

// Reader reads one snapshot. It is valid only inside the function it was given
// to, and for one goroutine. Slices that it returns belong to the caller.
type Reader interface {
	// Revision is the snapshot's: every commit up to it is visible, none above.
	Revision() Revision

	// Get returns the value under key, or ErrNotFound.
	Get(key []byte) ([]byte, error)

	// Scan returns, in ascending order of keys, up to limit entries whose keys
	// start with prefix and are greater than after; a nil after starts at the
	// beginning. Fewer than limit means that there are no more. limit must be
	// positive.
	Scan(prefix, after []byte, limit int) ([]Entry, error)
}

// Txn reads and writes inside one Update. Reads see the transaction's own
// writes.
type Txn interface {
	Reader

	// Put writes value under key.
	Put(key, value []byte) error

	// Delete removes key; a missing key is no error.
	Delete(key []byte) error

	// Announce adds a message to the change feed, at the revision of this
	// commit, after those that the transaction announced before. It leaves no
	// key that two transactions would contend for. Once Put, Delete or Announce
	// has failed, the transaction does not commit, whatever the function returns.
	Announce(message []byte) error
}

// Entry is a key and its value.
type Entry struct {
	Key   []byte
	Value []byte
}

// Change is what one commit announced, in the order it announced it.
type Change struct {
	Revision Revision
	Messages [][]byte
}

// ChangePage is a stretch of the feed.
type ChangePage struct {
	// Changes are in ascending order of revision; a commit is never split.
	Changes []Change

	// Through is the revision up to which the page is complete: to go on, ask
	// for the changes after it. It equals the snapshot's revision when the page
	// reaches the end of the feed.
	Through Revision
}
