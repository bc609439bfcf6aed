package delta

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// A federated recipient presents the tokens of its own identity provider. Which of
// them are its, its policies say: issuer, audience, and the value of a claim.

// maxJWT bounds a foreign issuer's token, in bytes. Servers take headers of 16 KiB at
// most by default, so no larger one could arrive.
const maxJWT = 16 << 10

// looksLikeJWT tells whether a text has the three parts of a signed JWT. Whether it
// is one costs more to find out.
func looksLikeJWT(text string) bool { return len(text) <= maxJWT && strings.Count(text, ".") == 2 }

// identifyFederated finds out whose token one of a foreign issuer is. known is false
// if no policy names the issuer that it says: then it is none of them, and nothing
// was fetched or verified. key has the generation of the keys from before.
func (s *Scheme) identifyFederated(ctx context.Context, backend *schemes.Backend, token string, key schemes.CacheKey) (identity *schemes.Identity, known bool, err error) {
	issuer, err := keyring.UnverifiedIssuer(token)
	if err != nil {
		return nil, false, nil
	}
	verified, known, err := backend.Issuers.Verify(ctx, s.config.Realm, issuer, token)
	switch {
	case errors.Is(err, keyring.ErrInvalidToken):
		return nil, true, unknownToken(err)
	case errors.Is(err, keyring.ErrUnavailable):
		return nil, true, schemes.WithoutKeys(err)
	case err != nil:
		return nil, true, schemes.Unavailable(err)
	case !known:
		return nil, false, nil
	}
	claims := verified.Claims
	holder, err := backend.Store.FederatedHolder(ctx, s.config.Realm, tokenstore.ForeignToken{
		Issuer: issuer, IssuedAt: claims.IssuedAt(), Values: claims.Texts, HasAudience: claims.HasAudience,
	})
	if errors.Is(err, tokenstore.ErrAmbiguous) || errors.Is(err, tokenstore.ErrManyValues) {
		backend.Issuers.Report(s.config.Realm, issuer, err)
	}
	if err != nil {
		return nil, true, federatedRefusal(err)
	}
	identity, err = s.recipientIdentity(&holder.Recipient)
	if err != nil {
		return nil, true, schemes.Unavailable(err)
	}
	identity.Accessor = holder.Policy.ID
	identity.Expiry, identity.Remember = claims.ExpiresAt(), verified.KeysUntil
	if end := holder.Recipient.NotAfter; !end.IsZero() && end.Before(identity.Expiry) {
		identity.Expiry = end
	}
	if !verified.KeysUntil.IsZero() {
		backend.Identities.Add(key, identity, holder.Revision)
	}
	return identity, true, nil
}

// federatedRefusal says why a good token of a foreign issuer is refused.
func federatedRefusal(err error) *schemes.Refusal {
	var over *tokenstore.EndedError
	switch {
	case errors.Is(err, tokenstore.ErrAmbiguous), errors.Is(err, tokenstore.ErrManyValues):
		return unknownToken(err)
	case errors.As(err, &over):
		at := over.At.UTC().Format(time.RFC3339)
		public := fmt.Sprintf("Access was revoked at %s; tokens issued before are not accepted. Get a new one from your identity provider.", at)
		if over.Reason == tokenstore.Expired {
			public = fmt.Sprintf("Access ended at %s. Ask the data provider.", at)
		}
		return &schemes.Refusal{Status: http.StatusUnauthorized, Reason: schemes.EndedCredential, Cause: err, Public: public}
	default:
		return tokenRefusal(err)
	}
}

// federationIDPrefix begins the id of every federation policy.
const federationIDPrefix = "fed_"

// AddFederation has tokens of a foreign issuer recognised as a recipient's. Without a
// name, the policy is called by its id; without a claim, it is about sub. Its keys are
// fetched from now on. The errors are those of tokenstore.Store.AddFederationPolicy;
// ErrInvalid also for an address that cannot be an issuer's.
func (s *Scheme) AddFederation(ctx context.Context, recipient string, policy tokenstore.FederationPolicy, actor string) (tokenstore.FederationPolicy, error) {
	backend, err := s.open(ctx)
	if err != nil {
		return tokenstore.FederationPolicy{}, err
	}
	if err := checkPolicy(backend, &policy); err != nil {
		return tokenstore.FederationPolicy{}, err
	}
	policy.ID = secret.NewID(federationIDPrefix)
	policy.Name = cmp.Or(policy.Name, policy.ID)
	stored, _, err := backend.Store.AddFederationPolicy(ctx, s.config.Realm, recipient, policy, actor)
	if err != nil {
		return tokenstore.FederationPolicy{}, err
	}
	return stored, nil
}

// ChangeFederation changes a policy of a recipient, given by its id, as change does
// with what stands in the store at that moment. Its new keys are fetched from now on.
// The errors are those of tokenstore.Store.ChangeFederationPolicy and PutFederation.
func (s *Scheme) ChangeFederation(ctx context.Context, recipient, id, actor string, change func(*tokenstore.FederationPolicy) error) (tokenstore.FederationPolicy, error) {
	backend, err := s.open(ctx)
	if err != nil {
		return tokenstore.FederationPolicy{}, err
	}
	stored, _, err := backend.Store.ChangeFederationPolicy(ctx, s.config.Realm, recipient, id, actor, func(policy *tokenstore.FederationPolicy) error {
		if err := change(policy); err != nil {
			return err
		}
		return checkPolicy(backend, policy)
	})
	if err != nil {
		return tokenstore.FederationPolicy{}, err
	}
	return stored, nil
}

// checkPolicy refuses addresses that cannot be an issuer's, and fills in the claim.
func checkPolicy(backend *schemes.Backend, policy *tokenstore.FederationPolicy) error {
	if err := backend.Issuers.Check(policy.Issuer, policy.JWKS); err != nil {
		return fmt.Errorf("%w: %w", tokenstore.ErrInvalid, err)
	}
	policy.Claim = cmp.Or(policy.Claim, DefaultRecipientClaim)
	return nil
}

// DeleteFederation takes a policy, given by its name or id, from a recipient. Tokens
// that it accepted are refused from then on, and the keys of an issuer that no policy
// names any more are dropped. tokenstore.ErrNotFound if there is none.
func (s *Scheme) DeleteFederation(ctx context.Context, recipient, policy, actor string) error {
	backend, err := s.open(ctx)
	if err != nil {
		return err
	}
	_, err = backend.Store.DeleteFederationPolicy(ctx, s.config.Realm, recipient, policy, actor)
	return err
}
