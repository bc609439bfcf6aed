package e2e

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// demoTokens are the tokens that come with the example, by their names.
func demoTokens(t *testing.T) map[string]string {
	t.Helper()
	tokens := make(map[string]string)
	for _, name := range []string{"consumer", "provider", "delegate", "expired", "aaa-server"} {
		text, err := os.ReadFile(filepath.Join(harness.Root(t), "examples", "dx", name+".jwt"))
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = strings.TrimSpace(string(text))
	}
	return tokens
}

// startMarketExample runs the marketplace of a Caddyfile that is like Caddyfile.example.
func startMarketExample(t *testing.T, caddyfile string, more harness.Env) *gateway {
	t.Helper()
	env := exampleEnv(t, more)
	g := &gateway{Instance: harness.Start(t, caddyfile, env)}
	g.Gate = env["DX_GATE"]
	return g
}

func TestExampleIsAMarketplaceToo(t *testing.T) {
	g := startMarketExample(t, exampleCaddyfile(t), nil)
	tokens := demoTokens(t)
	const webhook = `{"event":"order.paid"}`
	secret, err := os.ReadFile(filepath.Join(harness.Root(t), "examples", "dx", "webhook-secret"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, method, target, header string
		status                       int
		says                         string
	}{
		{"consumer", "GET", products, dxToken(tokens["consumer"]), 200, `"askedBy":"11111111-1111-4111-8111-111111111111"`},
		{"delegate", "GET", products, dxToken(tokens["delegate"]), 200, `"askedBy":"11111111-1111-4111-8111-111111111111"`},
		{"consumer, as bearer", "GET", products, bearer(tokens["consumer"]), 200, "Weather"},
		{"provider", "POST", newProduct, dxToken(tokens["provider"]), 201, `"createdBy":"22222222-2222-4222-8222-222222222222"`},
		{"provider's list", "GET", "/provider/list/products", dxToken(tokens["provider"]), 200, "Weather"},
		{"policies", "GET", policies, dxToken(tokens["provider"]), 200, "ACTIVE"},
		{"AAA", "POST", "/verify", bearer(tokens["aaa-server"]), 200, "urn:apd:Allow"},
		{"documents", "GET", "/apis", "X: y", 200, "<!doctype html>"},
		{"what the demo has not", "GET", "/provider/list/purchases", dxToken(tokens["provider"]), 404, "only a few answers"},
		{"consumer at a provider's", "POST", newProduct, dxToken(tokens["consumer"]), 401, notAuthorized},
		{"provider at a consumer's", "GET", products, dxToken(tokens["provider"]), 401, notAuthorized},
		{"expired", "GET", products, dxToken(tokens["expired"]), 401, notAuthorized},
		{"nobody", "GET", products, "X: y", 401, notAuthorized},
		{"a webhook that is not signed", "POST", "/order-paid-webhooks", "X: y", 401, notAuthorized},
		{"a webhook", "POST", "/order-paid-webhooks", "X-Razorpay-Signature: " + signature(strings.TrimSpace(string(secret)), webhook), 404, "only a few answers"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got harness.Answer
			if tc.method == "POST" {
				got = g.sendBody(t, tc.method, tc.target, webhook, tc.header)
			} else {
				got = g.send(t, tc.method, tc.target, tc.header)
			}
			if got.Status != tc.status || !strings.Contains(got.Body, tc.says) {
				t.Errorf("got %d %s; want %d with %s", got.Status, got.Body, tc.status, tc.says)
			}
		})
	}
	if got := g.send(t, "GET", products, "Host: apd.example.org", dxToken(tokens["consumer"])); got.Status != 421 {
		t.Errorf("another host is answered %d %s", got.Status, got.Body)
	}
	if strings.Contains(g.Output(), `"level":"error"`) || strings.Contains(g.Output(), "webhook_secret") {
		t.Errorf("the example does not start quietly:\n%s", g.Output())
	}
}

