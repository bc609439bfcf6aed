package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var announcementTests = []storeTest{
	{"every change that ends or bounds something is announced", announcesAll},
	{"every change of accounts, families and applications is announced", announcesAccounts},
	{"what ends nothing is not announced", quiet},
	{"a follower that was away too long forgets everything", awayTooLong},
}

// listener notes what a subscriber is told.
type listener struct {
	mutex  sync.Mutex
	topics []tokenstore.Topic
	at     []tokenstore.Revision
}

// Invalidate implements tokenstore.Subscriber.
func (l *listener) Invalidate(topic tokenstore.Topic, at tokenstore.Revision) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.topics, l.at = append(l.topics, topic), append(l.at, at)
}

// take returns the topics told since the last time.
func (l *listener) take() []tokenstore.Topic {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	topics := l.topics
	l.topics, l.at = nil, nil
	return topics
}

// other is a Store over the same driver with a listener that follows the feed.
func (s *site) other(t *testing.T) (*tokenstore.Follower, *listener) {
	t.Helper()
	store := tokenstore.New(s.driver, tokenstore.Options{Clock: s.clock.now})
	far := &listener{}
	store.Subscribe(far)
	follower := store.NewFollower()
	if err := follower.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	far.take() // everything, at the start
	return follower, far
}

func announcesAll(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	change := func(fn func(*tokenstore.Recipient)) func() error {
		return func() error {
			_, err := s.ChangeRecipient(t.Context(), home, "acme", actor, "updateRecipient",
				func(r *tokenstore.Recipient) (string, error) { fn(r); return "", nil })
			return err
		}
	}
	subject := []tokenstore.Topic{{Realm: home, Subject: "id of acme"}}
	s.wantAnnounced(t, []operation{
		{"grants", change(func(r *tokenstore.Recipient) { r.Grants = []string{"sales"} }), subject},
		{"disable", change(func(r *tokenstore.Recipient) { r.Disabled = true }), subject},
		{"enable", change(func(r *tokenstore.Recipient) { r.Disabled = false }), subject},
		{"rotate", func() error { s.rotate(t, home, "acme", "second"); return nil }, subject},
		{"shorten", func() error {
			_, _, err := s.Shorten(t.Context(), home, "acme", time.Minute, nil, actor)
			return err
		}, subject},
		{"revoke token", func() error { _, err := s.RevokeToken(t.Context(), "acme", actor); return err }, subject},
		{"revoke", func() error { _, err := s.Revoke(t.Context(), home, "acme", actor); return err }, subject},
		{"management key", func() error {
			key := digestOf("key")
			_, err := s.SetManagementKey(t.Context(), home, "acme", &key, actor)
			return err
		}, subject},
		{"delete", func() error { _, err := s.DeleteRecipient(t.Context(), home, "acme", actor); return err }, subject},
		{"revoke realm", func() error { return s.RevokeRealm(t.Context(), home, actor) }, []tokenstore.Topic{{Realm: home}}},
	})
}

// operation is a change of a store, with the topics that it announces.
type operation struct {
	name string
	run  func() error
	want []tokenstore.Topic
}

// wantAnnounced runs operations in turn, and demands that subscribers here are told of
// each before it answers, and those elsewhere by the feed.
func (s *site) wantAnnounced(t *testing.T, operations []operation) {
	t.Helper()
	near := &listener{}
	defer s.Subscribe(near)()
	follower, far := s.other(t)
	for _, test := range operations {
		before, err := s.Revision(t.Context())
		if err == nil {
			err = test.run()
		}
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if len(test.want) > 0 && !slices.ContainsFunc(near.at, func(at tokenstore.Revision) bool { return at > before }) {
			t.Errorf("%s: told of revisions %d, the store was at %d before", test.name, near.at, before)
		}
		if got := near.take(); !slices.Equal(got, test.want) { // when the operation answers, not later
			t.Errorf("%s: subscribers here are told %v, want %v", test.name, got, test.want)
		}
		if err := follower.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := far.take(); !slices.Equal(got, test.want) {
			t.Errorf("%s: subscribers elsewhere are told %v, want %v", test.name, got, test.want)
		}
	}
}

