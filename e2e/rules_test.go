package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// ownRules are an operator's own, with all that the language has.
const ownRules = `# method path who
allow GET    /orders/{id}         role consumer when params.id.startsWith("a") # and no other
allow GET    /orders/{id}         role provider
allow GET    /orders/mine         authenticated
allow PUT,PATCH /orders/{id}      role provider when delegate == ""
allow GET    /files/{path...}     kind user when claims.aud == "rs.example.com" && method == "GET"
allow GET    {base}/policies      role consumer,provider
allow GET    /help                public
allow GET    /{$}                 public
`

// writeRules writes a file of rules and returns dxSite with it.
func writeRules(t *testing.T, file, text string) (caddyfile string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dxWith("\t\trules " + file)
}

// checkOwnRules asks what ownRules answer.
func (m *marketplace) checkOwnRules(t *testing.T) {
	t.Helper()
	mint := m.aaa.Mint
	who := map[string][]string{
		"nobody":   nil,
		"consumer": {dxToken(m.consumer())},
		"provider": {dxToken(m.provider())},
		"delegate": {dxToken(mint(harness.DelegateClaims(helper, provider, "provider")))},
		"other":    {dxToken(mint(harness.IdentityClaims(consumer, "consumer").With(harness.DXClaims{"aud": "rs.example.org", "iid": "rs:rs.example.org"})))},
	}
	for _, row := range []struct {
		method, target string
		allowed        string // who, in words
	}{
		{"GET", "/orders/a1", "consumer other provider delegate"},
		{"GET", "/orders/b1", "provider delegate"},
		{"GET", "/orders/mine", "consumer other provider delegate"},
		{"PUT", "/orders/b1", "provider"},
		{"PATCH", "/orders/b1", "provider"},
		{"GET", "/files/a/b", "consumer provider"},
		{"GET", "/files/", "consumer provider"},
		{"GET", policies, "consumer other provider delegate"},
		{"GET", "/help", "nobody consumer provider delegate other"},
		{"GET", "/", "nobody consumer provider delegate other"},
		{"GET", products, ""},
		{"DELETE", "/orders/b1", ""},
	} {
		for name, headers := range who {
			t.Run(row.method+" "+row.target+" "+name, func(t *testing.T) {
				m.upstream.Forget()
				got := m.send(t, row.method, row.target, headers...)
				want := strings.Contains(" "+row.allowed+" ", " "+name+" ")
				if passed := len(m.upstream.Requests()) == 1; passed != want || (got.Status == 200) != want {
					t.Errorf("got %d %s, want it allowed: %t", got.Status, got.Body, want)
				}
			})
		}
	}
}

func TestRulesOfOnesOwn(t *testing.T) {
	t.Run("in a file", func(t *testing.T) {
		startMarketplace(t, writeRules(t, filepath.Join(t.TempDir(), "own.rules"), ownRules)).checkOwnRules(t)
	})
	t.Run("in the block", func(t *testing.T) {
		startMarketplace(t, dxWith("\t\trules {\n"+ownRules+"\n}")).checkOwnRules(t)
	})
	t.Run("in the block, of a snippet", func(t *testing.T) {
		startMarketplace(t, "(own) {\n"+ownRules+"}\n"+dxWith("\t\trules {\n\t\t\timport own\n\t\t}")).checkOwnRules(t)
	})
}

