package tokenstore

import (
	"cmp"
	"context"
)

// Promote makes a user a coordinator, with a token. ErrExists if it is one whose token is
// good; one whose token has ended gets the new one. ErrNotFound, ErrInvalid.
func (s *Store) Promote(ctx context.Context, realm string, id uint64, token NewBrokerToken, actor string) (BrokerUser, error) {
	return s.changeBrokerUser(ctx, realm, id, func(t *transaction, user *BrokerUser) (AuditEntry, error) {
		entry := AuditEntry{Actor: actor, Action: "promoteCoordinator", Accessor: token.Accessor}
		good, err := t.sits(realm, user.Coordinator)
		if err != nil {
			return entry, err
		}
		if good {
			return entry, existsError{"the user is a coordinator"}
		}
		return entry, t.give(realm, &user.Coordinator, token, CoordinatorToken, Broker{User: id}, 0, actor)
	})
}

// Demote ends a user's coordinator token and its being one; its accesses stay. The errors are
// ErrNotFound, ErrNoCoordinator and ErrLastCoordinator.
func (s *Store) Demote(ctx context.Context, realm string, id uint64, actor string) error {
	_, err := s.changeBrokerUser(ctx, realm, id, func(t *transaction, user *BrokerUser) (AuditEntry, error) {
		if !user.Coordinator.Taken() {
			return AuditEntry{}, ErrNoCoordinator
		}
		if err := t.guardLastCoordinator(*user); err != nil {
			return AuditEntry{}, err
		}
		return t.demote(user, actor)
	})
	return err
}

// demote ends a user's being a coordinator, if it is one.
func (t *transaction) demote(user *BrokerUser, actor string) (AuditEntry, error) {
	entry := AuditEntry{Actor: actor, Action: "demoteCoordinator"}
	err := t.vacate(user.Realm, &user.Coordinator)
	if err == nil {
		user.DemotedAt, err = t.nextInSequence(user.Realm)
	}
	return entry, err
}

// SeatCoordinator gives a user of a BitBroker, by its id there, a coordinator token that the
// gateway made itself: for the first one. It notes a user that it does not know, and ends the
// token before. ErrInvalid.
func (s *Store) SeatCoordinator(ctx context.Context, realm string, user uint64, token NewBrokerToken, actor string) error {
	if err := cmp.Or(ValidRealm(realm), checkBrokerUserID(user)); err != nil {
		return err
	}
	return s.update(ctx, func(t *transaction) error {
		holder, err := t.notedUser(realm, user)
		if err != nil {
			return err
		}
		holder.Gone = false
		if err := t.give(realm, &holder.Coordinator, token, CoordinatorToken, Broker{User: user}, 0, actor); err != nil {
			return err
		}
		return t.keepBrokerUser(&holder, AuditEntry{Actor: actor, Action: "promoteCoordinator", Accessor: token.Accessor})
	})
}
