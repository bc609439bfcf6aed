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
	var (
		presented = call.Credential.Reveal()
		roles     []string
		holder    func(*tokenstore.Store) (tokenstore.Recipient, error)
	)
	// Garbage is refused before the store is asked for.
	if key, err := secret.Parse(secret.ManagementKey, presented); err == nil {
		roles = []string{roleRead, roleWrite}
		holder = func(store *tokenstore.Store) (tokenstore.Recipient, error) {
			return store.ManagementKeyHolder(ctx, s.config.Realm, key.Digest())
		}
	} else if issuer := s.config.CredentialsAPI.Issuer; issuer != nil {
		var name string
		if name, roles, err = s.verifyJWT(ctx, issuer, presented); err != nil {
			return nil, err
		}
		holder = func(store *tokenstore.Store) (tokenstore.Recipient, error) {
			return s.recipientOfClaim(ctx, store, name)
		}
	} else {
		return nil, unknownManager(err)
	}
	backend, err := s.open(ctx)
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	recipient, err := holder(backend.Store)
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return nil, unknownManager(err)
	case err != nil:
		return nil, schemes.Unavailable(err)
	case recipient.Disabled:
		return nil, disabledRefusal(nil)
	}
	networks, err := recipient.Prefixes()
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	return &schemes.Identity{
		Scheme: s.Name(), Realm: s.config.Realm, Kind: kindManager,
		Subject: recipient.ID, Name: recipient.Name, Roles: roles,
		Networks: networks, Limits: s.config.limitsOf(&recipient),
	}, nil
}

// stillManager returns what a change asks inside its transaction: the body may have
// taken its time, and a key that was taken away, or a recipient that was disabled,
// since the caller was identified changes nothing any more. A JWT, of which the
// store knows nothing, is verified again here.
func (s *Scheme) stillManager(ctx context.Context, call *schemes.Call) (tokenstore.Check, error) {
	key, err := secret.Parse(secret.ManagementKey, call.Credential.Reveal())
	byKey := err == nil
	if !byKey {
		again, err := s.identifyManager(ctx, call)
		if err != nil {
			return nil, err
		}
		if again.Subject != call.Identity.Subject {
			return nil, unknownManager(nil) // the name was given to another
		}
	}
	return func(recipient tokenstore.Recipient, _ []tokenstore.Credential) error {
		switch {
		case recipient.Disabled:
			return disabledRefusal(nil)
		case byKey && !recipient.HoldsManagementKey(key.Digest()):
			return unknownManager(tokenstore.ErrNotFound)
		}
		return nil
	}, nil
}

// recipientOfClaim returns the recipient that a JWT names, exactly: an issuer may
// have another subject whose name differs in case (OpenID Connect Core 1.0,
// section 2: sub is case-sensitive).
func (s *Scheme) recipientOfClaim(ctx context.Context, store *tokenstore.Store, name string) (tokenstore.Recipient, error) {
	recipient, err := store.Recipient(ctx, s.config.Realm, name)
	if err == nil && recipient.Name != name {
		return tokenstore.Recipient{}, tokenstore.ErrNotFound
	}
	return recipient, err
}

// verifyJWT returns the recipient that a JWT names, and the roles of its scopes.
func (s *Scheme) verifyJWT(ctx context.Context, issuer Verifier, token string) (recipient string, roles []string, err error) {
	claims, err := issuer.Verify(ctx, token)
	if errors.Is(err, keyring.ErrUnavailable) {
		return "", nil, schemes.WithoutKeys(err)
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
