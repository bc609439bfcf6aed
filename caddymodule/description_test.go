package caddymodule

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"github.com/gatehouse-auth/gatehouse/openapi"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/services"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/schemes/delta/databricks"
	"github.com/gatehouse-auth/gatehouse/schemes/dx"
	"github.com/gatehouse-auth/gatehouse/schemes/pda"
)

// operation is one operation of the description.
type operation struct {
	method, path string
	ID           string `json:"operationId"`
	Responses    map[string]any
}

// good is the status of an answer to who may call the operation. One that always fails has
// none that says so.
func (o operation) good() string {
	if statuses := slices.Sorted(maps.Keys(o.Responses)); statuses[0] < "3" {
		return statuses[0]
	}
	return "500"
}

// described are all operations of the description, by their ids.
func described(t *testing.T) map[string]operation {
	t.Helper()
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(openapi.JSON(), &document); err != nil {
		t.Fatal(err)
	}
	operations := make(map[string]operation)
	for path, item := range document.Paths {
		for _, method := range []string{"get", "put", "post", "patch", "delete", "head", "options", "trace"} {
			raw, ok := item[method]
			if !ok {
				continue
			}
			o := operation{method: strings.ToUpper(method), path: path}
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatal(err)
			}
			operations[o.ID] = o
		}
	}
	return operations
}

func TestEveryRouteIsDescribedAndNothingElseIs(t *testing.T) {
	g := startSites(t)
	served := make(map[string]bool)
	for route := range adminRoutes {
		served[route] = true
	}
	for _, route := range slices.Concat(databricks.Routes(), g.delta().Endpoints(), g.pda().Endpoints(), g.dx().Endpoints(), brokerRoutes(), services.Routes()) {
		// What answers a GET answers a HEAD, which goes without saying.
		if !strings.HasPrefix(route, "HEAD ") {
			served[strings.ReplaceAll(route, "...}", "}")] = true
		}
	}
	for _, o := range described(t) {
		route := o.method + " " + o.path
		if !served[route] {
			t.Errorf("%s is described, and not served", route)
		}
		delete(served, route)
	}
	for route := range maps.Keys(served) {
		t.Errorf("%s is served, and not described in openapi/openapi.yaml", route)
	}
}

// The tables of routes must be what the handlers do: each tells the methods that it
// takes to who uses another.
func TestRoutesAreWhatTheHandlersTake(t *testing.T) {
	g := startSites(t)
	key := g.ok("POST", "/gatehouse/delta/default/recipients", `{"name":"acme","management_key":true}`)["management_key"]
	table := make(map[string][]string)
	for _, route := range g.delta().Endpoints() {
		method, path, _ := strings.Cut(route, " ")
		table[path] = append(table[path], method)
	}
	for path, methods := range table {
		r := httptest.NewRequest(http.MethodPut, strings.ReplaceAll(path, "{activation_url}", "x"), nil)
		r.Header.Set("Authorization", fmt.Sprintf("Bearer %s", key))
		w := httptest.NewRecorder()
		g.site.ServeHTTP(w, r)
		if got := w.Header().Get("Allow"); w.Code != http.StatusMethodNotAllowed || got != strings.Join(methods, ", ") {
			t.Errorf("%s: %d, Allow: %q; the table says %v", path, w.Code, got, methods)
		}
	}
}

func TestEveryDescribedOperationIsAnsweredAsDescribed(t *testing.T) {
	document, err := libopenapi.NewDocument(openapi.JSON())
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	g := startSites(t)
	operations := described(t)
	// Backward: a mass revocation ends tokens of other issuers too, also those of the next
	// half minute.
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(operations))) {
		o := operations[id]
		t.Run(id, func(t *testing.T) {
			r, handler := g.example(t, o)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r.Clone(t.Context()))
			if fmt.Sprint(w.Code) != o.good() {
				t.Fatalf("%s %s: %d %s, want %s", r.Method, r.URL, w.Code, w.Body, o.good())
			}
			r.Body = http.NoBody
			if valid, problems := v.ValidateHttpResponse(r, w.Result()); !valid {
				for _, p := range problems {
					t.Errorf("%s: %s", p.Message, p.Reason)
					for _, s := range p.SchemaValidationErrors {
						t.Errorf("  %s: %s", s.FieldPath, s.Reason)
					}
				}
				t.Errorf("answer: %s", w.Body)
			}
			// A stranger is answered as described too.
			r, handler = g.example(t, o)
			for _, name := range []string{"Authorization", "X-Auth-Token", "Username", "Password", "Token", "X-Bbk-Auth-Token"} {
				r.Header.Del(name)
			}
			r.URL.RawQuery = ""
			w = httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if _, ok := o.Responses[fmt.Sprint(w.Code)]; !ok {
				t.Errorf("without a credential: %d is not described", w.Code)
			}
		})
	}
}

// sites is a gateway with an administration site.
type sites struct {
	*gateway
	adminSite http.Handler
	people    http.Handler
	market    http.Handler
	broker    http.Handler // without a BitBroker behind
	services  http.Handler // of one with a BitBroker
	exchange  *exchange
	token     string // an admin token
	made      int    // examples
}

