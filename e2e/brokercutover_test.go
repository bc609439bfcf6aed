package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// earlier is a BitBroker that ran with its own auth service, and what that gave out: the
// gateway came later.
type earlier struct {
	*brokerage
	auth      *harness.BrokerAuth
	bootstrap string // token of the user with the id 1
	alice     string // path of a coordinator
	bob       string // path of a consumer
	aliceOwn  string // her token
	consumer  string // bob's
	atlas     connector
}

// asBefore makes a call of the BitBroker itself, as before the gateway came.
func asBefore(t *testing.T, server *harness.BitBroker, method, path, body string) harness.Answer {
	t.Helper()
	headers := []string{"Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body))}
	got := harness.Send(t, server.Addr, harness.Request(method, coordinatorAPI+path, server.Addr, headers...)+body)
	if got.Status >= 300 {
		t.Fatalf("%s %s, before the gateway: %d %s", method, path, got.Status, got.Body)
	}
	return got
}

// cutOver starts one and puts the gateway in front. keys says in the Caddyfile where the
// keys are, of which {keys} is the address and {file} a file.
func cutOver(t *testing.T, keys, until string) *earlier {
	t.Helper()
	auth := harness.StartBrokerAuth(t)
	server := harness.StartBitBroker(t, auth.Services())
	e := &earlier{auth: auth, alice: "/user/2", bob: "/user/3"}
	for _, email := range []string{"alice@example.com", "bob@example.com"} {
		asBefore(t, server, "POST", "/user", `{"name":"A user","email":"`+email+`","organization":"Example"}`)
	}
	e.aliceOwn = asBefore(t, server, "POST", e.alice+"/coordinator", "").Body
	asBefore(t, server, "POST", "/policy/open-data", limited(unlimited))
	e.consumer = asBefore(t, server, "POST", e.bob+"/access/open-data", "").Body
	asBefore(t, server, "POST", "/entity/country", entityBody)
	made := asBefore(t, server, "POST", "/entity/country/connector/atlas", described)
	if err := json.Unmarshal([]byte(made.Body), &e.atlas); err != nil {
		t.Fatal(err)
	}
	e.bootstrap = auth.Sign(harness.BootstrapClaims("00000000-0000-0000-0000-000000000000"))

	services := harness.Address(t)
	server.UseServices("http://" + services + "/" + servicesSecret)
	server.Forget()
	file := filepath.Join(t.TempDir(), "keys.json")
	text, err := json.Marshal(auth.KeySet())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	options := "earlier_tokens {\n" + strings.NewReplacer("{keys}", auth.Keys(), "{file}", file).Replace(keys) + "\nissuer bit-broker.io\nuntil " + until + "\n}"
	e.brokerage = launchBrokerage(t, brokerWith(brokerFrontSite, options), server, harness.Env{"SERVICES": services})
	e.services, e.front, e.token = services, true, e.aliceOwn
	return e
}

// eventuallyKnows waits until a token is taken: keys are fetched in the background.
func (e *earlier) eventuallyKnows(t *testing.T) {
	t.Helper()
	harness.Eventually(t, "the keys are known", func() bool {
		return e.ask(t, "GET", asCoordinator, e.aliceOwn, "").Status == 200
	})
}

const farOff = "2099-01-01"

// A cutover breaks nobody: who had a token before goes on with it.
func TestCutoverBreaksNobody(t *testing.T) {
	for name, keys := range map[string]string{"keys by their address": "keys {keys}", "keys in a file": "key_file {file}"} {
		t.Run(name, func(t *testing.T) {
			e := cutOver(t, keys, farOff)
			e.eventuallyKnows(t)
			for _, call := range []struct{ name, target, token, audience, rate string }{
				{"bootstrap", asCoordinator, e.bootstrap, "", ""},
				{"coordinator", asCoordinator, e.aliceOwn, "", ""},
				{"consumer", asConsumer, e.consumer, "open-data", "consumer:open-data"},
				{"contributor", e.atlas.session(), e.atlas.Token, "atlas", ""},
			} {
				e.upstream.Forget()
				e.must(t, 200, "GET", call.target, call.token, "")
				seen := e.upstream.Last(t)
				wantSeen(t, seen, call.audience, call.rate)
				if strings.Contains(seen.Raw, "eyJ") {
					t.Errorf("%s: the server sees the token:\n%s", call.name, seen.Raw)
				}
			}
			// Each on its own API.
			for _, call := range [][2]string{{asConsumer, e.aliceOwn}, {asCoordinator, e.consumer}, {asCoordinator, e.atlas.Token}, {e.atlas.session(), e.consumer}, {asConsumer, e.bootstrap}} {
				e.refused(t, 401, "GET", call[0], call[1])
			}
			// A coordinator of before gives out tokens of now.
			carol := e.createUser(t, "carol@example.com")
			token := e.granted(t, carol, "open-data")
			e.must(t, 200, "GET", asConsumer, token, "")
			if !brokerToken.MatchString(token) {
				t.Errorf("the new token is of the old kind")
			}
		})
	}
}

// What is rescinded ends the tokens of before as well.
func TestEarlierTokensAreRescinded(t *testing.T) {
	e := cutOver(t, "key_file {file}", farOff)
	next := e.createConnector(t, "country", "gazette")
	e.refused(t, 404, "GET", next.session(), e.atlas.Token) // known as another's
	e.must(t, 200, "GET", e.atlas.session(), e.atlas.Token, "")
	var over []rescinded

	// A reissue.
	token := tokenOf(t, e.admin(t, 200, "PUT", e.bob+"/access/open-data", ""))
	over = append(over, rescinded{"consumer", e.consumer, asConsumer, 403})
	e.wantEnded(t, "after a reissue", over)
	e.must(t, 200, "GET", asConsumer, token, "")

	// A deletion of the connector.
	e.admin(t, 204, "DELETE", "/entity/country/connector/atlas", "")
	e.createConnector(t, "country", "atlas")
	if got := e.ask(t, "GET", e.atlas.session(), e.atlas.Token, ""); got.Status != 403 && got.Status != 404 {
		t.Errorf("a deleted connector's earlier token: %d", got.Status)
	}

	// A demotion, by a coordinator of now.
	dave := e.createUser(t, "dave@example.com")
	byDave := *e.brokerage
	byDave.token = e.promoted(t, dave)
	byDave.admin(t, 204, "DELETE", e.alice+"/coordinator", "")
	over = append(over, rescinded{"coordinator", e.aliceOwn, asCoordinator, 403})
	byDave.admin(t, 204, "DELETE", "/user/1/coordinator", "")
	over = append(over, rescinded{"bootstrap", e.bootstrap, asCoordinator, 403}) // whose id the original could not deny
	e.wantEnded(t, "after the demotions", over)
	e.Kill()
	e.Run()
	e.wantEnded(t, "after a kill", over)
	byDave.must(t, 200, "GET", asCoordinator, byDave.token, "")
}

func TestEarlierTokensEndWithTheirPolicy(t *testing.T) {
	e := cutOver(t, "key_file {file}", farOff)
	e.must(t, 200, "GET", asConsumer, e.consumer, "")
	e.admin(t, 204, "DELETE", "/policy/open-data", "")
	over := []rescinded{{"consumer", e.consumer, asConsumer, 403}}
	e.wantEnded(t, "without the policy", over)
	e.createPolicy(t, "open-data")
	e.wantEnded(t, "with a policy of the same name", over)
}

func TestEarlierTokensAreGoodUntilADate(t *testing.T) {
	e := cutOver(t, "key_file {file}", time.Now().Add(4*time.Second).UTC().Format(time.RFC3339))
	e.token = e.firstCoordinator(t, "create", "--user", "1")
	harness.Eventually(t, "the date comes", func() bool { return e.ask(t, "GET", asConsumer, e.consumer, "").Status == 401 })
	e.refused(t, 401, "GET", asCoordinator, e.bootstrap)
	e.must(t, 200, "GET", asCoordinator, e.token, "")
}

// Whoever else signs is nobody.
func TestForgedEarlierTokensAreRefused(t *testing.T) {
	e := cutOver(t, "key_file {file}", farOff)
	e.must(t, 200, "GET", asConsumer, e.consumer, "")
	claims := harness.BrokerClaims("consumer", "open-data", harness.RandomUUID())
	now := time.Now().Unix()
	key, _ := json.Marshal(e.auth.KeySet())
	for name, token := range map[string]string{
		"another key":              harness.SignBroker(harness.NewRSAKey(t), claims),
		"another issuer":           e.auth.Sign(claims.With(harness.DXClaims{"iss": "evil.example"})),
		"no issuer":                e.auth.Sign(claims.With(harness.DXClaims{"iss": nil})),
		"expired":                  e.auth.Sign(claims.With(harness.DXClaims{"exp": now - 600})),
		"expiry of 0":              e.auth.Sign(claims.With(harness.DXClaims{"exp": 0})),
		"expiry as a text":         e.auth.Sign(claims.With(harness.DXClaims{"exp": "4102444800"})),
		"issued tomorrow":          e.auth.Sign(claims.With(harness.DXClaims{"iat": now + 86400})),
		"no scope":                 e.auth.Sign(claims.With(harness.DXClaims{"scope": nil})),
		"another scope":            e.auth.Sign(claims.With(harness.DXClaims{"scope": "superuser"})),
		"two scopes":               e.auth.Sign(claims.With(harness.DXClaims{"scope": "coordinator consumer"})),
		"no key id":                e.auth.Sign(claims.With(harness.DXClaims{"jti": nil})),
		"no audience":              e.auth.Sign(claims.With(harness.DXClaims{"aud": nil})),
		"an empty audience":        e.auth.Sign(claims.With(harness.DXClaims{"aud": ""})),
		"an audience with a break": e.auth.Sign(claims.With(harness.DXClaims{"aud": "open-data\r\nx-bbk-audience: evil"})),
		"unsigned":                 harness.JWT(`{"typ":"jwt","alg":"none"}`, claims.Text(), harness.Unsigned),
		"the key as a secret":      harness.JWT(`{"typ":"jwt","alg":"HS256","kid":"key-of-the-auth-service"}`, claims.Text(), harness.HS256(string(key))),
		"another algorithm":        harness.JWT(`{"typ":"jwt","alg":"PS256","kid":"key-of-the-auth-service"}`, claims.Text(), harness.PS256(e.auth.Key())),
		"a token of ours, encoded": "eyJhbGciOiJSUzI1NiJ9." + strings.Split(e.consumer, ".")[1] + ".AAAA",
	} {
		t.Run(name, func(t *testing.T) { e.refused(t, 401, "GET", asConsumer, token) })
	}
}

// A policy that nobody here knows is the BitBroker's to refuse.
func TestEarlierTokenOfAnUnknownPolicyIsTheServersToRefuse(t *testing.T) {
	e := cutOver(t, "key_file {file}", farOff)
	token := e.auth.Sign(harness.BrokerClaims("consumer", "nowhere", harness.RandomUUID()))
	if got := e.ask(t, "GET", asConsumer, token, ""); got.Status != http.StatusForbidden {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
}
