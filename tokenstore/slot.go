package tokenstore

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// Slot is one place of a recipient's bounded set of credentials: an activation
// link that waits to be used, or the token that was minted from it. The digest
// leads to the Link or the Token, which alone knows when it ends.
type Slot struct {
	Accessor string `cbor:"1,keyasint"`
	Digest   []byte `cbor:"2,keyasint"`
	Pending  bool   `cbor:"3,keyasint,omitempty"`
}

// Link is an activation link, without its code. It holds no credential: the
// token is minted when it is used. The record is kept for a while after that.
type Link struct {
	Accessor  string    `cbor:"1,keyasint"` // of the token that will be minted
	Realm     string    `cbor:"2,keyasint"`
	Subject   string    `cbor:"3,keyasint"` // id of the recipient
	CreatedAt time.Time `cbor:"4,keyasint"`
	ExpiresAt time.Time `cbor:"5,keyasint"`
	// Sealed is the code, sealed by the caller, so that the link can be shown
	// again to who may see it. Emptied once the link is over.
	Sealed []byte    `cbor:"6,keyasint,omitempty"`
	UsedAt time.Time `cbor:"7,keyasint,omitzero"`
	// RevokedAt is when the link was revoked, or replaced by another.
	RevokedAt time.Time `cbor:"8,keyasint,omitzero"`
	Epoch     uint64    `cbor:"9,keyasint,omitempty"`
	// NotAfter bounds the life of the token that will be minted; zero: no bound.
	NotAfter time.Time `cbor:"10,keyasint,omitzero"`
	// CreatedBy is who made the link, as the audit names actors.
	CreatedBy string `cbor:"11,keyasint,omitempty"`
}

// whole tells whether a stored link is complete: one without its expiry could be
// used for ever.
func (l Link) whole() bool {
	return l.Accessor != "" && l.Realm != "" && l.Subject != "" && !l.ExpiresAt.IsZero()
}

// over tells whether the link can no longer be used.
func (l Link) over(now time.Time, e Epoch) bool {
	return !l.UsedAt.IsZero() || !l.RevokedAt.IsZero() || l.Epoch < e.Number || ended(l.ExpiresAt, now)
}

// Credential is a live slot with what it leads to: exactly one of Token and
// Link is set.
type Credential struct {
	Slot
	Token *Token
	Link  *Link
}

// Rotated tells whether a newer credential took this one's place.
func (c Credential) Rotated() bool { return c.Token != nil && !c.Token.RotatedAt.IsZero() }

// CreatedAt is when the credential's link was made.
func (c Credential) CreatedAt() time.Time {
	if c.Token != nil {
		return c.Token.CreatedAt
	}
	return c.Link.CreatedAt
}

// credentials reads what a recipient's slots lead to, newest first, and leaves
// out what is over at now. A token's expiry is the recipient's end, if that is
// earlier.
func credentials(r Reader, recipient Recipient, now time.Time) ([]Credential, error) {
	e, err := epoch(r, recipient.Realm)
	if err != nil {
		return nil, err
	}
	live := make([]Credential, 0, len(recipient.Slots))
	for i := len(recipient.Slots) - 1; i >= 0; i-- {
		c, err := credentialOf(r, recipient.Slots[i])
		if errors.Is(err, ErrNotFound) {
			continue // pruned, so long over
		}
		if err != nil {
			return nil, err
		}
		if c.Token != nil {
			c.Token.ExpiresAt = earlier(c.Token.ExpiresAt, recipient.NotAfter)
		}
		if !ended(recipient.NotAfter, now) && c.live(now, e) {
			live = append(live, c)
		}
	}
	return live, nil
}

// credentialOf reads what a slot leads to.
func credentialOf(r Reader, slot Slot) (Credential, error) {
	c := Credential{Slot: slot}
	digest, err := digestFrom(slot.Digest)
	switch {
	case err != nil:
	case slot.Pending:
		c.Link = new(Link)
		err = get(r, linkKey(digest), versionLink, c.Link)
	default:
		c.Token = new(Token)
		err = get(r, tokenKey(digest), versionToken, c.Token)
	}
	return c, err
}

func (c Credential) live(now time.Time, e Epoch) bool {
	if c.Token != nil {
		return c.Token.end(now, e) == nil
	}
	return !c.Link.over(now, e)
}

// keep makes the given credentials, newest first, the recipient's slots. What
// leaves them because the recipient's end has come, and for no reason of its own,
// gets that end in its own record: it is over for good, also when the recipient is
// given a later end or is deleted.
func (t *transaction) keep(recipient *Recipient, live []Credential) error {
	e, err := epoch(t, recipient.Realm)
	if err != nil {
		return err
	}
	old := recipient.Slots
	recipient.Slots = make([]Slot, 0, len(live))
	for _, c := range slices.Backward(live) {
		recipient.Slots = append(recipient.Slots, c.Slot)
	}
	for _, slot := range old {
		if slices.ContainsFunc(live, func(c Credential) bool { return c.Accessor == slot.Accessor }) {
			continue
		}
		c, err := credentialOf(t, slot)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err == nil && c.live(t.now, e) {
			if c.Link != nil {
				err = t.revokeLink(c)
			} else {
				c.Token.ExpiresAt = earlier(recipient.NotAfter, t.now)
				err = t.putToken(c.Digest, *c.Token)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) putToken(digest []byte, token Token) error {
	d, err := digestFrom(digest)
	if err != nil {
		return err
	}
	return put(t, tokenKey(d), versionToken, token)
}

func (t *transaction) putLink(digest []byte, link Link) error {
	d, err := digestFrom(digest)
	if err != nil {
		return err
	}
	return put(t, linkKey(d), versionLink, link)
}

// NewLink is an activation link to be stored, made by the caller before the
// transaction: closures run again, and what they make must be the same.
type NewLink struct {
	Accessor string
	Code     secret.Digest
	Sealed   []byte
	// Lifetime of the link.
	Lifetime time.Duration
}

// addLink stores a new pending link and gives it the recipient's next slot.
func (t *transaction) addLink(recipient *Recipient, link NewLink, actor string) (Credential, error) {
	if recipient.Auth == Federation {
		return Credential{}, fmt.Errorf("%w: a recipient that its own identity provider vouches for has no activation link", ErrInvalid)
	}
	if err := recipient.lasts(t.now); err != nil {
		return Credential{}, err
	}
	e, err := epoch(t, recipient.Realm)
	if err != nil {
		return Credential{}, err
	}
	// A digest that is taken would hand one recipient's link to another.
	if err := t.vacant(linkKey(link.Code)); err != nil {
		return Credential{}, err
	}
	added := Credential{
		Slot: Slot{Accessor: link.Accessor, Digest: link.Code[:], Pending: true},
		Link: &Link{
			Accessor:  link.Accessor,
			Realm:     recipient.Realm,
			Subject:   recipient.ID,
			CreatedAt: t.now,
			ExpiresAt: t.now.Add(link.Lifetime),
			Sealed:    link.Sealed,
			Epoch:     e.Number,
			CreatedBy: actor,
		},
	}
	recipient.Slots = append(recipient.Slots, added.Slot)
	return added, t.putLink(link.Code[:], *added.Link)
}
