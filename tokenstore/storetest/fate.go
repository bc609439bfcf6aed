package storetest

import (
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// state is what decides whether a token is over.
type state struct {
	expires, revoked time.Time
	rotated          bool
}

func (p *pass) own() state { return state{p.expires, p.revoked, p.rotated} }

func (l *ledger) state(p *pass) state { return p.own().until(p.owner.notAfter) }

func (a *access) own() state { return state{a.expires, a.revoked, false} }

// accessState is of an access token: what ends its client secret ends it, too.
func (l *ledger) accessState(a *access) state {
	s := a.own()
	if !a.secret.revoked.IsZero() && (s.revoked.IsZero() || a.secret.revoked.Before(s.revoked)) {
		s.revoked = a.secret.revoked
	}
	if !a.secret.expires.After(s.expires) {
		s.expires, s.rotated = a.secret.expires, a.secret.rotated
	}
	return s.until(a.secret.owner.notAfter)
}

func (s state) until(end time.Time) state {
	if !end.IsZero() {
		s.expires = first(s.expires, end)
	}
	return s
}

func (s state) live(now time.Time) bool { return s.revoked.IsZero() && now.Before(s.expires) }

// end is why and when a token ended.
func (s state) end() (tokenstore.EndReason, time.Time) {
	switch {
	case !s.revoked.IsZero() && s.expires.After(s.revoked):
		return tokenstore.Revoked, s.revoked
	case s.rotated:
		return tokenstore.Rotated, s.expires
	}
	return tokenstore.Expired, s.expires
}

// outcome is what who presents a token of a recipient gets, in words.
func (l *ledger) outcome(s state, o *owner) string {
	switch {
	case !s.live(l.now):
		why, at := s.end()
		return fmt.Sprintf("%s at %d", why, at.Unix())
	case o.disabled:
		return "disabled"
	}
	return validOutcome(o.id, o.grants, s.expires)
}

// status is what an operator reads.
func (l *ledger) status(s state) string {
	switch why, _ := s.end(); {
	case s.live(l.now) && s.rotated:
		return "rotated"
	case s.live(l.now):
		return "active"
	case why == tokenstore.Rotated:
		return "expired"
	default:
		return string(why)
	}
}
