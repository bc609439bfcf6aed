package caddymodule

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/dx"
)

func init() {
	caddy.RegisterModule(new(DX))
}

// DX is the token contract of DX data exchanges, in front of a marketplace or another
// access policy server: identity tokens of the exchange's authorisation server, with a
// role for each route, delegates, tokens of Keycloak's clients, and the revocation of
// users that those servers lack. Tokens reach the server behind as they came.
type DX struct {
	// What tokens have as `iss`, such as `cos.example.com`. Required.
	Issuer string `json:"issuer,omitempty"`

	// The https address of the issuer's key set, such as
	// `https://aaa.example.com/auth/v1/jwks`. Give one of keys, certificate and key_file;
	// an address that ends in `/cert` is taken for a certificate's, and what is no address
	// for a file.
	Keys string `json:"keys,omitempty"`

	// The https address that answers with the issuer's certificate, such as
	// `https://aaa.example.com/auth/v1/cert`. Its dates are not looked at.
	Certificate string `json:"certificate,omitempty"`

	// A file with the issuer's keys: certificates or public keys in PEM, or a key set.
	KeyFile string `json:"key_file,omitempty"`

	// How long a key is still good that the issuer shows no more, up to 24h. Default: not
	// at all.
	KeyOverlap caddy.Duration `json:"key_overlap,omitempty"`

	// The name by which this server is registered with the issuer, such as
	// `apd.example.com`: server tokens must be for it. Required.
	Audience string `json:"audience,omitempty"`

	// The path that `{base}` stands for in the rules; `/` for none. Default:
	// `/dx/apd/acl/v1` with the rules `acl-apd`, else `/dx/apd/dmp/v1`.
	BasePath string `json:"base_path,omitempty"`

	// Who may call what: the name of a shipped set, `dmp-apd` or `acl-apd`, a file, or a
	// text of rules. Default: `dmp-apd`.
	Rules *Rules `json:"rules,omitempty"`

	// The resource servers whose identity tokens are good, such as `rs.example.com`.
	// Default: any.
	Servers []string `json:"servers,omitempty"`

	// Whose Keycloak tokens are good where rules ask for the kind `keycloak`. Default:
	// nobody's.
	Keycloak *Keycloak `json:"keycloak,omitempty"`

	// The secret with which the payment provider signs its webhooks. It should be a
	// placeholder such as `{file./etc/gatehouse/razorpay}`. Default: none, and signatures
	// are not checked.
	WebhookSecret string `json:"webhook_secret,omitempty"`

	// How the types of the gateway's own answers begin, but for the 400 that the original
	// gives a number. Default: `urn:dx:acl:` with the
	// rules `acl-apd`, else `urn:dx:dmp:`.
	URNPrefix string `json:"urn_prefix,omitempty"`

	// Whether a caller is told, in `WWW-Authenticate`, why its token is refused, or
	// does not open the route. Default: false.
	ShowReasons bool `json:"show_reasons,omitempty"`

	// The realm that owns the revocations. Sites of one realm share them, and must agree in
	// `issuer` and its keys. Default: `default`.
	Realm string `json:"realm,omitempty"`

	config dx.Config
	logger *zap.Logger
}

