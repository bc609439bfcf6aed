package caddymodule

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// one is the configuration with one gate, its scheme's options given.
func one(t *testing.T, scheme string) []byte {
	return config(t, storeApp(t.TempDir())+","+httpApp(`{"handle": [{"handler": "gatehouse", "site": "the site", "scheme": {`+scheme+`}}]}`))
}

func TestConfigurationThatCannotWorkFailsToLoad(t *testing.T) {
	empty := write(t, "empty", "\n")
	folder := t.TempDir()
	const (
		name   = `"name": "delta"`
		public = `, "public_url": "https://sharing.example.com"`
		token  = `, "upstream_token": "upstream-secret"`
		least  = name + public + token
	)
	for _, tc := range []struct {
		name string
		json []byte
		want []string // all of these in the error
	}{
		{"unknown scheme", one(t, `"name": "gamma"`), []string{"the site", "scheme", "gatehouse.schemes.gamma"}},
		{"scheme without a name", one(t, `"realm": "x"`), []string{"the site", "scheme", "name"}},
		{"no scheme", config(t, httpApp(`{"handle": [{"handler": "gatehouse", "site": "the site"}]}`)), []string{"the site", "scheme: missing"}},
		{"misspelt option", one(t, least+`, "token_lifetme": "1h"`), []string{"the site", "token_lifetme"}},
		{"no public_url", one(t, name+token), []string{"the site", "public_url: missing"}},
		{"public_url with a path", one(t, name+token+`, "public_url": "https://a.example.com/x"`), []string{"public_url"}},
		{"no upstream_token", one(t, name+public), []string{"the site", "upstream_token: missing"}},
		{"upstream_token of a missing file", one(t, name+public+`, "upstream_token": "{file./nowhere/token}"`), []string{"the site", "upstream_token", "does the file", "/nowhere/token"}},
		{"upstream_token of an empty file", one(t, name+public+fmt.Sprintf(`, "upstream_token": "{file.%s}"`, empty)), []string{"upstream_token", "empty"}},
		{"upstream_token of what is no file", one(t, name+public+fmt.Sprintf(`, "upstream_token": "{file.%s}"`, folder)), []string{"upstream_token", folder}},
		{"upstream_token of an unset variable", one(t, name+public+`, "upstream_token": "{env.GATEHOUSE_TEST_UNSET}"`), []string{"upstream_token", "GATEHOUSE_TEST_UNSET"}},
		{"upstream_token of two lines", one(t, name+public+`, "upstream_token": "a\nb"`), []string{"upstream_token", "line breaks"}},
		{"activation neither page nor page_or_json", one(t, least+`, "activation": "json"`), []string{"activation", `"json"`}},
		{"one token at most", one(t, least+`, "max_tokens": 1`), []string{"max_tokens", "at least 2"}},
		{"negative lifetime", one(t, least+`, "token_lifetime": "-1h"`), []string{"token_lifetime"}},
		{"endpoint with a slash at the end", one(t, least+`, "endpoint": "/delta/"`), []string{"endpoint"}},
		{"credentials API inside of the endpoint", one(t, least+`, "credentials_api": {"path": "/delta-sharing/tokens"}`), []string{"credentials_api", "overlap"}},
		{"envelope of a third kind", one(t, least+`, "credentials_api": {"path": "/t", "envelope": "list"}`), []string{"envelope", `"list"`}},
		{"audience without issuer", one(t, least+`, "credentials_api": {"path": "/t", "audience": "a"}`), []string{"credentials_api issuer"}},
		{"issuer without audience", one(t, least+`, "credentials_api": {"path": "/t", "issuer": "https://id.example.com"}`), []string{"credentials_api", "audience"}},
		{"realm with a slash", one(t, least+`, "realm": "a/b"`), []string{"realm"}},
		{"unknown store", config(t, `"gatehouse": {"store": {"driver": "bolt"}}`), []string{"store", "bolt"}},
		{"store with an unknown option", config(t, `"gatehouse": {"store": {"driver": "badger", "dir": "x"}}`), []string{"store", `"dir"`}},
		{"store in an unset variable", config(t, `"gatehouse": {"store": {"driver": "badger", "directory": "{env.GATEHOUSE_TEST_UNSET}"}}`), []string{"store", "directory", "GATEHOUSE_TEST_UNSET"}},
		{"master key that is none", config(t, `"gatehouse": {"master_key": "hunter2hunter2"}`), []string{"master_key"}},
		{"master key of a missing file", config(t, `"gatehouse": {"master_key": "{file./nowhere/master.key}"}`), []string{"master_key", "/nowhere/master.key"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := validate(tc.json)
			if err == nil {
				t.Fatal("it loads")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not name %q: %v", want, err)
				}
			}
			for _, hidden := range []string{"upstream-secret", "hunter2"} {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("the error tells a secret: %v", err)
				}
			}
		})
	}
}

