package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// metadata is a call that acme may make and that is proxied without being read.
const metadata = "/delta-sharing/shares/sales/schemas/retail/tables/orders/metadata"

// The header names that a server behind the gateway trusts.
var identityNames = []string{"X-Gatehouse-Subject", "X-Gatehouse-Kind", "X-Gatehouse-Token-Id"}

// wantNothingUpstream fails if a hostile request got through.
func (g *gateway) wantNothingUpstream(t *testing.T) {
	t.Helper()
	for _, seen := range g.upstream.Requests() {
		t.Errorf("the upstream was sent %q", seen.Line)
	}
}

// wantIdentity fails unless the upstream is told that acme calls.
func wantIdentity(t *testing.T, seen harness.Seen) {
	t.Helper()
	if got := seen.Header.Values("X-Gatehouse-Subject"); len(got) != 1 || got[0] != "acme" {
		t.Errorf("the upstream sees subject %q, want acme", got)
	}
	for _, name := range identityNames {
		if got := seen.Header.Values(name); len(got) != 1 || got[0] == "" {
			t.Errorf("the upstream sees %s %q, want one value", name, got)
		}
	}
}

func TestConnectionHeaderCannotRemoveIdentity(t *testing.T) {
	g := startGateway(t, nil)
	all := strings.Join(identityNames, ", ")
	for _, tc := range []struct{ name, connection string }{
		{"CVE-2024-45410 names of identity headers", "Connection: close, " + all},
		{"CVE-2026-29054 in lower case", "connection: " + strings.ToLower(all)},
		{"GHSA-w9mr-28mw-j8hg the swapped credential", "Connection: Authorization, " + all},
		{"in a second line", "Connection: keep-alive\r\nConnection: " + all},
		{"between empty elements", "Connection: ,," + all + ", ,"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.upstream.Forget()
			if got := g.send(t, "GET", metadata, g.bearer, tc.connection); got.Status != 200 {
				t.Fatalf("got %d %s", got.Status, got.Body)
			}
			seen := g.upstream.Last(t)
			wantIdentity(t, seen)
			if got := seen.Header.Get("Authorization"); got != "Bearer "+demoToken {
				t.Errorf("the upstream sees Authorization %q, want its own global token", got)
			}
		})
	}
}

func TestClientCannotClaimIdentity(t *testing.T) {
	g := startGateway(t, nil)
	for _, tc := range []struct{ name, header string }{
		{"CVE-2026-30851 a header that the gateway may leave unset", "X-Gatehouse-Roles: evil"},
		{"a header that the gateway sets", "X-Gatehouse-Subject: evil"},
		{"a name that it never sets", "X-Gatehouse-Name: evil"},
		{"CVE-2026-33433 in lower case", "x-gatehouse-subject: evil"},
		{"CVE-2025-64484 with underscores", "X_Gatehouse_Subject: evil"},
		{"GHSA-49wc-4hcv-v58q with dots", "X.Gatehouse.Subject: evil"},
		{"CVE-2026-54763 mixed", "X-Gatehouse_Subject: evil"},
		{"address in X-Real-Ip", "X-Real-Ip: evil"},
		{"CVE-2024-21494 address in X-Forwarded-For", "X-Forwarded-For: evil"},
		{"address in Forwarded", "Forwarded: for=evil"},
		{"CVE-2026-40575 path in X-Forwarded-Uri", "X-Forwarded-Uri: /evil"},
		{"CVE-2026-35051 X-Forwarded-Prefix", "X-Forwarded-Prefix: /evil"},
		{"CVE-2024-21499 X-Forwarded-Host", "X-Forwarded-Host: evil"},
		{"method override", "X-Http-Method-Override: evil"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.upstream.Forget()
			if got := g.send(t, "GET", metadata, g.bearer, tc.header); got.Status != 200 {
				t.Fatalf("got %d %s", got.Status, got.Body)
			}
			seen := g.upstream.Last(t)
			if strings.Contains(seen.Raw, "evil") {
				t.Errorf("the upstream was sent the client's claim:\n%s", seen.Raw)
			}
			wantIdentity(t, seen)
		})
	}
}

