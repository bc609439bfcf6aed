package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/schemes/dx"
)

func TestDXConfigurationThatCannotWorkFailsToLoad(t *testing.T) {
	e := newExchange(t)
	least := fmt.Sprintf(`"issuer": "cos.example.com", "audience": "apd.example.com", "key_file": %q`, e.keyFile)
	for _, tc := range []struct{ name, options, want string }{
		{"no issuer", strings.Replace(least, "cos.example.com", "", 1), "issuer: missing"},
		{"no audience", strings.Replace(least, "apd.example.com", "", 1), "audience: missing"},
		{"no keys", `"issuer": "cos.example.com", "audience": "apd.example.com"`, "give one of keys, certificate and key_file"},
		{"two sources of keys", least + `, "keys": "https://aaa.example.com/auth/v1/jwks"`, "give one of keys, certificate and key_file"},
		{"keys without TLS", `"issuer": "cos.example.com", "audience": "apd.example.com", "keys": "http://aaa.example.com/auth/v1/jwks"`, "keys: "},
		{"a key file that is not there", `"issuer": "cos.example.com", "audience": "apd.example.com", "key_file": "/nowhere/exchange.pem"`, "key_file: "},
		{"a key file without a key", fmt.Sprintf(`"issuer": "cos.example.com", "audience": "apd.example.com", "key_file": %q`, write(t, "empty", "\n")), "key_file: "},
		{"an overlap of days", least + `, "key_overlap": "48h"`, "key_overlap"},
		{"a base path with a slash at the end", least + `, "base_path": "/dx/"`, "base_path"},
		{"a server that is no name", least + `, "servers": ["rs example"]`, "servers"},
		{"Keycloak without clients", least + `, "keycloak": {"issuer": "https://keycloak.example.com/realms/x", "audience": "apd"}`, "keycloak clients"},
		{"Keycloak without an audience", least + `, "keycloak": {"issuer": "https://keycloak.example.com/realms/x", "clients": ["aaa"]}`, "keycloak audience"},
		{"a webhook secret of a missing file", least + `, "webhook_secret": "{file./nowhere/razorpay}"`, "/nowhere/razorpay"},
		{"a prefix that is no urn", least + `, "urn_prefix": "dx:dmp:"`, "urn_prefix"},
		{"a realm with a slash", least + `, "realm": "a/b"`, "realm"},
		{"unknown rules", least + `, "rules": {"name": "dmp"}`, `there is no set "dmp"; there are: acl-apd, dmp-apd`},
		{"a misspelt option", least + `, "isuer": "x"`, "isuer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := validate(one(t, `"name": "dx", `+tc.options))
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "the site") {
				t.Errorf("got %v, want an error that names the site and %q", err, tc.want)
			}
		})
	}
}

func TestDXOptionsReachTheScheme(t *testing.T) {
	d := new(DX)
	if err := json.Unmarshal([]byte(`{
		"issuer": "cos.example.com", "certificate": "https://aaa.example.com/auth/v1/cert", "key_overlap": "12h",
		"audience": "apd.example.com", "base_path": "/x", "rules": {"text": "allow GET /a public"},
		"servers": ["rs.example.com"], "webhook_secret": "s", "urn_prefix": "urn:x:", "show_reasons": true, "realm": "market",
		"keycloak": {"issuer": "https://keycloak.example.com/realms/x", "keys": "https://keycloak.example.com/keys", "audience": "apd", "clients": ["aaa", "b"]}
	}`), d); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	if err := d.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	if len(d.config.Rules) != 1 || d.config.Rules[0].Pattern != "/a" || d.config.WebhookSecret.Reveal() != "s" || d.config.Logger == nil {
		t.Errorf("rules %v, secret %v", d.config.Rules, d.config.WebhookSecret)
	}
	d.config.Rules, d.config.WebhookSecret, d.config.Logger = nil, dx.Config{}.WebhookSecret, nil
	const want = `{Realm:market Issuer:cos.example.com Audience:apd.example.com BasePath:/x Rules:[] Keys:{JWKS: Certificate:https://aaa.example.com/auth/v1/cert File:} KeyOverlap:12h0m0s Servers:[rs.example.com] Keycloak:{Issuer:https://keycloak.example.com/realms/x JWKS:https://keycloak.example.com/keys Audience:apd Clients:[aaa b]}`
	keycloak := fmt.Sprintf("%+v", *d.config.Keycloak)
	d.config.Keycloak = nil
	if got := strings.Replace(fmt.Sprintf("%+v", d.config), "Keycloak:<nil>", "Keycloak:"+keycloak, 1); !strings.HasPrefix(got, want) || !strings.Contains(got, "URNPrefix:urn:x: ShowReasons:true") {
		t.Errorf("got %s", got)
	}
}

func TestKeysThatAreNoKeySetAreTakenForWhatTheyAre(t *testing.T) {
	for keys, want := range map[string]dx.KeySource{
		"https://aaa.example.com/auth/v1/jwks": {JWKS: "https://aaa.example.com/auth/v1/jwks"},
		"https://aaa.example.com/auth/v1/cert": {Certificate: "https://aaa.example.com/auth/v1/cert"},
		"/etc/gatehouse/aaa.pem":               {File: "/etc/gatehouse/aaa.pem"},
	} {
		if got := (&DX{Keys: keys}).keySource(); got != want {
			t.Errorf("%s: %+v", keys, got)
		}
	}
	two := (&DX{Keys: "aaa.pem", Certificate: "https://aaa.example.com/auth/v1/cert"}).keySource()
	if two.JWKS == "" || two.Certificate == "" {
		t.Errorf("two sources become one: %+v", two)
	}
}

