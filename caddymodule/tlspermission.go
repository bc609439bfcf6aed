package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes/pda"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func init() {
	caddy.RegisterModule(new(TLSPermission))
}

// TLSPermission allows certificates to be obtained on demand for the hosts of personal
// data accounts, and for no others: an account that was just created can be reached,
// and whoever asks for another name costs nothing but a look into the store. An account
// that is disabled keeps its certificate, for its refusals are answered over TLS too.
type TLSPermission struct {
	// The realms whose accounts' hosts are allowed. A site with `gatehouse pda` must
	// serve each. Default: `default`.
	Realms []string `json:"realms,omitempty"`

	app *App
}

// CaddyModule returns the Caddy module information.
func (*TLSPermission) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tls.permission.gatehouse", New: func() caddy.Module { return new(TLSPermission) }}
}

// Provision joins the app, which knows the realms once all sites are provisioned.
func (p *TLSPermission) Provision(ctx caddy.Context) error {
	if len(p.Realms) == 0 {
		p.Realms = []string{"default"}
	}
	app, err := ctx.App("gatehouse")
	if err != nil {
		return err
	}
	p.app = app.(*App)
	p.app.permit(p)
	return nil
}

// CertificateAllowed implements caddytls.OnDemandPermission. It answers from the store
// of the configuration that Caddy asks for; a store that cannot tell allows nothing.
func (p *TLSPermission) CertificateAllowed(ctx context.Context, name string) error {
	if strings.Contains(name, ":") {
		name = "[" + name + "]" // an IPv6 address; there are no ports in names of certificates
	}
	host, err := canonpath.Host(name)
	if err != nil {
		return fmt.Errorf("%w: %q is no host", caddytls.ErrPermissionDenied, name)
	}
	backend, err := p.app.open(ctx)
	if err != nil {
		return err
	}
	for _, realm := range p.Realms {
		_, _, _, err := backend.Store.AccountByHost(ctx, realm, host)
		if err == nil {
			return nil
		}
		if !errors.Is(err, tokenstore.ErrNotFound) {
			return err
		}
	}
	return fmt.Errorf("%w: %s is no account's host", caddytls.ErrPermissionDenied, host)
}

// permit notes a permission module, for checkPermissions.
func (a *App) permit(p *TLSPermission) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.permissions = append(a.permissions, p)
}

// checkPermissions makes sure that each realm of a permission module is there. A
// misspelt one would let no account have a certificate, and nothing would say so.
func (a *App) checkPermissions() error {
	a.mu.Lock()
	permissions := a.permissions
	a.mu.Unlock()
	for _, p := range permissions {
		for _, realm := range p.Realms {
			if _, err := a.scheme(pda.Name, realm); err != nil {
				return fmt.Errorf("on_demand_tls permission gatehouse: realm %q: %w", realm, err)
			}
		}
	}
	return nil
}

// UnmarshalCaddyfile sets up the module from Caddyfile tokens. Syntax:
//
//	on_demand_tls {
//		permission gatehouse [<realm>...]
//	}
func (p *TLSPermission) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the module's name
	p.Realms = d.RemainingArgs()
	if d.NextBlock(d.Nesting()) {
		return d.Err("permission gatehouse takes no block")
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*TLSPermission)(nil)
	_ caddytls.OnDemandPermission = (*TLSPermission)(nil)
	_ caddyfile.Unmarshaler       = (*TLSPermission)(nil)
)