func TestTrailersCarryNoIdentity(t *testing.T) {
	g := startGateway(t, nil)
	for _, announced := range []bool{true, false} {
		t.Run(fmt.Sprintf("announced %v", announced), func(t *testing.T) {
			g.upstream.Forget()
			headers := []string{g.bearer, "Content-Type: application/json", "Transfer-Encoding: chunked"}
			if announced {
				headers = append(headers, "Trailer: X-Gatehouse-Subject, Authorization")
			}
			raw := harness.Request("POST", strings.Replace(metadata, "metadata", "query", 1), g.Gate, headers...) +
				"2\r\n{}\r\n0\r\nX-Gatehouse-Subject: evil\r\nAuthorization: Bearer evil\r\n\r\n"
			if got := harness.Send(t, g.Gate, raw); got.Status != 200 {
				t.Fatalf("got %d %s", got.Status, got.Body)
			}
			seen := g.upstream.Last(t)
			if strings.Contains(seen.Raw, "evil") || seen.Body != "{}" {
				t.Errorf("the upstream was sent:\n%s", seen.Raw)
			}
		})
	}
}

func TestOnePathSpellingIsDecidedAndForwarded(t *testing.T) {
	g := startGateway(t, nil)
	const finance = "/delta-sharing/shares/finance/schemas/reports/tables/q3/metadata"
	for _, tc := range []struct {
		name, target string
		status       int
		forwarded    string // the path that may reach the upstream, if any
	}{
		{"as it should be", metadata, 200, metadata},
		{"an escaped letter", strings.Replace(metadata, "shares", "%73hares", 1), 200, metadata},
		{"a doubled slash, which delta clients send", strings.Replace(metadata, "/shares", "//shares", 1), 200, metadata},
		{"not granted", finance, 404, ""},
		{"CVE-2026-33494 dot segments", strings.Replace(metadata, "/sales", "/finance/../sales", 1), 400, ""},
		{"dot segments to what is not granted", strings.Replace(finance, "/finance", "/sales/../finance", 1), 400, ""},
		{"CVE-2025-47952 escaped dot segments", strings.Replace(finance, "/finance", "/sales/%2e%2e/finance", 1), 400, ""},
		{"CVE-2026-42272 lower-case escaped slash", strings.Replace(finance, "/finance", "/sales%2f..%2ffinance", 1), 400, ""},
		{"CVE-2021-29492 upper-case escaped slash", strings.Replace(finance, "/finance", "/sales%2F..%2Ffinance", 1), 400, ""},
		{"CVE-2021-29492 escaped back slash", strings.Replace(finance, "/finance", "/sales%5c..%5cfinance", 1), 400, ""},
		{"back slash", strings.Replace(finance, "/finance", `/sales\..\finance`, 1), 400, ""},
		{"double encoding", strings.Replace(finance, "/finance", "/sales/%252e%252e/finance", 1), 400, ""},
		{"NUL", metadata + "%00", 400, ""},
		{"line feed", metadata + "%0a", 400, ""},
		{"path parameter", strings.Replace(finance, "/finance", "/sales;/../finance", 1), 400, ""},
		{"escaped path parameter", strings.Replace(metadata, "/sales", "/sales%3bx", 1), 400, ""},
		{"invalid UTF-8", strings.Replace(metadata, "/sales", "/sales%ff", 1), 400, ""},
		{"overlong dot", strings.Replace(finance, "/finance", "/sales/%c0%ae%c0%ae/finance", 1), 400, ""},
		{"CVE-2023-47106 fragment", metadata + "#/../../finance", 400, ""},
		{"CVE-2026-32811 escaped question mark stays in the name", strings.Replace(metadata, "/orders", "/orders%3f", 1), 200, strings.Replace(metadata, "/orders", "/orders%3F", 1)},
		{"CVE-2026-32811 escaped question mark ends no path", strings.Replace(finance, "/q3", "%3f/q3", 1), 404, ""},
		{"CVE-2026-33186 no leading slash", strings.TrimPrefix(metadata, "/"), 400, ""},
		{"outside the endpoint", "/admin", 404, ""},
		{"the endpoint's name as a prefix", "/delta-sharing-x/shares", 404, ""},
		{"the endpoint in capitals", strings.Replace(metadata, "/delta-sharing", "/DELTA-SHARING", 1), 404, ""},
		{"an unknown call", "/delta-sharing/shares/sales/schemas/retail/tables/orders/secrets", 404, ""},
		{"CVE-2025-54576 a public path in the query", finance + "?x=/delta_sharing/retrieve_config.html", 404, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.upstream.Forget()
			got := g.send(t, "GET", tc.target, g.bearer)
			if got.Status != tc.status {
				t.Errorf("got %d %s, want %d", got.Status, got.Body, tc.status)
			}
			if tc.forwarded == "" {
				g.wantNothingUpstream(t)
			} else if line := g.upstream.Last(t).Line; line != "GET "+tc.forwarded+" HTTP/1.1" {
				t.Errorf("the upstream was sent %q, want the path %s", line, tc.forwarded)
			}

			g.upstream.Forget()
			if got := g.send(t, "GET", tc.target); got.Status < 400 {
				t.Errorf("without a token: got %d %s", got.Status, got.Body)
			}
			g.wantNothingUpstream(t)
		})
	}
}

