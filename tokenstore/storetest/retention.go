package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var retentionTests = []storeTest{
	{"what ended goes after its time, with its index and last use", pruneEnded},
	{"what lives stays, however old", pruneKeepsLive},
	{"more than one batch goes in one pass", pruneBatches},
	{"the audit goes back as far as promised", pruneAudit},
	{"the feed goes back as far as promised", pruneFeed},
}

// pass runs one pass of pruning and returns how many records it removed.
func (s *site) pass(t *testing.T) int {
	t.Helper()
	removed, err := s.Prune(t.Context())
	if err != nil {
		t.Fatalf("pruning: %v", err)
	}
	return removed
}

// leftovers lists the keys of the driver that end with a text.
func (s *site) leftovers(t *testing.T, text string) (keys []string) {
	t.Helper()
	view(t, s.driver, func(r tokenstore.Reader) error {
		keys = nil
		entries, err := r.Scan(nil, nil, 1<<20)
		for _, entry := range entries {
			if bytes.HasSuffix(entry.Key, []byte(text)) {
				keys = append(keys, string(entry.Key))
			}
		}
		return err
	})
	return keys
}

func pruneEnded(t *testing.T, s *site) {
	// One token of each way to end, at the same moment.
	for _, name := range []string{"expired", "rotated", "revoked", "ended", "deleted"} {
		s.create(t, home, name)
		s.activate(t, home, name)
		s.Touch(name, "192.0.2.7", "client")
	}
	s.create(t, home, "unused")
	if err := s.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(lifetime - time.Hour)
	s.rotate(t, home, "rotated", "replacing")
	s.clock.advance(time.Hour)
	_, deleteErr := s.DeleteRecipient(t.Context(), home, "deleted", actor)
	_, revokeErr := s.Revoke(t.Context(), home, "revoked", actor)
	_, tokenErr := s.RevokeToken(t.Context(), "ended", actor)
	if err := errors.Join(deleteErr, revokeErr, tokenErr); err != nil {
		t.Fatal(err)
	}
	names := []string{"expired", "rotated", "revoked", "ended", "deleted"}
	s.clock.advance(tokenstore.KeepEnded - time.Second)
	s.pass(t)
	for _, name := range names {
		if got := tokenStatus(t.Context(), s.Store, name); got == "unknown" {
			t.Errorf("token %s is forgotten too early", name)
		}
	}
	s.wantLink(t, home, "unused", errLinkOver)
	s.clock.advance(time.Second)
	s.pass(t)
	for _, name := range names {
		s.wantToken(t, home, name, "unknown")
		s.wantLink(t, home, name, tokenstore.ErrNotFound)
		if use, err := s.LastUse(t.Context(), name); err != nil || !use.At.IsZero() {
			t.Errorf("the last use of %s is left: %v, %v", name, use.At, err)
		}
		for _, kind := range []string{"a", "u"} { // the keys that end with an accessor
			if left := s.leftovers(t, kind+name); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		}
	}
	s.wantLink(t, home, "unused", tokenstore.ErrNotFound)
	if again := s.pass(t); again != 0 {
		t.Errorf("a second pass removes %d records", again)
	}
	// The head record still names what is gone, and works.
	s.rotate(t, home, "expired", "anew")
	s.activate(t, home, "anew")
	s.wantToken(t, home, "anew", "valid")
}

