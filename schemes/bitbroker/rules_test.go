package bitbroker

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

// Columns of the table, in the order nobody, coordinator, contributor, consumer: of each, +
// passes to the server behind, = is answered by the gateway, ! is refused with 401, . finds
// nothing (404).
const (
	onlyCoordinator = "!+!!"
	onlyContributor = "!!+!"
	onlyConsumer    = "!!!+"
	everybody       = "++++"
	noRoute         = "...."
)

type row struct{ method, path, callers string }

// what each caller gets of each method and path, in front of a BitBroker.
var rows = []row{
	// Section 1.4: methods with a token, by API.
	{"GET", "/coordinator/v1", onlyCoordinator},
	{"HEAD", "/coordinator/v1/user", onlyCoordinator},
	{"GET", "/coordinator/v1/user", onlyCoordinator},
	{"POST", "/coordinator/v1/user", onlyCoordinator},
	{"PUT", "/coordinator/v1/user/1", onlyCoordinator},
	{"DELETE", "/coordinator/v1/user/2", onlyCoordinator},
	{"GET", "/coordinator/v1/user/email/a@example.com", onlyCoordinator},
	{"GET", "/coordinator/v1/policy/no/such/thing", onlyCoordinator},
	{"GET", "/coordinator/v1/error/test", onlyCoordinator},
	{"PATCH", "/coordinator/v1/user/1", noRoute},
	{"TRACE", "/coordinator/v1/user", noRoute},
	{"get", "/coordinator/v1/user", noRoute},
	{"PROPFIND", "/coordinator/v1", noRoute},

	{"GET", "/contributor/v1", onlyContributor},
	{"HEAD", "/contributor/v1", onlyContributor},
	{"POST", "/contributor/v1", onlyContributor},
	{"GET", "/contributor/v1/error/test", onlyContributor},
	{"GET", contributorPath, onlyContributor},
	{"POST", "/contributor/v1/connector/" + contributionA + "/session/1/upsert", onlyContributor},
	{"PUT", contributorPath, noRoute},
	{"DELETE", contributorPath, noRoute},
	{"PATCH", contributorPath, noRoute},
	{"GET", "/contributor/v1/connector", noRoute},
	{"GET", "/contributor/v1/connector/" + contributionA, noRoute},
	{"GET", "/contributor/v1/catalog", noRoute},
	{"GET", "/contributor/v1/user", noRoute},

	{"GET", "/consumer/v1", onlyConsumer},
	{"GET", "/consumer/v1/", onlyConsumer},
	{"HEAD", consumerPath, onlyConsumer},
	{"GET", consumerPath, onlyConsumer},
	{"GET", consumerPath + "?q=%7B%7D", onlyConsumer},
	{"GET", "/consumer/v1/entity/country/1234/timeseries/population", onlyConsumer},
	{"POST", consumerPath, noRoute},
	{"PUT", consumerPath, noRoute},
	{"DELETE", consumerPath, noRoute},

	// What browsers ask.
	{"OPTIONS", "/coordinator/v1", everybody},
	{"OPTIONS", "/coordinator/v1/user/1", everybody},
	{"OPTIONS", "/contributor/v1/", everybody},
	{"OPTIONS", contributorPath, everybody},
	{"OPTIONS", "/contributor/v1/nothing", everybody},
	{"OPTIONS", consumerPath, everybody},
	{"OPTIONS", "/", noRoute},
	{"OPTIONS", "/nothing", noRoute},

	// Outside of the APIs.
	{"GET", "/", noRoute},
	{"GET", "/coordinator", noRoute},
	{"GET", "/coordinator/", noRoute},
	{"GET", "/coordinator/v2/user", noRoute},
	{"GET", "/coordinator/v1.0/user", noRoute},
	{"GET", "/coordinator/v11/user", noRoute},
	{"GET", "/coordinatorv1/user", noRoute},
	{"GET", "/x/coordinator/v1/user", noRoute},
	{"GET", "/portal", noRoute},
	{"GET", "/v1/user", noRoute},

	// As Express reads paths: any case, with a slash at the end, decoded once.
	{"GET", "/COORDINATOR/V1/USER", onlyCoordinator},
	{"GET", "/Coordinator/v1/", onlyCoordinator},
	{"GET", "/coordinator/v1/user/", onlyCoordinator},
	{"GET", "/coordinator/%76%31/%75ser", onlyCoordinator},
	{"GET", "/%43oordinator/v1/user", onlyCoordinator},
	{"GET", "/Contributor/V1/Connector/" + contributionA + "/Session/open/stream/", onlyContributor},
	{"GET", "/CONTRIBUTOR/v1/ERROR/test/", onlyContributor},
	{"GET", "/contributor/v1/%63onnector/%61" + contributionA[1:] + "/session/open/stream", onlyContributor},
	{"GET", "/CONSUMER/v1/CATALOG/", onlyConsumer},
	{"OPTIONS", "/CONSUMER/v1/CATALOG/", everybody},
	{"Post", "/CONSUMER/v1/CATALOG/", noRoute},

	// What only looks like it: other letters have no case here.
	{"GET", "/con\u017fumer/v1/catalog", noRoute},
	{"GET", "/con%C5%BFumer/v1/catalog", noRoute},
	{"GET", "/%EF%BD%83onsumer/v1/catalog", noRoute},
}

