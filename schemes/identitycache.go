package schemes

import (
	"container/list"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// CacheKey is what an identity is cached by. Host is set only where it counts
// for who a credential is.
type CacheKey struct {
	Scheme, Realm, Host string
	Digest              secret.Digest
	// Keys is the generation of the keys that verified the credential, as
	// keyring.Pool counts them; 0 for one that the store alone knows. It makes what
	// was verified with other keys another entry, which is never found again.
	Keys uint64
}

// IdentityCache remembers who a credential turned out to be, never what it may
// do, and never that it is unknown. It is bounded: the least recently used go
// first. Nothing is answered after the identity's expiry, after a change of the
// store that touched its subject, or while the store's changes are not known.
//
// An identity carries the revision at which it was read. A look-up that raced a
// revocation is older than the revocation, and Add then drops it, so it cannot
// put the dead token back.
type IdentityCache struct {
	store  *tokenstore.Store
	cancel func()

	mu       sync.Mutex
	entries  map[CacheKey]*list.Element
	bySubj   map[subject]*list.Element // the first of the subject's; cached links the others
	recent   *list.List                // of *cached, most recently used first
	capacity int

	// invalid holds, for subjects and realms that changed, the revision since
	// which what was read before is wrong. It is bounded too: when full, it is
	// emptied and floor takes the place of all it held.
	invalid map[subject]tokenstore.Revision
	floor   tokenstore.Revision
}

// subject is a topic of the change feed as a map key.
type subject struct{ realm, id string }

type cached struct {
	key          CacheKey
	subject      subject
	identity     *Identity
	before, next *list.Element // of the same subject
}

// DefaultCacheCapacity is how many identities are kept: some 15 MB where each
// subject has one token and few grants. More would cost what they save: the garbage
// collector walks over all of them.
const DefaultCacheCapacity = 20_000

// maxInvalid bounds the memory of changes.
const maxInvalid = 10_000

// NewIdentityCache returns an empty cache that follows the store's changes until
// Close. A capacity below 1 means the default.
func NewIdentityCache(store *tokenstore.Store, capacity int) *IdentityCache {
	if capacity < 1 {
		capacity = DefaultCacheCapacity
	}
	c := &IdentityCache{
		store:    store,
		entries:  make(map[CacheKey]*list.Element),
		bySubj:   make(map[subject]*list.Element),
		recent:   list.New(),
		capacity: capacity,
		invalid:  make(map[subject]tokenstore.Revision),
	}
	c.cancel = store.Subscribe(c)
	return c
}

// Close ends the subscription. The cache must not be used afterwards.
func (c *IdentityCache) Close() { c.cancel() }

// Get returns the identity cached under key, or nil.
func (c *IdentityCache) Get(key CacheKey, now time.Time) *Identity {
	if !c.store.Fresh() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[key]
	if !ok {
		return nil
	}
	identity := element.Value.(*cached).identity
	if !identity.Expiry.IsZero() && !now.Before(identity.Expiry) {
		c.remove(element)
		return nil
	}
	c.recent.MoveToFront(element)
	return identity
}

// Add caches an identity that was read at a revision of the store.
func (c *IdentityCache) Add(key CacheKey, identity *Identity, read tokenstore.Revision) {
	c.mu.Lock()
	defer c.mu.Unlock()
	subj := subject{identity.Realm, identity.Subject}
	if read < c.floor || read < c.invalid[subj] || read < c.invalid[subject{realm: subj.realm}] {
		return
	}
	if old, ok := c.entries[key]; ok {
		c.remove(old)
	}
	first := c.bySubj[subj]
	element := c.recent.PushFront(&cached{key: key, subject: subj, identity: identity, next: first})
	if first != nil {
		first.Value.(*cached).before = element
	}
	c.bySubj[subj] = element
	c.entries[key] = element
	if c.recent.Len() > c.capacity {
		c.remove(c.recent.Back())
	}
}

// Invalidate implements tokenstore.Subscriber.
func (c *IdentityCache) Invalidate(topic tokenstore.Topic, at tokenstore.Revision) {
	c.mu.Lock()
	defer c.mu.Unlock()
	subj := subject{topic.Realm, topic.Subject}
	switch {
	case topic.Realm == "":
		c.floor = max(c.floor, at)
		c.clear()
		return
	case topic.Subject == "":
		for element := c.recent.Front(); element != nil; {
			next := element.Next()
			if element.Value.(*cached).subject.realm == topic.Realm {
				c.remove(element)
			}
			element = next
		}
	default:
		for element := c.bySubj[subj]; element != nil; element = c.bySubj[subj] {
			c.remove(element)
		}
	}
	if len(c.invalid) >= maxInvalid {
		for _, revision := range c.invalid {
			c.floor = max(c.floor, revision)
		}
		clear(c.invalid)
	}
	c.invalid[subj] = max(c.invalid[subj], at)
}

// Len returns how many identities are cached.
func (c *IdentityCache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.Len()
}

func (c *IdentityCache) remove(element *list.Element) {
	entry := c.recent.Remove(element).(*cached)
	delete(c.entries, entry.key)
	if entry.next != nil {
		entry.next.Value.(*cached).before = entry.before
	}
	switch {
	case entry.before != nil:
		entry.before.Value.(*cached).next = entry.next
	case entry.next != nil:
		c.bySubj[entry.subject] = entry.next
	default:
		delete(c.bySubj, entry.subject)
	}
}

func (c *IdentityCache) clear() {
	clear(c.entries)
	clear(c.bySubj)
	c.recent.Init()
}
