package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// authService answers as a BitBroker's own auth and rate services do, and keeps what it is
// asked.
func authService(t *testing.T) *Upstream {
	t.Helper()
	var mu sync.Mutex
	minted := 0
	return NewUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPost {
			minted++
			_ = json.NewEncoder(w).Encode(map[string]string{"token": fmt.Sprintf("token-%d", minted), "jti": fmt.Sprintf("00000000-0000-4000-8000-%012d", minted)})
			return
		}
		_, _ = w.Write([]byte(`[]`))
	})
}

func brokerSend(t *testing.T, b *BitBroker, method, target, body string) Answer {
	t.Helper()
	return Send(t, b.Addr, Request(method, target, b.Addr, "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)))+body)
}

// The tests of the gateway count on the order of the original's steps, and on its holes.
func TestBitBrokerAsksItsServicesAsTheOriginalDoes(t *testing.T) {
	service := authService(t)
	b := StartBitBroker(t, "http://"+service.Addr+"/s/")
	const policy = `{"name":"P","description":"d","policy":{"access_control":{"enabled":true,"rate":5},"data_segment":{"segment_query":{}},"legal_context":[]}}`
	for _, step := range []struct {
		method, target, body string
		status               int
		answer               string
		asks                 string // of the services, in order
	}{
		{"POST", "/coordinator/v1/user", `{"name":"A","email":"A@example.com","organization":"O"}`, 201, "", ""},
		{"POST", "/coordinator/v1/user", `{"name":"A","email":"a@EXAMPLE.com","organization":"O"}`, 409, `{"error":{"code":409,"message":"","status":"Conflict"}}`, ""},
		{"POST", "/Coordinator/V1/USER/2/coordinator/", "", 200, "token-1", `POST /s/auth/token {"aud":"","scope":"coordinator"}`},
		{"POST", "/coordinator/v1/user/2/coordinator", "", 409, "", ""},
		{"POST", "/coordinator/v1/policy/pol-one", policy, 201, "", `PUT /s/rate/consumer:pol-one/config {"enabled":true,"rate":5}`},
		{"POST", "/coordinator/v1/user/2/access/pol-one", "", 201, "token-2", `POST /s/auth/token {"aud":"pol-one","scope":"consumer"}`},
		{
			"PUT", "/coordinator/v1/user/2/access/POL-ONE", "", 200, "token-3",
			`DELETE /s/auth/token ["00000000-0000-4000-8000-000000000002"]` + "\n" + `POST /s/auth/token {"aud":"pol-one","scope":"consumer"}`,
		},
		{"DELETE", "/coordinator/v1/user/2", "", 204, "", `DELETE /s/auth/token ["00000000-0000-4000-8000-000000000003"]`}, // and no coordinator's
		{"POST", "/coordinator/v1/entity/country", `{"name":"C","description":"d"}`, 201, "", ""},
		{
			"POST", "/coordinator/v1/entity/country/connector/con-one", `{"name":"C","description":"d"}`, 201,
			`{"id":"` + ContributionID("country", "con-one", BrokerSecret) + `","token":"token-4"}`,
			`POST /s/auth/token {"aud":"con-one","scope":"contributor"}` + "\n" + `PUT /s/rate/contributor:con-one/config {"enabled":true,"quota":{"interval_type":"day","max_number":86400},"rate":10}`,
		},
		{"DELETE", "/coordinator/v1/entity/country", "", 204, "", ""},
		{"DELETE", "/coordinator/v1/policy/pol-one", "", 204, "", `DELETE /s/rate/consumer:pol-one/config `},
		{"GET", "/coordinator/v1/nothing", "", 404, `{"error":{"code":404,"message":"","status":"Not Found"}}`, ""},
		{"PATCH", "/coordinator/v1/user", "", 404, "", ""},
	} {
		service.Forget()
		got := brokerSend(t, b, step.method, step.target, step.body)
		if got.Status != step.status || step.answer != "" && strings.TrimSpace(got.Body) != step.answer {
			t.Errorf("%s %s: got %d %s, want %d %s", step.method, step.target, got.Status, got.Body, step.status, step.answer)
		}
		var asked []string
		for _, seen := range service.Requests() {
			asked = append(asked, strings.TrimSuffix(seen.Line, " HTTP/1.1")+" "+seen.Body)
		}
		if strings.Join(asked, "\n") != step.asks {
			t.Errorf("%s %s: it asks\n%s\nwant\n%s", step.method, step.target, strings.Join(asked, "\n"), step.asks)
		}
	}
	service.Close()
	if got := brokerSend(t, b, "POST", "/coordinator/v1/policy/pol-two", policy); got.Status != 500 {
		t.Errorf("without its rate service: got %d", got.Status)
	}
	if got := brokerSend(t, b, "GET", "/coordinator/v1/policy/pol-two", ""); got.Status != 404 {
		t.Errorf("what was not answered is there: %d", got.Status)
	}
}

func TestBitBrokerRacesLikeTheOriginal(t *testing.T) {
	service := authService(t)
	b := StartBitBroker(t, "http://"+service.Addr)
	brokerSend(t, b, "POST", "/coordinator/v1/user", `{"name":"A","email":"a@example.com","organization":"O"}`)
	var waiting sync.WaitGroup
	waiting.Add(2)
	b.Pause(func(string) { waiting.Done(); waiting.Wait() }) // until both have a token
	var statuses [2]int
	var running sync.WaitGroup
	for i := range statuses {
		running.Go(func() {
			statuses[i] = brokerSend(t, b, "POST", "/coordinator/v1/user/2/coordinator", "").Status
		})
	}
	running.Wait()
	if statuses != [2]int{200, 200} {
		t.Errorf("two promotions at once are answered %v; the original lets both win", statuses)
	}
}

func TestBitBrokerKeepsSessionsAndRecords(t *testing.T) {
	b := StartDataServer(t)
	at := "/contributor/v1/connector/" + ContributionID("a", "b", "")
	open := brokerSend(t, b, "GET", at+"/session/open/accrue", "")
	session := strings.Trim(strings.TrimSpace(open.Body), `"`)
	if open.Status != 200 || len(session) != 36 {
		t.Fatalf("opening: %d %s", open.Status, open.Body)
	}
	if got := brokerSend(t, b, "POST", at+"/session/"+session+"/upsert", `[{"id":"one","name":"One"}]`); got.Status != 200 || !strings.Contains(got.Body, `"one":"`) {
		t.Errorf("contributing: %d %s", got.Status, got.Body)
	}
	if got := brokerSend(t, b, "POST", at+"/session/none/upsert", `[]`); got.Status != 401 {
		t.Errorf("another session: %d", got.Status)
	}
	if got := brokerSend(t, b, "GET", at+"/session/"+session+"/close/true", ""); got.Status != 200 || got.Body != "" {
		t.Errorf("closing: %d %s", got.Status, got.Body)
	}
	if got := brokerSend(t, b, "GET", "/consumer/v1/catalog", ""); got.Status != 403 {
		t.Errorf("without a policy: %d", got.Status)
	}
	got := Send(t, b.Addr, Request("GET", "/consumer/v1/entity/country/one", b.Addr, "X-Bbk-Audience: any"))
	if got.Status != 200 || !strings.Contains(got.Body, `"name":"One"`) {
		t.Errorf("consuming: %d %s", got.Status, got.Body)
	}
	if got := brokerSend(t, b, "GET", "/coordinator/v1/user", ""); got.Status != 404 {
		t.Errorf("a data server has a coordinator API: %d", got.Status)
	}
}