func TestBrokenRulesNeverReplaceGoodOnes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "own.rules")
	m := startMarketplace(t, writeRules(t, file, ownRules))
	consumer := dxToken(m.consumer())
	m.passes(t, "GET", "/orders/a1", consumer)
	for name, text := range map[string]string{
		"a word misspelt":              "alow GET /orders/{id} public\n",
		"nothing of who":               "allow GET /orders/{id}\n",
		"nothing at all":               "",
		"comments alone":               "# allow GET /orders/{id} public\n",
		"patterns that overlap":        "allow GET /{a}/b public\nallow GET /b/{c} role consumer\n",
		"a line that decides nothing":  "allow GET /orders/{id} public\nallow GET /orders/{other} role consumer\n",
		"a condition that is none":     "allow GET /orders/{id} role consumer when 1 + \n",
		"a condition of another type":  "allow GET /orders/{id} role consumer when 1 + 1\n",
		"a variable that nobody knows": "allow GET /orders/{id} role consumer when secret == \"x\"\n",
		"bytes that are no UTF-8":      "allow GET /orders/\xff public\n",
		"a mebibyte and more":          strings.Repeat("# pad\n", 1<<18),
	} {
		t.Run(name, func(t *testing.T) {
			res := m.Reload(writeRules(t, file, text))
			if res.Code == 0 {
				t.Error("the reload succeeds")
			}
			if strings.Contains(text, "allow") && !strings.Contains(name, "comments") && !strings.Contains(res.Stderr, "own.rules") {
				t.Errorf("the error does not name the file:\n%s", res.Stderr)
			}
			m.passes(t, "GET", "/orders/a1", consumer)
			m.refused(t, 401, notAuthorized, "GET", "/orders/b1", consumer)
			m.refused(t, 404, `{"type":"urn:dx:dmp:notFound","title":"Not Found","detail":"Not Found"}`, "GET", products, consumer)
		})
	}
	t.Run("a file that is gone", func(t *testing.T) {
		caddyfile := writeRules(t, file, ownRules)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if res := m.Reload(caddyfile); res.Code == 0 || !strings.Contains(res.Stderr, "own.rules") {
			t.Errorf("exit code %d:\n%s", res.Code, res.Stderr)
		}
		m.passes(t, "GET", "/orders/a1", consumer)
	})
	t.Run("a changed file, by a plain reload", func(t *testing.T) {
		caddyfile := writeRules(t, file, strings.Replace(ownRules, `startsWith("a")`, `startsWith("b")`, 1))
		if err := os.WriteFile(m.Config(), []byte(caddyfile), 0o600); err != nil {
			t.Fatal(err)
		}
		if res := m.Command("", "reload", "--adapter", "caddyfile", "--config", m.Config(), "--address", m.Admin); res.Code != 0 {
			t.Fatal(res.Stderr)
		}
		harness.Eventually(t, "the new rules are in place", func() bool { return m.send(t, "GET", "/orders/b1", consumer).Status == 200 })
		m.refused(t, 401, notAuthorized, "GET", "/orders/a1", consumer)
	})
}

func TestCommandsOfRulesNeedNoServer(t *testing.T) {
	i := harness.New(t, "", nil)
	run := func(stdin string, args ...string) harness.Result {
		return i.Command(stdin, append([]string{"gatehouse", "rules"}, args...)...)
	}
	if res := run("", "show"); res.Code != 0 || !strings.Contains(res.Stdout, "dmp-apd") || !strings.Contains(res.Stdout, "acl-apd") ||
		!strings.Contains(res.Stdout, "delta") || !strings.Contains(res.Stdout, "pda") {
		t.Errorf("rules show: %d\n%s%s", res.Code, res.Stdout, res.Stderr)
	}
	for _, name := range []string{"delta", "pda", "dmp-apd", "acl-apd"} {
		shown := run("", "show", name)
		if shown.Code != 0 || !strings.Contains(shown.Stdout, "allow ") {
			t.Errorf("rules show %s: %d\n%s", name, shown.Code, shown.Stderr)
		}
		if res := run(shown.Stdout, "check", "-", "--base", "/base"); res.Code != 0 {
			t.Errorf("rules check of what rules show %s prints: %d\n%s", name, res.Code, res.Stderr)
		}
	}
	if res := run("", "show", "nobodys"); res.Code == 0 {
		t.Error("rules show of a set that is not there succeeds")
	}
	good := run(ownRules, "check", "-", "--base", "/x")
	if good.Code != 0 || !strings.Contains(good.Stdout, "/x/policies") || !strings.Contains(good.Stdout, "/help") {
		t.Errorf("rules check: %d\n%s%s", good.Code, good.Stdout, good.Stderr)
	}
	file := filepath.Join(t.TempDir(), "own.rules")
	if err := os.WriteFile(file, []byte("allow GET /a public\nalow GET /b public\nallow GET /c nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := run("", "check", file)
	if bad.Code != 1 || !strings.Contains(bad.Stderr+bad.Stdout, file+":2") || !strings.Contains(bad.Stderr+bad.Stdout, file+":3") {
		t.Errorf("rules check of two faults: %d\n%s%s", bad.Code, bad.Stdout, bad.Stderr)
	}
}
