package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// tokenRevoked is what AAA looks for when it has revoked.
const tokenRevoked = `{"type":"urn:dx:dmp:success","title":"Success","detail":"Success"}`

// tokensOf are a user's: of itself, and of who acts for it.
func (m *marketplace) tokensOf(user, role string) []string {
	return []string{
		m.aaa.Mint(harness.IdentityClaims(user, role)),
		m.aaa.Mint(harness.DelegateClaims(helper, user, role)),
	}
}

// newToken is one that was issued after any revocation so far: what is revoked reaches to
// the end of a second.
func (m *marketplace) newToken(user, role string) string {
	return m.aaa.Mint(harness.IdentityClaims(user, role).With(harness.DXClaims{"iat": inSeconds(3 * time.Second)}))
}

func TestAAARevokesTheTokensOfAUser(t *testing.T) {
	m := startMarketplace(t, dxSite)
	over := m.tokensOf(consumer, "consumer")
	others := append(m.tokensOf(provider, "provider"), m.aaa.Mint(harness.IdentityClaims(helper, "consumer")))
	for _, token := range append(over, others...) { // also into the cache
		m.passes(t, "GET", policies, dxToken(token))
	}

	m.upstream.Forget()
	got := m.aaa.Revoke(m.Gate, strings.ToUpper(consumer))
	if got.Status != 200 || got.Body != tokenRevoked || got.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("AAA is answered %d %v %s", got.Status, got.Header, got.Body)
	}
	var answer struct{ Type string }
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || !strings.HasSuffix(strings.ToLower(answer.Type), "success") {
		t.Errorf("AAA would tell its user that the revocation failed: %s", got.Body)
	}
	m.wantNothingUpstream(t) // the server behind knows no such call

	later := m.newToken(consumer, "consumer")
	over = append(over, m.tokensOf(consumer, "consumer")...) // a minute old, never seen before
	check := func(when string) {
		t.Helper()
		for i, token := range over {
			t.Run(fmt.Sprintf("%s, token %d is over", when, i), func(t *testing.T) {
				m.refused(t, 401, notAuthorized, "GET", policies, dxToken(token))
				m.refused(t, 401, notAuthorized, "GET", policies, bearer(token))
			})
		}
		for i, token := range append(others, later) {
			t.Run(fmt.Sprintf("%s, token %d is not", when, i), func(t *testing.T) {
				m.passes(t, "GET", policies, dxToken(token))
			})
		}
	}
	check("at once")
	m.Stop()
	m.Run()
	m.eventuallyKnows(t, others[0])
	check("after a restart")
	if got := m.aaa.Revoke(m.Gate, provider); got.Status != 200 {
		t.Fatalf("AAA is answered %d %s", got.Status, got.Body)
	}
	m.Kill() // what was answered is on disk
	over, others = append(over, others[:2]...), others[2:]
	m.Run()
	m.eventuallyKnows(t, others[0])
	check("after a crash")
	if got := m.Reload(dxWith("\t\tshow_reasons")); got.Code != 0 {
		t.Fatal(got.Stderr)
	}
	m.eventuallyKnows(t, others[0])
	check("after a reload")
}

// A call whose body still comes when its user is revoked never becomes whole.
func TestBodyUnderWayWhenItsUserIsRevokedNeverArrivesWhole(t *testing.T) {
	m := startMarketplace(t, dxSite)
	for _, whole := range []bool{true, false} {
		m.upstream.Forget()
		first := map[bool]string{true: `{"whole":1`, false: `{"later":1`}[whole]
		c := harness.Dial(t, m.Gate)
		c.Write(harness.Request("POST", newProduct, m.Gate, dxToken(m.provider()), "Content-Type: application/json", "Transfer-Encoding: chunked") +
			"a\r\n" + first + "\r\n")
		harness.Eventually(t, "the first part has arrived", func() bool { return strings.Contains(m.upstream.Wire(), first) })
		if !whole {
			if got := m.aaa.Revoke(m.Gate, provider); got.Status != 200 {
				t.Fatalf("AAA is answered %d %s", got.Status, got.Body)
			}
		}
		c.Write("9\r\n,\"last\":1\r\n1\r\n}\r\n0\r\n\r\n")
		got := c.Read("POST")
		if arrived := m.upstreamGotWhole(); (got.Status == 200) != whole || arrived != whole {
			t.Errorf("whole: %t; got %d %s, and the server got it whole: %t", whole, got.Status, got.Body, arrived)
		}
	}
}