func TestIdentityHeadersThatCannotWorkFailToLoad(t *testing.T) {
	for _, tc := range []struct{ name, names, want string }{
		{"three", `"X-A", "X-B", "X-C"`, "4 names"},
		{"five", `"X-A", "X-B", "X-C", "X-D", "X-E"`, "4 names"},
		{"with an underscore", `"X_A", "X-B", "X-C", "X-D"`, "X_A"},
		{"twice the same", `"X-A", "X-B", "x-a", "X-D"`, "X-A"},
		{"of the credential", `"Authorization", "X-B", "X-C", "X-D"`, "Authorization"},
		{"of the connection", `"X-A", "Connection", "X-C", "X-D"`, "Connection"},
		{"empty", `"X-A", "", "X-C", "X-D"`, "empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			gate := strings.Replace(gateJSON("the site", ""), `"scheme"`, `"identity_headers": [`+tc.names+`], "scheme"`, 1)
			err := validate(config(t, httpApp(`{"handle": [`+gate+`]}`)))
			if err == nil || !strings.Contains(err.Error(), "identity_headers: ") ||
				!strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "the site") {
				t.Errorf("got %v, which does not name the site, identity_headers and %s", err, tc.want)
			}
		})
	}
}

func TestSitesOfOneRealmAgree(t *testing.T) {
	two := func(first, second string) []byte {
		return config(t, storeApp(t.TempDir())+","+httpApp(
			`{"match": [{"host": ["a"]}], "handle": [`+gateJSON("site-a", first)+`]},
			 {"match": [{"host": ["b"]}], "handle": [`+gateJSON("site-b", second)+`]}`))
	}
	for _, tc := range []struct {
		name, first, second string
		agree               bool
	}{
		{"the same settings", "", "", true},
		{"a default, and the same said", "", `, "max_tokens": 2, "token_lifetime": "90d", "realm": "default"`, true},
		{"the same in another order", `, "max_tokens": 3, "endpoint": "/x"`, `, "endpoint": "/x", "max_tokens": 3`, true},
		{"other settings in another realm", "", `, "realm": "b", "max_tokens": 3`, true},
		{"other rules", "", `, "rules": {"source": "x", "line": 1, "text": "allow GET {base}/shares kind recipient"}`, true},
		{"another lifetime", "", `, "token_lifetime": "1h"`, false},
		{"another credentials API", `, "credentials_api": {"path": "/t"}`, `, "credentials_api": {"path": "/u"}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := validate(two(tc.first, tc.second))
			if tc.agree {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("it loads: one recipient has two truths")
			}
			option := "token_lifetime"
			if strings.Contains(tc.name, "API") {
				option = "credentials_api"
			}
			for _, named := range []string{"site-a", "site-b", `"default"`, "another " + option + " at"} {
				if !strings.Contains(err.Error(), named) {
					t.Errorf("the error does not name %s: %v", named, err)
				}
			}
		})
	}
}

func TestOptionsThatDifferAreNamedWithoutTheirValues(t *testing.T) {
	for want, pair := range map[string][2]string{
		"":               {`{"a":1}`, `{"a":1}`},
		"a":              {`{"a":1}`, `{"a":2}`},
		"a b":            {`{"b":"secret"}`, `{"a":{"x":1}}`},
		"upstream_token": {`{"a":1,"upstream_token":"x"}`, `{"a":1,"upstream_token":"y"}`},
		"setting":        {`no JSON`, `{}`},
	} {
		if got := strings.Join(differing(pair[0], pair[1]), " "); got != want {
			t.Errorf("%v: got %q, want %q", pair, got, want)
		}
	}
}

// A running server has the store open: who checks a configuration must not want it
// too (badger has one user).
func TestValidateOpensNothing(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "store")
	configuration := config(t, storeApp(directory)+","+httpApp(`{"handle": [`+gateJSON("", "")+`]}`))
	if err := validate(configuration); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(directory); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the store's folder was made: %v", err)
	}
	if refs, held := stores.References(directory); held {
		t.Errorf("validate left %d references to the store", refs)
	}
}

func TestStoreThatCannotBeOpenedFailsToLoad(t *testing.T) {
	file := write(t, "file", "")
	err := load(t, config(t, storeApp(file)))
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want an error that names %s", err, file)
	}
	if refs, held := stores.References(file); held {
		t.Errorf("the failed load left %d references to the store", refs)
	}
}

// A failed load must leave what runs as it was: its store open, its requests answered.
func TestFailedReloadLeavesTheRunningGateway(t *testing.T) {
	g := startGateway(t)
	for name, configuration := range map[string][]byte{
		"fails to provision": config(t, storeApp(g.stores)+","+httpApp(`{"handle": [`+gateJSON("", `, "max_tokens": 1`)+`]}`)),
		"fails to start":     config(t, storeApp(g.stores)+","+httpApp(`{"handle": [`+gateJSON("", "")+","+gateJSON("", "")+`]}`)),
	} {
		if err := caddy.Load(configuration, true); err == nil {
			t.Fatalf("%s: it loads", name)
		}
		if refs, _ := stores.References(g.stores); refs != 1 {
			t.Errorf("%s: the store has %d references, want the running one", name, refs)
		}
		g.ok("GET", "/gatehouse/tokens", "")
	}
}

func TestReloadKeepsTheStoreOpen(t *testing.T) {
	g := startGateway(t)
	link := g.ok("POST", "/gatehouse/delta/default/recipients", `{"name": "acme", "grants": ["sales"]}`)["activation_link"]
	token := g.activate(link)
	before, err := g.app.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	run(t, config(t, storeApp(g.stores)+","+httpApp(`{"handle": [`+gateJSON("the new site", "")+`,
		{"handler": "static_response", "body": "{\"items\":[]}"}]}`)))

	app, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	after, err := app.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if app == g.app || after.Store != before.Store || after.Identities != before.Identities {
		t.Error("the reload did not take over the open store")
	}
	// A request that began before the reload is still answered by the old site.
	if w := g.get("http://sharing.example.com/delta-sharing/shares", token); w.Code != 200 {
		t.Errorf("the old site answers %d %s", w.Code, w.Body)
	}
}

func TestMasterKeyFromAFileSealsLinks(t *testing.T) {
	key := write(t, "master.key", secret.NewMasterKey().Reveal()+"\n")
	directory := filepath.Join(t.TempDir(), "store")
	run(t, config(t, fmt.Sprintf(`"gatehouse": {"master_key": "{file.%s}", "store": {"driver": "badger", "directory": %q}}`, key, directory)))
	app, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	backend, err := app.open(t.Context())
	if err != nil || backend.Sealer == nil {
		t.Fatalf("open: %v, sealer %v", err, backend.Sealer)
	}
	if _, err := os.Stat(filepath.Join(directory, "master.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a second master key was made beside the store: %v", err)
	}
}
