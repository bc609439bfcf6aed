package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// explanation is what the tests look at in the answer of `explain --json`.
type explanation struct {
	Path      string
	Identity  *struct{ Kind, Subject, Delegate string }
	Decision  string
	Status    int
	Cause     string
	Endpoint  string
	Shadow    bool
	Rules     []struct{ Rule, Source, Outcome, Reason string }
	Forwarded *struct{ Path string }
}

// explain runs the command, with a token in a file if there is one.
func explain(t *testing.T, i *harness.Instance, token string, args ...string) (e explanation, res harness.Result) {
	t.Helper()
	all := append([]string{"gatehouse", "explain", "--json"}, args...)
	if token != "" {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, "--token-file", file)
	}
	res = i.Command("", all...)
	if res.Code != 0 && res.Code != 3 {
		t.Fatalf("explain %v: exit code %d\n%s%s", args, res.Code, res.Stdout, res.Stderr)
	}
	if err := json.Unmarshal([]byte(res.Stdout), &e); err != nil {
		t.Fatalf("explain %v prints no JSON: %v\n%s", args, err, res.Stdout)
	}
	if token != "" && strings.Contains(res.Stdout+res.Stderr, token) || strings.Contains(res.Stdout, "eyJ") {
		t.Errorf("explain %v prints a token:\n%s", args, res.Stdout)
	}
	return e, res
}

// What the command says is what the server does.
func TestExplainSaysWhatHappens(t *testing.T) {
	m := startMarketplace(t, dxSite)
	consumers, providers := m.consumer(), m.provider()
	over := m.aaa.Mint(harness.IdentityClaims(helper, "consumer"))
	m.Gatehouse("user", "revoke", helper)
	delegate := m.aaa.Mint(harness.DelegateClaims("44444444-4444-4444-8444-444444444444", consumer, "consumer"))
	for _, tc := range []struct {
		name, token, method, target string
		cause                       string // of a refusal, where it is a precise one
	}{
		{"nobody", "", "GET", products, "no_token"},
		{"consumer", consumers, "GET", products, ""},
		{"consumer, another spelling", consumers, "GET", "/consumer/list/pr%6fducts?a=b", ""},
		{"consumer, trailing slash", consumers, "GET", products + "/", "trailing_slash"},
		{"consumer at a provider's", consumers, "POST", newProduct, ""},
		{"provider at a consumer's", providers, "GET", products, ""},
		{"delegate", delegate, "GET", products, ""},
		{"revoked", over, "GET", products, "revoked"},
		{"garbage", "garbage", "GET", products, "malformed"},
		{"no such path", consumers, "GET", "/nowhere", ""},
		{"another method", consumers, "PUT", products, ""},
		{"dot segments", consumers, "GET", "/a/../b", ""},
		{"public", "", "GET", "/apis", ""},
		{"the gateway's own, nobody", "", "POST", "/admin/revokeToken", "no_token"},
		{"the gateway's own, a user", consumers, "POST", "/admin/revokeToken", "not_aaa_server"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m.upstream.Forget()
			var headers []string
			if tc.token != "" {
				headers = append(headers, dxToken(tc.token))
			}
			real := m.send(t, tc.method, tc.target, append(headers, "Content-Length: 0")...)
			passed := m.upstream.Requests()
			m.upstream.Forget()

			e, res := explain(t, m.Instance, tc.token, "--address", m.Admin, tc.method, "http://"+m.Gate+tc.target)
			m.wantNothingUpstream(t)
			if allowed := len(passed) == 1; allowed != (e.Decision == "allow") || allowed != (res.Code == 0) || !allowed && e.Status != real.Status {
				t.Errorf("it says %s %d (exit code %d), and the server answers %d", e.Decision, e.Status, res.Code, real.Status)
			}
			if len(passed) == 1 && !strings.HasPrefix(passed[0].Line, tc.method+" "+e.Path) {
				t.Errorf("it says %s, and the server behind sees %q", e.Path, passed[0].Line)
			}
			if tc.cause != "" && e.Cause != tc.cause && e.Cause != strings.ReplaceAll(tc.cause, "_", " ") {
				t.Errorf("it says the cause is %q, want %q", e.Cause, tc.cause)
			}
			if strings.HasPrefix(tc.name, "delegate") && (e.Identity == nil || e.Identity.Subject != consumer || !strings.HasPrefix(e.Identity.Delegate, "4444")) {
				t.Errorf("it says that %+v calls", e.Identity)
			}
		})
	}
	m.Stop()
	for _, token := range []string{consumers, providers, over, delegate} {
		if strings.Contains(withoutProxy(m.Everything()), token) {
			t.Error("the logs hold a token that was explained")
		}
	}
}

