package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var realmTests = []storeTest{
	{"a mass revocation ends tokens and links of its realm alone", revokeOneRealm},
	{"a second mass revocation does not move the end of the first", revokeRealmTwice},
	{"a later recipient of the same name revives nothing", sameName},
	{"a renamed recipient keeps what it holds, its old name is free", rename},
}

func revokeOneRealm(t *testing.T, s *site) {
	const away = "away"
	for _, realm := range []string{home, away} {
		for i := range 3 {
			s.create(t, realm, fmt.Sprintf("%s-%d", realm, i))
		}
		s.activate(t, realm, realm+"-0")
		s.activate(t, realm, realm+"-1")
		s.rotate(t, realm, realm+"-1", realm+"-second")
	}
	s.clock.advance(time.Minute)
	if err := s.RevokeRealm(t.Context(), home, actor); err != nil {
		t.Fatal(err)
	}
	revoked := "revoked at " + unix(s.clock.now())
	s.wantToken(t, home, "home-0", revoked)
	s.wantToken(t, home, "home-1", revoked) // in its overlap
	s.wantLink(t, home, "home-2", errLinkOver)
	s.wantLink(t, home, "home-second", errLinkOver)
	s.wantToken(t, away, "away-0", "valid")
	s.wantToken(t, away, "away-1", "valid")
	s.wantLink(t, away, "away-2", nil)
	s.wantLink(t, away, "away-second", nil)

	// The recipients are there, and what they get from now on works.
	s.rotate(t, home, "home-0", "home-new")
	s.activate(t, home, "home-new")
	s.wantToken(t, home, "home-new", "valid")
	s.wantToken(t, home, "home-0", revoked)
	s.create(t, home, "home-late")
	s.activate(t, home, "home-late")
	s.wantToken(t, home, "home-late", "valid")
}

func revokeRealmTwice(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	s.clock.advance(time.Minute)
	revoked := "revoked at " + unix(s.clock.now())
	for range 3 {
		if err := s.RevokeRealm(t.Context(), home, actor); err != nil {
			t.Fatal(err)
		}
		s.wantToken(t, home, "acme", revoked)
		s.clock.advance(lifetime) // the token would have expired before the second one
	}
	s.wantToken(t, home, "acme", revoked)
}

func sameName(t *testing.T, s *site) {
	key := digestOf("management key")
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	s.rotate(t, home, "acme", "pending")
	if _, err := s.SetManagementKey(t.Context(), home, "acme", &key, actor); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(time.Minute)
	if _, err := s.DeleteRecipient(t.Context(), home, "acme", actor); err != nil {
		t.Fatal(err)
	}
	revoked := "revoked at " + unix(s.clock.now())
	s.clock.advance(time.Minute)
	later := tokenstore.NewRecipient{ID: "another", Realm: home, Name: "ACME", Link: link("later")}
	if _, err := s.CreateRecipient(t.Context(), later, actor); err != nil {
		t.Fatal(err)
	}
	s.activate(t, home, "later")
	s.wantToken(t, home, "acme", revoked)
	s.wantLink(t, home, "pending", errLinkOver)
	if holder, err := s.ManagementKeyHolder(t.Context(), home, key); err == nil {
		t.Errorf("the old management key leads to %s", holder.ID)
	}
	if _, err := s.RevokeToken(t.Context(), "acme", actor); err != nil {
		t.Errorf("revoking what has ended: %v", err)
	}
	s.wantToken(t, home, "later", "valid")
	live, err := credentials(t.Context(), s.Store, home, "acme")
	if err != nil || len(live) != 1 || live[0] != "later active" {
		t.Errorf("the later recipient holds %q, %v", live, err)
	}
}

func rename(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	_, err := s.ChangeRecipient(t.Context(), home, "acme", actor, "updateRecipient",
		func(r *tokenstore.Recipient) (string, error) { r.Name = "Apex"; return "", nil })
	if err != nil {
		t.Fatal(err)
	}
	later := tokenstore.NewRecipient{ID: "another", Realm: home, Name: "acme", Link: link("later")}
	if _, err := s.CreateRecipient(t.Context(), later, actor); err != nil {
		t.Errorf("the old name is not free: %v", err)
	}
	if _, err := s.Revoke(t.Context(), home, "acme", actor); err != nil {
		t.Fatal(err)
	}
	s.wantToken(t, home, "acme", "valid") // of who is called Apex now
	if _, err := s.Revoke(t.Context(), home, "apex", actor); err != nil {
		t.Fatal(err)
	}
	s.wantToken(t, home, "acme", "revoked at "+unix(s.clock.now()))
}
