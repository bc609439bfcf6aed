package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// principal is who calls, by a letter that heads a column of the tables.
type principal struct {
	letter, name string
	// token is what is presented, "" for nothing.
	token string
	// subject, kind and roles are what the server is told where the call passes.
	subject, kind, roles string
}

// principals mints a token for each. The provider of the Keycloak token is a real one.
func (m *marketplace) principals(t *testing.T, keycloak *harness.OpenID) []principal {
	t.Helper()
	const nobodyElse = ""
	user := harness.IdentityClaims
	mint := m.aaa.Mint
	return []principal{
		{"N", "nobody", nobodyElse, "", "", ""},
		{"C", "consumer", mint(user(consumer, "consumer")), consumer, "user", "consumer"},
		{"P", "provider", mint(user(provider, "provider")), provider, "user", "provider"},
		{"c", "consumer's delegate", mint(harness.DelegateClaims(helper, consumer, "consumer")), consumer, "delegate", "consumer"},
		{"p", "provider's delegate", mint(harness.DelegateClaims(helper, provider, "provider")), provider, "delegate", "provider"},
		{"d", "delegate without drl", mint(user(helper, "delegate").With(harness.DXClaims{"did": consumer})), "", "", ""},
		{"D", "delegate of a delegate", mint(harness.DelegateClaims(helper, consumer, "delegate")), "", "", ""},
		{"a", "admin", mint(user(provider, "admin")), "", "", ""},
		{"o", "COS admin", mint(user(provider, "cos_admin").With(harness.DXClaims{"aud": harness.CosDomain, "iid": "cos:" + harness.CosDomain})), "", "", ""},
		{"O", "COS admin at a resource server", mint(user(provider, "cos_admin")), "", "", ""},
		{"m", "misspelt role", mint(user(consumer, "consumers")), "", "", ""},
		{"x", "expired", mint(user(consumer, "consumer").With(harness.DXClaims{"iat": inSeconds(-13 * time.Hour), "exp": inSeconds(-time.Hour)})), "", "", ""},
		{"i", "other issuer", mint(user(consumer, "consumer").With(harness.DXClaims{"iss": "cos.example.org"})), "", "", ""},
		{"k", "other key", harness.MintWith(harness.NewECKey(t), user(consumer, "consumer")), "", "", ""},
		{"S", "AAA server", mint(harness.ServerClaims(harness.APD)), harness.CosDomain, "aaa-server", ""},
		{"s", "AAA server, to another APD", mint(harness.ServerClaims("apd.example.org")), "", "", ""},
		{"A", "APD token", mint(harness.APDClaims(consumer)), "", "", ""},
		{"R", "access token", mint(harness.AccessClaims(consumer)), "", "", ""},
		{"K", "Keycloak client", keycloak.Token("aaa-service", harness.APD), "aaa-service", "keycloak", ""},
		{"l", "other Keycloak client", keycloak.Token("somebody", harness.APD), "", "", ""},
	}
}

