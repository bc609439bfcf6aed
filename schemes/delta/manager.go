package delta

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Verifier checks the JWTs of an OpenID Connect issuer. *keyring.Issuer is one.
type Verifier interface {
	Verify(ctx context.Context, token string) (keyring.Claims, error)
}

// kindManager is the kind of who calls the credentials API for a recipient.
const kindManager = "manager"

// Roles of a manager.
const (
	roleRead  = "read"
	roleWrite = "write"
)

// identifyManager finds out for which recipient a caller of the credentials API
// may act: by its management key, or by a JWT of the configured issuer.
func (s *Scheme) identifyManager(ctx context.Context, call *schemes.Call) (*schemes.Identity, error) {
	backend, err := s.open(ctx)
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	presented := call.Credential.Reveal()
	identity := &schemes.Identity{Scheme: s.Name(), Realm: s.config.Realm, Kind: kindManager}

	var recipient tokenstore.Recipient
	key, err := secret.Parse(secret.ManagementKey, presented)
	if err == nil {
		recipient, err = backend.Store.ManagementKeyHolder(ctx, s.config.Realm, key.Digest())
		identity.Roles = []string{roleRead, roleWrite}
	} else if issuer := s.config.CredentialsAPI.Issuer; issuer != nil {
		var name string
		name, identity.Roles, err = s.verifyJWT(ctx, issuer, presented)
		if err != nil {
			return nil, err
		}
		recipient, err = backend.Store.Recipient(ctx, s.config.Realm, name)
	} else {
		return nil, unknownManager(err)
	}
	if errors.Is(err, tokenstore.ErrNotFound) {
		return nil, unknownManager(err)
	}
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	if recipient.Disabled {
		return nil, disabledRefusal(nil)
	}
	identity.Subject, identity.Name = recipient.ID, recipient.Name
	return identity, nil
}

// verifyJWT returns the recipient that a JWT names, and the roles of its scopes.
func (s *Scheme) verifyJWT(ctx context.Context, issuer Verifier, token string) (recipient string, roles []string, err error) {
	claims, err := issuer.Verify(ctx, token)
	if errors.Is(err, keyring.ErrUnavailable) {
		return "", nil, schemes.Unavailable(err)
	}
	if err != nil {
		return "", nil, unknownManager(err)
	}
	api := s.config.CredentialsAPI
	recipient, ok := claims.String(api.RecipientClaim)
	if !ok {
		return "", nil, unknownManager(errors.New("the JWT has no claim " + api.RecipientClaim))
	}
	scopes := claims.Scopes()
	if slices.Contains(scopes, api.ReadScope) {
		roles = append(roles, roleRead)
	}
	if slices.Contains(scopes, api.WriteScope) {
		roles = append(roles, roleWrite)
	}
	return recipient, roles, nil
}

func unknownManager(cause error) *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusUnauthorized, Reason: schemes.BadCredential, Cause: cause,
		Public: "The management key or access token is not valid.",
	}
}
