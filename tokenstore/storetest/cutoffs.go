package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var cutOffTests = []storeTest{
	{"a cut-off ends what was issued until then, and nothing else", cutOffEnds},
	{"a cut-off never moves back", cutOffNeverBack},
	{"a mass revocation cuts everybody off", cutOffByMassRevocation},
	{"of rival cut-offs the latest holds", cutOffRivals},
	{"a cut-off is audited and announced where it changes something", cutOffTold},
	{"cut-offs are listed in the order of their users, realm by realm", cutOffPages},
	{"no pass of pruning removes a cut-off", cutOffStays},
	{"what cannot be cut off is refused, and changes nothing", cutOffRefused},
}

const (
	user  = "6c796c29-fa9e-4678-9c0b-e48956f22bcc"
	other = "b2c27f3f-2524-4a84-816e-91f9ab23f837"
)

// cut cuts a user off until a time after dawn.
func (s *site) cut(t testing.TB, user, delegator string, until time.Duration) tokenstore.CutOff {
	t.Helper()
	cut, err := s.CutOff(t.Context(), home, user, delegator, dawn.Add(until), actor)
	if err != nil {
		t.Fatal(err)
	}
	return cut
}

// wantCovered demands which tokens of a user are over: as a row of letters, one for
// each second after dawn from 0 to 5, those that are over as capitals.
func (s *site) wantCovered(t testing.TB, user, delegator, want string) {
	t.Helper()
	cut, _, err := s.CutOffOf(t.Context(), home, user)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for second := range 6 {
		letter := string("abcdef"[second])
		if cut.Covers(dawn.Add(time.Duration(second)*time.Second), delegator) {
			letter = strings.ToUpper(letter)
		}
		got.WriteString(letter)
	}
	if got.String() != want {
		t.Errorf("tokens of %q for %q: %s, want %s", user, delegator, got.String(), want)
	}
}

func cutOffEnds(t *testing.T, s *site) {
	cut, revision, err := s.CutOffOf(t.Context(), home, user)
	if err != nil || !cut.Until.IsZero() || cut.User != "" || cut.Delegators != nil {
		t.Errorf("of somebody unknown: %+v, %v", cut, err)
	}
	s.wantCovered(t, user, "", "abcdef")
	s.clock.advance(time.Hour)
	if got := s.cut(t, strings.ToUpper(user), "", 2*time.Second); got.User != user || got.Realm != home ||
		!got.Until.Equal(dawn.Add(2*time.Second)) || !got.UpdatedAt.Equal(s.clock.now()) || got.UpdatedBy != actor {
		t.Errorf("answers %+v", got)
	}
	read, later, err := s.CutOffOf(t.Context(), home, user)
	if err != nil || !read.Until.Equal(dawn.Add(2*time.Second)) || later <= revision {
		t.Errorf("read %+v at revision %d after %d, %v", read, later, revision, err)
	}
	s.wantCovered(t, user, "", "ABCdef")
	s.wantCovered(t, strings.ToUpper(user), other, "ABCdef")
	s.wantCovered(t, other, "", "abcdef")
	s.wantCovered(t, other, user, "abcdef") // whoever is acted for is asked about, too

	// For one delegator only, and all of the last second.
	cut = s.cut(t, other, strings.ToUpper(user), 2*time.Second+time.Nanosecond)
	s.wantCovered(t, other, user, "ABCdef")
	s.wantCovered(t, other, strings.ToUpper(user), "ABCdef")
	if !cut.Covers(dawn.Add(3*time.Second-time.Nanosecond), user) {
		t.Error("what was issued within the second of a cut-off is good")
	}
	s.wantCovered(t, other, "", "abcdef")
	s.wantCovered(t, other, "somebody", "abcdef")
	if away, _, err := s.CutOffOf(t.Context(), "away", user); err != nil || !away.Until.IsZero() {
		t.Errorf("in another realm: %+v, %v", away, err)
	}
	// One for all of them covers the one.
	if got := s.cut(t, other, "", 3*time.Second); len(got.Delegators) != 0 {
		t.Errorf("what is covered stays: %+v", got)
	}
	s.wantCovered(t, other, user, "ABCDef")
	if got := s.cut(t, other, user, 4*time.Second); len(got.Delegators) != 1 || !got.Until.Equal(dawn.Add(3*time.Second)) {
		t.Errorf("answers %+v", got)
	}
	s.wantCovered(t, other, user, "ABCDEf")
	s.wantCovered(t, other, "", "ABCDef")
}

