package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// ledger is what a store of recipients should answer, as plain data: it knows of
// no records, transactions, slots or epochs.
type ledger struct {
	now    time.Time
	owners []*owner // recipients that exist
	passes []*pass  // all that were ever made, oldest first
	audit  []time.Time
}

type owner struct {
	id, realm, name string
	grants          []string
	disabled        bool
}

// pass is an activation link, and the token that was minted from it.
type pass struct {
	owner    *owner
	accessor string
	code     secret.Digest

	linkExpires time.Time
	linkOver    time.Time // used, replaced or revoked
	linkDead    bool      // by a mass revocation
	linkGone    bool      // pruned
	used        bool
	notAfter    time.Time

	token     secret.Digest
	issued    bool
	expires   time.Time
	rotated   bool
	revoked   time.Time
	tokenGone bool
	blurred   bool // ended so long ago that a later mass revocation may blur when and why
}

// What a ledger and a store say of an operation that they refuse.
var (
	errLinkUsed = errors.New("used")
	errLinkOver = errors.New("over")
	errDisabled = errors.New("disabled")
)

// moment is the present as records keep it.
func (l *ledger) moment() time.Time { return l.now.Truncate(time.Second) }

func (l *ledger) owner(realm, name string) *owner {
	for _, o := range l.owners {
		if o.realm == realm && strings.EqualFold(o.name, name) {
			return o
		}
	}
	return nil
}

func (l *ledger) noted() { l.audit = append(l.audit, l.now) }

func (l *ledger) addPass(o *owner, link tokenstore.NewLink) {
	l.passes = append(l.passes, &pass{
		owner: o, accessor: link.Accessor, code: link.Code,
		linkExpires: l.moment().Add(link.Lifetime),
	})
}

// linkState is the error that a use of the link gets.
func (l *ledger) linkState(p *pass) error {
	switch {
	case p.linkGone:
		return tokenstore.ErrNotFound
	case p.used:
		return errLinkUsed
	case p.linkDead || !p.linkOver.IsZero() || !l.now.Before(p.linkExpires):
		return errLinkOver
	case p.owner.disabled:
		return errDisabled
	}
	return nil
}

// pending tells whether the link waits to be used, live whether the token is
// good; a disabled recipient keeps both.
func (l *ledger) pending(p *pass) bool {
	err := l.linkState(p)
	return err == nil || errors.Is(err, errDisabled)
}

func (l *ledger) live(p *pass) bool {
	return p.issued && p.revoked.IsZero() && l.now.Before(p.expires)
}

// end is why and when a token ended. Only what lives can be revoked, so a token
// that was revoked did not expire before.
func (l *ledger) end(p *pass) (tokenstore.EndReason, time.Time) {
	switch {
	case !p.revoked.IsZero():
		return tokenstore.Revoked, p.revoked
	case p.rotated:
		return tokenstore.Rotated, p.expires
	}
	return tokenstore.Expired, p.expires
}

// tokenOutcome is what who presents the token gets, in words.
func (l *ledger) tokenOutcome(p *pass) string {
	switch {
	case !p.issued || p.tokenGone:
		return "unknown"
	case !l.live(p):
		why, at := l.end(p)
		return fmt.Sprintf("%s at %d", why, at.Unix())
	case p.owner.disabled:
		return "disabled"
	}
	return validOutcome(p.owner.id, p.owner.grants, p.expires)
}

func validOutcome(id string, grants []string, expires time.Time) string {
	return fmt.Sprintf("%s until %d may %s", id, expires.Unix(), strings.Join(grants, " "))
}

// tokenStatus is what an operator reads.
func (l *ledger) tokenStatus(p *pass) string {
	switch why, _ := l.end(p); {
	case !p.issued || p.tokenGone:
		return "unknown"
	case l.live(p) && p.rotated:
		return "rotated"
	case l.live(p):
		return "active"
	case why == tokenstore.Rotated:
		return "expired"
	default:
		return string(why)
	}
}

