package caddymodule

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker"
)

func init() {
	caddy.RegisterModule(new(BitBroker))
}

// BitBroker is the token contract of BitBroker: tokens of coordinators, contributors and
// consumers, each for its own API, in the header `x-bbk-auth-token`. The gateway serves the
// coordinator API itself, with users, accesses, connectors and policies in its own store, or
// it stands in front of a BitBroker and makes, checks and rescinds that one's tokens.
type BitBroker struct {
	// Who keeps the users, connectors and policies: `standalone` is the gateway itself,
	// `in_front` a BitBroker behind it, which calls the site with
	// `gatehouse_bitbroker_services`. Default: `standalone`.
	Mode string `json:"mode,omitempty"`

	// The path below which the coordinator API is. Default: `/coordinator/v1`, if none of
	// coordinator, contributor and consumer is given; else the site does not have this
	// API.
	Coordinator string `json:"coordinator,omitempty"`

	// The path below which the contributor API is. Default: `/contributor/v1`, likewise.
	Contributor string `json:"contributor,omitempty"`

	// The path below which the consumer API is. Default: `/consumer/v1`, likewise.
	Consumer string `json:"consumer,omitempty"`

	// How long tokens live that the gateway makes. Default: until they are rescinded.
	TokenLifetime caddy.Duration `json:"token_lifetime,omitempty"`

	// How long the token before a reissued one is still good, up to 30d. Standalone only.
	// Default: not at all.
	ReissueOverlap caddy.Duration `json:"reissue_overlap,omitempty"`

	// What the limits of a policy are counted for: `policy` counts the calls of all its
	// accesses together, `access` those of each by itself. Default: `policy`.
	LimitsPer string `json:"limits_per,omitempty"`

	// Whether a coordinator may delete itself, unless it is the last one. Default: false.
	AllowSelfDelete bool `json:"allow_self_delete,omitempty"`

	// What contribution ids are made with, as the APP_SECRET of a BitBroker. It should be a
	// placeholder such as `{file./etc/gatehouse/app-secret}`. Standalone only. Default:
	// nothing, and ids can be guessed from names; they open nothing by themselves.
	AppSecret string `json:"app_secret,omitempty"`

	// Which tokens are good that the BitBroker issued before the gateway came. In front of
	// one only. Default: none.
	EarlierTokens *EarlierTokens `json:"earlier_tokens,omitempty"`

	// Who may call what: the name of a shipped set, a file, or a text of rules, with the
	// site's own paths. Default: `bitbroker`.
	Rules *Rules `json:"rules,omitempty"`

	// The realm that owns the users, connectors, policies and tokens. Sites of one realm
	// share them, and must agree in all of these options but the three paths and `rules`.
	// Default: `default`.
	Realm string `json:"realm,omitempty"`

	config bitbroker.Config
}

// EarlierTokens are those of a BitBroker's own auth service: JSON web tokens, RS256.
type EarlierTokens struct {
	// The https address of their keys, which ends in `/.well-known/jwks.json`. Give this or
	// key_file, with which the auth service that signed them need not run any more.
	Keys string `json:"keys,omitempty"`

	// A file with their keys, as the auth service served them.
	KeyFile string `json:"key_file,omitempty"`

	// What they have as `iss`. Default: `bit-broker.io`.
	Issuer string `json:"issuer,omitempty"`

	// When they are good no more: a day, such as `2027-03-31`, at its beginning in UTC, or a
	// time in RFC 3339. Required.
	Until string `json:"until,omitempty"`
}

// Values of the option mode.
const (
	modeStandalone = "standalone"
	modeInFront    = "in_front"
)

// Values of the option limits_per.
const (
	limitsPerPolicy = "policy"
	limitsPerAccess = "access"
)

// CaddyModule returns the Caddy module information.
func (*BitBroker) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gatehouse.schemes.bitbroker", New: func() caddy.Module { return new(BitBroker) }}
}

