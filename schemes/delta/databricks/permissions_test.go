package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func permissionsOf(share string) string { return catalogBase + "/shares/" + share + "/permissions" }

// principals are those that have SELECT, as one text.
func principals(t *testing.T, answer map[string]any) string {
	t.Helper()
	var names []string
	for _, a := range answer["privilege_assignments"].([]any) {
		a := a.(map[string]any)
		if fmt.Sprint(a["privileges"]) != "[SELECT]" {
			t.Errorf("privileges %v", a["privileges"])
		}
		names = append(names, a["principal"].(string))
	}
	return strings.Join(names, ",")
}

func TestSelectIsShownWhereAllOfAShareIsGranted(t *testing.T) {
	s := newServer(t)
	for name, grants := range map[string][]string{
		"a-whole":      {"Sales"},
		"b-everything": {"*"},
		"c-together":   {"sales discover,metadata,query", "* changes"},
		"d-schema":     {"sales/europe", "sales/asia"},
		"e-discover":   {"sales discover"},
		"f-other":      {"salesforce", "hr"},
		"g-more":       {"sales discover,metadata,query,changes,temporary-credentials"},
		"h-volumes":    {"sales volumes"},
	} {
		s.create(name)
		s.grant(name, grants...)
	}
	if got := principals(t, s.ok(http.MethodGet, permissionsOf("SALES"), "")); got != "a-whole,b-everything,c-together,g-more" {
		t.Errorf("got %s", got)
	}
	if got := principals(t, s.ok(http.MethodGet, permissionsOf("nobodys"), "")); got != "b-everything" {
		t.Errorf("a share that no grant names: %s", got)
	}
	for name, want := range map[string]string{
		"a-whole": "[Sales]", "b-everything": "[*]", "c-together": "[sales]", "d-schema": "[]", "e-discover": "[]", "f-other": "[hr salesforce]",
	} {
		shares := []string{}
		for _, p := range s.ok(http.MethodGet, recipientsPath+"/"+name+"/share-permissions", "")["permissions_out"].([]any) {
			p := p.(map[string]any)
			shares = append(shares, p["share_name"].(string))
			if got := principals(t, p); got != name {
				t.Errorf("%s: principal %s", name, got)
			}
		}
		if got := fmt.Sprint(shares); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	s.refused(http.MethodGet, recipientsPath+"/nobody/share-permissions", "", http.StatusNotFound, codeNoRecipient)
	for _, share := range []string{"*", "a%20b", strings.Repeat("s", 256)} {
		s.refused(http.MethodGet, permissionsOf(share), "", http.StatusBadRequest, codeInvalid)
	}
}

func TestGranteesAreListedInPages(t *testing.T) {
	s := newServer(t)
	for i := range 5 {
		name := fmt.Sprintf("r%d", i)
		s.create(name)
		if i != 2 {
			s.grant(name, "sales")
		}
	}
	var pages []string
	for token := ""; len(pages) < 9; {
		got := s.ok(http.MethodGet, permissionsOf("sales")+"?max_results=2&page_token="+token, "")
		pages = append(pages, principals(t, got))
		if token, _ = got["next_page_token"].(string); token == "" {
			break
		}
	}
	if got := strings.Join(pages, ";"); got != "r0,r1;r3,r4" {
		t.Errorf("got %s", got)
	}
}

func TestSelectIsAddedAndRemoved(t *testing.T) {
	for _, tc := range []struct {
		name, before, change, after string
	}{
		{"added", "hr", `"add":["SELECT"]`, "hr;sales"},
		{"added again", "Sales", `"add":["SELECT"]`, "Sales"},
		{"added to a part", "sales/europe", `"add":["SELECT"]`, "sales/europe;sales"},
		{"added beside all shares", "*", `"add":["SELECT"]`, "*;sales"},
		{"removed", "hr;Sales", `"remove":["SELECT"]`, "hr"},
		// Who removes access must not be left with a part of it that this API cannot show.
		{"removed with its parts", "sales/europe;SALES/asia/customers;hr/sales;sales temporary-credentials;sales volumes;salesforce", `"remove":["SELECT"]`, "hr/sales;salesforce"},
		{"removed where there is none", "hr", `"remove":["SELECT"]`, "hr"},
		{"nothing", "hr", `"add":[]`, "hr"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			s.create("acme")
			s.grant("acme", strings.Split(tc.before, ";")...)
			s.ok(http.MethodPatch, permissionsOf("sales"), `{"changes":[{"principal":"ACME",`+tc.change+`}]}`)
			if got := s.grants("acme"); got != tc.after {
				t.Errorf("got %s, want %s", got, tc.after)
			}
		})
	}
}

func TestAnswerOfAChangeListsTheGrantees(t *testing.T) {
	s := newServer(t)
	s.create("acme")
	s.create("beta")
	s.grant("beta", "sales")
	change := `"changes":[{"principal":"acme","add":["SELECT"]}]`
	if got := principals(t, s.ok(http.MethodPatch, permissionsOf("sales"), `{`+change+`}`)); got != "acme,beta" {
		t.Errorf("got %s", got)
	}
	if got := principals(t, s.ok(http.MethodPatch, permissionsOf("sales"), `{`+change+`,"omit_permissions_list":true}`)); got != "" {
		t.Errorf("got %s", got)
	}
}

