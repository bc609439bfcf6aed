package delta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// kindRecipient is the kind of who presents a bearer token.
const kindRecipient = "recipient"

// identifyRecipient finds out who presented a bearer token on a data call: one of
// ours, one that was made elsewhere and imported, or one of a foreign issuer.
func (s *Scheme) identifyRecipient(ctx context.Context, call *schemes.Call) (*schemes.Identity, error) {
	presented := call.Credential.Reveal()
	digest, err := bearerDigest(presented)
	if err != nil {
		return nil, unknownToken(err) // garbage: the checksum tells, without the store
	}
	backend, err := s.open(ctx)
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	key := schemes.CacheKey{Scheme: s.Name(), Realm: s.config.Realm, Digest: digest}
	federated := looksLikeJWT(presented)
	if federated {
		key.Keys = backend.Issuers.Generation() // before anything is verified
	}
	if identity := backend.Identities.Get(key, backend.Store.Now()); identity != nil {
		return identity, nil
	}
	var invalid error // as a foreign issuer's token
	if federated {
		identity, known, err := s.identifyFederated(ctx, backend, presented, key)
		if known && !errors.Is(err, keyring.ErrInvalidToken) {
			return identity, err
		}
		invalid = err
	}
	// An imported token may be a JWT too, made by who is now an issuer of ours.
	holder, err := backend.Store.TokenHolder(ctx, s.config.Realm, digest)
	switch {
	case errors.Is(err, tokenstore.ErrNotFound) && invalid != nil:
		return nil, invalid
	case err != nil:
		return nil, tokenRefusal(err)
	}
	identity, err := s.recipientIdentity(&holder.Recipient)
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	identity.Accessor = holder.Token.Accessor
	if holder.Token.Kind == tokenstore.AccessToken {
		identity.Source = holder.Root.Accessor
	}
	identity.Expiry = holder.Token.ExpiresAt
	switch {
	case !holder.Root.RotatedAt.IsZero(): // of an access token, that of its client secret
		identity.Old = schemes.Rotated
	case holder.Token.Imported:
		identity.Old = schemes.Imported
	}
	backend.Identities.Add(key, identity, holder.Revision)
	return identity, nil
}

// bearerDigest returns what a bearer token is looked up by. What begins like a secret
// of ours must be one of the kinds that data calls take.
func bearerDigest(presented string) (secret.Digest, error) {
	if secret.HasKnownPrefix(presented) {
		token, err := secret.Parse(secret.DeltaToken, presented)
		if err != nil {
			token, err = secret.Parse(secret.AccessToken, presented)
		}
		if err != nil {
			return secret.Digest{}, err
		}
		return token.Digest(), nil
	}
	if !isForeign(presented) && !looksLikeJWT(presented) {
		return secret.Digest{}, secret.ErrMalformed
	}
	return secret.DigestOf(presented), nil
}

// recipientIdentity is what is the same however a recipient proved who it is.
func (s *Scheme) recipientIdentity(recipient *tokenstore.Recipient) (*schemes.Identity, error) {
	networks, err := recipient.Prefixes()
	if err != nil {
		return nil, err
	}
	return &schemes.Identity{
		Scheme:   s.Name(),
		Realm:    s.config.Realm,
		Kind:     kindRecipient,
		Subject:  recipient.ID,
		Name:     recipient.Name,
		Grants:   newGrantSet(recipient.Grants),
		Networks: networks,
		Limits:   s.config.limitsOf(recipient),
	}, nil
}

// unknownToken is what a stranger is told: nothing.
func unknownToken(cause error) *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusUnauthorized, Reason: schemes.BadCredential, Cause: cause,
		Public: "The bearer token is not valid.",
	}
}

// tokenRefusal says why a token is refused. Reasons are told only to who holds a
// token that was issued: its digest was found.
func tokenRefusal(err error) *schemes.Refusal {
	var (
		over     *tokenstore.EndedError
		disabled *tokenstore.DisabledError
	)
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return unknownToken(err)
	case errors.As(err, &over):
		return &schemes.Refusal{
			Status: http.StatusUnauthorized, Reason: schemes.EndedCredential, Cause: err,
			Public: endedText("bearer token", over),
		}
	case errors.As(err, &disabled):
		return disabledRefusal(err)
	default:
		return schemes.Unavailable(err)
	}
}

// endedText says when and why a credential ended, and what to do.
func endedText(what string, over *tokenstore.EndedError) string {
	at := over.At.UTC().Format(time.RFC3339)
	switch over.Reason {
	case tokenstore.Expired:
		return fmt.Sprintf("The %s expired at %s. Ask the data provider for a new activation link, or rotate it in time.", what, at)
	case tokenstore.Rotated:
		return fmt.Sprintf("The %s was rotated and ended at %s. Use the newer credential file.", what, at)
	default:
		return fmt.Sprintf("The %s was revoked at %s. Ask the data provider for a new activation link.", what, at)
	}
}

func disabledRefusal(cause error) *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusForbidden, Reason: schemes.Disabled, Cause: cause,
		Public: "Access is disabled for this recipient. Ask the data provider.",
	}
}

// inURL tells whether a query carries a bearer token (RFC 6750 section 2.3): it
// is a second carrier, and would reach the log of every server on the way.
func inURL(rawQuery string) bool {
	// Some servers also part parameters at a semicolon.
	for parameter := range strings.FieldsFuncSeq(rawQuery, func(r rune) bool { return r == '&' || r == ';' }) {
		name, _, _ := strings.Cut(parameter, "=")
		if decoded, err := url.QueryUnescape(name); err == nil && strings.EqualFold(decoded, "access_token") {
			return true
		}
	}
	return false
}
