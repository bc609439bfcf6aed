package delta

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// filter is a listing's answer as a holder of grants gets it.
func filter(path, body string, grants ...string) (string, error) {
	names := strings.Split(strings.TrimPrefix(path, "/"), "/")
	out, err := listingFor(names, newGrantSet(grants)).rewrite(http.Header{}, []byte(body))
	return string(out), err
}

const (
	schemasPath   = "/shares/sales/schemas"
	tablesPath    = "/shares/sales/schemas/retail/tables"
	allTablesPath = "/shares/sales/all-tables"
)

func TestListingsHoldOnlyWhatIsGranted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		path   string
		grants []string
		body   string
		want   string
	}{
		{
			"shares: granted, and holding what is", "/shares",
			[]string{"a", "b/x", "c/x/y"},
			`{"items":[{"name":"a","id":"1"},{"name":"b"},{"name":"c"},{"name":"d"},{"name":"ab"}]}`,
			`{"items":[{"id":"1","name":"a"},{"name":"b"},{"name":"c"}]}`,
		},
		{"shares: without case", "/shares", []string{"Sales"}, `{"items":[{"name":"sALES"}]}`, `{"items":[{"name":"sALES"}]}`},
		{"shares: nothing granted", "/shares", nil, `{"items":[{"name":"a"}]}`, `{"items":[]}`},
		{
			"schemas: granted, and holding what is", schemasPath,
			[]string{"sales/a", "sales/b/t", "finance/c"},
			`{"items":[{"name":"a","share":"sales"},{"name":"b","share":"SALES"},{"name":"c","share":"sales"}]}`,
			`{"items":[{"name":"a","share":"sales"},{"name":"b","share":"SALES"}]}`,
		},
		{"schemas: all of a granted share", schemasPath, []string{"sales"}, `{"items":[{"name":"a"},{"name":"b"}]}`, `{"items":[{"name":"a"},{"name":"b"}]}`},
		{"schemas: one that says another share", schemasPath, []string{"sales", "finance"}, `{"items":[{"name":"a","share":"finance"}]}`, `{"items":[]}`},
		{
			"tables: granted", tablesPath,
			[]string{"sales/retail/orders", "sales/wholesale/returns"},
			`{"items":[{"name":"orders","schema":"retail","share":"sales","id":"7"},{"name":"returns","schema":"retail","share":"sales"}]}`,
			`{"items":[{"id":"7","name":"orders","schema":"retail","share":"sales"}]}`,
		},
		{"tables: one that says another schema", tablesPath, []string{"sales"}, `{"items":[{"name":"orders","schema":"wholesale"}]}`, `{"items":[]}`},
		{"tables: one that says another share", tablesPath, []string{"sales"}, `{"items":[{"name":"orders","share":"finance"}]}`, `{"items":[]}`},
		{"tables: all of a granted schema", tablesPath, []string{"sales/retail"}, `{"items":[{"name":"a"},{"name":"b"}]}`, `{"items":[{"name":"a"},{"name":"b"}]}`},
		{
			"all tables: granted", allTablesPath,
			[]string{"sales/retail/orders", "sales/wholesale", "finance"},
			`{"items":[{"name":"orders","schema":"retail","share":"sales"},{"name":"returns","schema":"retail","share":"sales"},` +
				`{"name":"x","schema":"wholesale","share":"sales"},{"name":"y","schema":"z","share":"finance"}]}`,
			`{"items":[{"name":"orders","schema":"retail","share":"sales"},{"name":"x","schema":"wholesale","share":"sales"}]}`,
		},
		{"all tables: one that does not say its schema", allTablesPath, []string{"sales"}, `{"items":[{"name":"orders","share":"sales"}]}`, `{"items":[]}`},

		{"no name", "/shares", []string{"a"}, `{"items":[{"id":"a"},{}]}`, `{"items":[]}`},
		{"name that is no text", "/shares", []string{"a", "5", "null"}, `{"items":[{"name":5},{"name":null},{"name":["a"]},{"name":{"a":1}}]}`, `{"items":[]}`},
		{"empty name", "/shares", []string{"a"}, `{"items":[{"name":""}]}`, `{"items":[]}`},
		{"name in another member", "/shares", []string{"a"}, `{"items":[{"Name":"a"},{"NAME":"a"}]}`, `{"items":[]}`},
		{"name with a slash", "/shares", []string{"a/b"}, `{"items":[{"name":"a/b"}]}`, `{"items":[]}`},
		{"name in escapes", "/shares", []string{"sales"}, `{"items":[{"name":"s\u0061les"}]}`, `{"items":[{"name":"s\u0061les"}]}`},
		{"null as an item", "/shares", []string{"a"}, `{"items":[null,{"name":"a"}]}`, `{"items":[{"name":"a"}]}`},
		{"name twice: the one that counts is the one that goes out", "/shares", []string{"a"}, `{"items":[{"name":"hidden","name":"a"}]}`, `{"items":[{"name":"a"}]}`},
		{"name twice: hidden counts", "/shares", []string{"a"}, `{"items":[{"name":"a","name":"hidden"}]}`, `{"items":[]}`},
		{"items twice", "/shares", []string{"a"}, `{"items":[{"name":"hidden"}],"items":[{"name":"a"}]}`, `{"items":[{"name":"a"}]}`},

		{"no items", "/shares", []string{"a"}, `{}`, `{"items":[]}`},
		{"null for items", "/shares", []string{"a"}, `{"items":null}`, `{"items":[]}`},
		{"empty items", "/shares", []string{"a"}, ` { "items" : [ ] } `, `{"items":[]}`},
		{"a token goes on, also of an empty page", "/shares", []string{"a"}, `{"items":[{"name":"b"}],"nextPageToken":"t=/+"}`, `{"items":[],"nextPageToken":"t=/+"}`},
		{"delta-io/delta-sharing 526 empty token", "/shares", []string{"a"}, `{"items":[],"nextPageToken":""}`, `{"items":[]}`},
		{"delta-io/delta-sharing 526 null token", "/shares", []string{"a"}, `{"items":[],"nextPageToken" : null }`, `{"items":[]}`},
		{
			"unknown members of items are kept, those of the page are not", "/shares",
			[]string{"a"},
			`{"items":[{"name":"a","displayName":"<A & B>","properties":{"x":[1,2.50,1e400,null]}}],"total":12345678901234567890,"nextPageToken":"x"}`,
			`{"items":[{"displayName":"\u003cA \u0026 B\u003e","name":"a","properties":{"x":[1,2.50,1e400,null]}}],"nextPageToken":"x"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, err := filter(tt.path, tt.body, tt.grants...); err != nil || got != tt.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}

func TestListingsThatCannotBeUnderstood(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"", "null", "[]", `"items"`, "5", "<html>", "{", `{"items":{}}`, `{"items":"a"}`, `{"items":5}`, `{"items":[5]}`, `{"items":["a"]}`,
		`{"items":[[]]}`, `{"items":[{"name":"a"}]}x`, `{"items":[{"name":"a"}]}{}`, `{"items":[{"name":"a"},]}`, "\ufeff{}",
		`{"items":[{"name":"a"}`, `{"items":[]}` + "\n" + `{"items":[{"name":"hidden"}]}`,
	} {
		out, err := filter("/shares", body, "a")
		if !errors.Is(err, errListing) || out != "" {
			t.Errorf("%s: %q, %v", body, out, err)
		}
	}
}

func TestOnlyListingsAreFiltered(t *testing.T) {
	t.Parallel()
	s := scheme(t)
	for target, want := range map[string]bool{
		"/shares": true, schemasPath: true, tablesPath: true, allTablesPath: true, "/shares/all-tables/all-tables": true,
		"/shares/schemas": false, "/shares/sales": false, tablesPath + "/orders": false, tablesPath + "/orders/version": false,
		tablesPath + "/orders/query": false, tablesPath + "/tables/metadata": false, "/shares/sales/schemas/schemas/tables": true,
	} {
		call, _ := decide(t, s, "GET", DefaultEndpoint+target, []string{"sales"})
		if got := s.Rewrite(call) != nil; got != want {
			t.Errorf("%s is filtered: %v", target, got)
		}
	}
	call, _ := decide(t, s, "GET", "/elsewhere/shares", []string{"sales"})
	if s.Rewrite(call) != nil {
		t.Error("a path outside the endpoint is filtered")
	}
}

func TestListingThroughTheGate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "Sales/retail/orders")
	s.upstream = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(map[string]string{
			"/shares":     `{"items":[{"name":"sales"},{"name":"finance"}],"nextPageToken":""}`,
			schemasPath:   `{"items":[{"name":"retail","share":"sales"},{"name":"wholesale","share":"sales"}]}`,
			tablesPath:    `{"items":[{"name":"orders","share":"sales","schema":"retail"},{"name":"returns","share":"sales","schema":"retail"}]}`,
			allTablesPath: `{"items":[{"name":"orders","share":"sales","schema":"retail"},{"name":"orders","share":"sales","schema":"wholesale"}]}`,
		}[strings.TrimPrefix(r.URL.Path, DefaultEndpoint)]))
	}
	for target, want := range map[string]string{
		"/shares":               `{"items":[{"name":"sales"}]}`,
		"//shares?maxResults=1": `{"items":[{"name":"sales"}]}`, // a client that joins with two slashes
		schemasPath:             `{"items":[{"name":"retail","share":"sales"}]}`,
		tablesPath:              `{"items":[{"name":"orders","schema":"retail","share":"sales"}]}`,
		allTablesPath:           `{"items":[{"name":"orders","schema":"retail","share":"sales"}]}`,
	} {
		a := s.data(token, "GET", target)
		a.wantStatus(t, http.StatusOK)
		a.wantHeaders(t, "Content-Type", "application/json; charset=utf-8")
		if a.Body.String() != want {
			t.Errorf("%s: got %s, want %s", target, a.Body, want)
		}
	}
	s.upstream = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`<html>{"name":"finance"}`)) }
	a := s.data(token, "GET", "/shares")
	a.wantStatus(t, http.StatusBadGateway)
	if strings.Contains(a.Body.String(), "finance") {
		t.Errorf("what cannot be read is passed on: %s", a.Body)
	}
}

// FuzzListing: whatever the server behind answers, what goes out is one JSON
// object with an array of items, all of them granted, and nothing else but a page
// token: a count of all items would tell of what is hidden.
func FuzzListing(f *testing.F) {
	for _, seed := range []string{
		`{"items":[{"name":"a"},{"name":"b","share":"s"}],"nextPageToken":"x"}`, `{}`, `{"items":null,"nextPageToken":""}`,
		`{"items":[{"name":"b","name":"a"}]}`, `{"items":[{"name":"\ud800"}],"x":1e999}`, `{"items":[{"name":"A","schema":"a","share":"S"}]}`, `[]`,
	} {
		for which := range uint8(4) {
			f.Add(which, seed)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		path := [...]string{"/shares", "/shares/s/schemas", "/shares/s/schemas/a/tables", "/shares/s/all-tables"}[which%4]
		grants := newGrantSet([]string{"a", "s/a/a"})
		out, err := filter(path, body, "a", "s/a/a")
		if err != nil {
			if out != "" || !errors.Is(err, errListing) {
				t.Fatalf("%q with %v", out, err)
			}
			return
		}
		var before, after map[string]json.RawMessage
		if err := errors.Join(json.Unmarshal([]byte(body), &before), json.Unmarshal([]byte(out), &after)); err != nil {
			t.Fatalf("%q becomes %q: %v", body, out, err)
		}
		var items []map[string]json.RawMessage
		if err := json.Unmarshal(after["items"], &items); err != nil || items == nil {
			t.Fatalf("items of %q: %v", out, err)
		}
		for _, item := range items {
			name, _ := text(item, "name")
			schema, _ := text(item, "schema")
			granted := map[string]bool{
				"/shares":                    grants.Allows(privilegeList, name),
				"/shares/s/schemas":          grants.Allows(privilegeList, "s", name),
				"/shares/s/schemas/a/tables": grants.Allows(privilegeRead, "s", "a", name),
				"/shares/s/all-tables":       grants.Allows(privilegeRead, "s", schema, name),
			}[path]
			if !granted {
				t.Errorf("%q lets %v out", body, item)
			}
		}
		if token, ok := after["nextPageToken"]; ok && (string(token) == `""` || string(token) == "null") {
			t.Errorf("an empty page token goes out: %q", out)
		}
		for member := range after {
			if member != "items" && member != "nextPageToken" {
				t.Errorf("%q holds %q", out, member)
			}
		}
		if again, err := filter(path, out, "a", "s/a/a"); err != nil || again != out {
			t.Errorf("filtering %q again gives %q, %v", out, again, err)
		}
	})
}
