package delta

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

const (
	ordersPath  = tablesPath + "/orders"
	async       = "responseformat=delta;asyncquery=true"
	queryStatus = `{"queryStatus":{"queryId":"q1"}}`
)

// ask is a call about a table, by a client with capabilities.
func (s *site) ask(token, method, path, capabilities string) *answer {
	s.t.Helper()
	r := schemestest.Request(method, s.config.Endpoint+path, "{}", "Authorization", "Bearer "+token)
	if capabilities != "" {
		r.Header.Set("Delta-Sharing-Capabilities", capabilities)
	}
	return s.serve(r)
}

func TestAsynchronousQueriesAreBoundToWhoStartedThem(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	acme, _ := s.holder("acme", "sales")
	other, _ := s.holder("other", "sales")
	s.upstream = func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/queries/q1"):
			_, _ = w.Write([]byte(`{"queryStatus":{"queryId":"q2"}}` + "\n"))
		case strings.HasSuffix(r.URL.Path, "/query"):
			_, _ = w.Write([]byte(queryStatus + "\n"))
		default:
			_, _ = w.Write([]byte(`{"protocol":{"minReaderVersion":1}}` + "\n"))
		}
	}
	polls := map[string]string{
		"nobody's": ordersPath + "/queries/q1",
		"missing":  "/shares/hidden/schemas/retail/tables/orders/queries/q1",
	}
	var want string
	for name, path := range polls {
		a := s.ask(acme, "POST", path, async)
		a.wantError(t, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST")
		if got := whole(a.ResponseRecorder); want != "" && got != want || a.forwarded != nil {
			t.Errorf("%s: answers %s, forwarded %v", name, got, a.forwarded != nil)
		} else {
			want = got
		}
	}
	s.ask(acme, "POST", ordersPath+"/query", async).wantStatus(t, http.StatusOK)
	for _, tt := range []struct {
		name, token, path string
		status            int
	}{
		{"another recipient", other, ordersPath + "/queries/q1", 404},
		{"another table", acme, tablesPath + "/returns/queries/q1", 404},
		{"another query", acme, ordersPath + "/queries/q2", 404},
		{"another case of the id", acme, ordersPath + "/queries/Q1", 404},
		{"who started it", acme, ordersPath + "/queries/q1", 200},
		{"in another spelling of the table", acme, "/shares/SALES/schemas/r%65tail/tables/Orders/queries/%71%31", 200},
		{"the query that the poll led to", acme, ordersPath + "/queries/q2", 200},
		{"that, by another", other, ordersPath + "/queries/q2", 404},
	} {
		if a := s.ask(tt.token, "POST", tt.path, ""); a.Code != tt.status || (a.forwarded != nil) != (tt.status == 200) {
			t.Errorf("%s: %d", tt.name, a.Code)
		}
	}
	s.clock.Advance(queryLifetime - time.Second)
	s.ask(acme, "POST", ordersPath+"/queries/q2", "").wantStatus(t, http.StatusOK)
	s.clock.Advance(time.Second)
	s.ask(acme, "POST", ordersPath+"/queries/q1", "").wantStatus(t, http.StatusNotFound)
}

func TestPollNeedsThePrivilegeToo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	acme, _ := s.holder("acme", "sales")
	s.upstream = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(queryStatus)) }
	s.ask(acme, "POST", ordersPath+"/query", async).wantStatus(t, http.StatusOK)
	s.ask(acme, "POST", ordersPath+"/queries/q1", "").wantStatus(t, http.StatusOK)
	for grant, status := range map[string]int{"sales changes": http.StatusForbidden, "finance": http.StatusNotFound} {
		s.change("acme", func(r *tokenstore.Recipient) { r.Grants = []string{grant} })
		s.ask(acme, "POST", ordersPath+"/queries/q1", "").wantStatus(t, status)
	}
}

func TestOnlyWhereAQueryIsNamedSomethingIsLearnt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	acme, _ := s.holder("acme", "sales temporary-credentials,query,changes")
	for _, tt := range []struct {
		method, path, capabilities string
		learnt                     bool
	}{
		{"POST", "/query", async, true},
		{"GET", "/changes", "asyncquery=true", true},
		{"POST", "/query", " AsyncQuery = TRUE ;x", true},
		{"POST", "/query", "", false},
		{"POST", "/query", "asyncquery=false", false},
		{"POST", "/query", "xasyncquery=true", false},
		{"GET", "/metadata", async, false},
		{"GET", "/version", async, false},
		{"POST", "/temporary-table-credentials", async, false},
	} {
		call := s.ask(acme, tt.method, ordersPath+tt.path, tt.capabilities).call
		if got := s.Learn(call) != nil; got != tt.learnt {
			t.Errorf("%s with %q: learnt %v", tt.path, tt.capabilities, got)
		}
	}
	for line, want := range map[string]string{
		queryStatus:       "q1",
		queryStatus + " ": "q1",
		`{"queryStatus":{"queryId":"a/b","x":1},"y":{}}`: "a/b",
		"": "", "null": "", "<html>": "", `{"protocol":{"minReaderVersion":1}}`: "", `{"queryStatus":{}}`: "", `{"queryStatus":null}`: "",
		`{"queryStatus":{"queryId":5}}`: "", `{"queryId":"q1"}`: "", queryStatus + queryStatus: "",
	} {
		if got := queryOf([]byte(line)); got != want {
			t.Errorf("%s names %q, want %q", line, got, want)
		}
	}
}

// A query that could not be bound must not become known to the client.
func TestStoreThatFailsBindsNothingAndOpensNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	acme, _ := s.holder("acme", "sales")
	s.upstream = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(queryStatus)) }
	a := s.ask(acme, "POST", ordersPath+"/query", async)
	s.broken.Store(true)
	err := s.Learn(a.call)(t.Context(), []byte(queryStatus))
	refusal, ok := err.(*schemes.Refusal) //nolint:errorlint // it is the error itself
	if !ok || refusal.Status != http.StatusServiceUnavailable {
		t.Errorf("learning: %v", err)
	}
	if err := s.Learn(a.call)(t.Context(), []byte("{}")); err != nil {
		t.Errorf("nothing to learn: %v", err)
	}
	s.broken.Store(false)
	poll := s.ask(acme, "POST", ordersPath+"/queries/q1", "")
	poll.wantStatus(t, http.StatusOK)
	s.broken.Store(true)
	if decision := s.Decide(poll.call); decision.Allow {
		t.Error("a poll is allowed though nobody can tell whose query it is")
	}
	if refusal := s.Denied(poll.call); refusal.Status != http.StatusServiceUnavailable {
		t.Errorf("the poll answers %+v", refusal)
	}
}