func TestOneCredential(t *testing.T) {
	g := startGateway(t, nil)
	for _, tc := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"none", nil, 401},
		{"CVE-2026-26308 a second value", []string{g.bearer, "Authorization: Bearer other"}, 400},
		{"the valid one second", []string{"Authorization: Bearer other", g.bearer}, 400},
		{"the same twice", []string{g.bearer, g.bearer}, 400},
		{"two in one line", []string{g.bearer + ", Bearer other"}, 401},
		{"CVE-2025-64484 an alias of the header", []string{strings.Replace(g.bearer, "Authorization", "Authorization_", 1)}, 401},
		{"an unknown token", []string{"Authorization: Bearer other"}, 401},
		{"the server's own global token", []string{"Authorization: Bearer " + demoToken}, 401},
		{"an empty token", []string{"Authorization: Bearer "}, 401},
		{"another scheme", []string{"Authorization: Basic YTpi"}, 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.upstream.Forget()
			got := g.send(t, "GET", metadata, tc.headers...)
			if got.Status != tc.status {
				t.Errorf("got %d %s, want %d", got.Status, got.Body, tc.status)
			}
			if !strings.Contains(got.Body, `"errorCode"`) {
				t.Errorf("the refusal is not in the protocol's format: %s", got.Body)
			}
			g.wantNothingUpstream(t)
		})
	}
}

func TestNoUpgradeToHTTP2Upstream(t *testing.T) {
	g := startGateway(t, nil)
	g.send(t, "GET", metadata, g.bearer, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
	for _, seen := range g.upstream.Requests() {
		if seen.Header.Get("Upgrade") != "" || seen.Header.Get("Http2-Settings") != "" {
			t.Errorf("the upstream was asked to upgrade:\n%s", seen.Raw)
		}
	}
}

func TestOnlyTheSitesHostIsServed(t *testing.T) {
	g := startGateway(t, nil)
	for _, tc := range []struct {
		name, target, host string
		status             int
	}{
		{"the site's", metadata, g.Gate, 200},
		{"another", metadata, "evil.example", 421},
		{"another in absolute form", "http://evil.example" + metadata, g.Gate, 421},
		{"another in an authority-like path", "//evil.example" + metadata, g.Gate, 400},
		{"with user information", metadata, "x@" + g.Gate, 400},
		{"none", metadata, "", 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.upstream.Forget()
			got := harness.Send(t, g.Gate, harness.Request("GET", tc.target, tc.host, g.bearer))
			if got.Status != tc.status {
				t.Errorf("got %d %q, want %d", got.Status, got.Body, tc.status)
			}
			if tc.status != http.StatusOK {
				g.wantNothingUpstream(t)
			}
		})
	}
	t.Run("the upstream sees the host that was decided on", func(t *testing.T) {
		g.upstream.Forget()
		target := "http://" + g.Gate + metadata
		if got := harness.Send(t, g.Gate, harness.Request("GET", target, "evil.example", g.bearer)); got.Status == http.StatusOK {
			if seen := g.upstream.Last(t); strings.Contains(seen.Raw, "evil") {
				t.Errorf("the upstream was sent:\n%s", seen.Raw)
			}
		}
	})
}

func TestHeaderSizes(t *testing.T) {
	g := startGateway(t, nil)
	for _, tc := range []struct {
		name string
		size int
		want int
	}{
		{"14 KiB pass the server's limit", 14 << 10, 401},
		// Caddy's limit is 16 KiB, and net/http adds 4 KiB to whatever limit it is given.
		{"21 KiB are too large", 21 << 10, 431},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := g.send(t, "GET", metadata, "Authorization: Bearer "+strings.Repeat("a", tc.size))
			if got.Status != tc.want {
				t.Errorf("got %d %s, want %d", got.Status, got.Body, tc.want)
			}
			g.wantNothingUpstream(t)
		})
	}
}