func TestWhoMayCallWhat(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	tokens := []string{"", w.coordinator, w.contributor, w.consumer}
	for _, row := range rows {
		for i, token := range tokens {
			wantStatus := map[byte]int{'+': 200, '!': 401, '.': 404}[row.callers[i]]
			a := s.ask(row.method, row.path, token)
			a.want(t, wantStatus, row.callers[i] == '+')
			if row.callers[i] != '+' && row.method != "HEAD" && a.Body.String() != envelopeOf(wantStatus) {
				t.Errorf("%s %s: %s", row.method, row.path, a.Body)
			}
			if row.callers[i] == '+' && row.callers != everybody && a.call.Identity == nil {
				t.Errorf("%s %s goes on as nobody's", row.method, row.path)
			}
			if row.callers == everybody && a.call.Identity != nil {
				t.Errorf("%s %s: somebody was looked at", row.method, row.path)
			}
		}
	}
}

func TestPathsThatTwoReadDifferentlyAreRefused(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	for _, path := range []string{
		"/consumer/v1//catalog", "//consumer/v1/catalog", "/consumer/v1/catalog//", "/consumer%2Fv1/catalog", "/consumer/v1/%2e%2e/x",
		"/consumer/v1/../../coordinator/v1/user", "/consumer/v1/a;b", "/consumer/v1/a%5Cb", "/consumer/v1/%2570", "/consumer/v1/a%00", "/consumer/v1/%ff",
		"/consumer/v1/a%", "/consumer/v1/.", "/consumer/v1/%09",
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + path + " HTTP/1.1\r\nHost: example.com\r\n\r\n")))
		if err != nil {
			continue // no server would read it
		}
		r.Header.Set("X-Bbk-Auth-Token", w.consumer)
		s.serve(r).want(t, 400, false)
	}
}

func TestAnnouncementsAndTheTestErrorAreTheGatewaysWithoutABitBroker(t *testing.T) {
	s := newSite(t)
	w := s.newWorld()
	for _, tc := range []struct{ base, token, name string }{
		{"/coordinator/v1", w.coordinator, "bit-broker coordinator service"},
		{"/contributor/v1", w.contributor, "bit-broker contributor service"},
		{"/consumer/v1", w.consumer, "bit-broker consumer service"},
	} {
		for _, path := range []string{tc.base, tc.base + "/", upper(tc.base)} {
			a := s.ask("GET", path, tc.token)
			a.want(t, 200, false)
			want := `{"now":"2026-11-22T12:00:00.000Z","name":"` + tc.name + `","base":"http://example.com` + tc.base + `","status":"production"}`
			if a.Body.String() != want {
				t.Errorf("%s: %s", path, a.Body)
			}
			s.ask("GET", path, "").want(t, 401, false)
		}
		a := s.ask("GET", tc.base+"/error/test", tc.token)
		a.want(t, 500, false)
		if a.Body.String() != envelopeOf(500) {
			t.Errorf("%s", a.Body)
		}
		s.ask("HEAD", tc.base, tc.token).want(t, 200, false)
	}
	a := s.serve(schemestest.Request("GET", "/consumer/v1", "", "X-Bbk-Auth-Token", w.consumer), func(call *schemes.Call) {
		call.Secure, call.Request.Host = true, "broker.example.com:8443"
	})
	if !strings.Contains(a.Body.String(), `"base":"https://broker.example.com:8443/consumer/v1"`) {
		t.Errorf("%s", a.Body)
	}
}

func TestStandaloneServesTheCoordinatorAPIItself(t *testing.T) {
	s := newSite(t)
	w := s.newWorld()
	for _, tc := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/coordinator/v1/user", 200},
		{"HEAD", "/coordinator/v1/user", 200},
		{"GET", "/COORDINATOR/v1/USER/1/", 200},
		{"GET", "/coordinator/v1/user/007", 404},
		{"GET", "/coordinator/v1/nothing", 404},
		{"POST", "/coordinator/v1/policy", 404},
		{"PATCH", "/coordinator/v1/user/1", 404},
		{"DELETE", "/coordinator/v1/user/1/coordinator", 405},
		{"DELETE", "/coordinator/v1/user/1", 405},
		{"DELETE", "/coordinator/v1/policy/pol-one", 204},
	} {
		s.ask(tc.method, tc.path, w.coordinator).want(t, tc.status, false)
	}
	s.ask("GET", "/coordinator/v1/nothing", "").want(t, 401, false)

	a := s.ask("OPTIONS", "/coordinator/v1/user", "", "Origin", "https://elsewhere.example", "Access-Control-Request-Method", "DELETE")
	a.want(t, 204, false)
	if a.Header().Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.Header().Get("Access-Control-Allow-Methods"), "DELETE") {
		t.Errorf("%v", a.Header())
	}
	s.ask("OPTIONS", contributorPath, "").want(t, 200, true)
	s.ask("OPTIONS", consumerPath, "").want(t, 200, true)

	early := func(call *schemes.Call) { call.EarlyData = true }
	s.serve(schemestest.Request("POST", "/coordinator/v1/user", "{}", "X-Bbk-Auth-Token", w.coordinator), early).want(t, 425, false)
	s.serve(schemestest.Request("GET", "/coordinator/v1/user", "", "X-Bbk-Auth-Token", w.coordinator), early).want(t, 200, false)
}

