package e2e

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// startExample runs the shipped Caddyfile.example.
func startExample(t *testing.T) *harness.Instance {
	t.Helper()
	return harness.Start(t, exampleCaddyfile(t), exampleEnv(t, nil))
}

// exampleEnv is what exampleCaddyfile needs beside the harness's own, and more.
func exampleEnv(t *testing.T, more harness.Env) harness.Env {
	t.Helper()
	_, port, _ := net.SplitHostPort(harness.Address(t))
	market := harness.Address(t)
	_, marketPort, _ := net.SplitHostPort(market)
	broker := harness.Address(t)
	_, brokerPort, _ := net.SplitHostPort(broker)
	env := harness.Env{
		"DEMO": harness.Address(t), "PDA_PORT": port, "PDA_DEMO": harness.Address(t),
		"DX_GATE": market, "DX_PORT": marketPort, "DX_DEMO": harness.Address(t),
		"BBK_GATE": broker, "BBK_PORT": brokerPort, "BBK_DEMO": harness.Address(t),
	}
	maps.Copy(env, more)
	return env
}

// exampleCaddyfile is Caddyfile.example; only ports and the place of its data are
// replaced.
func exampleCaddyfile(t *testing.T) string {
	t.Helper()
	root := harness.Root(t)
	text, err := os.ReadFile(filepath.Join(root, "Caddyfile.example"))
	if err != nil {
		t.Fatal(err)
	}
	caddyfile := string(text)
	for _, change := range [][2]string{
		{"127.0.0.1:2019", "{$ADMIN}"},
		{"127.0.0.1:8080", "{$GATE}"},
		{"http://:8080", "http://:{$GATE_PORT}"},
		{"127.0.0.1:8082", "{$DX_GATE}"},
		{"http://:8082", "http://:{$DX_PORT}"},
		{"127.0.0.1:9003", "{$DX_DEMO}"},
		{"127.0.0.1:8083", "{$BBK_GATE}"},
		{"http://:8083", "http://:{$BBK_PORT}"},
		{"127.0.0.1:9004", "{$BBK_DEMO}"},
		{"127.0.0.1:9001", "{$DEMO}"},
		{"http://:8081", "http://:{$PDA_PORT}"},
		{"127.0.0.1:9002", "{$PDA_DEMO}"},
		{"bin/example/", "{$DIR}/"},
		{"import examples/", "import {$ROOT}/examples/"},
	} {
		if !strings.Contains(caddyfile, change[0]) {
			t.Fatalf("Caddyfile.example no longer holds %s; mend this test", change[0])
		}
		caddyfile = strings.ReplaceAll(caddyfile, change[0], change[1])
	}
	return caddyfile
}

func TestExampleGivesEachRecipientItsOwnTables(t *testing.T) {
	g := &gateway{Instance: startExample(t)}
	link := g.createRecipient(t, "acme", "sales", "finance/reports/q3")
	got := harness.Send(t, g.Gate, harness.Request("GET", strings.TrimPrefix(link, "http://"+g.Gate), g.Gate, "Accept: application/json"))
	if got.Status != 200 {
		t.Fatalf("activation answered %d %s", got.Status, got.Body)
	}
	profile := filepath.Join(t.TempDir(), "config.share")
	if err := os.WriteFile(profile, []byte(got.Body), 0o600); err != nil {
		t.Fatal(err)
	}
	res := harness.Python(t, readAll, profile)
	want := "sales.retail.orders 3000\nsales.retail.customers 400\nsales.web.visits 1200\nfinance.reports.q3 4\n"
	if res.Code != 0 || res.Stdout != want {
		t.Errorf("the client read\n%s%s\nwant\n%s", res.Stdout, res.Stderr, want)
	}
}

func TestExampleIsReadyForASecondRun(t *testing.T) {
	g := &gateway{Instance: startExample(t)}
	bearer := "Authorization: Bearer " + g.activate(t, g.createRecipient(t, "acme", "sales"))
	g.Stop()
	g.Run()
	if got := g.send(t, "GET", "/delta-sharing/shares", bearer); got.Status != 200 {
		t.Errorf("after a restart the token gets %d %s", got.Status, got.Body)
	}
}
