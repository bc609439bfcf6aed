package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Errors of FederatedHolder that an operator must see to, not who sent the token.
var (
	// ErrAmbiguous says that a token would be several recipients.
	ErrAmbiguous = errors.New("the token is of more than one recipient")
	// ErrManyValues says that a claim has more values than are looked at. Of a part of
	// them, nobody could say whether the token is of more than one recipient.
	ErrManyValues = fmt.Errorf("a claim of the token has more than %d values", MaxClaimValues)
)

// ForeignToken is what a verified token of a foreign issuer says.
type ForeignToken struct {
	Issuer   string
	IssuedAt time.Time
	// Values returns the values of a claim: one if it is a text, none if it is
	// neither a text nor a list of texts.
	Values      func(claim string) []string
	HasAudience func(string) bool
}

// foreignLeeway is how far the clock of an issuer may run ahead: tokens that it
// issued shortly after a revocation by its own clock may be older by ours.
const foreignLeeway = 30 * time.Second

// FederatedHolder is the recipient that a verified token is of.
type FederatedHolder struct {
	Recipient Recipient
	Policy    FederationPolicy
	Revision  Revision
}

// FederatedHolder looks up whose token a verified foreign one is. The errors are
// ErrNotFound, ErrAmbiguous, ErrManyValues, *EndedError (revoked since it was issued, or the
// recipient's end has come) and *DisabledError.
func (s *Store) FederatedHolder(ctx context.Context, realm string, token ForeignToken) (FederatedHolder, error) {
	var h FederatedHolder
	now := s.clock()
	err := s.driver.View(ctx, func(r Reader) error {
		h = FederatedHolder{Revision: r.Revision()}
		for _, claim := range SubjectClaims {
			values := token.Values(claim)
			if len(values) > MaxClaimValues {
				return ErrManyValues
			}
			for _, subject := range values {
				recipient, policy, err := federated(r, realm, token, claim, subject)
				if errors.Is(err, ErrNotFound) {
					continue
				}
				if err != nil {
					return err
				}
				if h.Recipient.ID != "" && h.Recipient.ID != recipient.ID {
					return ErrAmbiguous
				}
				h.Recipient, h.Policy = recipient, policy
			}
		}
		if h.Recipient.ID == "" {
			return ErrNotFound
		}
		e, err := epoch(r, realm)
		if err != nil {
			return err
		}
		// A token that says itself when it was issued; what was issued up to a
		// revocation is over.
		revoked := h.Recipient.RevokedAt
		if len(e.Ends) > 0 {
			revoked = later(revoked, e.Ends[len(e.Ends)-1])
		}
		switch {
		case !revoked.IsZero() && !token.IssuedAt.After(revoked.Add(foreignLeeway)):
			return &EndedError{Reason: Revoked, At: revoked}
		case ended(h.Recipient.NotAfter, now):
			return &EndedError{Reason: Expired, At: h.Recipient.NotAfter}
		case h.Recipient.Disabled:
			return &DisabledError{Recipient: h.Recipient}
		}
		return nil
	})
	return h, err
}

func federated(r Reader, realm string, token ForeignToken, claim, subject string) (Recipient, FederationPolicy, error) {
	var (
		at        index
		recipient Recipient
	)
	if err := get(r, federatedKey(realm, token.Issuer, claim, subject), versionIndex, &at); err != nil {
		return recipient, FederationPolicy{}, err
	}
	if err := get(r, recipientKey(realm, at.ID), versionRecipient, &recipient); err != nil {
		return recipient, FederationPolicy{}, err
	}
	// The record of the recipient is what counts, the index only leads to it.
	for _, policy := range recipient.Federation {
		if recipient.Auth == Federation && policy.Issuer == token.Issuer && policy.Claim == claim && policy.Subject == subject &&
			slices.ContainsFunc(policy.Audiences, token.HasAudience) {
			return recipient, policy, nil
		}
	}
	return recipient, FederationPolicy{}, ErrNotFound
}
