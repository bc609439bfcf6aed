package storetest

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var applicationTests = []storeTest{
	{"applications are a realm's, by their ids", findApplications},
	{"of many who add an application one does", oneApplication},
	{"what no application can have is refused", refuseApplication},
	{"a change cannot touch what is not an operator's", changeApplication},
	{"an owner sets an application up, disables and enables it", enrol},
	{"of parallel enrolments none is lost", enrolBeside},
	{"an application of a deleted one's id is given nothing of it", readdApplication},
	{"a family that is kept out is shown as disabled until it is over", showDisabled},
}

func applicationOf(realm, id string) tokenstore.Application {
	return tokenstore.Application{Realm: realm, ID: id, Version: "1.0.0", Grants: []string{"namespace-read:" + id}}
}

func (s *site) addApplication(t testing.TB, id string) tokenstore.Application {
	t.Helper()
	application, err := s.AddApplication(t.Context(), applicationOf(home, id), actor)
	if err != nil {
		t.Fatalf("adding %s: %v", id, err)
	}
	return application
}

func findApplications(t *testing.T, s *site) {
	for _, id := range []string{"notes", "books", "Books"} {
		s.addApplication(t, id)
	}
	if _, err := s.AddApplication(t.Context(), applicationOf("away", "maps"), actor); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 2, 3, 10} {
		var ids []string
		for after := ""; ; {
			page, next, err := s.Applications(t.Context(), home, after, limit)
			if err != nil || len(page) > limit {
				t.Fatalf("a page of %d has %d applications, %v", limit, len(page), err)
			}
			for _, application := range page {
				ids = append(ids, application.ID)
			}
			if after = next; next == "" {
				break
			}
		}
		if got := strings.Join(ids, " "); got != "Books books notes" {
			t.Errorf("in pages of %d: %s", limit, got)
		}
	}
	if got, err := s.ApplicationByID(t.Context(), home, "notes"); err != nil || got.UID == "" || !got.CreatedAt.Equal(dawn) {
		t.Errorf("notes is %+v, %v", got, err)
	}
	for _, other := range []struct{ realm, id string }{
		{home, "maps"}, {"away", "notes"}, {home, ""}, {home, "note"}, {home, "notes\x00"}, {home, strings.Repeat("n", 5000)},
	} {
		if _, err := s.ApplicationByID(t.Context(), other.realm, other.id); !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("%.20q in %s: %v, want ErrNotFound", other.id, other.realm, err)
		}
	}
}

func oneApplication(t *testing.T, s *site) {
	var group sync.WaitGroup
	var won atomic.Int32
	for range rivals {
		group.Go(func() {
			err := again(func() error { _, err := s.AddApplication(t.Context(), applicationOf(home, "notes"), actor); return err })
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, tokenstore.ErrExists):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		t.Errorf("%d added it", won.Load())
	}
}

func refuseApplication(t *testing.T, s *site) {
	s.addApplication(t, "notes")
	many := make([]string, 21)
	for i := range many {
		many[i] = "https://notes.example.com/"
	}
	for name, spoil := range map[string]func(*tokenstore.Application){
		"no version":               func(a *tokenstore.Application) { a.Version = "" },
		"a version of two":         func(a *tokenstore.Application) { a.Version = "1.0" },
		"a version of words":       func(a *tokenstore.Application) { a.Version = "1.0.latest" },
		"a long name":              func(a *tokenstore.Application) { a.Name = strings.Repeat("n", 256) },
		"many redirect URIs":       func(a *tokenstore.Application) { a.RedirectURIs = many },
		"a relative redirect URI":  func(a *tokenstore.Application) { a.RedirectURIs = []string{"/back"} },
		"a redirect to a fragment": func(a *tokenstore.Application) { a.RedirectURIs = []string{"https://notes.example.com/#a"} },
	} {
		application := applicationOf(home, "books")
		spoil(&application)
		if _, err := s.AddApplication(t.Context(), application, actor); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("adding one with %s: %v, want ErrInvalid", name, err)
		}
		_, err := s.ChangeApplication(t.Context(), home, "notes", actor, "updateApplication", func(a *tokenstore.Application) error {
			spoil(a)
			return nil
		})
		if !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("changing one to %s: %v, want ErrInvalid", name, err)
		}
	}
	for _, id := range []string{"", "hmi", "a/b", "a b", "a.b", "ä", "a\x00", strings.Repeat("a", 101)} {
		if _, err := s.AddApplication(t.Context(), applicationOf(home, id), actor); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("id %.20q: %v, want ErrInvalid", id, err)
		}
	}
	if _, err := s.AddApplication(t.Context(), applicationOf("", "books"), actor); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("without a realm: %v, want ErrInvalid", err)
	}
	if all, _, err := s.Applications(t.Context(), home, "", 10); len(all) != 1 || err != nil {
		t.Errorf("%d applications, %v", len(all), err)
	}
}

