package caddymodule

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// standing is how a recipient stands: what an operator looks for among many.
type standing struct {
	disabled  bool
	ended     bool // its end has come
	federated bool
	// usable says that it holds a token, or is recognised by a federation policy.
	usable    bool
	linkWaits bool
	// ends is when the last of what it can use ends; zero: never, or it can use
	// nothing.
	ends time.Time
	// old says that it holds an old token: one that was rotated and is in its
	// overlap, or that was made elsewhere and imported. oldSince is since when the uses
	// of all of them are counted: the rotation, or of an imported one the import, also
	// if it was rotated later. oldUsed is when one was last used since then; zero: not
	// since.
	old               bool
	oldSince, oldUsed time.Time
	// lastUsed is when it last used anything that it still holds; zero: never.
	lastUsed time.Time
}

func standingOf(o tokenstore.Overview, now time.Time) standing {
	s := standing{
		disabled:  o.Recipient.Disabled,
		ended:     !o.Recipient.NotAfter.IsZero() && !now.Before(o.Recipient.NotAfter),
		federated: o.Recipient.Auth == tokenstore.Federation,
	}
	for _, policy := range o.Recipient.Federation {
		s.usable, s.ends = true, o.Recipient.NotAfter
		s.lastUsed = later(s.lastUsed, o.Uses[policy.ID].At)
	}
	endless := false
	for _, c := range o.Credentials {
		if c.Token == nil {
			s.linkWaits = true
			continue
		}
		s.usable = true
		endless = endless || isEndless(c.Token)
		s.ends = later(s.ends, c.Token.ExpiresAt)
		used := o.Uses[c.Accessor].At
		s.lastUsed = later(s.lastUsed, used)
		if isOld(c) {
			since := oldSince(c.Token)
			s.old, s.oldSince = true, later(s.oldSince, since)
			if !used.Before(since) {
				s.oldUsed = later(s.oldUsed, used)
			}
		}
	}
	if endless {
		s.ends = time.Time{}
	}
	return s
}

// isOld tells whether a credential is an old token.
func isOld(c tokenstore.Credential) bool {
	return c.Token != nil && (c.Rotated() || c.Token.Imported)
}

// oldSince is since when the uses of an old token are those of an old token.
func oldSince(token *tokenstore.Token) time.Time {
	if token.Imported {
		return token.IssuedAt
	}
	return token.RotatedAt
}

// statusOf is the status of a live credential in a word.
func statusOf(c tokenstore.Credential) string {
	switch {
	case c.Pending:
		return "pending"
	case c.Rotated():
		return string(tokenstore.Rotated)
	default:
		return tokenstore.StatusActive
	}
}

// state sums it up in a word or two.
func (s standing) state() string {
	switch {
	case s.disabled:
		return "disabled"
	case s.ended:
		return "ended"
	case s.federated && s.usable:
		return "federated"
	case s.federated:
		return "no policy"
	case s.usable:
		return "active"
	case s.linkWaits:
		return "link waits"
	default:
		return "no token"
	}
}

// expiresWithin tells whether all that the recipient can use ends within a time from
// now. A link that waits changes nothing: it may stay unused.
func (s standing) expiresWithin(d time.Duration, now time.Time) bool {
	return s.usable && !s.ended && !s.ends.IsZero() && !s.ends.After(now.Add(d))
}

// oldInUse tells whether an old token was used within a time up to now; zero: at any
// time since its rotation or import.
func (s standing) oldInUse(d time.Duration, now time.Time) bool {
	return !s.oldUsed.IsZero() && (d == 0 || !s.oldUsed.Before(now.Add(-d)))
}

// endless is longer than any life that an operator means: an imported token has no
// end of its own, and is stored with the farthest there is.
const endless = 99 * 365 * 24 * time.Hour

func isEndless(token *tokenstore.Token) bool {
	return token.ExpiresAt.Sub(token.IssuedAt) > endless
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
