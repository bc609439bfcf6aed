package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// RunStore runs what a Store promises over a driver, as subtests.
func RunStore(t *testing.T, f Factory) {
	for _, group := range []struct {
		name  string
		tests []storeTest
	}{
		{"contention", contentionTests},
		{"lifecycle", lifecycleTests},
		{"feed", announcementTests},
		{"retention", retentionTests},
		{"realm", realmTests},
		{"access tokens", accessTests},
		{"ends", endTests},
		{"imports", importTests},
		{"federation", federationTests},
		{"policies", policyTests},
		{"administration", adminTests},
		{"accounts", accountTests},
		{"applications", applicationTests},
		{"families", familyTests},
		{"cut-offs", cutOffTests},
		{"kept keys", keptKeyTests},
		{"BitBroker's users", brokerUserTests},
		{"BitBroker's tokens", brokerTokenTests},
		{"BitBroker's policies", brokerPolicyTests},
		{"BitBroker's connectors", brokerConnectorTests},
		{"BitBroker's races", brokerRaces},
		{"minted tokens", mintTests},
		{"minted tokens whose holders end", forgetTests},
		{"rescinded keys", brokerKeyTests},
		{"races of minted tokens", mintRaceTests},
		{"quotas", quotaTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) { test.run(t, f.store(t)) })
			}
		})
	}
	t.Run("cut-offs after opening again", func(t *testing.T) { cutOffReopened(t, f) })
	t.Run("quotas after opening again", func(t *testing.T) { quotaReopened(t, f) })
	t.Run("model", func(t *testing.T) { runStoreModel(t, f) })
	t.Run("model of accounts", func(t *testing.T) { runHouseholdModel(t, f) })
	t.Run("model of BitBroker's registry", func(t *testing.T) { runBrokerModel(t, f) })
}

// storeTest is one promise of the typed layer, tested on an empty store.
type storeTest struct {
	name string
	run  func(t *testing.T, s *site)
}

// site is a store under test, with its clock and its driver.
type site struct {
	*tokenstore.Store
	driver tokenstore.Driver
	clock  *clock
}

// clock is one that only the test moves.
type clock struct{ nanoseconds atomic.Int64 }

// dawn is when the clocks of all tests start.
var dawn = time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)

func newClock() *clock {
	c := &clock{}
	c.nanoseconds.Store(dawn.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanoseconds.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

// store opens a Store at an empty location; it is closed at the end of the test.
func (f Factory) store(t testing.TB) *site {
	t.Helper()
	s := &site{driver: f.open(t, f.location(t)), clock: newClock()}
	s.Store = tokenstore.New(s.driver, tokenstore.Options{Clock: s.clock.now})
	return s
}

const (
	home     = "home" // the realm of most tests
	actor    = "tester"
	lifetime = 24 * time.Hour // of tokens and links
)

// digestOf is the digest of a made-up secret.
func digestOf(format string, args ...any) secret.Digest {
	return secret.DigestOf(fmt.Sprintf(format, args...))
}

// link is a new link of a name: its accessor is the name, its code is made of it.
func link(format string, args ...any) tokenstore.NewLink {
	name := fmt.Sprintf(format, args...)
	return tokenstore.NewLink{Accessor: name, Code: codeOf(name), Sealed: []byte("sealed"), Lifetime: lifetime}
}

func codeOf(link string) secret.Digest  { return digestOf("code of %s", link) }
func tokenOf(link string) secret.Digest { return digestOf("token of %s", link) }

// again runs an operation until the driver doesn't give it up for conflicts.
func again(operation func() error) error {
	for {
		if err := operation(); !errors.Is(err, tokenstore.ErrConflict) {
			return err
		}
	}
}

// create makes a recipient whose first link has the name of the recipient.
func (s *site) create(t testing.TB, realm, name string) {
	t.Helper()
	_, err := s.CreateRecipient(t.Context(), tokenstore.NewRecipient{
		ID: "id of " + name, Realm: realm, Name: name, Link: link("%s", name),
	}, actor)
	if err != nil {
		t.Fatalf("creating %s: %v", name, err)
	}
}

// activate uses the link of a name for the token of that name.
func (s *site) activate(t testing.TB, realm, link string) {
	t.Helper()
	if _, err := s.Activate(t.Context(), realm, codeOf(link), tokenOf(link), tokenstore.BearerToken, lifetime); err != nil {
		t.Fatalf("activating %s: %v", link, err)
	}
}

// rotate makes a new link of a name, with an hour for the old tokens.
func (s *site) rotate(t testing.TB, realm, recipient, name string) {
	t.Helper()
	_, _, err := s.Rotate(t.Context(), realm, recipient, tokenstore.Rotation{
		OldExpiresIn: time.Hour, MaxTokens: 2, Link: link("%s", name),
	}, actor)
	if err != nil {
		t.Fatalf("rotating %s: %v", recipient, err)
	}
}

// valid tells whether the token of a link is good.
func (s *site) valid(t testing.TB, realm, link string) bool {
	t.Helper()
	_, err := s.TokenHolder(t.Context(), realm, tokenOf(link))
	return err == nil
}

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// wantToken demands what the token of a link gets: "valid", or an outcome.
func (s *site) wantToken(t testing.TB, realm, link, want string) {
	t.Helper()
	got := tokenOutcome(t.Context(), s.Store, realm, tokenOf(link))
	if s.valid(t, realm, link) {
		got = "valid"
	}
	if got != want {
		t.Errorf("token of %s: %s, want %s", link, got, want)
	}
}

// wantLink demands the error that a link gives; nil if it can be used.
func (s *site) wantLink(t testing.TB, realm, link string, want error) {
	t.Helper()
	if _, err := s.Link(t.Context(), realm, codeOf(link)); !errors.Is(plain(err), want) {
		t.Errorf("link %s: %v, want %v", link, err, want)
	}
}
