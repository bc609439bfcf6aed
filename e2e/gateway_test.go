package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// deltaSite is a delta gateway before a recording upstream, at debug level so that a
// secret has every chance to leak into the log. Its limits are off: these tests call
// more often than a recipient, see TestRecipientThatCallsTooOftenIsSlowedDown.
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
		rate_limit off
		concurrent_limit off
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
	g := startSite(t, deltaSite, handler)
	g.bearer = bearer(g.activate(t, g.createRecipient(t, "acme", "sales")))
	return g
}

// startSite runs a Caddyfile that is like deltaSite, before any recipient is made.
func startSite(t *testing.T, caddyfile string, handler http.HandlerFunc) *gateway {
	t.Helper()
	up := harness.NewUpstream(t, handler)
	return &gateway{Instance: harness.Start(t, caddyfile, harness.Env{"UPSTREAM": up.Addr}), upstream: up}
}

// startBeforeDemo runs a Caddyfile that is like deltaSite before the demo server.
// What the gateway sends there is recorded on the way.
func startBeforeDemo(t *testing.T, caddyfile string) *gateway {
	t.Helper()
	demo := harness.Address(t)
	up := harness.NewUpstream(t, httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: demo}).ServeHTTP)
	env := harness.Env{"UPSTREAM": up.Addr, "DEMO": demo}
	return &gateway{Instance: harness.Start(t, caddyfile+demoSite, env), upstream: up}
}

// demoSite is the demo server, to be put behind a gateway.
const demoSite = `
http://{$DEMO} {
	import {$ROOT}/examples/delta/Caddyfile
}
`

// with returns deltaSite with more options for the directive.
func with(options string) string {
	const last = "credentials_api /dds-tokens"
	return strings.Replace(deltaSite, last, last+" "+options, 1)
}

// bearer is the header line that presents a token.
func bearer(token string) string { return "Authorization: Bearer " + token }

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

// profile is a credential file.
type profile struct {
	ShareCredentialsVersion int    `json:"shareCredentialsVersion"`
	Endpoint                string `json:"endpoint"`
	BearerToken             string `json:"bearerToken"`
	ExpirationTime          string `json:"expirationTime"`
}

// follow sends the GET of a link as a program does.
func (g *gateway) follow(t *testing.T, link string) harness.Answer {
	t.Helper()
	return g.send(t, "GET", g.target(t, link), "Accept: application/json")
}

// target is the request target of a link, which must lead to public_url.
func (g *gateway) target(t *testing.T, link string) string {
	t.Helper()
	target, found := strings.CutPrefix(link, "http://"+g.Gate)
	if !found {
		t.Fatalf("the link %s does not lead to public_url", link)
	}
	return target
}

// activate follows a link and returns the bearer token.
func (g *gateway) activate(t *testing.T, link string) string {
	t.Helper()
	got := g.follow(t, link)
	var file profile
	if err := json.Unmarshal([]byte(got.Body), &file); err != nil || got.Status != 200 || file.BearerToken == "" {
		t.Fatalf("activation answered %d %s", got.Status, got.Body)
	}
	return file.BearerToken
}

// send says one request without a body on a connection of its own.
func (g *gateway) send(t *testing.T, method, target string, headers ...string) harness.Answer {
	t.Helper()
	return harness.Send(t, g.Gate, harness.Request(method, target, g.Gate, headers...))
}

// sendBody says one request with a body.
func (g *gateway) sendBody(t *testing.T, method, target, body string, headers ...string) harness.Answer {
	t.Helper()
	headers = append(headers, fmt.Sprintf("Content-Length: %d", len(body)))
	return harness.Send(t, g.Gate, harness.Request(method, target, g.Gate, headers...)+body)
}

// wantStatus fails the test unless the request is answered so, and returns the answer.
func (g *gateway) wantStatus(t *testing.T, status int, method, target string, headers ...string) harness.Answer {
	t.Helper()
	got := g.send(t, method, target, headers...)
	if got.Status != status {
		t.Errorf("%s %s: got %d %s, want %d", method, target, got.Status, got.Body, status)
	}
	return got
}
