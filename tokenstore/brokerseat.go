package tokenstore

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// BrokerSeat is who holds what: a token is good only while it sits in the seat that it was
// made for. There are at most two, the older one in its overlap.
type BrokerSeat struct {
	Slots []BrokerSlot `cbor:"1,keyasint,omitempty"` // newest last
}

// BrokerSlot leads to a token.
type BrokerSlot struct {
	Accessor string `cbor:"1,keyasint"`
	Digest   []byte `cbor:"2,keyasint"`
}

// Taken tells whether the seat was given, whether its tokens are still good or not.
func (s BrokerSeat) Taken() bool { return len(s.Slots) > 0 }

// maxSlots is how many tokens a seat holds: the newest, and the one before in its overlap.
const maxSlots = 2

// whole tells whether a stored seat leads to what it holds.
func (s BrokerSeat) whole() bool {
	return len(s.Slots) <= maxSlots && !slices.ContainsFunc(s.Slots, func(slot BrokerSlot) bool {
		_, err := digestFrom(slot.Digest)
		return slot.Accessor == "" || err != nil
	})
}

// holds tells whether a token sits in the seat.
func (s BrokerSeat) holds(token Token) bool {
	return slices.ContainsFunc(s.Slots, func(slot BrokerSlot) bool { return slot.Accessor == token.Accessor })
}

// check finds what no token of a BitBroker can be.
func (n NewBrokerToken) check() error {
	if !isCanonicalUUID(n.Accessor) {
		return fmt.Errorf("%w: the id of such a token is a UUID in lower case", ErrInvalid)
	}
	return validLifetime(n.Lifetime)
}

// expires is when a token ends that is given now; one that does not end by itself is stored
// with the farthest end that there is.
func expires(now time.Time, lifetime time.Duration) time.Time {
	if lifetime == 0 {
		lifetime = maxLifetime
	}
	return now.Add(lifetime)
}

// give stores a new token and seats it. What sat there yields to it.
func (t *transaction) give(realm string, seat *BrokerSeat, n NewBrokerToken, kind TokenKind, broker Broker, overlap time.Duration, actor string) error {
	if err := n.check(); err != nil {
		return err
	}
	if err := t.vacant(accessorKey(n.Accessor)); err != nil {
		return err
	}
	e, err := epoch(t, realm)
	if err != nil {
		return err
	}
	if err := t.yield(realm, seat, overlap); err != nil {
		return err
	}
	seat.Slots = append(seat.Slots, BrokerSlot{Accessor: n.Accessor, Digest: n.Digest[:]})
	return t.addToken(n.Digest, Token{
		Accessor: n.Accessor, Realm: realm, Subject: broker.subject(), Epoch: e.Number, Kind: kind, CreatedBy: actor,
		CreatedAt: t.now, IssuedAt: t.now, ExpiresAt: expires(t.now, n.Lifetime), Broker: broker,
	})
}

// yield makes room for the next token of a seat: the newest one ends after overlap at the
// latest and stays until then, one before it ends at once.
func (t *transaction) yield(realm string, seat *BrokerSeat, overlap time.Duration) error {
	if overlap < 0 || overlap > maxLifetime {
		return fmt.Errorf("%w: the time until the token before expires is 0 seconds to 100 years", ErrInvalid)
	}
	e, err := epoch(t, realm)
	if err != nil {
		return err
	}
	var kept []BrokerSlot
	for i, slot := range seat.Slots {
		token, err := tokenOfSlot(t, slot)
		if errors.Is(err, ErrNotFound) {
			continue // pruned, so long over
		}
		if err != nil {
			return err
		}
		if token.end(t.now, e) != nil {
			continue
		}
		end := t.now
		if i == len(seat.Slots)-1 {
			end = t.now.Add(overlap)
		}
		token.ExpiresAt = earlier(token.ExpiresAt, end)
		if token.RotatedAt.IsZero() {
			token.RotatedAt = t.now
		}
		if err := t.putToken(slot.Digest, token); err != nil {
			return err
		}
		if !ended(token.ExpiresAt, t.now) {
			kept = append(kept, slot)
		}
	}
	seat.Slots = kept
	return nil
}

// vacate ends the tokens of a seat and empties it.
func (t *transaction) vacate(realm string, seat *BrokerSeat) error {
	e, err := epoch(t, realm)
	if err != nil {
		return err
	}
	for _, slot := range seat.Slots {
		token, err := tokenOfSlot(t, slot)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if token.end(t.now, e) != nil {
			continue
		}
		token.RevokedAt = t.now
		if err := t.putToken(slot.Digest, token); err != nil {
			return err
		}
	}
	*seat = BrokerSeat{}
	return nil
}

// sits tells whether a good token sits in a seat whose holder is there.
func (t *transaction) sits(realm string, seat BrokerSeat) (bool, error) {
	e, err := epoch(t, realm)
	if err != nil {
		return false, err
	}
	for _, slot := range seat.Slots {
		token, err := tokenOfSlot(t, slot)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		if token.end(t.now, e) == nil {
			return true, nil
		}
	}
	return false, nil
}

func tokenOfSlot(r Reader, slot BrokerSlot) (Token, error) {
	var token Token
	digest, err := digestFrom(slot.Digest)
	if err != nil {
		return token, err
	}
	return token, get(r, tokenKey(digest), versionToken, &token)
}
