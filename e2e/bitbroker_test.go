package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// brokerSite is the gateway of a site without a BitBroker, at debug level.
const brokerSite = `
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
	gatehouse bitbroker {
		app_secret {file.{$APP_SECRET}}
	}
	reverse_proxy {$UPSTREAM}
}
`

// brokerFrontSite is a gateway in front of a BitBroker, with the site that only the
// BitBroker reaches.
const brokerFrontSite = `
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
	gatehouse bitbroker {
		mode in_front
	}
	reverse_proxy {$UPSTREAM}
}
http://{$SERVICES} {
	gatehouse_bitbroker_services {
		secret {file.{$SERVICES_SECRET}}
	}
	respond "nothing else is here" 418
}
`

// brokerWith returns a Caddyfile that is like brokerSite or brokerFrontSite with more
// options for the gate.
func brokerWith(caddyfile, options string) string {
	const last = "gatehouse bitbroker {"
	return strings.Replace(caddyfile, last, last+"\n"+options, 1)
}

// What the tests of both modes agree on.
const (
	servicesSecret = "services-6c1f0e5a9d3b47f2a8e4c0b7d9f1a2e3"

	coordinatorAPI = harness.CoordinatorBase
	contributorAPI = harness.ContributorBase
	consumerAPI    = harness.ConsumerBase
)

