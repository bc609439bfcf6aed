package caddymodule

import (
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// checkGates refuses a configuration in which a gate stands behind another: the
// first swaps the credential, and the second would judge the server's own. What answers
// its whole site itself counts as a gate, since it lets nothing pass. Only what is
// certain is an error here, so that sites with a gate in each of several `handle`
// blocks load; what else meets a second gate is refused as a request.
func checkGates(ctx caddy.Context) error {
	app, err := ctx.AppIfConfigured("http")
	if err != nil {
		return nil // no sites, no gates
	}
	servers := app.(*caddyhttp.App).Servers
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		if _, err := followGates(servers[name].Routes, ""); err != nil {
			return err
		}
	}
	return nil
}

// followGates goes through routes as a request does that has passed a gate, or
// none. It returns the gate that such a request has passed in any case behind
// them, or none. A gate is told by its directive and site.
func followGates(routes caddyhttp.RouteList, passed string) (string, error) {
	for _, route := range routes {
		inRoute := passed
		for _, handler := range route.Handlers {
			switch h := handler.(type) {
			case *Gate, ownSite:
				gate := directiveOf(h)
				if inRoute != "" {
					return "", fmt.Errorf("%s stands behind %s; a request passes one gate", gate, inRoute)
				}
				inRoute = gate
			case *caddyhttp.Subroute:
				var err error
				if inRoute, err = followGates(h.Routes, inRoute); err != nil {
					return "", err
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

// directiveOf tells a gate by its directive and site.
func directiveOf(gate any) string {
	if site, ok := gate.(ownSite); ok {
		return site.directive()
	}
	return "the gatehouse directive at " + gate.(*Gate).Site
}

// hasGate tells whether a gate stands somewhere in the routes of whose requests logs may tell.
func hasGate(routes caddyhttp.RouteList) bool {
	return slices.ContainsFunc(handlersIn(routes), func(handler any) bool {
		switch handler.(type) {
		case *Gate, *AdminSite:
			return true
		}
		return false // those of a BitBroker's services stand in no access log
	})
}

// gatesIn are the gates of sites somewhere in the routes.
func gatesIn(routes caddyhttp.RouteList) []*Gate {
	var gates []*Gate
	for _, handler := range handlersIn(routes) {
		if gate, ok := handler.(*Gate); ok {
			gates = append(gates, gate)
		}
	}
	return gates
}

// handlersIn are the handlers of routes and of their subroutes.
func handlersIn(routes caddyhttp.RouteList) []any {
	var handlers []any
	for _, route := range routes {
		for _, handler := range route.Handlers {
			handlers = append(handlers, handler)
			if sub, ok := handler.(*caddyhttp.Subroute); ok {
				handlers = append(handlers, handlersIn(sub.Routes)...)
			}
		}
	}
	return handlers
}
