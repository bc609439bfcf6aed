package caddymodule

import (
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// checkGates refuses a configuration in which a gate stands behind another: the
// first swaps the credential, and the second would judge the server's own. Only
// what is certain is an error here, so that sites with a gate in each of several
// `handle` blocks load; what else meets a second gate is refused as a request.
func checkGates(ctx caddy.Context) error {
	app, err := ctx.AppIfConfigured("http")
	if err != nil {
		return nil // no sites, no gates
	}
	servers := app.(*caddyhttp.App).Servers
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		if _, err := followGates(servers[name].Routes, nil); err != nil {
			return err
		}
	}
	return nil
}

// followGates goes through routes as a request does that has passed a gate, or
// none. It returns the gate that such a request has passed in any case behind
// them, or none.
func followGates(routes caddyhttp.RouteList, passed *Gate) (*Gate, error) {
	for _, route := range routes {
		inRoute := passed
		for _, handler := range route.Handlers {
			switch h := handler.(type) {
			case *Gate:
				if inRoute != nil {
					return nil, fmt.Errorf("the gatehouse directive at %s stands behind the one at %s; a request passes one gate", h.Site, inRoute.Site)
				}
				inRoute = h
			case *caddyhttp.Subroute:
				var err error
				if inRoute, err = followGates(h.Routes, inRoute); err != nil {
					return nil, err
				}
			}
		}
		// A route with a matcher, or of a group, may be passed by.
		if len(route.MatcherSets) == 0 && route.Group == "" {
			passed = inRoute
		}
	}
	return passed, nil
}

// hasGate tells whether a gate stands somewhere in the routes.
func hasGate(routes caddyhttp.RouteList) bool {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			switch h := handler.(type) {
			case *Gate:
				return true
			case *caddyhttp.Subroute:
				if hasGate(h.Routes) {
					return true
				}
			}
		}
	}
	return false
}
