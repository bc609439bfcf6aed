package pda

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/internal/password"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// maxCredential bounds a username and a password as they are sent, in bytes.
const maxCredential = 4 << 10

// serveSignIn is GET /users/access_token: username and password come as headers.
func (s *Scheme) serveSignIn(w http.ResponseWriter, call *schemes.Call) error {
	if s.isCrossSite(call) {
		return deniedAcrossSites()
	}
	ctx := call.Request.Context()
	account, b, err := s.currentAccount(ctx, call.Host)
	if err != nil {
		return err
	}
	username, plain, err := signInHeaders(call.Request)
	if err != nil {
		return err
	}
	network := schemes.NetworkOf(call.ClientIP)
	if err := s.checkPassword(ctx, b, account, username, plain, network); err != nil {
		return err
	}
	held, err := newAccount(b, account.Account, account.keys)
	if err != nil {
		return schemes.Unavailable(err)
	}
	text, err := s.begin(ctx, b, held, call, tokenstore.NewFamily{
		Scope: tokenstore.OwnerScope, Account: account.ID, Generation: account.Generation, Network: network,
	}, claims{Resource: held.issuerFor(call.Request), Scope: kindOwner})
	if err != nil {
		return err
	}
	call.Renewed = schemes.NewCredential(text)
	return s.reply(w, call, accessToken{text, account.UserID})
}

// currentAccount is the account of a host as the store has it now: with its present
// password, and the networks of its latest sign-ins.
func (s *Scheme) currentAccount(ctx context.Context, host string) (*account, *schemes.Backend, error) {
	b, err := s.open(ctx)
	if err != nil {
		return nil, nil, schemes.Unavailable(err)
	}
	stored, keys, _, err := b.Store.AccountByHost(ctx, s.config.Realm, host)
	if errors.Is(err, tokenstore.ErrNotFound) {
		return nil, nil, noAccount(err)
	}
	if err != nil {
		return nil, nil, schemes.Unavailable(err)
	}
	return &account{Account: stored, keys: keys}, b, nil
}

// signInHeaders returns username and password. Each is form-encoded, but some clients
// send it as it is: what is no valid encoding is taken for that.
func signInHeaders(r *http.Request) (username, plain string, err error) {
	for _, header := range []struct {
		name string
		into *string
	}{{"Username", &username}, {"Password", &plain}} {
		value, present, err := headers.Single(r.Header, header.name)
		if err != nil {
			return "", "", badRequest("Send exactly one header "+header.name+".", err)
		}
		if !present {
			return "", "", credentialsRequired()
		}
		if *header.into, err = url.QueryUnescape(value); err != nil {
			*header.into = value
		}
	}
	return username, plain, nil
}

// checkPassword tells whether username and password are the account's. Whatever is
// wrong, the answer is the same, and takes the same.
func (s *Scheme) checkPassword(ctx context.Context, b *schemes.Backend, account *account, username, plain, network string) error {
	p := partOf(b)
	known := slices.Contains(account.SignedInFrom, network)
	// Counted for the account, however its owner's name was spelt.
	key := schemes.BackoffKey{Realm: account.Realm, Account: account.ID, Network: network}
	if retryAfter, ok := p.signIns.Attempt(key, known); !ok {
		return s.limited(retryAfter)
	}
	isOwner := subtle.ConstantTimeCompare([]byte(username), []byte(account.Username)) == 1 && !account.Disabled && len(plain) <= maxCredential
	ok, outdated, err := verify(ctx, b, account, plain[:min(len(plain), maxCredential)], network, known)
	switch {
	case errors.Is(err, password.ErrBusy):
		p.signIns.Dropped(key)
		return s.limited(time.Second)
	case err != nil:
		p.signIns.Dropped(key)
		return schemes.Unavailable(err)
	case !ok || !isOwner:
		p.signIns.Failed(key)
		return notAuthenticated(schemes.BadCredential, errors.New("wrong username or password"))
	}
	p.signIns.Succeeded(key)
	if outdated {
		s.rehash(ctx, b, account, plain, network)
	}
	return nil
}

// verify does the work of the account's own hash, also for a name that is wrong.
func verify(ctx context.Context, b *schemes.Backend, account *account, plain, network string, known bool) (ok, outdated bool, err error) {
	trusted := false
	if known {
		var leave func()
		leave, trusted = takeTrusted(b, account, network)
		defer leave()
	}
	return partOf(b).passwords.Verify(ctx, account.Password, plain, trusted)
}

// trustedLimits bound who may be in the lane of trusted callers at a time: of one
// account, and from one network. So one owner, of however many accounts, does not fill it.
var trustedLimits = schemes.Limits{Concurrent: 4}

// takeTrusted takes a place in the lane of trusted callers, to be given back with leave,
// which is never nil. Who gets none can wait in the lane of strangers.
func takeTrusted(b *schemes.Backend, account *account, network string) (leave func(), ok bool) {
	none := func() {}
	ofAccount, _, ok := b.Limiter.Take(schemes.LimitKey{
		Realm: account.Realm, Subject: account.ID, Purpose: "trusted sign-ins of an account",
	}, trustedLimits)
	if !ok {
		return none, false
	}
	// Without a realm: the lane is that of all.
	ofNetwork, _, ok := b.Limiter.Take(schemes.LimitKey{
		Subject: schemes.WiderNetwork(network), Purpose: "trusted sign-ins from a network",
	}, trustedLimits)
	if !ok {
		ofAccount.Release()
		return none, false
	}
	return func() { ofNetwork.Release(); ofAccount.Release() }, true
}

// rehash keeps the password by today's parameters. If that fails, the next sign-in
// tries again.
func (s *Scheme) rehash(ctx context.Context, b *schemes.Backend, account *account, plain, network string) {
	leave, ok := takeTrusted(b, account, network)
	if !ok {
		return
	}
	defer leave()
	hash, err := partOf(b).passwords.Hash(ctx, plain)
	if err != nil {
		return
	}
	if b.Store.ReplaceHash(ctx, account.Realm, account.Host, account.Password, hash) == nil {
		account.Password = hash
	}
}

// limited is the answer to a sign-in beyond the limits.
func (s *Scheme) limited(retryAfter time.Duration) *schemes.Refusal {
	return signInsLimited(s.config.LimitStatus, max(retryAfter, time.Second))
}
