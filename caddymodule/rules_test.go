package caddymodule

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/gatehouse-auth/gatehouse/policies"
)

func TestRulesThatCannotWorkFailToLoad(t *testing.T) {
	folder := t.TempDir()
	path := func(name, text string) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, tc := range []struct {
		name, rules string
		want        []string // all of these in the error
	}{
		{"nothing", `{}`, []string{"give one of name, file and text"}},
		{"a name and a text", `{"name": "pda", "text": "allow GET /a public"}`, []string{"give one of"}},
		{"a file and more texts", `{"file": "x", "more": [{"text": "allow GET /a public"}]}`, []string{"give one of"}},
		{"a set of another scheme", `{"name": "dmp-apd"}`, []string{`there is no set "dmp-apd"; there are: pda`}},
		{"a file that is not there", `{"file": "/nowhere/own.rules"}`, []string{"/nowhere/own.rules"}},
		{"a folder", fmt.Sprintf(`{"file": %q}`, folder), []string{folder + " is no file"}},
		{"a device", `{"file": "/dev/zero"}`, []string{"/dev/zero is no file"}},
		{"a huge file", fmt.Sprintf(`{"file": %q}`, path("huge", strings.Repeat("#", policies.MaxText+1))), []string{"huge:1: ", "longer than the 1 MiB"}},
		{"a file that is not utf-8", fmt.Sprintf(`{"file": %q}`, path("latin", "#\n# caf\xe9\n")), []string{"latin:2: ", "utf-8"}},
		{"an empty file", fmt.Sprintf(`{"file": %q}`, path("empty", "\n# nothing\n")), []string{"no rule", "every call would be refused"}},
		{"a faulty file", fmt.Sprintf(`{"file": %q}`, path("bad", "\nallow GET /a\n\nallow get /b public")), []string{"bad:2: ", "bad:4: "}},
		{"a faulty text", `{"source": "Caddyfile", "line": 10, "text": "allow GET /a\n\nallow get /b public", "more": [{"source": "more", "line": 3, "text": "allow GET /c"}]}`, []string{"Caddyfile:10: ", "Caddyfile:12: ", "more:3: "}},
		{"a text without a name", `{"text": "allow GET /a"}`, []string{"rules:1: "}},
		{"a negative line", `{"line": -1, "text": "allow GET /a public"}`, []string{"line: -1"}},
		{"a huge text", `{"text": "` + strings.Repeat("#", policies.MaxText+1) + `"}`, []string{"longer than the 1 MiB"}},
		{"rules that overlap", `{"source": "Caddyfile", "line": 10, "text": "allow GET /{a}/x public\nallow GET /x/{b} public"}`, []string{"Caddyfile:10", "Caddyfile:11"}},
		{"a condition that is none", `{"source": "Caddyfile", "line": 10, "text": "allow GET /a public when name"}`, []string{"Caddyfile:10: "}},
		{"a misspelt member", `{"nmae": "pda"}`, []string{"nmae"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := validate(one(t, `"name": "pda", "rules": `+tc.rules))
			if err == nil {
				t.Fatal("it loads")
			}
			for _, want := range append(tc.want, "the site") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not name %q: %.300v", want, err)
				}
			}
		})
	}
}

func TestRulesAreReadFromWhereTheyAre(t *testing.T) {
	e := newExchange(t)
	file := write(t, "own.rules", "\ufeffallow GET /mine public\r\n")
	for name, tc := range map[string]struct{ rules, open string }{
		"the default":   {``, "/apis"},
		"a shipped set": {`, "rules": {"name": "acl-apd"}`, "/apis"},
		"a file":        {fmt.Sprintf(`, "rules": {"file": %q}`, file), "/mine"},
		"a text":        {`, "rules": {"text": "allow GET /mine public"}`, "/mine"},
		"another text":  {`, "rules": {"text": "allow GET /a public", "more": [{"text": "allow GET /mine public"}]}`, "/mine"},
		"only more":     {`, "rules": {"more": [{"text": "allow GET /mine public"}]}`, "/mine"},
	} {
		t.Run(name, func(t *testing.T) {
			g := e.start(tc.rules)
			for _, path := range []string{"/apis", "/mine"} {
				status := http.StatusNotFound
				if path == tc.open {
					status = http.StatusOK
				}
				g.wants(status, "GET", "http://apd.example.com"+path, "")
			}
		})
	}
}

// Every scheme takes rules.
func TestEverySchemeTakesRules(t *testing.T) {
	e := newExchange(t)
	for name, gate := range map[string]string{
		"delta": gateJSON("", `, "rules": {"text": "%s"}`),
		"pda":   pdaJSON(`, "rules": {"text": "%s"}`),
		"dx":    e.gate(`, "rules": {"text": "%s"}`),
	} {
		if err := validate(config(t, httpApp(`{"handle": [`+fmt.Sprintf(gate, "allow GET /a public")+`]}`))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		err := validate(config(t, httpApp(`{"handle": [`+fmt.Sprintf(gate, "allow GET /{a}/x public\\nallow GET /x/{b} public")+`]}`)))
		if err == nil || !strings.Contains(err.Error(), "rules:2: ") {
			t.Errorf("%s: %v, want the fault of rules:2", name, err)
		}
	}
}

// caddyfileWith is a Caddyfile in JSON as config makes it: nothing outside of the test.
func caddyfileWith(t *testing.T, store, folder, gate string) ([]byte, error) {
	t.Helper()
	text := fmt.Sprintf(`{
	admin off
	persist_config off
	storage file_system %s
	default_bind 127.0.0.1
	http_port 0
	log {
		output discard
	}
	gatehouse {
		store badger %s
	}
}
:0 {
	%s
	respond data
}
`, folder, store, gate)
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": filepath.Join(folder, "Caddyfile")})
	return adapted, err
}

// Rules in a file come and go with the configuration: a reload takes a file that changed,
// since its text is part of the configuration, and a faulty one never replaces a good one.
func TestReloadTakesChangedRulesAndKeepsGoodOnes(t *testing.T) {
	e := newExchange(t)
	folder, store := t.TempDir(), filepath.Join(t.TempDir(), "store")
	file := filepath.Join(folder, "own.rules")
	reload := func(text string) error {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		adapted, err := caddyfileWith(t, store, folder, "gatehouse dx {\nissuer cos.example.com\naudience apd.example.com\nkey_file "+e.keyFile+"\nrules own.rules\n}")
		if err != nil {
			return err
		}
		return caddy.Load(adapted, false)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := reload("allow GET /one public"); err != nil {
		t.Fatal(err)
	}
	check := func(open, closed string) {
		t.Helper()
		g := &gateway{t: t, site: serverNamed(t, "srv0")}
		g.wants(http.StatusOK, "GET", "http://apd.example.com"+open, "")
		g.wants(http.StatusNotFound, "GET", "http://apd.example.com"+closed, "")
	}
	check("/one", "/two")
	for name, tc := range map[string]struct{ text, want string }{
		"a line that is no rule": {"allow GET /two publik", "own.rules:1: "},
		"rules that overlap":     {"allow GET /two public\nallow GET /{a}/x public\nallow GET /x/{b} public", "own.rules:3: "},
		"a condition of no type": {"allow GET /two public when 1", "own.rules:1: "},
		"no rule":                {"# allow GET /two public", "no rule"},
	} {
		if err := reload(tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
		check("/one", "/two")
	}
	if err := reload("allow GET /two public"); err != nil {
		t.Fatal(err)
	}
	check("/two", "/one")
}
