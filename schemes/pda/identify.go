package pda

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// family is what an identity keeps of its token: from it the next one is signed.
type family struct {
	session *session
	digest  secret.Digest // of the tokens' constant id
	host    string
	claims  claims // of the presented token
	keyID   string // that it was verified with
	signer  string // key id of the account's signer
}

// familyOf returns what an identity keeps. Identities of this scheme all have one.
func familyOf(id *schemes.Identity) *family { return id.Session.(*family) }

// identify finds out whose token a call carries: its form, the key of the host's
// account, its own times, and then the store.
func (s *Scheme) identify(ctx context.Context, b *schemes.Backend, call *schemes.Call) (*schemes.Identity, error) {
	text, now := call.Credential.Reveal(), b.Store.Now()
	key := schemes.CacheKey{Scheme: Name, Realm: s.config.Realm, Host: call.Host, Digest: secret.DigestOf(text)}
	if id := b.Identities.Get(key, now); id != nil {
		// Its expiry is by the settings that it was remembered under.
		if err := familyOf(id).claims.check(now, s.config.Idle); err != nil {
			return nil, notAuthenticated(schemes.EndedCredential, err)
		}
		return id, nil
	}
	token, err := parseToken(text)
	if err != nil {
		return nil, notAuthenticated(schemes.BadCredential, err)
	}
	account, err := s.accountOf(ctx, b, call.Host)
	if errors.Is(err, errNoAccount) {
		return nil, noAccount(err)
	}
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	if err := token.verify(account.verifiers(now)); err != nil {
		return nil, notAuthenticated(schemes.BadCredential, err)
	}
	if !token.claims.issuedBy(call.Host) {
		return nil, notAuthenticated(schemes.BadCredential, errors.New("the token is another account's"))
	}
	if err := token.claims.check(now, s.config.Idle); err != nil {
		return nil, notAuthenticated(schemes.EndedCredential, err)
	}
	id, revision, err := s.identifyFamily(ctx, b, account, token)
	if err != nil {
		return nil, err
	}
	b.Identities.Add(key, id, revision)
	return id, nil
}

// identifyFamily asks the store for the family of a token that is genuine.
func (s *Scheme) identifyFamily(ctx context.Context, b *schemes.Backend, account *account, token *unverified) (*schemes.Identity, tokenstore.Revision, error) {
	digest := secret.DigestOf(token.claims.ID)
	h, err := b.Store.FamilyHolder(ctx, s.config.Realm, digest)
	var ended *tokenstore.EndedError
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return nil, 0, notAuthenticated(schemes.BadCredential, errors.New("no such token family"))
	case errors.Is(err, tokenstore.ErrAccountDisabled):
		return nil, 0, notAuthenticated(schemes.Disabled, err)
	case errors.As(err, &ended):
		return nil, 0, notAuthenticated(schemes.EndedCredential, err)
	case err != nil:
		return nil, 0, schemes.Unavailable(err)
	// The server behind may hold the account's key too (upstream token). What it makes of it
	// is not what was issued here.
	case !token.claims.are(h.Token):
		return nil, 0, notAuthenticated(schemes.BadCredential, errors.New("the token says otherwise than its family"))
	case h.Account.ID != account.ID:
		return nil, 0, notAuthenticated(schemes.BadCredential, errors.New("the token is another account's"))
	}
	until, signer, err := s.keyNow(ctx, b, h, token.signedBy)
	if err != nil {
		return nil, 0, err
	}
	id := &schemes.Identity{
		Scheme: Name, Realm: s.config.Realm, Subject: h.Account.ID, Name: h.Account.Host, Accessor: h.Token.Accessor,
		Expiry: sooner(sooner(token.claims.ends(s.config.Idle), h.Token.ExpiresAt.Add(time.Second)), until),
		Session: &family{
			session: partOf(b).sessionOf(h.Token.Accessor), digest: digest, host: h.Account.Host,
			claims: token.claims, keyID: token.signedBy, signer: signer,
		},
	}
	id.Kind, id.Roles, id.Grants = standing(h)
	return id, h.Revision, nil
}

