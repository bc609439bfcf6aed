package e2e

import (
	"crypto/sha1" //nolint:gosec // entity tags are made with it
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// exchange is one request of a coordinator and its answer. In what is wanted, {base} is the
// address of the coordinator API, {token} a token and {time} a moment; a text after a tilde
// need only be contained.
type exchange struct {
	method, path, body string
	status             int
	want               string
	location           string // below the API
}

// fault is the error of a body with reasons: name and reason in turn.
func fault(pairs ...string) string {
	var items []string
	for i := 0; i < len(pairs); i += 2 {
		items = append(items, fmt.Sprintf(`{"name":%q,"index":null,"reason":%q}`, pairs[i], pairs[i+1]))
	}
	return `{"error":{"code":400,"status":"Bad Request","message":[` + strings.Join(items, ",") + `]}}`
}

// The reasons that BitBroker gives.
const (
	tooShort   = "does not meet minimum length of 1"
	shortSlug  = "does not meet minimum length of 3"
	longSlug   = "does not meet maximum length of 32"
	tooLong    = "does not meet maximum length of 64"
	noString   = "is not of a type(s) string"
	noEmail    = `does not conform to the "email" format`
	badSlug    = `does not match pattern "^[a-z][a-z0-9-]+$"`
	notBelow0  = "must be greater than or equal to 0"
	noInterval = "is not one of enum values: day,month"
	noInteger  = "is not of a type(s) integer"
	noBoolean  = "is not of a type(s) boolean"
)

const (
	aliceShort = `{"id":2,"url":"{base}/user/2","name":"Alice","email":"alice@example.com","organization":"Example","coordinator":false,"accesses":[]}`
	quota      = `{"enabled":true,"quota":{"max_number":86400,"interval_type":"day"},"rate":250}`
	// Documents come back as PostgreSQL keeps them (jsonb): the shorter name first.
	quotaShown = `{"rate":250,"quota":{"max_number":86400,"interval_type":"day"},"enabled":true}`
	described  = `{"name":"A connector","description":"For tests"}`
)

// contract is the whole coordinator API, one call after the other.
func contract() []exchange {
	e404, e405, e409 := brokerError(404), brokerError(405), brokerError(409)
	long := strings.Repeat("x", 65)
	slug32 := "s" + strings.Repeat("x", 31)
	connectorView := `{"id":"con-one","url":"{base}/entity/country/connector/con-one","name":"A connector","description":"For tests",` +
		`"entity":{"id":"country","url":"{base}/entity/country"},"contribution_id":"` + harness.ContributionID("country", "con-one", harness.BrokerSecret) + `",` +
		`"webhook":null,"cache":0,"is_live":false,"in_session":false}`
	accessView := `{"id":"pol-one","url":"{base}/user/2/access/pol-one","policy":{"id":"pol-one","url":"{base}/policy/pol-one"},"created":"{time}"}`
	user := func(members string) string { return `{"name":"Bob","organization":"Example"` + members + `}` }
	return []exchange{
		// The announcement, and the call that fails.
		{"GET", "", "", 200, `{"now":"{time}","name":"bit-broker coordinator service","base":"{base}","status":"production"}`, ""},
		{"GET", "/", "", 200, `{"now":"{time}","name":"bit-broker coordinator service","base":"{base}","status":"production"}`, ""},
		{"HEAD", "", "", 200, ``, ""},
		{"GET", "/error/test", "", 500, brokerError(500), ""},
		{"POST", "", "", 404, e404, ""},
		{"GET", "/none", "", 404, e404, ""},
		{"GET", "/user/1/none", "", 404, e404, ""},

		// Users.
		{"GET", "/user", "", 200, `~"id":1,"url":"{base}/user/1"`, ""},
		{"POST", "/user", `{"name":"Alice","email":"Alice@EXAMPLE.com","organization":"Example"}`, 201, ``, "/user/2"},
		{"GET", "/user/2", "", 200, strings.TrimSuffix(aliceShort, "}") + `,"addendum":{}}`, ""},
		{"GET", "/USER/2/", "", 200, strings.TrimSuffix(aliceShort, "}") + `,"addendum":{}}`, ""},
		{"HEAD", "/user/2", "", 200, ``, ""},
		{"GET", "/user", "", 200, `~,` + aliceShort + `]`, ""},
		{"GET", "/user/email/alice@example.com", "", 200, strings.TrimSuffix(aliceShort, "}") + `,"addendum":{}}`, ""},
		{"GET", "/user/email/ALICE%40example.com", "", 200, strings.TrimSuffix(aliceShort, "}") + `,"addendum":{}}`, ""},
		{"GET", "/user/email/none@example.com", "", 404, e404, ""},
		{"POST", "/user", `{"name":"Alice","email":"alice@example.com","organization":"Other"}`, 409, e409, ""},
		{"POST", "/user", `{"name":"Alice","email":"ALICE@example.com","organization":"Other"}`, 409, e409, ""},
		{"POST", "/user", `{"email":"bob@example.com","organization":"Example"}`, 400, fault("name", tooShort), ""},
		{"POST", "/user", `{"name":"","email":"bob@example.com","organization":"Example"}`, 400, fault("name", tooShort), ""},
		{"POST", "/user", `{"name":null,"email":"bob@example.com","organization":"Example"}`, 400, fault("name", tooShort), ""},
		{"POST", "/user", `{"name":"` + long + `","email":"bob@example.com","organization":"Example"}`, 400, fault("name", tooLong), ""},
		{"POST", "/user", `{"name":7,"email":"bob@example.com","organization":"Example"}`, 400, fault("name", noString), ""},
		{"POST", "/user", `{"name":["a"],"email":"bob@example.com","organization":"Example"}`, 400, fault("name", noString), ""},
		{"POST", "/user", user(`,"email":"bob"`), 400, fault("email", noEmail), ""},
		{"POST", "/user", user(`,"email":"bob@"`), 400, fault("email", noEmail), ""},
		{"POST", "/user", user(`,"email":"bob @example.com"`), 400, fault("email", noEmail), ""},
		{"POST", "/user", `{"name":"Bob","email":"bob@example.com"}`, 400, fault("organization", tooShort), ""},
		{"POST", "/user", `{"name":"Bob","email":"bob@example.com","organization":"` + long + `"}`, 400, fault("organization", tooLong), ""},
		{"POST", "/user", `{"name":"","email":"bob@example.com","organization":""}`, 400, fault("name", tooShort, "organization", tooShort), ""},
		{"POST", "/user", `{"name":"`, 400, `~{"error":{"code":400,"status":"Bad Request","message":[{"name":"syntax","index":null,"reason":`, ""},
		{"POST", "/user", `"a text"`, 400, `~"name":"syntax"`, ""},
		{"POST", "/user", `[]`, 400, `~"name":"name","index":null,"reason":"` + tooShort + `"`, ""},
		{"POST", "/user", user(`,"email":"bob@example.com","addendum":{"a":[1,2.50,"<&>"],"b":null}`), 201, ``, "/user/3"},
		{"GET", "/user/3", "", 200, `~"addendum":{"a":[1,2.5`, ""},
		{"PUT", "/user/3", `{"name":"Robert","organization":"Elsewhere","email":"other@example.com"}`, 204, ``, ""},
		{"GET", "/user/3", "", 200, `{"id":3,"url":"{base}/user/3","name":"Robert","email":"bob@example.com","organization":"Elsewhere","coordinator":false,"accesses":[],"addendum":{}}`, ""},
		{"PUT", "/user/3", `{"name":"","organization":"Elsewhere"}`, 400, fault("name", tooShort), ""},
		{"PUT", "/user/3", `{"name":"Robert"}`, 400, fault("organization", tooShort), ""},
		{"PUT", "/user/9", `{"name":"Robert","organization":"Elsewhere"}`, 404, e404, ""},
		{"GET", "/user/9", "", 404, e404, ""},
		{"GET", "/user/0", "", 404, e404, ""},
		{"GET", "/user/abc", "", 404, e404, ""},
		{"GET", "/user/-1", "", 404, e404, ""},
		{"GET", "/user/2.0", "", 404, e404, ""},
		{"GET", "/user/00000002", "", 200, `~"id":2,`, ""},
		{"GET", "/user/000000002", "", 404, e404, ""},
		{"PATCH", "/user/2", `{"name":"x","organization":"y"}`, 404, e404, ""},
		{"DELETE", "/user", "", 404, e404, ""},
		{"PUT", "/user", `{}`, 404, e404, ""},
		{"DELETE", "/user/9", "", 404, e404, ""},

		// Promotion.
		{"POST", "/user/3/coordinator", "", 200, `{token}`, ""},
		{"GET", "/user/3", "", 200, `~"coordinator":true`, ""},
		{"POST", "/user/3/coordinator", "", 409, e409, ""},
		{"PUT", "/user/3/coordinator", "", 404, e404, ""},
		{"GET", "/user/3/coordinator", "", 404, e404, ""},
		{"DELETE", "/user/3/coordinator", "", 204, ``, ""},
		{"DELETE", "/user/3/coordinator", "", 409, e409, ""},
		{"GET", "/user/3", "", 200, `~"coordinator":false`, ""},
		{"POST", "/user/3/coordinator", "", 200, `{token}`, ""},
		{"POST", "/user/9/coordinator", "", 404, e404, ""},
		{"POST", "/user/abc/coordinator", "", 404, e404, ""},
		{"POST", "/user/123456789/coordinator", "", 404, e404, ""},
		{"DELETE", "/user/9/coordinator", "", 404, e404, ""},
		{"DELETE", "/user/1/coordinator", "", 405, e405, ""},
		{"DELETE", "/user/1", "", 405, e405, ""},

		// Policies.
		{"GET", "/policy", "", 200, `[]`, ""},
		{"POST", "/policy/pol-one", limited(quota), 201, ``, "/policy/pol-one"},
		{"POST", "/policy/pol-one", limited(quota), 409, e409, ""},
		{"POST", "/policy/POL-ONE", limited(quota), 409, e409, ""},
		{"GET", "/policy/pol-one", "", 200, `~{"id":"pol-one","url":"{base}/policy/pol-one","name":"A policy","description":"For tests",`, ""},
		{"GET", "/policy/Pol-One/", "", 200, `~"access_control":` + quotaShown, ""},
		{"GET", "/policy/pol-one/access-control", "", 200, quotaShown, ""},
		{"GET", "/policy", "", 200, `~[{"id":"pol-one","url":"{base}/policy/pol-one","name":"A policy","description":"For tests"`, ""},
		{"GET", "/policy/none", "", 404, e404, ""},
		{"GET", "/policy/none/access-control", "", 404, e404, ""},
		{"PUT", "/policy/none", limited(quota), 404, e404, ""},
		{"DELETE", "/policy/none", "", 404, e404, ""},
		{"PUT", "/policy/pol-one", limited(`{"enabled":true}`), 204, ``, ""},
		{"GET", "/policy/pol-one/access-control", "", 200, `{"enabled":true}`, ""},
		{"POST", "/policy/ab", limited(unlimited), 400, fault("slug", shortSlug), ""},
		{"POST", "/policy/" + slug32 + "x", limited(unlimited), 400, fault("slug", longSlug), ""},
		{"POST", "/policy/" + slug32, limited(unlimited), 201, ``, "/policy/" + slug32},
		{"POST", "/policy/1st-policy", limited(unlimited), 400, fault("slug", badSlug), ""},
		{"POST", "/policy/pol_two", limited(unlimited), 400, fault("slug", badSlug), ""},
		{"POST", "/policy/pol-two", limited(`{"enabled":"yes"}`), 400, fault("policy.access_control.enabled", noBoolean), ""},
		{"POST", "/policy/pol-two", limited(`{"rate":1}`), 400, fault("policy.access_control", `requires property "enabled"`), ""},
		{"POST", "/policy/pol-two", limited(`{"enabled":true,"rate":-1}`), 400, fault("policy.access_control.rate", notBelow0), ""},
		{"POST", "/policy/pol-two", limited(`{"enabled":true,"rate":1.5}`), 400, fault("policy.access_control.rate", noInteger), ""},
		{"POST", "/policy/pol-two", limited(`{"enabled":true,"quota":{"max_number":-1,"interval_type":"day"}}`), 400, fault("policy.access_control.quota.max_number", notBelow0), ""},
		{"POST", "/policy/pol-two", limited(`{"enabled":true,"quota":{"max_number":1,"interval_type":"week"}}`), 400, fault("policy.access_control.quota.interval_type", noInterval), ""},
		{"POST", "/policy/pol-two", `{"name":"P","description":"d","policy":{"access_control":{"enabled":true},"data_segment":{"segment_query":{}}}}`, 400, fault("policy", `requires property "legal_context"`), ""},
		{"POST", "/policy/pol-two", `{"name":"P","description":"d","policy":{"access_control":{"enabled":true},"data_segment":{},"legal_context":[]}}`, 400, fault("policy.data_segment", `requires property "segment_query"`), ""},
		{"GET", "/policy/pol-two", "", 404, e404, ""},

		// Accesses.
		{"GET", "/user/2/access", "", 200, `[]`, ""},
		{"POST", "/user/2/access/pol-one", "", 201, `{token}`, "/user/2/access/pol-one"},
		{"POST", "/user/2/access/pol-one", "", 409, e409, ""},
		{"GET", "/user/2/access", "", 200, `[` + accessView + `]`, ""},
		{"GET", "/user/2/access/pol-one", "", 200, accessView, ""},
		{"GET", "/user/2", "", 200, `~"accesses":[{"id":"pol-one","url":"{base}/user/2/access/pol-one"}]`, ""},
		{"PUT", "/user/2/access/pol-one", "", 200, `{token}`, ""},
		{"PUT", "/user/2/access/POL-ONE/", "", 200, `{token}`, ""},
		{"POST", "/user/2/access/none", "", 404, e404, ""},
		{"POST", "/user/9/access/pol-one", "", 404, e404, ""},
		{"POST", "/user/abc/access/pol-one", "", 404, e404, ""},
		{"GET", "/user/12345678901/access", "", 404, e404, ""},
		{"GET", "/user/2/access/none", "", 404, e404, ""},
		{"PUT", "/user/2/access/none", "", 404, e404, ""},
		{"PUT", "/user/3/access/pol-one", "", 404, e404, ""},
		{"DELETE", "/user/2/access/pol-one", "", 204, ``, ""},
		{"DELETE", "/user/2/access/pol-one", "", 404, e404, ""},
		{"POST", "/user/2/access/pol-one/", "", 201, `{token}`, "/user/2/access/pol-one"},
		{"DELETE", "/policy/pol-one", "", 204, ``, ""},
		{"GET", "/user/2/access/pol-one", "", 404, e404, ""},
		{"GET", "/user/2/access", "", 200, `[]`, ""},

		// Entity types.
		{"GET", "/entity", "", 200, `[]`, ""},
		{"POST", "/entity/country", entityBody, 201, ``, "/entity/country"},
		{"POST", "/entity/country", entityBody, 409, e409, ""},
		{"GET", "/entity/country", "", 200, `~{"id":"country","url":"{base}/entity/country","name":"Country","description":"All the countries"`, ""},
		{"GET", "/entity", "", 200, `~[{"id":"country","url":"{base}/entity/country","name":"Country","description":"All the countries"`, ""},
		{"PUT", "/entity/country", `{"name":"Land","description":"All of them"}`, 204, ``, ""},
		{"PUT", "/entity/country", `{"name":"","description":"All of them"}`, 400, fault("name", tooShort), ""},
		{"PUT", "/entity/none", entityBody, 404, e404, ""},
		{"POST", "/entity/co", entityBody, 400, fault("slug", shortSlug), ""},
		{"POST", "/entity/town", `{"name":"Town"}`, 400, fault("description", tooShort), ""},
		{"POST", "/entity/town", `{"name":"Town","description":"` + strings.Repeat("x", 2049) + `"}`, 400, fault("description", "does not meet maximum length of 2048"), ""},
		{"DELETE", "/entity/none", "", 404, e404, ""},

		// Connectors.
		{"GET", "/entity/country/connector", "", 200, `[]`, ""},
		{"GET", "/entity/none/connector", "", 404, e404, ""},
		{"POST", "/entity/none/connector/con-one", described, 404, e404, ""},
		{"POST", "/entity/country/connector/con-one", described, 201, `{"id":"` + harness.ContributionID("country", "con-one", harness.BrokerSecret) + `","token":"{token}"}`, "/entity/country/connector/con-one"},
		{"POST", "/entity/country/connector/con-one", described, 409, e409, ""},
		{"GET", "/entity/country/connector/con-one", "", 200, connectorView, ""},
		{"GET", "/entity/country/connector", "", 200, `[{"id":"con-one","url":"{base}/entity/country/connector/con-one","name":"A connector","description":"For tests"}]`, ""},
		{"PUT", "/entity/country/connector/con-one", `{"name":"B","description":"d","webhook":"https://example.com/hook/","cache":60}`, 204, ``, ""},
		{"GET", "/entity/country/connector/con-one", "", 200, `~"webhook":"https://example.com/hook","cache":60,"is_live":false`, ""},
		{"POST", "/entity/country/connector/con-one/live", "", 204, ``, ""},
		{"POST", "/entity/country/connector/con-one/live", "", 204, ``, ""},
		{"GET", "/entity/country/connector/con-one", "", 200, `~"is_live":true`, ""},
		{"DELETE", "/entity/country/connector/con-one/live", "", 204, ``, ""},
		{"DELETE", "/entity/country/connector/con-one/live", "", 204, ``, ""},
		{"POST", "/entity/country/connector/none/live", "", 404, e404, ""},
		{"POST", "/entity/country/connector/con-two", `{"name":"","description":"d"}`, 400, fault("name", tooShort), ""},
		{"POST", "/entity/country/connector/con-two", `{"name":"B","description":"d","cache":-1}`, 400, fault("cache", notBelow0), ""},
		{"POST", "/entity/country/connector/con-two", `{"name":"B","description":"d","cache":31536001}`, 400, fault("cache", "must be less than or equal to 31536000"), ""},
		{"POST", "/entity/country/connector/con-two", `{"name":"B","description":"d","webhook":"ftp://example.com/"}`, 400, `~"name":"webhook","index":null,"reason":"does not match pattern \"^https?://`, ""},
		{"POST", "/entity/country/connector/c", described, 400, `~"name":"slug","index":null,"reason":"` + shortSlug + `"`, ""},
		{"POST", "/entity/town", `{"name":"Town","description":"Towns"}`, 201, ``, "/entity/town"},
		{"POST", "/entity/town/connector/con-one", described, 409, e409, ""}, // of another entity type
		{"GET", "/entity/town/connector/con-one", "", 404, e404, ""},
		{"PUT", "/entity/country/connector/none", described, 404, e404, ""},
		{"DELETE", "/entity/country/connector/none", "", 404, e404, ""},
		{"DELETE", "/entity/country/connector/con-one", "", 204, ``, ""},
		{"GET", "/entity/country/connector/con-one", "", 404, e404, ""},
		{"DELETE", "/entity/country", "", 204, ``, ""},
		{"GET", "/entity/country", "", 404, e404, ""},

		// Searches.
		{"GET", "/search/user/organization?q=exa", "", 200, `["Example"]`, ""},
		{"GET", "/search/user/organization?q=none", "", 200, `[]`, ""},
		{"GET", "/search/user/organization", "", 400, `~"reason":"` + tooShort + `"`, ""},
		{"GET", "/search/user/organization?q=" + strings.Repeat("x", 17), "", 400, `~"reason":"does not meet maximum length of 16"`, ""},
		{"POST", "/policy/tagged", strings.Replace(limited(unlimited), `"policy":`, `"tags":["weather","water"],"policy":`, 1), 201, ``, "/policy/tagged"},
		{"GET", "/search/policy/tags?q=WEA", "", 200, `["weather"]`, ""},
		{"POST", "/entity/river", `{"name":"River","description":"Rivers","tags":["water"]}`, 201, ``, "/entity/river"},
		{"GET", "/search/entity/tags?q=wa", "", 200, `["water"]`, ""},
		{"GET", "/search/entity/tags?q=.", "", 200, `~`, ""},

		// The end of users.
		{"DELETE", "/user/2", "", 204, ``, ""},
		{"DELETE", "/user/2", "", 404, e404, ""},
		{"GET", "/user/2", "", 404, e404, ""},
		{"POST", "/user", `{"name":"Alice","email":"alice@example.com","organization":"Example"}`, 201, ``, "/user/4"}, // no id twice
	}
}

// moment is how JavaScript writes one.
const moment = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`

// wantedBody is what is wanted of a body, as a pattern.
func wantedBody(want, base string) *regexp.Regexp {
	contained := strings.HasPrefix(want, "~")
	pattern := regexp.QuoteMeta(strings.TrimPrefix(want, "~"))
	pattern = strings.NewReplacer(
		regexp.QuoteMeta("{base}"), regexp.QuoteMeta(base), regexp.QuoteMeta("{token}"), brokerToken.String(), regexp.QuoteMeta("{time}"), moment,
	).Replace(pattern)
	if !contained {
		pattern = "^" + pattern + "$"
	}
	return regexp.MustCompile(pattern)
}

// entityTag is the one that Express gives a body.
func entityTag(body string) string {
	sum := sha1.Sum([]byte(body)) //nolint:gosec // as above
	return fmt.Sprintf(`W/"%x-%s"`, len(body), base64.StdEncoding.EncodeToString(sum[:])[:27])
}

// The whole coordinator API of a site without a BitBroker, to the byte.
func TestCoordinatorAPIAnswersAsTheContractSays(t *testing.T) {
	b := startBrokerage(t, brokerSite)
	base := "http://" + b.Gate + coordinatorAPI
	all := contract()
	if len(all) < 100 {
		t.Fatalf("the contract has only %d exchanges", len(all))
	}
	for i, e := range all {
		name := fmt.Sprintf("%03d %s %s", i+1, e.method, e.path)
		got := b.ask(t, e.method, coordinatorAPI+e.path, b.token, e.body)
		if got.Status != e.status {
			t.Errorf("%s: got %d %s, want %d", name, got.Status, got.Body, e.status)
			continue
		}
		if !wantedBody(e.want, base).MatchString(got.Body) {
			t.Errorf("%s: the body is\n%s\nwant\n%s", name, got.Body, e.want)
		}
		location := ""
		if e.location != "" {
			location = base + e.location
		}
		if got.Header.Get("Location") != location {
			t.Errorf("%s: Location is %q, want %q", name, got.Header.Get("Location"), location)
		}
		if got.Header.Get("Access-Control-Allow-Origin") != "*" && !strings.Contains(e.want, "syntax") {
			t.Errorf("%s: Access-Control-Allow-Origin is %q", name, got.Header.Get("Access-Control-Allow-Origin"))
		}
		kind, want := got.Header.Get("Content-Type"), "application/json; charset=utf-8"
		switch {
		case e.want == "{token}":
			want = "text/html; charset=utf-8"
		case e.status == 201 && e.want == "" || e.status == 204:
			want = ""
		}
		if kind != want {
			t.Errorf("%s: Content-Type is %q, want %q", name, kind, want)
		}
		if tag := got.Header.Get("ETag"); got.Status == 200 && e.method == "GET" && tag != entityTag(got.Body) {
			t.Errorf("%s: ETag is %q, want %q", name, tag, entityTag(got.Body))
		}
		if brokerToken.MatchString(got.Body) && got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: a token may be cached: %v", name, got.Header)
		}
		if len(got.Header.Values("X-Powered-By")) > 0 {
			t.Errorf("%s: X-Powered-By is %q", name, got.Header.Values("X-Powered-By"))
		}
	}
	b.wantNothingUpstream(t)
}

// A client that has an answer is told that it has not changed.
func TestUnchangedAnswerIsNotSentAgain(t *testing.T) {
	b := startBrokerage(t, brokerSite)
	first := b.admin(t, 200, "GET", "/user", "")
	tag := first.Header.Get("ETag")
	for _, tc := range []struct {
		header string
		status int
	}{{tag, 304}, {strings.TrimPrefix(tag, "W/"), 304}, {`"other", ` + tag, 304}, {"*", 304}, {`W/"other"`, 200}} {
		got := b.send(t, "GET", asCoordinator, bbk(b.token), "If-None-Match: "+tc.header)
		if got.Status != tc.status || tc.status == 304 && got.Body != "" {
			t.Errorf("If-None-Match %s: got %d %q", tc.header, got.Status, got.Body)
		}
	}
	b.createUser(t, "alice@example.com")
	if got := b.send(t, "GET", asCoordinator, bbk(b.token), "If-None-Match: "+tag); got.Status != 200 {
		t.Errorf("after a change: got %d", got.Status)
	}
}

// A browser may ask before it calls, on all three APIs, without a token.
func TestPreflightPasses(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		for _, base := range []string{coordinatorAPI, contributorAPI, consumerAPI} {
			for _, path := range []string{base, base + "/", base + "/user/2/access/x", base + "/catalog"} {
				got := b.send(t, "OPTIONS", path, "Origin: https://example.com", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-bbk-auth-token")
				if got.Status != 204 || got.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(got.Header.Get("Access-Control-Allow-Methods"), "PUT") {
					t.Errorf("OPTIONS %s: got %d %v", path, got.Status, got.Header)
				}
			}
		}
		// It carries nothing of a caller's.
		b.upstream.Forget()
		b.send(t, "OPTIONS", asConsumer, bbk(b.token), "x-bbk-audience: evil", "Cookie: evil")
		for _, seen := range b.upstream.Requests() {
			if strings.Contains(seen.Raw, "evil") || strings.Contains(seen.Raw, b.token) {
				t.Errorf("the server sees\n%s", seen.Raw)
			}
		}
	})
}

// What a data server answers passes as it is.
func TestAnswersOfTheDataServersPass(t *testing.T) {
	b := startBrokerage(t, brokerSite)
	b.createPolicy(t, "open-data")
	consumer := b.granted(t, b.createUser(t, "bob@example.com"), "open-data")
	for _, tc := range []struct {
		target string
		status int
		body   string
	}{
		{asConsumer, 200, "[]\n"},
		{consumerAPI + "/entity/country/none", 404, ""},
		{consumerAPI + "/entity/country", 200, "[]\n"},
	} {
		b.upstream.Forget()
		got := b.must(t, tc.status, "GET", tc.target, consumer, "", "x-bbk-connectors: a,b", "X-Note: kept")
		if tc.body != "" && got.Body != tc.body {
			t.Errorf("%s: got %q", tc.target, got.Body)
		}
		seen := b.upstream.Last(t)
		if seen.Header.Get("X-Bbk-Connectors") != "a,b" || seen.Header.Get("X-Note") != "kept" || seen.Host != b.Gate || seen.Header.Get("X-Forwarded-Proto") != "http" {
			t.Errorf("%s: the server sees\n%s", tc.target, seen.Raw)
		}
		wantSeen(t, seen, "open-data", "consumer:open-data")
	}
}
