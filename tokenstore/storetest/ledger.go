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
	now      time.Time
	owners   []*owner // recipients that exist
	passes   []*pass  // all that were ever made, oldest first
	accesses []*access
	audit    []time.Time
	house    household // accounts, where the same store has them
}

type owner struct {
	id, realm, name string
	grants          []string
	disabled        bool
	client          bool      // has client credentials: its tokens are client secrets
	notAfter        time.Time // zero: no end
}

// ended tells whether all that the recipient holds is over.
func (o *owner) ended(now time.Time) bool { return !o.notAfter.IsZero() && !now.Before(o.notAfter) }

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

// access is an access token.
type access struct {
	secret   *pass // the client secret that it came from
	accessor string
	token    secret.Digest
	expires  time.Time
	revoked  time.Time
	gone     bool // pruned
}

// What a ledger and a store say of an operation that they refuse.
var (
	errLinkUsed = errors.New("used")
	errLinkOver = errors.New("over")
	errDisabled = errors.New("disabled")
	errEnded    = errors.New("ended")
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

// pass finds one by its accessor.
func (l *ledger) pass(accessor string) *pass {
	return l.passes[slices.IndexFunc(l.passes, func(p *pass) bool { return p.accessor == accessor })]
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
	case p.linkDead || !p.linkOver.IsZero() || !l.now.Before(p.linkExpires) || p.owner.ended(l.now):
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

func (l *ledger) live(p *pass) bool { return p.issued && l.state(p).live(l.now) }

// kept tells whether the token's own record lets it live, whatever its recipient's
// end: with a later end it comes back.
func (l *ledger) kept(p *pass) bool { return p.issued && p.own().live(l.now) }

func (l *ledger) tokenOutcome(p *pass) string {
	if !p.issued || p.tokenGone {
		return "unknown"
	}
	return l.outcome(l.state(p), p.owner)
}

func (l *ledger) accessOutcome(a *access) string {
	if a.gone {
		return "unknown"
	}
	return l.outcome(l.accessState(a), a.secret.owner)
}

func validOutcome(id string, grants []string, expires time.Time) string {
	return fmt.Sprintf("%s until %d may %s", id, expires.Unix(), strings.Join(grants, " "))
}

func (l *ledger) tokenStatus(p *pass) string {
	if !p.issued || p.tokenGone {
		return "unknown"
	}
	return l.status(l.state(p))
}

func (l *ledger) accessStatus(a *access) string {
	if a.gone {
		return "unknown"
	}
	return l.status(l.accessState(a))
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

func (l *ledger) create(id, realm, name string, client bool, link tokenstore.NewLink) error {
	if l.owner(realm, name) != nil {
		return tokenstore.ErrExists
	}
	o := &owner{id: id, realm: realm, name: name, client: client}
	l.owners = append(l.owners, o)
	l.addPass(o, link)
	l.noted()
	return nil
}

// imported is how long an imported token lives of itself.
const importedLife = 100 * 365 * 24 * time.Hour

// bring makes a recipient that brings its token, and has no link.
func (l *ledger) bring(id, realm, name string, token tokenstore.ImportedToken) error {
	if l.owner(realm, name) != nil {
		return tokenstore.ErrExists
	}
	o := &owner{id: id, realm: realm, name: name}
	l.owners = append(l.owners, o)
	l.passes = append(l.passes, &pass{
		owner: o, accessor: token.Accessor, code: codeOf(token.Accessor), linkGone: true,
		token: token.Digest, issued: true, expires: l.moment().Add(importedLife),
	})
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

// issue gives an access token to who holds a client secret.
func (l *ledger) issue(p *pass, accessor string, token secret.Digest, lifetime time.Duration) error {
	switch {
	case !p.issued || p.tokenGone || !p.owner.client:
		return tokenstore.ErrNotFound
	case !l.live(p):
		return errEnded
	case p.owner.disabled:
		return errDisabled
	}
	l.accesses = append(l.accesses, &access{
		secret: p, accessor: accessor, token: token, expires: first(l.moment().Add(lifetime), l.state(p).expires),
	})
	return nil
}

func (l *ledger) rotate(o *owner, r tokenstore.Rotation) error {
	tokens := 0
	for _, p := range l.passes {
		if p.owner == o && l.live(p) {
			tokens++
		}
	}
	switch {
	case tokens >= r.MaxTokens && r.OldExpiresIn > 0:
		return tokenstore.ErrTooManyTokens
	case o.ended(l.now):
		return tokenstore.ErrInvalid
	}
	for _, p := range l.passes {
		switch {
		case p.owner != o:
		case l.pending(p):
			p.linkOver = l.moment()
		case l.live(p):
			p.rotated = true
			p.expires = first(l.state(p).expires, l.moment().Add(r.OldExpiresIn))
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
			p.expires = first(l.state(p).expires, end)
		}
	}
	l.giveUp(o)
	l.noted()
}

// giveUp ends for good what is over only because its recipient's end has come.
func (l *ledger) giveUp(o *owner) {
	for _, p := range l.passes {
		switch {
		case p.owner != o || !o.ended(l.now):
		case l.kept(p):
			p.expires = l.state(p).expires
		case p.linkOver.IsZero() && !p.linkDead && l.now.Before(p.linkExpires):
			p.linkOver = l.moment()
		}
	}
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
	l.giveUp(o)
	l.noted()
}

func (l *ledger) revokeToken(p *pass) error {
	if !p.issued || p.tokenGone {
		return tokenstore.ErrNotFound
	}
	if l.kept(p) {
		p.revoked = l.moment()
		l.noted()
	}
	return nil
}

// revokeAccess ends an access token. That of a recipient that was deleted is over.
func (l *ledger) revokeAccess(a *access) error {
	if a.gone {
		return tokenstore.ErrNotFound
	}
	if a.own().live(l.now) && slices.Contains(l.owners, a.secret.owner) {
		a.revoked = l.moment()
		l.noted()
	}
	return nil
}

// blur tells whether something ended so long ago that a mass revocation now may blur
// when and why.
func (l *ledger) blur(s state) bool {
	_, at := s.end()
	return !at.After(l.moment().Add(-tokenstore.KeepEnded))
}

func (l *ledger) revokeRealm(realm string) {
	for _, p := range l.passes {
		if p.owner.realm != realm {
			continue
		}
		p.blurred = p.blurred || l.blur(l.state(p)) || l.blur(p.own())
		p.linkDead = true
		if l.kept(p) {
			p.revoked = l.moment()
		}
	}
	for _, a := range l.accesses {
		if a.secret.owner.realm == realm && a.own().live(l.now) {
			a.revoked = l.moment()
		}
	}
	l.noted()
}

func (l *ledger) remove(o *owner) {
	l.revoke(o) // with its audit entry, which is the deletion's
	o.notAfter = time.Time{}
	l.owners = slices.DeleteFunc(l.owners, func(other *owner) bool { return other == o })
}

func (l *ledger) prune() {
	horizon := l.moment().Add(-tokenstore.KeepEnded)
	for _, p := range l.passes {
		if _, at := p.own().end(); p.issued && !l.kept(p) && !at.After(horizon) {
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
	for _, a := range l.accesses {
		if _, at := a.own().end(); !a.own().live(l.now) && !at.After(l.moment().Add(-24*time.Hour)) {
			a.gone = true
		}
	}
	l.audit = slices.DeleteFunc(l.audit, func(at time.Time) bool {
		return at.Before(l.moment().Add(-tokenstore.KeepAudit))
	})
}
