package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/caddymodule/tokenlist"
)

const importPath = "/gatehouse/delta/default/import"

// importing sends an import of rows.
func (g *gateway) importing(rows ...tokenlist.Row) (status int, view importView) {
	g.t.Helper()
	body, err := json.Marshal(map[string]any{"recipients": rows})
	if err != nil {
		g.t.Fatal(err)
	}
	status, answer := g.call("POST", importPath, string(body))
	again, _ := json.Marshal(answer)
	if err := json.Unmarshal(again, &view); status == http.StatusOK && err != nil {
		g.t.Fatal(err)
	}
	return status, view
}

func (g *gateway) count() int {
	g.t.Helper()
	return len(g.names("limit=500"))
}

func TestImportStoresAllOrNothing(t *testing.T) {
	g := startGateway(t)
	g.create("taken", "sales")
	good := tokenlist.Row{Name: "acme", Token: "token-of-acme", Grants: []string{"sales"}}
	for name, bad := range map[string]tokenlist.Row{
		"empty":          {},
		"no token":       {Name: "x"},
		"name taken":     {Name: "TAKEN", Token: "token-of-taken"},
		"name twice":     {Name: "Acme", Token: "token-of-another"},
		"token twice":    {Name: "another", Token: "token-of-acme"},
		"bad name":       {Name: "a b", Token: "token-of-another"},
		"token as name":  {Name: "ghd_abcdefghijkl", Token: "token-of-another"},
		"short token":    {Name: "x", Token: "short"},
		"token of ours":  {Name: "x", Token: "gha_not-a-bearer-token"},
		"bad grant":      {Name: "x", Token: "token-of-x-abc", Grants: []string{"a/b/c/secret-part"}},
		"end has passed": {Name: "x", Token: "token-of-x-abc", NotAfter: known(noon.AddDate(-20, 0, 0))},
	} {
		t.Run(name, func(t *testing.T) {
			status, view := g.importing(good, bad)
			if status != http.StatusOK || view.Imported != 0 || len(view.Problems) != 1 || view.Problems[0].Index != 1 {
				t.Errorf("got %d %+v", status, view)
			}
			for _, problem := range view.Problems {
				if strings.Contains(problem.Error, "token-of") || strings.Contains(problem.Error, "secret-part") || strings.Contains(problem.Error, "ghd_abc") {
					t.Errorf("%q quotes what may be a token", problem.Error)
				}
			}
			if n := g.count(); n != 1 {
				t.Errorf("%d recipients are there", n)
			}
		})
	}
	if status, view := g.importing(good); status != http.StatusOK || view.Imported != 1 || view.Known != 0 || len(view.Problems) != 0 {
		t.Errorf("the good one alone: %d %+v", status, view)
	}
	if status, view := g.importing(good, tokenlist.Row{Name: "beta", Token: "token-of-beta"}); status != http.StatusOK || view.Imported != 1 || view.Known != 1 {
		t.Errorf("again, with another: %d %+v", status, view)
	}
	if w := g.get("http://sharing.example.com/delta-sharing/shares", "token-of-beta"); w.Code != 200 {
		t.Errorf("an imported token gets %d", w.Code)
	}
}