// upstreamGotWhole tells whether a body has come to its end since the last Forget.
func (m *marketplace) upstreamGotWhole() bool {
	for _, seen := range m.upstream.Requests() {
		if strings.HasSuffix(seen.Body, "}") {
			return true
		}
	}
	return false
}

// AAA's clock may run ahead of the gateway's: what it had issued by its own is over.
func TestRevocationReachesToTheCallersClock(t *testing.T) {
	m := startMarketplace(t, dxSite)
	ahead := func(by time.Duration) string {
		return m.aaa.Mint(harness.IdentityClaims(consumer, "consumer").With(harness.DXClaims{"iat": inSeconds(by)}))
	}
	over, good := ahead(15*time.Second), ahead(29*time.Second)
	caller := m.aaa.Mint(harness.ServerClaims(harness.APD).With(harness.DXClaims{"iat": inSeconds(18 * time.Second)}))
	m.passes(t, "GET", products, dxToken(over))
	if got := m.sendBody(t, "POST", "/admin/revokeToken", `{"sub":"`+consumer+`"}`, dxToken(caller)); got.Status != 200 {
		t.Fatalf("got %d %s", got.Status, got.Body)
	}
	m.refused(t, 401, notAuthorized, "GET", products, dxToken(over))
	m.passes(t, "GET", products, dxToken(good))
	// A second one by a clock that is behind takes nothing back.
	if got := m.aaa.Revoke(m.Gate, consumer); got.Status != 200 {
		t.Fatalf("got %d %s", got.Status, got.Body)
	}
	m.refused(t, 401, notAuthorized, "GET", products, dxToken(over))
}

// A provider or a delegate could revoke anybody at the original resource server.
func TestNobodyButAAARevokes(t *testing.T) {
	m := startMarketplaceWith(t, dxWith(keycloakOption), harness.Env{"KEYCLOAK": harness.StartOpenID(t).Issuer()})
	mine := m.consumer()
	const body = `{"sub":"` + consumer + `"}`
	server := func(c harness.DXClaims) string { return m.aaa.Mint(harness.ServerClaims(harness.APD).With(c)) }
	good := dxToken(server(nil))
	for _, tc := range []struct {
		name, body string
		headers    []string
		status     int
	}{
		{"nobody", body, nil, 401},
		{"the user", body, []string{dxToken(mine)}, 401},
		{"a provider", body, []string{dxToken(m.provider())}, 401},
		{"an admin", body, []string{dxToken(m.aaa.Mint(harness.IdentityClaims(provider, "admin")))}, 401},
		{"a delegate", body, []string{dxToken(m.aaa.Mint(harness.DelegateClaims(helper, consumer, "consumer")))}, 401},
		{"a token for another server", body, []string{dxToken(m.aaa.Mint(harness.ServerClaims(harness.ResourceServer)))}, 401},
		{"AAA's token for a user of the marketplace", body, []string{dxToken(m.aaa.Mint(harness.APDClaims(consumer)))}, 401},
		{"an expired one", body, []string{dxToken(server(harness.DXClaims{"exp": inSeconds(-time.Minute)}))}, 401},
		{"of another key", body, []string{dxToken(harness.MintWith(harness.NewECKey(t), harness.ServerClaims(harness.APD)))}, 401},
		{"a signature in the query", body, []string{"X-Razorpay-Signature: 00"}, 401},
		{"two different credentials", body, []string{good, bearer(mine)}, 400},
		{"two tokens", body, []string{good, good}, 400},
		{"no body", "", []string{good}, 400},
		{"no JSON", "sub=" + consumer, []string{good}, 400},
		{"a list", `["` + consumer + `"]`, []string{good}, 400},
		{"no sub", `{}`, []string{good}, 400},
		{"sub null", `{"sub":null}`, []string{good}, 400},
		{"sub a number", `{"sub":1}`, []string{good}, 400},
		{"sub empty", `{"sub":""}`, []string{good}, 400},
		{"sub is no name", `{"sub":"every body"}`, []string{good}, 400},
		{"sub is a statement", `{"sub":"` + consumer + `'; DROP TABLE revoked_tokens; --"}`, []string{good}, 400},
		{"sub twice", `{"sub":"` + provider + `","sub":"` + consumer + `"}`, []string{good}, 400},
		{"something after", body + body, []string{good}, 400},
		{"more than 4 KiB", `{"pad":"` + strings.Repeat("p", 4100) + `","sub":"` + consumer + `"}`, []string{good}, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m.upstream.Forget()
			got := m.sendBody(t, "POST", "/admin/revokeToken", tc.body, append(tc.headers, "Content-Type: application/json")...)
			if got.Status != tc.status {
				t.Errorf("got %d %s, want %d", got.Status, got.Body, tc.status)
			}
			wantShape(t, got)
			m.wantNothingUpstream(t)
			m.passes(t, "GET", products, dxToken(mine))
		})
	}
	t.Run("elsewhere", func(t *testing.T) {
		for _, target := range []string{"/Admin/revokeToken", "/admin/revoketoken", "/admin", dmpBase + "/admin/revokeToken"} {
			if got := m.sendBody(t, "POST", target, body, good); got.Status != 404 {
				t.Errorf("%s: got %d %s", target, got.Status, got.Body)
			}
		}
		m.passes(t, "GET", products, dxToken(mine))
	})
	// The control: members that nobody knows are tolerated, and a bearer will do.
	if got := m.sendBody(t, "POST", "/admin/revokeToken", `{"a":{"b":[1]},"sub":"`+consumer+`"}`, bearer(server(nil))); got.Status != 200 {
		t.Fatalf("got %d %s", got.Status, got.Body)
	}
	m.refused(t, 401, notAuthorized, "GET", products, dxToken(mine))
}