// Of a Caddyfile alone, with the demo's own tokens: no server runs, no store is made.
func TestExplainReadsACaddyfileAlone(t *testing.T) {
	i := harness.New(t, exampleCaddyfile(t), exampleEnv(t, nil))
	demo := func(name string) string {
		text, err := os.ReadFile(filepath.Join(harness.Root(t), "examples", "dx", name+".jwt"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	for _, tc := range []struct {
		name, token, method, target string
		args                        []string
		allow                       bool
		says                        string // in the answer
	}{
		{"consumer", demo("consumer"), "GET", products, nil, true, "role consumer"},
		{"consumer at a provider's", demo("consumer"), "POST", newProduct, nil, false, "role provider"},
		{"provider", demo("provider"), "POST", newProduct, nil, true, "role provider"},
		{"delegate", demo("delegate"), "GET", products, nil, true, "33333333-3333-4333-8333-333333333333"},
		{"expired", demo("expired"), "GET", products, nil, false, "expired"},
		{"AAA", demo("aaa-server"), "POST", "/verify", nil, true, "kind aaa-server"},
		{"nobody", "", "GET", products, nil, false, "no_token"},
		{"somebody made up", "", "GET", products, []string{"--kind", "user", "--role", "consumer"}, true, "made up"},
		{"another made up", "", "GET", products, []string{"--kind", "user", "--role", "provider"}, false, "made up"},
		{"of another key", harness.MintWith(harness.NewECKey(t), harness.IdentityClaims(consumer, "consumer")), "GET", products, nil, false, "wrong_signature"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append(tc.args, "--caddyfile", i.Config(), "--scheme", "dx", tc.method, tc.target)
			e, res := explain(t, i, tc.token, args...)
			if (e.Decision == "allow") != tc.allow || (res.Code == 0) != tc.allow {
				t.Errorf("it says %s, exit code %d:\n%s%s", e.Decision, res.Code, res.Stdout, res.Stderr)
			}
			if text := strings.ReplaceAll(res.Stdout, " ", "_"); !strings.Contains(text, strings.ReplaceAll(tc.says, " ", "_")) {
				t.Errorf("it does not say %q:\n%s", tc.says, res.Stdout)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(i.Dir, "store")); err == nil {
		t.Error("a store was made")
	}
}

func TestExplainOfOtherSchemes(t *testing.T) {
	g := startGateway(t, nil)
	token := strings.TrimPrefix(g.bearer, "Authorization: Bearer ")
	at := func(args ...string) []string { return append([]string{"--address", g.Admin}, args...) }
	g.upstream.Forget()
	for _, tc := range []struct {
		name, token string
		args        []string
		allow       bool
	}{
		{"a recipient by name", "", []string{"--recipient", "acme", "GET", metadata}, true},
		{"a recipient by token", token, []string{"GET", metadata}, true},
		{"what is not granted", "", []string{"--recipient", "acme", "GET", strings.Replace(metadata, "sales", "finance", 1)}, false},
		{"nobody", "", []string{"GET", metadata}, false},
	} {
		e, res := explain(t, g.Instance, tc.token, at(tc.args...)...)
		if (e.Decision == "allow") != tc.allow {
			t.Errorf("%s: it says %s\n%s", tc.name, e.Decision, res.Stdout)
		}
		if strings.Contains(res.Stdout, demoToken) {
			t.Errorf("%s: it prints the server's token:\n%s", tc.name, res.Stdout)
		}
	}
	g.wantNothingUpstream(t)
	// Explaining an activation link does not use it up.
	link := g.createRecipient(t, "globex", "sales")
	explain(t, g.Instance, "", at("GET", link)...)
	g.activate(t, link)
	if res := g.TryGatehouse("explain", "--recipient", "nobody-of-that-name", "GET", metadata); res.Code != 1 {
		t.Errorf("an unknown recipient: exit code %d\n%s", res.Code, res.Stdout)
	}

	p := startPersonal(t, pdaSite)
	e, res := explain(t, p.Instance, p.token, "--address", p.Admin, "GET", "http://"+p.Gate+diary)
	if e.Decision != "allow" || len(e.Rules) == 0 {
		t.Errorf("the owner's token: %s", res.Stdout)
	}
	if e, res := explain(t, p.Instance, "", "--address", p.Admin, "--account", p.host, "GET", "http://"+p.Gate+diary); e.Decision != "allow" {
		t.Errorf("the owner: %s", res.Stdout)
	}
	p.Stop()
	if strings.Contains(withoutProxy(p.Everything()), p.token) {
		t.Error("the logs hold the token")
	}
}
