package caddymodule

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/coordinator"
)

// brokerRoutes are what a site serves without a BitBroker.
func brokerRoutes() []string {
	var routes []string
	for _, base := range []string{"/coordinator/v1", "/contributor/v1", "/consumer/v1"} {
		routes = append(routes, "GET "+base, "GET "+base+"/error/test")
	}
	for _, route := range coordinator.Routes() {
		method, path, _ := strings.Cut(route, " ")
		routes = append(routes, method+" /coordinator/v1"+path)
	}
	return routes
}

// brokerBodies are bodies of examples.
var brokerBodies = map[string]string{
	"createUser":      `{"name":"Bob","email":"%s-2@example.com","organization":"Example"}`,
	"updateUser":      `{"name":"Rob","organization":"Example"}`,
	"createEntity":    `{"name":"Country","description":"All of them","schema":{}}`,
	"updateEntity":    `{"name":"Country","description":"Most of them"}`,
	"createConnector": connectorBody, "updateConnector": connectorBody,
	"createPolicy": policyBody, "updatePolicy": policyBody,

	"mintToken":     `{"scope":"consumer","aud":"pol-one"}`,
	"rescindTokens": `["` + someUser + `"]`,
	"setLimits":     `{"enabled":true,"quota":{"max_number":5,"interval_type":"day"},"rate":2}`,

	"operationCreateCoordinator": `{"email":"%s-3@example.com","name":"Ada","organization":"Example","lifetime":"1h"}`,
	"operationRotateConnector":   `{"old_expires_in":"1h"}`,
}

const (
	connectorBody = `{"name":"Records","description":"From elsewhere"}`
	policyBody    = `{"name":"Open","description":"For all","policy":{"access_control":{"enabled":true,"rate":5},"data_segment":{"segment_query":{}},"legal_context":[]}}`
)

// exampleOfABroker is an example around a user, an entity type with a connector, and a policy
// of their own.
func (s *sites) exampleOfABroker(o operation) (*http.Request, http.Handler) {
	s.t.Helper()
	s.made++
	name := fmt.Sprintf("ex-%d", s.made)
	admin := "/gatehouse/bitbroker/broker/coordinators"
	token := s.ok("POST", admin, `{"email":"`+name+`-admin@example.com","name":"Ada","organization":"Example"}`)["token"].(string)
	w := s.brokers("POST", "/coordinator/v1/user", token, `{"name":"Bob","email":"`+name+`@example.com","organization":"Example"}`)
	user := w.Header().Get("Location")
	user = user[strings.LastIndexByte(user, '/')+1:]
	if o.ID == "demoteUser" {
		s.brokers("POST", "/coordinator/v1/user/"+user+"/coordinator", token, "")
	}
	if o.ID != "createPolicy" {
		s.brokers("POST", "/coordinator/v1/policy/"+name, token, policyBody)
	}
	if strings.Contains(o.path, "{pid}") && o.method != http.MethodPost {
		s.brokers("POST", "/coordinator/v1/user/"+user+"/access/"+name, token, "")
	}
	if o.ID != "createEntity" {
		s.brokers("POST", "/coordinator/v1/entity/"+name, token, brokerBodies["createEntity"])
	}
	contributor := ""
	if o.ID != "createConnector" && o.ID != "createEntity" {
		var made struct{ Token string }
		s.decode(s.brokers("POST", "/coordinator/v1/entity/"+name+"/connector/"+name, token, connectorBody), &made)
		contributor = made.Token
	}
	values := map[string]string{
		"{realm}": "broker", "{uid}": user, "{pid}": name, "{eid}": name, "{cid}": name, "{email}": name + "@example.com",
		"{entity}": name, "{connector}": name, "{secret}": servicesSecret, "{jti}": otherUser,
	}
	if strings.HasPrefix(o.path, "/{secret}") {
		values["{uid}"] = "consumer:pol-one"
	}
	target := o.path
	for placeholder, value := range values {
		target = strings.ReplaceAll(target, placeholder, value)
	}
	if strings.Contains(o.path, "/search/") {
		target += "?q=E"
	}
	body := brokerBodies[o.ID]
	if strings.Contains(body, "%") {
		body = fmt.Sprintf(body, name)
	}
	r := httptest.NewRequest(o.method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	switch {
	case strings.HasPrefix(o.path, "/gatehouse/"):
		return r, s.admin
	case strings.HasPrefix(o.path, "/{secret}"):
		if o.ID == "showLimits" {
			again := httptest.NewRequest(http.MethodPut, target, strings.NewReader(brokerBodies["setLimits"]))
			s.services.ServeHTTP(httptest.NewRecorder(), again)
		}
		r.Header.Set("X-Auth-JTI", otherUser)
		return r, s.services
	case strings.HasPrefix(o.path, "/contributor/"):
		token = contributor
	case strings.HasPrefix(o.path, "/consumer/"):
		s.brokers("POST", "/coordinator/v1/user/"+user+"/access/"+name, token, "")
		token = s.brokers("PUT", "/coordinator/v1/user/"+user+"/access/"+name, token, "").Body.String()
	}
	r.Header.Set("X-Bbk-Auth-Token", token)
	return r, s.broker
}

// brokers sends a request to the site without a BitBroker, which must do what it is asked.
func (s *sites) brokers(method, target, token, body string) *httptest.ResponseRecorder {
	s.t.Helper()
	w := callBroker(s.broker, method, target, token, body)
	if w.Code >= 300 && !slices.Contains([]int{http.StatusConflict}, w.Code) {
		s.t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
	}
	return w
}