// In the tables a row is a route and a column a principal: + reaches the server, - is
// the original's 401, and a digit another refusal by its status: 4 for 400, 0 for 404, 5 for 405.
// The routes are the rows of DMP's documentation.
const dmpTable = `
                                                   NCPcpdDaoOmxikSsARKl
POST   /consumer/order/{uuid}                      -+-+----------------
GET    /consumer/list/resources                    -+-+----------------
GET    /consumer/list/providers                    -+-+----------------
GET    /consumer/list/purchases?orderId=order_1    -+-+----------------
GET    /consumer/list/products                     -+-+----------------
GET    /consumer/product-variant?productId=a%3Ab   -+-+----------------
POST   /verify-payment                             -+-+----------------
POST   /provider/product                           --+-+---------------
DELETE /provider/product?productId=a               --+-+---------------
GET    /provider/list/products                     --+-+---------------
GET    /provider/list/purchases                    --+-+---------------
POST   /provider/product-variant                   --+-+---------------
GET    /provider/product-variant?productId=a       --+-+---------------
PUT    /provider/product-variant                   --+-+---------------
DELETE /provider/product-variant?productVariantId= --+-+---------------
POST   {base}/account                              --+-+---------------
PUT    {base}/account                              --+-+---------------
GET    {base}/account                              --+-+---------------
POST   /verify                                     4-------------+---+-
GET    {base}/policies                             -++++---------------
GET    {base}/check/policies?productVariantId=a    -+-+----------------

POST   /order-paid-webhooks                        ++++++++++++++++++++
POST   /payment-authorized                         ++++++++++++++++++++
POST   /payments-failed                            ++++++++++++++++++++
GET    /apis                                       ++++++++++++++++++++
GET    /apis/spec                                  ++++++++++++++++++++
OPTIONS /provider/product                          ++++++++++++++++++++
OPTIONS /                                          ++++++++++++++++++++

GET    /consumer/order/{uuid}                      55555555555555555555
POST   /consumer/list/products                     55555555555555555555
PUT    /provider/product                           55555555555555555555
GET    /verify                                     55555555555555555555
DELETE {base}/policies                             55555555555555555555
GET    /payments-failed                            55555555555555555555
GET    /                                           00000000000000000000
GET    /consumer                                   00000000000000000000
GET    /consumer/product-variants                  00000000000000000000
POST   /product/usermaps                           00000000000000000000
POST   /provider/consumer/order/{uuid}             00000000000000000000
POST   {base}/provider/product                     00000000000000000000
GET    /policies                                   00000000000000000000
POST   {base}/verify                               00000000000000000000
GET    /dx/apd/acl/v1/policies                     00000000000000000000
GET    /Consumer/list/products                     00000000000000000000
POST   /VERIFY                                     00000000000000000000
`

// The routes of the ACL server.
const aclTable = `
                                                   NCPcpdDaoOmxikSsARKl
GET    {base}/policies                             -++++---------------
POST   {base}/policies                             --+-+---------------
DELETE {base}/policies                             --+-+---------------
GET    {base}/policies/requests                    -++++---------------
POST   {base}/policies/requests                    -+-+----------------
DELETE {base}/policies/requests                    -+-+----------------
PUT    {base}/policies/requests                    --+-+---------------
POST   /verify                                     4-------------+---+-

GET    /apis                                       ++++++++++++++++++++
GET    /apis/spec                                  ++++++++++++++++++++
OPTIONS {base}/policies                            ++++++++++++++++++++

PUT    {base}/policies                             55555555555555555555
GET    /dx/apd/dmp/v1/policies                     00000000000000000000
GET    /policies                                   00000000000000000000
POST   /provider/product                           00000000000000000000
POST   /order-paid-webhooks                        00000000000000000000
`

// keycloakOption lets AAA's client of a Keycloak call /verify.
const keycloakOption = `
		keycloak {$KEYCLOAK} {
			audience apd.example.com
			clients aaa-service
		}`

func TestEveryRouteOfTheMarketplaceAsksForItsRole(t *testing.T) {
	checkTable(t, "", dmpTable, dmpBase, "urn:dx:dmp:", 80)
}

func TestEveryRouteOfTheACLServerAsksForItsRole(t *testing.T) {
	checkTable(t, "\n\t\trules acl-apd", aclTable, "/dx/apd/acl/v1", "urn:dx:acl:", 40)
}

// An installation may have its routes elsewhere.
func TestBasePathMovesTheRoutesThatAreBelowIt(t *testing.T) {
	table := strings.Replace(dmpTable, "/dx/apd/acl/v1/policies ", "/dx/apd/dmp/v1/policies ", 1)
	checkTable(t, "\n\t\tbase_path /market", table, "/market", "urn:dx:dmp:", 80)
}

