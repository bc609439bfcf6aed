package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var adminTests = []storeTest{
	{"an admin token is good until it ends, in its realm", adminLives},
	{"a name can be given again, and revives nothing", adminNameAgain},
	{"of rivals for one name of an admin token one gets it", adminOnce},
	{"admin tokens are kept as long as the audit", pruneAdmin},
	{"admin tokens are listed in the order of their names", adminPages},
	{"an admin token is no other secret", adminApart},
	{"a query is bound to who started it, for a while", queryBound},
}

func adminOf(name string) secret.Digest { return digestOf("admin token %s", name) }

// admin makes an admin token; several of one name differ by their digests.
func (s *site) admin(t testing.TB, realm, name string, digest secret.Digest) error {
	t.Helper()
	_, err := s.CreateAdmin(t.Context(), tokenstore.AdminToken{
		Accessor: "accessor of " + name, Realm: realm, Name: name, Role: tokenstore.AdminReadOnly,
	}, digest, lifetime, actor)
	return err
}

func (s *site) mustAdmin(t testing.TB, name string, digest secret.Digest) {
	t.Helper()
	if err := s.admin(t, home, name, digest); err != nil {
		t.Fatalf("creating admin token %s: %v", name, err)
	}
}

func (s *site) wantAdmin(t testing.TB, realm string, digest secret.Digest, want error) {
	t.Helper()
	got, err := s.Admin(t.Context(), realm, digest)
	if !errors.Is(err, want) {
		t.Errorf("admin token %s in %s: %v, want %v", got.Name, realm, err, want)
	}
	if err != nil && got != (tokenstore.AdminToken{}) {
		t.Errorf("of a token that is refused the answer says %+v", got)
	}
}

func adminLives(t *testing.T, s *site) {
	for _, bad := range []tokenstore.AdminToken{
		{Accessor: "a", Realm: home, Name: "ann"},
		{Accessor: "a", Realm: home, Name: "ann", Role: "root"},
		{Accessor: "a", Realm: home, Name: "a b", Role: tokenstore.AdminFull},
		{Accessor: "a", Realm: "Home", Name: "ann", Role: tokenstore.AdminFull},
		{Realm: home, Name: "ann", Role: tokenstore.AdminFull},
	} {
		if _, err := s.CreateAdmin(t.Context(), bad, adminOf("bad"), lifetime, actor); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("%+v: %v, want ErrInvalid", bad, err)
		}
	}
	for _, life := range []time.Duration{0, -time.Hour} {
		ann := tokenstore.AdminToken{Accessor: "a", Realm: home, Name: "ann", Role: tokenstore.AdminFull}
		if _, err := s.CreateAdmin(t.Context(), ann, adminOf("bad"), life, actor); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("an admin token of %s: %v, want ErrInvalid", life, err)
		}
	}
	s.wantAdmin(t, home, adminOf("bad"), tokenstore.ErrNotFound)

	s.mustAdmin(t, "ann", adminOf("ann"))
	s.mustAdmin(t, "ben", adminOf("ben"))
	s.wantAdmin(t, home, adminOf("ann"), nil)
	s.wantAdmin(t, "away", adminOf("ann"), tokenstore.ErrNotFound)
	s.clock.advance(time.Minute)
	for range 2 { // again changes nothing
		revoked, err := s.RevokeAdmin(t.Context(), home, "BEN", actor)
		if err != nil || !revoked.RevokedAt.Equal(dawn.Add(time.Minute)) {
			t.Errorf("it was revoked at %s, %v", revoked.RevokedAt, err)
		}
		s.wantAdmin(t, home, adminOf("ben"), tokenstore.ErrNotFound)
		s.clock.advance(time.Minute)
	}
	for _, name := range []string{"nobody", "a b", ""} {
		if _, err := s.RevokeAdmin(t.Context(), home, name, actor); !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("revoking %q: %v, want ErrNotFound", name, err)
		}
	}
	if _, err := s.RevokeAdmin(t.Context(), "away", "ann", actor); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("revoking in another realm: %v, want ErrNotFound", err)
	}
	if n, err := auditLength(t.Context(), s.Store); err != nil || n != 3 {
		t.Errorf("the audit has %d entries, %v, want 3", n, err)
	}
	s.clock.advance(lifetime - 3*time.Minute - 1)
	s.wantAdmin(t, home, adminOf("ann"), nil)
	s.clock.advance(1)
	s.wantAdmin(t, home, adminOf("ann"), tokenstore.ErrNotFound)
}

func adminNameAgain(t *testing.T, s *site) {
	s.mustAdmin(t, "ann", adminOf("first"))
	if err := s.admin(t, home, "ANN", adminOf("second")); !errors.Is(err, tokenstore.ErrExists) {
		t.Errorf("a name in use: %v, want ErrExists", err)
	}
	if err := s.admin(t, home, "ben", adminOf("first")); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("a secret in use: %v, want ErrInvalid", err)
	}
	if err := s.admin(t, "away", "ann", adminOf("away")); err != nil {
		t.Errorf("the name in another realm: %v", err)
	}
	if _, err := s.RevokeAdmin(t.Context(), home, "ann", actor); err != nil {
		t.Fatal(err)
	}
	s.mustAdmin(t, "ann", adminOf("second"))
	s.wantAdmin(t, home, adminOf("first"), tokenstore.ErrNotFound)
	s.wantAdmin(t, home, adminOf("second"), nil)
	s.clock.advance(lifetime)
	s.mustAdmin(t, "ann", adminOf("third")) // the second has expired
	s.wantAdmin(t, home, adminOf("second"), tokenstore.ErrNotFound)
	s.wantAdmin(t, home, adminOf("third"), nil)
	if left := s.leftovers(t, string(digestBytes("first"))); len(left) != 1 {
		t.Errorf("the record of the first token is gone: %q", left)
	}
}