// keyNow says until when a key verifies, and which one signs. It asks the store after the
// family was read there: the account that the token was verified with may be older than a
// rotation that the family's record is younger than, and what is remembered of that token
// would then outlive its key.
func (s *Scheme) keyNow(ctx context.Context, b *schemes.Backend, h tokenstore.FamilyHolder, keyID string) (until time.Time, signer string, err error) {
	account, keys, _, err := b.Store.AccountByHost(ctx, s.config.Realm, h.Account.Host)
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		return time.Time{}, "", schemes.Unavailable(err)
	}
	if err == nil && account.ID == h.Account.ID {
		for _, key := range keys.At(b.Store.Now()) {
			if key.ID == keyID {
				return key.Until, keys.Signer().ID, nil
			}
		}
	}
	return time.Time{}, "", notAuthenticated(schemes.BadCredential, errors.New("the key of the token was given up meanwhile"))
}

// standing is what a family may do, by what the store says of it now: nothing of that
// is taken from the token.
func standing(h tokenstore.FamilyHolder) (kind string, roles []string, grants policies.Grants) {
	switch {
	case h.Suspended:
		return kindDisabled, nil, nil
	case h.Token.Family.Scope == tokenstore.OwnerScope:
		return kindOwner, []string{kindOwner}, ownerGrants
	case h.Token.Family.Scope == tokenstore.ValidateScope:
		return kindService, nil, nil
	}
	enrolment, setUp := h.Account.Enrolment(h.Application)
	switch {
	case h.Application.ID == "" || h.Application.Disabled || setUp && !enrolment.DisabledAt.IsZero():
		return kindDisabled, nil, nil
	case !setUp:
		return kindInactive, nil, nil
	}
	return kindApplication, h.Application.Grants, newGrants(h.Application.Grants)
}

// sooner is the earlier of two moments, of which zero never comes.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// renew returns the token that goes out with the answer to an identified call.
func (s *Scheme) renew(ctx context.Context, b *schemes.Backend, id *schemes.Identity, presented string) (string, error) {
	f := familyOf(id)
	interval := s.config.RenewInterval
	token, err := f.session.renew(ctx, renewal{
		now: b.Store.Now, interval: interval, bound: 2 * interval,
		presented: presented, presentedAt: f.claims.IssuedAt, presentedKey: f.keyID,
		keyID: f.signer,
		// Not the call's context: others may wait for the same signature.
		sign:       func() (string, time.Time, error) { return s.resign(context.WithoutCancel(ctx), b, f) },
		background: backgroundSignings.start,
	})
	if err != nil {
		return "", schemes.Unavailable(err)
	}
	return token, nil
}

// resign signs a family's next token: the same but for the time of issue.
func (s *Scheme) resign(ctx context.Context, b *schemes.Backend, f *family) (string, time.Time, error) {
	account, err := s.accountOf(ctx, b, f.host)
	if err != nil {
		return "", time.Time{}, err
	}
	// The account may have been remembered since before its key was rotated.
	if account.keys.Signer().ID != f.signer {
		return "", time.Time{}, errStaleSigner
	}
	next := f.claims
	next.IssuedAt = b.Store.Now()
	text, err := account.sign(next)
	return text, next.IssuedAt, err
}

// errStaleSigner says that the account has another key than it had for this call.
var errStaleSigner = errors.New("the account's key was rotated meanwhile")

// sign signs a token of the account.
func (a *account) sign(c claims) (string, error) {
	signer, err := a.signer()
	if err != nil {
		return "", err
	}
	return signer.sign(c, loginInfo{ProviderID: a.Host, ProviderKey: a.Username})
}

// hostOf is the Host that the server behind gets: in the spelling that selected the
// account, since it may select its own by it.
func hostOf(call *schemes.Call, came string) string {
	if _, port, err := net.SplitHostPort(came); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
			return call.Host + ":" + strconv.FormatUint(n, 10)
		}
	}
	return call.Host
}

// issuerFor is what tokens of an account name as their issuer: where clients reach it,
// since they take the address of their calls from there.
func (a *account) issuerFor(r *http.Request) string {
	if a.Address != "" {
		return a.Address
	}
	if port := port(r.Host); port != "" {
		return a.Host + ":" + port
	}
	return a.Host
}
