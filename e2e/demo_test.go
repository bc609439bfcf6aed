package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// demoToken is the demo server's own global token, which only the gateway knows.
const demoToken = "demo-global-token"

// plainDemo is the demo server behind nothing but reverse_proxy: what the gateway is
// compared with.
const plainDemo = `
{
	admin {$ADMIN}
	default_bind 127.0.0.1
	persist_config off
}
http://{$GATE} {
	reverse_proxy {$DEMO}
}
http://{$DEMO} {
	import {$ROOT}/examples/delta/Caddyfile
}
`

func TestDemoServerAnswersAsTheProtocolSays(t *testing.T) {
	g := harness.Start(t, plainDemo, harness.Env{"DEMO": harness.Address(t)})
	const q3 = "/delta-sharing/shares/finance/schemas/reports/tables/q3"
	bearer := "Authorization: Bearer " + demoToken

	for _, tc := range []struct {
		name, method, target, token string
		status                      int
		contentType, body           string
	}{
		{"no token", "GET", "/delta-sharing/shares", "", 401, "text/plain; charset=utf-8", "401 Unauthorized"},
		{"another token", "GET", "/delta-sharing/shares", bearer + "x", 401, "text/plain; charset=utf-8", "401 Unauthorized"},
		{"no token on a query", "POST", q3 + "/query", "", 401, "text/plain; charset=utf-8", "401 Unauthorized"},
		{"shares", "GET", "/delta-sharing/shares", bearer, 200, "application/json; charset=utf-8", `"name":"finance"`},
		{"first page", "GET", "/delta-sharing/shares?maxResults=1", bearer, 200, "application/json; charset=utf-8", `"nextPageToken":"1"`},
		{"page too long", "GET", "/delta-sharing/shares?maxResults=501", bearer, 400, "application/json; charset=utf-8", `"errorCode":"INVALID_PARAMETER_VALUE"`},
		{"share in another case", "GET", "/delta-sharing/shares/SALES", bearer, 200, "application/json; charset=utf-8", `"name":"sales"`},
		{"doubled slash", "GET", "/delta-sharing//shares", bearer, 200, "application/json; charset=utf-8", `"name":"sales"`},
		{"missing share", "GET", "/delta-sharing/shares/none", bearer, 404, "application/json; charset=utf-8", `"errorCode":"RESOURCE_DOES_NOT_EXIST"`},
		{"schemas", "GET", "/delta-sharing/shares/sales/schemas", bearer, 200, "application/json; charset=utf-8", `"name":"web"`},
		{"tables", "GET", "/delta-sharing/shares/sales/schemas/retail/tables", bearer, 200, "application/json; charset=utf-8", `"name":"orders"`},
		{"all tables", "GET", "/delta-sharing/shares/sales/all-tables", bearer, 200, "application/json; charset=utf-8", `"name":"visits"`},
		{"metadata", "GET", q3 + "/metadata", bearer, 200, "application/x-ndjson; charset=utf-8", `"schemaString"`},
		{"query", "POST", q3 + "/query", bearer, 200, "application/x-ndjson; charset=utf-8", `"stats"`},
		{"query by GET", "GET", q3 + "/query", bearer, 405, "application/json; charset=utf-8", `"errorCode"`},
		{"outside the endpoint", "GET", "/shares", bearer, 404, "application/json; charset=utf-8", `"errorCode"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			headers := []string{"Content-Length: 0"}
			if tc.token != "" {
				headers = append(headers, tc.token)
			}
			got := harness.Send(t, g.Gate, harness.Request(tc.method, tc.target, g.Gate, headers...))
			if got.Status != tc.status || got.Header.Get("Content-Type") != tc.contentType || !strings.Contains(got.Body, tc.body) {
				t.Errorf("got %d %s %s; want %d %s with %s",
					got.Status, got.Header.Get("Content-Type"), got.Body, tc.status, tc.contentType, tc.body)
			}
		})
	}

	for _, method := range []string{"GET " + q3 + "/version", "HEAD " + q3} {
		verb, target, _ := strings.Cut(method, " ")
		got := harness.Send(t, g.Gate, harness.Request(verb, target, g.Gate, bearer))
		if got.Status != 200 || got.Header.Get("Delta-Table-Version") != "0" || got.Body != "" {
			t.Errorf("%s: got %d, version %q, body %q", method, got.Status, got.Header.Get("Delta-Table-Version"), got.Body)
		}
	}
}

func TestDemoFilesNeedNoToken(t *testing.T) {
	demo := harness.Address(t)
	g := harness.Start(t, plainDemo, harness.Env{"DEMO": demo})
	got := harness.Send(t, g.Gate, harness.Request("POST", "/delta-sharing/shares/sales/schemas/retail/tables/orders/query",
		g.Gate, "Authorization: Bearer "+demoToken, "Content-Length: 0"))
	lines := strings.Split(strings.TrimSpace(got.Body), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %d lines, want protocol, metaData and one file:\n%s", len(lines), got.Body)
	}
	var line struct {
		File struct {
			URL  string
			Size int64
		}
	}
	if err := json.Unmarshal([]byte(lines[2]), &line); err != nil {
		t.Fatal(err)
	}
	if want := "http://" + demo + "/files/"; !strings.HasPrefix(line.File.URL, want) {
		t.Fatalf("the file's URL is %s, want one below %s", line.File.URL, want)
	}
	res, err := http.Get(line.File.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 || res.ContentLength != line.File.Size {
		t.Errorf("the file answers %d with %d bytes, want 200 with %d", res.StatusCode, res.ContentLength, line.File.Size)
	}
}

// readAll lists every table and loads it, as a person in a notebook would.
const readAll = `
import sys, delta_sharing
profile = sys.argv[1]
for t in delta_sharing.SharingClient(profile).list_all_tables():
    rows = delta_sharing.load_as_pandas(f"{profile}#{t.share}.{t.schema}.{t.name}")
    print(f"{t.share}.{t.schema}.{t.name} {len(rows)}")
`

func TestPythonClientReadsTheDemo(t *testing.T) {
	g := harness.Start(t, plainDemo, harness.Env{"DEMO": harness.Address(t)})
	profile := filepath.Join(t.TempDir(), "config.share")
	text := fmt.Sprintf(`{"shareCredentialsVersion":1,"endpoint":%q,"bearerToken":%q}`, g.URL("/delta-sharing"), demoToken)
	if err := os.WriteFile(profile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	res := harness.Python(t, readAll, profile)
	if res.Code != 0 {
		t.Fatalf("the client failed:\n%s", res.Stderr)
	}
	got := strings.Fields(strings.ReplaceAll(res.Stdout, "\n", " "))
	want := []string{
		"sales.retail.orders", "3000", "sales.retail.customers", "400", "sales.web.visits", "1200",
		"finance.reports.q3", "4", "finance.reports.q4", "4", "finance.ledger.entries", "2000",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the client read %v, want %v", got, want)
	}
}
