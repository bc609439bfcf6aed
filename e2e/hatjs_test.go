package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// wantThrown fails unless the npm client threw an answer's status.
func wantThrown(t *testing.T, err error, status int) {
	t.Helper()
	var thrown *harness.NodeError
	if !errors.As(err, &thrown) || thrown.Status != status || thrown.Cause != "HAT_API_EXCEPTION" {
		t.Errorf("the client threw %v, want a status %d", err, status)
	}
}

func record(t *testing.T, got harness.NodeAnswer) harness.Record {
	t.Helper()
	var r harness.Record
	if err := json.Unmarshal(got.Body, &r); err != nil || r.ID == "" {
		t.Fatalf("the answer is no record: %s", got.Body)
	}
	return r
}

func TestNPMClientOfAnApplication(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.addApplication(t, "diary-app", "namespace-read:notes", "namespace-write:notes", "application-manage:diary-app")
	node := harness.StartNode(t)
	token := p.applicationToken(t, "diary-app")
	client := node.HatClient(token)

	if got := client.Call("auth", "getHatDomain"); string(got.Value) != `"http://`+p.Gate+`"` {
		t.Errorf("the client calls %s", got.Value)
	}
	_, port, _ := net.SplitHostPort(p.Gate)
	for host, want := range map[string]string{p.Gate: "true", "localhost:" + port: "false"} {
		if got := client.Call("auth", "isDomainRegistered", host); string(got.Value) != want {
			t.Errorf("%s is registered: %s", host, got.Value)
		}
	}

	first := record(t, client.Call("hatData", "create", "notes", "diary", map[string]any{"text": "first", "n": 1}))
	second := record(t, client.Call("hatData", "create", "notes", "diary", map[string]any{"text": "second", "n": 2}))
	all := client.Call("hatData", "getAllDefault", "notes", "diary")
	var records []harness.Record
	if err := json.Unmarshal(all.Body, &records); err != nil || all.Status != 200 || len(records) != 2 || records[0].ID != first.ID {
		t.Errorf("reading answers %d %s", all.Status, all.Body)
	}
	page := client.Call("hatData", "getAll", "notes", "diary", map[string]any{"orderBy": "n", "ordering": "descending", "skip": "0", "take": "1"})
	if err := json.Unmarshal(page.Body, &records); err != nil || len(records) != 1 || records[0].ID != second.ID {
		t.Errorf("reading a page answers %s", page.Body)
	}
	if got := client.Call("applications", "getById", "diary-app"); got.Status != 200 {
		t.Errorf("the application's own entry: %d %s", got.Status, got.Body)
	}

	for _, foreign := range []struct {
		api, method string
		args        []any
	}{
		{"hatData", "getAllDefault", []any{"calendar", "events"}},
		{"hatData", "create", []any{"calendar", "events", map[string]any{"a": 1}}},
		{"hatData", "update", []any{[]harness.Record{{Endpoint: "calendar/events", ID: first.ID, Data: json.RawMessage(`{}`)}}}},
		// Only the server behind knows the namespace of a record.
		{"hatData", "update", []any{[]harness.Record{second}}},
		{"hatData", "delete", []any{[]string{first.ID}}},
		{"applications", "getAllDefault", nil},
		{"dataDebits", "getAllDefault", nil},
		{"files", "uploadFile", []any{map[string]any{"name": "a", "source": "notes"}, "text", "text/plain"}},
	} {
		_, err := client.Try(foreign.api, foreign.method, foreign.args...)
		wantThrown(t, err, 403)
	}
	if _, err := client.Try("hatData", "getAllDefault", "notes", "diary"); err != nil {
		t.Errorf("after the refusals: %v", err)
	}

	p.Gatehouse("account", "revoke", p.host)
	_, err := client.Try("hatData", "getAllDefault", "notes", "diary")
	wantThrown(t, err, 401)
}

// updates changes the one record of the server behind.
func updates(t *testing.T, p *personal, client *harness.HatClient, made harness.Record) {
	t.Helper()
	made.Data = json.RawMessage(`{"text":"changed"}`)
	if got := client.Call("hatData", "update", []harness.Record{made}); got.Status != 201 {
		t.Errorf("the update answers %d %s", got.Status, got.Body)
	}
	if kept := p.server.Records(); len(kept) != 1 || string(kept[0].Data) != `{"text":"changed"}` {
		t.Errorf("the server behind keeps %s", kept)
	}
}