func announcesAccounts(t *testing.T, s *site) {
	account := s.openAccount(t, home, "bob.example")
	s.addApplication(t, "notes")
	s.mustSignIn(t, "bob.example", "bob")
	s.mustSignIn(t, "bob.example", "phone")
	subject, all := []tokenstore.Topic{{Realm: home, Subject: account.ID}}, []tokenstore.Topic{{Realm: home}}
	changes := s.accountChanges("bob.example")
	change := func(name string) func() error { return func() error { return changes[name](t.Context()) } }
	ask := func() error {
		_, _, err := s.tryAsk(t.Context(), "bob.example", "bob", "notes of bob", tokenstore.ApplicationScope)
		return err
	}
	enrol := func(enabled bool) func() error {
		return func() error {
			_, _, err := s.Enrol(t.Context(), home, "bob.example", "notes", enabled, nil, actor)
			return err
		}
	}
	application := func(change func(*tokenstore.Application)) func() error {
		return func() error {
			_, err := s.ChangeApplication(t.Context(), home, "notes", actor, "updateApplication",
				func(a *tokenstore.Application) error { change(a); return nil })
			return err
		}
	}
	s.wantAnnounced(t, []operation{
		{"sign in", func() error { s.mustSignIn(t, "bob.example", "tablet"); return nil }, nil},
		{"ask for a family", ask, nil},
		{"set up", enrol(true), subject},
		{"disable there", enrol(false), subject},
		{"grants", application(func(a *tokenstore.Application) { a.Grants = nil }), all},
		{"disable everywhere", func() error { _, err := s.EnableApplication(t.Context(), home, "notes", false, actor); return err }, all},
		{"enable everywhere", func() error { _, err := s.EnableApplication(t.Context(), home, "notes", true, actor); return err }, all},
		{"sign out", func() error { return s.SignOut(t.Context(), home, familyOf("phone"), actor) }, subject},
		{"sign out again", func() error { return s.SignOut(t.Context(), home, familyOf("phone"), actor) }, nil},
		{"revoke a family", func() error { _, err := s.RevokeToken(t.Context(), "bob", actor); return err }, subject},
		{"revoke it again", func() error { _, err := s.RevokeToken(t.Context(), "bob", actor); return err }, nil},
		{"password", change("password"), subject},
		{"hash", change("hash"), subject},
		{"key", change("key"), subject},
		{"disable", change("disable"), subject},
		{"enable", change("enable"), subject},
		{"revoke", change("revoke"), subject},
		{"delete the application", func() error { _, err := s.DeleteApplication(t.Context(), home, "notes", actor); return err }, all},
		{"delete", change("delete"), subject},
		{"revoke a family of nobody's", func() error { _, err := s.RevokeToken(t.Context(), "tablet", actor); return err }, subject},
		{"create", func() error { s.openAccount(t, home, "bob.example"); return nil }, nil},
	})
}

func quiet(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	near := &listener{}
	cancel := s.Subscribe(near)
	follower, far := s.other(t)

	s.create(t, home, "zoo")
	s.activate(t, home, "zoo")
	s.Touch("acme", "192.0.2.1", "client")
	refusal := errors.New("refused")
	_, err := s.ChangeRecipient(t.Context(), home, "acme", actor, "updateRecipient",
		func(*tokenstore.Recipient) (string, error) { return "", refusal })
	if err != refusal {
		t.Errorf("change returns %v, want its own error", err)
	}
	if err := s.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := follower.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if here, there := near.take(), far.take(); here != nil || there != nil {
		t.Errorf("subscribers are told %v here and %v elsewhere", here, there)
	}
	cancel()
	if _, err := s.Revoke(t.Context(), home, "acme", actor); err != nil {
		t.Fatal(err)
	}
	if got := near.take(); got != nil {
		t.Errorf("a subscription that ended is told %v", got)
	}
}

func awayTooLong(t *testing.T, s *site) {
	s.create(t, home, "acme")
	follower, far := s.other(t)
	if _, err := s.Revoke(t.Context(), home, "acme", actor); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first pass notes the present, the second drops what was before it
		if _, err := s.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.clock.advance(tokenstore.KeepChanges)
	}
	if err := follower.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := far.take(); !slices.Equal(got, []tokenstore.Topic{{}}) {
		t.Errorf("told %v, want everything", got)
	}
	s.create(t, home, "zoo")
	if _, err := s.Revoke(t.Context(), home, "zoo", actor); err != nil {
		t.Fatal(err)
	}
	if err := follower.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := far.take(), []tokenstore.Topic{{Realm: home, Subject: "id of zoo"}}; !slices.Equal(got, want) {
		t.Errorf("afterwards told %v, want %v", got, want)
	}
}