// The summary is what an operator acts on: rows that changed nothing must not stand in it
// as if they had.
func TestImportCountsOnlyWhatItStored(t *testing.T) {
	g := startGateway(t)
	acme := tokenlist.Row{Name: "acme", Token: "token-of-acme", Grants: []string{"sales", "finance"}, Comment: "first"}
	open := tokenlist.Row{Name: "open", Token: "token-of-open"}
	for _, tc := range []struct {
		name        string
		rows        []tokenlist.Row
		imported    int
		no, endless int // without grants, without end
		notices     string
	}{
		{"new", []tokenlist.Row{acme, open}, 2, 1, 2, "[]"},
		{"the same again", []tokenlist.Row{acme, open}, 0, 0, 0, "[]"},
		{"otherwise, and a new one", []tokenlist.Row{
			{Name: "ACME", Token: acme.Token, Grants: []string{"Finance", "sales"}, Comment: "first", NotAfter: known(noon.AddDate(50, 0, 0))},
			{Name: "beta", Token: "token-of-beta", Grants: []string{"sales"}, NotAfter: known(noon.AddDate(50, 0, 0))},
			{Name: "gamma", Token: "token-of-gamma", NotAfter: known(noon.AddDate(50, 0, 0))},
			{Name: "open", Token: open.Token, Grants: []string{"sales"}, Comment: "now"},
		}, 2, 1, 0, "[{0 ACME is there already with another end; nothing was changed} {3 open is there already with other grants and another comment; nothing was changed}]"},
		{"bad, so nothing", []tokenlist.Row{open, {Name: "x", Token: "short"}}, 0, 0, 0, "[]"},
	} {
		status, view := g.importing(tc.rows...)
		if status != http.StatusOK || view.Imported != tc.imported || view.WithoutGrants != tc.no || view.WithoutEnd != tc.endless || fmt.Sprint(view.Notices) != tc.notices {
			t.Errorf("%s: %d %+v", tc.name, status, view)
		}
	}
	if got := fmt.Sprint(g.ok("GET", recipientsPath+"/open", "")["grants"]); got != "[]" {
		t.Errorf("grants became %s", got)
	}
}

func TestImportIsReadStrictly(t *testing.T) {
	g := startGateway(t)
	for body, want := range map[string]string{
		``:                    "EOF",
		`[]`:                  "send {",
		`{}`:                  "send {",
		`{"recipients": {}}`:  "send {",
		`{"recipients": []}`:  "no recipients",
		`{"recipients": [{}]`: "EOF",
		`{"recipients": [{"name": "a", "token": "token-of-a-abc"}], "x": 1}`:              "follows",
		`{"recipients": [{"name": "a", "token": "token-of-a-abc"}]} {}`:                   "follows",
		`{"recipients": [{"name": "a", "token": "token-of-a-abc", "x": 1}]}`:              "unknown field",
		`{"recipients": [{"name": "a", "token": ["token-of-a-abc"]}]}`:                    "cannot be a JSON array",
		`{"recipients": [{"name": "a", "token": "token-of-a-abc"} {}]}`:                   "invalid",
		`{"recipients": [{"name": "a", "token": "token-of-a-abc", "not_after": "soon"}]}`: "soon",
	} {
		status, answer := g.call("POST", importPath, body)
		if said := fmt.Sprint(answer["error"]); status != 400 || !strings.Contains(said, want) || strings.Contains(said, "token-of") {
			t.Errorf("%s: %d %s", body, status, said)
		}
	}
	if n := g.count(); n != 0 {
		t.Errorf("%d recipients were made", n)
	}
}

// A request of 100,000 recipients is far above what other routes take.
func TestImportOfManyLines(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what stores 100,000 recipients; CI runs it")
	}
	const many = 100_000
	g := startGateway(t)
	rows := make([]tokenlist.Row, many)
	for i := range rows {
		rows[i] = tokenlist.Row{Name: fmt.Sprintf("partner-%06d", i), Token: fmt.Sprintf("a-token-of-before-%06d", i), Grants: []string{"sales", "finance/reports/q3"}}
	}
	rows[many-1].Token = rows[0].Token
	if _, view := g.importing(rows...); view.Imported != 0 || len(view.Problems) != 1 || view.Problems[0].Index != many-1 {
		t.Fatalf("with a bad last line: %+v", view)
	}
	if n := g.count(); n != 0 {
		t.Fatalf("%d recipients are visible", n)
	}
	rows[many-1].Token = "a-token-of-its-own"
	if status, view := g.importing(rows...); status != http.StatusOK || view.Imported != many || len(view.Problems) > 0 {
		t.Fatalf("imported: %d, %d, %d problems", status, view.Imported, len(view.Problems))
	}
	if w := g.get("http://sharing.example.com/delta-sharing/shares", "a-token-of-its-own"); w.Code != 200 {
		t.Errorf("the last one's token gets %d", w.Code)
	}
}
