package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go/service/sharing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// federate makes a recipient that is recognised by its own identity provider, and
// grants it sales.
func (a *administration) federate(t *testing.T, name string, policy sharing.OidcFederationPolicy) {
	t.Helper()
	ctx := context.Background()
	must[*sharing.RecipientInfo](t)(a.recipients.Create(ctx, sharing.CreateRecipient{
		Name: name, AuthenticationType: sharing.AuthenticationTypeOidcFederation,
	}))
	must[*sharing.FederationPolicy](t)(a.federations.Create(ctx, sharing.CreateFederationPolicyRequest{
		RecipientName: name, Policy: sharing.FederationPolicy{Name: "own", OidcPolicy: &policy},
	}))
	a.change(t, "sales", sharing.PermissionsChange{Principal: name, Add: []string{"SELECT"}})
}

// eventuallyReads waits until the keys of a new issuer have been fetched.
func (g *gateway) eventuallyReads(t *testing.T, token string) {
	t.Helper()
	harness.Eventually(t, "the token reads", func() bool {
		return g.send(t, "GET", metadata, bearer(token)).Status == 200
	})
}

// withKeyID puts another key id into a token's header.
func withKeyID(token, id string) string {
	_, rest, _ := strings.Cut(token, ".")
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT","kid":"` + id + `"}`))
	return header + "." + rest
}

func TestFederatedRecipientIsRecognisedByItsProvider(t *testing.T) {
	a, provider, stranger := startAdministration(t), harness.StartOpenID(t), harness.StartOpenID(t)
	policy := sharing.OidcFederationPolicy{Issuer: provider.Issuer(), SubjectClaim: "azp", Subject: "robot", Audiences: []string{"sharing", "lake"}}
	a.federate(t, "acme", policy)
	policy.SubjectClaim, policy.Subject, policy.Audiences = "groups", "analysts", []string{"sharing", "team"}
	a.federate(t, "team", policy)

	a.eventuallyReads(t, provider.Token("robot", "sharing"))
	if got := a.upstream.Last(t).Header.Get("X-Gatehouse-Subject"); got != "acme" {
		t.Errorf("the upstream is told that %q calls, want acme", got)
	}
	for _, tc := range []struct {
		name, token string
		status      int
		who         string
	}{
		{"its other audience", provider.Token("robot", "lake"), 200, "acme"},
		{"a member of a group", provider.Token("alice", "sharing", "people", "analysts"), 200, "team"},
		{"another audience", provider.Token("robot", "elsewhere"), 401, ""},
		{"another recipient's audience", provider.Token("robot", "team"), 401, ""},
		{"another subject", provider.Token("alice", "sharing"), 401, ""},
		{"a subject that only begins so", provider.Token("robot2", "sharing"), 401, ""},
		{"the same subject of another provider", stranger.Token("robot", "sharing"), 401, ""},
		{"both recipients at once", provider.Token("robot", "sharing", "analysts"), 401, ""},
		{"no signature", strings.TrimRight(provider.Token("robot", "sharing"), "-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"), 401, ""},
		{"another key's id", withKeyID(provider.Token("robot", "sharing"), "key-99"), 401, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a.upstream.Forget()
			a.wantStatus(t, tc.status, "GET", metadata, bearer(tc.token))
			if tc.status != 200 {
				a.wantNothingUpstream(t)
			} else if got := a.upstream.Last(t).Header.Get("X-Gatehouse-Subject"); got != tc.who {
				t.Errorf("the upstream is told that %q calls, want %s", got, tc.who)
			}
		})
	}
	if n := stranger.Fetches(); n != 0 {
		t.Errorf("a token made the gateway ask a stranger's provider, %d times", n)
	}

	token := provider.Token("robot", "sharing")
	a.wantStatus(t, 200, "GET", metadata, bearer(token))
	if err := a.federations.DeleteByRecipientNameAndName(context.Background(), "acme", "own"); err != nil {
		t.Fatal(err)
	}
	a.wantStatus(t, 401, "GET", metadata, bearer(token))
}

func TestKeysOfAnIdentityProvider(t *testing.T) {
	t.Parallel() // it waits most of the time
	a, provider, down := startAdministration(t), harness.StartOpenID(t), harness.StartOpenID(t)
	a.federate(t, "acme", sharing.OidcFederationPolicy{Issuer: provider.Issuer(), SubjectClaim: "sub", Subject: "robot", Audiences: []string{"sharing"}})
	first := provider.Token("robot", "sharing")
	a.eventuallyReads(t, first)
	fetched := provider.Fetches()

	// An unreachable provider never opens, and stops nobody whose keys are known.
	early := down.Token("other", "sharing")
	down.Stop()
	a.federate(t, "unlucky", sharing.OidcFederationPolicy{Issuer: down.Issuer(), SubjectClaim: "sub", Subject: "other", Audiences: []string{"sharing"}})
	if got := a.send(t, "GET", metadata, bearer(early)); got.Status != 401 && got.Status != 503 {
		t.Errorf("a token of a provider that was never reached: %d %s", got.Status, got.Body)
	}
	again := provider.Token("robot", "sharing")
	provider.Stop()
	for _, token := range []string{first, again} { // one from the cache, one verified anew
		a.wantStatus(t, 200, "GET", metadata, bearer(token))
	}
	provider.Run()

	// The next fetch happens on behalf of a key that is not known yet, once a minute
	// at most, however many of them are named.
	provider.RotateKey()
	provider.DropOldKeys()
	second := provider.Token("robot", "sharing")
	for i := range 500 {
		a.wantStatus(t, 401, "GET", metadata, bearer(withKeyID(second, fmt.Sprintf("none-%d", i))))
	}
	if n := provider.Fetches() - fetched; n > 1 {
		t.Errorf("500 unknown key ids caused %d fetches", n)
	}
	deadline, tick := time.After(100*time.Second), time.NewTicker(200*time.Millisecond)
	defer tick.Stop()
	for a.send(t, "GET", metadata, bearer(second)).Status != 200 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the new key is not known 100 s after its first use")
		}
	}
	for _, token := range []string{first, again} { // also where the identity was cached
		a.wantStatus(t, 401, "GET", metadata, bearer(token))
	}
	if n := provider.Fetches() - fetched; n > 3 {
		t.Errorf("the keys were fetched %d times in about a minute", n)
	}
}
