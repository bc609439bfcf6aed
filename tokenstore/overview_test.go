package tokenstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestOverviewsShowWhatIsHeldAndWhenItWasUsed(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, twice{driver})
	for _, name := range []string{"acme", "idle", "waiting"} {
		f.create(name)
	}
	f.activate("acme")
	f.activate("idle")
	f.createFederated("foreign")
	f.putPolicy("foreign", f.policy("theirs"))
	f.Touch("acme", "192.0.2.1", "old client")
	f.Touch("id of theirs", "192.0.2.3", "federated client")
	if err := f.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.rotate("acme", "second", time.Hour)
	f.activate("second")
	f.advance(time.Minute)
	f.Touch("second", "192.0.2.2", "new client") // not written yet

	all, next, err := f.Overviews(t.Context(), realm, "", 10)
	if err != nil || next != "" || len(all) != 4 {
		t.Fatalf("%d overviews, next %q, %v", len(all), next, err)
	}
	render := func(o tokenstore.Overview) string {
		text := o.Recipient.Name + ":"
		for _, c := range o.Credentials {
			text += fmt.Sprintf(" %s(%v %v)", c.Accessor, c.Pending, c.Rotated())
		}
		for _, accessor := range []string{"acme", "second", "idle", "waiting", "id of theirs"} {
			if use, used := o.Uses[accessor]; used {
				text += fmt.Sprintf(" %s by %s at %s", accessor, use.UserAgent, use.At.Format("15:04"))
			}
		}
		return text
	}
	for i, want := range []string{
		"acme: second(false false) acme(false true) acme by old client at 09:00 second by new client at 09:01",
		"foreign: id of theirs by federated client at 09:00",
		"idle: idle(false false)",
		"waiting: waiting(true false)",
	} {
		if got := render(all[i]); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}

	f.advance(time.Hour) // the end of the old token
	if all, _, err := f.Overviews(t.Context(), realm, "", 1); err != nil || render(all[0]) != "acme: second(false false) second by new client at 09:01" {
		t.Errorf("after the overlap: %s, %v", render(all[0]), err)
	}
}

func TestOverviewsArePagedLikeRecipients(t *testing.T) {
	f := newFixture(t, twice{newMemory()})
	for i := range 7 {
		f.create(fmt.Sprintf("%c-%d", "aB"[i%2], i))
	}
	if _, err := f.CreateRecipient(t.Context(), tokenstore.NewRecipient{ID: "x", Realm: realm + "2", Name: "other", Link: f.link("other")}, "tester"); err != nil {
		t.Fatal(err)
	}
	want, _, err := f.Recipients(t.Context(), realm, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	for limit := 1; limit <= 8; limit++ {
		var got []string
		for after, more := "", true; more; more = after != "" {
			page, next, err := f.Overviews(t.Context(), realm, after, limit)
			if err != nil || len(page) > limit {
				t.Fatalf("%d overviews, %v", len(page), err)
			}
			for _, o := range page {
				got = append(got, o.Recipient.Name)
			}
			after = next
		}
		if len(got) != len(want) {
			t.Fatalf("in pages of %d: %q", limit, got)
		}
		for i := range want {
			if got[i] != want[i].Name {
				t.Errorf("in pages of %d, place %d has %s, want %s", limit, i, got[i], want[i].Name)
			}
		}
	}
	failure := errors.New("disk is gone")
	driver := &faulty{Driver: newMemory()}
	fail(&driver.view, failure)
	if all, next, err := newFixture(t, driver).Overviews(t.Context(), realm, "", 1); !errors.Is(err, failure) || all != nil || next != "" {
		t.Errorf("a store that fails lists %v, %q, %v", all, next, err)
	}
}