// Provision fills in the defaults and resolves secrets.
func (b *BitBroker) Provision(ctx caddy.Context) error {
	setDefault(&b.Mode, modeStandalone)
	setDefault(&b.LimitsPer, limitsPerPolicy)
	setDefault(&b.Realm, "default")
	if b.Coordinator == "" && b.Contributor == "" && b.Consumer == "" {
		b.Coordinator, b.Contributor, b.Consumer = bitbroker.DefaultCoordinator, bitbroker.DefaultContributor, bitbroker.DefaultConsumer
	}
	if _, err := b.fault(); err != nil {
		return err
	}
	b.config = bitbroker.Config{
		Realm:           b.Realm,
		InFront:         b.Mode == modeInFront,
		Coordinator:     b.Coordinator,
		Contributor:     b.Contributor,
		Consumer:        b.Consumer,
		TokenLifetime:   time.Duration(b.TokenLifetime),
		ReissueOverlap:  time.Duration(b.ReissueOverlap),
		LimitPerAccess:  b.LimitsPer == limitsPerAccess,
		AllowSelfDelete: b.AllowSelfDelete,
		Logger:          ctx.Slogger(),
	}
	if e := b.EarlierTokens; e != nil {
		until, err := parseDate(e.Until)
		if err != nil {
			return fmt.Errorf("earlier_tokens: until: %w", err)
		}
		warnIfPast(ctx.Logger(), until, time.Now())
		setDefault(&e.Issuer, bitbroker.DefaultIssuer)
		b.config.Earlier = &bitbroker.Earlier{Issuer: e.Issuer, JWKS: e.Keys, File: e.KeyFile, Until: until}
	}
	if b.AppSecret != "" {
		secret, err := resolveSecret(b.AppSecret)
		if err != nil {
			return fmt.Errorf("app_secret: %w", err)
		}
		b.config.AppSecret = schemes.NewCredential(secret)
	}
	var err error
	b.config.Rules, err = b.Rules.read(bitbroker.RuleSets)
	return err
}

// warnIfPast tells of earlier tokens that are good no more.
func warnIfPast(logger *zap.Logger, until, now time.Time) {
	if !until.After(now) {
		logger.Warn("the earlier tokens are good no more, since until of earlier_tokens is past: leave the option out, or give a later day", zap.Time("until", until))
	}
}

// fault finds an option that makes no sense, by itself or in the mode.
func (b *BitBroker) fault() (option string, err error) {
	inFront := b.Mode == modeInFront
	switch {
	case b.Mode != "" && b.Mode != modeStandalone && !inFront:
		return "mode", fmt.Errorf("mode: %q is neither %s nor %s", b.Mode, modeStandalone, modeInFront)
	case b.LimitsPer != "" && b.LimitsPer != limitsPerPolicy && b.LimitsPer != limitsPerAccess:
		return "limits_per", fmt.Errorf("limits_per: %q is neither %s nor %s", b.LimitsPer, limitsPerPolicy, limitsPerAccess)
	case b.EarlierTokens != nil && !inFront:
		return "earlier_tokens", fmt.Errorf("earlier_tokens goes with mode %s: without a BitBroker nobody issued any", modeInFront)
	case b.AppSecret != "" && inFront:
		return "app_secret", fmt.Errorf("app_secret does not go with mode %s: the BitBroker has one of its own", modeInFront)
	case b.ReissueOverlap != 0 && inFront:
		return "reissue_overlap", fmt.Errorf("reissue_overlap does not go with mode %s: the BitBroker rescinds the old token before it asks for a new one", modeInFront)
	}
	if e := b.EarlierTokens; e != nil {
		switch {
		case (e.Keys == "") == (e.KeyFile == ""):
			return "earlier_tokens", errors.New("earlier_tokens needs one of keys, with an address, and key_file")
		case e.Until == "":
			return "earlier_tokens", errors.New("earlier_tokens needs until: the day on which they are good no more, such as 2027-03-31")
		}
	}
	return "", nil
}

// parseDate reads a day, at its beginning in UTC, or a time.
func parseDate(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a day such as 2027-03-31 nor a time such as 2027-03-31T18:00:00Z", text)
}

// Build implements SchemeModule.
func (b *BitBroker) Build(open schemes.Opener) (schemes.Scheme, error) {
	return bitbroker.New(b.config, open)
}

