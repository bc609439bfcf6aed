package delta

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

func TestConfigurationsWithoutFault(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*Config){
		"defaults":               func(*Config) {},
		"no credentials api":     func(c *Config) { c.CredentialsAPI = nil },
		"slash after the host":   func(c *Config) { c.PublicURL = "https://sharing.example.com/" },
		"port":                   func(c *Config) { c.PublicURL = "http://127.0.0.1:8080" },
		"ipv6":                   func(c *Config) { c.PublicURL = "https://[2001:db8::1]:8443" },
		"capitals in the host":   func(c *Config) { c.PublicURL = "HTTPS://Sharing.Example.com" },
		"nested endpoint":        func(c *Config) { c.Endpoint = "/api/2.0/delta-sharing" },
		"api beside by a letter": func(c *Config) { c.CredentialsAPI.Path = DefaultEndpoint + "s" },
		"shortest lives":         func(c *Config) { c.TokenLifetime, c.ActivationLifetime = time.Second, time.Second },
		"longest lives":          func(c *Config) { c.TokenLifetime, c.ActivationLifetime = longest, longest },
		"other token endpoint":   func(c *Config) { c.TokenEndpoint = "/oidc/v1/token" },
		"shortest access tokens": func(c *Config) { c.AccessTokenLifetime = MinAccessTokenLifetime },
		"longest access tokens":  func(c *Config) { c.AccessTokenLifetime = MaxAccessTokenLifetime },
		"no limits":              func(c *Config) { c.Limits = schemes.Limits{} },
		"three tokens":           func(c *Config) { c.MaxTokens = 3 },
		"shortest pages":         func(c *Config) { c.PageSize = 1 },
		"longest pages":          func(c *Config) { c.PageSize = 10_000 },
		"no scope, no issuer":    func(c *Config) { c.CredentialsAPI.ReadScope = "" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := goodConfig()
			change(&c)
			if err := c.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFaultsNameTheirOption(t *testing.T) {
	t.Parallel()
	withIssuer := func(change func(*CredentialsAPI)) func(*Config) {
		return func(c *Config) {
			c.CredentialsAPI.Issuer = unavailableIssuer{}
			change(c.CredentialsAPI)
		}
	}
	tests := []struct {
		name   string
		option string
		change func(*Config)
	}{
		{"no realm", "realm", func(c *Config) { c.Realm = "" }},
		{"realm with a separator", "realm", func(c *Config) { c.Realm = "a/b" }},
		{"no public url", "public_url", func(c *Config) { c.PublicURL = "" }},
		{"host alone", "public_url", func(c *Config) { c.PublicURL = "sharing.example.com" }},
		{"another protocol", "public_url", func(c *Config) { c.PublicURL = "ftp://sharing.example.com" }},
		{"no host", "public_url", func(c *Config) { c.PublicURL = "https://" }},
		{"port without host", "public_url", func(c *Config) { c.PublicURL = "https://:8443" }},
		{"user", "public_url", func(c *Config) { c.PublicURL = "https://user@sharing.example.com" }},
		{"path", "public_url", func(c *Config) { c.PublicURL = "https://sharing.example.com/delta" }},
		{"query", "public_url", func(c *Config) { c.PublicURL = "https://sharing.example.com?a=b" }},
		{"empty query", "public_url", func(c *Config) { c.PublicURL = "https://sharing.example.com?" }},
		{"fragment", "public_url", func(c *Config) { c.PublicURL = "https://sharing.example.com#a" }},
		{"empty fragment", "public_url", func(c *Config) { c.PublicURL = "https://sharing.example.com#" }},
		{"space", "public_url", func(c *Config) { c.PublicURL = "https://sharing.example.com " }},
		{"no upstream token", "upstream_token", func(c *Config) { c.UpstreamToken = schemes.Credential{} }},
		{"line break in the upstream token", "upstream_token", func(c *Config) { c.UpstreamToken = schemes.NewCredential("secret\n") }},
		{"upstream token beyond ascii", "upstream_token", func(c *Config) { c.UpstreamToken = schemes.NewCredential("geheimnißvoll") }},
		{"no endpoint", "endpoint", func(c *Config) { c.Endpoint = "" }},
		{"root as endpoint", "endpoint", func(c *Config) { c.Endpoint = "/" }},
		{"endpoint without its slash", "endpoint", func(c *Config) { c.Endpoint = "delta-sharing" }},
		{"endpoint with a slash at the end", "endpoint", func(c *Config) { c.Endpoint = "/delta-sharing/" }},
		{"endpoint with a doubled slash", "endpoint", func(c *Config) { c.Endpoint = "/delta//sharing" }},
		{"endpoint with dot segments", "endpoint", func(c *Config) { c.Endpoint = "/a/../b" }},
		{"endpoint in escapes", "endpoint", func(c *Config) { c.Endpoint = "/delta%2Dsharing" }},
		{"endpoint over activation links", "endpoint", func(c *Config) { c.Endpoint = "/delta_sharing" }},
		{"no api path", "credentials_api", func(c *Config) { c.CredentialsAPI.Path = "" }},
		{"api below the endpoint", "credentials_api", func(c *Config) { c.CredentialsAPI.Path = DefaultEndpoint + "/tokens" }},
		{"api at the endpoint", "credentials_api", func(c *Config) { c.CredentialsAPI.Path = DefaultEndpoint }},
		{"endpoint below the api", "credentials_api", func(c *Config) { c.Endpoint = apiPath + "/delta" }},
		{"api at activation links", "credentials_api", func(c *Config) { c.CredentialsAPI.Path = ActivationPath }},
		{"no token endpoint", "token_endpoint", func(c *Config) { c.TokenEndpoint = "" }},
		{"token endpoint below the endpoint", "token_endpoint", func(c *Config) { c.TokenEndpoint = DefaultEndpoint + "/oauth" }},
		{"token endpoint at the api", "credentials_api", func(c *Config) { c.TokenEndpoint = apiPath }},
		{"token endpoint at activation links", "token_endpoint", func(c *Config) { c.TokenEndpoint = ActivationPath }},
		{"token endpoint at public activation", "token_endpoint", func(c *Config) { c.TokenEndpoint = PublicActivationPath + "/x" }},
		{"endpoint over public activation", "endpoint", func(c *Config) { c.Endpoint = "/api/2.1" }},
		{"access tokens that end at once", "access_token_lifetime", func(c *Config) { c.AccessTokenLifetime = MinAccessTokenLifetime - 1 }},
		{"access tokens that last", "access_token_lifetime", func(c *Config) { c.AccessTokenLifetime = MaxAccessTokenLifetime + 1 }},
		{"burst below the rate", "rate_limit", func(c *Config) { c.Limits.Burst = c.Limits.Rate - 1 }},
		{"negative rate", "rate_limit", func(c *Config) { c.Limits.Rate = -1 }},
		{"negative number of calls", "concurrent_limit", func(c *Config) { c.Limits.Concurrent = -1 }},
		{"no token lifetime", "token_lifetime", func(c *Config) { c.TokenLifetime = 0 }},
		{"token lifetime below a second", "token_lifetime", func(c *Config) { c.TokenLifetime = time.Second - 1 }},
		{"negative token lifetime", "token_lifetime", func(c *Config) { c.TokenLifetime = -time.Hour }},
		{"token lifetime beyond all", "token_lifetime", func(c *Config) { c.TokenLifetime = longest + 1 }},
		{"no activation lifetime", "activation_lifetime", func(c *Config) { c.ActivationLifetime = 0 }},
		{"one token", "max_tokens", func(c *Config) { c.MaxTokens = 1 }},
		{"no items in a page", "page_size", func(c *Config) { c.PageSize = 0 }},
		{"pages too long", "page_size", func(c *Config) { c.PageSize = 10_001 }},
		{"no claim", "credentials_api recipient_claim", withIssuer(func(a *CredentialsAPI) { a.RecipientClaim = "" })},
		{"no read scope", "credentials_api read_scope, write_scope", withIssuer(func(a *CredentialsAPI) { a.ReadScope = "" })},
		{"no write scope", "credentials_api read_scope, write_scope", withIssuer(func(a *CredentialsAPI) { a.WriteScope = "" })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := goodConfig()
			tt.change(&c)
			err := c.Check()
			if err == nil {
				t.Fatal("no fault was found")
			}
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, tt.option+": ") {
					t.Errorf("a line does not name %s: %s", tt.option, line)
				}
			}
			if token := c.UpstreamToken.Reveal(); token != "" && strings.Contains(err.Error(), token) {
				t.Errorf("the upstream token is told: %v", err)
			}
			if _, newErr := New(c, nil); newErr == nil || newErr.Error() != err.Error() {
				t.Errorf("New says %v, Check says %v", newErr, err)
			}
		})
	}
}

