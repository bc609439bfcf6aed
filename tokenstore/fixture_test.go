package tokenstore_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

const (
	realm    = "home"
	lifetime = 24 * time.Hour
)

var dawn = time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)

// fixture is a Store with a clock that only the test moves.
type fixture struct {
	*tokenstore.Store
	t      *testing.T
	offset atomic.Int64
}

func newFixture(t *testing.T, driver tokenstore.Driver) *fixture {
	f := &fixture{t: t}
	f.Store = tokenstore.New(driver, tokenstore.Options{Clock: f.now})
	return f
}

func (f *fixture) now() time.Time          { return dawn.Add(time.Duration(f.offset.Load())) }
func (f *fixture) advance(d time.Duration) { f.offset.Add(int64(d)) }

func codeOf(link string) secret.Digest  { return secret.DigestOf("code of " + link) }
func tokenOf(link string) secret.Digest { return secret.DigestOf("token of " + link) }

func (f *fixture) link(name string) tokenstore.NewLink {
	return tokenstore.NewLink{Accessor: name, Code: codeOf(name), Lifetime: lifetime}
}

// create makes a recipient; its first link has its name.
func (f *fixture) create(name string) {
	f.t.Helper()
	_, err := f.CreateRecipient(f.t.Context(), tokenstore.NewRecipient{
		ID: "id of " + name, Realm: realm, Name: name, Link: f.link(name),
	}, "tester")
	if err != nil {
		f.t.Fatalf("creating %s: %v", name, err)
	}
}

func (f *fixture) tryActivate(link string) error {
	_, err := f.Activate(f.t.Context(), realm, codeOf(link), tokenOf(link), tokenstore.BearerToken, lifetime)
	return err
}

func (f *fixture) activate(link string) {
	f.t.Helper()
	if err := f.tryActivate(link); err != nil {
		f.t.Fatalf("activating %s: %v", link, err)
	}
}

// listener notes what a subscriber is told.
type listener struct {
	mutex sync.Mutex
	told  []told
}

type told struct {
	topic tokenstore.Topic
	at    tokenstore.Revision
}

func (l *listener) Invalidate(topic tokenstore.Topic, at tokenstore.Revision) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.told = append(l.told, told{topic, at})
}

// take returns what was told since the last time.
func (l *listener) take() []told {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	all := l.told
	l.told = nil
	return all
}

// rotate makes a new link of a name; what is in use ends after old at the latest.
func (f *fixture) rotate(recipient, link string, old time.Duration) {
	f.t.Helper()
	_, _, err := f.Rotate(f.t.Context(), realm, recipient, tokenstore.Rotation{
		OldExpiresIn: old, MaxTokens: 2, Link: f.link(link),
	}, "tester")
	if err != nil {
		f.t.Fatalf("rotating %s: %v", recipient, err)
	}
}

// createFederated makes a recipient that its own identity provider vouches for.
func (f *fixture) createFederated(name string) {
	f.t.Helper()
	_, err := f.CreateRecipient(f.t.Context(), tokenstore.NewRecipient{
		ID: "id of " + name, Realm: realm, Name: name, Auth: tokenstore.Federation,
	}, "tester")
	if err != nil {
		f.t.Fatalf("creating %s: %v", name, err)
	}
}

const issuer = "https://idp.example.com/"

// policy is a federation policy of a name, for a subject of that name.
func (f *fixture) policy(name string) tokenstore.FederationPolicy {
	return tokenstore.FederationPolicy{
		ID: "id of " + name, Name: name, Issuer: issuer, Audiences: []string{"gatehouse"}, Claim: "sub", Subject: name,
	}
}

func (f *fixture) tryPolicy(recipient string, policy tokenstore.FederationPolicy) error {
	_, _, err := f.PutFederationPolicy(f.t.Context(), realm, recipient, policy, "tester")
	return err
}

func (f *fixture) putPolicy(recipient string, policy tokenstore.FederationPolicy) {
	f.t.Helper()
	if err := f.tryPolicy(recipient, policy); err != nil {
		f.t.Fatalf("policy %s of %s: %v", policy.Name, recipient, err)
	}
}

// foreign is a token of the issuer for a subject, issued now.
func (f *fixture) foreign(subject string) tokenstore.ForeignToken {
	return tokenstore.ForeignToken{
		Issuer: issuer, IssuedAt: f.now(),
		Values: func(claim string) []string {
			if claim == "sub" {
				return []string{subject}
			}
			return nil
		},
		HasAudience: func(audience string) bool { return audience == "gatehouse" },
	}
}

// createClient makes a recipient with client credentials that has fetched its
// secret, whose digest is tokenOf its name.
func (f *fixture) createClient(name string) {
	f.t.Helper()
	_, err := f.CreateRecipient(f.t.Context(), tokenstore.NewRecipient{
		ID: "id of " + name, Realm: realm, Name: name, Auth: tokenstore.ClientCredentials, Link: f.link(name),
	}, "tester")
	if err == nil {
		_, err = f.Activate(f.t.Context(), realm, codeOf(name), tokenOf(name), tokenstore.ClientSecret, lifetime)
	}
	if err != nil {
		f.t.Fatalf("creating client %s: %v", name, err)
	}
}

