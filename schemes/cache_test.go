package schemes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// The machinery is tested through IdentityCache; these are what another use of it
// relies on. place is a key that does not name the subject, as a host does not name
// the id of its account.
type place struct{ realm, host string }

func newPlaces(t testing.TB) *Cache[place, string] {
	t.Helper()
	cache := NewCache[place, string](tokenstore.New(&quiet{exclusive: true}, tokenstore.Options{}), 0)
	t.Cleanup(cache.Close)
	return cache
}

func TestValueEndsWithTheSubjectThatItIsAbout(t *testing.T) {
	bob := Subject{"home", "acc_1"}
	for _, test := range []struct {
		topic tokenstore.Topic
		left  string // of the values
		late  bool   // whether what was read of bob before the change is still true
	}{
		{tokenstore.Topic{Realm: "home", Subject: "acc_1"}, "eve mallory", false},
		{tokenstore.Topic{Realm: "home", Subject: "bob.example"}, "bob bobby eve mallory", true}, // a key is no subject
		{tokenstore.Topic{Realm: "away", Subject: "acc_1"}, "bob bobby eve", true},
		{tokenstore.Topic{Realm: "home"}, "mallory", false},
		{tokenstore.Topic{}, "", false},
	} {
		c := newPlaces(t)
		c.Add(place{"home", "bob.example"}, bob, "bob", time.Time{}, 1)
		c.Add(place{"home", "bobby.example"}, bob, "bobby", time.Time{}, 1)
		c.Add(place{"home", "eve.example"}, Subject{"home", "acc_2"}, "eve", time.Time{}, 1)
		c.Add(place{"away", "bob.example"}, Subject{"away", "acc_1"}, "mallory", time.Time{}, 1)
		c.Invalidate(test.topic, 2)
		var left []string
		for _, key := range []place{
			{"home", "bob.example"}, {"home", "bobby.example"}, {"home", "eve.example"}, {"away", "bob.example"},
		} {
			if value, ok := c.Get(key, dawn); ok {
				left = append(left, value)
			} else if value != "" {
				t.Errorf("%+v: %v is gone and still answered", test.topic, key)
			}
		}
		if got := strings.Join(left, " "); got != test.left {
			t.Errorf("%+v leaves %q, want %q", test.topic, got, test.left)
		}
		c.Add(place{"home", "late.example"}, bob, "late", time.Time{}, 1)
		if _, ok := c.Get(place{"home", "late.example"}, dawn); ok != test.late {
			t.Errorf("%+v: what a look-up read before it is cached: %v, want %v", test.topic, ok, test.late)
		}
	}
}

func TestValueEndsAtTheExpiryItWasAddedWith(t *testing.T) {
	c := newPlaces(t)
	ends, endless := place{"home", "ends.example"}, place{"home", "endless.example"}
	c.Add(ends, Subject{"home", "acc_1"}, "old", dawn.Add(time.Hour), 1)
	c.Add(ends, Subject{"home", "acc_1"}, "new", dawn.Add(time.Minute), 1)
	c.Add(endless, Subject{"home", "acc_1"}, "endless", time.Time{}, 1)
	if value, ok := c.Get(ends, dawn.Add(time.Minute-1)); !ok || value != "new" {
		t.Errorf("found %q, %v before its expiry", value, ok)
	}
	if value, ok := c.Get(ends, dawn.Add(time.Minute)); ok || value != "" {
		t.Errorf("found %q, %v at its expiry", value, ok)
	}
	if value, ok := c.Get(endless, dawn.Add(1000*time.Hour)); !ok || value != "endless" {
		t.Errorf("found %q, %v without an expiry", value, ok)
	}
	if c.Len() != 1 {
		t.Errorf("%d values are left, want 1", c.Len())
	}
}

func TestCachesOfOneStoreAreToldAndClosedEachForItself(t *testing.T) {
	store := tokenstore.New(&quiet{exclusive: true}, tokenstore.Options{})
	identities := NewIdentityCache(store, 0)
	open, closed := NewCache[place, string](store, 0), NewCache[place, string](store, 0)
	defer identities.Close()
	defer open.Close()
	identities.Add(keyOf("home", "a"), someone("home", "acc_1"), 1)
	for _, cache := range []*Cache[place, string]{open, closed} {
		cache.Add(place{"home", "bob.example"}, Subject{"home", "acc_1"}, "bob", time.Time{}, 1)
	}
	closed.Close()
	if err := store.NewFollower().Step(t.Context()); err != nil { // tells subscribers to forget everything
		t.Fatal(err)
	}
	if identities.Len() != 0 || open.Len() != 0 || closed.Len() != 1 {
		t.Errorf("%d identities, %d values and %d in the closed cache are left, want 0, 0 and 1",
			identities.Len(), open.Len(), closed.Len())
	}
}

// BenchmarkCacheGet is a look-up by realm and host.
func BenchmarkCacheGet(b *testing.B) {
	const size = 10_000
	c := newPlaces(b)
	var keys [size]place
	for i := range keys {
		keys[i] = place{"home", fmt.Sprintf("bob-%d.pda.example.com", i)}
		c.Add(keys[i], Subject{"home", fmt.Sprintf("acc_%020d", i)}, "bob", time.Time{}, 1)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i += 7919 {
			if _, ok := c.Get(keys[i%size], dawn); !ok {
				b.Error("not found")
				return
			}
		}
	})
}
