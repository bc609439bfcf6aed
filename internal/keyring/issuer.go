package keyring

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Errors of Verify, to be tested with errors.Is.
var (
	// ErrInvalidToken says that the token is not one to accept. The text that
	// wraps it gives a reason from a fixed set and nothing of the token, so that
	// a stranger may see it.
	ErrInvalidToken = errors.New("token is not valid")

	// ErrUnavailable says that the token could not be judged, because no keys
	// were fetched yet or the last ones are too old: answer 503, not 401.
	ErrUnavailable = errors.New("the issuer's keys are not available: try again later")
)

// Defaults of IssuerConfig.
const (
	DefaultLeeway  = 30 * time.Second
	DefaultRefresh = 10 * time.Minute
	DefaultMaxAge  = 24 * time.Hour
)

// IssuerConfig says whose tokens to accept, and for whom.
type IssuerConfig struct {
	// Issuer is the exact value of the iss claim, of 2048 bytes at most. Required.
	// Without JWKS, Certificate and File it must be an https URL.
	Issuer string

	// FoldIssuer says that case does not count in the iss claim, of ASCII letters.
	FoldIssuer bool

	// Audience is a value that the aud claim must contain. Required, unless
	// AudiencePerCall: a token made for another service must not work here
	// (CVE-2024-5798).
	Audience string

	// AudiencePerCall says that the audience comes with each call of VerifyFor.
	// Audience may then be empty, and Verify refuses every token if it is. It has
	// to be said, so that an audience that was only forgotten is still an error.
	AudiencePerCall bool

	// JWKS is the https URL of the key set. Default: what the document at
	// Issuer/.well-known/openid-configuration names, read again at each refresh.
	// Plain http is accepted for a loopback host only.
	JWKS string

	// Certificate is the https URL, instead of that of a key set, of a JSON object
	// whose member cert has certificates as PEM. Only their keys count: their dates,
	// names, uses and signatures are not looked at.
	Certificate string

	// File is the path of a file, instead of a URL: a key set, or certificates and
	// public keys as PEM. NewIssuer reads it, so that there are keys without Run, and
	// Run again at each Refresh. A file that cannot be read then leaves the keys as
	// they are, until MaxAge.
	File string

	// IgnoreKeyIDs says that the ids of keys mean nothing: all keys that fit a token's
	// algorithm are tried, and one that none of them signed brings the next fetch
	// forward. For issuers whose tokens name no key, or whose key keeps its name when
	// it is replaced.
	IgnoreKeyIDs bool

	// Overlap is how long a key that a fetch did not bring any more still verifies
	// tokens, counted from the last fetch that brought it. Default: not at all. It is
	// also how long a key outlives its withdrawal.
	Overlap time.Duration

	// NoRedirects refuses each redirect of who is asked for keys. Default: those to
	// where a configured URL could point are followed, if the scheme stays.
	NoRedirects bool

	// Keep, if set, keeps the keys for the next start: see Restore.
	Keep Keeper

	// NoExpiry says that tokens without an exp claim are good, and such need no iat claim
	// either: for issuers that sign some without end. One that is there counts. Who sets it
	// must bound these tokens otherwise.
	NoExpiry bool

	// Algorithms are the accepted signature algorithms, of the families RS, PS,
	// ES and EdDSA. Default: RS256, PS256, ES256, EdDSA.
	Algorithms []string

	// Allow, if set, is asked about each URL before it is fetched: those of the
	// configuration, then what discovery and redirects lead to. Its error refuses
	// the URL. It judges names; the Client judges what they resolve to.
	// Default: every URL that Issuer, JWKS and Certificate may hold.
	Allow func(*url.URL) error

	// Client fetches the keys; its redirect policy is replaced and, if it has no
	// timeout, one of 10 seconds is set. Default: a client of its own, which connects
	// to loopback, unspecified, link-local and multicast addresses only if JWKS or
	// Certificate, or without them Issuer, is the URL of a loopback host, or through a
	// proxy.
	Client *http.Client

	// Now is the clock for claims and the age of keys. Default: time.Now.
	Now func() time.Time

	// Leeway is how far the clocks of issuer and gateway may differ. Default: 30
	// seconds; negative for none.
	Leeway time.Duration

	// Refresh is the time between two fetches. Default: 10 minutes.
	Refresh time.Duration

	// MaxAge is how long keys are used when the issuer cannot be reached.
	// Default: 24 hours. It is also how long a key may outlive its withdrawal if
	// somebody can keep the gateway from the issuer.
	MaxAge time.Duration

	// Logger hears of fetches that fail, at first and then about once an hour, and
	// of the first one that works again. Default: none.
	Logger *slog.Logger
}