func TestDXDefaultsAreThoseOfTheRules(t *testing.T) {
	for rules, want := range map[string][2]string{
		``:                                {"/dx/apd/dmp/v1", "urn:dx:dmp:"},
		`{"name": "dmp-apd"}`:             {"/dx/apd/dmp/v1", "urn:dx:dmp:"},
		`{"name": "acl-apd"}`:             {"/dx/apd/acl/v1", "urn:dx:acl:"},
		`{"text": "allow GET /a public"}`: {"/dx/apd/dmp/v1", "urn:dx:dmp:"},
	} {
		d := new(DX)
		if rules != "" {
			d.Rules = new(Rules)
			if err := json.Unmarshal([]byte(rules), d.Rules); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		defer cancel()
		if err := d.Provision(ctx); err != nil {
			t.Fatal(err)
		}
		if got := [2]string{d.config.BasePath, d.config.URNPrefix}; got != want || d.config.Realm != "default" {
			t.Errorf("%s: %v, want %v", rules, got, want)
		}
	}
	d := &DX{BasePath: "/"}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	if err := d.Provision(ctx); err != nil || d.config.BasePath != "" {
		t.Errorf("base_path / becomes %q, %v", d.config.BasePath, err)
	}
}

// Who leaves webhooks open must have been told.
func TestWebhooksThatNobodyChecksAreWarnedOf(t *testing.T) {
	for name, tc := range map[string]struct {
		options string
		paths   int
	}{
		"the shipped rules":                  {"", 3},
		"with a secret":                      {`, "webhook_secret": "s"`, 0},
		"rules without webhooks":             {`, "rules": {"name": "acl-apd"}`, 0},
		"rules of one's own with one":        {`, "rules": {"text": "allow POST /payment-authorized public"}`, 1},
		"rules of one's own with everything": {`, "rules": {"text": "allow * /{x...} public"}`, 3},
	} {
		t.Run(name, func(t *testing.T) {
			e := newExchange(t)
			d := new(DX)
			if err := json.Unmarshal(fmt.Appendf(nil, `{"issuer": "cos.example.com", "audience": "apd.example.com", "key_file": %q%s}`, e.keyFile, tc.options), d); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
			defer cancel()
			if err := d.Provision(ctx); err != nil {
				t.Fatal(err)
			}
			logger, logs := observe(0)
			d.logger = logger
			if _, err := d.Build(nil); err != nil {
				t.Fatal(err)
			}
			warned := logs.FilterMessageSnippet("webhook_secret").All()
			if tc.paths == 0 {
				if len(warned) > 0 {
					t.Errorf("warned in vain: %v", warned)
				}
				return
			}
			if len(warned) != 1 || len(warned[0].ContextMap()["paths"].([]any)) != tc.paths {
				t.Errorf("warned of %v, want %d paths", warned, tc.paths)
			}
		})
	}
}

// Neither a rule nor what a request holds is ever a template of Caddy's.
func TestPlaceholdersMeanNothingInRulesAndRequests(t *testing.T) {
	t.Setenv("GATEHOUSE_TEST", "x")
	e := newExchange(t)
	g := e.start(`, "rules": {"text": "allow GET /%7Benv.GATEHOUSE_TEST%7D public\nallow GET /b/{path} public when params.path == '{http.request.host}'\nallow GET /c public when query['q'] == ['{http.request.host} {path}']"}`)
	for target, status := range map[string]int{
		"/{env.GATEHOUSE_TEST}":     http.StatusOK,
		"/%7Benv.GATEHOUSE_TEST%7D": http.StatusOK,
		"/x":                        http.StatusNotFound,
		"/b/{http.request.host}":    http.StatusOK,
		"/b/apd.example.com":        http.StatusUnauthorized,

		// In values, too.
		"/c?q=%7Bhttp.request.host%7D+%7Bpath%7D": http.StatusOK,
		"/c?q=apd.example.com+/c":                 http.StatusUnauthorized,
	} {
		g.wants(status, "GET", "http://apd.example.com"+target, "")
	}
}

func TestSitesOfAnExchangeShareWhatWasRevokedAndAgreeInTheIssuerAndItsKeys(t *testing.T) {
	e := newExchange(t)
	two := func(options string) []byte {
		return config(t, storeApp(t.TempDir())+","+httpApp(
			`{"match": [{"host": ["a"]}], "handle": [`+e.gate("")+`]},
			 {"match": [{"host": ["b"]}], "handle": [`+strings.Replace(e.gate(options), `"the market"`, `"access control"`, 1)+`]}`))
	}
	if err := validate(two(`, "rules": {"name": "acl-apd"}, "servers": ["rs.example.com"], "show_reasons": true`)); err != nil {
		t.Error(err)
	}
	other := strings.Replace(string(two("")), "cos.example.com", "cos.example.org", 1)
	if err := validate([]byte(other)); err == nil || !strings.Contains(err.Error(), "another issuer at") {
		t.Errorf("two issuers in a realm: %v", err)
	}
	// Who holds the other key could revoke for all.
	other = strings.Replace(string(two("")), e.keyFile, newExchange(t).keyFile, 1)
	if err := validate([]byte(other)); err == nil || !strings.Contains(err.Error(), "key_file") {
		t.Errorf("two keys in a realm: %v", err)
	}
}
