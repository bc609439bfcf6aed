package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var importTests = []storeTest{
	{"an imported token works until it is rotated away", importedWorks},
	{"of a list with bad rows nothing is stored, and each is named", importAllOrNothing},
	{"an import is passed over where it is stored already", importAgain},
	{"of parallel imports of one token one wins", importOnce},
}

// importedAs is a recipient that brings a token, whose digest is tokenOf its name.
func importedAs(name string) tokenstore.NewRecipient {
	return tokenstore.NewRecipient{
		ID: "id of " + name, Realm: home, Name: name,
		Imported: &tokenstore.ImportedToken{Accessor: name, Digest: tokenOf(name)},
	}
}

func importedWorks(t *testing.T, s *site) {
	legacy := importedAs("legacy")
	legacy.NotAfter = s.clock.now().Add(10 * lifetime)
	if _, err := s.CreateRecipient(t.Context(), legacy, actor); err != nil {
		t.Fatal(err)
	}
	holder, err := s.TokenHolder(t.Context(), home, tokenOf("legacy"))
	if err != nil || !holder.Token.Imported || !holder.Token.ExpiresAt.Equal(legacy.NotAfter) {
		t.Errorf("token imported %v, until %s, %v", holder.Token.Imported, holder.Token.ExpiresAt, err)
	}
	twice := importedAs("twice")
	twice.Imported.Digest = tokenOf("legacy")
	if _, err := s.CreateRecipient(t.Context(), twice, actor); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("a token that another brought: %v, want ErrInvalid", err)
	}
	if _, err := s.Recipient(t.Context(), home, "twice"); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("its recipient: %v, want ErrNotFound", err)
	}
	s.rotate(t, home, "legacy", "own") // with an hour for the old token
	s.activate(t, home, "own")
	if live, err := credentials(t.Context(), s.Store, home, "legacy"); err != nil || fmt.Sprint(live) != "[own active legacy rotated]" {
		t.Errorf("the recipient holds %q, %v", live, err)
	}
	s.clock.advance(time.Hour)
	s.wantToken(t, home, "legacy", "rotated at "+unix(s.clock.now()))
	s.wantToken(t, home, "own", "valid")
	for _, auth := range []tokenstore.Authentication{tokenstore.ClientCredentials, tokenstore.Federation} {
		other := importedAs("other")
		other.Auth = auth
		if _, err := s.CreateRecipient(t.Context(), other, actor); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("a token for a recipient of way %d: %v, want ErrInvalid", auth, err)
		}
	}
}

// importList is many good rows.
func importList(n int) []tokenstore.NewRecipient {
	rows := make([]tokenstore.NewRecipient, n)
	for i := range rows {
		rows[i] = importedAs(fmt.Sprintf("row-%04d", i))
	}
	return rows
}

func importAllOrNothing(t *testing.T, s *site) {
	s.create(t, home, "taken")
	s.create(t, home, "holder")
	s.activate(t, home, "holder")
	rows := importList(1000)
	bad := map[int]error{
		0: tokenstore.ErrExists, 99: tokenstore.ErrInvalid, 100: tokenstore.ErrInvalid, 350: tokenstore.ErrInvalid,
		351: tokenstore.ErrInvalid, 500: tokenstore.ErrInvalid, 640: tokenstore.ErrInvalid, 700: tokenstore.ErrInvalid,
		998: tokenstore.ErrInvalid, 999: tokenstore.ErrInvalid,
	}
	rows[0].Name = "Taken"
	rows[99].Name = "a b"
	rows[100].Imported = nil
	rows[350].Name = "ROW-0001"
	rows[351].Imported.Digest = rows[350].Imported.Digest // of a row that is bad itself
	rows[500].Imported.Digest = tokenOf("holder")
	rows[640].Networks = []string{"nowhere"}
	rows[700].NotAfter = s.clock.now()
	rows[998].Auth = tokenstore.Federation
	rows[999].Name, rows[999].Imported.Digest = "row-0001", rows[2].Imported.Digest // bad twice, named once
	before, err := s.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done, passed, problems, err := s.ImportRecipients(t.Context(), rows, actor)
	if err != nil || done != 0 || passed != nil || len(problems) != len(bad) {
		t.Fatalf("%d done, %d passed over, %d problems, %v, want %d problems", done, len(passed), len(problems), err, len(bad))
	}
	last := -1
	for _, p := range problems {
		if want := bad[p.Row]; want == nil || !errors.Is(p.Err, want) || p.Row <= last {
			t.Errorf("row %d after %d: %v, want %v", p.Row, last, p.Err, want)
		}
		last = p.Row
	}
	if after, err := s.Revision(t.Context()); err != nil || after != before {
		t.Errorf("the store went from %d to %d, %v", before, after, err)
	}
	all, _, err := s.Recipients(t.Context(), home, "", 10)
	if err != nil || len(all) != 2 || s.valid(t, home, "row-0005") {
		t.Errorf("there are %d recipients, %v", len(all), err)
	}
}

func importAgain(t *testing.T, s *site) {
	rows := importList(250)
	for i, want := range []struct{ rows, passed int }{{120, 0}, {250, 120}, {250, 250}} {
		done, passed, problems, err := s.ImportRecipients(t.Context(), rows[:want.rows], actor)
		if err != nil || len(problems) > 0 || done != want.rows || len(passed) != want.passed {
			t.Fatalf("run %d: %d done, %d passed over, problems %v, %v, want %+v", i, done, len(passed), problems, err, want)
		}
	}
	for _, i := range []int{0, 119, 120, 249} {
		s.wantToken(t, home, rows[i].Name, "valid")
	}
	if n, err := auditLength(t.Context(), s.Store); err != nil || n != 250 {
		t.Errorf("the audit has %d entries, %v, want one for each recipient", n, err)
	}
	// The same name with another token is somebody else.
	rows[3].Imported = &tokenstore.ImportedToken{Accessor: "other", Digest: tokenOf("other")}
	_, _, problems, err := s.ImportRecipients(t.Context(), rows, actor)
	if err != nil || len(problems) != 1 || problems[0].Row != 3 || !errors.Is(problems[0].Err, tokenstore.ErrExists) {
		t.Errorf("problems %v, %v, want row 3", problems, err)
	}
}

func importOnce(t *testing.T, s *site) {
	var group sync.WaitGroup
	var won atomic.Int32
	for i := range rivals {
		group.Go(func() {
			n := importedAs(fmt.Sprint("acme-", i))
			n.Imported.Digest = tokenOf("shared")
			err := again(func() error { _, err := s.CreateRecipient(t.Context(), n, actor); return err })
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, tokenstore.ErrInvalid):
				t.Errorf("rival %d: %v", i, err)
			}
		})
	}
	group.Wait()
	all, _, err := s.Recipients(t.Context(), home, "", rivals)
	if won.Load() != 1 || err != nil || len(all) != 1 {
		t.Errorf("%d rivals brought one token; there are %d recipients, %v", won.Load(), len(all), err)
	}
}