func cutOffNeverBack(t *testing.T, s *site) {
	s.cut(t, user, "", 3*time.Second)
	s.cut(t, user, other, 4*time.Second)
	before, err := s.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.clock.advance(-time.Hour) // also of a clock that was set back
	for _, test := range []struct {
		delegator string
		until     time.Duration
	}{{"", 3 * time.Second}, {"", 0}, {other, 4 * time.Second}, {other, time.Second}, {"somebody", 3 * time.Second}} {
		got := s.cut(t, user, test.delegator, test.until)
		if !got.Until.Equal(dawn.Add(3*time.Second)) || len(got.Delegators) != 1 || !got.Delegators[other].Equal(dawn.Add(4*time.Second)) {
			t.Errorf("for %q until %v: %+v", test.delegator, test.until, got)
		}
	}
	if after, err := s.Revision(t.Context()); err != nil || after != before {
		t.Errorf("the store went from %d to %d, %v", before, after, err)
	}
	s.wantCovered(t, user, "", "ABCDef")
	s.wantCovered(t, user, other, "ABCDEf")
}

func cutOffByMassRevocation(t *testing.T, s *site) {
	s.cut(t, user, "", 0)
	if err := s.RevokeRealm(t.Context(), home, actor); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{user, other} {
		cut, _, err := s.CutOffOf(t.Context(), home, who)
		if err != nil || !cut.Covers(s.clock.now(), "") || cut.Covers(s.clock.now().Add(time.Minute), "") {
			t.Errorf("%s after a mass revocation: %+v, %v", who, cut, err)
		}
	}
	if away, _, err := s.CutOffOf(t.Context(), "away", user); err != nil || !away.Until.IsZero() {
		t.Errorf("in another realm: %+v, %v", away, err)
	}
}

func cutOffRivals(t *testing.T, s *site) {
	var group sync.WaitGroup
	for i := range rivals {
		delegator := ""
		if i%2 == 1 {
			delegator = other
		}
		until := dawn.Add(time.Duration(rand.IntN(1000)*rivals+i) * time.Second)
		group.Go(func() {
			err := again(func() error {
				cut, err := s.CutOff(t.Context(), home, user, delegator, until, actor)
				if err == nil && !cut.Covers(until, delegator) {
					t.Errorf("what was answered does not cover what was asked: %+v", cut)
				}
				return err
			})
			if err != nil {
				t.Error(err)
				return
			}
			if cut, _, err := s.CutOffOf(t.Context(), home, user); err != nil || !cut.Covers(until, delegator) {
				t.Errorf("after it was answered: %+v, %v", cut, err)
			}
		})
	}
	group.Wait()
}

func cutOffTold(t *testing.T, s *site) {
	subject := []tokenstore.Topic{{Realm: home, Subject: user}}
	cut := func(delegator string, until time.Duration) func() error {
		return func() error {
			_, err := s.CutOff(t.Context(), home, strings.ToUpper(user), delegator, dawn.Add(until), "ann")
			return err
		}
	}
	s.wantAnnounced(t, []operation{
		{"a cut-off", cut("", time.Second), subject},
		{"the same", cut("", time.Second), nil},
		{"for another", cut(strings.ToUpper(other), time.Minute), subject},
		{"an earlier one", cut(other, time.Second), nil},
		{"a later one", cut("", time.Hour), subject},
	})
	entries, _, err := s.Audit(t.Context(), nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprint(e.Actor, " ", e.Action, " ", e.Realm, " ", e.Subject, " ", e.Detail))
	}
	want := []string{
		"ann cutOffUser home " + user + " tokens issued until 2026-03-01T09:00:01Z",
		"ann cutOffUser home " + user + " tokens issued until 2026-03-01T09:01:00Z, acting for " + other,
		"ann cutOffUser home " + user + " tokens issued until 2026-03-01T10:00:00Z",
	}
	if slices.Sort(got); !slices.Equal(got, want) { // all of one moment by the clock
		t.Errorf("the audit says\n%s", strings.Join(got, "\n"))
	}
}

