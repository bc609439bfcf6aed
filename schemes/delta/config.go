package delta

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Defaults of a site.
const (
	DefaultEndpoint           = "/delta-sharing"
	DefaultTokenLifetime      = 90 * 24 * time.Hour
	DefaultActivationLifetime = 72 * time.Hour
	DefaultMaxTokens          = 2
	DefaultRecipientClaim     = "sub"
)

// ActivationPath is where activation links lead, on every site. The code is the
// query, as in Databricks' links, so that their clients find it.
const ActivationPath = "/delta_sharing/retrieve_config.html"

// Config is what a site says of itself.
type Config struct {
	// Realm that owns the recipients.
	Realm string
	// PublicURL is scheme and host of the site as recipients reach it. Links and
	// profiles are made from it, never from a request.
	PublicURL string
	// Endpoint is the path below which the protocol lives.
	Endpoint string
	// UpstreamToken is the global token of the server behind.
	UpstreamToken schemes.Credential
	// TokenLifetime counts from the use of the activation link.
	TokenLifetime time.Duration
	// ActivationLifetime counts from the making of the link.
	ActivationLifetime time.Duration
	// MaxTokens is how many valid tokens a recipient may hold, at least 2.
	MaxTokens int
	// PageOnly makes a GET of the link show the page to programs too.
	PageOnly bool
	// CredentialsAPI is nil if it is not served.
	CredentialsAPI *CredentialsAPI
}

// CredentialsAPI says where recipients manage their credentials, and who else
// than the holders of management keys may call it.
type CredentialsAPI struct {
	// Path of the endpoint, such as /dds-tokens.
	Path string
	// BareArray answers a list without its envelope {"tokens": …}.
	BareArray bool
	// Issuer verifies JWTs of an OpenID Connect issuer; nil accepts none.
	Issuer Verifier
	// RecipientClaim names the recipient in a JWT.
	RecipientClaim string
	// ReadScope and WriteScope are what a JWT needs for GET, and for POST and PATCH.
	ReadScope, WriteScope string
}

// Check finds what is missing or impossible, all at once. Each error names the
// option.
func (c *Config) Check() error {
	var errs []error
	fail := func(option, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", option, fmt.Sprintf(format, args...)))
	}
	if err := tokenstore.ValidRealm(c.Realm); err != nil {
		fail("realm", "%v", err)
	}
	if c.PublicURL == "" {
		fail("public_url", "missing; write the site's address as recipients reach it, such as https://sharing.example.com")
	} else if u, err := url.Parse(c.PublicURL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		!strings.EqualFold(strings.TrimRight(c.PublicURL, "/"), u.Scheme+"://"+u.Host) {
		fail("public_url", "is not an address such as https://sharing.example.com, without a path")
	}
	if c.UpstreamToken.IsZero() {
		fail("upstream_token", "missing or empty; give the token of the server behind, such as {file./etc/gatehouse/upstream}")
	} else if strings.ContainsFunc(c.UpstreamToken.Reveal(), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		fail("upstream_token", "has spaces, line breaks or characters that no bearer token has")
	}
	paths := []struct{ option, path string }{{"endpoint", c.Endpoint}}
	if c.CredentialsAPI != nil {
		paths = append(paths, struct{ option, path string }{"credentials_api", c.CredentialsAPI.Path})
	}
	for _, p := range paths {
		parsed, err := canonpath.FromURL(&url.URL{Path: p.path}, canonpath.Options{})
		if err != nil || parsed.TrailingSlash() || parsed.String() != p.path {
			fail(p.option, "%q is not a path such as %s, without a slash at the end", p.path, DefaultEndpoint)
		} else if within(ActivationPath, p.path) {
			fail(p.option, "%s is where activation links lead", ActivationPath)
		}
	}
	if c.CredentialsAPI != nil && (within(c.CredentialsAPI.Path, c.Endpoint) || within(c.Endpoint, c.CredentialsAPI.Path)) {
		fail("credentials_api", "%s and the endpoint %s overlap", c.CredentialsAPI.Path, c.Endpoint)
	}
	lifetimes := []struct {
		option   string
		lifetime time.Duration
	}{{"token_lifetime", c.TokenLifetime}, {"activation_lifetime", c.ActivationLifetime}}
	for _, l := range lifetimes {
		if l.lifetime < time.Second || l.lifetime > longest {
			fail(l.option, "%s is not between 1 second and 100 years", l.lifetime)
		}
	}
	if c.MaxTokens < 2 {
		fail("max_tokens", "%d leaves no overlap to rotate in; it is at least 2", c.MaxTokens)
	}
	if api := c.CredentialsAPI; api != nil && api.Issuer != nil {
		if api.RecipientClaim == "" {
			fail("credentials_api recipient_claim", "missing")
		}
		if api.ReadScope == "" || api.WriteScope == "" {
			fail("credentials_api read_scope, write_scope", "both are needed with an issuer: who may read must not be able to rotate")
		}
	}
	return errors.Join(errs...)
}

// within tells whether a path equals base or lies below it; nothing is within "".
func within(path, base string) bool {
	rest, ok := strings.CutPrefix(path, base)
	return ok && base != "" && (rest == "" || rest[0] == '/')
}

// endpointURL is the profile's endpoint, without a slash at the end: some
// clients join with one, others don't.
func (c *Config) endpointURL() string {
	return strings.TrimRight(c.PublicURL, "/") + c.Endpoint
}

// sharer is what a person is told of who shares: the host of the public URL.
func (c *Config) sharer() string {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
