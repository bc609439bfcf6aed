package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// CreateBrokerAccess gives a user access to a policy's data, with a token. ErrNotFound for the
// user or the policy, ErrExists, ErrInvalid.
func (s *Store) CreateBrokerAccess(ctx context.Context, realm string, user uint64, policy string, token NewBrokerToken, actor string) (BrokerAccess, error) {
	var access BrokerAccess
	err := s.update(ctx, func(t *transaction) error {
		_, err := t.withBrokerUser(realm, user, func(user *BrokerUser) (AuditEntry, error) {
			entry := AuditEntry{Actor: actor, Action: "createAccess", Accessor: token.Accessor, Detail: "policy " + policy}
			wanted, err := liveBrokerPolicy(t, realm, policy)
			if err != nil {
				return entry, err
			}
			if i, found := user.access(policy); found && user.Accesses[i].Life == wanted.Life {
				return entry, existsError{"the user has access to that policy"}
			}
			seat, err := t.seatForAccess(user, wanted)
			if err != nil {
				return entry, err
			}
			err = t.give(realm, seat, token, ConsumerToken, Broker{User: user.ID, Policy: policy}, 0, actor)
			i, _ := user.access(policy)
			access = user.Accesses[i]
			return entry, err
		})
		return err
	})
	if err != nil {
		return BrokerAccess{}, err
	}
	return access, nil
}

// seatForAccess is the seat of a user's access to the present life of a policy, which is made
// if there is none. Accesses to policies that are gone make room for it.
func (t *transaction) seatForAccess(user *BrokerUser, policy BrokerPolicy) (*BrokerSeat, error) {
	i, found := user.access(policy.Slug)
	if found && user.Accesses[i].Life == policy.Life {
		return &user.Accesses[i].Seat, nil
	}
	if found {
		if err := t.endAccess(user, i); err != nil {
			return nil, err
		}
	}
	if len(user.Accesses) >= maxAccesses {
		if err := t.sweepAccesses(user); err != nil {
			return nil, err
		}
		if len(user.Accesses) >= maxAccesses {
			return nil, fmt.Errorf("%w: a user has access to at most %d policies", ErrInvalid, maxAccesses)
		}
		i, _ = user.access(policy.Slug)
	}
	user.Accesses = slices.Insert(user.Accesses, i, BrokerAccess{Policy: policy.Slug, Life: policy.Life, CreatedAt: t.now})
	return &user.Accesses[i].Seat, nil
}

// endAccess ends the tokens of one of a user's accesses, and takes it away.
func (t *transaction) endAccess(user *BrokerUser, i int) error {
	if err := t.vacate(user.Realm, &user.Accesses[i].Seat); err != nil {
		return err
	}
	user.Accesses = slices.Delete(user.Accesses, i, i+1)
	return nil
}

// sweepBatch is how many accesses are swept at once: far from what any transaction takes.
const sweepBatch = 100

// sweepAccesses takes away accesses to policies that are gone.
func (t *transaction) sweepAccesses(user *BrokerUser) error {
	lives := newPolicyLives(t, user.Realm)
	swept := 0
	for i := len(user.Accesses) - 1; i >= 0 && swept < sweepBatch; i-- {
		life, err := lives.of(user.Accesses[i].Policy)
		if err != nil {
			return err
		}
		if life == user.Accesses[i].Life {
			continue
		}
		if err := t.endAccess(user, i); err != nil {
			return err
		}
		swept++
	}
	return nil
}

// ReissueBrokerAccess gives an access a new token. The one before ends after overlap, which is
// not negative, and one before that at once. ErrNotFound, ErrInvalid.
func (s *Store) ReissueBrokerAccess(ctx context.Context, realm string, user uint64, policy string, token NewBrokerToken, overlap time.Duration, actor string) error {
	return s.withBrokerAccess(ctx, realm, user, policy, func(t *transaction, user *BrokerUser, i int) (AuditEntry, error) {
		entry := AuditEntry{
			Actor: actor, Action: "reissueAccess", Accessor: token.Accessor,
			Detail: fmt.Sprintf("policy %s; old tokens expire within %s", policy, overlap),
		}
		return entry, t.give(realm, &user.Accesses[i].Seat, token, ConsumerToken, Broker{User: user.ID, Policy: policy}, overlap, actor)
	})
}

// DeleteBrokerAccess ends an access and its tokens. ErrNotFound.
func (s *Store) DeleteBrokerAccess(ctx context.Context, realm string, user uint64, policy, actor string) error {
	return s.withBrokerAccess(ctx, realm, user, policy, func(t *transaction, user *BrokerUser, i int) (AuditEntry, error) {
		return AuditEntry{Actor: actor, Action: "deleteAccess", Detail: "policy " + policy}, t.endAccess(user, i)
	})
}

// withBrokerAccess runs a change of a user's access to a policy, which is the i-th. ErrNotFound,
// also if the policy is gone.
func (s *Store) withBrokerAccess(ctx context.Context, realm string, user uint64, policy string, fn func(t *transaction, user *BrokerUser, i int) (AuditEntry, error)) error {
	return s.update(ctx, func(t *transaction) error {
		_, err := t.withBrokerUser(realm, user, func(user *BrokerUser) (AuditEntry, error) {
			at, err := liveBrokerPolicy(t, realm, policy)
			if err != nil {
				return AuditEntry{}, err
			}
			i, found := user.access(policy)
			if !found || user.Accesses[i].Life != at.Life {
				return AuditEntry{}, ErrNotFound
			}
			return fn(t, user, i)
		})
		return err
	})
}

// holding is the user's access to a policy, as far as a token sits in it and the policy is
// there; else since when it is over, or zero if that stands in the token's own record.
func (u *BrokerUser) holding(r Reader, token Token) (access BrokerAccess, over time.Time, err error) {
	i, found := u.access(token.Broker.Policy)
	if !found || !u.Accesses[i].Seat.holds(token) {
		return BrokerAccess{}, time.Time{}, nil
	}
	access = u.Accesses[i]
	policy, err := brokerPolicyBySlug(r, u.Realm, access.Policy)
	switch {
	case errors.Is(err, ErrNotFound):
		return BrokerAccess{}, time.Time{}, nil
	case err != nil:
		return BrokerAccess{}, time.Time{}, err
	case policy.Gone || policy.Life != access.Life:
		return BrokerAccess{}, policy.EndedOn, nil
	}
	return access, time.Time{}, nil
}
