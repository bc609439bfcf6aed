package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/openapi"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/schemes/delta/databricks"
)

func init() {
	caddy.RegisterModule(new(AdminSite))
}

// AdminSite administers the recipients of a realm over HTTP, as Databricks' clients
// do it: recipients, their rotation, permissions on shares, and federation policies.
// Callers present an admin token, made by `caddy gatehouse admin create`. It answers
// every request of its site itself; what is none of its endpoints is not found. Put
// it on a site that only operators reach.
//
// It sets the placeholder `{http.auth.user.id}` to the name of the admin token for
// requests that carry a valid one.
type AdminSite struct {
	// The token contract whose recipients are administered. Default, and all there
	// is: `delta`.
	Scheme string `json:"scheme,omitempty"`

	// The realm that owns the recipients. A site with `gatehouse delta` must serve
	// it. Default: `default`.
	Realm string `json:"realm,omitempty"`

	// What errors and logs call this site. Default from a Caddyfile: file and
	// line of the directive.
	Site string `json:"site,omitempty"`

	app    *App
	api    func() (*databricks.API, error)
	guard  *headers.Guard
	record *siteRecord
}

// CaddyModule returns the Caddy module information.
func (*AdminSite) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers." + adminDirective, New: func() caddy.Module { return new(AdminSite) }}
}

// Provision fills in the defaults and joins the app, which knows the realms once all
// sites are provisioned.
func (s *AdminSite) Provision(ctx caddy.Context) error {
	setDefault(&s.Scheme, delta.Name)
	setDefault(&s.Realm, "default")
	setDefault(&s.Site, "a site")
	s.guard = headers.NewGuard(nil)
	s.api = sync.OnceValues(s.build)
	if s.Scheme != delta.Name {
		return fmt.Errorf("%s at %s: scheme: %q has no administration over HTTP; there is one of %s", adminDirective, s.Site, s.Scheme, delta.Name)
	}
	app, err := ctx.App("gatehouse")
	if err != nil {
		return fmt.Errorf("%s at %s: %w", adminDirective, s.Site, err)
	}
	s.app = app.(*App)
	s.app.administer(s)
	s.record, err = newSiteRecord(ctx, adminScheme, "administration", s.Site, s.Realm)
	return err
}

// build makes the API of the realm's scheme. It comes after all sites are
// provisioned.
func (s *AdminSite) build() (*databricks.API, error) {
	scheme, err := s.app.scheme(s.Scheme, s.Realm)
	if err != nil {
		return nil, fmt.Errorf("%s at %s: realm %q: %w", adminDirective, s.Site, s.Realm, err)
	}
	return databricks.New(scheme.(*delta.Scheme), s.app.open, openapi.JSON()), nil
}

// administer notes a site that administers recipients.
func (a *App) administer(site *AdminSite) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.admins = append(a.admins, site)
}

// checkAdminSites finds sites that administer a realm that no site serves.
func (a *App) checkAdminSites() error {
	var errs []error
	for _, site := range a.admins {
		_, err := site.api()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// serve answers a call. It returns why it was refused, or nil.
func (s *AdminSite) serve(w http.ResponseWriter, call *schemes.Call) *schemes.Refusal {
	refusal := receive(call, s.guard, databricks.Paths(), databricks.UnfoldLink)
	if refusal != nil {
		databricks.Refuse(w, refusal)
		return refusal
	}
	api, err := s.api()
	if err != nil {
		refusal = internal(err)
		databricks.Refuse(w, refusal)
		return refusal
	}
	return api.Serve(w, call)
}

// directive implements ownSite.
func (s *AdminSite) directive() string { return "the " + adminDirective + " directive at " + s.Site }

// showDescription serves the description of all that Gatehouse serves itself on
// Caddy's admin endpoint too.
func showDescription(*App, *http.Request) (any, error) { return rawJSON(openapi.JSON()), nil }

// Interface guards
var (
	_ caddy.Provisioner           = (*AdminSite)(nil)
	_ caddyhttp.MiddlewareHandler = (*AdminSite)(nil)
	_ ownSite                     = (*AdminSite)(nil)
)
