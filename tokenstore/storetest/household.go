package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// household is what a store of accounts should answer of their families, as plain data:
// it knows of no records, generations or epochs, and ends at once whatever is ended.
type household struct {
	now      time.Time
	estates  []*estate  // accounts that exist
	families []*kin     // all that were ever started, oldest first
	programs []*program // applications that exist
	audit    []time.Time
}

// estate is an account.
type estate struct {
	id, realm, host string
	disabled        bool
	ends            int // of all its families at once
	enrolled        map[*program]bool
}

type program struct {
	realm, id string
	disabled  bool
}

// kin is a token family.
type kin struct {
	estate   *estate
	parent   *kin
	accessor string
	scope    tokenstore.FamilyScope
	program  *program
	expires  time.Time
	over     time.Time // revoked, or ended with its account or an ancestor
	revoked  bool      // itself
	left     time.Time // signed out
	mayGo    bool      // it may have been pruned
}

func (h *household) moment() time.Time { return h.now.Truncate(time.Second) }

func (h *household) noted() { h.audit = append(h.audit, h.now) }

func (h *household) estate(realm, host string) *estate {
	for _, e := range h.estates {
		if e.realm == realm && e.host == host {
			return e
		}
	}
	return nil
}

func (h *household) program(realm, id string) *program {
	for _, p := range h.programs {
		if p.realm == realm && p.id == id {
			return p
		}
	}
	return nil
}

// family finds one by its accessor.
func (h *household) family(accessor string) *kin {
	return h.families[slices.IndexFunc(h.families, func(k *kin) bool { return k.accessor == accessor })]
}

// ended is when a family was over; zero if it is not. It is good for the whole of the
// second in which it expires.
func (h *household) ended(k *kin) time.Time {
	end := k.expires
	for _, at := range []time.Time{k.over, k.left} {
		if !at.IsZero() {
			end = first(end, at)
		}
	}
	if k.over.IsZero() && k.left.IsZero() && h.now.Before(end.Add(time.Second)) {
		return time.Time{}
	}
	return end
}

// outcome is what the holder of a family's token gets, in words. Why it is over is
// not said: of several causes a store may have forgotten the first.
func (h *household) outcome(k *kin) string {
	switch {
	case !h.ended(k).IsZero():
		return "over"
	case k.estate.disabled:
		return "disabled"
	case k.scope != tokenstore.ApplicationScope:
		return string(k.scope)
	case h.program(k.program.realm, k.program.id) != k.program:
		return "application of nothing"
	}
	word := "application " + k.program.id
	if k.program.disabled {
		word += ", disabled"
	}
	enabled, known := k.estate.enrolled[k.program]
	switch {
	case enabled:
		word += ", set up"
	case known:
		word += ", disabled by the owner"
	}
	return word
}

// standing is what the list of tokens says of a family: "active", "disabled", or why it
// is over, which is not said here either.
func (h *household) standing(k *kin) string {
	if !h.ended(k).IsZero() {
		return "over"
	}
	disabled := k.estate.disabled
	for ; k != nil; k = k.parent {
		disabled = disabled || k.scope == tokenstore.ApplicationScope && h.isKeptOut(k)
	}
	if disabled {
		return "disabled"
	}
	return "active"
}

// isKeptOut tells whether the application whose family it is was disabled or deleted.
func (h *household) isKeptOut(k *kin) bool {
	enabled, known := k.estate.enrolled[k.program]
	return h.program(k.program.realm, k.program.id) != k.program || k.program.disabled || known && !enabled
}

// statusOutcome is the same of what a store answers.
func statusOutcome(status string) string {
	switch status {
	case "expired", "revoked", "signed out":
		return "over"
	default:
		return status
	}
}

// heldOutcome is the outcome of what a store answers.
func heldOutcome(held tokenstore.FamilyHolder, err error) string {
	_, ended := errors.AsType[*tokenstore.EndedError](err)
	switch {
	case ended:
		return "over"
	case err != nil:
		return err.Error()
	case held.Token.Family.Scope != tokenstore.ApplicationScope:
		return string(held.Token.Family.Scope)
	case held.Application.ID == "":
		return "application of nothing"
	}
	word := "application " + held.Application.ID
	if held.Application.Disabled {
		word += ", disabled"
	}
	enrolment, ok := held.Account.Enrolment(held.Application)
	switch {
	case ok && enrolment.DisabledAt.IsZero():
		word += ", set up"
	case ok:
		word += ", disabled by the owner"
	}
	return word
}

