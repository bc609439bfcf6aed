package delta

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

// whole is an answer as it stands on the wire.
func whole(r *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Code)
	for _, name := range slices.Sorted(maps.Keys(r.Header())) {
		fmt.Fprintln(&b, name, r.Header()[name])
	}
	b.WriteString(r.Body.String())
	return b.String()
}

// Names must not be probed: what is not granted, what does not exist, and what no
// endpoint names answer alike, byte for byte.
func TestUngrantedAnswersExactlyAsMissing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales", "finance/q3/totals")
	const table = "/schemas/q3/tables/"
	s.upstream = func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "missing") {
			w.Header().Set("X-Upstream", "yes")
			w.Header().Set("Content-Type", "text/plain")
			http.Error(w, "TableNotFound: missing", http.StatusNotFound)
		}
	}
	byUpstream := s.data(token, "GET", "/shares/sales/schemas/missing/tables")
	if byUpstream.forwarded == nil {
		t.Fatal("what is granted is not asked for")
	}
	byUpstream.wantError(t, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST")
	byUpstream.wantHeaders(t, "X-Upstream", "", "WWW-Authenticate", "", "Cache-Control", "no-store")
	want := whole(byUpstream.ResponseRecorder)
	for _, call := range [][2]string{
		{"GET", "/shares/hidden"},
		{"GET", "/shares/hidden/schemas"},
		{"GET", "/shares/hidden/all-tables"},
		{"GET", "/shares/finance/schemas/q4/tables"},
		{"GET", "/shares/finance" + table + "hidden/version"},
		{"GET", "/shares/finance" + table + "hidden/metadata"},
		{"POST", "/shares/finance" + table + "hidden/query"},
		{"POST", "/shares/finance" + table + "hidden/temporary-table-credentials"},
		{"POST", "/shares/finance" + table + "hidden/queries/1"},
		{"GET", "/shares/finance" + table + "hidden/changes"},
		{"HEAD", "/shares/finance" + table + "hidden"},
		{"DELETE", "/shares/sales"},
		{"POST", "/shares/hidden"},
		{"GET", "/nothing"},
		{"GET", ""},
		{"GET", "/shares/sales/"},
		{"GET", "/shares/sales/schemas/missing/tables"},
		{"POST", "/shares/sales/schemas/a/tables/missing/query"},
	} {
		a := s.data(token, call[0], call[1])
		if got := whole(a.ResponseRecorder); got != want {
			t.Errorf("%s %s answers\n%s\nwant\n%s", call[0], call[1], got, want)
		}
		if strings.Contains(call[1], "hidden") && a.forwarded != nil {
			t.Errorf("%s %s is forwarded: its time could tell", call[0], call[1])
		}
	}
}

func TestAnswersOfTheServerBehind(t *testing.T) {
	t.Parallel()
	s := scheme(t)
	for status, want := range map[int]int{
		200: 0, 204: 0, 206: 0, 301: 0, 304: 0, 400: 0, 403: 0, 409: 0, 429: 0, 500: 0, 501: 0, 503: 0,
		401: http.StatusBadGateway, 407: http.StatusBadGateway, 404: http.StatusNotFound,
	} {
		refusal := s.Answer(&schemes.Call{}, status, http.Header{})
		if got := statusOf(refusal); got != want {
			t.Errorf("%d becomes %d, want %d", status, got, want)
		}
	}
}

func statusOf(refusal *schemes.Refusal) int {
	if refusal == nil {
		return 0
	}
	return refusal.Status
}

// A recipient that saw the 401 would throw a good credential away.
func TestWrongUpstreamTokenIsNotTheRecipientsFault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales")
	s.upstream = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte("Unauthorized: " + upstreamToken))
	}
	for _, target := range []string{"/shares", "/shares/sales"} {
		a := s.data(token, "GET", target)
		if text := a.wantError(t, http.StatusBadGateway, "UPSTREAM_ERROR"); !strings.Contains(text, "not at fault") {
			t.Errorf("told: %s", text)
		}
		a.wantHeaders(t, "WWW-Authenticate", "")
		if strings.Contains(a.Body.String(), upstreamToken) || !strings.Contains(a.refusal.Error(), "check upstream_token") {
			t.Errorf("body %s; log %v", a.Body, a.refusal)
		}
	}
}

func TestOutsideEveryAreaNobodyIsServed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, key := s.holder("acme", "sales")
	s.broken.Store(true)
	for _, credential := range []string{"Bearer " + token, "Bearer " + key, "Bearer x", "Basic x", ""} {
		a := s.serve(schemestest.Request("GET", "/elsewhere", "", "Authorization", credential))
		a.wantError(t, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST")
	}
}

func TestPathsThatAreAmbiguousAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales")
	for _, target := range []string{
		"/shares/..%2fhidden", "/shares/sales%2fx", "/shares/sales;x", "/shares/./sales", "/shares//sales", "///shares", "/shares/%2573ales", "/shares/a%00",
	} {
		a := s.data(token, "GET", target)
		if a.Code != http.StatusBadRequest || a.forwarded != nil {
			t.Errorf("%s: status %d", target, a.Code)
		}
	}
	if a := s.data(token, "GET", "/shares/%73ales"); a.Code != http.StatusOK || a.forwarded.URL.EscapedPath() != DefaultEndpoint+"/shares/sales" {
		t.Errorf("another spelling of a granted share: %d, forwarded %v", a.Code, a.forwarded)
	}
}

func TestNameAndRealm(t *testing.T) {
	t.Parallel()
	if s := scheme(t); s.Name() != "delta" || s.Realm() != "partners" {
		t.Errorf("%s of %s", s.Name(), s.Realm())
	}
}