// Issuer verifies the tokens of one issuer. It may be used concurrently. It
// answers ErrUnavailable until there are keys: those of a File at once, others when
// Restore has found kept ones, or Run, which must run once, has fetched them.
type Issuer struct {
	cfg      IssuerConfig
	client   *http.Client
	owned    bool // client is our own
	parser   *jwt.Parser
	keys     atomic.Pointer[keySet]
	wanted   chan struct{} // holds at most one wish for fresh keys
	failures int           // of fetches in a row; Run's own
	kept     kept

	// Of a Pool only; set before Run.
	lanes   *lanes
	changed func() // called after the set of keys has changed, or stop

	replacing sync.Mutex // of keys
	stopped   bool       // no keys any more
}

// maxIssuer bounds the iss claim, in bytes.
const maxIssuer = 2048

// NewIssuer checks the configuration. It does not touch the network.
func NewIssuer(cfg IssuerConfig) (*Issuer, error) {
	switch {
	case cfg.Issuer == "":
		return nil, errors.New("issuer is missing: give the value of the iss claim")
	case len(cfg.Issuer) > maxIssuer:
		return nil, fmt.Errorf("issuer is longer than %d bytes", maxIssuer)
	case cfg.Audience == "" && !cfg.AudiencePerCall:
		return nil, errors.New("audience is missing: without it, tokens for other services would be accepted")
	}
	if err := cfg.checkSource(); err != nil {
		return nil, err
	}
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}
	}
	for _, alg := range cfg.Algorithms {
		if _, ok := algorithms[alg]; !ok {
			return nil, fmt.Errorf("algorithm %q is not supported: use RS, PS or ES with 256, 384 or 512, or EdDSA", alg)
		}
	}
	cfg.Algorithms = slices.Clone(cfg.Algorithms)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Leeway = max(orDefault(cfg.Leeway, DefaultLeeway), 0)
	cfg.Refresh = orDefault(cfg.Refresh, DefaultRefresh)
	cfg.MaxAge = orDefault(cfg.MaxAge, DefaultMaxAge)
	if cfg.Refresh < 0 || cfg.MaxAge < cfg.Refresh {
		return nil, fmt.Errorf("keys may grow %v old but are refreshed every %v only: make the first the longer one", cfg.MaxAge, cfg.Refresh)
	}
	if cfg.Overlap < 0 {
		return nil, errors.New("the overlap of keys is negative")
	}

	i := &Issuer{cfg: cfg, owned: cfg.Client == nil, wanted: make(chan struct{}, 1)}
	if i.owned {
		cfg.Client = newTransports().client(cfg.Issuer, cmp.Or(cfg.JWKS, cfg.Certificate))
	}
	i.client = fetchClient(cfg.Client, cfg.Allow, cfg.NoRedirects)
	i.parser = jwt.NewParser(
		jwt.WithValidMethods(cfg.Algorithms),
		jwt.WithStrictDecoding(),
		jwt.WithJSONNumber(),
		// Claims are checked in claims.go: this version takes "exp": 0 and
		// "exp": null for no expiry at all (golang-jwt #496, #511).
		jwt.WithoutClaimsValidation(),
	)
	if cfg.File != "" {
		keys, err := readKeys(cfg.File)
		switch {
		case err != nil:
			return nil, err
		case len(keys) == 0:
			return nil, fmt.Errorf("key file %s has no usable key", cfg.File)
		}
		i.keys.Store(newKeySet(keys, nil, cfg.Now(), cfg.Overlap))
	}
	return i, nil
}

// checkSource finds out whether there is exactly one place to have the keys from, and
// whether it may be asked.
func (c *IssuerConfig) checkSource() error {
	switch named := slices.DeleteFunc([]string{c.JWKS, c.Certificate, c.File}, func(s string) bool { return s == "" }); {
	case len(named) > 1:
		return errors.New("keys come from one place only: give a key set URL, a certificate URL or a file")
	case c.File != "":
		return nil
	case c.JWKS != "":
		if err := permit(c.JWKS, c.Allow); err != nil {
			return fmt.Errorf("key set URL: %w", err)
		}
		return nil
	case c.Certificate != "":
		if err := permit(c.Certificate, c.Allow); err != nil {
			return fmt.Errorf("certificate URL: %w", err)
		}
		return nil
	}
	address, err := discoveryURL(c.Issuer)
	if err != nil {
		return fmt.Errorf("issuer, which must be a URL unless a key set URL is given: %w", err)
	}
	if err := permit(address, c.Allow); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	return nil
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}
