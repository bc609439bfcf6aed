package bitbroker

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Config is how one site configures the contract.
type Config struct {
	// Realm that owns the registry and the tokens. Required.
	Realm string
	// InFront says that a BitBroker stands behind, with a registry of its own. Else the
	// gateway serves the coordinator API itself, and what is behind only has data.
	InFront bool
	// Coordinator, Contributor and Consumer are the base paths of the three APIs, such as
	// /coordinator/v1, in lower case; empty for one that the site does not serve. If none is
	// given, the defaults are.
	Coordinator, Contributor, Consumer string
	// Rules are the site's own; nil: the shipped ones.
	Rules []policies.Rule
	// TokenLifetime of the tokens that the gateway issues; 0: until they are rescinded.
	TokenLifetime time.Duration
	// ReissueOverlap is how long the token before a reissued one is still good; 0: not at all.
	ReissueOverlap time.Duration
	// LimitPerAccess counts a policy's limits for each access to it; else for all together.
	LimitPerAccess bool
	// AllowSelfDelete lets a coordinator delete itself, as the original does, unless it is
	// the last one.
	AllowSelfDelete bool
	// AppSecret is what contribution ids are made with, as a BitBroker's APP_SECRET; it may
	// be zero.
	AppSecret schemes.Credential
	// Earlier says which tokens are good that a BitBroker issued before the gateway came;
	// nil: none.
	Earlier *Earlier
	// Logger for what happens in the background. Default: none.
	Logger *slog.Logger
}

// Earlier are the tokens that a BitBroker's own auth service issued: JSON web tokens, RS256.
type Earlier struct {
	// Issuer is their iss claim. Default: bit-broker.io.
	Issuer string
	// JWKS is the https address of their keys, File a file with them. One of the two.
	JWKS, File string
	// Until is when they are good no more. Required.
	Until time.Time
}

// DefaultIssuer is the iss claim of a BitBroker's own tokens.
const DefaultIssuer = "bit-broker.io"

// The base paths of an installation by its Helm charts.
const (
	DefaultCoordinator = "/coordinator/v1"
	DefaultContributor = "/contributor/v1"
	DefaultConsumer    = "/consumer/v1"
)

// Bounds of Config.
const (
	MaxReissueOverlap = 30 * 24 * time.Hour
	MaxTokenLifetime  = 100 * 365 * 24 * time.Hour
)

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.Coordinator == "" && c.Contributor == "" && c.Consumer == "" {
		c.Coordinator, c.Contributor, c.Consumer = DefaultCoordinator, DefaultContributor, DefaultConsumer
	}
	if c.Earlier != nil && c.Earlier.Issuer == "" {
		earlier := *c.Earlier
		earlier.Issuer = DefaultIssuer
		c.Earlier = &earlier
	}
	return c
}

// basePath is one or more segments of what nobody writes in two ways.
var basePath = regexp.MustCompile(`^(/[a-z0-9_~-][a-z0-9._~-]*)+$`)

// maxBase bounds a base path, in bytes.
const maxBase = 256

// Check finds what is missing or impossible, all at once. Each error names the option.
func (c *Config) Check() error {
	var errs []error
	fail := func(option, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", option, fmt.Sprintf(format, args...)))
	}
	if err := tokenstore.ValidRealm(c.Realm); err != nil {
		fail("realm", "%v", err)
	}
	for _, api := range c.apis() {
		if len(api.base) > maxBase || !basePath.MatchString(api.base) {
			fail(api.kind, "%q is not a path such as %s: small letters, digits and . _ ~ -, without a slash at the end", api.base, defaultBases[api.kind])
		}
		for _, other := range c.apis() {
			if other.kind != api.kind && strings.HasPrefix(other.base+"/", api.base+"/") && (other.base != api.base || other.kind > api.kind) {
				fail(api.kind, "%s holds %s of %s; which API a path is of must be clear by its base path", api.base, other.base, other.kind)
			}
		}
	}
	if c.TokenLifetime < 0 || c.TokenLifetime > MaxTokenLifetime {
		fail("token_lifetime", "%s is not between 0, which is until rescinded, and 100 years", c.TokenLifetime)
	}
	if c.ReissueOverlap < 0 || c.ReissueOverlap > MaxReissueOverlap {
		fail("reissue_overlap", "%s is not between 0 and 30 days", c.ReissueOverlap)
	}
	if c.InFront {
		if c.ReissueOverlap != 0 {
			fail("reissue_overlap", "a BitBroker that stands behind ends the token before itself; leave the option out")
		}
		if !c.AppSecret.IsZero() {
			fail("app_secret", "contribution ids are the business of the BitBroker that stands behind; leave the option out")
		}
	}
	if c.Earlier != nil {
		if !c.InFront {
			fail("earlier_tokens", "no BitBroker stands behind that could have issued them; leave the option out, or write mode in_front")
		}
		c.Earlier.check(fail)
	}
	return errors.Join(errs...)
}

func (e *Earlier) check(fail func(option, format string, args ...any)) {
	if (e.JWKS == "") == (e.File == "") {
		fail("earlier_tokens", "give one of keys and key_file")
	}
	if e.Until.IsZero() {
		fail("earlier_tokens until", "missing; write the day from which only tokens of the gateway's own are good, such as 2027-03-31")
	}
}
