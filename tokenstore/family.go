package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// Family is what the record of a token family says beside what all tokens have. Its
// Token's Subject is the account; ExpiresAt is the absolute end, IssuedAt the sign-in.
type Family struct {
	// Generation of the account under which it began.
	Generation uint64 `cbor:"1,keyasint,omitempty"`
	// Scope is "owner", "validate" or "application".
	Scope FamilyScope `cbor:"2,keyasint"`
	// Application whose tokens these are, with the UID of its registry entry.
	Application    string `cbor:"3,keyasint,omitempty"`
	ApplicationUID string `cbor:"4,keyasint,omitempty"`
	// SignedOutAt is when the holder signed out; zero: not.
	SignedOutAt time.Time `cbor:"5,keyasint,omitzero"`
	// NeededUntil is the end of the last family that was asked for with this one.
	NeededUntil time.Time `cbor:"6,keyasint,omitzero"`
	// Depth is how many families lead to this one: 0 for a sign-in.
	Depth int `cbor:"7,keyasint,omitempty"`
}

// FamilyScope is what the tokens of a family are good for.
type FamilyScope string

// The scopes.
const (
	OwnerScope       FamilyScope = "owner"
	ValidateScope    FamilyScope = "validate" // proves who somebody is, and no more
	ApplicationScope FamilyScope = "application"
)

// maxDepth bounds how many families can descend from each other: each is read with the
// look-up of the last.
const maxDepth = 4

// whole tells whether a stored family is complete.
func (f Family) whole() bool {
	switch f.Scope {
	case OwnerScope, ValidateScope:
		return f.Application == "" && f.ApplicationUID == ""
	case ApplicationScope:
		return f.Application != "" && f.ApplicationUID != ""
	default:
		return false
	}
}

// NewFamily is what a token family is made of.
type NewFamily struct {
	Realm, Host string
	Accessor    string
	Digest      secret.Digest // of the constant id of its tokens
	Scope       FamilyScope
	// Application is the id of the application whose tokens these will be.
	Application string
	// Lifetime until the absolute end.
	Lifetime time.Duration
	// CapByParent makes it end with the family that it is asked for with.
	CapByParent bool
	// Account and Generation are those of the account when the password was found
	// right. They are not looked at if Parent is set.
	Account    string
	Generation uint64
	// Parent is the family it is asked for with; nil for a sign-in.
	Parent *secret.Digest
	// Network that the owner signs in from; remembered unless it is empty.
	Network string
}

// FamilyHolder is a live token family with all that decides what it may do, as of a
// revision.
type FamilyHolder struct {
	Token   Token
	Account Account
	// Application is the registry's entry; zero for a family that is no application's,
	// and for one whose application is no longer registered.
	Application Application
	// Suspended says that an application that it was asked for with is disabled, or no
	// longer registered: what it obtained is not good either, until it is enabled.
	Suspended bool
	Revision  Revision
}

// StartFamily begins a token family. The errors are ErrNotFound for the account, the
// application or a parent that is no longer good, ErrStale if the account was changed
// such that the password must be asked again, ErrAccountDisabled, and ErrInvalid.
func (s *Store) StartFamily(ctx context.Context, n NewFamily, actor string) (FamilyHolder, error) {
	if err := validLifetime(n.Lifetime); err != nil || n.Lifetime == 0 {
		return FamilyHolder{}, fmt.Errorf("%w: a token family needs a lifetime", ErrInvalid)
	}
	var h FamilyHolder
	err := s.update(ctx, func(t *transaction) (err error) {
		h, err = t.startFamily(n, actor)
		return err
	})
	return h, err
}

func (t *transaction) startFamily(n NewFamily, actor string) (FamilyHolder, error) {
	account, err := accountByHost(t, n.Realm, n.Host)
	h := FamilyHolder{Account: account, Revision: t.Revision()}
	if err != nil {
		return h, err
	}
	e, err := epoch(t, n.Realm)
	if err != nil {
		return h, err
	}
	h.Token = Token{
		Accessor: n.Accessor, Realm: n.Realm, Subject: account.ID, Kind: FamilyToken,
		CreatedAt: t.now, IssuedAt: t.now, ExpiresAt: t.now.Add(n.Lifetime), Epoch: e.Number, CreatedBy: actor,
		Family: Family{Generation: account.Generation, Scope: n.Scope},
	}
	switch {
	case account.Disabled:
		return h, ErrAccountDisabled
	case n.Parent != nil:
		if err := t.descend(&h.Token, n, actor); err != nil {
			return h, err
		}
	case account.ID != n.Account || account.Generation != n.Generation:
		return h, ErrStale
	}
	if n.Scope == ApplicationScope {
		if h.Application, err = applicationByID(t, n.Realm, n.Application); err != nil {
			return h, err
		}
		h.Token.Family.Application, h.Token.Family.ApplicationUID = n.Application, h.Application.UID
	}
	if account.signedIn(n.Network) {
		h.Account = account
		if err := t.putAccount(account); err != nil {
			return h, err
		}
	}
	if err := t.vacant(tokenKey(n.Digest)); err != nil {
		return h, err
	}
	if err := t.putToken(n.Digest[:], h.Token); err != nil {
		return h, err
	}
	if err := put(t, accessorKey(n.Accessor), versionIndex, index{Digest: n.Digest[:]}); err != nil {
		return h, err
	}
	return h, t.auditFamily(h.Token, account, actor, "startTokenFamily")
}

