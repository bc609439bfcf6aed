package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// service sends a request to the services as a BitBroker does.
func (b *brokerage) service(t *testing.T, method, path, body string, headers ...string) harness.Answer {
	t.Helper()
	headers = append(headers, "Accept: application/json, text/plain", "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)))
	return harness.Send(t, b.services, harness.Request(method, path, b.services, headers...)+body)
}

// mintedToken is what the auth service answers.
type mintedToken struct {
	Token   string  `json:"token"`
	KeyID   string  `json:"jti"`
	Refresh *string `json:"refresh_token"`
}

// mint asks for a token that is nobody's yet.
func (b *brokerage) mint(t *testing.T, body string) mintedToken {
	t.Helper()
	got := b.service(t, "POST", "/"+servicesSecret+"/auth/token", body)
	var m mintedToken
	if err := json.Unmarshal([]byte(got.Body), &m); err != nil || got.Status != 200 || len(m.KeyID) != 36 || brokerToken.FindString(m.Token) != m.Token || m.Token == "" {
		t.Fatalf("minting %s: %d %s", body, got.Status, got.Body)
	}
	return m
}

func TestServicesAnswerAsTheContractSays(t *testing.T) {
	b := startBrokerageInFront(t, brokerFrontSite)
	const auth, rate = "/" + servicesSecret + "/auth", "/" + servicesSecret + "/rate"
	const own = "2f0c1f9e-0b1d-4a53-9d1c-6a4be3b1c001"
	m := b.mint(t, `{"scope":"consumer","aud":"pol-one"}`)
	if c := b.mint(t, `{"scope":"consumer","aud":"pol-one","jti":"`+own+`"}`); c.KeyID != own {
		t.Errorf("a key id of the caller's own became %s", c.KeyID)
	}
	for _, tc := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", auth + "/token", `{"scope":"coordinator","aud":""}`, 200, `^\{"token":"[0-9a-f.-]{110}","jti":"[0-9a-f-]{36}"`},
		{"POST", auth + "/token", `{"scope":"coordinator"}`, 200, `"jti":"`},
		{"POST", auth + "/token", `{"scope":"contributor","aud":"con-one"}`, 200, `"jti":"`},
		{"POST", auth + "/token/", `{"scope":"contributor","aud":"con-one"}`, 200, `"jti":"`},
		{"POST", auth + "/token", `{"aud":"con-one"}`, 400, `^Invalid values$`},
		{"POST", auth + "/token", `{"scope":"","aud":"con-one"}`, 400, `^Invalid values$`},
		{"POST", auth + "/token", `{"scope":"superuser","aud":""}`, 400, `^Invalid values$`},
		{"POST", auth + "/token", `{"scope":["consumer"],"aud":"pol-one"}`, 400, `^Invalid values$`},
		{"POST", auth + "/token", `{"scope":"consumer","aud":"pol-one","exp":1}`, 400, `^Invalid values$`},
		{"POST", auth + "/token", `{"scope":"consumer","aud":"pol-one","exp":"soon"}`, 400, `^Invalid values$`},
		{"POST", auth + "/token", `{"scope":"consumer","aud":"pol-one","exp":4102444800}`, 200, `"jti":"`},
		{"POST", auth + "/token", `{"scope":"consumer","aud":"pol-one","jti":"` + own + `"}`, 400, ``},
		{"POST", auth + "/token", `{"scope":"consumer","aud":"pol-one","jti":"short"}`, 400, ``},
		{"POST", auth + "/token", `{"scope":`, 400, ``},
		{"GET", auth + "/token/check/" + m.KeyID, "", 200, `^OK$`},
		{"GET", auth + "/token/check/not-a-uuid", "", 400, `^Invalid value$`},
		{"DELETE", auth + "/token", `["` + m.KeyID + `"]`, 200, `^\[\{"status":"fulfilled"\}\]$`},
		{"GET", auth + "/token/check/" + m.KeyID, "", 403, `^Denied$`},
		{"DELETE", auth + "/token", `["` + m.KeyID + `","not-a-uuid"]`, 200, `^\[\{"status":"fulfilled"\}\]$`},
		{"DELETE", auth + "/token", `[]`, 200, `^\[\]$`},
		{"DELETE", auth + "/token", `["not-a-uuid"]`, 200, `^\[\]$`},
		{"DELETE", auth + "/token", `{"a":1}`, 400, ``},
		{"DELETE", auth + "/token", `"` + own + `"`, 400, ``},
		{"GET", auth + "/.well-known/jwks.json", "", 200, `^\{"keys":\[\]\}$`},
		{"POST", auth + "/token/refresh", `{"refresh_token":"x"}`, 404, ``},
		{"GET", auth + "/token", "", 404, ``},
		{"PUT", rate + "/consumer:pol-one/config", `{"enabled":true,"quota":{"max_number":10,"interval_type":"day"},"rate":5}`, 200, `"enabled":true`},
		{"GET", rate + "/consumer:pol-one/config", "", 200, `"max_number":10`},
		{"PUT", rate + "/contributor:con-one/config", `{"enabled":true,"quota":{"max_number":86400,"interval_type":"day"},"rate":10}`, 200, ``},
		{"DELETE", rate + "/contributor:con-one/config", "", 200, `OK`},
		{"DELETE", rate + "/consumer:pol-one/config", "", 200, `OK`},
		{"GET", rate + "/consumer:pol-one/config", "", 404, `"status":404,"message":"Not Found"`},
		{"GET", rate + "/consumer:none/config", "", 404, `"status":404,"message":"Not Found"`},
	} {
		got := b.service(t, tc.method, tc.path, tc.body)
		if got.Status != tc.status || !regexp.MustCompile(tc.want).MatchString(got.Body) {
			t.Errorf("%s %s %s: got %d %s, want %d %s", tc.method, strings.Replace(tc.path, servicesSecret, "…", 1), tc.body, got.Status, got.Body, tc.status, tc.want)
		}
		if strings.Contains(got.Body, "refresh_token") {
			t.Errorf("%s %s: a refresh token is given out, which nothing ends", tc.method, tc.body)
		}
	}
	for header, want := range map[string]int{"x-auth-jti: " + own: 200, "x-auth-jti: " + m.KeyID: 403, "x-auth-jti: none": 400, "x-other: a": 400} {
		if got := b.service(t, "POST", auth+"/token/check", "", header); got.Status != want {
			t.Errorf("POST check with %s: got %d %s, want %d", header, got.Status, got.Body, want)
		}
	}
}

