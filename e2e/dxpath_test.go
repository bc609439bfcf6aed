package e2e

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// A path has one spelling: others of the same are brought to it or refused, and what two
// servers could read differently is refused. What passes is the consumer's own.
func TestPathsOfTheMarketplaceHaveOneSpelling(t *testing.T) {
	m := startMarketplace(t, dxSite)
	const list = products
	for _, tc := range []struct {
		name, target string
		status       int
		line         string // what the server sees, where it passes
	}{
		{"as it is", list, 200, list},
		{"a query", list + "?resourceId=a%2Fb&x=..%2f", 200, list + "?resourceId=a%2Fb&x=..%2f"},
		{"a letter that needs no encoding", "/c%6fnsumer/list/products", 200, list},
		{"the absolute form", "http://" + m.Gate + list, 200, list},
		{"trailing slash", list + "/", 400, ""},
		{"trailing slash, nothing known", "/consumer/", 404, ""},
		{"capitals", "/consumer/list/Products", 404, ""},
		{"doubled slash", "/consumer//list/products", 400, ""},
		{"doubled slash at the start", "/" + list, 400, ""},
		{"dot segment", "/consumer/./list/products", 400, ""},
		{"two dots", "/consumer/x/../list/products", 400, ""},
		{"two dots, encoded", "/consumer/x/%2e%2e/list/products", 400, ""},
		{"two dots, half encoded", "/consumer/x/.%2E/list/products", 400, ""},
		{"two dots with a parameter", "/consumer/x/..;/list/products", 400, ""},
		{"a parameter", "/consumer/list/products;a=b", 400, ""},
		{"encoded slash", "/consumer%2flist/products", 400, ""},
		{"encoded backslash", "/consumer%5clist/products", 400, ""},
		{"backslash", "/consumer\\list/products", 400, ""},
		{"encoded percent", "/consumer%252flist/products", 400, ""},
		{"encoded NUL", list + "%00", 400, ""},
		{"encoded line break", list + "%0d%0aX:%20y", 400, ""},
		{"bytes that are no UTF-8", list + "%ff", 400, ""},
		{"overlong slash", "/consumer%c0%aflist/products", 400, ""},
		{"encoded question mark", list + "%3fproductId=a", 404, ""},
		{"encoded blank at the end", list + "%20", 404, ""},
		{"nested mount of the original", "/provider/consumer/list/products", 404, ""},
		{"the other nesting", "/consumer/provider/list/products", 404, ""},
		{"below the base", dmpBase + list, 404, ""},
		{"above a public route", "/apis/spec/.." + list, 400, ""},
		{"below a public route", "/apis" + list, 404, ""},
		{"a public route, encoded", "/%61pis", 200, "/apis"},
		{"public, trailing slash", "/apis/", 400, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m.upstream.Forget()
			got := m.send(t, "GET", tc.target, dxToken(m.consumer()))
			if got.Status != tc.status {
				t.Errorf("got %d %s, want %d", got.Status, got.Body, tc.status)
			}
			if tc.status != 200 {
				m.wantNothingUpstream(t)
				wantShape(t, got)
				return
			}
			if seen := m.upstream.Last(t).Line; seen != "GET "+tc.line+" HTTP/1.1" {
				t.Errorf("the server sees %q", seen)
			}
		})
	}
	// A parameter of a path is one segment, whatever it holds.
	for given, want := range map[string]string{
		"/consumer/order/a%20b":   "/consumer/order/a%20b",
		"/consumer/order/%c3%a9":  "/consumer/order/%C3%A9",
		"/consumer/order/a:b@c":   "/consumer/order/a:b@c",
		"/consumer/order/%7Btrue": "/consumer/order/%7Btrue",
	} {
		m.upstream.Forget()
		if got := m.sendBody(t, "POST", given, "{}", dxToken(m.consumer())); got.Status != 200 {
			t.Errorf("%s: got %d %s", given, got.Status, got.Body)
		} else if seen := m.upstream.Last(t).Line; seen != "POST "+want+" HTTP/1.1" {
			t.Errorf("%s: the server sees %q", given, seen)
		}
	}
	for _, target := range []string{"/consumer/order/", "/consumer/order", "/consumer/order/a/b", "/consumer/order/a/"} {
		m.upstream.Forget()
		if got := m.sendBody(t, "POST", target, "{}", dxToken(m.consumer())); got.Status != 404 && got.Status != 400 {
			t.Errorf("%s: got %d", target, got.Status)
		}
		m.wantNothingUpstream(t)
	}
}