func changeApplication(t *testing.T, s *site) {
	before := s.addApplication(t, "notes")
	s.addApplication(t, "books")
	s.clock.advance(time.Minute)
	after, err := s.ChangeApplication(t.Context(), home, "notes", "ann", "updateApplication", func(a *tokenstore.Application) error {
		*a = tokenstore.Application{Realm: "away", ID: "books", UID: "app of another", Version: "2.0.0", Grants: []string{"owner"}, CreatedBy: "nobody"}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if after.ID != "notes" || after.Realm != home || after.UID != before.UID || !after.CreatedAt.Equal(dawn) || after.CreatedBy != actor ||
		after.UpdatedBy != "ann" || !after.UpdatedAt.Equal(dawn.Add(time.Minute)) || after.Version != "2.0.0" || after.Grants[0] != "owner" {
		t.Errorf("the change made it %+v", after)
	}
	refusal := errors.New("no")
	_, err = s.ChangeApplication(t.Context(), home, "notes", actor, "updateApplication", func(a *tokenstore.Application) error {
		a.Grants[0] = "platform"
		return refusal
	})
	if got, readErr := s.ApplicationByID(t.Context(), home, "notes"); err != refusal || readErr != nil || got.Grants[0] != "owner" {
		t.Errorf("a change that was refused (%v) made it %+v, %v", err, got, readErr)
	}
	_, changeErr := s.ChangeApplication(t.Context(), home, "maps", actor, "", func(*tokenstore.Application) error { return nil })
	_, enableErr := s.EnableApplication(t.Context(), "away", "notes", false, actor)
	_, deleteErr := s.DeleteApplication(t.Context(), home, "maps", actor)
	for name, err := range map[string]error{"change": changeErr, "disable": enableErr, "delete": deleteErr} {
		if !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("%s of an application that is not there: %v, want ErrNotFound", name, err)
		}
	}
}

func enrol(t *testing.T, s *site) {
	notes := s.addApplication(t, "notes")
	s.openAccount(t, home, "bob.example")
	s.openAccount(t, home, "eve.example")
	set := func(enabled bool, want string) {
		t.Helper()
		account, application, err := s.Enrol(t.Context(), home, "bob.example", "notes", enabled, nil, actor)
		if err != nil || application.UID != notes.UID {
			t.Fatalf("enrolling: %+v, %v", application, err)
		}
		for _, account := range []tokenstore.Account{account, s.account(t, home, "bob.example")} {
			if got := standing(account, notes); got != want || len(account.Applications) != 1 {
				t.Errorf("notes is %s of %d, want %s", got, len(account.Applications), want)
			}
		}
		s.clock.advance(time.Minute)
	}
	if _, _, err := s.Enrol(t.Context(), home, "bob.example", "notes", false, nil, actor); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("disabling what was not set up: %v, want ErrInvalid", err)
	}
	at := func(minute int) string { return unix(dawn.Add(time.Duration(minute) * time.Minute)) }
	set(true, "set up at "+at(0))
	set(true, "set up at "+at(0))
	set(false, "disabled at "+at(2))
	set(false, "disabled at "+at(2))
	set(true, "set up at "+at(0))
	if got := standing(s.account(t, home, "eve.example"), notes); got != "none" {
		t.Errorf("notes is %s on another account", got)
	}
	_, _, hostErr := s.Enrol(t.Context(), home, "nobody.example", "notes", true, nil, actor)
	_, _, idErr := s.Enrol(t.Context(), home, "bob.example", "maps", true, nil, actor)
	_, _, realmErr := s.Enrol(t.Context(), "away", "bob.example", "notes", true, nil, actor)
	for name, err := range map[string]error{"host": hostErr, "application": idErr, "realm": realmErr} {
		if !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("another %s: %v, want ErrNotFound", name, err)
		}
	}
}

// standing is how an application stands on an account, in words.
func standing(account tokenstore.Account, application tokenstore.Application) string {
	enrolment, ok := account.Enrolment(application)
	switch {
	case !ok:
		return "none"
	case !enrolment.DisabledAt.IsZero():
		return "disabled at " + unix(enrolment.DisabledAt)
	}
	return "set up at " + unix(enrolment.SetUpAt)
}

func enrolBeside(t *testing.T, s *site) {
	s.openAccount(t, home, "bob.example")
	ids := strings.Fields("a b c d e f g h")
	for _, id := range ids {
		s.addApplication(t, id)
	}
	var group sync.WaitGroup
	for _, id := range ids {
		group.Go(func() {
			err := again(func() error { _, _, err := s.Enrol(t.Context(), home, "bob.example", id, true, nil, actor); return err })
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
		})
	}
	group.Wait()
	if got := len(s.account(t, home, "bob.example").Applications); got != len(ids) {
		t.Errorf("%d applications are set up, want %d", got, len(ids))
	}
}

