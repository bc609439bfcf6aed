package dx

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/policies"
)

func TestConfigurationsThatCannotWorkNameTheirOption(t *testing.T) {
	withKeycloak := func(change func(*Keycloak)) func(*Config) {
		return func(c *Config) {
			c.Keycloak = &Keycloak{Issuer: "https://keycloak.example.com/realms/dx", Audience: audience, Clients: []string{"aaa"}}
			change(c.Keycloak)
		}
	}
	file := keyFile(t)
	for name, tc := range map[string]struct {
		change func(*Config)
		option string // that the error begins with; empty: there is none
	}{
		"good":                     {func(*Config) {}, ""},
		"no realm":                 {func(c *Config) { c.Realm = "" }, "realm"},
		"no issuer":                {func(c *Config) { c.Issuer = "" }, "issuer"},
		"an issuer with a space":   {func(c *Config) { c.Issuer = "a b" }, "issuer"},
		"no audience":              {func(c *Config) { c.Audience = "" }, "audience"},
		"the issuer as audience":   {func(c *Config) { c.Audience = strings.ToUpper(issuer) }, "audience"},
		"no base path":             {func(c *Config) { c.BasePath = "" }, ""},
		"a base path with a slash": {func(c *Config) { c.BasePath = "/a/" }, "base_path"},
		"a base path without one":  {func(c *Config) { c.BasePath = "a" }, "base_path"},
		"a base path of dots":      {func(c *Config) { c.BasePath = "/a/../b" }, "base_path"},
		"no keys":                  {func(c *Config) { c.Keys = KeySource{} }, "keys"},
		"keys twice":               {func(c *Config) { c.Keys.JWKS = "https://aaa.example.com/jwks" }, "keys"},
		"a key set":                {func(c *Config) { c.Keys = KeySource{JWKS: "https://aaa.example.com/jwks"} }, ""},
		"a certificate":            {func(c *Config) { c.Keys = KeySource{Certificate: "https://aaa.example.com/cert"} }, ""},
		"keys over plain http":     {func(c *Config) { c.Keys = KeySource{JWKS: "http://aaa.example.com/jwks"} }, "keys"},
		"a certificate over http":  {func(c *Config) { c.Keys = KeySource{Certificate: "http://aaa.example.com/cert"} }, "certificate"},
		"no such file":             {func(c *Config) { c.Keys.File = "/no/such/file" }, "key_file"},
		"a negative overlap":       {func(c *Config) { c.KeyOverlap = -time.Second }, "key_overlap"},
		"a long overlap":           {func(c *Config) { c.KeyOverlap = 25 * time.Hour }, "key_overlap"},
		"an empty server":          {func(c *Config) { c.Servers = []string{""} }, "servers"},
		"no prefix":                {func(c *Config) { c.URNPrefix = "" }, "urn_prefix"},
		"a prefix with a quote":    {func(c *Config) { c.URNPrefix = `urn:":` }, "urn_prefix"},
		"a prefix without a colon": {func(c *Config) { c.URNPrefix = "urn:dx" }, "urn_prefix"},
		"Keycloak":                 {withKeycloak(func(*Keycloak) {}), ""},
		"Keycloak without issuer":  {withKeycloak(func(k *Keycloak) { k.Issuer = "" }), "keycloak"},
		"Keycloak is AAA":          {withKeycloak(func(k *Keycloak) { k.Issuer = issuer }), "keycloak"},
		"Keycloak is no URL":       {withKeycloak(func(k *Keycloak) { k.Issuer = "keycloak" }), "keycloak"},
		"Keycloak for anybody":     {withKeycloak(func(k *Keycloak) { k.Audience = "" }), "keycloak audience"},
		"Keycloak's every client":  {withKeycloak(func(k *Keycloak) { k.Clients = nil }), "keycloak clients"},
		"Keycloak's empty client":  {withKeycloak(func(k *Keycloak) { k.Clients = []string{""} }), "keycloak clients"},
		"rules that cross": {func(c *Config) {
			c.Rules, _ = policies.Parse("own", "allow GET /{a}/x public\nallow GET /y/{b} public")
		}, "rules: own:"},
	} {
		t.Run(name, func(t *testing.T) {
			config := goodConfig(file)
			tc.change(&config)
			_, err := New(config, nil)
			switch {
			case tc.option == "" && err != nil:
				t.Error(err)
			case tc.option != "" && err == nil:
				t.Error("there is no error")
			case tc.option != "" && !strings.HasPrefix(err.Error(), tc.option):
				t.Errorf("%v does not begin with %s", err, tc.option)
			}
		})
	}
}
