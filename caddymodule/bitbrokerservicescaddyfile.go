package caddymodule

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// servicesDirective is the directive's name, and the last part of its module's.
const servicesDirective = "gatehouse_bitbroker_services"

func init() {
	httpcaddyfile.RegisterDirective(servicesDirective, parseServicesDirective)
	httpcaddyfile.RegisterDirectiveOrder(servicesDirective, httpcaddyfile.Before, "basic_auth")
}

// parseServicesDirective parses the directive. It takes no request matcher: it answers its
// whole site, and belongs on one of its own.
func parseServicesDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	site := new(BitBrokerServices)
	if err := site.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	return h.NewRoute(nil, site), nil
}

// UnmarshalCaddyfile sets up the site from Caddyfile tokens. Syntax:
//
//	gatehouse_bitbroker_services {
//		realm  <name>
//		secret <placeholder>
//	}
//
// It needs secret.
func (s *BitBrokerServices) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	directive := d.Token()
	s.Site = fmt.Sprintf("%s:%d", filepath.Base(d.File()), d.Line())
	if d.NextArg() {
		if value := d.Val(); strings.HasPrefix(value, "/") || strings.HasPrefix(value, "@") || value == "*" {
			return d.Errf("%s takes no matcher (%s): it answers its whole site. Remove it; other things belong on another site", servicesDirective, value)
		}
		return d.ArgErr()
	}
	o := newOptions(d)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "realm":
			err = o.text(&s.Realm)
		case "secret":
			err = o.text(&s.Secret)
		default:
			err = d.Errf("unrecognized option %q of %s", d.Val(), servicesDirective)
		}
		if err != nil {
			return err
		}
	}
	if s.Secret == "" {
		return errAt(directive, "%s needs secret: a part of the address that the BitBroker calls, such as {file./etc/gatehouse/bitbroker-services}", servicesDirective)
	}
	return nil
}

// Interface guard
var _ caddyfile.Unmarshaler = (*BitBrokerServices)(nil)