func startSites(t *testing.T) *sites {
	t.Helper()
	server := func(host, handler string) string { // Caddy wants servers to differ in their address
		return `{"listen": ["` + host + `:0"], "routes": [{"handle": [` + handler + `]}]}`
	}
	e := newExchange(t)
	g := startGatewayWith(t, `"http": {"servers": {
		"srv": `+server("127.0.0.1", gateJSON("the site", `, "credentials_api": {"path": "/dds-tokens"}`))+`,
		"market": `+server("127.0.0.3", e.gate(""))+`,
		"broker": `+server("127.0.0.4", brokerJSON(`, "realm": "broker"`))+`,
		"front": `+server("127.0.0.5", brokerJSON(`, "realm": "front", "mode": "in_front"`))+`,
		"services": `+server("127.0.0.6", servicesJSON(`, "realm": "front"`))+`,
		"admin": `+server("localhost", `{"handler": "gatehouse_admin_api", "site": "the admin site"}`)+`,
		"people": `+server("127.0.0.2", pdaJSON(""))+`}}`)
	s := &sites{
		gateway: g, adminSite: serverNamed(t, "admin"), people: serverNamed(t, "people"), market: serverNamed(t, "market"),
		broker: serverNamed(t, "broker"), services: serverNamed(t, "services"), exchange: e,
	}
	s.token = s.ok("POST", "/gatehouse/delta/default/admins", `{"name":"ops"}`)["token"].(string)
	return s
}

func (s *sites) delta() *delta.Scheme {
	s.t.Helper()
	scheme, err := s.app.scheme(delta.Name, "default")
	if err != nil {
		s.t.Fatal(err)
	}
	return scheme.(*delta.Scheme)
}

func (s *sites) pda() *pda.Scheme {
	s.t.Helper()
	scheme, err := s.app.scheme(pda.Name, "default")
	if err != nil {
		s.t.Fatal(err)
	}
	return scheme.(*pda.Scheme)
}

func (s *sites) dx() *dx.Scheme {
	s.t.Helper()
	scheme, err := s.app.scheme(dx.Name, "default")
	if err != nil {
		s.t.Fatal(err)
	}
	return scheme.(*dx.Scheme)
}

// bodies of examples, of those operations that need one.
var bodies = map[string]string{
	"createRecipient":        `{"name":"%s-2","authentication_type":"TOKEN"}`,
	"updateRecipient":        `{"comment":"x"}`,
	"rotateRecipientToken":   `{"existing_token_expire_in_seconds":0}`,
	"updateSharePermissions": `{"changes":[{"principal":"%s","add":["SELECT"]}]}`,
	"createFederationPolicy": `{"name":"test","oidc_policy":{"issuer":"https://127.0.0.1:1","subject":"%s-test","subject_claim":"sub","audiences":["a"]}}`,
	"updateFederationPolicy": `{"comment":"x"}`,
	"rotateCredentials":      `{"existing_token_expiry_time_in_seconds":0}`,
	"shortenCredentials":     `{"existing_token_expiry_time_in_seconds":60}`,

	"operationCreateRecipient": `{"name":"%s-2"}`,
	"operationUpdateRecipient": `{"comment":"x"}`,
	"operationRotateRecipient": `{"old_expires_in":"1h"}`,
	"operationAddFederation":   `{"name":"test","issuer":"https://127.0.0.1:1","subject":"%s-test","audiences":["a"]}`,
	"operationImport":          `{"recipients":[{"name":"%[1]s-2","token":"%[1]s-their-own-token"}]}`,
	"operationCreateAdmin":     `{"name":"%s-2"}`,
	"operationExplain":         `{"method":"GET","address":"/delta-sharing/shares","recipient":"%s"}`,

	"operationRevokeUser": `{"scheme":"dx","delegator":"` + otherUser + `"}`,

	"operationCreateAccount":     `{"host":"%s-2.pda.example.com","password":"` + bobPassword + `"}`,
	"operationUpdateAccount":     `{"disabled":true}`,
	"operationSetPassword":       `{"password":"eleven tall chimneys"}`,
	"operationRotateAccountKey":  `{"overlap":"1h"}`,
	"operationEnrolApplication":  `{"enabled":true}`,
	"operationAddApplication":    `{"id":"%s-2","version":"1.0.0","grants":["namespace-read:notes"]}`,
	"operationUpdateApplication": `{"grant":["namespace-write:notes"],"version":"1.1.0"}`,
	"changePassword":             `{"newPassword":"eleven tall chimneys","password":"` + bobPassword + `"}`,
}