// Without the secret nothing tells that there is anything, and the site of the services is
// no way to the servers.
func TestServicesAreNothingWithoutTheirSecret(t *testing.T) {
	b := startBrokerageInFront(t, brokerFrontSite)
	b.upstream.Forget()
	var first *harness.Answer
	for _, path := range []string{
		"/", "/auth/token", "/x/auth/token", "/" + servicesSecret[:len(servicesSecret)-1] + "/auth/token", "/" + servicesSecret + "x/auth/token",
		"/" + strings.ToUpper(servicesSecret) + "/auth/token", "/x/" + servicesSecret + "/auth/token", "/auth/token?secret=" + servicesSecret,
		"/" + servicesSecret, "/" + servicesSecret + "/auth", "/" + servicesSecret + "/rate", "/" + servicesSecret + "/rate/consumer:a", "/" + servicesSecret + "/other",
		asCoordinator, "/gatehouse/tokens",
	} {
		got := b.service(t, "POST", path, `{"scope":"coordinator","aud":""}`, bbk(b.token))
		if got.Status != 404 {
			t.Errorf("%s: got %d %s", path, got.Status, got.Body)
			continue
		}
		if first == nil {
			first = &got
		}
		if got.Body != first.Body || got.Header.Get("Content-Type") != first.Header.Get("Content-Type") {
			t.Errorf("%s: answers %q, another %q", path, got.Body, first.Body)
		}
	}
	b.wantNothingUpstream(t)
}

// A token that was minted is good for nothing until the gate has seen whose it is, and what
// a client can do is not to be its auth service.
func TestMintedTokenIsGoodForNothingUntilItIsBound(t *testing.T) {
	b := startBrokerageInFront(t, brokerFrontSite)
	for scope, target := range map[string]string{"coordinator": asCoordinator, "consumer": asConsumer, "contributor": contributorAPI} {
		m := b.mint(t, `{"scope":"`+scope+`","aud":"`+map[string]string{"consumer": "pol-one", "contributor": "con-one"}[scope]+`"}`)
		b.refused(t, 401, "GET", target, m.Token)
	}
	b.refused(t, 404, "POST", "/"+servicesSecret+"/auth/token", b.token)
	b.refused(t, 404, "POST", "/auth/token", b.token)
}

