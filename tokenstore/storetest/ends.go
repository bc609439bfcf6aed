package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var endTests = []storeTest{
	{"at a recipient's end all that it holds ends", recipientEnds},
	{"a later end brings back what is held, nothing that was given up", laterEnd},
	{"what was given up after the end is over for good", givenUpAfterEnd},
	{"a change cannot touch what is not an operator's", changeIsBounded},
}

func recipientEnds(t *testing.T, s *site) {
	end := s.clock.now().Add(time.Hour)
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	s.rotate(t, home, "acme", "pending")
	s.setEnd(t, "acme", end)
	holder, err := s.TokenHolder(t.Context(), home, tokenOf("acme"))
	if err != nil || !holder.Token.ExpiresAt.Equal(end) {
		t.Errorf("the token ends at %s, %v, want with its recipient", holder.Token.ExpiresAt, err)
	}
	s.clock.advance(time.Hour)
	s.wantToken(t, home, "acme", "rotated at "+unix(end))
	s.wantLink(t, home, "pending", errLinkOver)
	if _, err := s.Activate(t.Context(), home, codeOf("pending"), tokenOf("pending"), tokenstore.BearerToken, lifetime); plain(err) != errLinkOver {
		t.Errorf("using a link after the end: %v", err)
	}
	if live, err := credentials(t.Context(), s.Store, home, "acme"); err != nil || len(live) != 0 {
		t.Errorf("after its end the recipient holds %q, %v", live, err)
	}
	r := tokenstore.Rotation{MaxTokens: 2, Link: link("useless")}
	if _, _, err := s.Rotate(t.Context(), home, "acme", r, actor); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("rotating after the end: %v, want ErrInvalid", err)
	}
	late := tokenstore.NewRecipient{ID: "late", Realm: home, Name: "late", Link: link("late"), NotAfter: end}
	if _, err := s.CreateRecipient(t.Context(), late, actor); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("creating a recipient that has ended: %v, want ErrInvalid", err)
	}
}

func laterEnd(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	s.clock.advance(time.Minute)
	s.rotate(t, home, "acme", "second") // with an hour for the old token
	s.activate(t, home, "second")
	s.setEnd(t, "acme", s.clock.now().Add(time.Minute))
	s.clock.advance(time.Minute)
	s.wantToken(t, home, "second", "expired at "+unix(s.clock.now()))
	s.setEnd(t, "acme", s.clock.now().Add(10*lifetime))
	s.wantToken(t, home, "second", "valid")
	s.wantToken(t, home, "acme", "valid")
	s.clock.advance(59 * time.Minute)
	s.wantToken(t, home, "acme", "rotated at "+unix(s.clock.now())) // its own end stands
	s.wantToken(t, home, "second", "valid")
	s.setEnd(t, "acme", time.Time{})
	s.wantToken(t, home, "second", "valid")
}

func givenUpAfterEnd(t *testing.T, s *site) {
	for name, giveUp := range map[string]func(name string) error{
		"revoke": func(name string) error { _, err := s.Revoke(t.Context(), home, name, actor); return err },
		"token":  func(name string) error { _, err := s.RevokeToken(t.Context(), name, actor); return err },
		"shorten": func(name string) error {
			_, _, err := s.Shorten(t.Context(), home, name, time.Hour, nil, actor)
			return err
		},
		"delete": func(name string) error { _, err := s.DeleteRecipient(t.Context(), home, name, actor); return err },
	} {
		// A token that would live for a hundred years.
		if _, err := s.CreateRecipient(t.Context(), importedAs(name), actor); err != nil {
			t.Fatal(err)
		}
		end := s.clock.now().Add(time.Minute)
		s.setEnd(t, name, end)
		s.clock.advance(time.Hour)
		if err := giveUp(name); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := tokenStatus(t.Context(), s.Store, name); got == "active" {
			t.Errorf("%s: the token is active", name)
		}
		if name != "delete" {
			s.setEnd(t, name, time.Time{})
		}
		if s.valid(t, home, name) {
			t.Errorf("%s: the token lives again", name)
		}
		if got := tokenStatus(t.Context(), s.Store, name); got == "active" {
			t.Errorf("%s, and a later end: the token is active", name)
		}
	}
	s.clock.advance(tokenstore.KeepEnded)
	s.pass(t)
	for _, name := range []string{"revoke", "token", "shorten", "delete"} {
		s.wantToken(t, home, name, "unknown")
		if left := s.leftovers(t, "a"+name); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

func changeIsBounded(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	before, err := s.Recipient(t.Context(), home, "acme")
	if err != nil {
		t.Fatal(err)
	}
	after, err := s.ChangeRecipient(t.Context(), home, "acme", "ann", "updateRecipient", func(r *tokenstore.Recipient) (string, error) {
		*r = tokenstore.Recipient{
			ID: "another", Realm: "away", Name: r.Name, Auth: tokenstore.Federation, RevokedAt: dawn,
			Properties: map[string]string{"a": "b"}, Networks: []string{"192.0.2.7/24", "192.0.2.0/24"},
		}
		return "", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if after.ID != before.ID || after.Realm != before.Realm || after.Auth != before.Auth || len(after.Slots) != 1 ||
		!after.RevokedAt.IsZero() || after.CreatedBy != actor || after.UpdatedBy != "ann" {
		t.Errorf("the change made it %+v", after)
	}
	if len(after.Properties) != 1 || len(after.Networks) != 1 || after.Networks[0] != "192.0.2.0/24" {
		t.Errorf("properties %v, networks %q", after.Properties, after.Networks)
	}
	s.wantToken(t, home, "acme", "valid")
}
