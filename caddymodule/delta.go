package caddymodule

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
)

func init() {
	caddy.RegisterModule(new(Delta))
}

// Delta is the token contract of Delta Sharing, in front of a server that knows
// one global token: recipients with tokens of their own, activation links,
// rotation with overlap, revocation, and grants per share, schema and table.
type Delta struct {
	// The site's address as recipients reach it, such as
	// `https://sharing.example.com`. Activation links and credential files say
	// it; it is never taken from a request. Required.
	PublicURL string `json:"public_url,omitempty"`

	// The path below which the Delta Sharing protocol lives, as in the server's
	// own configuration. Default: `/delta-sharing`.
	Endpoint string `json:"endpoint,omitempty"`

	// The global token of the server behind. It should be a placeholder such as
	// `{file./etc/gatehouse/upstream}`. Required.
	UpstreamToken string `json:"upstream_token,omitempty"`

	// How long a token lives from the use of its activation link. A recipient
	// can have a lifetime of its own. Default: 90d.
	TokenLifetime caddy.Duration `json:"token_lifetime,omitempty"`

	// How long an activation link can be used. Default: 72h.
	ActivationLifetime caddy.Duration `json:"activation_lifetime,omitempty"`

	// What the GET of an activation link does: `page_or_json` shows a page to
	// browsers and delivers the credential file to programs, `page` always shows
	// the page, whose button delivers the file. The endpoints that programs use
	// instead of the link, below `/api/2.1/unity-catalog/public`, deliver in both
	// cases: what previews links never calls them. Default: `page_or_json`.
	Activation string `json:"activation,omitempty"`

	// Where OAuth clients get their access tokens. Default: `/oauth/token`.
	TokenEndpoint string `json:"token_endpoint,omitempty"`

	// How long an access token of that endpoint lives, 1 minute to 24 hours, but
	// never beyond the client's secret. Clients of Delta Sharing fetch a new one for
	// every call once less than ten minutes are left. Default: 1h.
	AccessTokenLifetime caddy.Duration `json:"access_token_lifetime,omitempty"`

	// How many calls a second a recipient may make in the long run, if it has no
	// limit of its own. The defaults leave room for clients in regular use, which
	// poll (Spark's streaming every 10 seconds and query, Snowflake every 30
	// seconds), and repeat at once what was refused. -1: no limit. Default: 50.
	RateLimit int `json:"rate_limit,omitempty"`

	// How many calls it may make at once, after a pause. Default: four times the
	// rate limit, so 200.
	RateBurst int `json:"rate_burst,omitempty"`

	// How many calls of a recipient are answered at a time, if it has no limit of
	// its own. -1: no limit. Default: 64.
	ConcurrentLimit int `json:"concurrent_limit,omitempty"`

	// How many valid tokens a recipient may hold. Default: 2, which is also the
	// least.
	MaxTokens int `json:"max_tokens,omitempty"`

	// How many items of a listing the server behind is asked for at a time, up to
	// 10000; also the most that a page has. It must not be above the server's own
	// limit. Default: 500, the reference server's.
	PageSize int `json:"page_size,omitempty"`

	// Whether listings are without `location`, `auxiliaryLocations` and the access
	// mode `dir`, which tell where tables lie in their storage. Default: false.
	StripLocations bool `json:"strip_locations,omitempty"`

	// Who may call what: the name of a shipped set, a file, or a text of rules. Default:
	// `delta`, which is all that clients of the contract call.
	Rules *Rules `json:"rules,omitempty"`

	// The realm that owns the recipients. Sites of one realm share them, and must
	// agree in all of these options but `rules`. Default: `default`.
	Realm string `json:"realm,omitempty"`

	// Where recipients list, rotate and revoke their own credentials. Default:
	// it is not served.
	CredentialsAPI *CredentialsAPI `json:"credentials_api,omitempty"`

	config delta.Config
	held   *issuerKey // nil: there is no issuer
	begin  func()     // has its keys fetched
}

