package e2e

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// What a new configuration no longer takes is refused at once, though it was good a
// moment ago and its identity is known.
func TestReloadsThatNarrowHoldAtOnce(t *testing.T) {
	m := startMarketplace(t, dxSite)
	here := m.consumer()
	elsewhere := m.aaa.Mint(harness.IdentityClaims(consumer, "consumer").With(harness.DXClaims{"aud": "rs.example.org", "iid": "rs:rs.example.org"}))
	load := func(caddyfile string) {
		t.Helper()
		if status, text := m.Load(caddyfile); status != 200 {
			t.Fatalf("loading: %d %s", status, text)
		}
	}
	passes := func(tokens ...string) {
		t.Helper()
		for _, token := range tokens {
			m.passes(t, "GET", products, dxToken(token))
			m.passes(t, "GET", products, dxToken(token))
		}
	}
	refused := func(tokens ...string) {
		t.Helper()
		for _, token := range tokens {
			m.refused(t, 401, notAuthorized, "GET", products, dxToken(token))
		}
	}
	passes(here, elsewhere)
	load(dxWith("\t\tservers RS.example.com"))
	passes(here)
	refused(elsewhere)
	load(dxSite)
	passes(here, elsewhere)
	load(dxWith("\t\tservers rs.example.net rs.example.org"))
	refused(here)
	passes(elsewhere)
	load(strings.Replace(dxSite, "issuer cos.example.com", "issuer cos.example.org", 1))
	refused(here, elsewhere)
	server := bearer(m.aaa.Mint(harness.ServerClaims(harness.APD)))
	load(dxSite)
	m.passes(t, "POST", "/verify", server, "Content-Length: 0")
	load(strings.Replace(dxSite, "audience apd.example.com", "audience apd.example.org", 1))
	m.refused(t, 401, notAuthorized, "POST", "/verify", server, "Content-Length: 0")
	passes(here)
	load(dxWith("\t\trules acl-apd"))
	m.refused(t, 404, `{"type":"urn:dx:acl:notFound","title":"Not Found","detail":"Not Found"}`, "GET", products, dxToken(here))
}

// Not one call that begins after AAA was answered gets through, however many run.
func TestRevocationOfAUserHoldsUnderLoad(t *testing.T) {
	m := startMarketplace(t, dxSite)
	tokens := append(m.tokensOf(consumer, "consumer"), m.tokensOf(consumer, "consumer")...)
	var (
		revoked, done   atomic.Bool
		passed, refused atomic.Int64
		running         sync.WaitGroup
	)
	for n := range 8 {
		running.Go(func() {
			for !done.Load() {
				over := revoked.Load()
				got := harness.Send(t, m.Gate, harness.Request("GET", products, m.Gate, dxToken(tokens[n%len(tokens)]), "Connection: close"))
				switch {
				case got.Status == 200 && over:
					t.Error("a call after the revocation got through")
					return
				case got.Status == 200:
					passed.Add(1)
				case got.Status == 401 && over:
					refused.Add(1)
				case got.Status != 401:
					t.Errorf("got %d %s", got.Status, got.Body)
					return
				}
			}
		})
	}
	harness.Eventually(t, "calls pass", func() bool { return passed.Load() > 200 })
	if got := m.aaa.Revoke(m.Gate, consumer); got.Status != 200 {
		t.Errorf("AAA is answered %d %s", got.Status, got.Body)
	}
	revoked.Store(true)
	harness.Eventually(t, "calls are refused", func() bool { return refused.Load() > 200 || t.Failed() })
	done.Store(true)
	running.Wait()
}

// A marketplace and its access control server stand side by side: each is called by AAA
// for itself.
func TestTwoServersOfOneDeployment(t *testing.T) {
	acl := harness.Address(t)
	site := dxSite[strings.Index(dxSite, "http://{$GATE}"):]
	site = strings.NewReplacer("{$GATE}", "{$ACL}", "audience apd.example.com", "audience acl.example.com\n\t\trules acl-apd\n\t\trealm acl").Replace(site)
	m := startMarketplaceWith(t, dxSite+site, harness.Env{"ACL": acl})
	a := &marketplace{&gateway{Instance: m.Instance, upstream: m.upstream}, m.aaa}
	ask := func(token string) int {
		return harness.Send(t, acl, harness.Request("GET", "/dx/apd/acl/v1/policies", acl, dxToken(token))).Status
	}
	token := m.consumer()
	harness.Eventually(t, "the other site has its keys", func() bool { return ask(token) == 200 })
	a.passes(t, "GET", products, dxToken(token))
	// The token by which AAA calls one is none for the other.
	server := m.aaa.Mint(harness.ServerClaims(harness.APD))
	body := `{"sub":"` + consumer + `"}`
	raw := harness.Request("POST", "/admin/revokeToken", acl, dxToken(server), "Content-Length: 46") + body
	if got := harness.Send(t, acl, raw); got.Status != 401 || !strings.Contains(got.Body, "urn:dx:acl:") {
		t.Errorf("AAA's token for another server: %d %s", got.Status, got.Body)
	}
	if got := m.aaa.Revoke(m.Gate, consumer); got.Status != 200 {
		t.Fatalf("AAA is answered %d %s", got.Status, got.Body)
	}
	m.refused(t, 401, notAuthorized, "GET", products, dxToken(token))
	if got := ask(token); got != 200 {
		t.Errorf("a realm of its own: %d", got)
	}
	m.Gatehouse("user", "revoke", consumer, "--realm", "acl")
	if got := ask(token); got != 401 {
		t.Errorf("after the operator's revocation there: %d", got)
	}
}