// descend makes a family the child of the one that it is asked for with. The parent's
// record is written: what ends it conflicts with this, and it is kept for as long as
// the child needs it.
func (t *transaction) descend(child *Token, n NewFamily, actor string) error {
	parent, err := familyOf(t, n.Realm, *n.Parent, t.at)
	if ended := (*EndedError)(nil); errors.As(err, &ended) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	if parent.Account.ID != child.Subject {
		return ErrNotFound
	}
	if child.Family.Depth = parent.Token.Family.Depth + 1; child.Family.Depth > maxDepth {
		return fmt.Errorf("%w: a token that was asked for with a token, %d times over, gives no further one; sign in again", ErrInvalid, maxDepth)
	}
	child.Parent = n.Parent[:]
	if n.CapByParent {
		child.ExpiresAt = earlier(child.ExpiresAt, parent.Token.ExpiresAt)
	}
	// Of all that it descends from, each is kept for the child's sake.
	digest, record := *n.Parent, parent.own
	for {
		record.Family.NeededUntil = later(record.Family.NeededUntil, child.ExpiresAt)
		if err := t.putToken(digest[:], record); err != nil {
			return err
		}
		if len(record.Parent) == 0 {
			return nil
		}
		if digest, err = digestFrom(record.Parent); err != nil {
			return err
		}
		record = Token{}
		if err := get(t, tokenKey(digest), versionToken, &record); err != nil {
			return err
		}
	}
}

// ErrAccountDisabled says that a token is good but its account is disabled.
var ErrAccountDisabled = errors.New("the account is disabled")

// FamilyHolder looks a token family up by the digest of the id of its tokens. The
// errors are ErrNotFound if there is no such family in the realm (or it was pruned),
// *EndedError, and ErrAccountDisabled; any other means that the store could not tell.
func (s *Store) FamilyHolder(ctx context.Context, realm string, digest secret.Digest) (FamilyHolder, error) {
	var h familyRecord
	now := s.clock()
	err := s.driver.View(ctx, func(r Reader) (err error) {
		h, err = familyOf(r, realm, digest, now)
		return err
	})
	return h.FamilyHolder, err
}

// familyRecord is a family as it is stored, and as its ancestors and its account bound
// it.
type familyRecord struct {
	FamilyHolder
	own Token
}

func familyOf(r Reader, realm string, digest secret.Digest, now time.Time) (familyRecord, error) {
	h := familyRecord{FamilyHolder: FamilyHolder{Revision: r.Revision()}}
	if err := get(r, tokenKey(digest), versionToken, &h.own); err != nil {
		return h, err
	}
	if h.own.Realm != realm || h.own.Kind != FamilyToken {
		return h, ErrNotFound
	}
	account, err := accountByID(r, realm, h.own.Subject)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return h, err
	}
	h.Account = account
	if h.Token, h.Suspended, err = boundFamily(r, h.own, account); err != nil {
		return h, err
	}
	e, err := epoch(r, realm)
	if err != nil {
		return h, err
	}
	if end := h.Token.familyEnd(now, e); end != nil {
		return h, end
	}
	if account.Disabled {
		return h, ErrAccountDisabled
	}
	if h.Token.Family.Scope != ApplicationScope {
		return h, nil
	}
	h.Application, err = applicationOf(r, h.Token)
	return h, err
}

// applicationOf is the registry's entry of the application whose tokens a family are;
// zero if it is no longer registered.
func applicationOf(r Reader, family Token) (Application, error) {
	application, err := applicationByID(r, family.Realm, family.Family.Application)
	switch {
	case errors.Is(err, ErrNotFound):
		return Application{}, nil
	case err != nil:
		return Application{}, err
	case application.UID != family.Family.ApplicationUID:
		return Application{}, nil // another one of the same id
	}
	return application, nil
}

// isSuspended tells whether a family is an application's that is disabled, or no longer
// registered.
func isSuspended(r Reader, family Token, account Account) (bool, error) {
	if family.Family.Scope != ApplicationScope {
		return false, nil
	}
	application, err := applicationOf(r, family)
	if err != nil {
		return false, err
	}
	enrolment, _ := account.Enrolment(application)
	return application.ID == "" || application.Disabled || !enrolment.DisabledAt.IsZero(), nil
}