// example is a request of an operation that succeeds, and who serves it.
func (s *sites) example(t *testing.T, o operation) (*http.Request, http.Handler) {
	t.Helper()
	s.made++
	name := fmt.Sprintf("%s-%d", o.ID, s.made)
	if strings.HasPrefix(o.path, "/gatehouse/pda/") || slices.Contains(s.pda().Endpoints(), o.method+" "+o.path) {
		return s.exampleOfAnAccount(o, name)
	}
	if slices.Contains(s.dx().Endpoints(), o.method+" "+o.path) {
		r := httptest.NewRequest(o.method, o.path, strings.NewReader(`{"sub":"`+someUser+`"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Token", s.exchange.serverToken())
		return r, s.market
	}
	if route := o.method + " " + o.path; slices.Contains(brokerRoutes(), route) || slices.Contains(services.Routes(), route) || strings.HasPrefix(o.path, "/gatehouse/bitbroker/") {
		return s.exampleOfABroker(o)
	}
	auth := "token"
	if strings.Contains(strings.ToLower(o.ID), "federation") {
		auth = "federation"
	}
	if o.path == "/oauth/token" {
		auth = "oauth"
	}
	recipient := s.ok("POST", "/gatehouse/delta/default/recipients", `{"name":"`+name+`","management_key":true,"auth":"`+auth+`"}`)
	if auth == "federation" {
		s.ok("POST", "/gatehouse/delta/default/recipients/"+name+"/federation", `{"name":"prod","issuer":"https://127.0.0.1:1","subject":"`+name+`","audiences":["a"]}`)
	}
	link, _ := recipient["activation_link"].(string)
	_, code, _ := strings.Cut(link, "?")
	values := map[string]string{"{realm}": "default", "{name}": name, "{share}": "sales", "{policy}": "prod", "{activation_url}": code, "{admin}": name, "{id}": someUser}
	if strings.Contains(o.path, "{accessor}") {
		s.activate(link)
		values["{accessor}"] = recipient["tokens"].([]any)[0].(map[string]any)["id"].(string)
	}
	if o.ID == "operationRevokeAdmin" {
		s.ok("POST", "/gatehouse/delta/default/admins", `{"name":"`+name+`"}`)
	}
	target := o.path
	for placeholder, value := range values {
		target = strings.ReplaceAll(target, placeholder, value)
	}
	body, contentType := bodies[o.ID], "application/json"
	if strings.Contains(body, "%") {
		body = fmt.Sprintf(body, name)
	}
	handler, authorization := s.site, "Bearer "+s.token
	switch {
	case strings.HasPrefix(o.path, "/gatehouse/"):
		handler, authorization = s.admin, ""
	case o.path == delta.ActivationPath && o.method == http.MethodGet:
		target, authorization = target+"?"+code, ""
	case o.path == delta.ActivationPath:
		contentType, body, authorization = "application/x-www-form-urlencoded", "code="+code, ""
	case o.path == "/dds-tokens":
		authorization = fmt.Sprintf("Bearer %s", recipient["management_key"])
	case o.path == "/oauth/token":
		contentType, authorization = "application/x-www-form-urlencoded", ""
		body = url.Values{"grant_type": {"client_credentials"}, "client_id": {recipient["id"].(string)}, "client_secret": {s.clientSecret(link)}}.Encode()
	default:
		handler = s.adminSite
	}
	r := httptest.NewRequest(o.method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r, handler
}

// exampleOfAnAccount is an example around an account and an application of their own.
func (s *sites) exampleOfAnAccount(o operation, name string) (*http.Request, http.Handler) {
	s.t.Helper()
	host := strings.ToLower(name) + ".pda.example.com"
	s.account(host)
	s.ok("POST", applicationsPath, `{"id":"`+name+`","version":"1.0.0","grants":["namespace-read:notes"],"redirect_uris":["https://notes.example.com/done"]}`)
	target, body := o.path, bodies[o.ID]
	for placeholder, value := range map[string]string{"{realm}": "default", "{host}": host, "{application}": name} {
		target = strings.ReplaceAll(target, placeholder, value)
	}
	if strings.Contains(body, "%") {
		body = fmt.Sprintf(body, strings.ToLower(name))
	}
	if strings.HasPrefix(o.path, "/gatehouse/") {
		r := httptest.NewRequest(o.method, target, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		return r, s.admin
	}
	token := signIn(s.t, s.people, host, bobPassword)
	if o.ID == "disableApplication" {
		at(s.people, host, strings.TrimSuffix(target, "/disable")+"/setup", token)
	}
	if strings.Contains(o.ID, "Service") {
		target += "?" + url.Values{"name": {name}, "resource": {"https://notes.example.com"}, "redirect": {"https://notes.example.com/done"}}.Encode()
	}
	r := httptest.NewRequest(o.method, "http://"+host+target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	switch username, _, _ := strings.Cut(host, "."); {
	case o.ID == "signIn":
		r.Header.Set("Username", username)
		r.Header.Set("Password", bobPassword)
	case o.ID != "describeApplication":
		r.Header.Set("X-Auth-Token", token)
	}
	return r, s.people
}

// clientSecret uses the activation link of an OAuth client.
func (s *sites) clientSecret(link string) string {
	s.t.Helper()
	var profile struct {
		ClientSecret string `json:"clientSecret"`
	}
	if w := s.get(link, ""); json.Unmarshal(w.Body.Bytes(), &profile) != nil || profile.ClientSecret == "" {
		s.t.Fatalf("the link gave %d %q", w.Code, w.Body)
	}
	return profile.ClientSecret
}