func TestAllFaultsAreFoundAtOnceAndInOneOrder(t *testing.T) {
	t.Parallel()
	c := Config{
		CredentialsAPI: &CredentialsAPI{Path: "x", Issuer: unavailableIssuer{}},
		Limits:         schemes.Limits{Rate: -1, Concurrent: -1},
	}
	var options []string
	for line := range strings.Lines(c.Check().Error()) {
		option, _, _ := strings.Cut(line, ": ")
		options = append(options, option)
	}
	want := []string{
		"realm", "public_url", "upstream_token", "endpoint", "token_endpoint", "credentials_api", "token_lifetime",
		"activation_lifetime", "access_token_lifetime", "rate_limit", "concurrent_limit", "max_tokens", "page_size", "credentials_api recipient_claim", "credentials_api read_scope, write_scope",
	}
	if !slices.Equal(options, want) {
		t.Errorf("faults of %q, want %q", options, want)
	}
}

// The bounds are the store's: what passes here must not fail there.
func TestLongestLivesCanBeStored(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.TokenLifetime, c.ActivationLifetime = longest, longest })
	created, err := s.Create(t.Context(), Order{Name: "acme", TokenLifetime: longest}, "test")
	if err != nil {
		t.Fatal(err)
	}
	token := s.follow(created.Link)
	holder, err := s.backend.Store.TokenHolder(t.Context(), s.Realm(), digest(t, token))
	if err != nil || !holder.Token.ExpiresAt.Equal(noon.Add(longest)) {
		t.Errorf("ends at %v, %v", holder.Token.ExpiresAt, err)
	}
	if _, _, err := s.backend.Store.Shorten(t.Context(), s.Realm(), "acme", longest, nil, "test"); err != nil {
		t.Errorf("the longest expiry of a request is not acceptable to the store: %v", err)
	}
}
