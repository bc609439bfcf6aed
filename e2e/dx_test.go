package e2e

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// dxSite is the gateway of a marketplace at debug level.
const dxSite = `
{
	admin {$ADMIN}
	default_bind 127.0.0.1
	persist_config off
	debug
	gatehouse {
		store badger {$DIR}/store
	}
}
http://{$GATE} {
	gatehouse dx {
		issuer cos.example.com
		keys {$KEYS}
		audience apd.example.com
	}
	reverse_proxy {$UPSTREAM}
}
`

// dxWith returns dxSite with more options for the directive.
func dxWith(options string) string {
	const last = "audience apd.example.com"
	return strings.Replace(dxSite, last, last+"\n"+options, 1)
}

// The users of the marketplace.
const (
	consumer = "11111111-1111-4111-8111-111111111111"
	provider = "22222222-2222-4222-8222-222222222222"
	helper   = "33333333-3333-4333-8333-333333333333" // a delegate
)

// Calls that the tests make often.
const (
	products   = "/consumer/list/products"                                         // of consumers
	newProduct = "/provider/product"                                               // of providers
	dmpBase    = "/dx/apd/dmp/v1"                                                  // where DMP's own API is
	policies   = dmpBase + "/policies"                                             // of both
	verifyBody = `{"user":{"id":"u"},"item":{"itemId":"i","itemType":"resource"}}` // as AAA sends it, in short
)

// What the original answers, byte for byte.
const (
	notAuthorized = `{"type":"urn:dx:dmp:invalidAuthorizationToken","title":"Not Authorized","detail":"Not Authorized"}`
	badQuery      = `{"type":400,"title":"Bad Request","detail":"Bad query"}`
)

// marketplace is a gateway before a recording server, and who issues its tokens.
type marketplace struct {
	*gateway
	aaa *harness.AAA
}

// startMarketplace starts one and waits until it has AAA's keys.
func startMarketplace(t *testing.T, caddyfile string) *marketplace {
	t.Helper()
	return startMarketplaceWith(t, caddyfile, nil)
}

// startMarketplaceWith tells the Caddyfile more than {$KEYS}, {$CERTIFICATE} and
// {$UPSTREAM}.
func startMarketplaceWith(t *testing.T, caddyfile string, env harness.Env) *marketplace {
	t.Helper()
	m := launchMarketplace(t, harness.StartAAA(t), caddyfile, env)
	m.eventuallyKnows(t, m.consumer())
	return m
}

// launchMarketplace does not wait for keys.
func launchMarketplace(t *testing.T, aaa *harness.AAA, caddyfile string, env harness.Env) *marketplace {
	t.Helper()
	up := harness.NewUpstream(t, nil)
	all := harness.Env{"KEYS": aaa.Keys(), "CERTIFICATE": aaa.Certificate(), "UPSTREAM": up.Addr}
	maps.Copy(all, env)
	return &marketplace{&gateway{Instance: harness.Start(t, caddyfile, all), upstream: up}, aaa}
}

// eventuallyKnows waits until a consumer's token is accepted: keys are fetched in the
// background.
func (m *marketplace) eventuallyKnows(t *testing.T, token string) {
	t.Helper()
	harness.Eventually(t, "the keys are known", func() bool {
		return m.send(t, "GET", policies, dxToken(token)).Status == 200
	})
	m.upstream.Forget()
}

// dxToken is the header line that presents a token as users of the marketplace do.
func dxToken(token string) string { return "token: " + token }

// consumer is a fresh token of the consumer's.
func (m *marketplace) consumer() string {
	return m.aaa.Mint(harness.IdentityClaims(consumer, "consumer"))
}

// provider is a fresh token of the provider's.
func (m *marketplace) provider() string {
	return m.aaa.Mint(harness.IdentityClaims(provider, "provider"))
}

// refused sends a request that must be answered so and must not reach the server.
func (m *marketplace) refused(t *testing.T, status int, body, method, target string, headers ...string) {
	t.Helper()
	m.upstream.Forget()
	got := m.send(t, method, target, headers...)
	if got.Status != status || got.Body != body && method != "HEAD" {
		t.Errorf("%s %s: got %d %s, want %d %s", method, target, got.Status, got.Body, status, body)
	}
	m.wantNothingUpstream(t)
}

// passes sends a request that must reach the server at once and as it is, and returns
// what reached it.
func (m *marketplace) passes(t *testing.T, method, target string, headers ...string) harness.Seen {
	t.Helper()
	m.upstream.Forget()
	got := m.send(t, method, target, headers...)
	seen := m.upstream.Requests()
	if got.Status != 200 || len(seen) != 1 {
		t.Fatalf("%s %s: got %d %s, and %d requests reached the server", method, target, got.Status, got.Body, len(seen))
	}
	if want := method + " " + target + " HTTP/1.1"; seen[0].Line != want {
		t.Errorf("the server sees %q, want %q", seen[0].Line, want)
	}
	return seen[0]
}

// wantToken fails unless the server got a credential unchanged, once, and no other.
func wantToken(t *testing.T, seen harness.Seen, header string) {
	t.Helper()
	name, value, _ := strings.Cut(header, ": ")
	for _, carrier := range []string{"Token", "Authorization"} {
		got := seen.Header.Values(carrier)
		if strings.EqualFold(carrier, name) {
			if len(got) != 1 || got[0] != value {
				t.Errorf("the server sees %s %q, want %q", carrier, got, value)
			}
		} else if len(got) != 0 {
			t.Errorf("the server sees %s %q, which nobody sent", carrier, got)
		}
	}
}

// wantCaller fails unless the server is told that this user calls.
func wantCaller(t *testing.T, seen harness.Seen, subject, kind, roles string) {
	t.Helper()
	for name, want := range map[string]string{"X-Gatehouse-Subject": subject, "X-Gatehouse-Kind": kind, "X-Gatehouse-Roles": roles} {
		if got := strings.Join(seen.Header.Values(name), "|"); got != want {
			t.Errorf("the server sees %s %q, want %q", name, got, want)
		}
	}
}

// inSeconds is a moment as tokens tell it.
func inSeconds(d time.Duration) int64 { return time.Now().Add(d).Unix() }