func TestSitesServeTheAPIsThatTheyName(t *testing.T) {
	s := newSite(t, inFront, func(c *Config) { c.Consumer, c.Coordinator = "/data", "/admin/broker/v7" })
	w := s.newWorld()
	s.ask("GET", "/data/catalog", w.consumer).want(t, 200, true)
	s.ask("GET", "/data", w.consumer).want(t, 200, true)
	s.ask("GET", "/ADMIN/broker/V7/user", w.coordinator).want(t, 200, true)
	s.ask("GET", "/data/catalog", w.coordinator).want(t, 401, false)
	s.ask("OPTIONS", "/data/catalog", "").want(t, 200, true)
	for _, path := range []string{coordinatorPath, contributorPath, consumerPath, "/contributor/v1"} {
		for _, token := range []string{w.coordinator, w.contributor, w.consumer} {
			s.ask("GET", path, token).want(t, 404, false)
		}
	}
}

func TestRulesOfTheSitesOwn(t *testing.T) {
	rules, err := policies.Parse("own.rules", `
allow GET /consumer/v1/catalog kind consumer
allow GET /consumer/v1/entity/{type} kind consumer when path == "/consumer/v1/entity/country" && params.type == "country"
allow GET /consumer/v1/open public
allow GET,POST /coordinator/v1/user kind coordinator
allow GET /portal/{file} public
allow GET /{any}/v1/anything authenticated
`)
	must(t, err)
	s := newSite(t, inFront, func(c *Config) { c.Rules = rules })
	w := s.newWorld()
	for _, tc := range []struct {
		path, token string
		status      int
	}{
		{"/consumer/v1/CATALOG/", w.consumer, 200},
		{"/consumer/v1/catalog", w.coordinator, 401},
		{"/consumer/v1/ENTITY/Country/", w.consumer, 200},
		{"/consumer/v1/entity/village", w.consumer, 403},
		{"/consumer/v1/entity", w.consumer, 404},
		{"/consumer/v1/open", "", 200},
		{"/consumer/v1/open", w.consumer, 200},
		{"/consumer/v1/anything", w.consumer, 200},
		{"/consumer/v1/anything", "", 401},
		{"/consumer/v1/anything", w.contributor, 401},
		{"/other/v1/anything", w.consumer, 404},
		{"/portal/", "", 404},
		{"/portal/index.html", w.consumer, 200},
		{"/PORTAL/index.html", "", 404},
		{coordinatorPath, w.coordinator, 200},
	} {
		a := s.ask("GET", tc.path, tc.token)
		a.want(t, tc.status, tc.status == 200)
		if tc.status == 200 && (tc.path == "/consumer/v1/open" || strings.HasPrefix(tc.path, "/portal")) && (a.call.Identity != nil || a.forwarded.Header["X-Bbk-Audience"] != nil) {
			t.Errorf("%s: somebody was looked at", tc.path)
		}
	}
}

func TestRulesThatCouldNeverAllowAreMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"allow GET /consumer/v1/a role reader":                  "neither roles nor grants",
		"allow GET /consumer/v1/{a} grant read {a}":             "neither roles nor grants",
		"allow GET /consumer/v1/a kind owner":                   `no kind "owner"`,
		"allow GET /consumer/v1/a kind coordinator":             "write kind consumer",
		"allow GET /consumer/v1/Catalog kind consumer":          "small letters",
		"allow GET /Consumer/v1/catalog kind consumer":          "small letters",
		"allow GET /CONSUMER/v1/catalog public":                 "small letters",
		"allow GET /consumer/v1/catalog/{$} kind consumer":      "a slash at the end",
		"allow GET /consumer/v2/catalog kind consumer":          "none of the site's APIs",
		"allow GET /portal authenticated":                       "none of the site's APIs",
		"allow GET /consumer kind consumer":                     "none of the site's APIs",
		"allow GET /consumer/v1/{path...} kind consumer":        "",
		"allow GET /{path...} kind consumer":                    "",
		"allow GET /portal public":                              "",
		"allow GET /Portal/{$} public":                          "",
		"allow GET /consumer/{v}/catalog kind consumer":         "",
		"allow GET /consumer/v1/{Type} kind consumer":           "",
		"allow GET /consumer/v1/a kind coordinator,consumer":    "",
		"allow GET /coordinator/v1/{path...} authenticated":     "",
		"allow GET /contributor/v1/connector/{c}/x kind x,y":    `no kind "x"`,
		"allow GET /contributor/{v1}/connector kind consumer,z": `no kind "z"`,
	} {
		rules, err := policies.Parse("own.rules", text)
		must(t, err)
		_, err = New(Config{Realm: realm, Rules: rules}, nil)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "own.rules:1")):
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
