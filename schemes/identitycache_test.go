package schemes

import (
	"container/list"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func keyOf(realm, token string) CacheKey {
	return CacheKey{Scheme: "delta", Realm: realm, Digest: secret.DigestOf(realm + " " + token)}
}

func someone(realm, subject string) *Identity {
	return &Identity{Scheme: "delta", Realm: realm, Subject: subject}
}

// held lists which tokens of realm home the cache knows, and checks that its parts
// agree and hold no more than they should.
func held(t *testing.T, c *IdentityCache, tokens ...string) (known []string) {
	t.Helper()
	for _, token := range tokens {
		if c.Get(keyOf("home", token), dawn) != nil {
			known = append(known, token)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	bySubject := 0
	for subj, first := range c.bySubj {
		var elements []*list.Element
		for element := first; element != nil; element = element.Value.(*cached[CacheKey, *Identity]).next {
			elements = append(elements, element)
		}
		bySubject += len(elements)
		if len(elements) == 0 {
			t.Errorf("an empty set of %v is left", subj)
		}
	}
	if len(c.entries) != c.recent.Len() || bySubject != c.recent.Len() || c.recent.Len() > c.capacity {
		t.Errorf("%d entries, %d by subject, %d in order of use, where %d may be",
			len(c.entries), bySubject, c.recent.Len(), c.capacity)
	}
	if len(c.invalid) > maxInvalid {
		t.Errorf("%d changes are remembered", len(c.invalid))
	}
	return known
}

func TestIdentityIsFoundUnderItsWholeKey(t *testing.T) {
	c := newCache(t, 0)
	key := CacheKey{Scheme: "delta", Realm: "home", Host: "a.example", Digest: secret.DigestOf("token")}
	id := someone("home", "acme")
	c.Add(key, id, 1)
	if got := c.Get(key, dawn); got != id {
		t.Errorf("found %v", got)
	}
	for name, change := range map[string]func(*CacheKey){
		"scheme": func(k *CacheKey) { k.Scheme = "pda" },
		"realm":  func(k *CacheKey) { k.Realm = "away" },
		"host":   func(k *CacheKey) { k.Host = "b.example" },
		"token":  func(k *CacheKey) { k.Digest = secret.DigestOf("another") },
		"keys":   func(k *CacheKey) { k.Keys++ },
	} {
		other := key
		change(&other)
		if got := c.Get(other, dawn); got != nil {
			t.Errorf("found under another %s", name)
		}
	}
}

func TestIdentityEndsAtItsExpiry(t *testing.T) {
	c := newCache(t, 0)
	ends := someone("home", "acme")
	ends.Expiry = dawn.Add(time.Minute)
	c.Add(keyOf("home", "ends"), ends, 1)
	c.Add(keyOf("home", "endless"), someone("home", "acme"), 1)
	if c.Get(keyOf("home", "ends"), dawn.Add(time.Minute-1)) == nil {
		t.Error("gone before its expiry")
	}
	if c.Get(keyOf("home", "ends"), dawn.Add(time.Minute)) != nil {
		t.Error("found at its expiry")
	}
	if c.Len() != 1 {
		t.Errorf("%d identities are left, want 1", c.Len())
	}
	for _, expiry := range []time.Time{{}, dawn.Add(time.Hour), dawn.Add(time.Minute)} {
		sooner := someone("home", "acme")
		sooner.Expiry, sooner.Remember = expiry, dawn.Add(time.Minute)
		c.Add(keyOf("home", "sooner"), sooner, 1)
		if c.Get(keyOf("home", "sooner"), dawn.Add(time.Minute-1)) == nil || c.Get(keyOf("home", "sooner"), dawn.Add(time.Minute)) != nil {
			t.Errorf("with an end at %s, it is not remembered for a minute", expiry)
		}
	}
	later := someone("home", "acme")
	later.Expiry, later.Remember = dawn.Add(time.Minute), dawn.Add(time.Hour)
	c.Add(keyOf("home", "later"), later, 1)
	if c.Get(keyOf("home", "later"), dawn.Add(time.Minute)) != nil {
		t.Error("found at its expiry, since it may be remembered for longer")
	}
	if c.Get(keyOf("home", "endless"), dawn.Add(1000*time.Hour)) == nil {
		t.Error("an identity without expiry has expired")
	}
}

func TestLeastRecentlyUsedGoesFirst(t *testing.T) {
	c := newCache(t, 3)
	add := func(token, subject string) { c.Add(keyOf("home", token), someone("home", subject), 1) }
	for _, token := range []string{"a", "b", "c"} {
		add(token, "acme")
	}
	c.Get(keyOf("home", "a"), dawn)
	add("d", "zoo") // b goes: a was used
	add("c", "zoo") // in place of c
	add("e", "zoo") // a goes: its use was before d
	if got := held(t, c, "a", "b", "c", "d", "e"); !slices.Equal(got, []string{"c", "d", "e"}) {
		t.Errorf("the cache holds %q", got)
	}
	for i := range 100 {
		c.Add(keyOf("home", fmt.Sprint(i)), someone("home", fmt.Sprint(i)), 1)
	}
	if held(t, c); c.Len() != 3 {
		t.Errorf("the cache holds %d identities, want 3", c.Len())
	}
}

func TestInvalidationForgetsItsTopicAlone(t *testing.T) {
	for _, test := range []struct {
		topic tokenstore.Topic
		left  int
	}{
		{tokenstore.Topic{Realm: "home", Subject: "acme"}, 3},
		{tokenstore.Topic{Realm: "home", Subject: "nobody"}, 5},
		{tokenstore.Topic{Realm: "home"}, 2},
		{tokenstore.Topic{}, 0},
	} {
		c := newCache(t, 0)
		c.Add(keyOf("home", "a"), someone("home", "acme"), 1)
		c.Add(keyOf("home", "b"), someone("home", "acme"), 1)
		c.Add(keyOf("home", "c"), someone("home", "zoo"), 1)
		c.Add(keyOf("away", "a"), someone("away", "acme"), 1)
		c.Add(keyOf("away", "b"), someone("away", "zoo"), 1)
		c.Invalidate(test.topic, 2)
		held(t, c)
		if c.Len() != test.left {
			t.Errorf("%+v leaves %d identities, want %d", test.topic, c.Len(), test.left)
		}
		if c.Get(keyOf("home", "a"), dawn) != nil && test.topic.Subject != "nobody" {
			t.Errorf("%+v leaves an identity of acme", test.topic)
		}
	}
}

// A look-up reads the store, a revocation is committed and answered, and only then
// the look-up adds what it read.
func TestLookUpThatRacedARevocationBringsNothingBack(t *testing.T) {
	acme, home, all := tokenstore.Topic{Realm: "home", Subject: "acme"}, tokenstore.Topic{Realm: "home"}, tokenstore.Topic{}
	type change struct {
		topic tokenstore.Topic
		at    tokenstore.Revision
	}
	for _, test := range []struct {
		name    string
		changes []change
		read    tokenstore.Revision
		want    bool
	}{
		{"read before", []change{{acme, 10}}, 9, false},
		{"read at it", []change{{acme, 10}}, 10, true},
		{"read after", []change{{acme, 10}}, 11, true},
		{"read before the first of two", []change{{acme, 10}, {acme, 20}}, 9, false},
		{"read between two", []change{{acme, 10}, {acme, 20}}, 15, false},
		{"told in the wrong order", []change{{acme, 20}, {acme, 10}}, 15, false},
		{"the realm, read before", []change{{home, 10}}, 9, false},
		{"the realm, read at it", []change{{home, 10}}, 10, true},
		{"everything, read before", []change{{all, 10}}, 9, false},
		{"everything, read at it", []change{{all, 10}}, 10, true},
		{"everything, told in the wrong order", []change{{all, 20}, {all, 10}}, 15, false},
		{"an outcome that nobody knows", []change{{acme, math.MaxUint64}}, 1 << 40, false},
		{"another subject", []change{{tokenstore.Topic{Realm: "home", Subject: "zoo"}, 10}}, 9, true},
		{"the same name in another realm", []change{{tokenstore.Topic{Realm: "away", Subject: "acme"}, 10}}, 9, true},
		{"another realm", []change{{tokenstore.Topic{Realm: "away"}, 10}}, 9, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCache(t, 0)
			for _, change := range test.changes {
				c.Invalidate(change.topic, change.at)
			}
			c.Add(keyOf("home", "a"), someone("home", "acme"), test.read)
			if got := len(held(t, c, "a")) == 1; got != test.want {
				t.Errorf("cached is %v, want %v", got, test.want)
			}
		})
	}
}

func TestMoreChangesThanAreRememberedStillBringNothingBack(t *testing.T) {
	c := newCache(t, 0)
	c.Invalidate(tokenstore.Topic{Realm: "home", Subject: "acme"}, 10)
	for i := range 2*maxInvalid + 5 {
		c.Invalidate(tokenstore.Topic{Realm: "home", Subject: fmt.Sprint("other-", i)}, tokenstore.Revision(11+i))
	}
	last := tokenstore.Revision(11 + 2*maxInvalid + 4)
	c.Add(keyOf("home", "dead"), someone("home", "acme"), 9)
	c.Add(keyOf("home", "early"), someone("home", "other-0"), 10)
	c.Add(keyOf("home", "late"), someone("home", fmt.Sprintf("other-%d", 2*maxInvalid+4)), last-1)
	c.Add(keyOf("home", "good"), someone("home", "acme"), last)
	if got := held(t, c, "dead", "early", "late", "good"); !slices.Equal(got, []string{"good"}) {
		t.Errorf("the cache holds %q, want what was read after all changes", got)
	}
}

func TestNothingIsAnsweredWhileTheFeedIsNotFollowed(t *testing.T) {
	now := dawn
	driver := &quiet{}
	driver.revision.Store(1)
	store := tokenstore.New(driver, tokenstore.Options{Clock: func() time.Time { return now }})
	c := NewIdentityCache(store, 0)
	defer c.Close()
	follower := store.NewFollower()
	key := keyOf("home", "a")
	want := func(when string, want bool) {
		t.Helper()
		if got := c.Get(key, now) != nil; got != want {
			t.Errorf("%s: answered is %v, want %v", when, got, want)
		}
	}
	c.Add(key, someone("home", "acme"), 1)
	want("before the first step", false)
	if err := follower.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("after the first step, which forgets everything", false)
	c.Add(key, someone("home", "acme"), 1)
	want("followed", true)
	driver.down.Store(true)
	now = now.Add(tokenstore.DefaultStaleness - 1)
	_ = follower.Step(t.Context())
	want("within the bound", true)
	now = now.Add(1)
	want("beyond it", false)
	driver.down.Store(false)
	if err := follower.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("followed again", true)
}

func TestCloseEndsTheSubscription(t *testing.T) {
	driver := &quiet{exclusive: true}
	store := tokenstore.New(driver, tokenstore.Options{})
	c := NewIdentityCache(store, 0)
	c.Add(keyOf("home", "a"), someone("home", "acme"), 1)
	c.Close()
	if err := store.NewFollower().Step(t.Context()); err != nil { // tells subscribers to forget everything
		t.Fatal(err)
	}
	if c.Len() != 1 {
		t.Error("a cache that was closed is still told")
	}
}

// Look-ups, revocations and mass revocations from all sides: from the answer of a
// revocation on, the subject is gone for good.
func TestDeadStayDeadUnderLoad(t *testing.T) {
	const subjects, readers, rounds = 40, 4, 4000
	c := newCache(t, subjects/2)
	var truth struct { // the store: a commit and a snapshot are each one critical section
		sync.Mutex
		revision tokenstore.Revision
		dead     [subjects]bool
	}
	name := func(i int) string { return fmt.Sprint("subject-", i) }
	var group sync.WaitGroup
	for reader := range readers {
		group.Go(func() {
			for round := range rounds {
				i := (round*7 + reader) % subjects
				key := keyOf("home", name(i))
				if c.Get(key, dawn) != nil {
					continue
				}
				truth.Lock()
				read, dead := truth.revision, truth.dead[i]
				truth.Unlock()
				if !dead {
					c.Add(key, someone("home", name(i)), read)
				}
			}
		})
	}
	group.Go(func() {
		for i := range subjects / 2 {
			truth.Lock()
			truth.revision++
			at := truth.revision
			truth.dead[i] = true
			truth.Unlock()
			topic := tokenstore.Topic{Realm: "home", Subject: name(i)}
			if i%10 == 9 {
				topic.Subject = "" // of the realm: the others may come back
			}
			c.Invalidate(topic, at)
			for dead := range i + 1 { // answered
				if c.Get(keyOf("home", name(dead)), dawn) != nil {
					t.Errorf("subject %d, revoked, is back after revocation %d", dead, i)
				}
			}
		}
	})
	group.Wait()
	held(t, c)
	for i := range subjects / 2 {
		if c.Get(keyOf("home", name(i)), dawn) != nil {
			t.Errorf("subject %d, revoked, is back at the end", i)
		}
	}
}
