package tokenstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// RescindedKey says that a token is over that a BitBroker issued before the gateway came, by
// its key id, or one that was minted for it: it may have asked for the key id of an earlier one.
// It is kept for ever.
type RescindedKey struct {
	Realm string    `cbor:"1,keyasint"`
	Key   string    `cbor:"2,keyasint"`
	At    time.Time `cbor:"3,keyasint"`
	By    string    `cbor:"4,keyasint,omitempty"`
}

func (k RescindedKey) whole() bool { return k.Realm != "" && k.Key != "" && !k.At.IsZero() }

func rescindedKey(realm, key string) []byte { return append(realmPrefix(keyRescinded, realm), key...) }

// maxRescinded is how many keys are rescinded at once.
const maxRescinded = 100

// RescindKeys ends tokens by their key ids, at most 100: those that the gateway made, bound or
// not, and such as a BitBroker issued before it came, of which nobody here knows whether there
// are any. Rescinding again changes nothing. ErrInvalid for what is no key id (ValidBrokerKey).
func (s *Store) RescindKeys(ctx context.Context, realm string, keys []string, actor string) error {
	if err := ValidRealm(realm); err != nil {
		return err
	}
	if len(keys) > maxRescinded {
		return fmt.Errorf("%w: at most %d tokens are rescinded at once", ErrInvalid, maxRescinded)
	}
	for _, key := range keys {
		if err := ValidBrokerKey(key); err != nil {
			return err
		}
	}
	return s.update(ctx, func(t *transaction) error {
		for _, key := range keys {
			if err := t.rescind(realm, key, actor); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *transaction) rescind(realm, key, actor string) error {
	token, digest, err := tokenByAccessor(t, key)
	if errors.Is(err, ErrNotFound) || err == nil && (token.Realm != realm || !token.Kind.isBroker()) {
		return t.rescindForeign(realm, key, actor)
	}
	if err != nil {
		return err
	}
	if err := t.revokeBroker(token, digest, "rescindToken", actor); err != nil || token.Broker.Minted == 0 {
		return err
	}
	_, err = t.noteRescinded(realm, key, actor)
	return err
}

// rescindForeign ends a token that was not made here.
func (t *transaction) rescindForeign(realm, key, actor string) error {
	if fresh, err := t.noteRescinded(realm, key, actor); err != nil || !fresh {
		return err
	}
	return t.audit(AuditEntry{Actor: actor, Action: "rescindToken", Realm: realm, Accessor: key, Detail: "not issued by the gateway"})
}

// noteRescinded notes a key id that is over, and tells whether that is new.
func (t *transaction) noteRescinded(realm, key, actor string) (fresh bool, err error) {
	switch err := get(t, rescindedKey(realm, key), versionRescindedKey, &RescindedKey{}); {
	case err == nil:
		return false, nil
	case !errors.Is(err, ErrNotFound):
		return false, err
	}
	if err := put(t, rescindedKey(realm, key), versionRescindedKey, RescindedKey{Realm: realm, Key: key, At: t.now, By: actor}); err != nil {
		return false, err
	}
	return true, t.changed(realm, ForeignKeyTopic(key))
}

// ValidBrokerKey checks a key id: 36 characters that stand as those of a UUID, of whatever
// version, in lower case.
func ValidBrokerKey(key string) error {
	if !isCanonicalUUID(key) {
		return fmt.Errorf("%w: a key id is a UUID in lower case", ErrInvalid)
	}
	return nil
}

// ForeignStanding is what the store knows of a token that a BitBroker issued before the gateway
// came.
type ForeignStanding struct {
	// Rescinded is when it ended, by its key id, with its policy or connector, or with all
	// tokens of the realm; zero: it did not.
	Rescinded time.Time
	Revision  Revision
}

// ForeignStanding tells whether a token is over that a BitBroker issued, by its key id, its
// kind, the policy or connector that is its audience, and when it was issued; a zero time is
// before all others. ErrInvalid for what is no key id: who cannot be rescinded is not to be
// let in.
func (s *Store) ForeignStanding(ctx context.Context, realm, key string, kind TokenKind, audience string, issued time.Time) (ForeignStanding, error) {
	if err := cmp.Or(ValidRealm(realm), ValidBrokerKey(key)); err != nil {
		return ForeignStanding{}, err
	}
	var standing ForeignStanding
	err := s.driver.View(ctx, func(r Reader) error {
		standing = ForeignStanding{Revision: r.Revision()}
		var rescinded RescindedKey
		err := get(r, rescindedKey(realm, key), versionRescindedKey, &rescinded)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		e, err := epoch(r, realm)
		if err != nil {
			return err
		}
		withAll := time.Time{}
		if len(e.Ends) > 0 && issuedBefore(issued, e.Ends[len(e.Ends)-1]) {
			withAll = e.Ends[len(e.Ends)-1]
		}
		withAudience, err := audienceEnd(r, realm, kind, audience, issued)
		standing.Rescinded = earlier(earlier(rescinded.At, withAll), withAudience)
		return err
	})
	if err != nil {
		return ForeignStanding{}, err
	}
	return standing, nil
}

// issuedBefore tells whether a token was issued before an end, or within the time that an
// issuer's clock may run ahead. What never ended is before everything.
func issuedBefore(issued, end time.Time) bool {
	return !end.IsZero() && !issued.Truncate(time.Second).After(end.Add(foreignLeeway))
}

// audienceEnd is when the policy or connector of a foreign token ended, if that was after it
// was issued or it is gone now; zero if not, also if nothing is known of it.
func audienceEnd(r Reader, realm string, kind TokenKind, audience string, issued time.Time) (time.Time, error) {
	switch kind {
	case ConsumerToken:
		policy, err := brokerPolicyBySlug(r, realm, audience)
		switch {
		case errors.Is(err, ErrNotFound):
			return time.Time{}, nil
		case err != nil:
			return time.Time{}, err
		case policy.Gone:
			return later(policy.EndedOn, policy.CreatedAt), nil // not zero, whatever is known
		case issuedBefore(issued, policy.EndedOn):
			return policy.EndedOn, nil
		}
	case ContributorToken:
		connector, end, err := brokerConnectorBySlug(r, realm, audience)
		switch {
		case errors.Is(err, ErrNotFound):
			return time.Time{}, nil
		case err != nil:
			return time.Time{}, err
		case end.gone:
			return later(end.at, connector.CreatedAt), nil // not zero, whatever is known
		case issuedBefore(issued, connector.EndedOn):
			return connector.EndedOn, nil
		}
	}
	return time.Time{}, nil
}

// ForeignKeyTopic is the subject under which the end of a key id is announced.
func ForeignKeyTopic(key string) string { return "key/" + key }
