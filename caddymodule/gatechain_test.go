package caddymodule

import (
	"strings"
	"testing"
)

func TestGateBehindGateFailsToLoad(t *testing.T) {
	first, second := gateJSON("first", ""), gateJSON("second", "")
	route := func(handlers ...string) string { return `{"handle": [` + strings.Join(handlers, ",") + `]}` }
	on := func(path, route string) string {
		return strings.Replace(route, `{`, `{"match": [{"path": ["`+path+`"]}], `, 1)
	}
	grouped := func(route string) string { return strings.Replace(route, `{`, `{"group": "g", `, 1) }
	sub := func(routes ...string) string {
		return `{"handler": "subroute", "routes": [` + strings.Join(routes, ",") + `]}`
	}
	for _, tc := range []struct {
		name   string
		routes []string
		loads  bool
	}{
		{"both in one route", []string{route(first, second)}, false},
		{"the second in a subroute", []string{route(first, sub(route(second)))}, false},
		{"the second in a subroute with a matcher", []string{route(first, sub(on("/x", route(second))))}, false},
		{"the first in a subroute", []string{route(sub(route(first)), second)}, false},
		{"in two routes of a site", []string{route(first), route(second)}, false},
		{"the second route with a matcher", []string{route(first), on("/x", route(second))}, false},
		{"deep in two subroutes", []string{route(sub(route(sub(route(first))))), route(sub(on("/x", route(second))))}, false},
		{"the same twice in a matched route", []string{on("/x", route(first, first))}, false},

		{"in two matched routes", []string{on("/x", route(first)), on("/y", route(second))}, true},
		{"in two routes of a group", []string{grouped(on("/x", route(first))), grouped(route(second))}, true},
		{"behind a route of a group that may be passed by", []string{grouped(on("/x", route())), grouped(route(first)), on("/x", route(second))}, true},
		{"in a matched subroute, and after it", []string{on("/x", route(sub(route(first)))), on("/y", route(second))}, true},
		{"one", []string{route(first)}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := load(t, config(t, storeApp(t.TempDir())+","+httpApp(strings.Join(tc.routes, ","))))
			switch {
			case tc.loads && err != nil:
				t.Error(err)
			case !tc.loads && err == nil:
				t.Error("it loads: the second gate would judge the credential that the first has swapped")
			case !tc.loads && (!strings.Contains(err.Error(), "first") || !strings.Contains(err.Error(), "stands behind")):
				t.Errorf("the error does not name the sites: %v", err)
			}
		})
	}
}

// The block state that Caddy's adapter hands to a directive at the top of a site is
// that of all sites: noting the first gate there once refused the second site.
func TestTwoDirectivesInOneSiteFailToLoadAndTwoSitesDoNot(t *testing.T) {
	const gate = `
		gatehouse delta {
			public_url http://a.example.com
			upstream_token a
		}
	`
	for _, tc := range []struct {
		name, sites string
		loads       bool
	}{
		{"twice in one site", "http://a.example.com:0 {" + gate + gate + "}", false},
		{"at the top, and in a route", "http://a.example.com:0 {" + gate + "route /x {" + gate + "}\n}", false},
		{"at the top, and in a handle", "http://a.example.com:0 {\nhandle /x {" + gate + "}" + gate + "}", false},
		{"in two sites", "http://a.example.com:0 {" + gate + "}\nhttp://b.example.com:0 {" + gate + "}", true},
		{"in two sites, once in a route", "http://a.example.com:0 {" + gate + "}\nhttp://b.example.com:0 {\nroute {" + gate + "}\n}", true},
		{"in two handles of a site", "http://a.example.com:0 {\nhandle /x {" + gate + "}\nhandle {" + gate + "}\n}", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := load(t, adaptTo(t, `{
				admin off
				persist_config off
				storage file_system `+t.TempDir()+`
				log {
					output discard
				}
				gatehouse {
					store badger `+t.TempDir()+`
				}
			}
			`+tc.sites))
			if (err == nil) != tc.loads {
				t.Errorf("got %v", err)
			}
		})
	}
}
