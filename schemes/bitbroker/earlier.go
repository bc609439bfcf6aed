package bitbroker

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// earlier are the tokens that a BitBroker's own auth service issued before the gateway came:
// RS256, of one issuer, good until a date. What the gateway cannot know of one is whose it is.
type earlier struct {
	issuer   *keyring.Issuer
	until    time.Time
	settings uint64 // of what, beside the keys, decides what a token is good for
	keeper   *schemes.KeyKeeper
}

// newEarlier reads keys from a file, if that is where they are, and touches neither network
// nor store.
func newEarlier(c *Config, now func() time.Time) (*earlier, error) {
	e := &earlier{until: c.Earlier.Until, keeper: schemes.NewKeyKeeper(c.Logger)}
	config := keyring.IssuerConfig{
		Issuer: c.Earlier.Issuer, AudiencePerCall: true, Algorithms: []string{"RS256"},
		JWKS: c.Earlier.JWKS, File: c.Earlier.File,
		// The first coordinator's has no end; until bounds all of them.
		NoExpiry: true,
		Now:      now, Logger: c.Logger,
	}
	if c.Earlier.JWKS != "" {
		config.Keep = e.keeper.Of("bitbroker " + c.Earlier.JWKS)
	}
	var err error
	if e.issuer, err = keyring.NewIssuer(config); err != nil {
		return nil, fmt.Errorf("earlier_tokens: %w", err)
	}
	digest := sha256.Sum256([]byte(c.Earlier.Issuer + "\x00" + c.Earlier.Until.UTC().Format(time.RFC3339Nano)))
	e.settings = binary.BigEndian.Uint64(digest[:])
	return e, nil
}

// areGood tells whether earlier tokens are good at all at a time.
func (e *earlier) areGood(now time.Time) bool { return e != nil && now.Before(e.until) }

// Start implements schemes.Starter: the keys of earlier tokens are fetched in the background.
func (s *Scheme) Start(b *schemes.Backend) (stop func()) {
	if s.earlier == nil {
		return func() {}
	}
	return s.earlier.keeper.Start(b.Store, s.earlier.issuer)
}

var (
	errTooLate  = errors.New("tokens of before the gateway are good no more")
	errNoScope  = errors.New("the token has not one scope of a BitBroker's")
	errAudience = errors.New("the token is not for a policy or connector as its scope asks")
	errNoKeyID  = errors.New("the token has no key id")
)

// identifyEarlier finds out what an earlier token is for: signature and claims, once for
// each token as long as the keys stay, and what became of it at each call.
func (s *Scheme) identifyEarlier(ctx context.Context, b *schemes.Backend, call *schemes.Call, v *visit) (*schemes.Identity, error) {
	e, now := s.earlier, b.Store.Now()
	if !e.areGood(now) {
		return nil, notAuthorized(schemes.EndedCredential, errTooLate)
	}
	e.keeper.Restore(ctx, b.Store, e.issuer)
	text := call.Credential.Reveal()
	// The number of the keys is asked before they are used: what was verified with old ones
	// is then never found under that of newer ones.
	key := schemes.CacheKey{Scheme: Name, Realm: s.config.Realm, Digest: secret.DigestOf(text), Keys: e.settings ^ e.issuer.Fingerprint()}
	known := b.Identities.Get(key, now)
	id := known
	if known == nil {
		var err error
		if id, err = s.verifyEarlier(ctx, text); err != nil {
			return nil, err
		}
	}
	if !v.is(id.Kind) {
		return nil, notAuthorized(schemes.BadCredential, errOtherAPI)
	}
	h := holderOf(id)
	standing, err := b.Store.ForeignStanding(ctx, s.config.Realm, h.earlier, h.kind, h.policy+h.connector, h.issued)
	switch {
	case err != nil:
		return nil, schemes.Unavailable(err)
	case !standing.Rescinded.IsZero():
		return nil, forbidden(schemes.EndedCredential, fmt.Errorf("the token, its policy or its connector was rescinded at %s", standing.Rescinded.UTC().Format(time.RFC3339)))
	}
	if known == nil && !call.OnTrial() && !id.Remember.IsZero() {
		until := id.Remember
		if !id.Expiry.IsZero() && id.Expiry.Before(until) {
			until = id.Expiry
		}
		b.Identities.Cache.Add(key, schemes.Subject{Realm: s.config.Realm, ID: tokenstore.ForeignKeyTopic(h.earlier)}, id, until, standing.Revision)
	}
	return id, nil
}

// verifyEarlier reads a token that one of the issuer's keys has signed.
func (s *Scheme) verifyEarlier(ctx context.Context, text string) (*schemes.Identity, error) {
	claims, err := s.earlier.issuer.VerifyAnyAudience(ctx, text)
	switch {
	case errors.Is(err, keyring.ErrUnavailable):
		return nil, schemes.WithoutKeys(err)
	case keyring.Reason(err) == "expired":
		return nil, notAuthorized(schemes.EndedCredential, err)
	case err != nil:
		return nil, notAuthorized(schemes.BadCredential, err)
	}
	token, err := readEarlier(claims)
	if err != nil {
		return nil, notAuthorized(schemes.BadCredential, err)
	}
	id := &schemes.Identity{
		Scheme: Name, Realm: s.config.Realm, Kind: kindOf(token.kind), Subject: "earlier/" + token.earlier, Name: "earlier token " + token.earlier,
		Expiry: s.earlier.until, Remember: s.earlier.issuer.KeysUntil(), Session: token,
	}
	if end := claims.ExpiresAt(); !end.IsZero() && end.Add(keyring.DefaultLeeway).Before(id.Expiry) {
		id.Expiry = end.Add(keyring.DefaultLeeway)
	}
	return id, nil
}

// readEarlier reads the claims by which BitBroker's auth service says what a token is for: one
// scope, called scope or, in the first coordinator's token, scp; the slug of a policy or
// connector; and the key id.
func readEarlier(claims keyring.Claims) (*holder, error) {
	token := &holder{issued: claims.IssuedAt()}
	token.earlier, _ = claims.String("jti")
	if tokenstore.ValidBrokerKey(token.earlier) != nil {
		return nil, errNoKeyID
	}
	scopes, audience := claims.Scopes(), claims.Texts("aud")
	if len(scopes) != 1 || claims.Has("scope") && claims.Has("scp") {
		return nil, errNoScope
	}
	audience = slices.DeleteFunc(slices.Clone(audience), func(one string) bool { return one == "" })
	one := len(audience) == 1 && isSlug(audience[0])
	switch {
	case !slices.Contains(knownKinds, scopes[0]):
		return nil, errNoScope
	case scopes[0] == kindCoordinator && len(audience) == 0:
		token.kind = tokenstore.CoordinatorToken
	case scopes[0] == kindContributor && one:
		token.kind, token.connector = tokenstore.ContributorToken, audience[0]
	case scopes[0] == kindConsumer && one:
		token.kind, token.policy = tokenstore.ConsumerToken, audience[0]
	default:
		return nil, errAudience
	}
	return token, nil
}