// siteOptions says that the APIs of a realm may be served by sites of their own.
func (*BitBroker) siteOptions() []string { return []string{"coordinator", "contributor", "consumer"} }

// shownSecrets implements secretShower. The server behind does not get the token.
func (*BitBroker) shownSecrets() shownSecrets {
	return shownSecrets{logged: []string{"request>headers>X-Bbk-Auth-Token"}}
}

// UnmarshalCaddyfile sets up the scheme from Caddyfile tokens. Syntax:
//
//	gatehouse bitbroker {
//		mode             standalone|in_front
//		coordinator      <path>
//		contributor      <path>
//		consumer         <path>
//		token_lifetime   <duration>
//		reissue_overlap  <duration>
//		limits_per       policy|access
//		allow_self_delete
//		app_secret       <placeholder>
//		earlier_tokens {
//			keys     <url>
//			key_file <file>
//			issuer   <name>
//			until    <date>
//		}
//		rules            <name>|<file>|{ … }
//		realm            <name>
//	}
//
// It takes its options one at a time, from the directive's block; it needs none.
func (b *BitBroker) UnmarshalCaddyfile(tokens *caddyfile.Dispenser) error {
	tokens.Next() // the scheme's name
	o := newOptions(tokens)
	places := make(map[string]caddyfile.Token)
	for nesting := tokens.Nesting(); tokens.NextBlock(nesting); {
		places[tokens.Val()] = tokens.Token()
		var err error
		switch tokens.Val() {
		case "mode":
			err = o.text(&b.Mode)
		case "coordinator":
			err = o.text(&b.Coordinator)
		case "contributor":
			err = o.text(&b.Contributor)
		case "consumer":
			err = o.text(&b.Consumer)
		case "token_lifetime":
			err = o.duration(&b.TokenLifetime)
		case "reissue_overlap":
			err = o.duration(&b.ReissueOverlap)
		case "limits_per":
			err = o.text(&b.LimitsPer)
		case "allow_self_delete":
			err = o.flag(&b.AllowSelfDelete)
		case "app_secret":
			err = o.text(&b.AppSecret)
		case "earlier_tokens":
			err = b.unmarshalEarlier(o)
		case "rules":
			err = o.rules(&b.Rules, bitbroker.RuleSets)
		case "realm":
			err = o.text(&b.Realm)
		default:
			err = tokens.Errf("unrecognized option %q of gatehouse bitbroker", tokens.Val())
		}
		if err != nil {
			return err
		}
	}
	// What does not go together is best told here, where the lines are known.
	if option, err := b.fault(); err != nil {
		return errAt(places[option], "option %w", err)
	}
	return nil
}

func (b *BitBroker) unmarshalEarlier(o *options) error {
	if b.EarlierTokens != nil {
		return o.tokens.Err("option earlier_tokens is given twice")
	}
	e := new(EarlierTokens)
	b.EarlierTokens = e
	if o.tokens.NextArg() {
		return o.tokens.Err("option earlier_tokens takes a block: keys or key_file, until")
	}
	inner := newOptions(o.tokens)
	for nesting := o.tokens.Nesting(); o.tokens.NextBlock(nesting); {
		var err error
		switch o.tokens.Val() {
		case "keys":
			err = inner.text(&e.Keys)
		case "key_file":
			err = inner.text(&e.KeyFile)
		case "issuer":
			err = inner.text(&e.Issuer)
		case "until":
			if err = inner.text(&e.Until); err == nil {
				if _, wrong := parseDate(e.Until); wrong != nil {
					err = o.tokens.Errf("option until: %w", wrong)
				}
			}
		default:
			err = o.tokens.Errf("unrecognized option %q of earlier_tokens", o.tokens.Val())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Interface guards
var (
	_ SchemeModule          = (*BitBroker)(nil)
	_ secretShower          = (*BitBroker)(nil)
	_ caddy.Provisioner     = (*BitBroker)(nil)
	_ caddyfile.Unmarshaler = (*BitBroker)(nil)
)
