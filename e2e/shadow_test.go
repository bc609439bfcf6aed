package e2e

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// ofTheProxy are headers that Caddy's reverse_proxy adds or takes out, gate or no gate.
var ofTheProxy = []string{"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via", "host", "accept-encoding", "user-agent", "connection"}

// linesOf are the header lines of a request apart from those of the proxy, with names in
// lower case.
func linesOf(headers []string) []string {
	var lines []string
	for _, header := range headers {
		name, value, found := strings.Cut(header, ":")
		if name = strings.ToLower(name); found && !slices.Contains(ofTheProxy, name) {
			lines = append(lines, name+": "+strings.TrimSpace(value))
		}
	}
	slices.Sort(lines)
	return lines
}

// withoutProxy is a log without what reverse_proxy says at debug level: it shows headers,
// unless the log is told to leave them out, as Caddyfile.example does.
func withoutProxy(log string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(log, "\n"), func(line string) bool {
		return strings.Contains(line, `"logger":"http.handlers.reverse_proxy"`)
	}), "\n")
}

// In shadow what would be refused reaches the server as it came, and only that.
func TestShadowLetsRefusedRequestsGoOnAsTheyCame(t *testing.T) {
	m := startMarketplace(t, dxWith("\t\tshadow"))
	mine, other := m.consumer(), m.provider()
	expired := m.aaa.Mint(harness.IdentityClaims(consumer, "consumer").With(harness.DXClaims{"exp": 1}))
	m.upstream.Forget()
	for _, tc := range []struct {
		name, method, target string
		headers              []string
		body                 string
	}{
		{"nobody", "GET", products, nil, ""},
		{"another role", "GET", products, []string{dxToken(other)}, ""},
		{"expired", "GET", products, []string{dxToken(expired)}, ""},
		{"garbage", "GET", products, []string{"token: garbage"}, ""},
		{"two credentials", "GET", products, []string{dxToken(mine), bearer(other)}, ""},
		{"a doubled header", "GET", products, []string{dxToken(mine), dxToken(other)}, ""},
		{"basic, and a cookie", "GET", products, []string{"Authorization: Basic dTpw", "Cookie: a=b; c=d"}, ""},
		{"another scheme's token", "GET", products, []string{"X-Auth-Token: x", "X-Bbk-Auth-Token: y"}, ""},
		{"no such path", "GET", "/nowhere?a=%2f&b=c;d", []string{dxToken(mine)}, ""},
		{"another method", "PATCH", products, []string{dxToken(mine)}, `{"a":1}`},
		{"trailing slash", "GET", products + "/", []string{dxToken(mine)}, ""},
		{"encoded slash", "GET", "/consumer%2flist/products", []string{dxToken(mine)}, ""},
		{"encoded dots", "GET", "/x/%2e%2e/consumer/list/products", []string{dxToken(mine)}, ""},
		{"doubled slash", "GET", "/consumer//list/products", []string{dxToken(mine)}, ""},
		{"a body", "POST", newProduct, []string{dxToken(mine)}, "{\"b\":\r\n 2}"},
		{"verification without a credential", "POST", "/verify", nil, verifyBody},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m.upstream.Forget()
			headers := append([]string{"X-Own: kept"}, tc.headers...)
			claims := []string{"X-Gatehouse-Subject: evil", "X_Gatehouse_Kind: evil", "X-Gatehouse-Roles: evil", "X-Gatehouse-Admin: evil"}
			var got harness.Answer
			if tc.body != "" {
				got = m.sendBody(t, tc.method, tc.target, tc.body, append(claims, headers...)...)
				headers = append(headers, "Content-Length: "+strconv.Itoa(len(tc.body)))
			} else {
				got = m.send(t, tc.method, tc.target, append(claims, headers...)...)
			}
			seen := m.upstream.Requests()
			if got.Status != 200 || len(seen) != 1 {
				t.Fatalf("got %d %s, and %d requests reached the server", got.Status, got.Body, len(seen))
			}
			if want := tc.method + " " + tc.target + " HTTP/1.1"; seen[0].Line != want {
				t.Errorf("the server sees %q, want %q", seen[0].Line, want)
			}
			head, _, _ := strings.Cut(seen[0].Raw, "\r\n\r\n")
			if got, want := linesOf(strings.Split(head, "\r\n")[1:]), linesOf(headers); !slices.Equal(got, want) {
				t.Errorf("the server sees\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if seen[0].Body != tc.body {
				t.Errorf("the server gets the body %q", seen[0].Body)
			}
		})
	}
	t.Run("what is allowed goes on as always", func(t *testing.T) {
		seen := m.passes(t, "GET", products, dxToken(mine), "Cookie: a=b")
		wantCaller(t, seen, consumer, "user", "consumer")
		if seen.Header.Get("Cookie") != "" {
			t.Error("a cookie is forwarded")
		}
	})
	t.Run("the gateway's own endpoints refuse", func(t *testing.T) {
		m.upstream.Forget()
		for _, header := range []string{dxToken(mine), "X: y"} {
			if got := m.sendBody(t, "POST", "/admin/revokeToken", `{"sub":"`+consumer+`"}`, header); got.Status != 401 {
				t.Errorf("got %d %s", got.Status, got.Body)
			}
		}
		m.wantNothingUpstream(t)
		if got := m.aaa.Revoke(m.Gate, provider); got.Status != 200 {
			t.Errorf("AAA is answered %d %s", got.Status, got.Body)
		}
	})
	t.Run("identity headers in a trailer", func(t *testing.T) {
		raw := harness.Request("POST", newProduct, m.Gate, dxToken(mine), "Transfer-Encoding: chunked", "Trailer: X-Gatehouse-Subject") +
			"2\r\n{}\r\n0\r\nX-Gatehouse-Subject: evil\r\n\r\n"
		harness.Send(t, m.Gate, raw)
		if strings.Contains(m.upstream.Wire(), "evil") {
			t.Error("a claim reached the server")
		}
	})
	metrics := harness.Send(t, m.Admin, harness.Request("GET", "/metrics", m.Admin)).Body
	if !strings.Contains(metrics, `gatehouse_decisions_total{decision="shadow"`) {
		t.Error("the metrics do not count what would be refused")
	}
	m.Stop()
	if !strings.Contains(m.Output(), `"decision":"shadow"`) || !strings.Contains(m.Output(), "this site is in shadow") {
		t.Error("the log does not say what would be refused, or that the site is in shadow")
	}
	for _, token := range []string{mine, other, expired} {
		if strings.Contains(withoutProxy(m.Output()), token) {
			t.Error("the log holds a token")
		}
	}
}

