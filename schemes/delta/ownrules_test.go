package delta

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

func TestRulesOfTheOperatorReachBeyondTheEndpoint(t *testing.T) {
	rules, err := policies.Parse("own.rules", `
allow GET /health public
allow GET /stats kind recipient
allow GET {base}/shares kind recipient when client_ip == "192.0.2.1"
allow GET {base}/shares/{share} grant list {share}`)
	must(t, err)
	s := newSite(t, func(c *Config) { c.Rules = rules })
	token, _ := s.holder("acme", "sales")

	// Nobody's call never carries the server's own token.
	a := s.serve(schemestest.Request("GET", "/health", ""))
	a.wantStatus(t, http.StatusOK)
	if got := a.forwarded.Header.Values("Authorization"); len(got) != 0 {
		t.Errorf("the server behind got %q with a public call", got)
	}
	a = s.serve(schemestest.Request("GET", "/stats", "", "Authorization", "Bearer "+token))
	a.wantStatus(t, http.StatusOK)
	if got := a.forwarded.Header.Get("Authorization"); got != "Bearer "+upstreamToken {
		t.Errorf("the server behind got %q", got)
	}
	s.serve(schemestest.Request("GET", "/stats", "")).wantStatus(t, http.StatusUnauthorized)
	s.serve(schemestest.Request("GET", "/elsewhere", "", "Authorization", "Bearer bad")).wantStatus(t, http.StatusNotFound)
	s.data(token, "GET", "/shares/sales").wantStatus(t, http.StatusOK)
	s.data(token, "GET", "/shares/other").wantStatus(t, http.StatusNotFound)
	s.data(token, "GET", "/shares").wantStatus(t, http.StatusNotFound) // from another address
	s.data(token, "GET", "/shares/sales/schemas").wantStatus(t, http.StatusNotFound)
}

// own makes a site of rules of the operator's own.
func own(t *testing.T, text string) func(*Config) {
	t.Helper()
	rules, err := policies.Parse("own.rules", text)
	must(t, err)
	return func(c *Config) { c.Rules = rules }
}

// respelt are the shipped rules with other names, and {base} written out.
func respelt() string {
	text := regexp.MustCompile(`\{(\w+)\}`).ReplaceAllString(defaultRules, "{an_$1}")
	return strings.ReplaceAll(text, "{an_base}", DefaultEndpoint)
}

func TestOwnRulesInAnotherSpellingDecideAlike(t *testing.T) {
	t.Parallel()
	s, other, named := scheme(t), goodConfig(), goodConfig()
	own(t, respelt())(&other)
	own(t, defaultRules)(&named)
	type row struct{ methods, path string }
	var rows []row
	for _, e := range endpoints {
		rows = append(rows, row{e.methods, e.path})
	}
	for _, e := range privileged {
		rows = append(rows, row{e.method, e.path})
	}
	for _, config := range []Config{other, named} {
		o, err := New(config, nil)
		must(t, err)
		for _, e := range rows {
			for _, method := range append(strings.Fields(e.methods), "DELETE") {
				for _, grants := range [][]string{nil, {}, {"sales"}, {"sales discover"}, {"other"}, {"sales volumes,models,skills,iceberg"}, {"* temporary-credentials"}} {
					target := DefaultEndpoint + e.path
					want, d := decide(t, s, method, target, grants)
					want.Decision = d
					got, decision := decide(t, o, method, target, grants)
					got.Decision = decision
					if decision.Allow != d.Allow || decision.Reason != d.Reason || got.Action != want.Action {
						t.Errorf("%s %s with %q: %v %q, want %v %q", method, e.path, grants, decision.Reason, got.Action, d.Reason, want.Action)
					}
					if !d.Allow && *o.Denied(got) != *s.Denied(want) {
						t.Errorf("%s %s with %q: %+v, want %+v", method, e.path, grants, o.Denied(got), s.Denied(want))
					}
					if d.Allow && (o.Compose(got) == nil) != (s.Compose(want) == nil) {
						t.Errorf("%s %s: composed by one only", method, e.path)
					}
				}
			}
		}
	}
}

func TestOwnRulesDoNotLetOnePollTheQueryOfAnother(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"other names": respelt(),
		"a parameter of another name": `
allow POST {base}/shares/{share}/schemas/{schema}/tables/{table}/query grant query {share} {schema} {table}
allow POST {base}/shares/{share}/schemas/{schema}/tables/{table}/queries/{id} grant query {share} {schema} {table}`,
		"a wider pattern":         "allow * {base}/{rest...} kind recipient",
		"the widest":              "allow * /{rest...} authenticated",
		"an alternative for some": "allow POST {base}/shares/sales/{rest...} kind recipient",
	} {
		s := newSite(t, own(t, text))
		acme, _ := s.holder("acme", "sales")
		other, _ := s.holder("other", "sales")
		s.upstream = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(queryStatus)) }
		s.ask(acme, "POST", ordersPath+"/query", async).wantStatus(t, http.StatusOK)
		for _, slash := range []string{"", "/"} { // which not every server looks at
			if a := s.ask(other, "POST", ordersPath+"/queries/q1"+slash, ""); a.Code != http.StatusNotFound || a.forwarded != nil {
				t.Errorf("%s: another polls with %q at the end: %d", name, slash, a.Code)
			}
		}
		if a := s.ask(acme, "POST", ordersPath+"/queries/q1", ""); a.Code != 200 || a.forwarded == nil {
			t.Errorf("%s: who started it polls: %d", name, a.Code)
		}
		if a := s.ask(acme, "POST", tablesPath+"/returns/queries/q1", ""); a.Code != 404 {
			t.Errorf("%s: on another table: %d", name, a.Code)
		}
	}
}

