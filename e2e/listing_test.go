package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// page is one page of a listing.
type page struct {
	Items []struct{ Name, Schema, Share, ID string }
	Next  *string `json:"nextPageToken"`
}

// names are what a page shows, as schema.name for tables.
func (p page) names() []string {
	var names []string
	for _, item := range p.Items {
		if item.Schema != "" {
			item.Name = item.Schema + "." + item.Name
		}
		names = append(names, item.Name)
	}
	return names
}

// page asks for one page, which must be answered as the protocol says.
func (g *gateway) page(t *testing.T, target, auth string) page {
	t.Helper()
	got := g.wantStatus(t, 200, "GET", target, auth)
	var p page
	if err := json.Unmarshal([]byte(got.Body), &p); err != nil {
		t.Fatalf("%s: %v\n%.300s", target, err, got.Body)
	}
	if !strings.Contains(got.Body, `"items"`) || p.Items == nil {
		t.Errorf("%s: no array of items: %.300s", target, got.Body)
	}
	if p.Next != nil && *p.Next == "" {
		t.Errorf("%s: an empty page token sends clients into a loop", target)
	}
	return p
}

// target joins a path of the protocol with a query.
func pageTarget(path string, query ...string) string {
	values := make(url.Values)
	for i := 0; i < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	return "/delta-sharing/shares" + path + "?" + values.Encode()
}

// numbered returns prefix-0 to prefix-(n-1).
func numbered(prefix string, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%s-%d", prefix, i))
	}
	return names
}

// every returns each nth of the names, from the first one on.
func every(n int, names []string) []string {
	var some []string
	for i := 0; i < len(names); i += n {
		some = append(some, names[i])
	}
	return some
}

// bigCatalog has 700 shares, three of which hold something: Warehouse with 1300 tables
// in Main and 40 in Archive, and 601 schemas in Wide.
func bigCatalog() *harness.Catalog {
	c := &harness.Catalog{Token: demoToken}
	for _, name := range numbered("Share", 697) {
		c.Shares = append(c.Shares, harness.CatalogShare{Name: name})
	}
	wide := harness.CatalogShare{Name: "Wide"}
	for _, name := range numbered("Schema", 601) {
		wide.Schemas = append(wide.Schemas, harness.CatalogSchema{Name: name, Tables: []string{"only"}})
	}
	c.Shares = slices.Insert(c.Shares, 400, harness.CatalogShare{Name: "Warehouse", Schemas: []harness.CatalogSchema{
		{Name: "Main", Tables: numbered("Table", 1300)},
		{Name: "Archive", Tables: numbered("Old", 40)},
	}}, harness.CatalogShare{Name: "Empty"})
	c.Shares = append(c.Shares, wide)
	return c
}

// walkAll walks every listing with pages of several sizes, as the Delta Sharing
// project's own client does, and prints how long the pages were and what they held.
const walkAll = `
import sys
from delta_sharing.protocol import DeltaSharingProfile, Schema, Share
from delta_sharing.rest_client import DataSharingRestClient
client = DataSharingRestClient(DeltaSharingProfile.read_from_file(sys.argv[1]))
main = Schema(name="main", share="WAREHOUSE")
for what, ask in (
    ("shares", lambda **k: (lambda r: (r.shares, r.next_page_token))(client.list_shares(**k))),
    ("schemas", lambda **k: (lambda r: (r.schemas, r.next_page_token))(client.list_schemas(Share(name="wide"), **k))),
    ("tables", lambda **k: (lambda r: (r.tables, r.next_page_token))(client.list_tables(main, **k))),
    ("all-tables", lambda **k: (lambda r: (r.tables, r.next_page_token))(client.list_all_tables(Share(name="Warehouse"), **k))),
):
    for size in (None, 7, 100, 500, 2000):
        names, lengths, token = [], [], None
        while True:
            items, token = ask(max_results=size, page_token=token)
            names += [i.name for i in items]
            lengths.append(len(items))
            if not token:
                break
        print(what, size, ",".join(map(str, lengths)), ",".join(names), sep="|")
`

