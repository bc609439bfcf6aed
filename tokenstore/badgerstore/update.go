package badgerstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/y"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// ErrFailed says that an earlier commit had an unknown outcome, so that the store
// takes no more of them until it is opened anew.
var ErrFailed = errors.New("token store stopped writing after a failed write; " +
	"see to the disk and restart the server")

// Update runs fn in a transaction and commits it, again after each conflict. The
// context is checked before every run, not once the commit is on its way.
func (s *Store) Update(ctx context.Context, fn func(tokenstore.Txn) error) (tokenstore.Revision, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.RUnlock()
	for try := 1; ; try++ {
		revision, conflict, err := s.attempt(fn)
		if !conflict {
			return revision, err
		}
		if try == maxTries {
			return 0, fmt.Errorf("%w: gave up after %d runs", tokenstore.ErrConflict, try)
		}
		if err := s.pause(ctx, try); err != nil {
			return 0, err
		}
	}
}

// attempt runs fn once.
func (s *Store) attempt(fn func(tokenstore.Txn) error) (revision tokenstore.Revision, conflict bool, err error) {
	if s.failed.Load() {
		return 0, false, ErrFailed
	}
	t := &txn{reader: reader{txn: s.db.NewTransaction(true)}}
	defer t.end()
	if err := fn(t); err != nil {
		return 0, false, err
	}
	// Whoever overlooks the error of a write must not commit the rest.
	if t.err != nil {
		return 0, false, t.err
	}
	witness, err := t.seal()
	if err != nil {
		return 0, false, err
	}
	if witness == nil {
		return t.Revision(), false, nil
	}
	return s.commit(t.txn, witness)
}

// commit commits and learns the revision from the witness, an entry of the
// transaction.
func (s *Store) commit(t *badger.Txn, witness *badger.Entry) (tokenstore.Revision, bool, error) {
	length := len(witness.Key)
	err := s.send(t)
	switch {
	case err == nil:
	case errors.Is(err, badger.ErrConflict):
		return 0, true, nil
	case errors.Is(err, badger.ErrTxnTooBig):
		return 0, false, tooLarge("it has too many entries")
	default:
		// Badger may have shown the write to readers without having synced it, or
		// have logged it without showing it. A retry that finds the work done would
		// then report as durable what a crash undoes: so no more commits, not even
		// empty ones, until the log has been read again.
		s.failed.Store(true)
		s.logger.Error("token store stops writing after a failed write", slogError(err))
		return 0, false, fmt.Errorf("%w: %w", tokenstore.ErrOutcomeUnknown, err)
	}
	// Badger tells nobody the commit's timestamp, but puts it behind the key of
	// each entry that it was given (txn.go, commitAndSend). Were it to stop doing
	// so, a snapshot taken now still is a revision at or above the commit's.
	if len(witness.Key) == length+8 {
		return tokenstore.Revision(y.ParseTs(witness.Key)), false, nil
	}
	after := s.db.NewTransaction(false)
	defer after.Discard()
	return tokenstore.Revision(after.ReadTs()), false, nil
}

func tooLarge(why string) error {
	return fmt.Errorf("%w: %s", tokenstore.ErrTooLarge, why)
}