func cutOffPages(t *testing.T, s *site) {
	users := []string{"ann", "ben", "cat", "dan", "eve"}
	for _, i := range rand.Perm(len(users)) {
		s.cut(t, users[i], "", time.Second)
	}
	for _, realm := range []string{"hom", "home2", "away"} {
		if _, err := s.CutOff(t.Context(), realm, "zoe", "", dawn, actor); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int{1, 2, 5, 6, 100} {
		var got []string
		for after := ""; ; {
			page, next, err := s.CutOffs(t.Context(), home, after, limit)
			if err != nil || len(page) > limit {
				t.Fatalf("%d in a page of %d, %v", len(page), limit, err)
			}
			for _, cut := range page {
				got = append(got, cut.User)
			}
			if after = next; after == "" {
				break
			}
		}
		if !slices.Equal(got, users) {
			t.Errorf("by pages of %d: %q", limit, got)
		}
	}
	if page, next, err := s.CutOffs(t.Context(), "nowhere", "", 10); len(page) != 0 || next != "" || err != nil {
		t.Errorf("of another realm: %v, %q, %v", page, next, err)
	}
}

func cutOffStays(t *testing.T, s *site) {
	s.cut(t, user, "", time.Second)
	s.cut(t, other, user, time.Second)
	s.clock.advance(10 * tokenstore.KeepAudit)
	if removed := s.pass(t); removed != 2 { // the entries of the audit
		t.Errorf("%d records removed", removed)
	}
	s.wantCovered(t, user, "", "ABcdef")
	s.wantCovered(t, other, user, "ABcdef")
}

func cutOffRefused(t *testing.T, s *site) {
	long := strings.Repeat("u", 256)
	before, err := s.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for what, test := range map[string]struct {
		realm, user, delegator string
		until                  time.Time
	}{
		"no realm":                      {"", user, "", dawn},
		"a realm that is none":          {"Home", user, "", dawn},
		"nobody":                        {home, "", "", dawn},
		"a user of 256 bytes":           {home, long, "", dawn},
		"a user with a NUL":             {home, "a\x00b", "", dawn},
		"a user with a line":            {home, "a\nb", "", dawn},
		"a delegator of 256 bytes":      {home, user, long, dawn},
		"a delegator with a line":       {home, user, "a\nb", dawn},
		"no time":                       {home, user, "", time.Time{}},
		"a time before all tokens":      {home, user, "", time.Unix(-1e9, 0)},
		"a time that cannot be written": {home, user, "", time.Unix(1<<40, 0)},
	} {
		if _, err := s.CutOff(t.Context(), test.realm, test.user, test.delegator, test.until, actor); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", what, err)
		}
	}
	// Who cannot be cut off is not somebody who was not: the tokens are not to be taken.
	for _, nobody := range []string{"", long, "a\x00b"} {
		if _, _, err := s.CutOffOf(t.Context(), home, nobody); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("asked about %.10q: %v, want ErrInvalid", nobody, err)
		}
	}
	if after, err := s.Revision(t.Context()); err != nil || after != before {
		t.Errorf("the store went from %d to %d, %v", before, after, err)
	}
	s.wantNone(t, 'x', 'j')
}

// cutOffReopened: what was answered stands when the store is opened again.
func cutOffReopened(t *testing.T, f Factory) {
	location := f.location(t)
	for round := range 4 {
		s := &site{driver: f.open(t, location), clock: newClock()}
		s.Store = tokenstore.New(s.driver, tokenstore.Options{Clock: s.clock.now})
		want := strings.ToUpper("abcdef"[:round]) + "abcdef"[round:]
		s.wantCovered(t, user, "", want)
		s.wantCovered(t, other, user, want)
		s.cut(t, user, "", time.Duration(round)*time.Second)
		s.cut(t, other, user, time.Duration(round)*time.Second)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
