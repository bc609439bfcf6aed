package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// servicesSecret is the secret of the services' sites.
const servicesSecret = "0123456789abcdefABCDEF_-0123456789abcdef"

// brokerJSON is a gate of BitBroker's contract in JSON; options go into its scheme, after a
// comma.
func brokerJSON(options string) string {
	return fmt.Sprintf(`{"handler": "gatehouse", "site": "the broker", "scheme": {"name": "bitbroker"%s}}`, options)
}

// servicesJSON is a site for a BitBroker to call, in JSON; options go after a comma.
func servicesJSON(options string) string {
	return fmt.Sprintf(`{"handler": "gatehouse_bitbroker_services", "site": "the services", "secret": %q%s}`, servicesSecret, options)
}

// callBroker sends a request with a token, unless it is empty.
func callBroker(site http.Handler, method, target, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("X-Bbk-Auth-Token", token)
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	return w
}

// decode reads the JSON of an answer.
func (g *gateway) decode(w *httptest.ResponseRecorder, into any) {
	g.t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		g.t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
}

// broker is a running gateway with a site of BitBroker's contract. What passes it is answered
// "data".
type broker struct {
	*gateway
	token string // of its first coordinator
}

const coordinatorsPath = "/gatehouse/bitbroker/default/coordinators"

// startBroker runs one without a BitBroker; options go into its scheme, after a comma.
func startBroker(t *testing.T, options string) *broker {
	t.Helper()
	b := &broker{gateway: startGatewayWith(t, httpApp(`{"handle": [`+brokerJSON(options)+`, {"handler": "static_response", "body": "data"}]}`))}
	b.token = b.ok("POST", coordinatorsPath, `{"email": "ada@example.com", "name": "Ada", "organization": "Example"}`)["token"].(string)
	return b
}

// does sends a request of the first coordinator, and fails the test unless it is answered so.
func (b *broker) does(status int, method, path, body string) *httptest.ResponseRecorder {
	b.t.Helper()
	w := callBroker(b.site, method, "/coordinator/v1"+path, b.token, body)
	if w.Code != status {
		b.t.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	return w
}

// connector makes a connector, and returns its id on the contributor API and its token.
func (b *broker) connector() (contribution, token string) {
	b.t.Helper()
	b.does(http.StatusCreated, "POST", "/entity/country", brokerBodies["createEntity"])
	var made struct{ ID, Token string }
	b.decode(b.does(http.StatusCreated, "POST", "/entity/country/connector/wikipedia", connectorBody), &made)
	return made.ID, made.Token
}
