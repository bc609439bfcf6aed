package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/services"
)

func init() {
	caddy.RegisterModule(new(BitBrokerServices))
}

// BitBrokerServices takes the place of the auth service and the rate service of a BitBroker
// that stands behind a site with `gatehouse bitbroker` in the mode `in_front`. A BitBroker
// can send no header that would show who it is, so a secret is a part of both addresses:
//
//	AUTH_SERVICE=https://services.example.com/<secret>/auth
//	RATE_SERVICE=https://services.example.com/<secret>/rate
//
// It answers every request of its site itself; without the secret, nothing is found. Put it on
// a site that only the BitBroker reaches. Its requests stand in no access log, since their
// addresses hold the secret.
type BitBrokerServices struct {
	// The realm whose tokens are made. A site with `gatehouse bitbroker` in the mode
	// `in_front` must serve it. Default: `default`.
	Realm string `json:"realm,omitempty"`

	// The secret: 32 to 256 letters, digits, `_` and `-`. It should be a placeholder such as
	// `{file./etc/gatehouse/bitbroker-services}`. Required.
	Secret string `json:"secret,omitempty"`

	// What errors and logs call this site. Default from a Caddyfile: file and line of the
	// directive.
	Site string `json:"site,omitempty"`

	app    *App
	secret schemes.Credential
	api    func() (*services.API, error)
	guard  *headers.Guard
	record *siteRecord
}

// CaddyModule returns the Caddy module information.
func (*BitBrokerServices) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers." + servicesDirective, New: func() caddy.Module { return new(BitBrokerServices) }}
}

// Provision fills in the defaults, resolves the secret and joins the app, which knows the
// realms once all sites are provisioned.
func (s *BitBrokerServices) Provision(ctx caddy.Context) error {
	setDefault(&s.Realm, "default")
	setDefault(&s.Site, "a site")
	s.guard = headers.NewGuard(nil)
	s.api = sync.OnceValues(s.build)
	if err := s.resolve(); err != nil {
		return fmt.Errorf("%s at %s: secret: %w", servicesDirective, s.Site, err)
	}
	app, err := ctx.App("gatehouse")
	if err != nil {
		return fmt.Errorf("%s at %s: %w", servicesDirective, s.Site, err)
	}
	s.app = app.(*App)
	s.app.serveBroker(s)
	s.record, err = newSiteRecord(ctx, servicesScheme, "bitbroker service", s.Site, s.Realm)
	return err
}

func (s *BitBrokerServices) resolve() error {
	if s.Secret == "" {
		return errors.New("missing; it is a part of the address that the BitBroker calls")
	}
	text, err := resolveSecret(s.Secret)
	if err != nil {
		return err
	}
	s.secret = schemes.NewCredential(text)
	return services.CheckSecret(s.secret)
}

// build makes the API for the realm's scheme. It comes after all sites are provisioned.
func (s *BitBrokerServices) build() (*services.API, error) {
	found, err := s.app.scheme(bitbroker.Name, s.Realm)
	if err != nil {
		return nil, fmt.Errorf("%s at %s: realm %q: %w", servicesDirective, s.Site, s.Realm, err)
	}
	scheme, ok := found.(*bitbroker.Scheme)
	if !ok {
		return nil, fmt.Errorf("%s at %s: realm %q is served by %T", servicesDirective, s.Site, s.Realm, found)
	}
	if !scheme.Config().InFront {
		return nil, fmt.Errorf("%s at %s: realm %q has no BitBroker that could call it: its sites do not have `mode %s`", servicesDirective, s.Site, s.Realm, modeInFront)
	}
	return services.New(services.Config{
		Realm: s.Realm, Secret: s.secret, TokenLifetime: scheme.Config().TokenLifetime, NewToken: bitbroker.NewToken,
	}, s.app.open), nil
}

// directive implements ownSite.
func (s *BitBrokerServices) directive() string {
	return "the " + servicesDirective + " directive at " + s.Site
}

// serveBroker notes a site that a BitBroker calls.
func (a *App) serveBroker(site *BitBrokerServices) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.services = append(a.services, site)
}

// checkServices finds sites for a BitBroker that is not there.
func (a *App) checkServices() error {
	var errs []error
	for _, site := range a.services {
		_, err := site.api()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// warnOfMissingServices says which realms stand in front of a BitBroker that cannot ask for
// tokens here: another server of this configuration's may serve it, so that it is no error.
func (a *App) warnOfMissingServices() {
	var realms []string
	for _, scheme := range a.schemes() {
		broker, ok := scheme.(*bitbroker.Scheme)
		if !ok || !broker.Config().InFront {
			continue
		}
		if !slices.ContainsFunc(a.services, func(s *BitBrokerServices) bool { return s.Realm == broker.Realm() }) {
			realms = append(realms, broker.Realm())
		}
	}
	slices.SortFunc(realms, cmp.Compare)
	for _, realm := range realms {
		a.logger.Warn("the BitBroker behind has nowhere to ask for tokens: give it a site with "+servicesDirective+", and its addresses as AUTH_SERVICE and RATE_SERVICE",
			zap.String("realm", realm))
	}
}

// Interface guards
var (
	_ caddy.Provisioner           = (*BitBrokerServices)(nil)
	_ caddyhttp.MiddlewareHandler = (*BitBrokerServices)(nil)
	_ ownSite                     = (*BitBrokerServices)(nil)
)
