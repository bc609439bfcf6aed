package tokenstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// BrokerPolicy is a policy of a BitBroker. It is the head record of its own life: what was
// given for an earlier one of its slug is not good for it.
type BrokerPolicy struct {
	Realm string `cbor:"1,keyasint"`
	Slug  string `cbor:"2,keyasint"`
	// Life counts how often a policy of the slug was made.
	Life uint64 `cbor:"3,keyasint"`
	// Gone says that the policy was deleted.
	Gone bool `cbor:"4,keyasint,omitempty"`
	// Document is what the coordinator API says of the policy, as JSON; it is not looked at
	// here. Empty in front of a BitBroker.
	Document []byte       `cbor:"5,keyasint,omitempty"`
	Limits   BrokerLimits `cbor:"6,keyasint,omitzero"`
	// EndedAt is the number in the realm's sequence at which it was deleted last: what was
	// minted before is not bound to it.
	EndedAt uint64 `cbor:"7,keyasint,omitempty"`
	// EndedOn is when it was deleted last; zero: never. Tokens that a BitBroker issued before
	// the gateway came, and until then, are over.
	EndedOn   time.Time `cbor:"8,keyasint,omitzero"`
	CreatedAt time.Time `cbor:"9,keyasint"`
	UpdatedAt time.Time `cbor:"10,keyasint"`
	UpdatedBy string    `cbor:"11,keyasint,omitempty"`
}

// whole tells whether a stored policy is complete: one without its life would let in who had
// access to an earlier one.
func (p BrokerPolicy) whole() bool {
	return p.Realm != "" && p.Slug != "" && p.Life > 0 && p.Limits.check() == nil
}

// maxSlug is the length of a slug, in bytes.
const maxSlug = 64

// checkSlug takes any text that can be a key and part of a path; which slugs a coordinator API
// takes is its own matter.
func checkSlug(slug string) error {
	if slug == "" || len(slug) > maxSlug || strings.Trim(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("%w: a slug has 1 to %d of a-z, 0-9 and the hyphen", ErrInvalid, maxSlug)
	}
	return nil
}

func brokerPolicyKey(realm, slug string) []byte {
	return append(realmPrefix(keyBrokerPolicy, realm), slug...)
}

// CreateBrokerPolicy stores a new policy. ErrExists, ErrInvalid.
func (s *Store) CreateBrokerPolicy(ctx context.Context, realm, slug string, document []byte, limits BrokerLimits, actor string) (BrokerPolicy, error) {
	if err := cmp.Or(ValidRealm(realm), checkSlug(slug), checkDocument(document), limits.check()); err != nil {
		return BrokerPolicy{}, err
	}
	var policy BrokerPolicy
	err := s.update(ctx, func(t *transaction) error {
		old, err := brokerPolicyBySlug(t, realm, slug)
		switch {
		case err == nil && !old.Gone:
			return existsError{"a policy of that slug exists"}
		case err != nil && !errors.Is(err, ErrNotFound):
			return err
		}
		policy = old.anew(realm, slug, t.now)
		policy.Document, policy.Limits = document, limits
		return t.keepBrokerPolicy(&policy, actor, "createPolicy")
	})
	if err != nil {
		return BrokerPolicy{}, err
	}
	return policy, nil
}

// anew is the next life of a policy that is gone, or the first one of the zero policy.
func (p BrokerPolicy) anew(realm, slug string, now time.Time) BrokerPolicy {
	return BrokerPolicy{Realm: realm, Slug: slug, Life: p.Life + 1, EndedAt: p.EndedAt, EndedOn: p.EndedOn, CreatedAt: now}
}

// BrokerPolicy returns a policy, and the revision at which it was read, also with an error.
// ErrNotFound.
func (s *Store) BrokerPolicy(ctx context.Context, realm, slug string) (BrokerPolicy, Revision, error) {
	var (
		policy   BrokerPolicy
		revision Revision
	)
	err := s.driver.View(ctx, func(r Reader) (err error) {
		revision = r.Revision()
		policy, err = liveBrokerPolicy(r, realm, slug)
		return err
	})
	return policy, revision, err
}

