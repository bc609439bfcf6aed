package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// clientProfile is a credential file of version 2, with which a client fetches tokens
// for itself.
type clientProfile struct {
	ShareCredentialsVersion int    `json:"shareCredentialsVersion"`
	Type                    string `json:"type"`
	Endpoint                string `json:"endpoint"`
	TokenEndpoint           string `json:"tokenEndpoint"`
	ClientID                string `json:"clientId"`
	ClientSecret            string `json:"clientSecret"`
	BearerToken             string `json:"bearerToken"`
}

// createClient makes a recipient that uses OAuth and returns its credential file.
func (g *gateway) createClient(t *testing.T, name string, grants ...string) (clientProfile, string) {
	t.Helper()
	args := []string{"recipient", "create", name, "--auth", "oauth"}
	for _, grant := range grants {
		args = append(args, "--grant", grant)
	}
	var made struct {
		Link string `json:"activation_link"`
	}
	g.GatehouseJSON(&made, args...)
	return g.clientFile(t, made.Link)
}

// clientFile follows a link that leads to a client secret.
func (g *gateway) clientFile(t *testing.T, link string) (clientProfile, string) {
	t.Helper()
	got := g.follow(t, link)
	var file clientProfile
	if err := json.Unmarshal([]byte(got.Body), &file); err != nil || got.Status != 200 {
		t.Fatalf("activation answers %d %s", got.Status, got.Body)
	}
	if file.ShareCredentialsVersion != 2 || file.Type != "oauth_client_credentials" || file.Endpoint != g.URL("/delta-sharing") ||
		!strings.HasPrefix(file.TokenEndpoint, g.URL("/")) || file.ClientID == "" || len(file.ClientSecret) < 40 || file.BearerToken != "" {
		t.Fatalf("the credential file is %s", got.Body)
	}
	return file, got.Body
}

// exchanges counts how often an access token was issued, by the audit.
func (g *gateway) exchanges(t *testing.T, file clientProfile) int {
	t.Helper()
	path := `"path":"` + strings.TrimPrefix(file.TokenEndpoint, "http://"+g.Gate) + `"`
	n := 0
	for line := range strings.Lines(g.Output()) {
		if strings.Contains(line, "gatehouse.audit") && strings.Contains(line, path) && strings.Contains(line, `"status":200`) {
			n++
		}
	}
	return n
}

// exchange asks for an access token as both Delta Sharing clients do.
func (g *gateway) exchange(t *testing.T, file clientProfile) harness.Answer {
	t.Helper()
	basic := base64.StdEncoding.EncodeToString([]byte(file.ClientID + ":" + file.ClientSecret))
	return g.exchangeWith(t, file, "grant_type=client_credentials", "Authorization: Basic "+basic)
}

func (g *gateway) exchangeWith(t *testing.T, file clientProfile, form string, headers ...string) harness.Answer {
	t.Helper()
	target := strings.TrimPrefix(file.TokenEndpoint, "http://"+g.Gate)
	headers = append(headers, "Content-Type: application/x-www-form-urlencoded", "Accept: application/json")
	return g.sendBody(t, "POST", target, form, headers...)
}

// accessToken is exchange for one that must succeed.
func (g *gateway) accessToken(t *testing.T, file clientProfile) string {
	t.Helper()
	got := g.exchange(t, file)
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || got.Status != 200 || answer.AccessToken == "" {
		t.Fatalf("the exchange answers %d %s", got.Status, got.Body)
	}
	// Clients renew when less than 600 s remain: a shorter life is an exchange a call.
	if !strings.EqualFold(answer.TokenType, "Bearer") || answer.ExpiresIn < 3590 || answer.ExpiresIn > 3600 ||
		got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the exchange answers %v %s", got.Header, got.Body)
	}
	return answer.AccessToken
}

// readAsTimePasses reads a table twice, then lets the client believe that 55 minutes
// have gone by, which is less than 600 s before its token ends, and reads again.
const readAsTimePasses = `
import sys, time, delta_sharing
profile = sys.argv[1]
def read():
    rows = delta_sharing.load_as_pandas(profile + "#sales.retail.orders")
    print(len(rows), round(float(rows["amount"].sum()), 2), flush=True)
print(",".join(sorted(f"{t.share}.{t.schema}.{t.name}" for t in delta_sharing.SharingClient(profile).list_all_tables())))
read()
read()
print("later", flush=True)
real = time.time
time.time = lambda: real() + 55 * 60
read()
`

