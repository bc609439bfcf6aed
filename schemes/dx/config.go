package dx

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// MaxKeyOverlap bounds the option key_overlap: a token lives for twelve hours.
const MaxKeyOverlap = 24 * time.Hour

// Config is what a site says of itself.
type Config struct {
	// Realm that owns the cut-offs of revoked users.
	Realm string
	// Issuer is what identity tokens and server tokens name as theirs, such as
	// cos.example.com. It is compared without case.
	Issuer string
	// Audience is this server's own name, which server tokens are for.
	Audience string
	// BasePath is what {base} stands for in rules; empty: nothing.
	BasePath string
	// Rules say who may call what; nil: the first of RuleSets.
	Rules []policies.Rule
	// Keys of Issuer.
	Keys KeySource
	// KeyOverlap is how long a key is good that its endpoint no longer shows.
	KeyOverlap time.Duration
	// Servers are the resource servers whose identity tokens are good; none: any.
	Servers []string
	// Keycloak is nil if its tokens are not taken.
	Keycloak *Keycloak
	// WebhookSecret signs what the payment provider sends; zero: it is not checked.
	WebhookSecret schemes.Credential
	// URNPrefix begins the type of every answer of the gateway's own, such as urn:dx:dmp:.
	URNPrefix string
	// ShowReasons tells callers in WWW-Authenticate why a token is refused.
	ShowReasons bool
	// Logger hears of keys that cannot be fetched; nil: nobody does.
	Logger *slog.Logger
}

// settings is a number of what decides, beside the keys, who a token is: an identity that
// was found under other settings is another's.
func (c *Config) settings() uint64 {
	text, err := json.Marshal([]any{c.Issuer, c.Audience, c.Servers, c.Keycloak})
	if err != nil {
		panic(err) // these are texts
	}
	digest := sha256.Sum256(text)
	return binary.BigEndian.Uint64(digest[:])
}

// KeySource is where the keys of an issuer come from: exactly one of these.
type KeySource struct {
	// JWKS is the https URL of a key set.
	JWKS string
	// Certificate is the https URL that answers {"cert": "<PEM>"}.
	Certificate string
	// File holds PEM or a key set.
	File string
}

// Keycloak says whose Keycloak tokens are taken.
type Keycloak struct {
	// Issuer is the URL of the realm, exactly as tokens name it.
	Issuer string
	// JWKS is the https URL of its keys; empty: by discovery.
	JWKS string
	// Audience that a token must be for.
	Audience string
	// Clients that may call, at least one: a client's id, for its service account, or a
	// user by its sub.
	Clients []string
}

// maxName bounds the names of issuers, audiences, servers and clients, in bytes.
const maxName = 255

// Check finds what is missing or impossible, all at once. Each error names the option.
func (c *Config) Check() error {
	var errs []error
	fail := func(option, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", option, fmt.Sprintf(format, args...)))
	}
	if err := tokenstore.ValidRealm(c.Realm); err != nil {
		fail("realm", "%v", err)
	}
	if !isName(c.Issuer) {
		fail("issuer", "missing, or no name; write what tokens have as iss, such as cos.example.com")
	}
	if !isName(c.Audience) {
		fail("audience", "missing, or no name; write the host by which this server is registered, such as apd.example.com")
	}
	if keyring.SameName(c.Issuer, c.Audience) && c.Issuer != "" {
		fail("audience", "is the issuer; write the host by which this server is registered")
	}
	if c.BasePath != "" {
		parsed, err := canonpath.FromURL(&url.URL{Path: c.BasePath}, canonpath.Options{})
		if err != nil || parsed.TrailingSlash() || parsed.String() != c.BasePath {
			fail("base_path", "%q is not a path such as %s, without a slash at the end", c.BasePath, DefaultBasePath(RuleSets[0].Name))
		}
	}
	c.Keys.check(fail)
	if c.KeyOverlap < 0 || c.KeyOverlap > MaxKeyOverlap {
		fail("key_overlap", "%s is not between 0 and 24 hours", c.KeyOverlap)
	}
	for _, server := range c.Servers {
		if !isName(server) {
			fail("servers", "%q is no host name; write what tokens have as aud, such as rs.example.com", server)
		}
	}
	if c.Keycloak != nil {
		c.Keycloak.check(c.Issuer, fail)
	}
	if !isURNPrefix(c.URNPrefix) {
		fail("urn_prefix", "%q does not begin an URN; write it as %s, with a colon at the end", c.URNPrefix, DefaultURNPrefix(RuleSets[0].Name))
	}
	return errors.Join(errs...)
}

func (k *KeySource) check(fail func(option, format string, args ...any)) {
	given := 0
	for _, source := range []string{k.JWKS, k.Certificate, k.File} {
		if source != "" {
			given++
		}
	}
	if given != 1 {
		fail("keys", "give one of keys, certificate and key_file; there are %d", given)
	}
}

// option is the name of the option that is given.
func (k *KeySource) option() string {
	switch {
	case k.Certificate != "":
		return "certificate"
	case k.File != "":
		return "key_file"
	}
	return "keys"
}

func (k *Keycloak) check(issuer string, fail func(option, format string, args ...any)) {
	switch {
	case k.Issuer == "":
		fail("keycloak", "missing; write the URL of the realm, such as https://keycloak.example.com/realms/example")
	case keyring.SameName(k.Issuer, issuer):
		fail("keycloak", "is the issuer of identity tokens too; whose keys verify a token must be clear by its issuer")
	}
	if !isName(k.Audience) {
		fail("keycloak audience", "missing; tokens for other services would be taken")
	}
	if len(k.Clients) == 0 {
		fail("keycloak clients", "missing; every client of the realm, and its users, would be taken for the authorisation server")
	}
	for _, client := range k.Clients {
		if !isName(client) {
			fail("keycloak clients", "%q is no client's id", client)
		}
	}
}

// isName tells whether a text can be the name of an issuer, a server or a client.
func isName(text string) bool {
	return text != "" && len(text) <= maxName && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// isURNPrefix takes what can stand in JSON as it is.
func isURNPrefix(text string) bool {
	return isName(text) && strings.HasPrefix(text, "urn:") && strings.HasSuffix(text, ":") && !strings.ContainsAny(text, "\"\\<>")
}