func TestPythonClientWalksEveryPageAndSeesExactlyWhatIsGranted(t *testing.T) {
	g := startSite(t, deltaSite, bigCatalog().ServeHTTP)
	tables := every(7, numbered("Table", 1300))
	schemas := every(3, numbered("Schema", 601))
	grants := []string{"EMPTY", "share-5", "Share-650", "warehouse/archive"}
	for _, name := range tables {
		grants = append(grants, "warehouse/MAIN/"+strings.ToUpper(name))
	}
	for _, name := range schemas {
		grants = append(grants, "wide/"+name)
	}
	file := credentialFile(t, g.follow(t, g.createRecipient(t, "acme", grants...)).Body)
	want := map[string][]string{
		"shares":     {"Share-5", "Warehouse", "Empty", "Share-650", "Wide"},
		"schemas":    schemas,
		"tables":     tables,
		"all-tables": append(slices.Clone(tables), numbered("Old", 40)...),
	}
	walked := 0
	for line := range strings.Lines(python(t, walkAll, file)) {
		walked++
		fields := strings.Split(strings.TrimSpace(line), "|")
		what, size, lengths, names := fields[0], fields[1], strings.Split(fields[2], ","), strings.Split(fields[3], ",")
		if !slices.Equal(names, want[what]) {
			t.Errorf("%s in pages of %s: got %d items %v, want %d", what, size, len(names), names, len(want[what]))
		}
		// Every page but the last is full, so the pages tell nothing about the rest.
		var full int
		if _, err := fmt.Sscan(strings.Replace(size, "None", "500", 1), &full); err != nil {
			t.Fatal(err)
		}
		full = min(full, 500)
		for i, length := range lengths {
			if wantLength := min(full, len(want[what])-i*full); length != fmt.Sprint(wantLength) {
				t.Errorf("%s in pages of %s: the lengths are %v", what, size, lengths)
				break
			}
		}
	}
	if walked != 20 {
		t.Errorf("the client walked %d listings, want 20", walked)
	}
	for _, seen := range g.upstream.Requests() {
		if strings.Contains(seen.Line, "maxResults=") && !strings.Contains(seen.Line, "maxResults=500") {
			t.Errorf("the upstream was asked %q", seen.Line)
			break
		}
	}
}

func TestListingsOfHiddenItemsLookAlike(t *testing.T) {
	// shape is all that a recipient can see of a walk: lengths of pages and tokens.
	shape := func(hidden int) string {
		var tables []string
		for i := range 60 {
			tables = append(append(tables, fmt.Sprintf("mine-%d", i)), numbered(fmt.Sprintf("hidden-%d", i), hidden)...)
		}
		c := &harness.Catalog{Token: demoToken, Shares: []harness.CatalogShare{{Name: "s", Schemas: []harness.CatalogSchema{{Name: "c", Tables: tables}}}}}
		g := startSite(t, deltaSite, c.ServeHTTP)
		var grants []string
		for i := range 60 {
			grants = append(grants, fmt.Sprintf("s/c/mine-%d", i))
		}
		auth := bearer(g.activate(t, g.createRecipient(t, "acme", grants...)))
		var seen strings.Builder
		for _, size := range []string{"1", "25", "60", "61"} {
			query := []string{"maxResults", size}
			for pages := 0; ; pages++ {
				p := g.page(t, pageTarget("/s/all-tables", query...), auth)
				fmt.Fprintf(&seen, " %d", len(p.Items))
				if p.Next == nil || pages > 100 {
					break
				}
				fmt.Fprintf(&seen, "+%d", len(*p.Next))
				query = []string{"maxResults", size, "pageToken", *p.Next}
			}
			seen.WriteString(" end;")
		}
		return seen.String()
	}
	few, many := shape(0), shape(40)
	if few != many {
		t.Errorf("without hidden tables the pages are\n%s\nwith 2400 of them\n%s", few, many)
	}
}

