package delta

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/policies"
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
	DefaultTokenEndpoint      = "/oauth/token"
	// DefaultAccessTokenLifetime is what clients of Delta Sharing expect: they
	// fetch a new token once less than ten minutes are left.
	DefaultAccessTokenLifetime = time.Hour
)

// Bounds of the life of an access token. Clients are told of its end in seconds and
// renew it in advance, so less would make them fetch one for each call; what lives
// for longer than a day is not short-lived.
const (
	MinAccessTokenLifetime = time.Minute
	MaxAccessTokenLifetime = 24 * time.Hour
)

// DefaultLimits of a recipient leave room for clients in regular use: Spark's
// streaming asks for a table's version every 10 seconds and query, Snowflake's
// catalogue every 30 seconds, so that hundreds of them stay below 50 calls a second;
// the burst is a listing of some hundred tables at once. Python's client repeats a
// call that gets 429 up to ten times without a look at Retry-After: a limit that is
// met in regular use would multiply the calls.
var DefaultLimits = schemes.Limits{Rate: 50, Burst: 200, Concurrent: 64}

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
	// Rules say who may call what; nil: the first of RuleSets.
	Rules []policies.Rule
	// TokenLifetime counts from the use of the activation link.
	TokenLifetime time.Duration
	// ActivationLifetime counts from the making of the link.
	ActivationLifetime time.Duration
	// MaxTokens is how many valid tokens a recipient may hold, at least 2.
	MaxTokens int
	// PageOnly makes a GET of the link show the page to programs too. What previews
	// links never calls the public activation endpoints, so that these go on to
	// deliver.
	PageOnly bool
	// TokenEndpoint is the path at which OAuth clients get their access tokens.
	TokenEndpoint string
	// AccessTokenLifetime of tokens that are fetched there.
	AccessTokenLifetime time.Duration
	// Limits of recipients that have none of their own; zero fields are no limit.
	Limits schemes.Limits
	// PageSize is how many items the server behind is asked for at a time, and the
	// most that a page of a listing has: 1 to 10,000, by the server's own limit.
	PageSize int
	// StripLocations takes out of listings where tables lie in their storage.
	StripLocations bool
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
	c.checkPaths(fail)
	lifetimes := []struct {
		option   string
		lifetime time.Duration
	}{{"token_lifetime", c.TokenLifetime}, {"activation_lifetime", c.ActivationLifetime}}
	for _, l := range lifetimes {
		if l.lifetime < time.Second || l.lifetime > longest {
			fail(l.option, "%s is not between 1 second and 100 years", l.lifetime)
		}
	}
	if c.AccessTokenLifetime < MinAccessTokenLifetime || c.AccessTokenLifetime > MaxAccessTokenLifetime {
		fail("access_token_lifetime", "%s is not between 1 minute and 24 hours", c.AccessTokenLifetime)
	}
	if c.Limits.Rate < 0 || c.Limits.Burst < 0 || c.Limits.Burst > 0 && c.Limits.Burst < c.Limits.Rate {
		fail("rate_limit", "a burst of %d calls at a rate of %d a second: the burst is at least the rate, and neither is negative", c.Limits.Burst, c.Limits.Rate)
	}
	if c.Limits.Concurrent < 0 {
		fail("concurrent_limit", "%d is negative", c.Limits.Concurrent)
	}
	if c.MaxTokens < 2 {
		fail("max_tokens", "%d leaves no overlap to rotate in; it is at least 2", c.MaxTokens)
	}
	if c.PageSize < 1 || c.PageSize > maxPageSize {
		fail("page_size", "%d is not between 1 and %d", c.PageSize, maxPageSize)
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

// checkPaths finds paths that are none, or that two of the site's parts would share.
func (c *Config) checkPaths(fail func(option, format string, args ...any)) {
	type part struct{ option, name, path string }
	parts := []part{{"endpoint", "the endpoint", c.Endpoint}, {"token_endpoint", "the token endpoint", c.TokenEndpoint}}
	if c.CredentialsAPI != nil {
		parts = append(parts, part{"credentials_api", "the credentials API", c.CredentialsAPI.Path})
	}
	for i, p := range parts {
		parsed, err := canonpath.FromURL(&url.URL{Path: p.path}, canonpath.Options{})
		switch {
		case err != nil || parsed.TrailingSlash() || parsed.String() != p.path:
			fail(p.option, "%q is not a path such as %s, without a slash at the end", p.path, DefaultEndpoint)
			continue
		case within(ActivationPath, p.path):
			fail(p.option, "%s is where activation links lead", ActivationPath)
		case within(PublicActivationPath, p.path), within(p.path, PublicActivationPath):
			fail(p.option, "%s is where programs use activation links", PublicActivationPath)
		}
		for _, other := range parts[:i] {
			if within(p.path, other.path) || within(other.path, p.path) {
				fail(p.option, "%s and %s %s overlap", p.path, other.name, other.path)
			}
		}
	}
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

// tokenURL is the profile's token endpoint.
func (c *Config) tokenURL() string {
	return strings.TrimRight(c.PublicURL, "/") + c.TokenEndpoint
}

// limitsOf are the limits of a recipient: its own, else the site's.
func (c *Config) limitsOf(recipient *tokenstore.Recipient) schemes.Limits {
	own := recipient.Limits
	return schemes.Limits{
		Rate:       cmp.Or(own.Rate, c.Limits.Rate),
		Burst:      cmp.Or(own.Burst, c.Limits.Burst),
		Concurrent: cmp.Or(own.Concurrent, c.Limits.Concurrent),
	}
}

// sharer is what a person is told of who shares: the host of the public URL.
func (c *Config) sharer() string {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
