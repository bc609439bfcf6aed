package badgerstore

import (
	"errors"
	"log/slog"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// garbageRatio is the share of a value-log file that must be dead for it to be
// written anew.
const garbageRatio = 0.5

// collectGarbage compacts the value log at every tick until the store closes.
func (s *Store) collectGarbage(ticks <-chan time.Time) {
	for {
		select {
		case <-s.stop:
			return
		case <-ticks:
			if err := s.collect(); err != nil {
				s.logger.Error("compacting the token store's value log", slogError(err))
			}
		}
	}
}

// collect compacts one value-log file after the other until none is worth it.
func (s *Store) collect() error {
	for {
		select {
		case <-s.stop:
			return nil
		default:
		}
		err := s.db.RunValueLogGC(garbageRatio)
		switch {
		case err == nil:
		case errors.Is(err, badger.ErrNoRewrite), errors.Is(err, badger.ErrRejected):
			return nil
		default:
			return err
		}
	}
}

func slogError(err error) slog.Attr { return slog.String("error", err.Error()) }