// familyEnd tells whether a family is over at now, and why: as any token, or because
// its holder signed out. The earliest cause counts. Tokens of a family tell their end
// in whole seconds, of which the last is still good; so it is with the family.
func (t Token) familyEnd(now time.Time, e Epoch) *EndedError {
	end := t.end(now.Add(-time.Second), e)
	if left := t.Family.SignedOutAt; !left.IsZero() && (end == nil || left.Before(end.At)) {
		return &EndedError{SignedOut, left, t}
	}
	return end
}

// boundFamily is a family's record as its account and all that it descends from bound
// it, and whether one of those is an application that is disabled. An account or ancestor
// that is gone ended it, whenever that was.
func boundFamily(r Reader, family Token, account Account) (bound Token, suspended bool, err error) {
	gone := family.IssuedAt
	switch {
	case account.ID == "":
		family.RevokedAt = earlier(family.RevokedAt, gone)
	case account.Generation != family.Family.Generation:
		family.RevokedAt = earlier(family.RevokedAt, later(account.EndedAt, gone))
	}
	ancestor := family
	for range maxDepth {
		if len(ancestor.Parent) == 0 {
			return family, suspended, nil
		}
		digest, err := digestFrom(ancestor.Parent)
		if err != nil {
			return family, suspended, err
		}
		ancestor = Token{}
		err = get(r, tokenKey(digest), versionToken, &ancestor)
		if errors.Is(err, ErrNotFound) {
			family.RevokedAt = earlier(family.RevokedAt, gone)
			return family, suspended, nil
		}
		if err != nil {
			return family, suspended, err
		}
		family.RevokedAt = earlier(family.RevokedAt, ancestor.RevokedAt)
		is, err := isSuspended(r, ancestor, account)
		if err != nil {
			return family, suspended, err
		}
		suspended = suspended || is
	}
	if len(ancestor.Parent) > 0 {
		family.RevokedAt = earlier(family.RevokedAt, gone) // deeper than any can be
	}
	return family, suspended, nil
}

// SignOut ends a token family for its holder; what was asked for with it goes on. Signing
// out again changes nothing. ErrNotFound.
func (s *Store) SignOut(ctx context.Context, realm string, digest secret.Digest, actor string) error {
	return s.update(ctx, func(t *transaction) error {
		var token Token
		if err := get(t, tokenKey(digest), versionToken, &token); err != nil {
			return err
		}
		if token.Realm != realm || token.Kind != FamilyToken {
			return ErrNotFound
		}
		if !token.Family.SignedOutAt.IsZero() {
			return nil
		}
		token.Family.SignedOutAt = t.now
		return t.keepFamily(token, digest, actor, "signOut")
	})
}

// revokeFamily ends a family and all that descends from it.
func (t *transaction) revokeFamily(token *Token, digest secret.Digest, actor string) error {
	token.RevokedAt = t.now
	return t.keepFamily(*token, digest, actor, "revokeToken")
}

func (t *transaction) keepFamily(token Token, digest secret.Digest, actor, action string) error {
	account, err := accountByID(t, token.Realm, token.Subject)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := t.putToken(digest[:], token); err != nil {
		return err
	}
	if err := t.auditFamily(token, account, actor, action); err != nil {
		return err
	}
	return t.changed(token.Realm, token.Subject)
}

func (t *transaction) auditFamily(token Token, account Account, actor, action string) error {
	detail := string(token.Family.Scope)
	if token.Family.Application != "" {
		detail = "application " + token.Family.Application
	}
	return t.audit(AuditEntry{
		Actor: actor, Action: action, Realm: token.Realm, Subject: token.Subject, Name: account.Host,
		Accessor: token.Accessor, Detail: detail,
	})
}

// familyInfo completes what is known of a family.
func (s *Store) familyInfo(r Reader, token Token) (TokenInfo, error) {
	info := TokenInfo{Token: token}
	account, err := accountByID(r, token.Realm, token.Subject)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return info, err
	}
	info.Account = account.Host
	var suspended bool
	if info.Token, suspended, err = boundFamily(r, token, account); err != nil {
		return info, err
	}
	own, err := isSuspended(r, token, account)
	if errors.Is(err, ErrRecord) {
		own, err = true, nil // its calls are refused, and nobody is kept from revoking it
	}
	if err != nil {
		return info, err
	}
	e, err := epoch(r, token.Realm)
	if err != nil {
		return info, err
	}
	info.Status = StatusActive
	if account.Disabled || suspended || own {
		info.Status = StatusDisabled
	}
	if end := info.Token.familyEnd(s.clock(), e); end != nil {
		info.Status, info.EndedAt = string(end.Reason), end.At
	}
	info.Use, err = s.lastUse(r, token.Accessor)
	return info, err
}