// In shadow the server's own refusal is its own, and never meets the gateway's token.
func TestShadowNeverLendsTheServersToken(t *testing.T) {
	g := startSite(t, with("\nshadow"), func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+demoToken {
			harness.PlainUnauthorized(w, r)
			return
		}
		_, _ = io.WriteString(w, `{"items":[]}`)
	})
	good := bearer(g.activate(t, g.createRecipient(t, "acme", "sales")))
	for name, headers := range map[string][]string{
		"nobody":           nil,
		"garbage":          {bearer("garbage")},
		"an own old token": {bearer("dapi-of-before")},
		"two":              {bearer("one"), bearer("two")},
		"a bad path":       {good},
		"not granted":      {good},
	} {
		t.Run(name, func(t *testing.T) {
			target := metadata
			switch name {
			case "a bad path":
				target = "/delta-sharing//shares/%2e%2e/x"
			case "not granted":
				target = strings.Replace(metadata, "sales", "finance", 1)
			}
			g.upstream.Forget()
			got := g.send(t, "GET", target, append(headers, "X-Gatehouse-Subject: evil")...)
			seen := g.upstream.Last(t)
			if got.Status != 401 || got.Body != "401 Unauthorized" {
				t.Errorf("got %d %q, want the server's own refusal", got.Status, got.Body)
			}
			if strings.Contains(seen.Raw, demoToken) || strings.Contains(seen.Raw, "evil") || seen.Header.Get("X-Gatehouse-Subject") != "" {
				t.Errorf("the server sees\n%s", seen.Raw)
			}
			if want := "GET " + target + " HTTP/1.1"; seen.Line != want {
				t.Errorf("the server sees %q, want %q", seen.Line, want)
			}
			if got, want := linesOf(strings.Split(seen.Raw, "\r\n")[1:]), linesOf(headers); !slices.Equal(got, want) {
				t.Errorf("the server sees\n%q\nwant\n%q", got, want)
			}
		})
	}
	g.wantStatus(t, 200, "GET", metadata, good)
	if seen := g.upstream.Last(t); seen.Header.Get("Authorization") != "Bearer "+demoToken {
		t.Errorf("an allowed call carries %q", seen.Header.Get("Authorization"))
	}
	g.Gatehouse("recipient", "revoke", "acme")
	if got := g.send(t, "GET", metadata, good); got.Status != 401 || got.Body != "401 Unauthorized" {
		t.Errorf("a revoked token: %d %s", got.Status, got.Body)
	}
}
