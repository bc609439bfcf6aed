package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	caddyheaders "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	caddyrewrite "github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

// way is the way of a request through routes, as Caddy goes it, up to the first gate.
// Handlers on it are not run, but for those that change nothing except what the gate gets.
type way struct {
	request     *http.Request
	fromNowhere bool            // nobody knows the caller's address
	taken       map[string]bool // groups of routes that had their one match

	passed      []string // handlers that were not run, and could end the request or change it
	asksAddress bool     // some route is for callers of some addresses
}

// open is what only a real request could tell of the way.
func (w *way) open() []string {
	var open []string
	if w.asksAddress {
		open = append(open, "whether it takes this way: routes ask for the caller's address")
	}
	if len(w.passed) > 0 {
		open = append(open, "whether handlers in front of the gate, which were not run, end the request or change it: "+strings.Join(w.passed, ", "))
	}
	return open
}

// follow goes through routes. ended is set if the request goes no further.
func (w *way) follow(routes caddyhttp.RouteList) (gate *Gate, ended bool) {
	for _, route := range routes {
		if route.Group != "" && w.taken[route.Group] {
			continue
		}
		if w.fromNowhere && hangsOnAddress(route.MatcherSets, w.request) {
			w.asksAddress = true
		}
		if matches, err := route.MatcherSets.AnyMatchWithError(w.request); err != nil || !matches {
			continue
		}
		if route.Group != "" {
			w.taken[route.Group] = true
		}
		for _, handler := range route.Handlers {
			if gate, ended = w.pass(handler); ended {
				return gate, true
			}
		}
		if route.Terminal {
			return nil, true
		}
	}
	return nil, false
}

// pass takes the request past one handler.
func (w *way) pass(handler caddyhttp.MiddlewareHandler) (gate *Gate, ended bool) {
	id := moduleID(handler)
	switch h := handler.(type) {
	case *Gate:
		return h, true
	case ownSite:
		return nil, true
	case *caddyhttp.Subroute:
		return w.follow(h.Routes)
	case *caddyrewrite.Rewrite:
		w.ask(h)
		h.Rewrite(w.request, w.request.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer))
		return nil, false
	case *caddyheaders.Handler:
		if h.Request == nil {
			return nil, false
		}
	case *reverseproxy.Handler:
		// Such as forward_auth, which asks another server, and lets the request go on.
		if len(h.HandleResponse) == 0 {
			return nil, true
		}
	}
	switch {
	case lastHandlers[id]:
		return nil, true
	case notingHandlers[id]:
		w.ask(handler)
		if err := handler.ServeHTTP(&unsent{header: http.Header{}}, w.request, caddyhttp.HandlerFunc(nowhere)); err == nil {
			return nil, false
		}
	case harmlessHandlers[id]:
		return nil, false
	}
	if name := strings.TrimPrefix(id, "http.handlers."); !slices.Contains(w.passed, name) {
		w.passed = append(w.passed, name)
	}
	return nil, false
}

// ask notes whether a module asks for the caller's address.
func (w *way) ask(module any) {
	w.asksAddress = w.asksAddress || w.fromNowhere && asksForAddress(module)
}

var (
	// lastHandlers are handlers behind which nothing comes.
	lastHandlers = map[string]bool{"http.handlers.static_response": true, "http.handlers.error": true}
	// notingHandlers only note what matchers and rewrites ask for. They are run.
	notingHandlers = map[string]bool{"http.handlers.vars": true, "http.handlers.map": true}
	// harmlessHandlers touch logs and answers only.
	harmlessHandlers = map[string]bool{
		"http.handlers.encode": true, "http.handlers.log_append": true, "http.handlers.tracing": true,
	}
)

// nowhere is behind a handler that is run for itself.
func nowhere(http.ResponseWriter, *http.Request) error { return nil }

// moduleID is the id of a module of Caddy's, or the type of what is none.
func moduleID(module any) string {
	if m, ok := module.(caddy.Module); ok {
		return string(m.CaddyModule().ID)
	}
	return fmt.Sprintf("%T", module)
}

// hangsOnAddress tells whether it hangs on the caller's address alone if a request matches.
func hangsOnAddress(sets caddyhttp.MatcherSets, r *http.Request) bool {
	hangs := false
	for _, set := range sets {
		asks := slices.ContainsFunc(set, asksForAddress)
		others := slices.DeleteFunc(slices.Clone(set), asksForAddress)
		if matches, err := others.MatchWithError(r); err != nil || !matches {
			continue
		}
		if !asks {
			return false // it matches, wherever the caller is
		}
		hangs = true
	}
	return hangs
}

// asksForAddress tells whether a matcher, or a handler, looks at the caller's address, by itself or by a
// placeholder.
func asksForAddress(module any) bool {
	switch m := module.(type) {
	case *caddyhttp.MatchNot: // which does not keep the text of those within
		return slices.ContainsFunc(m.MatcherSets, func(set caddyhttp.MatcherSet) bool {
			return slices.ContainsFunc(set, asksForAddress)
		})
	case *caddyhttp.MatchRemoteIP, *caddyhttp.MatchClientIP:
		return true
	}
	text, err := json.Marshal(module)
	return err != nil || slices.ContainsFunc(addressWords, func(word string) bool { return strings.Contains(string(text), word) })
}

// addressWords are in the texts of modules that ask for the caller's address.
var addressWords = []string{"remote_ip", "client_ip", "http.request.remote"}