// differences compares what a store answers of all that the household knows with what
// it should, and returns the first answer that differs, or nil.
func (h *household) differences(ctx context.Context, s *tokenstore.Store) error {
	for _, k := range h.families {
		got, want := heldOutcome(s.FamilyHolder(ctx, k.estate.realm, familyOf(k.accessor))), h.outcome(k)
		if want == "disabled" {
			want = tokenstore.ErrAccountDisabled.Error()
		}
		status := tokenStatus(ctx, s, k.accessor)
		if got == tokenstore.ErrNotFound.Error() && k.mayGo && status == "unknown" {
			continue
		}
		if standing := h.standing(k); got != want || statusOutcome(status) != standing {
			return fmt.Errorf("family %s: %s, %s, want %s, %s", k.accessor, got, status, want, standing)
		}
	}
	for _, e := range h.estates {
		account, _, _, err := s.AccountByHost(ctx, e.realm, e.host)
		if err != nil || account.ID != e.id || account.Disabled != e.disabled {
			return fmt.Errorf("account of %s is %q, disabled %v, %w, want %q, %v", e.host, account.ID, account.Disabled, err, e.id, e.disabled)
		}
	}
	return nil
}

func (h *household) open(id, realm, host string) error {
	if h.estate(realm, host) != nil {
		return tokenstore.ErrExists
	}
	h.estates = append(h.estates, &estate{id: id, realm: realm, host: host, enrolled: map[*program]bool{}})
	h.noted()
	return nil
}

// end ends a family with all that descends from it.
func (h *household) end(k *kin) {
	for _, other := range h.families {
		if other.descends(k) && other.over.IsZero() {
			other.over = h.moment()
		}
	}
}

func (k *kin) descends(from *kin) bool {
	return k == from || k.parent != nil && k.parent.descends(from)
}

// endAll ends all families of an account.
func (h *household) endAll(e *estate) {
	e.ends++
	for _, k := range h.families {
		if k.estate == e {
			h.end(k)
		}
	}
	h.noted()
}

func (h *household) remove(e *estate) {
	h.endAll(e)
	h.estates = slices.DeleteFunc(h.estates, func(other *estate) bool { return other == e })
}

func (h *household) revokeRealm(realm string) {
	for _, k := range h.families {
		if k.estate.realm == realm {
			h.end(k)
		}
	}
	h.noted()
}

// signIn starts a family for who was found right when the account had had so many ends.
func (h *household) signIn(e *estate, ends int, accessor string, life time.Duration) error {
	switch {
	case e.disabled:
		return tokenstore.ErrAccountDisabled
	case e.ends != ends:
		return tokenstore.ErrStale
	}
	h.families = append(h.families, &kin{estate: e, accessor: accessor, scope: tokenstore.OwnerScope, expires: h.moment().Add(life)})
	h.noted()
	return nil
}

// ask starts a family with another.
func (h *household) ask(e *estate, parent *kin, scope tokenstore.FamilyScope, application, accessor string, life time.Duration, capped bool) error {
	k := &kin{estate: e, parent: parent, accessor: accessor, scope: scope, expires: h.moment().Add(life)}
	depth := 0
	for p := parent; p != nil; p = p.parent {
		depth++
	}
	if scope == tokenstore.ApplicationScope {
		k.program = h.program(e.realm, application)
	}
	switch {
	case e.disabled:
		return tokenstore.ErrAccountDisabled
	case !h.ended(parent).IsZero():
		return tokenstore.ErrNotFound
	case parent.estate.disabled:
		return tokenstore.ErrAccountDisabled
	case parent.estate != e:
		return tokenstore.ErrNotFound
	case depth > 4:
		return tokenstore.ErrInvalid
	case scope == tokenstore.ApplicationScope && k.program == nil:
		return tokenstore.ErrNotFound
	}
	if capped {
		k.expires = first(k.expires, parent.expires)
	}
	h.families = append(h.families, k)
	h.noted()
	return nil
}

func (h *household) leave(k *kin) {
	if k.left.IsZero() {
		k.left = h.moment()
		h.noted()
	}
}

func (h *household) revoke(k *kin) {
	if !k.revoked {
		k.revoked = true
		h.end(k)
		h.noted()
	}
}

func (h *household) add(realm, id string) error {
	if h.program(realm, id) != nil {
		return tokenstore.ErrExists
	}
	h.programs = append(h.programs, &program{realm: realm, id: id})
	h.noted()
	return nil
}

func (h *household) drop(p *program) {
	h.programs = slices.DeleteFunc(h.programs, func(other *program) bool { return other == p })
	h.noted()
}

func (h *household) enrol(e *estate, p *program, enabled bool) error {
	if _, known := e.enrolled[p]; !known && !enabled {
		return tokenstore.ErrInvalid
	}
	e.enrolled[p] = enabled
	h.noted()
	return nil
}

func (h *household) prune() {
	for _, k := range h.families {
		if end := h.ended(k); !end.IsZero() && !end.After(h.moment().Add(-tokenstore.KeepEnded)) {
			k.mayGo = true
		}
	}
	h.audit = slices.DeleteFunc(h.audit, func(at time.Time) bool { return at.Before(h.moment().Add(-tokenstore.KeepAudit)) })
}
