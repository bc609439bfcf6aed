package pda

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/semaphore"

	"github.com/gatehouse-auth/gatehouse/internal/password"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// part is what the scheme keeps for as long as the store is open, for all sites.
type part struct {
	// accounts that were called of late, with their keys parsed.
	accounts *schemes.Cache[site, *account]
	// sessions are the renewals of token families, by accessor.
	sessions  *lru.Cache[string, *session]
	passwords *password.Hasher
	signIns   *schemes.Backoff
	// batches are the bytes of batches that are in memory.
	batches *semaphore.Weighted
}

// site is how an account is found.
type site struct{ realm, host string }

// Bounds of what is kept: an account takes some 10 KB once its key has signed, a
// session 2 KB. There are as many sessions as identities, which lead to them.
const (
	accountCapacity = 2_000
	sessionCapacity = schemes.DefaultCacheCapacity
)

// partOf returns the part of a backend.
func partOf(b *schemes.Backend) *part {
	return b.Parts.Of(Name, func() io.Closer {
		sessions, err := lru.New[string, *session](sessionCapacity)
		if err != nil {
			panic(err) // the capacity is constant
		}
		return &part{
			accounts:  schemes.NewCache[site, *account](b.Store, accountCapacity),
			sessions:  sessions,
			passwords: password.NewHasher(password.Options{}),
			signIns:   schemes.NewBackoff(0, b.Store.Now),
			batches:   semaphore.NewWeighted(batchMemory),
		}
	}).(*part)
}

// Close implements io.Closer.
func (p *part) Close() error {
	p.accounts.Close()
	return nil
}

// sessionOf returns the one session of a family.
func (p *part) sessionOf(accessor string) *session {
	if s, ok := p.sessions.Get(accessor); ok {
		return s
	}
	fresh := new(session)
	if s, ok, _ := p.sessions.PeekOrAdd(accessor, fresh); ok {
		return s
	}
	return fresh
}

// account is an account as calls need it. It is shared and never changes.
type account struct {
	tokenstore.Account
	keys tokenstore.AccountKeys
	// publics are the keys that tokens are verified with, and until when.
	publics []heldKey
	signer  func() (*signer, error) // opened when it is first needed
}

type heldKey struct {
	publicKey
	until time.Time // zero: as long as it signs
}

// verifiers are the keys that are good at a time.
func (a *account) verifiers(now time.Time) []publicKey {
	good := make([]publicKey, 0, len(a.publics))
	for _, key := range a.publics {
		if key.until.IsZero() || now.Before(key.until) {
			good = append(good, key.publicKey)
		}
	}
	return good
}

// errNoAccount says that no account has the host.
var errNoAccount = errors.New("no account has this host")

// accountOf finds the account of a host. The errors are errNoAccount, and others if the
// store cannot tell.
func (s *Scheme) accountOf(ctx context.Context, b *schemes.Backend, host string) (*account, error) {
	p, key := partOf(b), site{s.config.Realm, host}
	now := b.Store.Now()
	if held, ok := p.accounts.Get(key, now); ok {
		return held, nil
	}
	stored, keys, revision, err := b.Store.AccountByHost(ctx, s.config.Realm, host)
	if errors.Is(err, tokenstore.ErrNotFound) {
		return nil, errNoAccount
	}
	if err != nil {
		return nil, err
	}
	held, err := newAccount(b, stored, keys)
	if err != nil {
		return nil, err
	}
	p.accounts.Add(key, schemes.Subject{Realm: stored.Realm, ID: stored.ID}, held, time.Time{}, revision)
	return held, nil
}

func newAccount(b *schemes.Backend, stored tokenstore.Account, keys tokenstore.AccountKeys) (*account, error) {
	held := &account{Account: stored, keys: keys}
	for _, key := range keys.Signing {
		public, err := parsePublicKey(key.Public)
		if err != nil {
			return nil, err
		}
		held.publics = append(held.publics, heldKey{publicKey{key.ID, public}, key.Until})
	}
	held.signer = sync.OnceValues(func() (*signer, error) { return openSigner(b.Sealer, stored, keys) })
	return held, nil
}