// BrokerPolicies returns up to limit policies in the order of their slugs, after the given
// one; next is empty at the end.
func (s *Store) BrokerPolicies(ctx context.Context, realm, after string, limit int) (policies []BrokerPolicy, next string, err error) {
	err = s.driver.View(ctx, func(r Reader) (err error) {
		from := cursor(func(slug string) []byte { return brokerPolicyKey(realm, slug) }, after)
		policies, err = scanSome(r, realmPrefix(keyBrokerPolicy, realm), from, limit, func(entry Entry) (policy BrokerPolicy, ok bool, err error) {
			err = decode(entry.Value, versionBrokerPolicy, &policy)
			return policy, !policy.Gone, err
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(policies) == limit {
		next = policies[limit-1].Slug
	}
	return policies, next, nil
}

// UpdateBrokerPolicy replaces a policy's document and limits. Its tokens and what was counted
// stay. ErrNotFound, ErrInvalid.
func (s *Store) UpdateBrokerPolicy(ctx context.Context, realm, slug string, document []byte, limits BrokerLimits, actor string) (BrokerPolicy, error) {
	if err := cmp.Or(checkDocument(document), limits.check()); err != nil {
		return BrokerPolicy{}, err
	}
	var policy BrokerPolicy
	err := s.update(ctx, func(t *transaction) (err error) {
		if policy, err = liveBrokerPolicy(t, realm, slug); err != nil {
			return err
		}
		policy.Document, policy.Limits = document, limits
		return t.keepBrokerPolicy(&policy, actor, "updatePolicy")
	})
	if err != nil {
		return BrokerPolicy{}, err
	}
	return policy, nil
}

// DeleteBrokerPolicy deletes a policy and ends all accesses to it. ErrNotFound.
func (s *Store) DeleteBrokerPolicy(ctx context.Context, realm, slug, actor string) error {
	return s.update(ctx, func(t *transaction) error {
		policy, err := liveBrokerPolicy(t, realm, slug)
		if err != nil {
			return err
		}
		policy.Limits = BrokerLimits{}
		return t.endBrokerPolicy(&policy, actor)
	})
}

// endBrokerPolicy makes a policy gone, also one that is gone already or was noted just now.
// That ends all accesses to it, however many, without a record of each.
func (t *transaction) endBrokerPolicy(policy *BrokerPolicy, actor string) error {
	var err error
	if policy.EndedAt, err = t.nextInSequence(policy.Realm); err != nil {
		return err
	}
	policy.Gone, policy.Document, policy.EndedOn = true, nil, later(policy.EndedOn, t.now)
	return t.keepBrokerPolicy(policy, actor, "deletePolicy")
}

func (t *transaction) keepBrokerPolicy(policy *BrokerPolicy, actor, action string) error {
	policy.UpdatedAt, policy.UpdatedBy = t.now, actor
	if err := put(t, brokerPolicyKey(policy.Realm, policy.Slug), versionBrokerPolicy, *policy); err != nil {
		return err
	}
	if err := t.audit(AuditEntry{Actor: actor, Action: action, Realm: policy.Realm, Name: policy.Slug}); err != nil {
		return err
	}
	return t.changed(policy.Realm, BrokerPolicyTopic(policy.Slug))
}

// brokerPolicyBySlug reads a policy, also one that is gone.
func brokerPolicyBySlug(r Reader, realm, slug string) (BrokerPolicy, error) {
	var policy BrokerPolicy
	if checkSlug(slug) != nil {
		return policy, ErrNotFound
	}
	return policy, get(r, brokerPolicyKey(realm, slug), versionBrokerPolicy, &policy)
}

func liveBrokerPolicy(r Reader, realm, slug string) (BrokerPolicy, error) {
	policy, err := brokerPolicyBySlug(r, realm, slug)
	if err == nil && policy.Gone {
		return BrokerPolicy{}, ErrNotFound
	}
	return policy, err
}

// policyLives tells in which life policies are, of one snapshot, each read once.
type policyLives struct {
	reader Reader
	realm  string
	known  map[string]uint64
}

func newPolicyLives(r Reader, realm string) policyLives {
	return policyLives{r, realm, make(map[string]uint64)}
}

// of is the life of a policy; 0 if it is gone.
func (p policyLives) of(slug string) (uint64, error) {
	if life, ok := p.known[slug]; ok {
		return life, nil
	}
	policy, err := liveBrokerPolicy(p.reader, p.realm, slug)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	p.known[slug] = policy.Life
	return policy.Life, nil
}

// leaveOut drops a user's accesses to policies that are gone.
func (p policyLives) leaveOut(user *BrokerUser) error {
	var failed error
	user.Accesses = slices.DeleteFunc(slices.Clone(user.Accesses), func(access BrokerAccess) bool {
		life, err := p.of(access.Policy)
		failed = cmp.Or(failed, err)
		return life != access.Life
	})
	return failed
}