func readdApplication(t *testing.T, s *site) {
	s.openAccount(t, home, "bob.example")
	old := s.addApplication(t, "notes")
	if _, _, err := s.Enrol(t.Context(), home, "bob.example", "notes", true, nil, actor); err != nil {
		t.Fatal(err)
	}
	s.mustSignIn(t, "bob.example", "bob")
	s.mustAsk(t, "bob.example", "bob", "old", tokenstore.ApplicationScope)
	s.wantFamily(t, "old", "application notes")
	if _, err := s.DeleteApplication(t.Context(), home, "notes", actor); err != nil {
		t.Fatal(err)
	}
	s.wantFamily(t, "old", "application of nothing")
	if _, _, err := s.tryAsk(t.Context(), "bob.example", "bob", "none", tokenstore.ApplicationScope); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("a family of an application that is not registered: %v, want ErrNotFound", err)
	}
	if _, _, err := s.Enrol(t.Context(), home, "bob.example", "notes", true, nil, actor); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("setting up an application that is not registered: %v, want ErrNotFound", err)
	}
	s.clock.advance(time.Minute)
	anew := s.addApplication(t, "notes")
	s.wantFamily(t, "old", "application of nothing")
	if got := standing(s.account(t, home, "bob.example"), anew); got != "none" {
		t.Errorf("before it is set up anew it is %s", got)
	}
	if _, _, err := s.Enrol(t.Context(), home, "bob.example", "notes", false, nil, actor); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("disabling it before it is set up anew: %v, want ErrInvalid", err)
	}
	account, _, err := s.Enrol(t.Context(), home, "bob.example", "notes", true, nil, actor)
	if err != nil || len(account.Applications) != 1 || standing(account, old) != "none" || standing(account, anew) != "set up at "+unix(s.clock.now()) {
		t.Errorf("set up anew: %+v, %v", account.Applications, err)
	}
	s.wantFamily(t, "old", "application of nothing")
	s.mustAsk(t, "bob.example", "bob", "new", tokenstore.ApplicationScope)
	s.wantFamily(t, "new", "application notes")
	if _, err := s.EnableApplication(t.Context(), home, "notes", false, actor); err != nil {
		t.Fatal(err)
	}
	s.wantFamily(t, "new", "application notes, disabled")
}

func showDisabled(t *testing.T, s *site) {
	s.addApplication(t, "notes")
	s.openAccount(t, home, "bob.example")
	s.mustSignIn(t, "bob.example", "bob")
	s.mustAsk(t, "bob.example", "bob", "notes", tokenstore.ApplicationScope)
	s.mustAsk(t, "bob.example", "notes", "proof", tokenstore.ValidateScope)
	enrol := func(enabled bool) error {
		_, _, err := s.Enrol(t.Context(), home, "bob.example", "notes", enabled, nil, actor)
		return err
	}
	application := func(enabled bool) error {
		_, err := s.EnableApplication(t.Context(), home, "notes", enabled, actor)
		return err
	}
	account := func(enabled bool) error {
		_, err := s.EnableAccount(t.Context(), home, "bob.example", enabled, actor)
		return err
	}
	for _, step := range []struct {
		name string
		do   func() error
		want string
	}{
		{"not set up", func() error { return nil }, "active active active"},
		{"set up", func() error { return enrol(true) }, "active active active"},
		{"disabled on the account", func() error { return enrol(false) }, "active disabled disabled"},
		{"enabled there", func() error { return enrol(true) }, "active active active"},
		{"disabled on all accounts", func() error { return application(false) }, "active disabled disabled"},
		{"enabled", func() error { return application(true) }, "active active active"},
		{"the account disabled", func() error { return account(false) }, "disabled disabled disabled"},
		{"the account enabled", func() error { return account(true) }, "active active active"},
		{"revoked", func() error { _, err := s.RevokeToken(t.Context(), "proof", actor); return err }, "active active revoked"},
		{"deleted", func() error { _, err := s.DeleteApplication(t.Context(), home, "notes", actor); return err }, "active disabled revoked"},
		{"another of its id", func() error { s.addApplication(t, "notes"); return nil }, "active disabled revoked"},
		{"past the end", func() error { s.clock.advance(familyLife + time.Minute); return account(false) }, "expired expired revoked"},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		var shown []string
		for _, family := range []string{"bob", "notes", "proof"} {
			shown = append(shown, tokenStatus(t.Context(), s.Store, family))
		}
		if got := strings.Join(shown, " "); got != step.want {
			t.Errorf("%s: %s, want %s", step.name, got, step.want)
		}
	}
}