func TestPythonClientReadsWithOAuthAcrossRenewals(t *testing.T) {
	g := startBeforeDemo(t, deltaSite)
	file, text := g.createClient(t, "acme", "sales")
	path := credentialFile(t, text)

	const want = "sales.retail.customers,sales.retail.orders,sales.web.visits\n3000 392973.74\n3000 392973.74\nlater\n3000 392973.74\n"
	if got := python(t, readAsTimePasses, path); got != want {
		t.Errorf("the client prints\n%s\nwant\n%s", got, want)
	}
	// One exchange served all calls until the renewal; more are the renewals.
	if n := g.exchanges(t, file); n < 2 {
		t.Errorf("the client exchanged %d times: it never renewed, so this test proves nothing", n)
	}
	before := g.exchanges(t, file)
	if got := python(t, readAll, path); !strings.Contains(got, "sales.web.visits 1200\n") {
		t.Errorf("the client read %s", got)
	}
	if n := g.exchanges(t, file) - before; n != 1 {
		t.Errorf("a client that reads three tables exchanged %d times, want once", n)
	}
	for _, seen := range g.upstream.Requests() {
		if strings.Contains(seen.Raw, "gho_") || strings.Contains(seen.Raw, file.ClientSecret) {
			t.Fatalf("the upstream was sent a credential of the recipient's: %q", seen.Line)
		}
	}

	g.Gatehouse("recipient", "revoke", "acme")
	if got := python(t, readOne, path, "sales.retail.orders"); !strings.HasPrefix(got, "HTTP 401 ") {
		t.Errorf("after the revocation the client prints\n%s\nwant a 401", got)
	}
}

func TestClientSecretsRotateWithOverlapAndAreRevokedAtOnce(t *testing.T) {
	g := startSite(t, deltaSite, nil)
	first, _ := g.createClient(t, "acme", "sales")
	old := g.accessToken(t, first)
	g.wantStatus(t, 200, "GET", metadata, bearer(old))

	g.Gatehouse("recipient", "rotate", "acme", "--old-expires-in", "1h")
	second, _ := g.clientFile(t, strings.TrimSpace(g.Gatehouse("recipient", "link", "acme")))
	if second.ClientID != first.ClientID || second.ClientSecret == first.ClientSecret {
		t.Error("a rotation keeps the client's id and changes its secret")
	}
	tokens := []string{old, g.accessToken(t, first), g.accessToken(t, second)}
	for _, token := range tokens {
		g.wantStatus(t, 200, "GET", metadata, bearer(token))
	}

	g.Gatehouse("recipient", "revoke", "acme")
	for _, token := range tokens {
		g.wantStatus(t, 401, "GET", metadata, bearer(token))
	}
	for _, file := range []clientProfile{first, second} {
		if got := g.exchange(t, file); got.Status != 401 || !strings.Contains(got.Body, `"invalid_client"`) {
			t.Errorf("after the revocation the exchange answers %d %s", got.Status, got.Body)
		}
	}
}

func TestTokenEndpointRefusals(t *testing.T) {
	g := startSite(t, deltaSite, nil)
	file, _ := g.createClient(t, "acme", "sales")
	other, _ := g.createClient(t, "other", "sales")
	basic := func(id, secret string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
	}
	sound := basic(file.ClientID, file.ClientSecret)
	const form = "grant_type=client_credentials"
	inBody := form + "&client_id=" + url.QueryEscape(file.ClientID) + "&client_secret=" + url.QueryEscape(file.ClientSecret)
	for _, tc := range []struct {
		name, form string
		auth       []string
		status     int
		says       string
	}{
		{"secret in the header", form, []string{sound}, 200, "access_token"},
		{"secret in the form", inBody, nil, 200, "access_token"},
		{"secret in both", inBody, []string{sound}, 400, "invalid_request"},
		{"no client", form, nil, 401, "invalid_client"},
		{"another's secret", form, []string{basic(file.ClientID, other.ClientSecret)}, 401, "invalid_client"},
		{"unknown client", form, []string{basic("rcp_aaaaaaaaaaaaaaaaaaaa", file.ClientSecret)}, 401, "invalid_client"},
		{"no secret", form, []string{basic(file.ClientID, "")}, 401, "invalid_client"},
		{"two headers", form, []string{sound, sound}, 400, "invalid_request"},
		{"another grant", "grant_type=password&username=a&password=b", []string{sound}, 400, "unsupported_grant_type"},
		{"no grant", "scope=all", []string{sound}, 400, "invalid_request"},
		{"a grant twice", form + "&" + form, []string{sound}, 400, "invalid_request"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := g.exchangeWith(t, file, tc.form, tc.auth...)
			if got.Status != tc.status || !strings.Contains(got.Body, tc.says) || got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("got %d %v %s, want %d with %s", got.Status, got.Header, got.Body, tc.status, tc.says)
			}
			if tc.status == 401 && len(tc.auth) > 0 && !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Basic") {
				t.Errorf("RFC 6749, section 5.2: got WWW-Authenticate %q", got.Header.Get("WWW-Authenticate"))
			}
		})
	}
	// A secret is not a token, and a token no secret.
	g.wantStatus(t, 401, "GET", metadata, bearer(file.ClientSecret))
	file.ClientSecret = g.accessToken(t, file)
	if got := g.exchange(t, file); got.Status != 401 {
		t.Errorf("an access token buys another: %d %s", got.Status, got.Body)
	}
	g.wantNothingUpstream(t)
}
