package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrTooManyTokens says that a recipient holds as many valid tokens as it may;
// some must be ended before another can be made.
var ErrTooManyTokens = errors.New("the recipient already holds as many valid tokens as it may")

// Rotation says how a recipient's credentials are renewed.
type Rotation struct {
	// OldExpiresIn is how long the tokens that are valid now go on; it only
	// shortens. Zero ends them at once.
	OldExpiresIn time.Duration
	// MaxTokens is how many valid tokens a recipient may hold, at least 2.
	MaxTokens int
	Link      NewLink
	// Check is asked inside the transaction.
	Check Check
}

// Check may refuse a change: it sees the recipient and its live credentials,
// newest first, as the transaction found them, so that what was true when a
// caller was identified is still true when it acts. It may run several times. Nil
// refuses nothing.
type Check func(Recipient, []Credential) error

func (c Check) ask(recipient *Recipient, live []Credential) error {
	if c == nil {
		return nil
	}
	return c(*recipient, live)
}

// Rotate makes a new pending link. The tokens in use become rotated and end at
// the latest after r.OldExpiresIn. A link that was never used is replaced: it
// holds no token, so it neither counts nor becomes rotated (Databricks' rule,
// without which a lost link would take a place). Ending all tokens at once leaves
// room whatever their number. The errors are ErrNotFound, ErrTooManyTokens,
// ErrInvalid and those of r.Check.
func (s *Store) Rotate(ctx context.Context, realm, name string, r Rotation, actor string) (Recipient, []Credential, error) {
	var live []Credential
	if r.OldExpiresIn < 0 || r.OldExpiresIn > maxLifetime {
		return Recipient{}, nil, fmt.Errorf("%w: the time until old tokens expire is 0 seconds to 100 years", ErrInvalid)
	}
	recipient, err := s.withRecipient(ctx, realm, name, actor, func(t *transaction, recipient *Recipient) error {
		old, err := credentials(t, *recipient, t.now)
		if err != nil {
			return err
		}
		if err := r.Check.ask(recipient, old); err != nil {
			return err
		}
		if Issued(old) >= r.MaxTokens && r.OldExpiresIn > 0 {
			return ErrTooManyTokens
		}
		kept, err := t.shorten(old, t.now.Add(r.OldExpiresIn), true)
		if err != nil {
			return err
		}
		if err := t.keep(recipient, kept); err != nil {
			return err
		}
		added, err := t.addLink(recipient, r.Link, actor)
		if err != nil {
			return err
		}
		live = append([]Credential{added}, kept...)
		return t.auditRecipient(*recipient, actor, "rotateRecipientToken",
			fmt.Sprintf("link %s; old tokens expire within %s", r.Link.Accessor, r.OldExpiresIn))
	})
	return recipient, live, err
}

// Issued counts the credentials that are tokens, not links that wait.
func Issued(live []Credential) int {
	n := 0
	for _, c := range live {
		if c.Token != nil {
			n++
		}
	}
	return n
}

// ErrTokenInUse says that a recipient has fetched its credential and uses it.
var ErrTokenInUse = errors.New("the recipient has fetched its credential; rotate to make a new link")

// Relink makes a new pending link for a recipient that has no token in use; one
// that waits is replaced. Rotated tokens keep what is left of their overlap. The
// errors are ErrNotFound, ErrTokenInUse and ErrTooManyTokens.
func (s *Store) Relink(ctx context.Context, realm, name string, maxTokens int, link NewLink, actor string) (Recipient, []Credential, error) {
	return s.Rotate(ctx, realm, name, Rotation{
		OldExpiresIn: maxLifetime, MaxTokens: maxTokens, Link: link,
		Check: func(_ Recipient, live []Credential) error {
			if len(live) > 0 && live[0].Token != nil && !live[0].Rotated() {
				return ErrTokenInUse
			}
			return nil
		},
	}, actor)
}

// Shorten ends a recipient's tokens and its pending link at the latest after in;
// zero revokes them at once. It returns what is still live. The errors are
// ErrNotFound, ErrInvalid and those of check.
func (s *Store) Shorten(ctx context.Context, realm, name string, in time.Duration, check Check, actor string) (Recipient, []Credential, error) {
	if in < 0 || in > maxLifetime {
		return Recipient{}, nil, fmt.Errorf("%w: the time until tokens expire is 0 seconds to 100 years", ErrInvalid)
	}
	if in < time.Second {
		recipient, err := s.revoke(ctx, realm, name, check, actor)
		return recipient, nil, err
	}
	var live []Credential
	recipient, err := s.withRecipient(ctx, realm, name, actor, func(t *transaction, recipient *Recipient) error {
		all, err := credentials(t, *recipient, t.now)
		if err != nil {
			return err
		}
		if err := check.ask(recipient, all); err != nil {
			return err
		}
		if recipient.Auth == Federation {
			return fmt.Errorf("%w: the tokens of this recipient are its identity provider's, and cannot be shortened; revoke or disable it, or set its end", ErrInvalid)
		}
		if live, err = t.shorten(all, t.now.Add(in), false); err != nil {
			return err
		}
		if err := t.keep(recipient, live); err != nil {
			return err
		}
		return t.auditRecipient(*recipient, actor, "updateRecipientTokens", fmt.Sprintf("tokens expire within %s", in))
	})
	return recipient, live, err
}

// shorten bounds the life of each credential by an end that lies not before
// now. With rotate, tokens become rotated and pending links are replaced. It
// returns those that are still live.
func (t *transaction) shorten(all []Credential, end time.Time, rotate bool) ([]Credential, error) {
	kept := make([]Credential, 0, len(all))
	for _, c := range all {
		switch {
		case c.Link != nil && rotate:
			if err := t.revokeLink(c); err != nil {
				return nil, err
			}
			continue
		case c.Link != nil:
			c.Link.ExpiresAt = earlier(c.Link.ExpiresAt, end)
			c.Link.NotAfter = earlier(c.Link.NotAfter, end)
			if err := t.putLink(c.Digest, *c.Link); err != nil {
				return nil, err
			}
		default:
			c.Token.ExpiresAt = earlier(c.Token.ExpiresAt, end)
			if rotate && c.Token.RotatedAt.IsZero() {
				c.Token.RotatedAt = t.now
			}
			if err := t.putToken(c.Digest, *c.Token); err != nil {
				return nil, err
			}
			if ended(c.Token.ExpiresAt, t.now) {
				continue
			}
		}
		kept = append(kept, c)
	}
	return kept, nil
}
