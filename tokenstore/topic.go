package tokenstore

import (
	"context"
	"errors"
	"time"
)

// Topic says what a change of the store touched. An empty Subject means
// everything in the realm; an empty Realm everything in the store.
type Topic struct {
	Realm   string `cbor:"1,keyasint,omitempty"`
	Subject string `cbor:"2,keyasint,omitempty"`
}

// Subscriber derives answers from the store and must forget them when the store
// changes. Invalidate is called before the operation that made the change
// answers, and for changes of other processes as the feed brings them; it must
// not call the store. What was read at a revision below the given one and
// belongs to the topic is no longer true.
type Subscriber interface {
	Invalidate(topic Topic, at Revision)
}

// Subscribe registers a subscriber until cancel is called.
func (s *Store) Subscribe(sub Subscriber) (cancel func()) {
	s.subscribers.Lock()
	defer s.subscribers.Unlock()
	id := s.subscribers.next
	s.subscribers.next++
	s.subscribers.all[id] = sub
	return func() {
		s.subscribers.Lock()
		defer s.subscribers.Unlock()
		delete(s.subscribers.all, id)
	}
}

func (s *Store) invalidate(topics []Topic, at Revision) {
	if len(topics) == 0 {
		return
	}
	s.subscribers.RLock()
	defer s.subscribers.RUnlock()
	for _, sub := range s.subscribers.all {
		for _, topic := range topics {
			sub.Invalidate(topic, at)
		}
	}
}

// Exclusive is what a driver implements whose store only one process can have
// open. Without it, other processes may write, and answers derived from the
// store are fresh only while the feed is followed.
type Exclusive interface {
	Exclusive() bool
}

// Fresh tells whether answers derived from the store may be given without
// asking it: always for an exclusive driver, else while the feed was read to its
// end within the staleness bound.
func (s *Store) Fresh() bool {
	if s.exclusive {
		return true
	}
	caught := s.caughtUp.Load()
	if caught == nil {
		return false
	}
	// Where the clock has a monotonic reading, Sub uses it. Where not, a clock that
	// was set back must not make old answers fresh.
	age := s.clock().Sub(*caught)
	return age >= 0 && age < s.staleness
}

// followPage is how many commits the follower asks for at once.
const followPage = 256

// Follower reads the change feed and tells subscribers. Use it from one
// goroutine; its zero position is the present.
type Follower struct {
	store *Store
	after Revision
	begun bool
}

// NewFollower returns a follower of the store's feed.
func (s *Store) NewFollower() *Follower { return &Follower{store: s} }

// Step reads the feed up to the present. On the first step, and after the feed was
// truncated, it tells subscribers to forget everything and goes on from there.
// On an error answers stop being fresh once the staleness bound has passed.
func (f *Follower) Step(ctx context.Context) error {
	s := f.store
	started := s.clock()
	if !f.begun {
		if err := f.restart(ctx); err != nil {
			return err
		}
	}
	present, err := s.Revision(ctx)
	if err != nil {
		return err
	}
	for {
		page, err := s.driver.Changes(ctx, f.after, followPage)
		if errors.Is(err, ErrFeedTruncated) {
			if err := f.restart(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, change := range page.Changes {
			topics, err := topicsOf(change)
			if err != nil {
				// An unreadable message may mean anything: forget everything.
				topics = []Topic{{}}
			}
			s.invalidate(topics, change.Revision)
		}
		f.after = page.Through
		// Not only at the end: under a steady stream of changes there is none.
		if f.after >= present || len(page.Changes) == 0 {
			s.caughtUp.Store(&started)
			return nil
		}
	}
}

func (f *Follower) restart(ctx context.Context) error {
	revision, err := f.store.Revision(ctx)
	if err != nil {
		return err
	}
	f.store.invalidate([]Topic{{}}, revision)
	f.after, f.begun = revision, true
	return nil
}

func topicsOf(change Change) ([]Topic, error) {
	topics := make([]Topic, len(change.Messages))
	for i, message := range change.Messages {
		if err := decode(message, versionTopic, &topics[i]); err != nil {
			return nil, err
		}
	}
	return topics, nil
}

// Follow reads the feed, again and again, until ctx ends, so that changes of
// other processes are noticed within the staleness bound. For an exclusive
// driver there is nothing to follow, and it returns at once. Errors are reported
// and do not stop it.
func (s *Store) Follow(ctx context.Context, report func(error)) {
	if s.exclusive {
		return
	}
	follower := s.NewFollower()
	tick := time.NewTicker(s.staleness / 5)
	defer tick.Stop()
	for {
		if err := follower.Step(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
