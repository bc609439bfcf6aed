package tokenstore

import (
	"context"
	"errors"
	"slices"
)

// brokerHead is the head record of a realm's BitBroker registry: what is given out once, and
// the set of its coordinators, of which one must stay.
type brokerHead struct {
	// NextUser is the id of the next user; at least 1.
	NextUser uint64 `cbor:"1,keyasint"`
	// Sequence is the last number that a mint or a deletion was given; at least 1.
	Sequence uint64 `cbor:"2,keyasint"`
	// Coordinators are the ids of the users whose coordinator seat is taken, in order.
	Coordinators []uint64 `cbor:"3,keyasint,omitempty"`
}

// whole tells whether a stored head is complete: one without its numbers would give them
// again.
func (h brokerHead) whole() bool {
	for i, id := range h.Coordinators {
		if id == 0 || i > 0 && id <= h.Coordinators[i-1] {
			return false
		}
	}
	return h.NextUser > 0 && h.Sequence > 0
}

func brokerHeadKey(realm string) []byte { return realmPrefix(keyBrokerHead, realm) }

// headOf reads a realm's head; one that was never written is at the beginning.
func headOf(r Reader, realm string) (brokerHead, error) {
	var head brokerHead
	err := get(r, brokerHeadKey(realm), versionBrokerHead, &head)
	if errors.Is(err, ErrNotFound) {
		return brokerHead{NextUser: 1, Sequence: 1}, nil
	}
	return head, err
}

func (t *transaction) putHead(realm string, head brokerHead) error {
	return put(t, brokerHeadKey(realm), versionBrokerHead, head)
}

// nextInSequence gives a mint or a deletion its number: the later of two has the greater one.
func (t *transaction) nextInSequence(realm string) (uint64, error) {
	head, err := headOf(t, realm)
	if err != nil {
		return 0, err
	}
	head.Sequence++
	return head.Sequence, t.putHead(realm, head)
}

// noteCoordinator keeps the set of coordinators after a change of a user's seat.
func (t *transaction) noteCoordinator(user BrokerUser) error {
	head, err := headOf(t, user.Realm)
	if err != nil {
		return err
	}
	i, known := slices.BinarySearch(head.Coordinators, user.ID)
	switch taken := user.Coordinator.Taken(); {
	case taken == known:
		return nil
	case taken:
		head.Coordinators = slices.Insert(head.Coordinators, i, user.ID)
	default:
		head.Coordinators = slices.Delete(head.Coordinators, i, i+1)
	}
	return t.putHead(user.Realm, head)
}

// guardLastCoordinator refuses to lose a coordinator if no other one has a good token: nobody
// could make a new one then but by command.
func (t *transaction) guardLastCoordinator(user BrokerUser) error {
	head, err := headOf(t, user.Realm)
	if err != nil {
		return err
	}
	for _, id := range head.Coordinators {
		if id == user.ID {
			continue
		}
		other, err := brokerUserByID(t, user.Realm, id)
		if err != nil {
			return err
		}
		if good, err := t.sits(user.Realm, other.Coordinator); good || err != nil {
			return err
		}
	}
	return ErrLastCoordinator
}

// Coordinators returns the ids of the users that are coordinators, in order, whether their
// tokens are still good or not.
func (s *Store) Coordinators(ctx context.Context, realm string) ([]uint64, error) {
	var head brokerHead
	err := s.driver.View(ctx, func(r Reader) (err error) {
		head, err = headOf(r, realm)
		return err
	})
	return head.Coordinators, err
}