func pruneKeepsLive(t *testing.T, s *site) {
	const long = 400 * 24 * time.Hour
	used, patient := link("acme"), link("patient")
	used.Lifetime, patient.Lifetime = 2*long, long
	for _, l := range []tokenstore.NewLink{used, patient} {
		_, err := s.CreateRecipient(t.Context(), tokenstore.NewRecipient{
			ID: "id of " + l.Accessor, Realm: home, Name: l.Accessor, Link: l,
		}, actor)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Activate(t.Context(), home, codeOf("acme"), tokenOf("acme"), tokenstore.BearerToken, long); err != nil {
		t.Fatal(err)
	}
	s.Touch("acme", "192.0.2.7", "client")
	if _, err := s.ChangeRecipient(t.Context(), home, "acme", actor, "disableRecipient",
		func(r *tokenstore.Recipient) (string, error) { r.Disabled = true; return "", nil }); err != nil {
		t.Fatal(err) // a disabled recipient may come back
	}
	if err := s.FlushUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(long - time.Second)
	if removed := s.pass(t); removed != 1 { // the link that was used
		t.Errorf("%d records are removed, want 1", removed)
	}
	s.wantToken(t, home, "acme", "disabled")
	s.wantLink(t, home, "patient", nil)
	if use, err := s.LastUse(t.Context(), "acme"); err != nil || use.ClientIP != "192.0.2.7" {
		t.Errorf("the last use is %v, %v", use, err)
	}
	if got := tokenStatus(t.Context(), s.Store, "acme"); got != "active" {
		t.Errorf("the token is %s by its accessor, want active", got)
	}
}

func pruneBatches(t *testing.T, s *site) {
	const many, stay = 520, 7 // more than two batches, and some between that live
	var group sync.WaitGroup
	for first := range 8 {
		group.Go(func() {
			for i := first; i < many; i += 8 {
				l := link("%04d", i)
				if i%(many/stay) == 0 {
					l.Lifetime = 100 * lifetime
				}
				_, err := s.CreateRecipient(t.Context(), tokenstore.NewRecipient{
					ID: fmt.Sprint("id-", i), Realm: home, Name: fmt.Sprint("n-", i), Link: l,
				}, actor)
				if err != nil {
					t.Errorf("creating: %v", err)
				}
			}
		})
	}
	group.Wait()
	s.clock.advance(lifetime + tokenstore.KeepEnded)
	left := 0
	removed := s.pass(t)
	for i := range many {
		if _, err := s.Link(t.Context(), home, codeOf(fmt.Sprintf("%04d", i))); err == nil {
			left++
		}
	}
	if want := 1 + (many-1)/(many/stay); left != want || removed != many-want {
		t.Errorf("%d records are removed and %d links are left, want %d and %d", removed, left, many-want, want)
	}
}

func pruneAudit(t *testing.T, s *site) {
	s.create(t, home, "old")
	s.clock.advance(time.Hour)
	s.create(t, home, "young")
	s.clock.advance(tokenstore.KeepAudit - time.Hour)
	s.pass(t)
	if n, err := auditLength(t.Context(), s.Store); n != 2 || err != nil {
		t.Fatalf("%d entries, %v, want both", n, err)
	}
	s.clock.advance(time.Second)
	s.pass(t)
	entries, next, err := s.Audit(t.Context(), nil, 10)
	if err != nil || next != nil || len(entries) != 1 || entries[0].Name != "young" {
		t.Errorf("the audit holds %v, %v, want the younger entry", entries, err)
	}
}

func pruneFeed(t *testing.T, s *site) {
	s.create(t, home, "acme")
	revoke := func() tokenstore.Revision {
		t.Helper()
		if _, err := s.Revoke(t.Context(), home, "acme", actor); err != nil {
			t.Fatal(err)
		}
		revision, err := s.Revision(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	before := revoke() - 1
	s.pass(t) // notes the present
	s.clock.advance(tokenstore.KeepChanges / 2)
	middle := revoke()
	s.pass(t)
	s.clock.advance(tokenstore.KeepChanges/2 - time.Second)
	s.pass(t)
	if changes := feed(t, s.driver, before, 10); len(changes) != 2 {
		t.Fatalf("the feed has %d commits before its time, want 2", len(changes))
	}
	s.clock.advance(time.Second)
	s.pass(t)
	wantTruncated(t, s.driver, before)
	if changes := feed(t, s.driver, middle-1, 10); len(changes) != 1 {
		t.Errorf("the feed has %d commits of the last hour, want 1", len(changes))
	}
}
