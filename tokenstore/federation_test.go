package tokenstore_test

import (
	"runtime"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// What is on its way to the store when the policy goes would stay there for ever.
func TestUseIsNotWrittenAfterItsPolicyIsGone(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	for name, remove := range map[string]func() error{
		"policy": func() error {
			_, err := f.DeleteFederationPolicy(t.Context(), realm, "policy", "p", "tester")
			return err
		},
		"recipient": func() error {
			_, err := f.DeleteRecipient(t.Context(), realm, "recipient", "tester")
			return err
		},
	} {
		if _, err := f.CreateRecipient(t.Context(), tokenstore.NewRecipient{
			ID: "id of " + name, Realm: realm, Name: name, Auth: tokenstore.Federation,
		}, "tester"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.PutFederationPolicy(t.Context(), realm, name, tokenstore.FederationPolicy{
			ID: "fed_" + name, Name: "p", Issuer: "https://issuer.example", Audiences: []string{"a"}, Claim: "sub", Subject: name,
		}, "tester"); err != nil {
			t.Fatal(err)
		}
		f.TouchBy("fed_"+name, "192.0.2.1", "client")
		removed := make(chan error)
		driver.before = func() {
			go func() { removed <- remove() }()
			for range 1000 { // give it time to come before the write
				runtime.Gosched()
			}
		}
		if err := f.FlushUsage(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-removed; err != nil {
			t.Fatal(err)
		}
		after := newFixture(t, driver)
		after.wantUse("fed_"+name, tokenstore.Use{})
		after.wantClients("fed_" + name)
	}
}
