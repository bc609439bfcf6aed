package tokenstore

import (
	"cmp"
	"context"
	"reflect"
)

// SetBrokerLimits notes, in front of a BitBroker, what a policy allows; nil: that it withdraws
// them. Of a policy that is there they hold all the same: a BitBroker withdraws them before it
// deletes one, and the deletion may fail yet. It says nothing of the policy's tokens, good or
// bad: a BitBroker says what a policy allows before it is there, too. ErrInvalid.
func (s *Store) SetBrokerLimits(ctx context.Context, realm, policy string, limits *BrokerLimits, actor string) error {
	var wanted BrokerLimits
	if limits != nil {
		wanted = *limits
	}
	if err := cmp.Or(ValidRealm(realm), checkSlug(policy), wanted.check()); err != nil {
		return err
	}
	return s.update(ctx, func(t *transaction) error {
		known, err := noted(brokerPolicyBySlug(t, realm, policy))
		if limits == nil && known.Life > 0 && !known.Gone {
			wanted = known.Limits
			wanted.Withdrawn = true
		}
		nothingNew := reflect.DeepEqual(known.Limits, wanted) && (limits == nil || known.Life > 0)
		if err != nil || nothingNew {
			return err
		}
		if known.Life == 0 {
			known = known.anew(realm, policy, t.now)
		}
		known.Limits = wanted
		return t.keepBrokerPolicy(&known, actor, "setLimits")
	})
}
