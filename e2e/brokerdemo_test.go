package e2e

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// startBrokerExample runs the BitBroker site of a Caddyfile that is like Caddyfile.example,
// before a recording data server if there is one.
func startBrokerExample(t *testing.T, caddyfile string, more harness.Env) *brokerage {
	t.Helper()
	env := exampleEnv(t, more)
	g := &gateway{Instance: harness.Start(t, caddyfile, env)}
	g.Gate = env["BBK_GATE"]
	b := &brokerage{gateway: g}
	b.token = b.firstCoordinator(t, "create", "admin@example.com", "--name", "Admin", "--organization", "Example")
	return b
}

func TestExampleIsABitBrokerToo(t *testing.T) {
	b := startBrokerExample(t, exampleCaddyfile(t), nil)
	b.admin(t, 201, "POST", "/entity/country", entityBody)
	made := b.admin(t, 201, "POST", "/entity/country/connector/atlas", described)
	contributor := brokerToken.FindString(made.Body)
	session := contributorAPI + "/connector/" + harness.ContributionID("country", "atlas", "") + "/session"
	b.createPolicy(t, "open-data")
	bob := b.createUser(t, "bob@example.com")
	consumer := b.granted(t, bob, "open-data")
	for _, tc := range []struct {
		name, method, target, token string
		status                      int
		says                        string
	}{
		{"announcement", "GET", coordinatorAPI, b.token, 200, "bit-broker coordinator service"},
		{"entity types", "GET", consumerAPI + "/entity", consumer, 200, `"policy":"open-data"`},
		{"entity types, in another spelling", "GET", "/Consumer/V1/ENTITY/", consumer, 200, `"policy":"open-data"`},
		{"instances", "GET", consumerAPI + "/entity/country", consumer, 200, "France"},
		{"catalog", "GET", asConsumer, consumer, 200, "France"},
		{"what the demo has not", "GET", consumerAPI + "/entity/town", consumer, 404, brokerError(404)},
		{"opening a session", "GET", session + "/open/accrue", contributor, 200, `"`},
		{"contributing", "POST", session + "/00000000-0000-4000-8000-000000000001/upsert", contributor, 200, `{}`},
		{"closing a session", "GET", session + "/00000000-0000-4000-8000-000000000001/close/true", contributor, 200, ""},
		{"nobody", "GET", asConsumer, "", 401, brokerError(401)},
		{"a contributor as a consumer", "GET", asConsumer, contributor, 401, brokerError(401)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := b.ask(t, tc.method, tc.target, tc.token, map[string]string{"POST": "[]"}[tc.method])
			if got.Status != tc.status || !strings.Contains(got.Body, tc.says) {
				t.Errorf("got %d %s; want %d with %s", got.Status, got.Body, tc.status, tc.says)
			}
		})
	}
	if got := b.ask(t, "GET", asConsumer, consumer, "", "Host: broker.example.org"); got.Status != 421 {
		t.Errorf("another host is answered %d %s", got.Status, got.Body)
	}
	if strings.Contains(b.Output(), `"level":"error"`) || strings.Contains(b.Output(), "not every log keeps") {
		t.Errorf("the example does not start quietly:\n%s", b.Output())
	}
}
