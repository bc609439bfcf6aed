package delta

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// filter is the items of one page of a listing as a holder of grants gets them.
func filter(path, body string, grants ...string) (string, error) {
	return filterWith(filling{want: maxPageSize}, path, body, grants...)
}

func filterWith(f filling, path, body string, grants ...string) (string, error) {
	f.listing = listingFor(strings.Split(strings.TrimPrefix(path, "/"), "/"), newGrantSet(grants))
	p, err := readPage([]byte(body))
	if err == nil {
		_, err = f.add(p)
	}
	if err != nil {
		return "", err
	}
	return string(f.body), nil
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
			`{"name":"a","id":"1"},{"name":"b"},{"name":"c"}`,
		},
		{"shares: without case", "/shares", []string{"Sales"}, `{"items":[{"name":"sALES"}]}`, `{"name":"sALES"}`},
		{"shares: nothing granted", "/shares", nil, `{"items":[{"name":"a"}]}`, ``},
		{
			"schemas: granted, and holding what is", schemasPath,
			[]string{"sales/a", "sales/b/t", "finance/c"},
			`{"items":[{"name":"a","share":"sales"},{"name":"b","share":"SALES"},{"name":"c","share":"sales"}]}`,
			`{"name":"a","share":"sales"},{"name":"b","share":"SALES"}`,
		},
		{"schemas: all of a granted share", schemasPath, []string{"sales"}, `{"items":[{"name":"a"},{"name":"b"}]}`, `{"name":"a"},{"name":"b"}`},
		{"schemas: one that says another share", schemasPath, []string{"sales", "finance"}, `{"items":[{"name":"a","share":"finance"}]}`, ``},
		{
			"tables: granted", tablesPath,
			[]string{"sales/retail/orders", "sales/wholesale/returns"},
			`{"items":[{"name":"orders","schema":"retail","share":"sales","id":"7"},{"name":"returns","schema":"retail","share":"sales"}]}`,
			`{"name":"orders","schema":"retail","share":"sales","id":"7"}`,
		},
		{"tables: one that says another schema", tablesPath, []string{"sales"}, `{"items":[{"name":"orders","schema":"wholesale"}]}`, ``},
		{"tables: one that says another share", tablesPath, []string{"sales"}, `{"items":[{"name":"orders","share":"finance"}]}`, ``},
		{"tables: all of a granted schema", tablesPath, []string{"sales/retail"}, `{"items":[{"name":"a"},{"name":"b"}]}`, `{"name":"a"},{"name":"b"}`},
		{
			"all tables: granted", allTablesPath,
			[]string{"sales/retail/orders", "sales/wholesale", "finance"},
			`{"items":[{"name":"orders","schema":"retail","share":"sales"},{"name":"returns","schema":"retail","share":"sales"},` +
				`{"name":"x","schema":"wholesale","share":"sales"},{"name":"y","schema":"z","share":"finance"}]}`,
			`{"name":"orders","schema":"retail","share":"sales"},{"name":"x","schema":"wholesale","share":"sales"}`,
		},
		{"all tables: one that does not say its schema", allTablesPath, []string{"sales"}, `{"items":[{"name":"orders","share":"sales"}]}`, ``},

		{"no name", "/shares", []string{"a"}, `{"items":[{"id":"a"},{}]}`, ``},
		{"name that is no text", "/shares", []string{"a", "5", "null"}, `{"items":[{"name":5},{"name":null},{"name":["a"]},{"name":{"a":1}}]}`, ``},
		{"empty name", "/shares", []string{"a"}, `{"items":[{"name":""}]}`, ``},
		{"name in another member", "/shares", []string{"a"}, `{"items":[{"Name":"a"},{"NAME":"a"}]}`, ``},
		{"name with a slash", "/shares", []string{"a/b"}, `{"items":[{"name":"a/b"}]}`, ``},
		{"name in escapes", "/shares", []string{"sales"}, `{"items":[{"name":"s\u0061les"}]}`, `{"name":"s\u0061les"}`},
		{"null as an item", "/shares", []string{"a"}, `{"items":[null,{"name":"a"}]}`, `{"name":"a"}`},
		{"name in an escaped member", "/shares", []string{"a"}, `{"items":[{"n\u0061me":"b"},{"n\u0061me":"a"}]}`, ``},
		{"name twice", "/shares", []string{"a"}, `{"items":[{"name":"hidden","name":"a"},{"name":"a","name":"hidden"},{"name":"a","n\u0061me":"hidden"},{"name":"a","Name":"hidden"}]}`, ``},
		{"schema twice", allTablesPath, []string{"sales/a"}, `{"items":[{"name":"x","schema":"a","schema":"b"},{"schema":"b","name":"x","schema":"a"},{"name":"x","schema":"a"}]}`, `{"name":"x","schema":"a"}`},
		{"share twice", allTablesPath, []string{"sales"}, `{"items":[{"name":"x","schema":"a","share":"sales","SHARE":"finance"},{"name":"x","schema":"a","share":"sales"}]}`, `{"name":"x","schema":"a","share":"sales"}`},
		{"names that only look escaped", "/shares", []string{"a"}, `{"items":[{"x\\":"}],","name":"b"},{"x\"name":"\\\"","name":"a","y":"\\\\"}]}`, `{"x\"name":"\\\"","name":"a","y":"\\\\"}`},
		{"all kinds of space", "/shares", []string{"a"}, "{\"items\":[ {\n\"x\" :\t-1.5e3\r, \"name\" : \"a\" , \"y\":[ {} , [ ] ],\"z\":true } ,{ } ]}", "{\n\"x\" :\t-1.5e3\r, \"name\" : \"a\" , \"y\":[ {} , [ ] ],\"z\":true }"},
		{"a granted name in what the item holds", "/shares", []string{"a"}, `{"items":[{"name":"b","properties":{"name":"a"}}]}`, ``},
		{"a hidden name in what the item holds", "/shares", []string{"a"}, `{"items":[{"name":"a","properties":{"name":"b"}}]}`, `{"name":"a","properties":{"name":"b"}}`},
		{"share and schema that are no text", tablesPath, []string{"sales"}, `{"items":[{"name":"a","share":null},{"name":"b","schema":1}]}`, ``},
		{"unicode", "/shares", []string{"ÄRZTE/ß"}, `{"items":[{"name":"ärzte"},{"name":"a\u0308rzte"},{"name":"\u00c4rzte"}]}`, `{"name":"ärzte"},{"name":"\u00c4rzte"}`},
		{"percent signs are no escapes here", "/shares", []string{"a"}, `{"items":[{"name":"%61"}]}`, ``},
		{"255 characters", "/shares", []string{strings.Repeat("ü", 255)}, `{"items":[{"name":"` + strings.Repeat("ü", 255) + `"}]}`, `{"name":"` + strings.Repeat("ü", 255) + `"}`},
		{"256 characters", "/shares", []string{strings.Repeat("n", 255)}, `{"items":[{"name":"` + strings.Repeat("n", 256) + `"}]}`, ``},
		{"every share", allTablesPath, []string{"*"}, `{"items":[{"name":"a","schema":"b"},{"name":"a","schema":"c"}]}`, `{"name":"a","schema":"b"},{"name":"a","schema":"c"}`},
		{"tables: not by a privilege on volumes", tablesPath, []string{"sales volumes", "sales/retail/b discover"}, `{"items":[{"name":"a"},{"name":"b"}]}`, `{"name":"b"}`},
		{"volumes", "/shares/sales/schemas/retail/volumes", []string{"sales", "sales/retail/v volumes"}, `{"items":[{"name":"a"},{"name":"V"}]}`, `{"name":"V"}`},
		{"models", "/shares/sales/schemas/retail/models", []string{"sales skills", "sales/retail/m models"}, `{"items":[{"name":"a"},{"name":"m"}]}`, `{"name":"m"}`},
		{"skills", "/shares/sales/schemas/retail/skills", []string{"sales models", "sales/retail/k skills"}, `{"items":[{"name":"a"},{"name":"k"}]}`, `{"name":"k"}`},
		{
			"all skills", "/shares/sales/all-skills",
			[]string{"sales", "sales/retail/k skills", "sales/w skills"},
			`{"items":[{"name":"k","schema":"retail"},{"name":"l","schema":"retail"},{"name":"k","schema":"w"},{"name":"k","schema":"retail2"},{"name":"k","schema":"Retail"}]}`,
			`{"name":"k","schema":"retail"},{"name":"k","schema":"w"},{"name":"k","schema":"Retail"}`,
		},

		{"no items", "/shares", []string{"a"}, `{}`, ``},
		{"null for items", "/shares", []string{"a"}, `{"items":null}`, ``},
		{"empty items", "/shares", []string{"a"}, ` { "items" : [ ] } `, ``},
		{"a page before the last, with nothing visible", "/shares", []string{"a"}, `{"items":[{"name":"b"}],"nextPageToken":"t=/+"}`, ``},
		{"delta-io/delta-sharing 526 empty token", "/shares", []string{"a"}, `{"items":[],"nextPageToken":""}`, ``},
		{"delta-io/delta-sharing 526 null token", "/shares", []string{"a"}, `{"items":[],"nextPageToken" : null }`, ``},
		{
			"items are passed on as they came, members of the page are not", "/shares",
			[]string{"a"},
			`{"items":[{"name":"a","displayName":"<A & B>","properties":{"x":[1,2.50,1e400,null]}}],"total":12345678901234567890,"nextPageToken":"x"}`,
			`{"name":"a","displayName":"<A & B>","properties":{"x":[1,2.50,1e400,null]}}`,
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
		// What counts of two names, and what goes out, must not be two things.
		`{"items":[{"name":"hidden"}],"items":[{"name":"a"}]}`, `{"items":[],"i\u0074ems":[]}`, `{"nextPageToken":"a","nextPageToken":"b"}`,
		`{"items":[{"name":"\ud800"}]}`, "{\"items\":[{\"name\":\"a\xff\"}]}", `{"nextPageToken":5}`, `{"nextPageToken":["a"]}`,
		`{"nextPageToken":"` + strings.Repeat("t", maxUpstreamToken+1) + `"}`, strings.Repeat("[", 20_000), `{"items":[{"name":"a","x":` + strings.Repeat("[", 20_000),
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
		"/shares/sales/all-skills": true, "/shares/sales/schemas/retail/volumes": true, "/shares/sales/schemas/retail/models": true,
		"/shares/sales/schemas/retail/skills": true, "/shares/sales/schemas/retail/views": false, "/shares/sales/all-volumes": false,
		"/iceberg/v1/shares/sales/namespaces": false, "/iceberg/sales/schemas": false,
		tablesPath + "/orders/query": false, tablesPath + "/tables/metadata": false, "/shares/sales/schemas/schemas/tables": true,
	} {
		call, _ := decide(t, s, "GET", DefaultEndpoint+target, []string{"sales"})
		if got := s.Compose(call) != nil; got != want {
			t.Errorf("%s is filtered: %v", target, got)
		}
	}
	call, _ := decide(t, s, "GET", "/elsewhere/shares", []string{"sales"})
	if s.Compose(call) != nil {
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
		tablesPath:              `{"items":[{"name":"orders","share":"sales","schema":"retail"}]}`,
		allTablesPath:           `{"items":[{"name":"orders","share":"sales","schema":"retail"}]}`,
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

func TestStrippedListingsTellNoLocations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, item, want string }{
		{"nothing to strip", `{"name":"a","id":"7","x":{"location":"kept"}}`, `{"name":"a","id":"7","x":{"location":"kept"}}`},
		{"location", `{"location":"s3://b/t","name":"a"}`, `{"name":"a"}`},
		{"auxiliary locations", `{"name":"a", "auxiliaryLocations" : ["s3://b/u"] ,"id":"7"}`, `{"name":"a","id":"7"}`},
		{"in another case", `{"name":"a","Location":"s3://b/t","AUXILIARYLOCATIONS":[]}`, `{"name":"a"}`},
		{"in escapes", `{"name":"a","loc\u0061tion":"s3://b/t"}`, `{"name":"a"}`},
		{"dir", `{"name":"a","accessModes":["url","dir"]}`, `{"name":"a","accessModes":["url"]}`},
		{"dir first, in another case and in escapes", `{"name":"a","accessModes":["DIR","url","d\u0069r","x"]}`, `{"name":"a","accessModes":["url","x"]}`},
		{"dir alone", `{"name":"a","accessModes":["dir"]}`, `{"name":"a","accessModes":[]}`},
		{"modes that cannot be understood", `{"name":"a","accessModes":"dir"}`, `{"name":"a"}`},
		{"modes that are no texts", `{"name":"a","accessModes":["url",["dir"]]}`, `{"name":"a"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := `{"items":[` + tt.item + `]}`
			if got, err := filterWith(filling{want: 5, strip: true}, tablesPath, body, "sales"); err != nil || got != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
			if got, err := filter(tablesPath, body, "sales"); err != nil || got != tt.item {
				t.Errorf("unasked: got %s, %v", got, err)
			}
		})
	}
}

// FuzzListing: whatever the server behind answers, the items that go out are JSON
// objects and granted, read as strictly or as loosely as any client may.
// opensFolder tells whether a member opens the folder of a table, or is no list of access
// modes.
func opensFolder(value []byte) bool {
	var modes []string
	return json.Unmarshal(value, &modes) != nil || slices.ContainsFunc(modes, func(mode string) bool { return strings.EqualFold(mode, "dir") })
}

func FuzzListing(f *testing.F) {
	for _, seed := range []string{
		`{"items":[{"name":"a"},{"name":"b","share":"s"}],"nextPageToken":"x"}`, `{}`, `{"items":null,"nextPageToken":""}`,
		`{"items":[{"name":"b","name":"a"}]}`, `{"items":[{"name":"\ud800"}],"x":1e999}`, `{"items":[{"name":"A","schema":"a","share":"S"}]}`, `[]`,
		`{"items":[{"name":"a","location":"x","accessModes":["url","dir"],"l\u006fcation":1}]}`, `{"items":[{"name":"a","accessModes":["\"dir"]}]}`,
		`{"items":[ {"x":{"name":"a"}} , {"name":"a"} ]}`,
	} {
		for which := range uint8(8) {
			f.Add(which, seed)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		path := [...]string{"/shares", "/shares/s/schemas", "/shares/s/schemas/a/tables", "/shares/s/all-tables"}[which%4]
		strip := which&4 != 0
		grants := newGrantSet([]string{"a", "s/a/a"})
		out, err := filterWith(filling{want: maxPageSize, strip: strip}, path, body, "a", "s/a/a")
		if err != nil {
			if out != "" || !errors.Is(err, errListing) {
				t.Fatalf("%q with %v", out, err)
			}
			return
		}
		var items []map[string]json.RawMessage
		if err := json.Unmarshal([]byte("["+out+"]"), &items); err != nil {
			t.Fatalf("%q becomes %q: %v", body, out, err)
		}
		for _, item := range items {
			name, _ := text(item, "name")
			schema, _ := text(item, "schema")
			granted := map[string]bool{
				"/shares":                    grants.Allows(privilegeList, name),
				"/shares/s/schemas":          grants.Allows(privilegeList, "s", name),
				"/shares/s/schemas/a/tables": grants.Allows("discover", "s", "a", name),
				"/shares/s/all-tables":       grants.Allows("discover", "s", schema, name),
			}[path]
			if !granted {
				t.Errorf("%q lets %v out", body, item)
			}
			for member, value := range item {
				if strip && (strings.EqualFold(member, "location") || strings.EqualFold(member, "auxiliaryLocations") ||
					strings.EqualFold(member, "accessModes") && opensFolder(value)) {
					t.Errorf("%q lets %s: %s out", body, member, value)
				}
			}
		}
		if again, err := filterWith(filling{want: maxPageSize, strip: strip}, path, `{"items":[`+out+`]}`, "a", "s/a/a"); err != nil || again != out {
			t.Errorf("filtering %q again gives %q, %v", out, again, err)
		}
	})
}

// text is a member that is a text.
func text(item map[string]json.RawMessage, member string) (string, bool) {
	var value string
	raw, ok := item[member]
	if !ok || json.Unmarshal(raw, &value) != nil {
		return "", false
	}
	return value, value != ""
}

// BenchmarkFilter500 is the work of a full page: reading it, deciding on each item,
// and putting together those that are visible.
func BenchmarkFilter500(b *testing.B) {
	var items []string
	for i := range 500 {
		items = append(items, fmt.Sprintf(
			`{"name":"table_%04d","schema":"schema_%02d","share":"sales","shareId":"edacc4a7-6600-4fbb-85f3-a62a5ce6761f","id":"f8d5c169-3d01-4ca3-ad9e-7dc3355ae%03d"}`, i, i/25, i))
	}
	body := []byte(`{"items":[` + strings.Join(items, ",") + `],"nextPageToken":"t"}`)
	names := strings.Split("shares/sales/all-tables", "/")
	for name, grants := range map[string][]string{"all visible": {"sales"}, "half visible": half(), "nothing visible": {"finance"}} {
		for _, known := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s, page known %t", name, known), func(b *testing.B) {
				set, pages := newGrantSet(grants), new(pageCache)
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					if !known {
						pages = new(pageCache)
					}
					f := filling{want: 500, listing: listingFor(names, set)}
					f.begin(len(body))
					p, err := pages.read("", body)
					if err == nil {
						_, err = f.add(p)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// half is grants on every second table of BenchmarkFilter500.
func half() (grants []string) {
	for i := 0; i < 500; i += 2 {
		grants = append(grants, fmt.Sprintf("sales/schema_%02d/table_%04d", i/25, i))
	}
	return grants
}
