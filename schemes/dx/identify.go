package dx

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// standing is what an identity keeps of its token: what cut-offs are asked with.
type standing struct {
	issued time.Time
	// subject is whose token it is, delegator for whom it acts, folded; each may be empty,
	// if no user can be cut off.
	subject, delegator string
}

// anyRevision is that of an identity in the cache: nothing of it was read in the store,
// for cut-offs are asked at each call.
const anyRevision = tokenstore.Revision(math.MaxUint64)

// Identify implements schemes.Scheme: signature and claims, once for each token as long as
// the keys stay, and the cut-offs of its users at each call.
func (s *Scheme) Identify(ctx context.Context, call *schemes.Call) (*schemes.Identity, error) {
	b, err := s.backend(ctx)
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	text := call.Credential.Reveal()
	// The number of the keys is asked before they are used: what was verified with old ones
	// is then never found under that of newer ones.
	key := schemes.CacheKey{Scheme: Name, Realm: s.config.Realm, Digest: secret.DigestOf(text), Keys: s.keys.fingerprint()}
	id := b.Identities.Get(key, b.Store.Now())
	if id == nil {
		if id, err = s.verify(ctx, text); err != nil {
			return nil, err
		}
		if !call.OnTrial() && !id.Remember.IsZero() {
			b.Identities.Add(key, id, anyRevision)
		}
	}
	if err := s.checkCutOffs(ctx, b, id); err != nil {
		return nil, err
	}
	return id, nil
}

// IdentifyOffline is Identify without the store, and so without cut-offs: whoever it
// returns may have been revoked. It needs keys from a file; for others it refuses with
// 503, as it does for Keycloak's. The clock is the machine's.
func (s *Scheme) IdentifyOffline(call *schemes.Call) (*schemes.Identity, error) {
	return s.verify(call.Request.Context(), call.Credential.Reveal())
}

// verify finds out whose token it is. The issuer that it names chooses the keys, before
// anything else of it is believed.
func (s *Scheme) verify(ctx context.Context, text string) (*schemes.Identity, error) {
	issuer, err := keyring.UnverifiedIssuer(text)
	if err != nil {
		return nil, refusalOf(err)
	}
	var id *schemes.Identity
	switch {
	case s.keys.aaa.IsNamed(issuer):
		id, err = s.verifyAAA(ctx, text)
	case s.config.Keycloak != nil && issuer == s.config.Keycloak.Issuer:
		id, err = s.verifyKeycloak(ctx, text)
	default:
		err = faultIssuer
	}
	if err != nil {
		return nil, refusalOf(err)
	}
	return id, nil
}

// verifyAAA verifies a token that says it is of the authorisation server: one for itself,
// or the identity token of a user. The error is a fault or keyring's.
func (s *Scheme) verifyAAA(ctx context.Context, text string) (*schemes.Identity, error) {
	claims, err := s.keys.aaa.VerifyAnyAudience(ctx, text)
	if err != nil {
		return nil, err
	}
	id := s.identity(s.keys.aaa, claims)
	audience, _ := claims.String("aud") // the original takes no array
	if audience == "" {
		return nil, faultNoAudience
	}
	if keyring.SameName(claims.Subject(), s.config.Issuer) {
		if !keyring.SameName(audience, s.config.Audience) {
			return nil, faultAudience
		}
		id.Kind, id.Subject = kindAAAServer, strings.ToLower(claims.Subject())
		id.Name = id.Subject
		id.Session = &standing{issued: claims.IssuedAt(), subject: id.Subject}
		return id, nil
	}
	if err := s.checkItem(claims, audience); err != nil {
		return nil, err
	}
	who, err := actorOf(claims)
	if err != nil {
		return nil, err
	}
	id.Kind, id.Subject, id.Roles = kindUser, who.subject, []string{who.role}
	if who.delegator != "" {
		id.Kind, id.Subject, id.Delegate = kindDelegate, who.delegator, who.subject
	}
	id.Name = id.Subject
	id.Session = &standing{claims.IssuedAt(), who.subject, who.delegator}
	return id, nil
}

// checkItem checks that a token was made for a resource server as such, and for which:
// access tokens, whose item is a resource, are no identity tokens. The error is a fault.
func (s *Scheme) checkItem(claims keyring.Claims, audience string) error {
	item, ok := claims.String("iid")
	if !ok {
		return faultNoItem
	}
	kind, name, found := strings.Cut(item, ":")
	name, _, _ = strings.Cut(name, ":")
	switch {
	case !found:
		return faultItem
	case !keyring.SameName(kind, "rs"):
		return faultNoIdentity
	case !keyring.SameName(name, audience):
		return faultItem
	}
	if len(s.config.Servers) == 0 {
		return nil
	}
	for _, server := range s.config.Servers {
		if keyring.SameName(server, audience) {
			return nil
		}
	}
	return faultAudience
}

// identity is what all identities have in common.
func (s *Scheme) identity(issuer *keyring.Issuer, claims keyring.Claims) *schemes.Identity {
	return &schemes.Identity{
		Scheme: Name, Realm: s.config.Realm, Claims: claims.Map(),
		Expiry: claims.ExpiresAt().Add(keyring.DefaultLeeway), Remember: issuer.KeysUntil(),
	}
}

// refusalOf is the refusal of a token, by what verifying it said.
func refusalOf(err error) *schemes.Refusal {
	if errors.Is(err, keyring.ErrUnavailable) {
		return schemes.WithoutKeys(err)
	}
	if f := fault(""); errors.As(err, &f) {
		return notAuthorized(f)
	}
	return notAuthorized(faultOf(err))
}