// Two connectors of one BitBroker whose insertion fails after the token was minted leave
// nothing that works.
func TestTokenOfAFailedInsertionIsNobodys(t *testing.T) {
	b := startBrokerageInFront(t, brokerFrontSite)
	b.admin(t, 201, "POST", "/entity/country", entityBody)
	b.admin(t, 201, "POST", "/entity/town", entityBody)
	c := b.createConnector(t, "country", "atlas")
	got := b.admin(t, 500, "POST", "/entity/town/connector/atlas", described)
	if brokerToken.MatchString(got.Body) {
		t.Errorf("the answer holds a token: %s", got.Body)
	}
	b.must(t, 200, "GET", c.session(), c.Token, "")
}

// What the services cannot store is no success.
func TestBitBrokerWithoutItsServicesMintsNothing(t *testing.T) {
	server := harness.StartBitBroker(t, "http://"+harness.Address(t)+"/"+servicesSecret) // where nobody listens
	services := harness.Address(t)
	b := launchBrokerage(t, brokerFrontSite, server, harness.Env{"SERVICES": services})
	b.services, b.front = services, true
	b.token = b.firstCoordinator(t, "create", "--user", "1")
	alice := b.createUser(t, "alice@example.com")
	b.admin(t, 500, "POST", alice+"/coordinator", "")
	b.admin(t, 500, "POST", "/policy/pol-one", limited(unlimited))
}

// A BitBroker that mints elsewhere gives out tokens that nobody would check: the gate says so
// instead.
func TestTokenThatWasMintedElsewhereIsNotPassedOn(t *testing.T) {
	elsewhere := harness.NewUpstream(t, harness.JSON(`{"token":"11111111-1111-4111-8111-111111111111.22222222-2222-4222-8222-222222222222.33333333-3333-4333-8333-333333333333","jti":"44444444-4444-4444-8444-444444444444"}`))
	server := harness.StartBitBroker(t, "http://"+elsewhere.Addr)
	services := harness.Address(t)
	b := launchBrokerage(t, brokerFrontSite, server, harness.Env{"SERVICES": services})
	b.services, b.front = services, true
	b.token = b.firstCoordinator(t, "create", "--user", "1")
	alice := b.createUser(t, "alice@example.com")
	b.createPolicy(t, "pol-one")
	b.admin(t, 201, "POST", "/entity/country", entityBody)
	for _, call := range []struct{ method, path, body string }{
		{"POST", alice + "/coordinator", ""},
		{"POST", alice + "/access/pol-one", ""},
		{"PUT", alice + "/access/pol-one", ""},
		{"POST", "/entity/country/connector/atlas", described},
	} {
		got := b.admin(t, 502, call.method, call.path, call.body)
		if got.Body != brokerError(502) {
			t.Errorf("%s %s: answers %s", call.method, call.path, got.Body)
		}
	}
	if out := b.Output(); !strings.Contains(out, "AUTH_SERVICE") || strings.Contains(out, "11111111-1111-4111-8111-111111111111.2") {
		t.Errorf("the log does not say what to configure, or holds a token:\n%.2000s", out)
	}
}

// An answer that never says whose a token is binds nothing, and one that breaks off leaves
// nothing that works.
func TestAnswersInFrontAreBoundBeforeTheClientSeesThem(t *testing.T) {
	b := startBrokerageInFront(t, brokerFrontSite)
	alice := b.createUser(t, "alice@example.com")
	// The client goes away while its promotion is under way.
	minted, release := make(chan struct{}), make(chan struct{})
	b.server.Pause(func(step string) {
		if step == "minted" {
			close(minted)
			<-release
		}
	})
	c := harness.Dial(t, b.Gate)
	c.Write(harness.Request("POST", coordinatorAPI+alice+"/coordinator", b.Gate, bbk(b.token), "Content-Length: 0"))
	<-minted
	c.Close()
	b.server.Pause(nil)
	close(release)
	// The BitBroker holds that she is one, and so does the gate: she is demoted by both.
	harness.Eventually(t, "the promotion is through", func() bool {
		return strings.Contains(b.ask(t, "GET", coordinatorAPI+alice, b.token, "").Body, `"coordinator":true`)
	})
	b.admin(t, 204, "DELETE", alice+"/coordinator", "")
	token := b.promoted(t, alice)
	b.must(t, 200, "GET", asCoordinator, token, "")
}
