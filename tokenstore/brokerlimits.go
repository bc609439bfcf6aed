package tokenstore

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
)

// BrokerLimits are the access_control of a policy.
type BrokerLimits struct {
	// Enabled: if not, nothing is limited.
	Enabled bool `cbor:"1,keyasint,omitempty"`
	// Quota in a calendar day or month of UTC; nil: none.
	Quota *BrokerQuota `cbor:"2,keyasint,omitempty"`
	// Rate in calls a second; nil: no limit.
	Rate *int64 `cbor:"3,keyasint,omitempty"`
	// Withdrawn says that a BitBroker withdrew them, and has not deleted the policy yet:
	// they hold, and are not shown.
	Withdrawn bool `cbor:"4,keyasint,omitempty"`
}

// BrokerQuota is how many calls a policy allows in a window.
type BrokerQuota struct {
	MaxNumber int64  `cbor:"1,keyasint"`
	Interval  string `cbor:"2,keyasint"` // "day" or "month"
}

// check finds what no limits can be.
func (l BrokerLimits) check() error {
	switch {
	case l.Quota != nil && (l.Quota.MaxNumber < 0 || l.Quota.Interval != "day" && l.Quota.Interval != "month"):
		return fmt.Errorf("%w: a quota is a number of calls, not negative, in a day or a month", ErrInvalid)
	case l.Rate != nil && *l.Rate < 0:
		return fmt.Errorf("%w: a rate is a number of calls a second, not negative", ErrInvalid)
	}
	return nil
}

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