// The replacer of the configuration never looks into a request.
func TestPlaceholdersInRequestsMeanNothing(t *testing.T) {
	m := startMarketplace(t, dxSite)
	for _, text := range []string{"{env.HOME}", "{http.request.host}", "{http.request.header.Token}", "{path}"} {
		m.upstream.Forget()
		got := m.sendBody(t, "POST", "/consumer/order/"+url.PathEscape(text)+"?q="+url.QueryEscape(text), "{}", dxToken(m.consumer()), "X-Note: "+text)
		if got.Status != 200 {
			t.Fatalf("%s: got %d %s", text, got.Status, got.Body)
		}
		seen := m.upstream.Last(t)
		if path, _, _ := strings.Cut(strings.TrimPrefix(seen.Line, "POST /consumer/order/"), "?"); path != url.PathEscape(text) || seen.Header.Get("X-Note") != text {
			t.Errorf("%s: the server sees\n%s", text, seen.Raw)
		}
		m.refused(t, 404, `{"type":"urn:dx:dmp:notFound","title":"Not Found","detail":"Not Found"}`, "GET", "/"+url.PathEscape(text), dxToken(m.consumer()))
	}
}

func TestMethodsOfTheMarketplace(t *testing.T) {
	m := startMarketplace(t, dxSite)
	const wrong = `{"type":"urn:dx:dmp:methodNotAllowed","title":"Method Not Allowed","detail":"Method Not Allowed"}`
	for _, tc := range []struct {
		method, target string
		status         int
	}{
		{"GET", products, 200},
		{"HEAD", products, 200}, // the server behind says what it thinks of it
		{"OPTIONS", products, 200},
		{"OPTIONS", "/admin/revokeToken", 405},
		{"POST", products, 405},
		{"PUT", products, 405},
		{"PATCH", products, 405},
		{"DELETE", products, 405},
		{"TRACE", products, 405},
		{"PROPFIND", products, 405},
		{"get", products, 405},
		{"Get", products, 405},
		{"GETGET", products, 405},
		{"HEAD", newProduct, 405},
		{"HEAD", "/verify", 405},
		{"GET", "/order-paid-webhooks", 405},
		{"GET", "/admin/revokeToken", 405},
		{"HEAD", "/admin/revokeToken", 405},
		{"PUT", "/admin/revokeToken", 405},
	} {
		t.Run(tc.method+" "+tc.target, func(t *testing.T) {
			if tc.status == 200 {
				m.passes(t, tc.method, tc.target, dxToken(m.consumer()))
				return
			}
			m.refused(t, tc.status, wrong, tc.method, tc.target, dxToken(m.consumer()))
		})
	}
	t.Run("a method in a header is no method", func(t *testing.T) {
		m.refused(t, 405, wrong, "POST", products, dxToken(m.consumer()), "X-HTTP-Method-Override: GET", "Content-Length: 0")
	})
	t.Run("HEAD without a token", func(t *testing.T) {
		m.refused(t, 401, "", "HEAD", products)
	})
	t.Run("the asterisk form", func(t *testing.T) {
		m.upstream.Forget()
		if got := m.send(t, "OPTIONS", "*"); got.Status >= 500 {
			t.Errorf("got %d", got.Status)
		}
		m.wantNothingUpstream(t)
	})
	t.Run("an upgrade is none", func(t *testing.T) {
		seen := m.passes(t, "GET", products, dxToken(m.consumer()), "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
		if seen.Header.Get("Upgrade") != "" {
			t.Errorf("the server is asked to upgrade:\n%s", seen.Raw)
		}
	})
}

// Identity headers and foreign credentials are the gate's.
func TestMarketplaceServerBelievesTheGateAlone(t *testing.T) {
	m := startMarketplace(t, dxSite)
	token := m.consumer()
	for _, target := range []string{products, "/apis"} {
		seen := m.passes(t, "GET", target, dxToken(token),
			"X-Gatehouse-Subject: evil", "X_Gatehouse_Roles: evil", "x-gatehouse-kind: evil", "X-Gatehouse-Delegate: evil",
			"Cookie: session=evil", "X-Auth-Token: evil", "X-Bbk-Auth-Token: evil")
		if strings.Contains(seen.Raw, "evil") {
			t.Errorf("%s: the server sees\n%s", target, seen.Raw)
		}
	}
	for _, name := range []string{"X-Gatehouse-Subject", "X-Gatehouse-Roles"} {
		raw := harness.Request("POST", "/consumer/order/a", m.Gate, dxToken(token), "Transfer-Encoding: chunked", "Trailer: "+name) +
			"2\r\n{}\r\n0\r\n" + name + ": evil\r\n\r\n"
		m.upstream.Forget()
		got := harness.Send(t, m.Gate, raw)
		if strings.Contains(m.upstream.Wire(), "evil") {
			t.Errorf("%s came as a trailer: %d", name, got.Status)
		}
	}
}