// CredentialsAPI configures the endpoint at which recipients manage their own
// credentials: with a management key, or with a JWT of an OpenID Connect issuer.
type CredentialsAPI struct {
	// The path, such as `/dds-tokens`. Required.
	Path string `json:"path,omitempty"`

	// What a list is wrapped in: `object` answers `{"tokens": […]}`, `array` the
	// bare list. Default: `object`.
	Envelope string `json:"envelope,omitempty"`

	// The OpenID Connect issuer whose JWTs are accepted, as its address.
	// Default: none; then only management keys are.
	Issuer string `json:"issuer,omitempty"`

	// The address of the issuer's keys. Default: from the issuer's discovery
	// document.
	Keys string `json:"keys,omitempty"`

	// The audience that a JWT must name. Required with an issuer.
	Audience string `json:"audience,omitempty"`

	// The claim that holds the recipient's name. Default: `sub`.
	RecipientClaim string `json:"recipient_claim,omitempty"`

	// The scope that a JWT needs for GET. Default: `read`.
	ReadScope string `json:"read_scope,omitempty"`

	// The scope that a JWT needs for POST and PATCH. Default: `write`.
	WriteScope string `json:"write_scope,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Delta) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gatehouse.schemes.delta", New: func() caddy.Module { return new(Delta) }}
}

// Provision fills in the defaults and resolves secrets.
func (d *Delta) Provision(caddy.Context) error {
	setDefault(&d.Endpoint, delta.DefaultEndpoint)
	setDefault(&d.TokenLifetime, caddy.Duration(delta.DefaultTokenLifetime))
	setDefault(&d.ActivationLifetime, caddy.Duration(delta.DefaultActivationLifetime))
	setDefault(&d.Activation, activationPageOrJSON)
	setDefault(&d.MaxTokens, delta.DefaultMaxTokens)
	setDefault(&d.TokenEndpoint, delta.DefaultTokenEndpoint)
	setDefault(&d.AccessTokenLifetime, caddy.Duration(delta.DefaultAccessTokenLifetime))
	setDefault(&d.RateLimit, delta.DefaultLimits.Rate)
	if d.RateLimit > 0 {
		setDefault(&d.RateBurst, burstFactor*d.RateLimit)
	}
	setDefault(&d.ConcurrentLimit, delta.DefaultLimits.Concurrent)
	setDefault(&d.PageSize, delta.DefaultPageSize)
	setDefault(&d.Realm, "default")
	d.config = delta.Config{
		Realm:              d.Realm,
		PublicURL:          d.PublicURL,
		Endpoint:           d.Endpoint,
		TokenLifetime:      time.Duration(d.TokenLifetime),
		ActivationLifetime: time.Duration(d.ActivationLifetime),
		MaxTokens:          d.MaxTokens,
		TokenEndpoint:      d.TokenEndpoint,
		Limits:             schemes.Limits{Rate: limit(d.RateLimit), Burst: d.RateBurst, Concurrent: limit(d.ConcurrentLimit)},

		AccessTokenLifetime: time.Duration(d.AccessTokenLifetime),
		PageSize:            d.PageSize,
		StripLocations:      d.StripLocations,
	}
	var err error
	if d.config.Rules, err = d.Rules.read(delta.RuleSets); err != nil {
		return err
	}
	switch d.Activation {
	case activationPageOrJSON:
	case activationPage:
		d.config.PageOnly = true
	default:
		return fmt.Errorf("activation: %q is neither %s nor %s", d.Activation, activationPageOrJSON, activationPage)
	}
	if d.UpstreamToken != "" {
		token, err := resolveSecret(d.UpstreamToken)
		if err != nil {
			return fmt.Errorf("upstream_token: %w", err)
		}
		d.config.UpstreamToken = schemes.NewCredential(token)
	}
	if d.CredentialsAPI != nil {
		return d.provisionCredentialsAPI()
	}
	return nil
}

// noLimit is what a limit that is off is in JSON, where 0 is the default.
const noLimit = -1

// burstFactor is how much more than the rate a burst may be, unless it is given.
const burstFactor = 4

// limit is a limit of the configuration as the scheme has it.
func limit(n int) int {
	if n == noLimit {
		return 0
	}
	return n
}

// Values of the option activation.
const (
	activationPageOrJSON = "page_or_json"
	activationPage       = "page"
)

func (d *Delta) provisionCredentialsAPI() error {
	api := d.CredentialsAPI
	setDefault(&api.Envelope, "object")
	setDefault(&api.RecipientClaim, delta.DefaultRecipientClaim)
	setDefault(&api.ReadScope, "read")
	setDefault(&api.WriteScope, "write")
	if api.Envelope != "object" && api.Envelope != "array" {
		return fmt.Errorf("credentials_api envelope: %q is neither object nor array", api.Envelope)
	}
	d.config.CredentialsAPI = &delta.CredentialsAPI{
		Path: api.Path, BareArray: api.Envelope == "array",
		RecipientClaim: api.RecipientClaim, ReadScope: api.ReadScope, WriteScope: api.WriteScope,
	}
	if api.Issuer == "" {
		if api.Audience != "" || api.Keys != "" {
			return fmt.Errorf("credentials_api issuer: missing, though audience or keys are given")
		}
		return nil
	}
	key := issuerKey{api.Issuer, api.Audience, api.Keys}
	issuer, err := holdIssuer(key)
	if err != nil {
		return fmt.Errorf("credentials_api: %w", err)
	}
	d.held, d.begin = &key, issuer.start
	d.config.CredentialsAPI.Issuer = issuer.Issuer
	return nil
}

// Cleanup lets go of the issuer, if Provision came so far as to hold it.
func (d *Delta) Cleanup() error {
	if d.held == nil {
		return nil
	}
	key := *d.held
	d.held = nil
	_, err := issuers.Delete(key)
	return err
}

// start implements moduleStarter.
func (d *Delta) start() {
	if d.begin != nil {
		d.begin()
	}
}

// Build implements SchemeModule.
func (d *Delta) Build(open schemes.Opener) (schemes.Scheme, error) {
	return delta.New(d.config, open)
}

func setDefault[T comparable](option *T, value T) {
	var zero T
	if *option == zero {
		*option = value
	}
}

// UnmarshalCaddyfile sets up the scheme from Caddyfile tokens. Syntax:
//
//	gatehouse delta {
//		public_url          <url>
//		endpoint            <path>
//		upstream_token      <placeholder>
//		token_lifetime      <duration>
//		activation_lifetime <duration>
//		activation          page_or_json|page
//		max_tokens          <number>
//		token_endpoint      <path>
//		access_token_lifetime <duration>
//		rate_limit          <calls a second> [<burst>]|off
//		concurrent_limit    <number>|off
//		page_size           <number>
//		strip_locations
//		rules               <name>|<file>|{ … }
//		realm               <name>
//		credentials_api     <path> {
//			issuer          <url>
//			keys            <url>
//			audience        <name>
//			recipient_claim <claim>
//			read_scope      <scope>
//			write_scope     <scope>
//			envelope        object|array
//		}
//	}
//
// It takes its options one at a time, from the directive's block.
func (d *Delta) UnmarshalCaddyfile(tokens *caddyfile.Dispenser) error {
	tokens.Next() // the scheme's name
	o := newOptions(tokens)
	for nesting := tokens.Nesting(); tokens.NextBlock(nesting); {
		var err error
		switch tokens.Val() {
		case "public_url":
			err = o.text(&d.PublicURL)
		case "endpoint":
			err = o.text(&d.Endpoint)
		case "upstream_token":
			err = o.text(&d.UpstreamToken)
		case "token_lifetime":
			err = o.duration(&d.TokenLifetime)
		case "activation_lifetime":
			err = o.duration(&d.ActivationLifetime)
		case "activation":
			err = o.text(&d.Activation)
		case "max_tokens":
			err = o.number(&d.MaxTokens)
		case "token_endpoint":
			err = o.text(&d.TokenEndpoint)
		case "access_token_lifetime":
			err = o.duration(&d.AccessTokenLifetime)
		case "rate_limit":
			err = o.limits(&d.RateLimit, &d.RateBurst)
		case "concurrent_limit":
			err = o.limits(&d.ConcurrentLimit)
		case "page_size":
			err = o.number(&d.PageSize)
		case "strip_locations":
			err = o.flag(&d.StripLocations)
		case "rules":
			err = o.rules(&d.Rules, delta.RuleSets)
		case "realm":
			err = o.text(&d.Realm)
		case "credentials_api":
			err = d.unmarshalCredentialsAPI(o)
		default:
			err = tokens.Errf("unrecognized option %q of gatehouse delta", tokens.Val())
		}
		if err != nil {
			return err
		}
	}
	// What is missing is best told here, where the line is known.
	if d.PublicURL == "" {
		return tokens.Err("gatehouse delta needs public_url: the site's address as recipients reach it")
	}
	if d.UpstreamToken == "" {
		return tokens.Err("gatehouse delta needs upstream_token: the token of the server behind, such as {file./etc/gatehouse/upstream}")
	}
	return nil
}

func (d *Delta) unmarshalCredentialsAPI(o *options) error {
	d.CredentialsAPI = new(CredentialsAPI)
	api := d.CredentialsAPI
	if err := o.text(&api.Path); err != nil {
		return err
	}
	inner := newOptions(o.tokens)
	for nesting := o.tokens.Nesting(); o.tokens.NextBlock(nesting); {
		var err error
		switch o.tokens.Val() {
		case "issuer":
			err = inner.text(&api.Issuer)
		case "keys":
			err = inner.text(&api.Keys)
		case "audience":
			err = inner.text(&api.Audience)
		case "recipient_claim":
			err = inner.text(&api.RecipientClaim)
		case "read_scope":
			err = inner.text(&api.ReadScope)
		case "write_scope":
			err = inner.text(&api.WriteScope)
		case "envelope":
			err = inner.text(&api.Envelope)
		default:
			err = o.tokens.Errf("unrecognized option %q of credentials_api", o.tokens.Val())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Interface guards
var (
	_ SchemeModule          = (*Delta)(nil)
	_ caddy.Provisioner     = (*Delta)(nil)
	_ caddy.CleanerUpper    = (*Delta)(nil)
	_ moduleStarter         = (*Delta)(nil)
	_ caddyfile.Unmarshaler = (*Delta)(nil)
)
