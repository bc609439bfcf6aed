package schemes

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// CacheKey is what an identity is cached by. Host is set only where it counts
// for who a credential is.
type CacheKey struct {
	Scheme, Realm, Host string
	Digest              secret.Digest
	// Keys is a number of the keys that verified the credential, and of what else makes it
	// somebody's: keyring.Pool's generation, or a fingerprint; 0 for one that the store
	// alone knows. It makes what was verified with others another entry, which is never
	// found again.
	Keys uint64
}

// IdentityCache is the Cache of who a credential turned out to be, never of what it
// may do. It is told and closed as a Cache is.
type IdentityCache struct {
	*Cache[CacheKey, *Identity]
}

// NewIdentityCache returns an empty cache that follows the store's changes until
// Close. A capacity below 1 means the default.
func NewIdentityCache(store *tokenstore.Store, capacity int) *IdentityCache {
	return &IdentityCache{NewCache[CacheKey, *Identity](store, capacity)}
}

// Get returns the identity cached under key, or nil.
func (c *IdentityCache) Get(key CacheKey, now time.Time) *Identity {
	identity, _ := c.Cache.Get(key, now)
	return identity
}

// Add caches an identity, for as long as it may be remembered, that was read at a revision
// of the store.
func (c *IdentityCache) Add(key CacheKey, identity *Identity, read tokenstore.Revision) {
	until := identity.Expiry
	if end := identity.Remember; !end.IsZero() && (until.IsZero() || end.Before(until)) {
		until = end
	}
	c.Cache.Add(key, Subject{identity.Realm, identity.Subject}, identity, until, read)
}
