package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// shape is that of every refusal, without a line's end after it.
var shape = regexp.MustCompile(`^\{"type":("urn:dx:[a-z]+:[A-Za-z]+"|400),"title":"[A-Z][A-Za-z ]+","detail":"([^"\\]|\\.)+"\}$`)

// wantShape fails unless an answer is a refusal as the original words it.
func wantShape(t *testing.T, got harness.Answer) {
	t.Helper()
	if !shape.MatchString(got.Body) || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the refusal is %v %q", got.Header, got.Body)
	}
}

// Refusals are what the original answers, byte for byte, apart from what every server
// says of itself.
func TestRefusalsOfTheMarketplaceByteForByte(t *testing.T) {
	m := startMarketplace(t, dxSite)
	const headers = `Cache-Control: no-cache, no-store, must-revalidate, max-age=0
Content-Length: %d
Content-Type: application/json
Expires: 0
Pragma: no-cache
X-Content-Type-Options: nosniff`
	const anyOrigin = "Access-Control-Allow-Origin: *\n"
	const (
		notFound   = `{"type":"urn:dx:dmp:notFound","title":"Not Found","detail":"Not Found"}`
		notAllowed = `{"type":"urn:dx:dmp:methodNotAllowed","title":"Method Not Allowed","detail":"Method Not Allowed"}`
		badGateway = `{"type":"urn:dx:dmp:badGateway","title":"Bad Gateway","detail":"Bad Gateway"}`
	)
	consumer, provider := dxToken(m.consumer()), dxToken(m.provider())
	origin := "Origin: https://market.example.com"
	for _, tc := range []struct {
		name, method, target string
		headers              []string
		status, body         string
	}{
		{"nobody", "GET", products, nil, "401 Unauthorized", notAuthorized},
		{"garbage", "GET", products, []string{"token: garbage"}, "401 Unauthorized", notAuthorized},
		{"another role", "GET", products, []string{provider}, "401 Unauthorized", notAuthorized},
		{"another role, of the other side", "POST", newProduct, []string{consumer, "Content-Length: 0"}, "401 Unauthorized", notAuthorized},
		{"a page of another origin", "GET", products, []string{origin}, "401 Unauthorized", notAuthorized},
		{"no verifier", "POST", "/verify", []string{"Content-Length: 0"}, "400 Bad Request", badQuery},
		{"trailing slash", "GET", products + "/", []string{consumer}, "400 Bad Request", badQuery},
		{"trailing slash, another origin", "GET", products + "/", []string{consumer, origin}, "400 Bad Request", badQuery},
		{"two credentials", "GET", products, []string{consumer, provider}, "400 Bad Request", badQuery},
		{"no such path", "GET", "/nowhere", []string{consumer}, "404 Not Found", notFound},
		{"no such path, another origin", "GET", "/nowhere", []string{origin}, "404 Not Found", notFound},
		{"another method", "PUT", newProduct, []string{provider, "Content-Length: 0"}, "405 Method Not Allowed", notAllowed},
		{"revocation by nobody", "POST", "/admin/revokeToken", []string{"Content-Length: 0"}, "401 Unauthorized", notAuthorized},
		{"the server behind is gone", "GET", products, []string{consumer}, "502 Bad Gateway", badGateway},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if strings.HasPrefix(tc.status, "502") {
				m.upstream.Close()
			}
			c := harness.Dial(t, m.Gate)
			c.Write(harness.Request(tc.method, tc.target, m.Gate, append(tc.headers, "Connection: close")...))
			head, body, _ := strings.Cut(c.Rest(), "\r\n\r\n")
			lines := strings.Split(head, "\r\n")
			if lines[0] != "HTTP/1.1 "+tc.status {
				t.Errorf("got %s, want %s", lines[0], tc.status)
			}
			got := slices.DeleteFunc(lines[1:], func(line string) bool {
				name, _, _ := strings.Cut(line, ":")
				return name == "Date" || name == "Server" || name == "Connection"
			})
			slices.Sort(got)
			want := fmt.Sprintf(headers, len(tc.body))
			if slices.Contains(tc.headers, origin) {
				want = anyOrigin + want
			}
			if text := strings.Join(got, "\n"); text != want {
				t.Errorf("got the header\n%s\nwant\n%s", text, want)
			}
			if body != tc.body {
				t.Errorf("got %q, want %q", body, tc.body)
			}
		})
	}
}

// Why a token is refused is told to the operator always, and to the caller on request.
func TestReasonsOfRefusalsAreTold(t *testing.T) {
	rows := func(m *marketplace) map[string][2]string {
		mint := func(c harness.DXClaims) string {
			return m.aaa.Mint(harness.IdentityClaims(consumer, "consumer").With(c))
		}
		return map[string][2]string{
			"expired":       {mint(harness.DXClaims{"exp": inSeconds(-time.Minute)}), "invalid_token"},
			"unknown_role":  {mint(harness.DXClaims{"role": "consumers"}), "invalid_token"},
			"iid_mismatch":  {mint(harness.DXClaims{"aud": "rs.example.org"}), "invalid_token"},
			"wrong_issuer":  {mint(harness.DXClaims{"iss": "cos.example.org"}), "invalid_token"},
			"no_audience":   {mint(harness.DXClaims{"aud": nil}), "invalid_token"},
			"another role":  {m.provider(), "insufficient_scope"},
			"bad signature": {harness.MintWith(harness.NewECKey(t), harness.IdentityClaims(consumer, "consumer")), "invalid_token"},
		}
	}
	t.Run("in the audit alone", func(t *testing.T) {
		m := startMarketplace(t, dxSite)
		for cause, row := range rows(m) {
			m.refused(t, 401, notAuthorized, "GET", products+"?case="+strings.ReplaceAll(cause, " ", "+"), dxToken(row[0]))
			if got := m.send(t, "GET", products, dxToken(row[0])); got.Header.Get("WWW-Authenticate") != "" {
				t.Errorf("%s: the caller is told %v", cause, got.Header)
			}
		}
		m.Stop()
		for cause, row := range rows(m) {
			if !strings.Contains(cause, " ") && !strings.Contains(m.Output(), `"cause":"`+cause+`"`) {
				t.Errorf("the audit never says %s", cause)
			}
			if strings.Contains(m.Output(), row[0]) {
				t.Error("the log holds a token")
			}
		}
	})
	t.Run("to the caller as well", func(t *testing.T) {
		m := startMarketplace(t, dxWith("\t\tshow_reasons"))
		for cause, row := range rows(m) {
			got := m.send(t, "GET", products, dxToken(row[0]))
			told := got.Header.Get("WWW-Authenticate")
			if got.Status != 401 || got.Body != notAuthorized || !strings.HasPrefix(told, `Bearer error="`+row[1]+`", error_description="`) {
				t.Errorf("%s: got %d %s, told %q", cause, got.Status, got.Body, told)
			}
		}
	})
}