// Keycloak says which tokens of a Keycloak realm are good.
type Keycloak struct {
	// The address of the realm, as tokens name it:
	// `https://keycloak.example.com/realms/example`. Required.
	Issuer string `json:"issuer,omitempty"`

	// The https address of its keys. Default: from its discovery document.
	Keys string `json:"keys,omitempty"`

	// The audience that a token must name. Required.
	Audience string `json:"audience,omitempty"`

	// Who may call: clients, by their ids, or users, by their `sub`. Required.
	Clients []string `json:"clients,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*DX) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gatehouse.schemes.dx", New: func() caddy.Module { return new(DX) }}
}

// Provision fills in the defaults and resolves secrets.
func (d *DX) Provision(ctx caddy.Context) error {
	var set string
	if d.Rules != nil {
		set = d.Rules.Name
	}
	setDefault(&d.BasePath, dx.DefaultBasePath(set))
	setDefault(&d.URNPrefix, dx.DefaultURNPrefix(set))
	setDefault(&d.Realm, "default")
	d.logger = ctx.Logger()
	d.config = dx.Config{
		Realm:       d.Realm,
		Issuer:      d.Issuer,
		Audience:    d.Audience,
		BasePath:    d.BasePath,
		Keys:        d.keySource(),
		KeyOverlap:  time.Duration(d.KeyOverlap),
		Servers:     d.Servers,
		URNPrefix:   d.URNPrefix,
		ShowReasons: d.ShowReasons,
		Logger:      ctx.Slogger(),
	}
	if d.BasePath == "/" {
		d.config.BasePath = ""
	}
	if k := d.Keycloak; k != nil {
		d.config.Keycloak = &dx.Keycloak{Issuer: k.Issuer, JWKS: k.Keys, Audience: k.Audience, Clients: k.Clients}
	}
	var err error
	if d.config.Rules, err = d.Rules.read(dx.RuleSets); err != nil {
		return err
	}
	if d.WebhookSecret != "" {
		secret, err := resolveSecret(d.WebhookSecret)
		if err != nil {
			return fmt.Errorf("webhook_secret: %w", err)
		}
		d.config.WebhookSecret = schemes.NewCredential(secret)
	}
	return nil
}

// keySource is where the keys are. AAA calls the address of its certificate so; whoever
// writes that, or a file, behind keys means no key set.
func (d *DX) keySource() dx.KeySource {
	source := dx.KeySource{JWKS: d.Keys, Certificate: d.Certificate, File: d.KeyFile}
	switch {
	case d.Keys == "" || d.Certificate != "" || d.KeyFile != "":
	case !strings.Contains(d.Keys, "://"):
		source = dx.KeySource{File: d.Keys}
	case strings.HasSuffix(d.Keys, "/cert"):
		source = dx.KeySource{Certificate: d.Keys}
	}
	return source
}

// Build implements SchemeModule.
func (d *DX) Build(open schemes.Opener) (schemes.Scheme, error) {
	scheme, err := dx.New(d.config, open)
	if err != nil {
		return nil, err
	}
	if unsigned := scheme.UnsignedWebhooks(); len(unsigned) > 0 {
		d.logger.Warn("anybody can send payment webhooks to the server behind, which goes on after a bad signature: give webhook_secret, or leave the webhooks out of the rules",
			zap.String("realm", d.Realm), zap.Strings("paths", unsigned))
	}
	if vain := scheme.VainRules(); len(vain) > 0 {
		d.logger.Warn("rules ask for what no token gives, so that nobody gets by: the roles are consumer and provider; the kinds user, delegate, aaa-server and keycloak; there are no grants",
			zap.String("realm", d.Realm), zap.Strings("rules", vain))
	}
	return scheme, nil
}

// siteOptions says that the sites of a realm share what was revoked of an issuer's users,
// and nothing else: a marketplace and an access control server stand in one. They agree in
// the issuer and its keys, since whoever holds a key can revoke at each of them for all.
func (*DX) siteOptions() []string {
	return []string{
		"audience", "base_path", "key_overlap", "servers", "keycloak", "webhook_secret", "urn_prefix", "show_reasons",
	}
}

// shownSecrets implements secretShower: the server behind gets the token as it came.
func (*DX) shownSecrets() shownSecrets {
	token := []string{"request>headers>Token"}
	return shownSecrets{logged: token, proxied: token}
}

// UnmarshalCaddyfile sets up the scheme from Caddyfile tokens. Syntax:
//
//	gatehouse dx {
//		issuer         <name>
//		keys           <url>
//		certificate    <url>
//		key_file       <file>
//		key_overlap    <duration>
//		audience       <name>
//		base_path      <path>
//		rules          <name>|<file>|{ … }
//		servers        <host>...
//		keycloak       <url> {
//			keys       <url>
//			audience   <name>
//			clients    <client id>...
//		}
//		webhook_secret <placeholder>
//		urn_prefix     <urn>
//		show_reasons
//		realm          <name>
//	}
//
// It needs issuer, audience, and one of keys, certificate and key_file.
func (d *DX) UnmarshalCaddyfile(tokens *caddyfile.Dispenser) error {
	tokens.Next() // the scheme's name
	o := newOptions(tokens)
	for nesting := tokens.Nesting(); tokens.NextBlock(nesting); {
		var err error
		switch tokens.Val() {
		case "issuer":
			err = o.text(&d.Issuer)
		case "keys":
			err = o.text(&d.Keys)
		case "certificate":
			err = o.text(&d.Certificate)
		case "key_file":
			err = o.text(&d.KeyFile)
		case "key_overlap":
			err = o.duration(&d.KeyOverlap)
		case "audience":
			err = o.text(&d.Audience)
		case "base_path":
			err = o.text(&d.BasePath)
		case "rules":
			err = o.rules(&d.Rules, dx.RuleSets)
		case "servers":
			err = o.texts(&d.Servers)
		case "keycloak":
			err = d.unmarshalKeycloak(o)
		case "webhook_secret":
			err = o.text(&d.WebhookSecret)
		case "urn_prefix":
			err = o.text(&d.URNPrefix)
		case "show_reasons":
			err = o.flag(&d.ShowReasons)
		case "realm":
			err = o.text(&d.Realm)
		default:
			err = tokens.Errf("unrecognized option %q of gatehouse dx", tokens.Val())
		}
		if err != nil {
			return err
		}
	}
	// What is missing is best told here, where the line is known.
	return d.checkComplete(tokens)
}

func (d *DX) checkComplete(tokens *caddyfile.Dispenser) error {
	sources := 0
	for _, source := range []string{d.Keys, d.Certificate, d.KeyFile} {
		if source != "" {
			sources++
		}
	}
	switch {
	case d.Issuer == "":
		return tokens.Err("gatehouse dx needs issuer: what tokens have as iss, such as cos.example.com")
	case d.Audience == "":
		return tokens.Err("gatehouse dx needs audience: the name by which this server is registered with the issuer, such as apd.example.com")
	case sources == 0:
		return tokens.Err("gatehouse dx needs the issuer's keys: keys or certificate with an address, or key_file")
	case sources > 1:
		return tokens.Err("gatehouse dx takes one of keys, certificate and key_file")
	}
	return nil
}

func (d *DX) unmarshalKeycloak(o *options) error {
	d.Keycloak = new(Keycloak)
	k := d.Keycloak
	if err := o.text(&k.Issuer); err != nil {
		return err
	}
	option := o.tokens.Token()
	inner := newOptions(o.tokens)
	for nesting := o.tokens.Nesting(); o.tokens.NextBlock(nesting); {
		var err error
		switch o.tokens.Val() {
		case "keys":
			err = inner.text(&k.Keys)
		case "audience":
			err = inner.text(&k.Audience)
		case "clients":
			err = inner.texts(&k.Clients)
		default:
			err = o.tokens.Errf("unrecognized option %q of keycloak", o.tokens.Val())
		}
		if err != nil {
			return err
		}
	}
	switch {
	case k.Audience == "":
		return errAt(option, "keycloak needs audience: a token for another service must not be good here")
	case len(k.Clients) == 0:
		return errAt(option, "keycloak needs clients: the ids of those that may call")
	}
	return nil
}

// Interface guards
var (
	_ SchemeModule          = (*DX)(nil)
	_ secretShower          = (*DX)(nil)
	_ caddy.Provisioner     = (*DX)(nil)
	_ caddyfile.Unmarshaler = (*DX)(nil)
)