func accessOf(name string) secret.Digest { return secret.DigestOf("access token " + name) }

func (f *fixture) tryAccess(client, name string) (tokenstore.Holder, error) {
	return f.IssueAccessToken(f.t.Context(), realm, "id of "+client, tokenOf(client), tokenstore.NewAccessToken{
		Accessor: name, Digest: accessOf(name), Lifetime: time.Hour,
	})
}

// access issues an access token of an hour for the secret of a client.
func (f *fixture) access(client, name string) {
	f.t.Helper()
	if _, err := f.tryAccess(client, name); err != nil {
		f.t.Fatalf("access token %s for %s: %v", name, client, err)
	}
}

func adminOf(name string) secret.Digest { return secret.DigestOf("admin token of " + name) }

func (f *fixture) tryAdmin(name string) error {
	_, err := f.CreateAdmin(f.t.Context(), tokenstore.AdminToken{
		Accessor: "accessor of " + name, Realm: realm, Name: name, Role: tokenstore.AdminFull,
	}, adminOf(name), lifetime, "tester")
	return err
}

func (f *fixture) createAdmin(name string) {
	f.t.Helper()
	if err := f.tryAdmin(name); err != nil {
		f.t.Fatalf("creating admin token %s: %v", name, err)
	}
}

// imported is a recipient that brings a token, whose digest is tokenOf its name.
func imported(name string) tokenstore.NewRecipient {
	return tokenstore.NewRecipient{
		ID: "id of " + name, Realm: realm, Name: name,
		Imported: &tokenstore.ImportedToken{Accessor: name, Digest: tokenOf(name)},
	}
}

func familyOf(name string) secret.Digest { return secret.DigestOf("family " + name) }

// tryAccount creates the account of a host.
func (f *fixture) tryAccount(host string) error {
	_, err := f.CreateAccount(f.t.Context(), tokenstore.Account{
		ID: "id of " + host, Realm: realm, Host: host, UserID: "6c796c29-fa9e-4678-9c0b-e48956f22bcc", Username: "owner", Password: "hash",
	}, tokenstore.AccountKeys{
		Signing: []tokenstore.AccountKey{{ID: "key", Public: []byte("public"), Sealed: []byte("sealed")}}, Crypter: []byte("crypter"),
	}, "tester")
	return err
}

func (f *fixture) tryApplication(id string) error {
	_, err := f.AddApplication(f.t.Context(), tokenstore.Application{Realm: realm, ID: id, Version: "1.0.0"}, "tester")
	return err
}

// trySignIn starts a family of a name on a new account's host.
func (f *fixture) trySignIn(host, name string) error {
	_, err := f.StartFamily(f.t.Context(), tokenstore.NewFamily{
		Realm: realm, Host: host, Accessor: name, Digest: familyOf(name), Scope: tokenstore.OwnerScope, Lifetime: lifetime,
		Account: "id of " + host,
	}, "tester")
	return err
}

// tryAsk starts a family of an application with another family.
func (f *fixture) tryAsk(host, parent, application, name string) error {
	digest := familyOf(parent)
	_, err := f.StartFamily(f.t.Context(), tokenstore.NewFamily{
		Realm: realm, Host: host, Accessor: name, Digest: familyOf(name), Scope: tokenstore.ApplicationScope, Application: application,
		Lifetime: lifetime, Parent: &digest,
	}, "tester")
	return err
}

// Ids of made-up tokens of a BitBroker.
const (
	rescindedID = "3d2f6a34-7c5e-4b0e-9d4b-5c1f0e7a8b01"
	mintedID    = "3d2f6a34-7c5e-4b0e-9d4b-5c1f0e7a8b02"
	lateID      = "3d2f6a34-7c5e-4b0e-9d4b-5c1f0e7a8b03"
	someID      = "3d2f6a34-7c5e-4b0e-9d4b-5c1f0e7a8b04"
)

// tryMint mints a consumer's token for a policy.
func (f *fixture) tryMint(id string) error {
	return f.MintBrokerToken(f.t.Context(), realm, tokenstore.NewMint{
		NewBrokerToken: tokenstore.NewBrokerToken{Accessor: id, Digest: tokenOf(id), Lifetime: lifetime},
		Kind:           tokenstore.ConsumerToken, Audience: "weather",
	}, "tester")
}

func (f *fixture) tryBind(id string) error {
	return f.BindAccess(f.t.Context(), realm, tokenOf(id), 7, "weather", "tester")
}

func (f *fixture) tryReserve() error {
	day := dawn.Truncate(24 * time.Hour)
	_, err := f.ReserveQuota(f.t.Context(), realm, "calls", day, day.Add(24*time.Hour), 1000, 5)
	return err
}