// credentials lists what a recipient holds, newest first, in words.
func (l *ledger) credentials(o *owner) []string {
	var list []string
	for _, p := range slices.Backward(l.passes) {
		switch {
		case p.owner != o:
		case l.pending(p):
			list = append(list, p.accessor+" pending")
		case l.live(p):
			list = append(list, p.accessor+" "+l.tokenStatus(p))
		}
	}
	return list
}

func (l *ledger) create(id, realm, name string, link tokenstore.NewLink) error {
	if l.owner(realm, name) != nil {
		return tokenstore.ErrExists
	}
	o := &owner{id: id, realm: realm, name: name}
	l.owners = append(l.owners, o)
	l.addPass(o, link)
	l.noted()
	return nil
}

func (l *ledger) activate(p *pass, token secret.Digest, lifetime time.Duration) error {
	if err := l.linkState(p); err != nil {
		return err
	}
	p.used, p.linkOver = true, l.moment()
	p.issued, p.token, p.expires = true, token, l.moment().Add(lifetime)
	if !p.notAfter.IsZero() && p.notAfter.Before(p.expires) {
		p.expires = p.notAfter
	}
	l.noted()
	return nil
}

func (l *ledger) rotate(o *owner, r tokenstore.Rotation) error {
	tokens := 0
	for _, p := range l.passes {
		if p.owner == o && l.live(p) {
			tokens++
		}
	}
	if tokens >= r.MaxTokens && r.OldExpiresIn > 0 {
		return tokenstore.ErrTooManyTokens
	}
	for _, p := range l.passes {
		switch {
		case p.owner != o:
		case l.pending(p):
			p.linkOver = l.moment()
		case l.live(p):
			p.rotated = true
			p.expires = first(p.expires, l.moment().Add(r.OldExpiresIn))
		}
	}
	l.addPass(o, r.Link)
	l.noted()
	return nil
}

func (l *ledger) shorten(o *owner, in time.Duration) {
	if in == 0 {
		l.revoke(o)
		return
	}
	end := l.moment().Add(in)
	for _, p := range l.passes {
		switch {
		case p.owner != o:
		case l.pending(p):
			p.linkExpires = first(p.linkExpires, end)
			if p.notAfter.IsZero() {
				p.notAfter = end
			}
			p.notAfter = first(p.notAfter, end)
		case l.live(p):
			p.expires = first(p.expires, end)
		}
	}
	l.noted()
}

func first(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (l *ledger) revoke(o *owner) {
	for _, p := range l.passes {
		switch {
		case p.owner != o:
		case l.pending(p):
			p.linkOver = l.moment()
		case l.live(p):
			p.revoked = l.moment()
		}
	}
	l.noted()
}

func (l *ledger) revokeToken(p *pass) error {
	if !p.issued || p.tokenGone {
		return tokenstore.ErrNotFound
	}
	if l.live(p) {
		p.revoked = l.moment()
		l.noted()
	}
	return nil
}

func (l *ledger) revokeRealm(realm string) {
	for _, p := range l.passes {
		if p.owner.realm != realm {
			continue
		}
		if _, at := l.end(p); !at.After(l.moment().Add(-tokenstore.KeepEnded)) {
			p.blurred = true
		}
		p.linkDead = true
		if l.live(p) {
			p.revoked = l.moment()
		}
	}
	l.noted()
}

func (l *ledger) remove(o *owner) {
	l.revoke(o) // with its audit entry, which is the deletion's
	l.owners = slices.DeleteFunc(l.owners, func(other *owner) bool { return other == o })
}

func (l *ledger) prune() {
	horizon := l.moment().Add(-tokenstore.KeepEnded)
	for _, p := range l.passes {
		if _, at := l.end(p); p.issued && !l.live(p) && !at.After(horizon) {
			p.tokenGone = true
		}
		over := p.linkExpires
		if !p.linkOver.IsZero() {
			over = first(over, p.linkOver)
		}
		if !over.After(horizon) {
			p.linkGone = true
		}
	}
	l.audit = slices.DeleteFunc(l.audit, func(at time.Time) bool {
		return at.Before(l.moment().Add(-tokenstore.KeepAudit))
	})
}
