package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// deltaSite is a delta gateway before a recording upstream, at debug level so that a
// secret has every chance to leak into the log.
const deltaSite = `
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
	gatehouse delta {
		public_url http://{$GATE}
		endpoint /delta-sharing
		upstream_token {file.{$ROOT}/examples/delta/token}
		credentials_api /dds-tokens
	}
	reverse_proxy {$UPSTREAM}
}
http://:{$GATE_PORT} {
	respond "this host is not served here" 421
}
`

// gateway is a running delta gateway with one recipient, acme, that may read the
// share sales.
type gateway struct {
	*harness.Instance
	upstream *harness.Upstream
	bearer   string // the header line with acme's token
}

func startGateway(t *testing.T, handler http.HandlerFunc) *gateway {
	t.Helper()
	up := harness.NewUpstream(t, handler)
	g := &gateway{
		Instance: harness.Start(t, deltaSite, harness.Env{"UPSTREAM": up.Addr}),
		upstream: up,
	}
	g.bearer = "Authorization: Bearer " + g.activate(t, g.createRecipient(t, "acme", "sales"))
	return g
}

// createRecipient returns the activation link of a new recipient.
func (g *gateway) createRecipient(t *testing.T, name string, grants ...string) string {
	t.Helper()
	args := []string{"recipient", "create", name}
	for _, grant := range grants {
		args = append(args, "--grant", grant)
	}
	var made struct {
		Link string `json:"activation_link"`
	}
	g.GatehouseJSON(&made, args...)
	if made.Link == "" {
		t.Fatalf("creating recipient %s printed no activation link", name)
	}
	return made.Link
}

// activate follows a link as a program does and returns the bearer token.
func (g *gateway) activate(t *testing.T, link string) string {
	t.Helper()
	target, found := strings.CutPrefix(link, "http://"+g.Gate)
	if !found {
		t.Fatalf("the link %s does not lead to public_url", link)
	}
	got := harness.Send(t, g.Gate, harness.Request("GET", target, g.Gate, "Accept: application/json"))
	var profile struct {
		BearerToken string `json:"bearerToken"`
	}
	if err := json.Unmarshal([]byte(got.Body), &profile); err != nil || got.Status != 200 || profile.BearerToken == "" {
		t.Fatalf("activation answered %d %s", got.Status, got.Body)
	}
	return profile.BearerToken
}

// send says one request without a body on a connection of its own.
func (g *gateway) send(t *testing.T, method, target string, headers ...string) harness.Answer {
	t.Helper()
	return harness.Send(t, g.Gate, harness.Request(method, target, g.Gate, headers...))
}
