package tokenstore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// Use is the last use of a token, coarsely: it is written in batches, so a crash
// can lose the last interval.
type Use struct {
	At        time.Time `cbor:"1,keyasint,omitzero"` // zero: never used
	ClientIP  string    `cbor:"2,keyasint,omitempty"`
	UserAgent string    `cbor:"3,keyasint,omitempty"`
}

// maxUserAgent is how much of a User-Agent is kept, in bytes.
const maxUserAgent = 200

// usageFull is how many tokens' uses are kept in memory before they are written
// without waiting for the interval.
const usageFull = 20_000

// usageBatch is how many uses one transaction writes: far from what any driver
// takes at once.
const usageBatch = 500

type usageBuffer struct {
	flushing sync.Mutex // held while uses are written; taken before the other
	sync.Mutex
	pending map[string]Use     // by accessor
	callers map[string]callers // by accessor
	noted   int                // callers, all together
	full    chan struct{}      // signals the writer, if one waits
}

// Touch notes that a token was used now. It never blocks on the store. Control
// bytes in the user agent are replaced, and it is cut to 200 bytes.
func (s *Store) Touch(accessor, clientIP, userAgent string) {
	use := Use{At: s.now(), ClientIP: clientIP, UserAgent: printable(userAgent)}
	s.usage.Lock()
	defer s.usage.Unlock()
	s.usage.pending[accessor] = use
	if len(s.usage.pending) >= usageFull && s.usage.full != nil {
		select {
		case s.usage.full <- struct{}{}:
		default:
		}
	}
}

// printable keeps what may stand in a terminal and a log. The common case
// returns its argument.
func printable(s string) string {
	if len(s) > maxUserAgent {
		s = strings.Clone(s[:maxUserAgent]) // or the whole header would stay in memory
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] < ' ' || b[i] >= 0x7f {
					b[i] = '?'
				}
			}
			return string(b)
		}
	}
	return s
}

// forget drops what is noted of accessors that nothing has any more.
func (u *usageBuffer) forget(accessors []string) {
	if len(accessors) == 0 {
		return
	}
	u.Lock()
	defer u.Unlock()
	for _, accessor := range accessors {
		delete(u.pending, accessor)
		u.noted -= len(u.callers[accessor])
		delete(u.callers, accessor)
	}
}

// pauseFlush waits until no uses are being written, and keeps it so until resume is
// called: what is on its way to the store could arrive after its removal there.
func (s *Store) pauseFlush() (resume func()) {
	s.usage.flushing.Lock()
	return s.usage.flushing.Unlock
}

// FlushUsage writes the uses noted since the last time. What could not be
// written is noted again, unless the token was used since.
func (s *Store) FlushUsage(ctx context.Context) error {
	defer s.pauseFlush()()
	return errors.Join(s.flushUses(ctx), s.flushClients(ctx))
}

func (s *Store) flushUses(ctx context.Context) error {
	s.usage.Lock()
	pending := s.usage.pending
	s.usage.pending = make(map[string]Use, len(pending))
	s.usage.Unlock()

	batch := make(map[string]Use, usageBatch)
	write := func() error {
		_, err := s.driver.Update(ctx, func(t Txn) error {
			for accessor, use := range batch {
				if err := put(t, useKey(accessor), versionUse, use); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			for accessor := range batch {
				delete(pending, accessor)
			}
			clear(batch)
		}
		return err
	}
	var err error
	for accessor, use := range pending {
		batch[accessor] = use
		if len(batch) == usageBatch {
			if err = write(); err != nil {
				break
			}
		}
	}
	if err == nil && len(batch) > 0 {
		err = write()
	}
	if err != nil {
		s.usage.Lock()
		defer s.usage.Unlock()
		for accessor, use := range pending {
			if _, newer := s.usage.pending[accessor]; !newer && len(s.usage.pending) < usageFull {
				s.usage.pending[accessor] = use
			}
		}
	}
	return err
}

// lastUse is the latest use known: noted in memory, else written.
func (s *Store) lastUse(r Reader, accessor string) (Use, error) {
	s.usage.Lock()
	use, noted := s.usage.pending[accessor]
	s.usage.Unlock()
	if noted {
		return use, nil
	}
	err := get(r, useKey(accessor), versionUse, &use)
	if errors.Is(err, ErrNotFound) {
		return Use{}, nil
	}
	return use, err
}

// LastUse returns the last known use of a token; a zero Use if there is none.
func (s *Store) LastUse(ctx context.Context, accessor string) (Use, error) {
	var use Use
	err := s.driver.View(ctx, func(r Reader) (err error) {
		use, err = s.lastUse(r, accessor)
		return err
	})
	return use, err
}
