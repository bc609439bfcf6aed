package tokenstore_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func topics(all []told) (list []tokenstore.Topic) {
	for _, one := range all {
		list = append(list, one.topic)
	}
	return list
}

var subjectOfAcme = tokenstore.Topic{Realm: realm, Subject: "id of acme"}

// The answer to the commit was lost: the revocation may stand, so nothing that was
// read before may be used.
func TestLostAnswerInvalidates(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	f.create("acme")
	f.activate("acme")
	heard := &listener{}
	defer f.Subscribe(heard)()

	fail(&driver.answer, tokenstore.ErrOutcomeUnknown)
	if _, err := f.Revoke(t.Context(), realm, "acme", "tester"); !errors.Is(err, tokenstore.ErrOutcomeUnknown) {
		t.Fatalf("revocation returns %v, want ErrOutcomeUnknown: a lost answer is no success", err)
	}
	now, err := f.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := heard.take(), []told{{subjectOfAcme, now}}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}

	fail(&driver.view, errors.New("no connection"))
	if _, err := f.Revoke(t.Context(), realm, "acme", "tester"); !errors.Is(err, tokenstore.ErrOutcomeUnknown) {
		t.Fatalf("revocation returns %v, want ErrOutcomeUnknown", err)
	}
	if got, want := heard.take(), []told{{subjectOfAcme, math.MaxUint64}}; !slices.Equal(got, want) {
		t.Errorf("told %v while the store cannot be read, want %v", got, want)
	}
}

func TestLostAnswerInvalidatesAlsoForACallerWhoLeft(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	f.create("acme")
	heard := &listener{}
	defer f.Subscribe(heard)()
	fail(&driver.answer, tokenstore.ErrOutcomeUnknown)
	ctx, leave := context.WithCancel(t.Context())
	_, err := f.ChangeRecipient(ctx, realm, "acme", "tester", "updateRecipient",
		func(r *tokenstore.Recipient) (string, error) { leave(); r.Disabled = true; return "", nil })
	if !errors.Is(err, tokenstore.ErrOutcomeUnknown) {
		t.Fatal(err)
	}
	if got := heard.take(); len(got) != 1 || got[0].at == math.MaxUint64 {
		t.Errorf("told %v, want the revision that the store is at", got)
	}
}

func TestFailedUpdateTellsNobody(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	f.create("acme")
	heard := &listener{}
	defer f.Subscribe(heard)()
	for _, failure := range []error{tokenstore.ErrConflict, tokenstore.ErrClosed, tokenstore.ErrTooLarge} {
		fail(&driver.update, failure)
		if _, err := f.Revoke(t.Context(), realm, "acme", "tester"); !errors.Is(err, failure) {
			t.Errorf("revocation returns %v, want %v", err, failure)
		}
	}
	if got := heard.take(); got != nil {
		t.Errorf("told %v", got)
	}
}

// two Stores over one driver, as two processes over one database.
func two(t *testing.T) (a, b *fixture, driver *faulty) {
	driver = &faulty{Driver: newMemory()}
	a = newFixture(t, driver)
	b = newFixture(t, driver)
	return a, b, driver
}

func TestFollowerBringsChangesOfAnotherProcess(t *testing.T) {
	a, b, driver := two(t)
	heard := &listener{}
	defer b.Subscribe(heard)()
	follower := b.NewFollower()
	step := func() []told {
		t.Helper()
		if err := follower.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		return heard.take()
	}
	a.create("acme")
	a.activate("acme")
	if got := topics(step()); !slices.Equal(got, []tokenstore.Topic{{}}) {
		t.Errorf("at its start told %v, want everything", got)
	}
	if got := step(); got != nil {
		t.Errorf("told %v of nothing", got)
	}
	if _, err := a.Revoke(t.Context(), realm, "acme", "tester"); err != nil {
		t.Fatal(err)
	}
	if got := heard.take(); got != nil {
		t.Fatalf("told %v without a step", got)
	}
	revision, err := a.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := step(), []told{{subjectOfAcme, revision}}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}

	if err := a.RevokeRealm(t.Context(), realm, "tester"); err != nil {
		t.Fatal(err)
	}
	if err := driver.PruneChanges(t.Context(), math.MaxUint64); err != nil {
		t.Fatal(err)
	}
	if got := topics(step()); !slices.Equal(got, []tokenstore.Topic{{}}) {
		t.Errorf("after a truncated feed told %v, want everything", got)
	}
}

