package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// A gate that is not complete must not start open, nor leave the reader guessing.
func TestMisconfigurationFailsAtLoad(t *testing.T) {
	change := func(from, to string) func(*testing.T) string {
		return func(t *testing.T) string {
			if !strings.Contains(deltaSite, from) {
				t.Fatalf("deltaSite no longer holds %s; mend this test", from)
			}
			return strings.Replace(deltaSite, from, to, 1)
		}
	}
	const (
		token  = "upstream_token {file.{$ROOT}/examples/delta/token}"
		public = "public_url http://{$GATE}"
		site   = "Caddyfile:12" // where the directive stands
		block  = "gatehouse delta {\n\t\tpublic_url http://{$GATE}\n\t\tupstream_token {file.{$ROOT}/examples/delta/token}\n\t}\n"
	)
	for _, tc := range []struct {
		name      string
		caddyfile func(*testing.T) string
		says      []string
	}{
		{"no scheme", change("gatehouse delta {", "gatehouse {"), []string{"Caddyfile:12", "scheme"}},
		{"unknown scheme", change("gatehouse delta", "gatehouse gamma"), []string{"Caddyfile:12", "gamma", "delta"}},
		{"unknown option", change("endpoint", "endpiont"), []string{"Caddyfile:14", "endpiont"}},
		{"option without a value", change("endpoint /delta-sharing", "endpoint"), []string{"Caddyfile:14", "endpoint"}},
		{"option given twice", change("endpoint /delta-sharing", "endpoint /delta-sharing\n\t\tendpoint /other"), []string{"Caddyfile:15", "endpoint"}},
		{"no upstream token", change(token, ""), []string{"Caddyfile:1", "upstream_token"}},
		{"empty upstream token", change(token, "upstream_token {file./dev/null}"), []string{site, "upstream_token"}},
		{"unreadable upstream token", change(token, "upstream_token {file./nonexistent/token}"), []string{site, "upstream_token"}},
		{"upstream token of an unset variable", change(token, "upstream_token {env.NOT_SET_ANYWHERE}"), []string{site, "upstream_token"}},
		{"no public URL", change(public, ""), []string{"Caddyfile:1", "public_url"}},
		{"public URL with a path", change(public, public+"/x"), []string{site, "public_url"}},
		{"public URL without a scheme", change(public, "public_url sharing.example.com"), []string{site, "public_url"}},
		{"path matcher", change("gatehouse delta", "gatehouse /delta-sharing/* delta"), []string{"Caddyfile:12", "matcher"}},
		{"named matcher", change("gatehouse delta", "@a path /a\n\tgatehouse @a delta"), []string{"Caddyfile:13", "matcher"}},
		{"wildcard matcher", change("gatehouse delta", "gatehouse * delta"), []string{"Caddyfile:12", "matcher"}},
		{"one token leaves no overlap", change("endpoint", "max_tokens 1\n\t\tendpoint"), []string{site, "max_tokens"}},
		{"lifetime that is none", change("endpoint", "token_lifetime soon\n\t\tendpoint"), []string{"Caddyfile:14", "token_lifetime"}},
		{"lifetime of nothing", change("endpoint", "token_lifetime 1ms\n\t\tendpoint"), []string{site, "token_lifetime"}},
		{"credentials API inside the protocol", change("/dds-tokens", "/delta-sharing/dds"), []string{site, "credentials_api"}},
		{"issuer without an audience", change("/dds-tokens", "/dds-tokens {\n\tissuer https://issuer.example\n}"), []string{site, "audience"}},
		{"audience without an issuer", change("/dds-tokens", "/dds-tokens {\n\taudience x\n}"), []string{site, "issuer"}},
		{"issuer's keys over plain http", change("/dds-tokens", "/dds-tokens {\n\tissuer a\n\taudience x\n\tkeys http://keys.example/jwks\n}"), []string{site, "key"}},
		{"identity header that HTTP needs", change("endpoint", "identity_headers Host A B C\n\t\tendpoint"), []string{"Caddyfile:1", "identity_headers"}},
		{"two gates in one site", change("reverse_proxy", strings.Replace(block, "delta {", "delta {\n\t\trealm other", 1)+"\treverse_proxy"), []string{"Caddyfile:12", "Caddyfile:20"}},
		{"sites of one realm that differ", change("http://:{$GATE_PORT} {", "http://:{$GATE_PORT} {\n"+block), []string{site, "Caddyfile:23", "realm"}},
		{"unknown store", change("store badger", "store cabinet"), []string{"Caddyfile:8", "cabinet"}},
		{"store that is a file", change("{$DIR}/store", "{$ROOT}/LICENSE"), []string{"store", "LICENSE"}},
		{"unreadable master key", change("store badger", "master_key {file./nonexistent/key}\n\t\tstore badger"), []string{"master_key"}},
		{"short master key", change("store badger", "master_key 0123456789abcdef\n\t\tstore badger"), []string{"master_key", "32"}},
		{"gatehouse given twice", change("gatehouse {", "gatehouse {\n\t}\n\tgatehouse {"), []string{"Caddyfile:9", "twice"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i := harness.New(t, tc.caddyfile(t), harness.Env{"UPSTREAM": "127.0.0.1:1"})
			res := i.Command("", "run", "--adapter", "caddyfile", "--config", i.Config())
			// Caddy's last word; what comes before is its log.
			lines := strings.Split(strings.TrimSpace(res.Stderr), "\n")
			last := lines[len(lines)-1]
			if res.Code == 0 {
				t.Fatalf("the server started and ended well:\n%s", res.Stderr)
			}
			for _, word := range tc.says {
				if !strings.Contains(last, word) {
					t.Errorf("the error does not name %s: %s", word, last)
				}
			}
			if strings.Contains(res.Stderr, "0123456789abcdef") {
				t.Errorf("the error shows the key: %s", last)
			}
			for _, addr := range []string{i.Gate, i.Admin} {
				if conn, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
					conn.Close()
					t.Errorf("%s is open", addr)
				}
			}
		})
	}
}

// What Caddy can be told in JSON passes no Caddyfile parser.
func TestMisconfigurationInJSONFailsAtLoad(t *testing.T) {
	for _, tc := range []struct{ name, gate, says string }{
		{"no scheme", `{"handler":"gatehouse"}`, "scheme"},
		{"unknown scheme", `{"handler":"gatehouse","scheme":{"name":"gamma"}}`, "gamma"},
		{"nothing but the scheme", `{"handler":"gatehouse","scheme":{"name":"delta"}}`, "public_url"},
		{"unknown option", `{"handler":"gatehouse","scheme":{"name":"delta","open":true}}`, "open"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i := harness.New(t, "", nil)
			config := filepath.Join(i.Dir, "caddy.json")
			text := `{"admin":{"listen":"` + i.Admin + `"},"apps":{"http":{"servers":{"s":{"listen":["` + i.Gate +
				`"],"routes":[{"handle":[` + tc.gate + `,{"handler":"static_response","body":"open"}]}]}}}}}`
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			res := i.Command("", "run", "--config", config)
			if res.Code == 0 || !strings.Contains(res.Stderr, tc.says) {
				t.Errorf("exit code %d, want an error with %s:\n%s", res.Code, tc.says, res.Stderr)
			}
		})
	}
}