// The key of the demo has no private half that anybody could find, and a gateway with
// keys of its own does not know the demo's tokens.
func TestDemoTokensAreGoodInTheDemoAlone(t *testing.T) {
	root := filepath.Join(harness.Root(t), "examples")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "PRIVATE KEY") {
			t.Errorf("%s holds a private key", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	m := startMarketplace(t, dxSite)
	for name, token := range demoTokens(t) {
		t.Run(name, func(t *testing.T) {
			m.refused(t, 401, notAuthorized, "GET", policies, dxToken(token))
			m.refused(t, 401, notAuthorized, "POST", "/verify", bearer(token), "Content-Length: 0")
		})
	}
}

// plantMarket sends each token by the carriers it has, and by those it should not have.
func (g *gateway) plantMarket(t *testing.T) secretsSeen {
	t.Helper()
	all := secretsSeen{"webhook secret": "demo-webhook-secret"}
	for name, token := range demoTokens(t) {
		all[name] = token
	}
	for name, secret := range all {
		for _, target := range []string{products, newProduct, "/verify", "/admin/revokeToken", "/apis", "/nowhere", products + "%00", products + "/"} {
			for _, headers := range [][]string{
				{dxToken(secret)},
				{bearer(secret)},
				{dxToken(secret), bearer(secret)},
				{dxToken(secret), dxToken(secret + "x")},
				{dxToken("Bearer " + secret)},
				{"Authorization: " + secret},
				{"Authorization: Basic " + secret},
				{"Cookie: token=" + secret},
				{"X-Auth-Token: " + secret, "X-Bbk-Auth-Token: " + secret},
				{"Referer: http://" + g.Gate + "/?token=" + secret, dxToken(all["consumer"])},
				{"Host: other.example", dxToken(secret)},
			} {
				g.say(t, "GET", target, "", headers...)
				g.say(t, "POST", target, `{"sub":"`+secret+`"}`, headers...)
			}
		}
		if name == "webhook secret" {
			continue // nothing knows it where nobody says it
		}
		g.say(t, "GET", products+"?token="+secret, "")
		g.say(t, "GET", "/"+secret, "", dxToken(all["consumer"]))
		g.say(t, "GET", "/consumer/order/"+secret, "")
		g.TryGatehouse("user", "revoke", secret)
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(g.Gate)
		for _, args := range [][]string{{"--token-file", file}, {"--token-file", file, "--json"}} {
			res := g.TryGatehouse(append([]string{"explain", "GET", "http://127.0.0.1:" + port + products}, args...)...)
			if strings.Contains(res.Stdout+res.Stderr, secret) {
				t.Errorf("explain prints the token of the %s", name)
			}
		}
	}
	return all
}

func TestNoTokenOfTheMarketplaceIsWrittenDown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "upstream")
	if err := os.WriteFile(file, []byte(upstreamSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	up := harness.NewUpstream(t, nil)
	g := startMarketExample(t, exampleWithUpstream(t), harness.Env{"UPSTREAM": up.Addr, "UPSTREAM_TOKEN": file, "DX_DEMO": up.Addr})
	secrets := g.plantMarket(t)
	g.Gatehouse("user", "list")
	g.Stop()
	written := g.Everything()
	for _, want := range []string{`"msg":"upstream roundtrip"`, `"logger":"http.log.access`, `"msg":"decision"`, "REDACTED", "access.log", "default.log"} {
		if !strings.Contains(written, want) {
			t.Errorf("the process did not write %s; mend this test", want)
		}
	}
	places := g.Files() // the store's too
	places["the output"] = g.Output()
	for place, text := range places {
		for _, leak := range secrets.leaks(text) {
			t.Errorf("%s holds the %q", place, leak)
		}
	}
}

// The control of the test above: without the filters the same run does write tokens down.
func TestWithoutFiltersTokensOfTheMarketplaceAreWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "upstream")
	if err := os.WriteFile(file, []byte(upstreamSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	up := harness.NewUpstream(t, nil)
	caddyfile := exampleWithUpstream(t)
	from, to := strings.Index(caddyfile, "(redacted) {"), strings.Index(caddyfile, "\n}\n")
	g := startMarketExample(t, caddyfile[:from]+"(redacted) {\n\tformat json"+caddyfile[to:], harness.Env{"UPSTREAM": up.Addr, "UPSTREAM_TOKEN": file, "DX_DEMO": up.Addr})
	secrets := g.plantMarket(t)
	g.Stop()
	leaks := strings.Join(secrets.leaks(g.Everything()), "\n")
	for _, want := range []string{"consumer", "provider", "aaa-server"} {
		if !strings.Contains(leaks, want+": ") {
			t.Errorf("the logs do not hold the token of the %s: the test cannot fail", want)
		}
	}
}
