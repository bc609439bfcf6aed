package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
)

func TestFirstCoordinatorIsMadeByAnOperatorAndItsTokenEnds(t *testing.T) {
	b := startBroker(t, "")
	b.does(http.StatusOK, "GET", "/user/1", "")
	list := b.ok("GET", coordinatorsPath, "")["coordinators"].([]any)
	if len(list) != 1 {
		t.Fatalf("%v", list)
	}
	view := list[0].(map[string]any)
	ends, err := time.Parse(time.RFC3339, fmt.Sprint(view["expires_at"]))
	if left := time.Until(ends); err != nil || left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("it ends in %v (%v)", left, err)
	}
	if view["email"] != "ada@example.com" || view["user"] != 1.0 || view["status"] != "active" || view["token"] != nil {
		t.Errorf("%v", view)
	}
	if token := b.ok("GET", "/gatehouse/tokens/"+fmt.Sprint(view["token_id"]), ""); token["kind"] != "coordinator token" || !strings.Contains(fmt.Sprint(token["holder"]), "ada@example.com") || token["recipient"] != "" {
		t.Errorf("the token: %v", token)
	}
}

func TestCoordinatorIsMadeOfAUserThatIsThere(t *testing.T) {
	b := startBroker(t, "")
	b.does(http.StatusCreated, "POST", "/user", `{"name":"Bob","email":"Bob@Example.com","organization":"Example"}`)
	made := b.ok("POST", coordinatorsPath, `{"email": "BOB@example.com", "lifetime": "1h"}`)
	if made["user"] != 2.0 || made["email"] != "bob@example.com" {
		t.Errorf("%v", made)
	}
	if w := callBroker(b.site, "GET", "/coordinator/v1/user", made["token"].(string), ""); w.Code != http.StatusOK {
		t.Errorf("its token: %d %s", w.Code, w.Body)
	}
	// Another token would be a second one beside the first.
	if status, answer := b.call("POST", coordinatorsPath, `{"email": "bob@example.com"}`); status != http.StatusConflict ||
		!strings.Contains(fmt.Sprint(answer["error"]), fmt.Sprintf("its token %s is good until 20", made["token_id"])) ||
		!strings.Contains(fmt.Sprint(answer["error"]), fmt.Sprintf("caddy gatehouse token revoke %s, then this again", made["token_id"])) {
		t.Errorf("again: %d %v", status, answer)
	}
	b.does(http.StatusNoContent, "DELETE", "/user/2/coordinator", "")
	if w := callBroker(b.site, "GET", "/coordinator/v1/user", made["token"].(string), ""); w.Code != http.StatusForbidden {
		t.Errorf("after it was demoted: %d %s", w.Code, w.Body)
	}
	b.ok("POST", coordinatorsPath, `{"email": "bob@example.com"}`)
}

