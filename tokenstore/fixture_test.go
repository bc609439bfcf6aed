package tokenstore_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

const (
	realm    = "home"
	lifetime = 24 * time.Hour
)

var dawn = time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)

// fixture is a Store with a clock that only the test moves.
type fixture struct {
	*tokenstore.Store
	t      *testing.T
	offset atomic.Int64
}

func newFixture(t *testing.T, driver tokenstore.Driver) *fixture {
	f := &fixture{t: t}
	f.Store = tokenstore.New(driver, tokenstore.Options{Clock: f.now})
	return f
}

func (f *fixture) now() time.Time          { return dawn.Add(time.Duration(f.offset.Load())) }
func (f *fixture) advance(d time.Duration) { f.offset.Add(int64(d)) }

func codeOf(link string) secret.Digest  { return secret.DigestOf("code of " + link) }
func tokenOf(link string) secret.Digest { return secret.DigestOf("token of " + link) }

func (f *fixture) link(name string) tokenstore.NewLink {
	return tokenstore.NewLink{Accessor: name, Code: codeOf(name), Lifetime: lifetime}
}

// create makes a recipient; its first link has its name.
func (f *fixture) create(name string) {
	f.t.Helper()
	_, err := f.CreateRecipient(f.t.Context(), tokenstore.NewRecipient{
		ID: "id of " + name, Realm: realm, Name: name, Link: f.link(name),
	}, "tester")
	if err != nil {
		f.t.Fatalf("creating %s: %v", name, err)
	}
}

func (f *fixture) tryActivate(link string) error {
	_, err := f.Activate(f.t.Context(), realm, codeOf(link), tokenOf(link), lifetime)
	return err
}

func (f *fixture) activate(link string) {
	f.t.Helper()
	if err := f.tryActivate(link); err != nil {
		f.t.Fatalf("activating %s: %v", link, err)
	}
}

// listener notes what a subscriber is told.
type listener struct {
	mutex sync.Mutex
	told  []told
}

type told struct {
	topic tokenstore.Topic
	at    tokenstore.Revision
}

func (l *listener) Invalidate(topic tokenstore.Topic, at tokenstore.Revision) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.told = append(l.told, told{topic, at})
}

// take returns what was told since the last time.
func (l *listener) take() []told {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	all := l.told
	l.told = nil
	return all
}