func digestBytes(name string) []byte {
	d := adminOf(name)
	return d[:]
}

func adminOnce(t *testing.T, s *site) {
	var group sync.WaitGroup
	var won atomic.Int32
	for i := range rivals {
		group.Go(func() {
			err := again(func() error { return s.admin(t, home, "ann", adminOf(fmt.Sprint("rival ", i))) })
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, tokenstore.ErrExists):
				t.Errorf("rival %d: %v", i, err)
			}
		})
	}
	group.Wait()
	good := 0
	for i := range rivals {
		if _, err := s.Admin(t.Context(), home, adminOf(fmt.Sprint("rival ", i))); err == nil {
			good++
		}
	}
	if won.Load() != 1 || good != 1 {
		t.Errorf("%d rivals got a token of one name, %d tokens are good", won.Load(), good)
	}
}

func pruneAdmin(t *testing.T, s *site) {
	s.mustAdmin(t, "ann", adminOf("old"))
	s.mustAdmin(t, "ben", adminOf("gone"))
	for _, name := range []string{"ann", "ben"} {
		if _, err := s.RevokeAdmin(t.Context(), home, name, actor); err != nil {
			t.Fatal(err)
		}
	}
	s.clock.advance(tokenstore.KeepAudit - time.Second)
	s.mustAdmin(t, "ann", adminOf("new"))
	s.pass(t)
	for _, name := range []string{"old", "gone"} {
		if left := s.leftovers(t, string(digestBytes(name))); len(left) != 1 {
			t.Errorf("token %s is forgotten too early", name)
		}
	}
	s.clock.advance(time.Second)
	s.pass(t)
	for _, name := range []string{"old", "gone"} {
		if left := s.leftovers(t, string(digestBytes(name))); len(left) > 0 {
			t.Errorf("token %s is left: %q", name, left)
		}
	}
	s.wantAdmin(t, home, adminOf("new"), nil)
	all, next, err := s.Admins(t.Context(), home, "", 10)
	if err != nil || next != "" || len(all) != 1 || all[0].Name != "ann" {
		t.Errorf("listed are %v, next %q, %v", all, next, err)
	}
}

func adminPages(t *testing.T, s *site) {
	want := []string{"ann", "Ben", "cat", "Dan", "eve"}
	for _, name := range slices.Backward(want) {
		s.mustAdmin(t, name, adminOf(name))
	}
	if err := s.admin(t, home+"2", "other", adminOf("other")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RevokeAdmin(t.Context(), home, "cat", actor); err != nil {
		t.Fatal(err)
	}
	for limit := 1; limit <= 6; limit++ {
		var got []string
		for after, more := "", true; more; more = after != "" {
			page, next, err := s.Admins(t.Context(), home, after, limit)
			if err != nil || len(page) > limit {
				t.Fatalf("%d admin tokens, %v", len(page), err)
			}
			for _, admin := range page {
				got = append(got, admin.Name)
			}
			after = next
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %q, want %q", limit, got, want)
		}
	}
}

func adminApart(t *testing.T, s *site) {
	s.create(t, home, "acme")
	s.activate(t, home, "acme")
	s.mustAdmin(t, "ann", adminOf("ann"))
	s.wantAdmin(t, home, tokenOf("acme"), tokenstore.ErrNotFound)
	if _, err := s.TokenHolder(t.Context(), home, adminOf("ann")); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("on a data call: %v, want ErrNotFound", err)
	}
	if _, err := s.ManagementKeyHolder(t.Context(), home, adminOf("ann")); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("as a management key: %v, want ErrNotFound", err)
	}
	if err := s.RevokeRealm(t.Context(), home, actor); err != nil {
		t.Fatal(err)
	}
	s.wantAdmin(t, home, adminOf("ann"), nil) // a mass revocation is of the recipients' tokens
}

func queryBound(t *testing.T, s *site) {
	bind := func(recipient, table, query string, life time.Duration) {
		t.Helper()
		if err := s.BindQuery(t.Context(), home, recipient, table, query, life); err != nil {
			t.Fatal(err)
		}
	}
	want := func(realm, recipient, table, query string, want bool) {
		t.Helper()
		got, err := s.QueryBound(t.Context(), realm, recipient, table, query)
		if err != nil || got != want {
			t.Errorf("query %s of %s on %s in %s: %v, %v, want %v", query, recipient, table, realm, got, err, want)
		}
	}
	bind("rcp_1", "a/b/c", "q", time.Hour)
	want(home, "rcp_1", "a/b/c", "q", true)
	want(home, "rcp_2", "a/b/c", "q", false)
	want(home, "rcp_1", "a/b/d", "q", false)
	want(home, "rcp_1", "a/b/c", "Q", false)
	want(home, "rcp_1", "a/b/c", "", false)
	want("away", "rcp_1", "a/b/c", "q", false)
	var group sync.WaitGroup
	for range rivals { // the same query again
		group.Go(func() {
			if err := again(func() error { return s.BindQuery(t.Context(), home, "rcp_2", "a/b/c", "q", 2*time.Hour) }); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	want(home, "rcp_1", "a/b/c", "q", true)
	want(home, "rcp_2", "a/b/c", "q", true)
	s.clock.advance(time.Hour)
	want(home, "rcp_1", "a/b/c", "q", false)
	want(home, "rcp_2", "a/b/c", "q", true)
	if removed := s.pass(t); removed != 1 {
		t.Errorf("%d records are removed, want the binding that is over", removed)
	}
	want(home, "rcp_2", "a/b/c", "q", true)
	s.clock.advance(time.Hour)
	s.pass(t)
	s.wantNone(t, 'q')
}
