package caddymodule

import (
	"strings"
	"testing"

	// What may stand in front of a gate.
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/logging"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/map"
)

// plainHTTP is httpApp without certificates for the hosts of the routes.
func plainHTTP(routes string) string {
	return strings.Replace(httpApp(routes), `"routes"`, `"automatic_https": {"disable": true}, "routes"`, 1)
}

// An explanation must not pass over in silence what may answer in the gate's place.
func TestHandlersInFrontOfTheGateAreNamed(t *testing.T) {
	const (
		behind  = `{"handler": "static_response", "status_code": 299}`
		asks    = `{"handler": "reverse_proxy", "upstreams": [{"dial": "127.0.0.1:1"}], "rewrite": {"method": "GET", "uri": "/auth"}, "handle_response": [{"match": {"status_code": [2]}, "routes": [{"handle": [{"handler": "headers", "request": {"set": {"Remote-User": ["x"]}}}]}]}]}`
		proxies = `{"handler": "reverse_proxy", "upstreams": [{"dial": "127.0.0.1:1"}]}`
		basic   = `{"handler": "authentication", "providers": {"http_basic": {"accounts": [{"username": "a", "password": "$2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG"}]}}}`
		harm    = `{"handler": "vars", "a": "b"}, {"handler": "headers", "response": {"set": {"X-A": ["b"]}}}, {"handler": "encode", "encodings": {"gzip": {}}}, {"handler": "log_append", "key": "a", "value": "b"}`
	)
	sites := []struct {
		host, front string
		open        string // empty: nothing
		found       bool
		path        string
	}{
		{"plain.example.com", "", "", true, "/x"},
		{"harmless.example.com", harm + ",", "", true, "/x"},
		{"basic.example.com", basic + ",", "authentication", true, "/x"},
		{"set.example.com", `{"handler": "headers", "request": {"set": {"Authorization": ["Bearer x"]}}},`, "headers", true, "/x"},
		{"forward.example.com", asks + ",", "reverse_proxy", true, "/x"},
		{"proxy.example.com", proxies + ",", "", false, ""},
		{"both.example.com", basic + `, {"handler": "subroute", "routes": [{"handle": [` + asks + `, ` + basic + `]}]},`, "authentication, reverse_proxy", true, "/x"},
		{"elsewhere.example.com", `{"handler": "subroute", "routes": [{"match": [{"path": ["/other"]}], "handle": [` + basic + `]}]},`, "", true, "/x"},
		{
			"mapped.example.com", `{"handler": "map", "source": "{http.request.uri.path}", "destinations": ["{to}"], "mappings": [{"input": "/x", "outputs": ["/mapped"]}]},
				{"handler": "vars", "as": "{to}"}, {"handler": "rewrite", "uri": "{http.vars.as}/y"},`, "", true, "/mapped/y",
		},
	}
	var routes []string
	for _, site := range sites {
		routes = append(routes, `{"match": [{"host": ["`+site.host+`"]}], "handle": [{"handler": "subroute", "routes": [{"handle": [`+
			site.front+gateJSON(site.host, `, "realm": "`+site.host+`"`)+`, `+behind+`]}]}]}`)
	}
	g := startGatewayWith(t, plainHTTP(strings.Join(routes, ",")))
	for _, site := range sites {
		e, err := g.app.explain(t.Context(), explainQuery{Method: "GET", Address: "http://" + site.host + "/x"}, false)
		if (err == nil) != site.found {
			t.Errorf("%s: %v", site.host, err)
		}
		if err != nil {
			continue
		}
		if e.Path != site.path {
			t.Errorf("%s: comes as %s, want %s", site.host, e.Path, site.path)
		}
		var named string
		for _, open := range e.Open {
			if _, names, ok := strings.Cut(open, "in front of the gate, which were not run, end the request or change it: "); ok {
				named = names
			}
		}
		if named != site.open {
			t.Errorf("%s: open is %q, want %s", site.host, e.Open, site.open)
		}
	}
}

// Nobody calls from 127.0.0.1, or from nowhere, unless the query says so.
func TestWhatHangsOnAnAddressThatIsNotNamedIsLeftOpen(t *testing.T) {
	inside := func(matcher string) string {
		return `{"match": [` + matcher + `], "handle": [{"handler": "static_response"}]}`
	}
	site := func(host, routes, options string) string {
		return `{"match": [{"host": ["` + host + `"]}], "handle": [{"handler": "subroute", "routes": [` + routes + `{"handle": [` +
			gateJSON(host, `, "realm": "`+host+`"`+options) + `]}]}]}`
	}
	const rules = `, "rules": {"source": "own", "line": 1, "text": "allow GET /net public when client_ip == \"192.0.2.9\"\nallow GET /free public"}`
	g := startGatewayWith(t, plainHTTP(strings.Join([]string{
		site("remote.example.com", inside(`{"remote_ip": {"ranges": ["192.0.2.0/24"]}}`)+",", ""),
		site("local.example.com", inside(`{"remote_ip": {"ranges": ["127.0.0.0/8"]}}`)+",", ""),
		site("client.example.com", inside(`{"path": ["/a*"], "client_ip": {"ranges": ["192.0.2.0/24"]}}`)+",", ""),
		site("not.example.com", inside(`{"not": [{"client_ip": {"ranges": ["0.0.0.0/0", "::/0"]}}], "path": ["/a"]}`)+",", ""),
		site("cel.example.com", inside(`{"expression": "remote_ip('192.0.2.0/24')"}`)+",", ""),
		site("vars.example.com", inside(`{"vars": {"{http.request.remote.host}": ["192.0.2.9"]}}`)+",", ""),
		site("rules.example.com", "", rules),
	}, ",")))
	for _, tc := range []struct {
		address string
		open    bool // without an address
		inside  bool // from 192.0.2.9 it comes to the gate, and is allowed if rules ask
	}{
		{"http://remote.example.com/a", true, false},
		{"http://local.example.com/a", true, true},
		{"http://client.example.com/a", true, false},
		{"http://client.example.com/b", false, true}, // that route is not for this path
		{"http://not.example.com/a", true, true},
		{"http://cel.example.com/a", true, false},
		{"http://vars.example.com/a", true, false},
		{"http://rules.example.com/net", true, true},
		{"http://rules.example.com/free", false, true},
	} {
		e, err := g.app.explain(t.Context(), explainQuery{Method: "GET", Address: tc.address}, false)
		said := ""
		if err != nil {
			said = err.Error()
		} else {
			said = strings.Join(e.Open, ";")
		}
		if open := strings.Contains(said, "the caller's address"); open != tc.open {
			t.Errorf("%s: it says %q", tc.address, said)
		}
		if strings.Count(said, "the caller's address") > 1 && err == nil {
			t.Errorf("%s: it says so twice: %q", tc.address, said)
		}
		e, err = g.app.explain(t.Context(), explainQuery{Method: "GET", Address: tc.address, ClientIP: "192.0.2.9"}, false)
		if (err == nil) != tc.inside {
			t.Errorf("%s from 192.0.2.9: %v", tc.address, err)
		}
		if err != nil {
			e = &explanation{Open: []string{err.Error()}}
		}
		if strings.Contains(strings.Join(e.Open, ";"), "the caller's address") {
			t.Errorf("%s from 192.0.2.9: open %q", tc.address, e.Open)
		}
		if strings.HasPrefix(tc.address, "http://rules.") && e.Decision != allowed {
			t.Errorf("%s from 192.0.2.9: %+v", tc.address, e)
		}
	}
}
