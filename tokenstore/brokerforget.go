package tokenstore

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"time"
)

// What a BitBroker deleted is forgotten here: its tokens end, and what was minted before is
// bound to it no more, in whatever order its answers arrive. Forgetting what is not known
// leaves a note of it, and is no error. A later one of the same name revives nothing.

// ForgetCoordinator ends a user's being a coordinator. It is no guard: it leaves a BitBroker
// without any coordinator, if that is what that one did. ErrInvalid.
func (s *Store) ForgetCoordinator(ctx context.Context, realm string, user uint64, actor string) error {
	return s.forgetUser(ctx, realm, user, func(t *transaction, holder *BrokerUser) error {
		entry, err := t.demote(holder, actor)
		if err != nil {
			return err
		}
		return t.keepBrokerUser(holder, entry)
	})
}

// ForgetUser ends all that a user had. ErrInvalid.
func (s *Store) ForgetUser(ctx context.Context, realm string, user uint64, actor string) error {
	return s.forgetUser(ctx, realm, user, func(t *transaction, holder *BrokerUser) error {
		return t.endBrokerUser(holder, actor)
	})
}

func (s *Store) forgetUser(ctx context.Context, realm string, user uint64, forget func(*transaction, *BrokerUser) error) error {
	if err := cmp.Or(ValidRealm(realm), checkBrokerUserID(user)); err != nil {
		return err
	}
	return s.update(ctx, func(t *transaction) error {
		holder, err := t.notedUser(realm, user)
		if err != nil {
			return err
		}
		return forget(t, &holder)
	})
}

// ForgetAccess ends a user's access to a policy. ErrInvalid.
func (s *Store) ForgetAccess(ctx context.Context, realm string, user uint64, policy, actor string) error {
	if err := cmp.Or(ValidRealm(realm), checkBrokerUserID(user), checkSlug(policy)); err != nil {
		return err
	}
	return s.update(ctx, func(t *transaction) error {
		number, err := t.nextInSequence(realm)
		if err != nil {
			return err
		}
		if err := put(t, accessEndKey(realm, user, policy), versionAccessEnd, accessEnd{EndedAt: number, EndedOn: t.now}); err != nil {
			return err
		}
		holder, err := t.notedUser(realm, user)
		if err != nil {
			return err
		}
		i, found := holder.access(policy)
		if !found {
			return nil
		}
		if err := t.endAccess(&holder, i); err != nil {
			return err
		}
		return t.keepBrokerUser(&holder, AuditEntry{Actor: actor, Action: "deleteAccess", Detail: "policy " + policy})
	})
}

// ForgetPolicy ends all accesses to a policy. What it allows is left as it is: a BitBroker says
// that by itself. ErrInvalid.
func (s *Store) ForgetPolicy(ctx context.Context, realm, policy, actor string) error {
	if err := cmp.Or(ValidRealm(realm), checkSlug(policy)); err != nil {
		return err
	}
	return s.update(ctx, func(t *transaction) error {
		known, err := noted(brokerPolicyBySlug(t, realm, policy))
		if err != nil {
			return err
		}
		if known.Life == 0 {
			known = known.anew(realm, policy, t.now)
		}
		return t.endBrokerPolicy(&known, actor)
	})
}

// RenewPolicy notes that a BitBroker has made a policy just now. So there was none, and what was
// given for one before is over, bound or not, whether or not anybody learnt that that one was
// deleted; what an access was given between the making and this is over too. What it allows is
// left as it is: a BitBroker says that before. ErrInvalid.
func (s *Store) RenewPolicy(ctx context.Context, realm, policy, actor string) error {
	if err := cmp.Or(ValidRealm(realm), checkSlug(policy)); err != nil {
		return err
	}
	return s.update(ctx, func(t *transaction) error {
		old, err := noted(brokerPolicyBySlug(t, realm, policy))
		if err != nil {
			return err
		}
		made := old.anew(realm, policy, t.now)
		if made.EndedAt, err = t.nextInSequence(realm); err != nil {
			return err
		}
		made.EndedOn, made.Limits = later(made.EndedOn, t.now), old.Limits
		return t.keepBrokerPolicy(&made, actor, "createPolicy")
	})
}

// ForgetConnector ends a connector's tokens. One of its slug that is on another entity type is
// not meant. ErrInvalid.
func (s *Store) ForgetConnector(ctx context.Context, realm, entity, connector, actor string) error {
	if err := cmp.Or(ValidRealm(realm), checkSlug(entity), checkSlug(connector)); err != nil {
		return err
	}
	return s.update(ctx, func(t *transaction) error {
		known, end, err := brokerConnectorBySlug(t, realm, connector)
		switch {
		case errors.Is(err, ErrNotFound):
			known = BrokerConnector{Realm: realm, Entity: entity, Slug: connector, Life: 1, CreatedAt: t.now}
		case err != nil || !end.gone && known.Entity != entity:
			return err
		}
		return t.endBrokerConnector(&known, actor)
	})
}

// ForgetEntity ends the tokens of an entity type's connectors. ErrInvalid.
func (s *Store) ForgetEntity(ctx context.Context, realm, entity, actor string) error {
	if err := cmp.Or(ValidRealm(realm), checkSlug(entity)); err != nil {
		return err
	}
	return s.update(ctx, func(t *transaction) error {
		known, err := noted(brokerEntityBySlug(t, realm, entity))
		if err != nil {
			return err
		}
		if known.Life == 0 {
			known = known.anew(realm, entity, t.now)
		}
		return t.endBrokerEntity(&known, actor)
	})
}

// RenewEntity is RenewPolicy for an entity type: it has no connectors yet.
func (s *Store) RenewEntity(ctx context.Context, realm, entity, actor string) error {
	if err := cmp.Or(ValidRealm(realm), checkSlug(entity)); err != nil {
		return err
	}
	return s.update(ctx, func(t *transaction) error {
		old, err := noted(brokerEntityBySlug(t, realm, entity))
		if err != nil {
			return err
		}
		made := old.anew(realm, entity, t.now)
		if made.EndedAt, err = t.nextInSequence(realm); err != nil {
			return err
		}
		return t.keepBrokerEntity(&made, actor, "createEntity")
	})
}

// accessEnd is the note of an access that a BitBroker deleted: the user's record has none of
// it. What was minted before is not bound to it.
type accessEnd struct {
	EndedAt uint64    `cbor:"1,keyasint"`
	EndedOn time.Time `cbor:"2,keyasint"`
}

func (e accessEnd) whole() bool { return e.EndedAt > 0 && !e.EndedOn.IsZero() }

func accessEndKey(realm string, user uint64, policy string) []byte {
	return append(binary.BigEndian.AppendUint64(realmPrefix(keyAccessEnd, realm), user), policy...)
}

// accessEndOf is how an access ended; zero if it never did.
func accessEndOf(r Reader, realm string, user uint64, policy string) (accessEnd, error) {
	var end accessEnd
	err := get(r, accessEndKey(realm, user, policy), versionAccessEnd, &end)
	return noted(end, err)
}

// pruneAccessEnds removes the notes that no token waits for any more that was minted before.
func (s *Store) pruneAccessEnds(ctx context.Context) (int, error) {
	return s.pruneKind(ctx, keyAccessEnd, func(t *transaction, entry Entry) (bool, error) {
		var end accessEnd // of now: the access may have ended again since
		err := get(t, entry.Key, versionAccessEnd, &end)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		if err != nil || end.EndedOn.After(t.now.Add(-KeepEnded)) {
			return false, err
		}
		return true, t.Delete(entry.Key)
	})
}
