package caddymodule

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/gatehouse-auth/gatehouse/schemes/delta"
)

// adminDirective is the directive's name, and the last part of its module's.
const adminDirective = "gatehouse_admin_api"

func init() {
	httpcaddyfile.RegisterDirective(adminDirective, parseAdminDirective)
	httpcaddyfile.RegisterDirectiveOrder(adminDirective, httpcaddyfile.Before, "basic_auth")
}

// parseAdminDirective parses the directive. It takes no request matcher: it answers
// its whole site, and belongs on one of its own.
func parseAdminDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name
	site := &AdminSite{Site: fmt.Sprintf("%s:%d", filepath.Base(h.File()), h.Line())}
	if !h.NextArg() {
		return nil, h.Errf("%s needs a scheme: `%s %s`", adminDirective, adminDirective, delta.Name)
	}
	scheme := h.Val()
	if strings.HasPrefix(scheme, "/") || strings.HasPrefix(scheme, "@") || scheme == "*" {
		return nil, h.Errf("%s takes no matcher (%s): it answers its whole site. Remove it; other things belong on another site", adminDirective, scheme)
	}
	if scheme != delta.Name {
		return nil, h.Errf("%s: there is no administration API of %q; there is one of %s", adminDirective, scheme, delta.Name)
	}
	if err := site.UnmarshalCaddyfile(caddyfile.NewDispenser(h.NextSegment())); err != nil {
		return nil, err
	}
	return h.NewRoute(nil, site), nil
}

// UnmarshalCaddyfile sets up the site from Caddyfile tokens. Syntax:
//
//	gatehouse_admin_api delta {
//		realm <name>
//	}
func (s *AdminSite) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the scheme's name
	s.Scheme = d.Val()
	if d.NextArg() {
		return d.ArgErr()
	}
	o := newOptions(d)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "realm":
			err = o.text(&s.Realm)
		default:
			err = d.Errf("unrecognized option %q of %s", d.Val(), adminDirective)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Interface guard
var _ caddyfile.Unmarshaler = (*AdminSite)(nil)
