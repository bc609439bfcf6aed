package password

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

// ErrBusy says that too many callers wait for their turn already.
var ErrBusy = errors.New("too many passwords are being checked")

// slots bound how many callers work at a time, and how many wait. Callers wait in two
// lanes, strangers and trusted ones; as long as somebody waits in both, the lanes take
// turns.
type slots struct {
	limit int // of each lane

	mu        sync.Mutex
	unused    int // if there is one, nobody waits
	strange   list.List
	trusted   list.List
	lastGiven *list.List // the lane whose turn was last
}

func newSlots(n, waiting int) *slots { return &slots{unused: n, limit: waiting} }

// take waits for a slot, which the caller gives back with free. Errors are ErrBusy and
// those of ctx; then there is nothing to give back.
func (s *slots) take(ctx context.Context, trusted bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	lane := &s.strange
	if trusted {
		lane = &s.trusted
	}
	s.mu.Lock()
	if s.unused > 0 {
		s.unused--
		s.mu.Unlock()
		return nil
	}
	if lane.Len() >= s.limit {
		s.mu.Unlock()
		return ErrBusy
	}
	turn := make(chan struct{})
	place := lane.PushBack(turn)
	s.mu.Unlock()

	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-turn: // it came while the caller left
		s.pass()
	default:
		lane.Remove(place)
	}
	return ctx.Err()
}

func (s *slots) free() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass()
}

// pass hands a slot to whoever's turn it is. The lock is held.
func (s *slots) pass() {
	lane := &s.trusted
	if lane.Len() == 0 || (s.lastGiven == lane && s.strange.Len() > 0) {
		lane = &s.strange
	}
	first := lane.Front()
	if first == nil {
		s.unused++
		return
	}
	s.lastGiven = lane
	close(lane.Remove(first).(chan struct{}))
}