func TestNPMClientOfTheOwner(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.addApplication(t, "diary-app", "namespace-read:notes")
	client := harness.StartNode(t).HatClient(p.token)
	made := record(t, client.Call("hatData", "create", "notes", "diary", map[string]any{"text": "first"}))
	updates(t, p, client, made)
	if got := client.Call("hatData", "delete", []string{made.ID}); got.Status != 200 || len(p.server.Records()) != 0 {
		t.Errorf("the deletion answers %d %s", got.Status, got.Body)
	}

	const content = "the text of a file"
	done := client.Call("files", "uploadFile", map[string]any{"name": "a.txt", "source": "notes"}, content, "text/plain")
	var file struct {
		ID     string `json:"fileId"`
		Status struct {
			Status string
			Size   int
		}
	}
	if err := json.Unmarshal(done.Body, &file); err != nil || file.Status.Status != "Completed" || file.Status.Size != len(content) {
		t.Fatalf("the upload answers %d %s", done.Status, done.Body)
	}
	for _, call := range []struct {
		method string
		args   []any
	}{
		{"searchFiles", []any{map[string]any{"source": "notes", "name": "a.txt"}}},
		{"markFileAsPublic", []any{file.ID}},
		{"deleteFile", []any{file.ID}},
	} {
		if got := client.Call("files", call.method, call.args...); got.Status != 200 {
			t.Errorf("%s answers %d %s", call.method, got.Status, got.Body)
		}
	}
	if got := client.Call("files", "generateFileContentUrl", file.ID); string(got.Value) != fmt.Sprintf("%q", p.URL("/api/v2.6/files/content/"+file.ID)) {
		t.Errorf("the content's address is %s", got.Value)
	}
	// What says private makes public, in the server behind: the gateway refuses it.
	_, err := client.Try("files", "markFileAsPrivate", file.ID)
	wantThrown(t, err, 403)

	for _, call := range []struct{ api, method string }{{"dataDebits", "getAllDefault"}, {"applications", "getAllDefault"}} {
		if got := client.Call(call.api, call.method); got.Status != 200 {
			t.Errorf("%s answers %d %s", call.api, got.Status, got.Body)
		}
	}
}

// What only the server behind can decide, applications may do where the site leaves it
// to the server.
func TestNPMClientWhereTheServerDecides(t *testing.T) {
	p := startPersonal(t, pdaWith("leave_to_server records files"))
	p.addApplication(t, "diary-app", "namespace-write:notes", "manage-files:notes")
	client := harness.StartNode(t).HatClient(p.applicationToken(t, "diary-app"))
	made := record(t, client.Call("hatData", "create", "notes", "diary", map[string]any{"text": "first"}))
	updates(t, p, client, made)
	if got := client.Call("hatData", "delete", []string{made.ID}); got.Status != 200 {
		t.Errorf("the deletion answers %d %s", got.Status, got.Body)
	}
	if got := client.Call("files", "uploadFile", map[string]any{"name": "a.txt", "source": "notes"}, "text", "text/plain"); got.Status != 200 {
		t.Errorf("the upload answers %d %s", got.Status, got.Body)
	}
	if got := client.Call("files", "searchFiles", map[string]any{"source": "notes"}); got.Status != 200 {
		t.Errorf("the search answers %d %s", got.Status, got.Body)
	}
}

func TestNPMClientSwapsTokens(t *testing.T) {
	p := startPersonal(t, pdaSite)
	client := harness.StartNode(t).HatClient(p.token)
	seen := []string{p.token}
	harness.Eventually(t, "the client has had three tokens", func() bool {
		got := client.Call("hatData", "getAllDefault", "notes", "diary")
		if !slices.Contains(seen, got.Token) {
			seen = append(seen, got.Token)
		}
		return len(seen) >= 3
	})
	told := client.Tokens()
	for _, token := range seen[1:] {
		if !slices.Contains(told, token) {
			t.Error("onTokenChange was not given a fresh token")
		}
		if harness.ClaimsOf(t, token).Expires != harness.ClaimsOf(t, p.token).Expires {
			t.Error("a fresh token ends at another time than the sign-in")
		}
	}
	// The client holds the last one now, and goes on with it.
	if got := client.Call("auth", "getToken"); string(got.Value) != fmt.Sprintf("%q", told[len(told)-1]) {
		t.Error("the client does not use the last token")
	}
	client.Call("hatData", "getAllDefault", "notes", "diary")
}

func TestNPMClientInParallel(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.addApplication(t, "diary-app", "namespace-read:notes", "namespace-write:notes")
	node := harness.StartNode(t)
	clients := []*harness.HatClient{node.HatClient(p.token), node.HatClient(p.applicationToken(t, "diary-app"))}
	const calls = 400
	var (
		mu     sync.Mutex
		failed []string
		tokens = make(map[string]bool)
	)
	atOnce(calls, func(i int) {
		client := clients[i%len(clients)]
		method, args := "getAllDefault", []any{"notes", "diary"}
		if i%4 < 2 {
			method, args = "create", append(args, map[string]any{"n": i})
		}
		got, err := client.Try("hatData", method, args...)
		mu.Lock()
		defer mu.Unlock()
		if err != nil || got.Token == "" {
			failed = append(failed, fmt.Sprintf("call %d: %v", i, err))
		}
		tokens[got.Token] = true
	})
	if len(failed) > 0 {
		t.Errorf("%d of %d calls failed, first: %s", len(failed), calls, failed[0])
	}
	if n := len(p.server.Records()); n != calls/2 {
		t.Errorf("the server behind keeps %d records, want %d", n, calls/2)
	}
	for _, client := range clients {
		if n := len(client.Tokens()); n < calls/2 {
			t.Errorf("onTokenChange was called %d times", n)
		}
	}
	delete(tokens, "")
	for token := range tokens {
		p.call(t, 200, "GET", diary, token)
	}
}
