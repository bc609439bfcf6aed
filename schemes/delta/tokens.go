package delta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// kindRecipient is the kind of who presents a bearer token.
const kindRecipient = "recipient"

// identifyRecipient finds out who presented a bearer token on a data call.
func (s *Scheme) identifyRecipient(ctx context.Context, call *schemes.Call) (*schemes.Identity, error) {
	token, err := secret.Parse(secret.DeltaToken, call.Credential.Reveal())
	if err != nil {
		return nil, unknownToken(err) // garbage: the checksum tells, without the store
	}
	backend, err := s.open(ctx)
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	digest := token.Digest()
	key := schemes.CacheKey{Scheme: s.Name(), Realm: s.config.Realm, Digest: digest}
	if identity := backend.Identities.Get(key, backend.Store.Now()); identity != nil {
		return identity, nil
	}
	holder, err := backend.Store.TokenHolder(ctx, s.config.Realm, digest)
	if err != nil {
		return nil, tokenRefusal(err)
	}
	identity := &schemes.Identity{
		Scheme:   s.Name(),
		Realm:    s.config.Realm,
		Kind:     kindRecipient,
		Subject:  holder.Recipient.ID,
		Name:     holder.Recipient.Name,
		Grants:   newGrantSet(holder.Recipient.Grants),
		Accessor: holder.Token.Accessor,
		Expiry:   holder.Token.ExpiresAt,
	}
	backend.Identities.Add(key, identity, holder.Revision)
	return identity, nil
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
			Public: endedText(over),
		}
	case errors.As(err, &disabled):
		return disabledRefusal(err)
	default:
		return schemes.Unavailable(err)
	}
}

func endedText(over *tokenstore.EndedError) string {
	at := over.At.UTC().Format(time.RFC3339)
	switch over.Reason {
	case tokenstore.Expired:
		return fmt.Sprintf("The bearer token expired at %s. Ask the data provider for a new activation link, or rotate the token in time.", at)
	case tokenstore.Rotated:
		return fmt.Sprintf("The bearer token was rotated and ended at %s. Use the newer credential file.", at)
	default:
		return fmt.Sprintf("The bearer token was revoked at %s. Ask the data provider for a new activation link.", at)
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
	for parameter := range strings.SplitSeq(rawQuery, "&") {
		name, _, _ := strings.Cut(parameter, "=")
		if decoded, err := url.QueryUnescape(name); err == nil && strings.EqualFold(decoded, "access_token") {
			return true
		}
	}
	return false
}
