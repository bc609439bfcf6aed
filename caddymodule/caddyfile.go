package caddymodule

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("gatehouse", parseGlobalOption)
	httpcaddyfile.RegisterDirective("gatehouse", parseDirective)
	httpcaddyfile.RegisterDirectiveOrder("gatehouse", httpcaddyfile.Before, "basic_auth")
}

// parseGlobalOption parses the global option. Syntax:
//
//	gatehouse {
//		store      badger [<directory>]
//		master_key <placeholder>
//	}
func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // the option's name
	if existing != nil {
		return nil, d.Err("the global option gatehouse is given twice")
	}
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	app := new(App)
	o := newOptions(d)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "store":
			if app.StoreRaw != nil {
				return nil, d.Err("option store is given twice")
			}
			if !d.NextArg() {
				return nil, d.Err("option store needs a driver, such as badger")
			}
			driver := d.Val()
			module, err := caddyfile.UnmarshalModule(d, "gatehouse.stores."+driver)
			if err != nil {
				return nil, err
			}
			app.StoreRaw = caddyconfig.JSONModuleObject(module, "driver", driver, nil)
		case "master_key":
			if err := o.text(&app.MasterKey); err != nil {
				return nil, err
			}
		default:
			return nil, d.Errf("unrecognized option %q of gatehouse", d.Val())
		}
	}
	return httpcaddyfile.App{Name: "gatehouse", Value: caddyconfig.JSON(app, nil)}, nil
}

// parseDirective parses the directive. Syntax:
//
//	gatehouse <scheme> {
//		identity_headers <subject> <kind> <roles> <token id>
//		shadow
//		<the scheme's options>
//	}
//
// It takes no request matcher: one would leave the rest of the site open. A
// second one behind it fails to load (gatechain.go): only there is a site known as a
// whole, since Caddy's BlockState at the top of a site is that of all sites.
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name
	site := fmt.Sprintf("%s:%d", filepath.Base(h.File()), h.Line())
	if !h.NextArg() {
		return nil, h.Err("gatehouse needs a scheme, such as `gatehouse delta { … }`")
	}
	scheme := h.Val()
	if strings.HasPrefix(scheme, "/") || strings.HasPrefix(scheme, "@") || scheme == "*" {
		return nil, h.Errf("gatehouse takes no matcher (%s): it would leave the rest of the site open. Remove it; what needs no gate belongs on a site of its own", scheme)
	}
	id := "gatehouse.schemes." + scheme
	if _, err := caddy.GetModule(id); err != nil {
		return nil, h.Errf("there is no scheme %q; there are: %s", scheme, strings.Join(schemeNames(), ", "))
	}
	gate := &Gate{Site: site}
	segment, err := gate.takeOwnOptions(h.NextSegment())
	if err != nil {
		return nil, err
	}
	tokens := caddyfile.NewDispenser(segment)
	tokens.Next() // to the scheme's name
	module, err := caddyfile.UnmarshalModule(tokens, id)
	if err != nil {
		return nil, err
	}
	gate.SchemeRaw = caddyconfig.JSONModuleObject(module, "name", scheme, nil)
	return h.NewRoute(nil, gate), nil
}

func schemeNames() []string {
	var names []string
	for _, info := range caddy.GetModules("gatehouse.schemes") {
		names = append(names, info.ID.Name())
	}
	return names
}

// takeOwnOptions takes the options that are the gate's out of the directive's
// block, and returns the rest, from the scheme's name on, for the scheme.
func (g *Gate) takeOwnOptions(segment []caddyfile.Token) ([]caddyfile.Token, error) {
	if len(segment) > 1 && (segment[1].Text != "{" || segment[1].Quoted()) {
		return nil, errAt(segment[1], "unexpected %q after the scheme's name; options belong in its block", segment[1].Text)
	}
	var rest []caddyfile.Token
	depth := 0
	for i := 0; i < len(segment); i++ {
		token := segment[i]
		switch {
		case token.Quoted(): // a text, such as one in a rule
		case token.Text == "{":
			depth++
		case token.Text == "}":
			depth--
		}
		startsLine := i > 0 && !sameLine(token, segment[i-1])
		if depth == 1 && startsLine && token.Text == "shadow" && !token.Quoted() {
			if g.Shadow {
				return nil, errAt(token, "option shadow is given twice")
			}
			if i+1 < len(segment) && sameLine(segment[i+1], token) && segment[i+1].Text != "}" {
				return nil, errAt(token, "option shadow takes no value")
			}
			g.Shadow = true
			continue
		}
		if depth != 1 || !startsLine || token.Text != "identity_headers" {
			rest = append(rest, token)
			continue
		}
		if g.IdentityHeaders != nil {
			return nil, errAt(token, "option identity_headers is given twice")
		}
		for i+1 < len(segment) && sameLine(segment[i+1], token) && segment[i+1].Text != "}" {
			i++
			g.IdentityHeaders = append(g.IdentityHeaders, segment[i].Text)
		}
		if len(g.IdentityHeaders) != len(defaultIdentityHeaders) {
			return nil, errAt(token, "option identity_headers needs %d names: subject, kind, roles and token id", len(defaultIdentityHeaders))
		}
	}
	return rest, nil
}

// sameLine tells whether two neighbouring tokens stand on one line. An import
// brings lines of another file, with numbers of their own.
func sameLine(a, b caddyfile.Token) bool { return a.File == b.File && a.Line == b.Line }

// errAt is an error that names the file and line of a token.
func errAt(token caddyfile.Token, format string, args ...any) error {
	d := caddyfile.NewDispenser([]caddyfile.Token{token})
	d.Next()
	return d.Errf(format, args...)
}
