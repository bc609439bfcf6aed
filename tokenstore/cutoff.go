package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// CutOff ends tokens that a foreign issuer made for a user: those issued at or before
// a moment, which never moves back. It is kept for ever, since nobody here knows how
// long such tokens live. The zero CutOff ends none.
type CutOff struct {
	Realm string `cbor:"1,keyasint"`
	User  string `cbor:"2,keyasint"` // folded
	// Until ends the tokens issued at or before it, whether the user is their subject
	// or the one for whom their subject acts. Zero: none.
	Until time.Time `cbor:"3,keyasint,omitzero"`
	// Delegators say the same of tokens in which the user acts for another one, by the
	// other's folded name. Those that Until covers are left out.
	Delegators map[string]time.Time `cbor:"4,keyasint,omitempty"`
	UpdatedAt  time.Time            `cbor:"5,keyasint"`
	UpdatedBy  string               `cbor:"6,keyasint,omitempty"`
}

// maxDelegators is for how many others one user may be cut off, each for itself: the
// record is read for each of the user's calls.
const maxDelegators = 1000

// whole tells whether a stored cut-off ends anything: one that ends nothing has lost
// what it did end.
func (c CutOff) whole() bool {
	if c.Realm == "" || c.User == "" || c.Until.IsZero() && len(c.Delegators) == 0 || len(c.Delegators) > maxDelegators {
		return false
	}
	for delegator, until := range c.Delegators {
		if delegator == "" || until.IsZero() {
			return false
		}
	}
	return true
}

// Covers tells whether a token of the user is over that was issued at a time, for the
// user to act for a delegator; "" if the user acts for nobody else.
func (c CutOff) Covers(issued time.Time, delegator string) bool {
	issued = issued.Truncate(time.Second) // as until is: what was issued within its second is over, too
	return !c.Until.IsZero() && !issued.After(c.Until) || delegator != "" && !issued.After(c.Delegators[FoldName(delegator)])
}

// ValidUser checks the name of a foreign issuer's user: 1 to 255 bytes without control
// characters. Nobody else can be cut off, so tokens of others are not to be taken.
func ValidUser(user string) error {
	if !isFederationText(user) || len(user) > maxNameLength {
		return fmt.Errorf("%w: a user has 1 to %d bytes and no control characters", ErrInvalid, maxNameLength)
	}
	return nil
}

func cutOffKey(realm, user string) []byte {
	return append(realmPrefix(keyCutOff, realm), FoldName(user)...)
}

// CutOff ends the tokens of a foreign issuer's user that were issued at or before a
// moment or within its second; if delegator is not "", only those in which the
// user acts for that one. Case does not count in either. What is over already stays
// over: an earlier moment than the present one changes nothing and is no error. It
// returns what holds from now on. ErrInvalid.
func (s *Store) CutOff(ctx context.Context, realm, user, delegator string, until time.Time, actor string) (CutOff, error) {
	if err := checkCutOff(realm, user, delegator, until); err != nil {
		return CutOff{}, err
	}
	until, user, delegator = until.UTC().Truncate(time.Second), FoldName(user), FoldName(delegator)
	var cut CutOff
	err := s.update(ctx, func(t *transaction) (err error) {
		if cut, err = cutOff(t, realm, user); err != nil || cut.Covers(until, delegator) {
			return err
		}
		cut.Realm, cut.User, cut.UpdatedAt, cut.UpdatedBy = realm, user, t.now, actor
		if err := cut.move(delegator, until); err != nil {
			return err
		}
		if err := put(t, cutOffKey(realm, user), versionCutOff, cut); err != nil {
			return err
		}
		detail := "tokens issued until " + until.Format(time.RFC3339)
		if delegator != "" {
			detail += ", acting for " + delegator
		}
		if err := t.audit(AuditEntry{Actor: actor, Action: "cutOffUser", Realm: realm, Subject: user, Detail: detail}); err != nil {
			return err
		}
		return t.changed(realm, user)
	})
	if err != nil {
		return CutOff{}, err
	}
	return cut, nil
}

func checkCutOff(realm, user, delegator string, until time.Time) error {
	if err := ValidRealm(realm); err != nil {
		return err
	}
	if err := ValidUser(user); err != nil {
		return err
	}
	if delegator != "" && ValidUser(delegator) != nil {
		return fmt.Errorf("%w: a delegator has at most %d bytes and no control characters", ErrInvalid, maxNameLength)
	}
	if until.Year() < 1970 || until.Year() >= 9999 {
		return fmt.Errorf("%w: a cut-off lies after 1970 and before the year 9999", ErrInvalid)
	}
	return nil
}

// move sets one of the moments, to a later one than it has.
func (c *CutOff) move(delegator string, until time.Time) error {
	if delegator == "" {
		c.Until = until
		maps.DeleteFunc(c.Delegators, func(_ string, at time.Time) bool { return !at.After(until) })
		return nil
	}
	if c.Delegators == nil {
		c.Delegators = make(map[string]time.Time)
	}
	c.Delegators[delegator] = until
	if len(c.Delegators) > maxDelegators {
		return fmt.Errorf("%w: the user is cut off for %d others already: cut off all of the user's tokens", ErrInvalid, maxDelegators)
	}
	return nil
}

// cutOff reads a user's cut-off; it is zero if there is none.
func cutOff(r Reader, realm, user string) (CutOff, error) {
	var cut CutOff
	err := get(r, cutOffKey(realm, user), versionCutOff, &cut)
	if errors.Is(err, ErrNotFound) {
		return CutOff{}, nil
	}
	return cut, err
}

// CutOffOf returns the cut-off of a user, and the revision at which it was read. Where
// there is none, it is zero and no error. A mass revocation of the realm cuts everybody
// off. ErrInvalid for who cannot be cut off.
func (s *Store) CutOffOf(ctx context.Context, realm, user string) (CutOff, Revision, error) {
	if err := ValidUser(user); err != nil {
		return CutOff{}, 0, err
	}
	var (
		cut      CutOff
		revision Revision
	)
	err := s.driver.View(ctx, func(r Reader) (err error) {
		revision = r.Revision()
		if cut, err = cutOff(r, realm, user); err != nil {
			return err
		}
		e, err := epoch(r, realm)
		if err == nil && len(e.Ends) > 0 {
			cut.Until = later(cut.Until, e.Ends[len(e.Ends)-1].Add(foreignLeeway))
		}
		return err
	})
	if err != nil {
		return CutOff{}, 0, err
	}
	return cut, revision, nil
}

// CutOffs returns up to limit cut-offs of a realm in the order of their users, after
// the given one; next is empty at the end.
func (s *Store) CutOffs(ctx context.Context, realm, after string, limit int) (list []CutOff, next string, err error) {
	err = s.driver.View(ctx, func(r Reader) error {
		found, err := r.Scan(realmPrefix(keyCutOff, realm), cursor(func(user string) []byte { return cutOffKey(realm, user) }, after), limit)
		if err != nil {
			return err
		}
		list, next = make([]CutOff, len(found)), ""
		for i, entry := range found {
			if err := decode(entry.Value, versionCutOff, &list[i]); err != nil {
				return err
			}
		}
		if len(found) == limit {
			next = list[limit-1].User
		}
		return nil
	})
	return list, next, err
}
