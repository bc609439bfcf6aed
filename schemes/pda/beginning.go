package pda

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// begin starts a token family and signs its first token. What the tokens claim is c,
// completed by what the store says.
func (s *Scheme) begin(ctx context.Context, b *schemes.Backend, account *account, call *schemes.Call, n tokenstore.NewFamily, c claims) (string, error) {
	if retryAfter, ok := mayBegin(b, account, call.Identity, n); !ok {
		return "", schemes.TooMany(retryAfter)
	}
	c.ID = newJTI()
	c.Issuer = account.issuerFor(call.Request)
	n.Realm, n.Host, n.Accessor, n.Digest = s.config.Realm, account.Host, secret.NewAccessor(), secret.DigestOf(c.ID)
	n.Lifetime = s.config.Absolute
	h, err := b.Store.StartFamily(ctx, n, cmp.Or(actorOf(call), "owner"))
	switch {
	case errors.Is(err, tokenstore.ErrStale), errors.Is(err, tokenstore.ErrAccountDisabled), errors.Is(err, tokenstore.ErrNotFound):
		// What the caller showed was good a moment ago.
		return "", notAuthenticated(schemes.EndedCredential, err)
	case errors.Is(err, tokenstore.ErrInvalid):
		return "", deny("This token was asked for with one that was asked for with another, too many times over. Sign in again")
	case err != nil:
		return "", schemes.Unavailable(err)
	}
	c.IssuedAt, c.Expires, c.Version = h.Token.IssuedAt, h.Token.ExpiresAt, h.Application.Version
	text, err := account.sign(c)
	if err != nil {
		return "", schemes.Unavailable(err)
	}
	return text, nil
}

// How many families an account may begin, as each is kept for a month after its end: by
// signing in, and by each application and the owner with a token. Nobody can use up what
// another one may.
var (
	signInRate = schemes.Limits{Rate: 1, Burst: 600}
	issueRate  = schemes.Limits{Rate: 1, Burst: 60}
)

func mayBegin(b *schemes.Backend, account *account, by *schemes.Identity, n tokenstore.NewFamily) (retryAfter time.Duration, ok bool) {
	key, limits := schemes.LimitKey{Realm: account.Realm, Subject: account.ID, Purpose: "sign-in"}, signInRate
	if n.Parent != nil {
		key.Purpose, limits = "issue "+familyOf(by).claims.Application, issueRate
	}
	lease, retryAfter, ok := b.Limiter.Take(key, limits)
	lease.Release()
	return retryAfter, ok
}

// actorOf is whom the audit names for what a call does; empty for nobody.
func actorOf(call *schemes.Call) string {
	if call.Identity == nil {
		return ""
	}
	return call.Identity.Kind + " " + call.Identity.Accessor
}
