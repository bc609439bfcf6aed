package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

func init() {
	caddy.RegisterModule(new(Gate))
}

// SchemeModule is a guest module in the namespace gatehouse.schemes: a token
// contract as configuration.
type SchemeModule interface {
	// Build makes the scheme. Its errors name the option.
	Build(open schemes.Opener) (schemes.Scheme, error)
}

// moduleStarter is a SchemeModule that begins something of its own, which Cleanup ends, when
// its configuration starts.
type moduleStarter interface{ start() }

// Gate stands in front of a data-sharing server: it checks the credential of
// every request of its site, decides by rules who may pass, serves the endpoints
// of its token contract itself, and hands all else that is allowed to the next
// handler, usually `reverse_proxy`. What no rule names is refused.
//
// It sets these placeholders for requests that carry a valid credential:
//
// Placeholder | Description
// ------------|-------------
// `{http.auth.user.id}` | Name of the recipient, as access logs show it
// `{http.gatehouse.subject}` | Id of the recipient
// `{http.gatehouse.token_id}` | Public id of the token
type Gate struct {
	// The token contract, and how this site configures it.
	SchemeRaw json.RawMessage `json:"scheme,omitempty" caddy:"namespace=gatehouse.schemes inline_key=name"`

	// The headers that tell the server behind who calls: subject, kind, roles
	// and token id, in this order. Whatever a client sends under these names is
	// removed. Default: `X-Gatehouse-Subject`, `X-Gatehouse-Kind`,
	// `X-Gatehouse-Roles` and `X-Gatehouse-Token-Id`.
	IdentityHeaders []string `json:"identity_headers,omitempty"`

	// Lets requests that would be refused go on as they came, with the caller's own
	// credential and without anything of the gateway's, and logs and counts them. It is
	// for trying a gate in front of a server that is in use: such a site protects nothing.
	// The gateway's own endpoints refuse as ever.
	Shadow bool `json:"shadow,omitempty"`

	// What errors and logs call this site. Default from a Caddyfile: file and
	// line of the directive.
	Site string `json:"site,omitempty"`

	app     *App
	module  SchemeModule
	scheme  schemes.Scheme
	guard   *headers.Guard
	names   identityNames
	shown   shownSecrets
	logger  *zap.Logger
	audit   *zap.Logger
	metrics *metrics
	// composing is how long answers may be read for one request; 0: composeTime.
	composing time.Duration
}

// identityNames are the names of the identity headers.
type identityNames struct{ subject, kind, roles, token string }

var defaultIdentityHeaders = []string{
	"X-Gatehouse-Subject", "X-Gatehouse-Kind", "X-Gatehouse-Roles", "X-Gatehouse-Token-Id",
}

// credentialHeaders are those of all contracts: whatever a site's reads, an alias of
// another's must not reach the server behind either, nor the server's own a client by
// another way than the scheme sees.
var credentialHeaders = []string{"X-Auth-Token", "X-Bbk-Auth-Token", "Token"}

// CaddyModule returns the Caddy module information.
func (*Gate) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gatehouse", New: func() caddy.Module { return new(Gate) }}
}

// Provision builds the scheme and joins its realm. Any error fails the load: a
// gate that cannot be built must not leave its site open.
func (g *Gate) Provision(ctx caddy.Context) error {
	if g.Site == "" {
		g.Site = "a site"
	}
	if err := g.provision(ctx); err != nil {
		return fmt.Errorf("gatehouse at %s: %w", g.Site, err)
	}
	return nil
}

func (g *Gate) provision(ctx caddy.Context) error {
	g.logger = ctx.Logger()
	g.audit = g.logger.Named("audit")
	if len(g.SchemeRaw) == 0 {
		return errors.New("scheme: missing; write which token contract the site speaks, such as `gatehouse delta`")
	}
	names := g.IdentityHeaders
	if len(names) == 0 {
		names = defaultIdentityHeaders
	}
	if len(names) != len(defaultIdentityHeaders) {
		return fmt.Errorf("identity_headers: give %d names: subject, kind, roles and token id", len(defaultIdentityHeaders))
	}
	names, err := headers.Names(names)
	if err != nil {
		return fmt.Errorf("identity_headers: %w", err)
	}
	g.names = identityNames{names[0], names[1], names[2], names[3]}
	g.guard = headers.NewGuard(names, credentialHeaders...)

	app, err := ctx.App("gatehouse")
	if err != nil {
		return err
	}
	g.app = app.(*App)

	module, err := ctx.LoadModule(g, "SchemeRaw")
	if err != nil {
		return fmt.Errorf("scheme: %w", err)
	}
	contract, ok := module.(SchemeModule)
	if !ok {
		return fmt.Errorf("scheme: %T is not a token contract", module)
	}
	g.module = contract
	if g.scheme, err = contract.Build(g.app.open); err != nil {
		return err
	}
	g.shown = g.showsSecrets(contract)
	settings, err := realmSettings(module)
	if err != nil {
		return err
	}
	if err := g.app.register(g.Site, settings, g.scheme); err != nil {
		return err
	}
	if g.metrics, err = useMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	g.app.join(g)
	return nil
}

// siteOptions is a SchemeModule with options in which the sites of a realm may differ, by
// their JSON names, beside rules.
type siteOptions interface{ siteOptions() []string }

// realmSettings is what the sites of a realm must agree on: neither who may call what, nor
// what the scheme leaves to each site. It is of the provisioned module, not of the raw
// text: the order of options does not make two sites differ.
func realmSettings(module any) (string, error) {
	text, err := json.Marshal(module)
	if err != nil {
		return "", err
	}
	var options map[string]json.RawMessage
	if err := json.Unmarshal(text, &options); err != nil {
		return "", err
	}
	delete(options, "rules")
	if scheme, ok := module.(siteOptions); ok {
		for _, name := range scheme.siteOptions() {
			delete(options, name)
		}
	}
	text, err = json.Marshal(options)
	return string(text), err
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Gate)(nil)
	_ caddyhttp.MiddlewareHandler = (*Gate)(nil)
)