func TestFollowerReadsManyPages(t *testing.T) {
	a, b, _ := two(t)
	follower := b.NewFollower()
	if err := follower.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	heard := &listener{}
	defer b.Subscribe(heard)()
	a.create("acme")
	const many = 600
	for range many {
		if _, err := a.Revoke(t.Context(), realm, "acme", "tester"); err != nil {
			t.Fatal(err)
		}
	}
	if err := follower.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(heard.take()); got != many {
		t.Errorf("told of %d changes in one step, want %d", got, many)
	}
}

func TestFollowerForgetsEverythingForAMessageItCannotRead(t *testing.T) {
	_, b, driver := two(t)
	follower := b.NewFollower()
	if err := follower.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	heard := &listener{}
	defer b.Subscribe(heard)()
	for _, message := range []string{"", "\xff of a newer release", "\x01\xff damaged"} {
		revision, err := driver.Driver.Update(t.Context(), func(txn tokenstore.Txn) error { return txn.Announce([]byte(message)) })
		if err != nil {
			t.Fatal(err)
		}
		if err := follower.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := heard.take(), []told{{tokenstore.Topic{}, revision}}; !slices.Equal(got, want) {
			t.Errorf("message %q: told %v, want %v", message, got, want)
		}
	}
}

// alone is a driver that only one process can have open.
type alone struct{ tokenstore.Driver }

func (alone) Exclusive() bool { return true }

func TestFreshness(t *testing.T) {
	_, b, driver := two(t)
	follower := b.NewFollower()
	step := func() { _ = follower.Step(t.Context()) }
	const bound = tokenstore.DefaultStaleness
	for _, moment := range []struct {
		name   string
		happen func()
		want   bool
	}{
		{"the feed was never read", func() {}, false},
		{"a first step that fails", func() { fail(&driver.view, errors.New("down")); step(); fail(&driver.view, nil) }, false},
		{"read to its end", step, true},
		{"just within the bound", func() { b.advance(bound - 1) }, true},
		{"at the bound", func() { b.advance(1) }, false},
		{"read again", step, true},
		{"the feed fails", func() { fail(&driver.changes, errors.New("down")); b.advance(bound - 1); step() }, true},
		{"the feed fails for longer", func() { b.advance(1); step() }, false},
		{"the feed is back", func() { fail(&driver.changes, nil); step() }, true},
		{"the clock was set back", func() { b.advance(-time.Hour) }, false},
		{"read by the clock as it is now", step, true},
	} {
		moment.happen()
		if got := b.Fresh(); got != moment.want {
			t.Errorf("%s: fresh is %v, want %v", moment.name, got, moment.want)
		}
	}
	if !newFixture(t, alone{newMemory()}).Fresh() {
		t.Error("over an exclusive driver nobody else writes, and nothing is stale")
	}
}

func TestFollowKeepsFreshAndReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := &faulty{Driver: newMemory()}
		store := tokenstore.New(driver, tokenstore.Options{Staleness: 10 * time.Second})
		failure := errors.New("down")
		reported := 0
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			store.Follow(ctx, func(err error) {
				if errors.Is(err, failure) {
					reported++
				}
			})
			close(done)
		}()
		wait := func(d time.Duration) {
			<-time.After(d) // of the bubble's clock
			synctest.Wait()
		}
		wait(time.Minute)
		if !store.Fresh() || reported != 0 {
			t.Errorf("fresh is %v after a minute, with %d errors", store.Fresh(), reported)
		}
		fail(&driver.changes, failure)
		wait(time.Minute)
		if store.Fresh() || reported == 0 {
			t.Errorf("fresh is %v after a minute without the feed, with %d errors", store.Fresh(), reported)
		}
		fail(&driver.changes, nil)
		wait(3 * time.Second)
		if !store.Fresh() {
			t.Error("not fresh, although the feed is back")
		}
		stop()
		<-done

		// Over an exclusive driver there is nothing to do.
		tokenstore.New(alone{newMemory()}, tokenstore.Options{}).Follow(t.Context(), nil)
	})
}