func TestPageTokensAreWorthNothingElsewhere(t *testing.T) {
	c := bigCatalog()
	g := startSite(t, deltaSite, c.ServeHTTP)
	auth := bearer(g.activate(t, g.createRecipient(t, "acme", "warehouse", "wide")))
	other := bearer(g.activate(t, g.createRecipient(t, "other", "warehouse", "wide")))
	const path = "/Warehouse/all-tables"
	first := g.page(t, pageTarget(path, "maxResults", "10"), auth)
	if first.Next == nil {
		t.Fatal("no page token")
	}
	token := *first.Next
	for _, theirs := range []string{harness.CatalogToken(10, "Warehouse/all-tables"), harness.CatalogToken(500, "Warehouse/all-tables")} {
		if strings.Contains(token, strings.TrimRight(theirs, "=")) {
			t.Error("the upstream's token shows through")
		}
	}
	second := g.page(t, pageTarget(path, "maxResults", "10", "pageToken", token), auth)
	if got := second.names(); len(got) != 10 || got[0] != "Main.Table-10" {
		t.Errorf("the second page is %v", got)
	}
	// A client that lost the answer asks again, perhaps for more.
	if again := g.page(t, pageTarget(path, "maxResults", "20", "pageToken", token), auth); len(again.Items) != 20 || again.names()[0] != "Main.Table-10" {
		t.Errorf("the second page, asked again, is %v", again.names())
	}

	flipped := []byte(token)
	flipped[len(flipped)/2] ^= 1
	for _, tc := range []struct{ name, path, token, auth string }{
		{"the upstream's own", path, harness.CatalogToken(1000, "Warehouse/all-tables"), auth},
		{"altered", path, string(flipped), auth},
		{"truncated", path, token[:len(token)-4], auth},
		{"with a tail", path, token + "AAAA", auth},
		{"nonsense", path, "%00../..", auth},
		{"a number", path, "1", auth},
		{"very long", path, strings.Repeat("A", 20_000), auth},
		{"of another recipient", path, token, other},
		{"of another share", "/wide/all-tables", token, auth},
		{"of another listing", "/Warehouse/schemas", token, auth},
		{"of a deeper listing", "/Warehouse/schemas/Main/tables", token, auth},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.upstream.Forget()
			got := g.wantStatus(t, 400, "GET", pageTarget(tc.path, "pageToken", tc.token), tc.auth)
			if !strings.Contains(got.Body, `"INVALID_PARAMETER_VALUE"`) {
				t.Errorf("got %s", got.Body)
			}
			g.wantNothingUpstream(t)
		})
	}
	g.wantStatus(t, 400, "GET", pageTarget(path)+"pageToken="+token+"&pageToken="+token, auth)
	for _, size := range []string{"-1", "ten", "1.5", "99999999999", "+5", "0x10"} {
		g.wantStatus(t, 400, "GET", pageTarget(path, "maxResults", size), auth)
	}
	if none := g.page(t, pageTarget(path, "maxResults", "0"), auth); len(none.Items) != 0 {
		t.Errorf("a page of none holds %v", none.names())
	}

	// The spelling of the path is the same listing; other grants are not.
	g.page(t, pageTarget("/WAREHOUSE/all-tables", "pageToken", token), auth)
	g.Gatehouse("recipient", "ungrant", "acme", "wide")
	got := g.wantStatus(t, 400, "GET", pageTarget(path, "pageToken", token), auth)
	if !strings.Contains(got.Body, `"INVALID_PARAMETER_VALUE"`) {
		t.Errorf("after a change of the grants: %s", got.Body)
	}
}

func TestListingsWithUnusualNames(t *testing.T) {
	longest := strings.Repeat("n", 255)
	tables := []string{"plain", "MiXed", "Umsätze", "売上", "a%41", "-_~!$&'()*+,:@=", longest, longest + "n", "hidden", "İstanbul", "ﬁle"}
	c := &harness.Catalog{Token: demoToken, Shares: []harness.CatalogShare{{Name: "Größe.v2", Schemas: []harness.CatalogSchema{{Name: "Schéma", Tables: tables}}}}}
	g := startSite(t, deltaSite, c.ServeHTTP)
	var grants []string
	for _, name := range tables {
		if name != "hidden" && len(name) < 256 {
			grants = append(grants, "Größe.v2/Schéma/"+name)
		}
	}
	auth := bearer(g.activate(t, g.createRecipient(t, "acme", grants...)))
	share := "/" + url.PathEscape("Größe.v2")
	p := g.page(t, pageTarget(share+"/all-tables"), auth)
	var got []string
	for _, item := range p.Items {
		got = append(got, item.Name)
	}
	want := slices.DeleteFunc(slices.Clone(tables), func(name string) bool { return name == "hidden" || len(name) > 255 })
	if !slices.Equal(got, want) || p.Next != nil {
		t.Errorf("listed %q, want %q", got, want)
	}
	// What is listed can be read under that name, and nothing else. Only a name that
	// looks encoded is refused: two servers could read its path in two ways.
	for _, name := range tables {
		status := 404
		switch {
		case name == "a%41":
			status = 400
		case slices.Contains(want, name):
			status = 200
		}
		target := "/delta-sharing/shares" + share + "/schemas/" + url.PathEscape("Schéma") + "/tables/" + url.PathEscape(name) + "/metadata"
		got := g.send(t, "GET", target, auth)
		if got.Status != status && (status == 200 || got.Status != 400) {
			t.Errorf("%q: metadata answers %d %s, want %d", name, got.Status, got.Body, status)
		}
	}
	// One listing hides, however its path is spelt.
	for _, path := range []string{share + "/schemas", share + "/schemas/SCH%C3%89MA/tables", "/GR%C3%96SSE.v2/schemas"} {
		if got := g.send(t, "GET", pageTarget(path), auth); strings.Contains(got.Body, "hidden") {
			t.Errorf("%s: %s", path, got.Body)
		}
	}
}
