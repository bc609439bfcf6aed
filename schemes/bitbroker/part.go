package bitbroker

import (
	"context"
	"io"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// part is what the scheme keeps for as long as the store is open, for all sites.
type part struct {
	// policies that were asked for of late.
	policies *schemes.Cache[policyKey, policy]
	// meter counts consumers' calls; removals are the coordinators that calls are about to
	// remove.
	meter    *meter
	removals removals
}

type policyKey struct{ realm, slug string }

// policy is what each call of a consumer asks of its policy.
type policy struct {
	life   uint64
	limits tokenstore.BrokerLimits
}

func partOf(b *schemes.Backend) *part {
	return b.Parts.Of(Name, func() io.Closer {
		return &part{policies: schemes.NewCache[policyKey, policy](b.Store, 0), meter: newMeter(b.Store, 0)}
	}).(*part)
}

// Close implements io.Closer.
func (p *part) Close() error {
	p.policies.Close()
	return p.meter.Close()
}

// policyOf returns a policy, from the cache if it can. The error is tokenstore.ErrNotFound for
// one that is not there or gone; any other means that the store could not tell.
func (s *Scheme) policyOf(ctx context.Context, b *schemes.Backend, slug string) (policy, error) {
	cache, key := partOf(b).policies, policyKey{s.config.Realm, slug}
	if found, ok := cache.Get(key, b.Store.Now()); ok {
		return found, nil
	}
	stored, revision, err := b.Store.BrokerPolicy(ctx, key.realm, slug)
	if err != nil {
		return policy{}, err
	}
	found := policy{stored.Life, stored.Limits}
	cache.Add(key, schemes.Subject{Realm: key.realm, ID: tokenstore.BrokerPolicyTopic(slug)}, found, time.Time{}, revision)
	return found, nil
}
