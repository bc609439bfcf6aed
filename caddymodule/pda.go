package caddymodule

import (
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/pda"
)

func init() {
	caddy.RegisterModule(new(PDA))
}

// PDA is the token contract of personal data accounts, in front of the server that
// keeps their data: owners who sign in with a password, applications that they let in,
// tokens that are renewed in the answer to every call, and that can be revoked. The
// request's host selects the account.
type PDA struct {
	// How long a token is good without being used. Default: 72h.
	Idle caddy.Duration `json:"idle,omitempty"`

	// How long a token is good from its sign-in, however often it is renewed.
	// Default: 30d.
	Absolute caddy.Duration `json:"absolute,omitempty"`

	// How long the same renewed token is given out to calls of one sign-in, which is
	// how seldom it is signed anew. Default: 1m.
	RenewInterval caddy.Duration `json:"renew_interval,omitempty"`

	// What the server behind is told: `identity` sends identity headers and no token,
	// `token` forwards a token as well, for a server that checks it with the account's
	// own key. Default: `identity`.
	Upstream string `json:"upstream,omitempty"`

	// The origins whose pages may call the site from a browser, such as
	// `https://app.example.com`. With one, what the server behind says of CORS is
	// removed. Default: none, and CORS is left to the server behind.
	CORS []string `json:"cors,omitempty"`

	// Whether a token may also come as the parameter `X-Auth-Token` of the address,
	// where logs and other servers see it. Default: false.
	QueryTokens bool `json:"query_tokens,omitempty"`

	// Whether a token of an application ends with the sign-in that it came from,
	// instead of living as long as one of its own. Default: false.
	CapApplicationTokens bool `json:"cap_application_tokens,omitempty"`

	// What a sign-in beyond the limits is answered: 429, or 400 as the original server
	// does. Default: 429.
	SignInLimitStatus int `json:"sign_in_limit_status,omitempty"`

	// The longest body of several records, in bytes: it is read whole, and each record
	// checked, before it is forwarded. Default: 4 MiB.
	BatchLimit int64 `json:"batch_limit,omitempty"`

	// What applications may call although only the server behind can tell whether they
	// may: `records` updates and deletes records by their ids, `links` links records, `files` reads
	// and searches files. `contracts` are calls with a contract's token in their body,
	// for anybody. Default: none.
	LeaveToServer []string `json:"leave_to_server,omitempty"`

	// Further paths that anybody may GET, such as those of a dashboard: each exact, or
	// ending in `/*`. Default: none.
	Public []string `json:"public,omitempty"`

	// Who may call what: the name of a shipped set, a file, or a text of rules. Default:
	// `pda`, which is all that clients of the contract call.
	Rules *Rules `json:"rules,omitempty"`

	// The realm that owns the accounts and applications. Sites of one realm share them,
	// and must agree in all of these options but `rules`. Default: `default`.
	Realm string `json:"realm,omitempty"`

	config pda.Config
}

// CaddyModule returns the Caddy module information.
func (*PDA) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gatehouse.schemes.pda", New: func() caddy.Module { return new(PDA) }}
}

// Provision fills in the defaults.
func (p *PDA) Provision(caddy.Context) error {
	setDefault(&p.Idle, caddy.Duration(pda.DefaultIdle))
	setDefault(&p.Absolute, caddy.Duration(pda.DefaultAbsolute))
	setDefault(&p.RenewInterval, caddy.Duration(pda.DefaultRenewInterval))
	setDefault(&p.Upstream, upstreamIdentity)
	setDefault(&p.SignInLimitStatus, http.StatusTooManyRequests)
	setDefault(&p.BatchLimit, pda.DefaultBatchLimit)
	setDefault(&p.Realm, "default")
	if p.Upstream != upstreamIdentity && p.Upstream != upstreamToken {
		return fmt.Errorf("upstream: %q is neither %s nor %s", p.Upstream, upstreamIdentity, upstreamToken)
	}
	p.config = pda.Config{
		Realm:           p.Realm,
		Idle:            time.Duration(p.Idle),
		Absolute:        time.Duration(p.Absolute),
		RenewInterval:   time.Duration(p.RenewInterval),
		UpstreamToken:   p.Upstream == upstreamToken,
		Origins:         p.CORS,
		QueryTokens:     p.QueryTokens,
		CapApplications: p.CapApplicationTokens,
		LimitStatus:     p.SignInLimitStatus,
		BatchLimit:      p.BatchLimit,
		LeaveToServer:   p.LeaveToServer,
		Public:          p.Public,
	}
	var err error
	p.config.Rules, err = p.Rules.read(pda.RuleSets)
	return err
}

// Values of the option upstream.
const (
	upstreamIdentity = "identity"
	upstreamToken    = "token"
)

// Build implements SchemeModule.
func (p *PDA) Build(open schemes.Opener) (schemes.Scheme, error) {
	return pda.New(p.config, open)
}

// shownSecrets implements secretShower: what owners sign in with, the token of each call,
// and the fresh one of each answer, the gateway's or the server's own.
func (p *PDA) shownSecrets() shownSecrets {
	const sent, answered = "request>headers>X-Auth-Token", "headers>X-Auth-Token"
	shown := shownSecrets{logged: []string{
		"request>headers>Username", "request>headers>Password", sent, "resp_headers>X-Auth-Token", answered,
	}}
	if p.Upstream == upstreamToken {
		shown.proxied = []string{sent, answered}
	}
	return shown
}

// UnmarshalCaddyfile sets up the scheme from Caddyfile tokens. Syntax:
//
//	gatehouse pda {
//		idle                   <duration>
//		absolute               <duration>
//		renew_interval         <duration>
//		upstream               identity|token
//		cors                   <origin>...
//		query_tokens
//		cap_application_tokens
//		sign_in_limit_status   429|400
//		batch_limit            <size>
//		leave_to_server        records|links|files|contracts ...
//		public                 <path>...
//		rules                  <name>|<file>|{ … }
//		realm                  <name>
//	}
//
// It takes its options one at a time, from the directive's block; it needs none.
func (p *PDA) UnmarshalCaddyfile(tokens *caddyfile.Dispenser) error {
	tokens.Next() // the scheme's name
	o := newOptions(tokens)
	for nesting := tokens.Nesting(); tokens.NextBlock(nesting); {
		var err error
		switch tokens.Val() {
		case "idle":
			err = o.duration(&p.Idle)
		case "absolute":
			err = o.duration(&p.Absolute)
		case "renew_interval":
			err = o.duration(&p.RenewInterval)
		case "upstream":
			err = o.text(&p.Upstream)
		case "cors":
			err = o.texts(&p.CORS)
		case "query_tokens":
			err = o.flag(&p.QueryTokens)
		case "cap_application_tokens":
			err = o.flag(&p.CapApplicationTokens)
		case "sign_in_limit_status":
			err = o.number(&p.SignInLimitStatus)
		case "batch_limit":
			err = o.size(&p.BatchLimit)
		case "leave_to_server":
			err = o.texts(&p.LeaveToServer)
		case "public":
			err = o.texts(&p.Public)
		case "rules":
			err = o.rules(&p.Rules, pda.RuleSets)
		case "realm":
			err = o.text(&p.Realm)
		default:
			err = tokens.Errf("unrecognized option %q of gatehouse pda", tokens.Val())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Interface guards
var (
	_ SchemeModule          = (*PDA)(nil)
	_ secretShower          = (*PDA)(nil)
	_ caddy.Provisioner     = (*PDA)(nil)
	_ caddyfile.Unmarshaler = (*PDA)(nil)
)