// checkTable asks every cell of a table, of which there must be so many.
func checkTable(t *testing.T, options, table, base, urn string, least int) {
	t.Helper()
	keycloak := harness.StartOpenID(t)
	m := launchMarketplace(t, harness.StartAAA(t), dxWith(keycloakOption+options), harness.Env{"KEYCLOAK": keycloak.Issuer()})
	who := m.principals(t, keycloak)
	harness.Eventually(t, "AAA's keys are known", func() bool {
		return m.send(t, "GET", base+"/policies", dxToken(m.consumer())).Status == 200
	})
	harness.Eventually(t, "Keycloak's keys are known", func() bool {
		return m.sendBody(t, "POST", "/verify", verifyBody, bearer(keycloak.Token("aaa-service", harness.APD))).Status == 200
	})
	refusals := map[rune]string{
		'-': fmt.Sprintf(`401 {"type":"%sinvalidAuthorizationToken","title":"Not Authorized","detail":"Not Authorized"}`, urn),
		'0': fmt.Sprintf(`404 {"type":"%snotFound","title":"Not Found","detail":"Not Found"}`, urn),
		'5': fmt.Sprintf(`405 {"type":"%smethodNotAllowed","title":"Method Not Allowed","detail":"Method Not Allowed"}`, urn),
		'4': "400 " + badQuery,
	}
	lines := strings.Split(strings.Trim(table, "\n"), "\n")
	if letters := strings.TrimSpace(lines[0]); len(letters) != len(who) {
		t.Fatalf("the table has %d columns, and there are %d principals", len(letters), len(who))
	}
	cells := 0
	for _, line := range lines[1:] {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		method, cellsOf := words[0], words[2]
		target := strings.NewReplacer("{base}", base, "{uuid}", "88888888-8888-4888-8888-888888888888").Replace(words[1])
		for i, cell := range cellsOf {
			p := who[i]
			if lines[0][len(line)-len(cellsOf)+i:][:1] != p.letter {
				t.Fatalf("column %d of the table is not that of %s", i+1, p.name)
			}
			cells++
			t.Run(method+" "+words[1]+" "+p.name, func(t *testing.T) {
				m.checkCell(t, method, target, p, refusals[cell], strings.Count(cellsOf, "+") == len(who))
			})
		}
	}
	if cells < least {
		t.Errorf("the table has %d cells, want %d at least", cells, least)
	}
}

// checkCell asks one cell. An empty refusal says that the call must pass.
func (m *marketplace) checkCell(t *testing.T, method, target string, p principal, refusal string, public bool) {
	t.Helper()
	m.upstream.Forget()
	var headers []string
	switch {
	case p.token == "":
	case strings.HasSuffix(target, "/verify"):
		headers = append(headers, bearer(p.token))
	default:
		headers = append(headers, dxToken(p.token))
	}
	const body = `{"a": 1}`
	var got harness.Answer
	if method == "POST" || method == "PUT" {
		got = m.sendBody(t, method, target, body, append(headers, "Content-Type: application/json")...)
	} else {
		got = m.send(t, method, target, headers...)
	}
	seen := m.upstream.Requests()
	if refusal != "" {
		if answer := fmt.Sprintf("%d %s", got.Status, got.Body); answer != refusal {
			t.Errorf("got %s, want %s", answer, refusal)
		}
		if wire := len(seen); wire != 0 {
			t.Errorf("%d refused requests reached the server", wire)
		}
		return
	}
	if got.Status != 200 || len(seen) != 1 {
		t.Fatalf("got %d %s, and %d requests reached the server; want one", got.Status, got.Body, len(seen))
	}
	if want := method + " " + target + " HTTP/1.1"; seen[0].Line != want {
		t.Errorf("the server sees %q, want %q", seen[0].Line, want)
	}
	if sent := method == "POST" || method == "PUT"; sent && seen[0].Body != body {
		t.Errorf("the server gets the body %q", seen[0].Body)
	}
	if public {
		wantToken(t, seen[0], "none: ") // nobody has looked at it
		wantCaller(t, seen[0], "", "", "")
		return
	}
	wantToken(t, seen[0], headers[0])
	wantCaller(t, seen[0], p.subject, p.kind, p.roles)
}