func TestOwnRulesDoNotOpenTheConfigurationOfAnotherWarehouse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"allow GET {base}/iceberg/v1/{rest...} kind recipient", "allow GET {base}/iceberg/v1/{what} authenticated",
		"allow GET /delta-sharing/iceberg/v1/config kind recipient",
	} {
		s := newSite(t, own(t, text))
		acme, _ := s.holder("acme", "sales iceberg")
		for query, status := range map[string]int{"?warehouse=sales": 200, "?warehouse=finance": 404, "?warehouse=sales&warehouse=finance": 404} {
			if a := s.data(acme, "GET", "/iceberg/v1/config"+query); a.Code != status {
				t.Errorf("%s: %s answers %d", text, query, a.Code)
			}
		}
		if a := s.data(acme, "GET", "/iceberg/v1/config/?warehouse=finance"); a.Code != 404 {
			t.Errorf("%s: with a slash at the end: %d", text, a.Code)
		}
	}
}

func TestOwnRulesLeaveToNobodyWhatDependsOnTheCaller(t *testing.T) {
	t.Parallel()
	s := newSite(t, own(t, "allow * /{rest...} public"))
	acme, _ := s.holder("acme", "sales")
	for _, path := range []string{
		ordersPath + "/queries/q1", ordersPath + "/queries/q1/", "/iceberg/v1/config?warehouse=x", "/iceberg/v1/config",
		"/shares", "/shares/", "/shares/sales/schemas", "/shares/sales/all-tables", tablesPath, "/shares/sales/schemas/retail/volumes",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			a := s.data("", method, path)
			if a.Code != http.StatusUnauthorized || a.forwarded != nil {
				t.Errorf("%s %s answers nobody with %d", method, path, a.Code)
			}
		}
	}
	a := s.data("", "GET", ordersPath+"/version")
	a.wantStatus(t, http.StatusOK)
	if got := a.forwarded.Header.Values("Authorization"); len(got) != 0 {
		t.Errorf("nobody's call carries %q", got)
	}
	s.upstream = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"items":[{"name":"sales"},{"name":"finance"}]}`))
	}
	a = s.data(acme, "GET", "/shares")
	a.wantStatus(t, http.StatusOK)
	if body := a.Body.String(); !strings.Contains(body, "sales") || strings.Contains(body, "finance") {
		t.Errorf("who has a token lists %s", body)
	}
}

func TestOwnRulesNameNoActionForWhatTheProtocolHasNot(t *testing.T) {
	t.Parallel()
	s := newSite(t, own(t, "allow * {base}/{rest...} kind recipient"))
	acme, _ := s.holder("acme", "sales")
	if a := s.data(acme, "DELETE", "/shares/sales"); a.forwarded == nil || a.call.Action != "" {
		t.Errorf("deleting is called %q", a.call.Action)
	}
	if a := s.data(acme, "GET", "/shares/sales"); a.call.Action != "deltaSharingGetShare" {
		t.Errorf("getting is called %q", a.call.Action)
	}
}

func TestOwnRulesThatCannotHoldAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"allow GET {base}/x/{t} grant qeury {t}":                      `own.rules:2: there is no privilege "qeury"`,
		"allow GET {base}/x grant list-":                              `"list-"`,
		"allow GET {base}/x grant list-tables":                        `"list-tables"`,
		"allow GET {base}/x grant listvolumes":                        `"listvolumes"`,
		"allow POST /oauth/token public":                              "own.rules:2: /oauth/token is served by the gateway itself",
		"allow POST /o%61uth/token public":                            "/oauth/token",
		"allow GET /dds-tokens kind manager":                          "/dds-tokens",
		"allow GET " + ActivationPath + " public":                     ActivationPath,
		"allow GET " + retrievalPath + "/{code} public":               "",
		"allow GET " + retrievalPath + "/x/{code} public":             retrievalPath + "/x",
		"allow GET " + PublicActivationPath + "/x public":             "",
		"allow POST /oauth/{what} public":                             "",
		"allow POST /oauth/token/x public":                            "",
		"allow POST /oauth/token/{$} public":                          "",
		"allow GET {base}/x grant list":                               "",
		"allow GET {base}/x/{s} grant list-volumes {s}":               "",
		"allow GET {base}/x grant temporary-credentials":              "",
		"allow GET {base}/x kind recipient when name == \"a\"":        "",
		"allow GET {base}/oauth/token kind recipient":                 "",
		"allow GET /oauth/token public\nallow GET /dds-tokens role x": "own.rules:3",
	} {
		config := goodConfig()
		own(t, "\n"+text)(&config)
		_, err := New(config, nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	config := goodConfig()
	config.CredentialsAPI = nil
	own(t, "allow GET /dds-tokens kind recipient")(&config)
	if _, err := New(config, nil); err != nil {
		t.Errorf("a path that the site does not serve itself: %v", err)
	}
}