func TestCoordinatorThatCannotBeMade(t *testing.T) {
	b := startBroker(t, "")
	for body, says := range map[string]string{
		`{}`:                          "by its email address",
		`{"email":"bob@example.com"}`: "name does not meet minimum length of 1; organization does not meet",
		`{"email":"bob","name":"Bob","organization":"Example"}`:                            `email does not conform to the \"email\" format`,
		`{"email":"bob@example.com","name":"Bob","organization":"Example","lifetime":"0"}`: "",
		`{"email":"ada@example.com","lifetime":0}`:                                         "needs an end",
		`{"email":"ada@example.com","lifetime":"-1h"}`:                                     "needs an end",
		`{"email":"ada@example.com","user":1}`:                                             "by its email address",
		`{"user":1}`:                                                                       "by its email address",
		`{"email":"bob@example.com","nam":"Bob"}`:                                          "unknown field",
	} {
		status, answer := b.call("POST", coordinatorsPath, body)
		if text := strings.ReplaceAll(fmt.Sprint(answer["error"]), `"`, `\"`); status != http.StatusBadRequest || !strings.Contains(text, says) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if status, answer := b.call("GET", "/gatehouse/bitbroker/other/coordinators", ""); status != http.StatusNotFound || !strings.Contains(fmt.Sprint(answer), "the realms of bitbroker are: default") {
		t.Errorf("%d %v", status, answer)
	}
	if list := b.ok("GET", coordinatorsPath, "")["coordinators"].([]any); len(list) != 1 {
		t.Errorf("there are more now: %v", list)
	}
}

func TestCoordinatorInFrontIsAUserOfTheBitBroker(t *testing.T) {
	b := &broker{gateway: startGatewayWith(t, httpApp(`{"handle": [`+brokerJSON(`, "mode": "in_front"`)+`, {"handler": "static_response", "body": "data"}]}`))}
	for body, says := range map[string]string{
		`{}`:                          "by its id there",
		`{"email":"bob@example.com"}`: "by its id there",
		`{"user":1,"name":"Bob"}`:     "nothing else of it",
		`{"user":1,"lifetime":0}`:     "needs an end",
		`{"user":-1}`:                 "request",
	} {
		if status, answer := b.call("POST", coordinatorsPath, body); status != http.StatusBadRequest || !strings.Contains(fmt.Sprint(answer), says) {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
	first := b.ok("POST", coordinatorsPath, `{"user":1,"lifetime":"2h"}`)
	second := b.ok("POST", coordinatorsPath, `{"user":1}`)
	for token, status := range map[any]int{first["token"]: http.StatusForbidden, second["token"]: http.StatusOK} {
		if w := callBroker(b.site, "GET", "/coordinator/v1/user", token.(string), ""); w.Code != status {
			t.Errorf("%d %s, want %d", w.Code, w.Body, status)
		}
	}
	list := b.ok("GET", coordinatorsPath, "")["coordinators"].([]any)
	if view := list[0].(map[string]any); len(list) != 1 || view["token_id"] != second["token_id"] || view["email"] != nil {
		t.Errorf("%v", list)
	}
}

func TestConnectorsTokenIsRotatedInPlace(t *testing.T) {
	b := startBroker(t, "")
	id, old := b.connector()
	const path = "/gatehouse/bitbroker/default/entities/country/connectors/wikipedia/rotate"
	contribute := func(token any, want int) {
		t.Helper()
		if w := callBroker(b.site, "GET", "/contributor/v1/connector/"+id+"/session/open/stream", fmt.Sprint(token), ""); w.Code != want {
			t.Errorf("%d %s, want %d", w.Code, w.Body, want)
		}
	}
	contribute(old, http.StatusOK)
	second := b.ok("POST", path, `{"old_expires_in": "1h"}`)
	if second["contribution_id"] != id || !strings.Contains(fmt.Sprint(second["notice"]), "at most 1h") {
		t.Errorf("%v", second)
	}
	contribute(old, http.StatusOK)
	contribute(second["token"], http.StatusOK)
	third := b.ok("POST", path, "")
	contribute(old, http.StatusForbidden)
	contribute(second["token"], http.StatusForbidden)
	contribute(third["token"], http.StatusOK)
	if token := b.ok("GET", "/gatehouse/tokens/"+fmt.Sprint(third["token_id"]), ""); token["holder"] != "country/wikipedia" || token["kind"] != "contributor token" {
		t.Errorf("%v", token)
	}
	for _, other := range []string{strings.Replace(path, "wikipedia", "dbpedia", 1), strings.Replace(path, "country", "city", 1)} {
		if status, answer := b.call("POST", other, ""); status != http.StatusNotFound || !strings.Contains(fmt.Sprint(answer), "no connector") {
			t.Errorf("%s: %d %v", other, status, answer)
		}
	}
	if status, _ := b.call("POST", path, `{"old_expires_in": "-1h"}`); status != http.StatusBadRequest {
		t.Errorf("a negative overlap: %d", status)
	}
}

func TestRotationOverlapsAsTheSiteSays(t *testing.T) {
	b := startBroker(t, `, "reissue_overlap": "24h"`)
	b.connector()
	rotated := b.ok("POST", "/gatehouse/bitbroker/default/entities/country/connectors/wikipedia/rotate", "")
	if !strings.Contains(fmt.Sprint(rotated["notice"]), "at most 1d") {
		t.Errorf("%v", rotated)
	}
}

func TestTokensOfABitBrokerAreListedAndRevoked(t *testing.T) {
	b := startBroker(t, "")
	b.does(http.StatusCreated, "POST", "/policy/open", policyBody)
	token := b.does(http.StatusCreated, "POST", "/user/1/access/open", "").Body.String()
	consume := func(want int) {
		t.Helper()
		if w := callBroker(b.site, "GET", "/consumer/v1/catalog", token, ""); w.Code != want {
			t.Errorf("%d %s, want %d", w.Code, w.Body, want)
		}
	}
	consume(http.StatusOK)
	for _, item := range b.ok("GET", "/gatehouse/tokens", "")["tokens"].([]any) {
		view := item.(map[string]any)
		if view["kind"] != "consumer token" {
			continue
		}
		if view["holder"] != "ada@example.com, policy open" || view["policy"] != "open" || view["expires_at"] != nil {
			t.Errorf("%v", view)
		}
		b.ok("POST", fmt.Sprintf("/gatehouse/tokens/%s/revoke", view["id"]), "")
	}
	consume(http.StatusForbidden)
}

func TestNoLogHoldsATokenOfABitBroker(t *testing.T) {
	b := startBroker(t, "")
	_, contributor := b.connector()
	rotated := b.ok("POST", "/gatehouse/bitbroker/default/entities/country/connectors/wikipedia/rotate", "")
	// What is pasted in the wrong place.
	_, _ = b.call("GET", "/gatehouse/tokens/"+b.token, "")
	for _, line := range b.logs.FilterLevelExact(zapcore.InfoLevel).All() {
		text := fmt.Sprint(line.Message, line.ContextMap())
		for _, token := range []string{b.token, contributor, rotated["token"].(string)} {
			if strings.Contains(text, token) {
				t.Errorf("a token in the log: %s", text)
			}
		}
	}
	if status, answer := b.call("GET", "/gatehouse/tokens/"+b.token, ""); strings.Contains(fmt.Sprint(answer), b.token) {
		t.Errorf("%d %v", status, answer)
	}
}