func TestChangesOfPermissionsAreAllMadeOrNone(t *testing.T) {
	good := `{"principal":"good","add":["SELECT"]}`
	for _, tc := range []struct {
		name, bad    string
		status       int
		code, naming string
	}{
		{"an unknown recipient", `{"principal":"nobody","add":["SELECT"]}`, http.StatusNotFound, codeNoRecipient, "nobody"},
		{"a privilege that no recipient has", `{"principal":"other","add":["MODIFY"]}`, http.StatusBadRequest, codeInvalid, "MODIFY"},
		{"a removal that leaves access", `{"principal":"everything","remove":["SELECT"]}`, http.StatusBadRequest, codeState, "everything"},
		{"no principal", `{"add":["SELECT"]}`, http.StatusBadRequest, codeInvalid, "changes[1].principal"},
		{"both", `{"principal":"other","add":["SELECT"],"remove":["SELECT"]}`, http.StatusBadRequest, codeInvalid, "same"},
		{"the same again", `{"principal":"GOOD","remove":["SELECT"]}`, http.StatusBadRequest, codeInvalid, "good"},
		{"no object", `7`, http.StatusBadRequest, codeInvalid, "changes"},
		{"a name twice", `{"principal":"other","principal":"good"}`, http.StatusBadRequest, codeInvalid, "twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			for _, name := range []string{"good", "other", "everything"} {
				s.create(name)
			}
			s.grant("everything", "* discover", "sales")
			message := s.refused(http.MethodPatch, permissionsOf("sales"), `{"changes":[`+good+`,`+tc.bad+`]}`, tc.status, tc.code)
			if !strings.Contains(message, tc.naming) {
				t.Errorf("%q does not name %s", message, tc.naming)
			}
			if got := s.grants("good") + "|" + s.grants("everything"); got != "|* discover;sales" {
				t.Errorf("something was changed: %s", got)
			}
		})
	}
	s := newServer(t)
	s.refused(http.MethodPatch, permissionsOf("sales"), `{"changes":[`+good+strings.Repeat(`,`+good, maxChanges)+`]}`, http.StatusBadRequest, codeInvalid)
}

// A recipient that is deleted between the look and the change.
func TestChangeThatFailsHalfwaySaysWhatWasDone(t *testing.T) {
	c := &call{values: map[string]string{}}
	changes := []change{
		{principal: "a", recipient: tokenstore.Recipient{Name: "a"}},
		{principal: "b", recipient: tokenstore.Recipient{Name: "b"}},
	}
	f := faultOf(partly(tokenstore.ErrNotFound, c, changes, 1), c)
	if f.code != codeNoRecipient || !strings.Contains(f.Public, "changes of a were made; that of b") {
		t.Errorf("got %+v", f)
	}
	if f = faultOf(partly(errors.New("disk"), c, changes, 0), c); strings.Contains(f.Public, "made") {
		t.Errorf("got %+v", f)
	}
}

// Thousands of grants, each compared with all the others, kept a processor busy for
// seconds. Work is counted by what it allocates.
func TestWorkGrowsWithTheGrantsAndNotWithTheirSquare(t *testing.T) {
	work := func(n int) float64 {
		grants := []string{"* discover"}
		for i := range n {
			grants = append(grants, fmt.Sprint("Share-", i, " metadata,query,changes"))
		}
		return testing.AllocsPerRun(1, func() {
			if shares, err := sharesWithSelect(t.Context(), grants); err != nil || len(shares) != n {
				t.Fatalf("%d of %d shares, %v", len(shares), n, err)
			}
		})
	}
	if few, many := work(100), work(1000); many > 20*few {
		t.Errorf("ten times the grants cost %.0f times the work", many/few)
	}
}

func TestWorkEndsWithItsRequest(t *testing.T) {
	s := newServer(t)
	s.create("acme")
	s.grant("acme", "sales")
	ctx, leave := context.WithCancel(t.Context())
	s.driver.read = leave
	c := &call{Call: &schemes.Call{Identity: &schemes.Identity{Realm: "partners"}}, store: s.store}
	if got, err := s.api.grantees(ctx, c, "sales", page{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := sharesWithSelect(ctx, []string{"sales"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", got, err)
	}
}

// The log must not call refused what was done.
func TestChangeOfACallerThatLeavesIsMadeAndAnswered(t *testing.T) {
	s := newServer(t)
	s.create("acme")
	ctx, leave := context.WithCancel(t.Context())
	s.driver.before = leave
	r := request(http.MethodPatch, permissionsOf("sales"), s.full, `{"changes":[{"principal":"acme","add":["SELECT"]}]}`)
	if a := s.serve(r.WithContext(ctx)); a.refusal != nil || s.grants("acme") != "sales" {
		t.Errorf("refusal %v, grants %s", a.refusal, s.grants("acme"))
	}
}