// brokerToken is the shape of every token.
var brokerToken = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(\.[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}){2}`)

// brokerage is a gateway before data servers or a BitBroker, with its first coordinator.
type brokerage struct {
	*gateway
	server   *harness.BitBroker
	services string // address of the site of its services; empty without a BitBroker
	token    string // of the user with the id 1
	front    bool
	secret   string // with which contribution ids are made
}

// startBrokerage starts one that serves the coordinator API itself.
func startBrokerage(t *testing.T, caddyfile string) *brokerage {
	t.Helper()
	b := launchBrokerage(t, caddyfile, harness.StartDataServer(t), nil)
	b.token = b.firstCoordinator(t, "create", "admin@example.com", "--name", "Admin", "--organization", "Example")
	return b
}

// startBrokerageInFront starts one in front of a BitBroker.
func startBrokerageInFront(t *testing.T, caddyfile string) *brokerage {
	t.Helper()
	services := harness.Address(t)
	b := launchBrokerage(t, caddyfile, harness.StartBitBroker(t, "http://"+services+"/"+servicesSecret), harness.Env{"SERVICES": services})
	b.services, b.front = services, true
	b.token = b.firstCoordinator(t, "create", "--user", "1")
	return b
}

// launchBrokerage makes no coordinator.
func launchBrokerage(t *testing.T, caddyfile string, server *harness.BitBroker, more harness.Env) *brokerage {
	t.Helper()
	dir := t.TempDir()
	env := harness.Env{
		"UPSTREAM": server.Addr, "APP_SECRET": filepath.Join(dir, "app"), "SERVICES_SECRET": filepath.Join(dir, "services"),
	}
	maps.Copy(env, more)
	for name, text := range map[string]string{env["APP_SECRET"]: harness.BrokerSecret, env["SERVICES_SECRET"]: servicesSecret} {
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &brokerage{gateway: &gateway{Instance: harness.Start(t, caddyfile, env), upstream: server.Upstream}, server: server, secret: harness.BrokerSecret}
}

// firstCoordinator makes a coordinator by command and returns the token that is printed.
func (b *brokerage) firstCoordinator(t *testing.T, args ...string) string {
	t.Helper()
	out := b.Gatehouse(append([]string{"coordinator"}, args...)...)
	found := brokerToken.FindAllString(out, -1)
	if len(found) != 1 {
		t.Fatalf("coordinator create prints %d tokens:\n%s", len(found), out)
	}
	return found[0]
}

// bbk is the header line that presents a token.
func bbk(token string) string { return "x-bbk-auth-token: " + token }

// ask sends a request with a JSON body, or without one, by a token, or without one.
func (b *brokerage) ask(t *testing.T, method, target, token, body string, headers ...string) harness.Answer {
	t.Helper()
	if token != "" {
		headers = append(headers, bbk(token))
	}
	if body == "" && (method == "GET" || method == "HEAD") {
		return b.send(t, method, target, headers...)
	}
	if body != "" {
		headers = append(headers, "Content-Type: application/json")
	}
	return b.sendBody(t, method, target, body, headers...)
}

// must is ask for a call whose status is known.
func (b *brokerage) must(t *testing.T, status int, method, target, token, body string, headers ...string) harness.Answer {
	t.Helper()
	got := b.ask(t, method, target, token, body, headers...)
	if got.Status != status {
		t.Errorf("%s %s: got %d %s, want %d", method, target, got.Status, got.Body, status)
	}
	return got
}

// admin is must on the coordinator API, by the first coordinator.
func (b *brokerage) admin(t *testing.T, status int, method, path, body string) harness.Answer {
	t.Helper()
	return b.must(t, status, method, coordinatorAPI+path, b.token, body)
}

// tokenOf is the token that is the whole body of an answer.
func tokenOf(t *testing.T, got harness.Answer) string {
	t.Helper()
	if brokerToken.FindString(got.Body) != got.Body || len(got.Body) != 110 || got.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("the body is no token alone: %d %v %q", got.Status, got.Header, got.Body)
	}
	return got.Body
}

// createUser makes a user and returns the path below the coordinator API.
func (b *brokerage) createUser(t *testing.T, email string) string {
	t.Helper()
	got := b.admin(t, 201, "POST", "/user", fmt.Sprintf(`{"name":"A user","email":%q,"organization":"Example"}`, email))
	_, path, found := strings.Cut(got.Header.Get("Location"), coordinatorAPI)
	if !found {
		t.Fatalf("the new user is at %q", got.Header.Get("Location"))
	}
	return path
}

// promoted makes a user a coordinator and returns the token.
func (b *brokerage) promoted(t *testing.T, user string) string {
	t.Helper()
	return tokenOf(t, b.admin(t, 200, "POST", user+"/coordinator", ""))
}

// limited is a policy's body with an access_control.
func limited(accessControl string) string {
	return `{"name":"A policy","description":"For tests","policy":{"access_control":` + accessControl +
		`,"data_segment":{"segment_query":{},"field_masks":[]},"legal_context":[]}}`
}

// unlimited restricts nothing.
const unlimited = `{"enabled":false}`

const entityBody = `{"name":"Country","description":"All the countries"}`

// createPolicy makes a policy without limits.
func (b *brokerage) createPolicy(t *testing.T, slug string) {
	t.Helper()
	b.admin(t, 201, "POST", "/policy/"+slug, limited(unlimited))
}

// granted gives a user access to a policy and returns the token.
func (b *brokerage) granted(t *testing.T, user, policy string) string {
	t.Helper()
	return tokenOf(t, b.admin(t, 201, "POST", user+"/access/"+policy, ""))
}

// connector is a new connector's contribution id and token.
type connector struct{ ID, Token string }

// createConnector makes one of an entity type that is there.
func (b *brokerage) createConnector(t *testing.T, entity, slug string) connector {
	t.Helper()
	got := b.admin(t, 201, "POST", "/entity/"+entity+"/connector/"+slug, `{"name":"A connector","description":"For tests"}`)
	var made connector
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || !brokerToken.MatchString(made.Token) {
		t.Fatalf("the new connector is %s", got.Body)
	}
	if want := harness.ContributionID(entity, slug, b.secret); made.ID != want {
		t.Errorf("the contribution id is %s, want %s", made.ID, want)
	}
	return made
}

// session is the address of a connector's new session.
func (c connector) session() string {
	return contributorAPI + "/connector/" + c.ID + "/session/open/accrue"
}

// works says how a token is answered: the call of a coordinator, contributor or consumer
// that can always be made.
const (
	asCoordinator = coordinatorAPI + "/user"
	asConsumer    = consumerAPI + "/catalog"
)

// brokerError is an error without reasons, to the byte.
func brokerError(status int) string {
	phrases := map[int]string{
		400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
		413: "Request Too Long", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
	}
	return fmt.Sprintf(`{"error":{"code":%d,"status":%q,"message":""}}`, status, phrases[status])
}

// refused sends a request that the gate must answer itself, in the error form.
func (b *brokerage) refused(t *testing.T, status int, method, target, token string, headers ...string) harness.Answer {
	t.Helper()
	b.upstream.Forget()
	got := b.must(t, status, method, target, token, "", headers...)
	if method != "HEAD" && got.Body != brokerError(status) {
		t.Errorf("%s %s: the refusal is %q", method, target, got.Body)
	}
	b.wantNothingUpstream(t)
	return got
}

// wantSeen fails unless the server behind was told who calls, and nothing of how the caller
// proved it.
func wantSeen(t *testing.T, seen harness.Seen, audience, rate string) {
	t.Helper()
	for name, want := range map[string][]string{"X-Bbk-Audience": {audience}, "X-Bbk-Rate-Uid": {rate}} {
		got := seen.Header.Values(name)
		if want[0] == "" && len(got) == 1 && got[0] == "" {
			continue // said, and empty
		}
		if want[0] == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0] != want[0] {
			t.Errorf("the server sees %s %q, want %q", name, got, want)
		}
	}
	if brokerToken.MatchString(seen.Raw) {
		t.Errorf("the server sees a token:\n%s", seen.Raw)
	}
}

// inBothModes runs a test against a gateway of its own in each mode.
func inBothModes(t *testing.T, test func(t *testing.T, b *brokerage)) {
	t.Helper()
	t.Run("standalone", func(t *testing.T) { test(t, startBrokerage(t, brokerSite)) })
	t.Run("in front", func(t *testing.T) { test(t, startBrokerageInFront(t, brokerFrontSite)) })
}

// jsonText is a value in JSON.
func jsonText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
