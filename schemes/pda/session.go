package pda

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// session is what is kept of a token family between its calls: its freshest token, which
// goes out with every answer. However many calls there are at a time, one token is
// signed per interval. The zero session holds none.
type session struct {
	mu     sync.Mutex
	fresh  freshToken
	flight *signing // under way; nil: nothing
}

// freshToken is a token with the time from which its age counts.
type freshToken struct {
	text, keyID string
	at          time.Time
}

// signing is a signature under way. Its results are set when done is closed.
type signing struct {
	keyID string
	done  chan struct{}
	token string
	err   error
}

// renewal is what a call asks its session for.
type renewal struct {
	// now is the clock. It is read once the session is locked: by a time from before,
	// a token that was signed meanwhile would look like one of the future.
	now func() time.Time
	// A token younger than interval is handed out as it is; one younger than bound too,
	// while another is signed in the background. Beyond, the call waits for that.
	interval, bound time.Duration

	// presented is the call's own token, which was verified with presentedKey.
	presented    string
	presentedAt  time.Time // its iat
	presentedKey string

	// keyID is the account's signer: tokens of any other key are not handed out.
	keyID string
	// sign makes a fresh token with that key, and says when it did.
	sign func() (token string, at time.Time, err error)
	// background runs a function some time, or reports that it will not.
	background func(func()) bool
}

var (
	errSigning    = errors.New("signing a token failed")
	errNotStarted = errors.New("no signing was started")
)

// renew returns the token that goes out with the answer to a call. The errors are those
// of sign, for all calls that waited for it, and that of ctx for one whose wait it
// ended. The next call after an error tries again.
func (s *session) renew(ctx context.Context, r renewal) (string, error) {
	for {
		s.mu.Lock()
		now := wall(r.now)
		best, flight := s.best(r, now), s.flight
		good, age := best.good(r, now), now.Sub(best.at)
		if good && (age < r.interval || age < r.bound && flight != nil) {
			s.mu.Unlock()
			return best.text, nil
		}
		if flight == nil {
			flight = &signing{keyID: r.keyID, done: make(chan struct{})}
			s.flight = flight
			s.mu.Unlock()
			if good && age < r.bound {
				s.signLater(flight, r)
				return best.text, nil
			}
			s.sign(flight, r)
			return flight.token, flight.err
		}
		s.mu.Unlock()
		select {
		case <-flight.done:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		// A token of a key that signs no more is worth nothing once that key is gone.
		if flight.keyID == r.keyID && !errors.Is(flight.err, errNotStarted) {
			return flight.token, flight.err
		}
	}
}

// best returns the freshest token that is good. That may be the one that a call came with;
// then it is for the whole family: after a restart nothing need be signed before its time.
func (s *session) best(r renewal, now time.Time) freshToken {
	presented := freshToken{r.presented, r.presentedKey, r.presentedAt}
	switch {
	case !presented.good(r, now):
		return s.fresh
	case presented.at.After(s.fresh.at):
		s.fresh = presented
	case !s.fresh.good(r, now):
		return presented
	}
	return s.fresh
}

// good tells whether a token may be handed out at all. One that is further ahead than
// other calls would take (the clock was set back) may not.
func (f freshToken) good(r renewal, now time.Time) bool {
	return f.text != "" && f.keyID == r.keyID && !f.at.After(now.Add(maxAhead))
}

// wall is the time that tokens tell, which a process's own count of it would hide once
// the clock is set.
func wall(clock func() time.Time) time.Time { return clock().Round(0) }

// signLater signs in the background, if there is room.
func (s *session) signLater(flight *signing, r renewal) {
	if !r.background(func() { s.sign(flight, r) }) {
		s.finish(flight, freshToken{}, errNotStarted)
	}
}

// sign signs, and ends the flight whatever happens, also if sign panics.
func (s *session) sign(flight *signing, r renewal) {
	fresh, err := freshToken{keyID: r.keyID}, errSigning
	defer func() { s.finish(flight, fresh, err) }()
	token, at, failure := r.sign()
	if failure == nil && token == "" {
		failure = errSigning
	}
	// What counts is when the signature was done: its iat lies before, cut to whole
	// seconds, and counting from there the next would come too soon.
	if fresh.at = wall(r.now); at.After(fresh.at) {
		fresh.at = at.Round(0)
	}
	fresh.text, err = token, failure
}

func (s *session) finish(flight *signing, fresh freshToken, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if flight.err = err; err == nil {
		flight.token, s.fresh = fresh.text, fresh
	}
	s.flight = nil
	close(flight.done)
}

// signings bounds how many tokens are signed in the background at a time.
type signings struct {
	slots chan struct{}
}

// backgroundSignings are those of the process: half of the processors, so that however
// many families are due, calls that wait for nothing go on.
var backgroundSignings = newSignings(max(1, runtime.GOMAXPROCS(0)/2))

func newSignings(slots int) *signings { return &signings{make(chan struct{}, slots)} }

// start runs sign on a goroutine of its own, which ends with it, unless all slots are
// taken. A panic ends there, and not the process: it comes again at a call that waits.
func (s *signings) start(sign func()) bool {
	select {
	case s.slots <- struct{}{}:
	default:
		return false
	}
	go func() {
		defer func() {
			<-s.slots
			_ = recover()
		}()
		sign()
	}()
	return true
}
