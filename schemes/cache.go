package schemes

import (
	"container/list"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Cache remembers what was read of a store, never that something is not there (unless a
// value says so whose subject is announced once it is). It
// is bounded: the least recently used go first. Nothing is answered after a value's
// expiry, after a change of the store that touched its subject, or while the store's
// changes are not known. Values are shared between requests and must not be changed.
//
// A value comes with the revision at which it was read. A look-up that raced a
// revocation is older than the revocation, and Add then drops what it read, so it
// cannot put back what is dead.
type Cache[K comparable, V any] struct {
	store  *tokenstore.Store
	cancel func()

	mu       sync.Mutex
	entries  map[K]*list.Element
	bySubj   map[Subject]*list.Element // the first of the subject's; cached links the others
	recent   *list.List                // of *cached, most recently used first
	capacity int

	// invalid holds, for subjects and realms that changed, the revision since
	// which what was read before is wrong. It is bounded too: when full, it is
	// emptied and floor takes the place of all it held.
	invalid map[Subject]tokenstore.Revision
	floor   tokenstore.Revision
}

// Subject is what a value is about: whatever the store announces of it, or of its
// whole realm, ends the value.
type Subject struct{ Realm, ID string }

type cached[K comparable, V any] struct {
	key          K
	subject      Subject
	value        V
	expiry       time.Time     // zero: not by itself
	before, next *list.Element // of the same subject
}

// DefaultCacheCapacity is how many values are kept: some 15 MB of identities where
// each subject has one token and few grants. More would cost what they save: the
// garbage collector walks over all of them.
const DefaultCacheCapacity = 20_000

// maxInvalid bounds the memory of changes.
const maxInvalid = 10_000

// NewCache returns an empty cache that follows the store's changes until Close. A
// capacity below 1 means the default.
func NewCache[K comparable, V any](store *tokenstore.Store, capacity int) *Cache[K, V] {
	if capacity < 1 {
		capacity = DefaultCacheCapacity
	}
	c := &Cache[K, V]{
		store:    store,
		entries:  make(map[K]*list.Element),
		bySubj:   make(map[Subject]*list.Element),
		recent:   list.New(),
		capacity: capacity,
		invalid:  make(map[Subject]tokenstore.Revision),
	}
	c.cancel = store.Subscribe(c)
	return c
}

// Close ends the subscription. The cache must not be used afterwards.
func (c *Cache[K, V]) Close() { c.cancel() }

// Get returns the value cached under key, if there is one.
func (c *Cache[K, V]) Get(key K, now time.Time) (value V, ok bool) {
	if !c.store.Fresh() {
		return value, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[key]
	if !ok {
		return value, false
	}
	entry := element.Value.(*cached[K, V])
	if !entry.expiry.IsZero() && !now.Before(entry.expiry) {
		c.remove(element)
		return value, false
	}
	c.recent.MoveToFront(element)
	return entry.value, true
}

// Add caches a value about a subject that was read at a revision of the store. It is
// not answered from its expiry on; zero: it does not end by itself.
func (c *Cache[K, V]) Add(key K, subject Subject, value V, expiry time.Time, read tokenstore.Revision) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if read < c.floor || read < c.invalid[subject] || read < c.invalid[Subject{Realm: subject.Realm}] {
		return
	}
	if old, ok := c.entries[key]; ok {
		c.remove(old)
	}
	first := c.bySubj[subject]
	element := c.recent.PushFront(&cached[K, V]{key: key, subject: subject, value: value, expiry: expiry, next: first})
	if first != nil {
		first.Value.(*cached[K, V]).before = element
	}
	c.bySubj[subject] = element
	c.entries[key] = element
	if c.recent.Len() > c.capacity {
		c.remove(c.recent.Back())
	}
}

// Invalidate implements tokenstore.Subscriber.
func (c *Cache[K, V]) Invalidate(topic tokenstore.Topic, at tokenstore.Revision) {
	c.mu.Lock()
	defer c.mu.Unlock()
	subject := Subject{topic.Realm, topic.Subject}
	switch {
	case topic.Realm == "":
		c.floor = max(c.floor, at)
		c.clear()
		return
	case topic.Subject == "":
		for element := c.recent.Front(); element != nil; {
			next := element.Next()
			if element.Value.(*cached[K, V]).subject.Realm == topic.Realm {
				c.remove(element)
			}
			element = next
		}
	default:
		for element := c.bySubj[subject]; element != nil; element = c.bySubj[subject] {
			c.remove(element)
		}
	}
	if len(c.invalid) >= maxInvalid {
		for _, revision := range c.invalid {
			c.floor = max(c.floor, revision)
		}
		clear(c.invalid)
	}
	c.invalid[subject] = max(c.invalid[subject], at)
}

// Len returns how many values are cached.
func (c *Cache[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.Len()
}

func (c *Cache[K, V]) remove(element *list.Element) {
	entry := c.recent.Remove(element).(*cached[K, V])
	delete(c.entries, entry.key)
	if entry.next != nil {
		entry.next.Value.(*cached[K, V]).before = entry.before
	}
	switch {
	case entry.before != nil:
		entry.before.Value.(*cached[K, V]).next = entry.next
	case entry.next != nil:
		c.bySubj[entry.subject] = entry.next
	default:
		delete(c.bySubj, entry.subject)
	}
}

func (c *Cache[K, V]) clear() {
	clear(c.entries)
	clear(c.bySubj)
	c.recent.Init()
}