func TestOperatorRevokesUsers(t *testing.T) {
	m := startMarketplace(t, dxSite)
	mine := m.tokensOf(consumer, "consumer")
	theirs := m.tokensOf(provider, "provider")
	own := m.aaa.Mint(harness.IdentityClaims(helper, "consumer"))
	all := append(append([]string{own}, mine...), theirs...)
	for _, token := range all {
		m.passes(t, "GET", policies, dxToken(token))
	}

	// A delegation alone.
	if out := m.Gatehouse("user", "revoke", helper, "--delegator", provider); !strings.Contains(out, "cannot") {
		t.Errorf("the command says nothing of what it cannot recall:\n%s", out)
	}
	m.refused(t, 401, notAuthorized, "GET", policies, dxToken(theirs[1]))
	for _, token := range []string{own, mine[0], mine[1], theirs[0]} {
		m.passes(t, "GET", policies, dxToken(token))
	}
	// A user, in any letters.
	m.Gatehouse("user", "revoke", strings.ToUpper(consumer))
	for _, token := range mine {
		m.refused(t, 401, notAuthorized, "GET", policies, dxToken(token))
	}
	m.passes(t, "GET", policies, dxToken(own))
	m.passes(t, "GET", policies, dxToken(theirs[0]))
	// AAA's clock may run ahead of the operator's, as far as its tokens are taken.
	ahead := harness.IdentityClaims(consumer, "consumer").With(harness.DXClaims{"iat": inSeconds(25 * time.Second)})
	m.refused(t, 401, notAuthorized, "GET", policies, dxToken(m.aaa.Mint(ahead)))
	var ended struct{ Until time.Time }
	m.GatehouseJSON(&ended, "user", "revoke", consumer)
	if left := time.Until(ended.Until); left > 32*time.Second {
		t.Errorf("tokens of the next %s are refused too", left)
	}

	list := m.Gatehouse("user", "list")
	for _, want := range []string{consumer, helper, provider} {
		if !strings.Contains(list, want) {
			t.Errorf("the list does not name %s:\n%s", want, list)
		}
	}
	for _, id := range []string{"", "a b", consumer + "\n", strings.Repeat("a", 300)} {
		if res := m.TryGatehouse("user", "revoke", id); res.Code == 0 {
			t.Errorf("revoking %q succeeds: %s", id, res.Stdout)
		}
	}
	if res := m.TryGatehouse("user", "revoke", consumer, "--realm", "nowhere"); res.Code == 0 {
		t.Errorf("revoking in a realm that is not there succeeds: %s", res.Stdout)
	}
	m.Kill()
	m.Run()
	m.eventuallyKnows(t, own)
	for _, token := range append(mine, theirs[1]) {
		m.refused(t, 401, notAuthorized, "GET", policies, dxToken(token))
	}
}
