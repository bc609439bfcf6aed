package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/pda"
)

// explain asks for an explanation over the admin API.
func (g *gateway) explain(q explainQuery) *explanation {
	g.t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		g.t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/gatehouse/explain", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	g.admin.ServeHTTP(w, r)
	e := new(explanation)
	if err := json.Unmarshal(w.Body.Bytes(), e); err != nil || w.Code != http.StatusOK {
		g.t.Fatalf("%v: %d %s", q, w.Code, w.Body)
	}
	return e
}

// explainable is a gateway with a delta and a pda site behind which everything is answered
// with 299, a recipient acme of the share sales, and the account bob.
func explainable(t *testing.T) (g *gateway, acme, key, owner string) {
	t.Helper()
	behind := `{"handler": "static_response", "status_code": 299, "body": "{\"items\":[]}"}`
	g = startGatewayWith(t, httpApp(
		`{"match": [{"host": ["sharing.example.com"]}], "handle": [`+gateJSON("the shares", `, "credentials_api": {"path": "/dds-tokens"}`)+`,`+behind+`]},
		 {"match": [{"host": ["*.pda.example.com"]}], "handle": [`+pdaJSON("")+`,`+behind+`]}`))
	created := g.ok("POST", recipientsPath, `{"name":"acme","grants":["sales"],"management_key":true}`)
	key = created["management_key"].(string)
	acme = g.activate(created["activation_link"])
	g.account(bob)
	owner = signIn(t, g.site, bob, bobPassword)
	return g, acme, key, owner
}

// What is explained must be what happens, whatever the request: this table is run both ways.
func TestExplanationIsWhatHappens(t *testing.T) {
	g, acme, key, owner := explainable(t)
	shares, people := "http://sharing.example.com", "http://"+bob
	var cases []explainQuery
	for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "PATCH", "OPTIONS", "CONNECT", "get"} {
		for _, target := range []string{
			"/", "/delta-sharing/shares", "/delta-sharing/shares/sales", "/delta-sharing//shares/sales", "/delta-sharing/shares//sales",
			"/delta-sharing/shares/other", "/delta-sharing/shares/sales/", "/delta-sharing/Shares", "/delta-sharing/shares?access_token=x",
			"/delta-sharing/shares/sales/schemas/a/tables/b/query", "/delta-sharing/shares/sales/schemas/a/tables/b/queries/q",
			"/delta-sharing/shares/s%61les", "/delta-sharing/shares/a%2Fb", "/delta-sharing/../shares", "/delta-sharing/shares/%zz;", "/dds-tokens", "/elsewhere",
		} {
			for _, token := range []string{"", acme, key, "another", strings.Repeat("x", 100), "a b"} {
				cases = append(cases, explainQuery{Method: method, Address: shares + target, Token: token})
			}
		}
		for _, target := range []string{
			"/", "/api/v2/data/notes/today", "/api/v2.6/data/notes/today", "/api/v2.7/data/notes/today", "/api/v2.6/data/Notes/today",
			"/publickey", "/users/validate-token", "/control/v2/auth/password", "/api/v2.6/applications", "/api/v2.6/files/content/x",
			"/api/v2.6/system/status", "/api/v2.6/data-batch?X-Auth-Token=x", "/api/v2.6//data/notes/today",
		} {
			for _, token := range []string{"", owner, acme, owner + "x"} {
				cases = append(cases, explainQuery{Method: method, Address: people + target, Token: token})
			}
		}
		cases = append(cases, explainQuery{Method: method, Address: "http://nobody.pda.example.com/api/v2.6/data/notes/today", Token: owner})
	}
	allowedOnes, deniedOnes, ownOnes := 0, 0, 0
	for _, q := range cases {
		r, err := http.NewRequest(q.Method, q.Address, nil)
		if err != nil {
			// What is no request for net/http is none for explain.
			if _, err := g.app.explain(t.Context(), q, false); err == nil {
				t.Errorf("%v is explained", q)
			}
			continue
		}
		if r.Header = (http.Header{}); q.Token != "" && strings.HasPrefix(q.Address, shares) {
			r.Header.Set("Authorization", "Bearer "+q.Token)
		} else if q.Token != "" {
			r.Header.Set("X-Auth-Token", q.Token)
		}
		r.RequestURI, r.RemoteAddr, r.Body = strings.TrimPrefix(strings.TrimPrefix(q.Address, shares), people), "127.0.0.1:1", http.NoBody
		e := g.explain(q)
		if e.Endpoint != "" && e.Decision == allowed {
			if ownOnes++; q.Method != "GET" {
				continue // it may change something; what it answers is its own business
			}
		}
		w := httptest.NewRecorder()
		g.site.ServeHTTP(w, r)
		if e.Endpoint != "" && e.Decision == allowed {
			if w.Code == 401 || w.Code == 403 || w.Code == 405 {
				t.Errorf("%s %s with %.10q: answered by the gateway, with %d %s", q.Method, q.Address, q.Token, w.Code, w.Body)
			}
			continue
		}
		switch e.Decision {
		case allowed:
			allowedOnes++
			// A listing that is not 200 cannot be composed.
			if w.Code != 299 && !strings.Contains(w.Body.String(), "cannot be read") && !(w.Code == 502 && q.Method == "HEAD") {
				t.Errorf("%s %s with %.10q: allowed (%s), and answered %d %s", q.Method, q.Address, q.Token, e.Reason, w.Code, w.Body)
			}
		case denied:
			deniedOnes++
			if w.Code != e.Status || w.Code == 299 {
				t.Errorf("%s %s with %.10q: denied with %d (%s), and answered %d %s", q.Method, q.Address, q.Token, e.Status, e.Reason, w.Code, w.Body)
			}
		}
	}
	if allowedOnes < 20 || deniedOnes < 200 || ownOnes < 10 {
		t.Errorf("%d allowed, %d denied, %d own endpoints: the table shows nothing", allowedOnes, deniedOnes, ownOnes)
	}
}

// A recipient's own token and its portrait are the same caller.
func TestPortraitIsTheHolderOfAToken(t *testing.T) {
	g, acme, key, owner := explainable(t)
	for _, tc := range []struct {
		address, token     string
		recipient, account string
	}{
		{"http://sharing.example.com/delta-sharing/shares/sales", acme, "acme", ""},
		{"http://sharing.example.com/delta-sharing/shares/other", acme, "ACME", ""},
		{"http://sharing.example.com/dds-tokens", key, "acme", ""},
		{"http://" + bob + "/api/v2.6/data/notes/today", owner, "", bob},
		{"/api/v2.6/nothing", owner, "", bob},
	} {
		held := g.explain(explainQuery{Method: "GET", Address: tc.address, Token: tc.token, Host: hostIf(tc.address, tc.account)})
		portrait := g.explain(explainQuery{Method: "GET", Address: tc.address, Recipient: tc.recipient, Account: tc.account})
		if held.Identity == nil || portrait.Identity == nil {
			t.Fatalf("%s: %+v, %+v", tc.address, held, portrait)
		}
		held.Identity.Accessor, held.Identity.ExpiresAt, portrait.Identity.ExpiresAt = "", nil, nil
		if fmt.Sprint(*held.Identity) != fmt.Sprint(*portrait.Identity) || held.Decision != portrait.Decision || held.Status != portrait.Status || held.Reason != portrait.Reason {
			t.Errorf("%s:\n%+v %+v\n%+v %+v", tc.address, held, held.Identity, portrait, portrait.Identity)
		}
	}
	g.ok("PATCH", recipientsPath+"/acme", `{"disabled":true}`)
	if e := g.explain(explainQuery{Method: "GET", Address: "http://sharing.example.com/delta-sharing/shares", Recipient: "acme"}); e.Status != 403 || e.RefusedAt != "identity" || e.Reason != "disabled" {
		t.Errorf("a disabled one: %+v", e)
	}
	g.ok("PATCH", accountsPath+"/"+bob, `{"disabled":true}`)
	if e := g.explain(explainQuery{Method: "GET", Address: "/api/v2.6/data/notes/today", Account: bob}); e.Status != 401 || e.RefusedAt != "identity" {
		t.Errorf("a disabled one: %+v", e)
	}
}

func hostIf(address, account string) string {
	if strings.HasPrefix(address, "/") {
		return account
	}
	return ""
}

func TestExplanationSaysWhy(t *testing.T) {
	g, acme, _, _ := explainable(t)
	t.Run("denied by a rule", func(t *testing.T) {
		e := g.explain(explainQuery{Method: "GET", Address: "http://Sharing.example.com:443/delta-sharing//shares/s%65cret", Token: acme})
		if e.Host != "sharing.example.com" || e.Path != "/delta-sharing/shares/secret" || e.Site != "the shares" || e.Caller != "token" || e.Identity.Name != "acme" {
			t.Errorf("%+v", e)
		}
		if e.Decision != "deny" || e.Status != 404 || e.Reason != "grant_missing" || e.RefusedAt != "rules" || e.Forwarded != nil {
			t.Errorf("%+v", e)
		}
		if len(e.Rules) != 1 || e.Rules[0].Outcome != "asked" || e.Rules[0].Reason != "grant_missing" || e.Rules[0].Line == 0 || !strings.Contains(e.Rules[0].Rule, "/shares/{share}") {
			t.Errorf("rules: %+v", e.Rules)
		}
	})
	t.Run("another method", func(t *testing.T) {
		e := g.explain(explainQuery{Method: "DELETE", Address: "/delta-sharing/shares/sales", Host: "sharing.example.com", Token: acme})
		if len(e.Rules) == 0 || e.Rules[0].Outcome != "another method" || e.Rules[0].Reason != "" || e.Reason != "method_not_allowed" {
			t.Errorf("%+v", e)
		}
	})
	t.Run("a credential that is none", func(t *testing.T) {
		e := g.explain(explainQuery{Method: "GET", Address: "http://sharing.example.com/delta-sharing/shares", Token: "another"})
		if e.RefusedAt != "identity" || e.Cause == "" || e.Status != 401 || e.Identity != nil || len(e.Rules) != 0 {
			t.Errorf("%+v", e)
		}
	})
	t.Run("a path", func(t *testing.T) {
		e := g.explain(explainQuery{Method: "GET", Address: "http://sharing.example.com/a%2Fb", Token: acme})
		if e.RefusedAt != "path" || !strings.Contains(e.Cause, "encoded slash") || e.Path != "" || e.Host == "" || e.Status != 400 {
			t.Errorf("%+v", e)
		}
	})
	t.Run("headers", func(t *testing.T) {
		e := g.explain(explainQuery{Method: "GET", Address: "http://sharing.example.com/delta-sharing/shares/sales/schemas/a/tables/b/version?x=1", Token: acme})
		if e.Forwarded == nil || e.Forwarded.Query != "kept" || e.Forwarded.Answer != "streams" {
			t.Fatalf("%+v", e)
		}
		got := make(map[string]headerChange)
		for _, change := range e.Forwarded.Headers {
			got[change.Name] = change
		}
		for name, want := range map[string]headerChange{
			"Authorization":          {Change: "replaced"},
			"X-Gatehouse-Subject":    {Change: "set", Value: "acme"},
			"X-Gatehouse-Kind":       {Change: "set", Value: "recipient"},
			"X-Gatehouse-Roles":      {Change: "removed"},
			"Cookie":                 {Change: "removed"},
			"X-Real-Ip":              {Change: "removed"},
			"X-Http-Method-Override": {Change: "removed"},
			"X-Auth-Token":           {Change: "removed"},
			"Accept":                 {Change: "kept"},
			"Range":                  {Change: "kept"},
		} {
			if want.Name = name; got[name] != want {
				t.Errorf("got %+v, want %+v", got[name], want)
			}
		}
	})
	t.Run("an answer that is composed", func(t *testing.T) {
		e := g.explain(explainQuery{Method: "GET", Address: "http://sharing.example.com/delta-sharing/shares", Token: acme})
		for _, change := range e.Forwarded.Headers {
			if change.Name == "Range" && change.Change != "removed" {
				t.Errorf("%+v", change)
			}
		}
		if !strings.Contains(e.Forwarded.Answer, "composed") {
			t.Errorf("%+v", e.Forwarded)
		}
	})
	t.Run("made up", func(t *testing.T) {
		e := g.explain(explainQuery{Method: "GET", Address: "/api/v2.6/data/notes/today", Host: bob, Kind: "application", Roles: []string{"namespace-read:notes"}, Subject: "calendar"})
		if e.Decision != "allow" || e.Caller != "made up" || !strings.Contains(strings.Join(e.Notes, ";"), "made up") {
			t.Errorf("%+v", e)
		}
		for _, change := range e.Forwarded.Headers {
			if change.Name == "X-Gatehouse-Application" && change.Value != "calendar" {
				t.Errorf("%+v", change)
			}
		}
	})
	t.Run("a public route looks at nobody", func(t *testing.T) {
		e := g.explain(explainQuery{Method: "GET", Address: "/publickey", Account: bob})
		if e.Decision != "allow" || e.Endpoint != "getPublicKey" || e.Identity != nil {
			t.Errorf("%+v", e)
		}
	})
	t.Run("a batch is left open", func(t *testing.T) {
		e := g.explain(explainQuery{Method: "POST", Address: "/api/v2.6/data-batch", Host: bob, Kind: "application", Roles: []string{"namespace-write:notes"}})
		if e.Decision != "allow" || !strings.Contains(strings.Join(e.Open, ";"), "batch") {
			t.Errorf("%+v", e)
		}
	})
	t.Run("an address that is not the recipient's", func(t *testing.T) {
		g.ok("PATCH", recipientsPath+"/acme", `{"networks":["192.0.2.0/24"]}`)
		q := explainQuery{Method: "GET", Address: "http://sharing.example.com/delta-sharing/shares", Recipient: "acme"}
		if e := g.explain(q); e.Decision != "allow" || !strings.Contains(strings.Join(e.Open, ";"), "address") {
			t.Errorf("from nowhere: %+v", e)
		}
		if q.ClientIP = "198.51.100.1"; g.explain(q).RefusedAt != "address" {
			t.Error("from elsewhere: allowed")
		}
		if q.ClientIP = "192.0.2.9"; g.explain(q).Decision != "allow" {
			t.Error("from there: denied")
		}
	})
}

// Whoever reads an explanation, or the logs of the server that gave it, learns no secret.
func TestExplanationTellsNoSecret(t *testing.T) {
	g, acme, key, owner := explainable(t)
	link := g.ok("POST", recipientsPath, `{"name":"beta","grants":["sales"]}`)["activation_link"].(string)
	_, code, _ := strings.Cut(link, "?")
	secrets := []string{acme, key, owner, code, "upstream-secret"}
	gateLogs, audited := observe(-1)
	for _, gate := range g.app.gates {
		gate.logger, gate.audit = gateLogs, gateLogs
	}
	for _, q := range []explainQuery{
		{Address: "http://sharing.example.com/delta-sharing/shares/sales", Token: acme},
		{Address: "http://sharing.example.com/delta-sharing/shares/" + acme, Token: acme},
		{Address: "http://sharing.example.com/delta-sharing/shares?access_token=" + acme, Token: acme},
		{Address: "http://sharing.example.com/dds-tokens", Token: key},
		{Address: "http://sharing.example.com/delta-sharing/shares", Token: key},
		{Address: "http://sharing.example.com/delta-sharing/shares", Token: owner},
		{Address: "http://sharing.example.com/delta_sharing/retrieve_config.html?" + code},
		{Address: "http://" + bob + "/api/v2.6/data/notes/today", Token: owner},
		{Address: "http://" + bob + "/api/v2.6/data/notes/today?X-Auth-Token=" + owner, Token: owner},
		{Address: "http://" + bob + "/nothing/" + owner, Token: owner},
		{Address: "http://" + bob + "/api/v2.6/data/notes/today", Token: owner[:len(owner)-3]},
	} {
		q.Method = "GET"
		body, _ := json.Marshal(q)
		r := httptest.NewRequest("POST", "/gatehouse/explain", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		g.admin.ServeHTTP(w, r)
		e := new(explanation)
		if err := json.Unmarshal(w.Body.Bytes(), e); err != nil || w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		var text strings.Builder
		e.writeTo(&text)
		for _, told := range []string{w.Body.String(), text.String(), fmt.Sprint(g.logs.All(), audited.All())} {
			for _, hidden := range append(secrets, q.Token) {
				if hidden != "" && strings.Contains(told, hidden) {
					t.Errorf("%s: %q is told: %s", q.Address, hidden, told)
				}
			}
		}
	}
	if g.logs.FilterMessage("administration").FilterFieldKey("path").Len() != 0 {
		for _, line := range g.logs.FilterMessage("administration").All() {
			if line.ContextMap()["path"] == "/gatehouse/explain" {
				t.Error("an explanation is in the log of administration")
			}
		}
	}
	if audited.Len() != 0 {
		t.Errorf("the gate logged %v", audited.All())
	}
	// The link can still be used.
	if g.activate(link) == "" {
		t.Error("the link is used up")
	}
}

// A trial must not count as a use, nor against a limit, nor be counted.
func TestExplanationLeavesNoTrace(t *testing.T) {
	g, acme, _, _ := explainable(t)
	g.ok("PATCH", recipientsPath+"/acme", `{"limits":{"rate":1,"burst":1}}`)
	g.get("http://sharing.example.com/delta-sharing/elsewhere", "") // so that there is something
	counted := func() string {
		ctx := caddy.ActiveContext()
		families, err := ctx.GetMetricsRegistry().Gather()
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, family := range families {
			if name := family.GetName(); name == "gatehouse_decisions_total" || name == "gatehouse_token_uses_total" {
				fmt.Fprint(&all, family)
			}
		}
		return all.String()
	}
	were := counted()
	for range 20 {
		if e := g.explain(explainQuery{Method: "GET", Address: "http://sharing.example.com/delta-sharing/shares/sales", Token: acme, ClientIP: "192.0.2.9"}); e.Decision != "allow" {
			t.Fatalf("%+v", e)
		}
	}
	if are := counted(); are != were || were == "" {
		t.Errorf("counted\n%s, before\n%s", are, were)
	}
	token := g.ok("GET", recipientsPath+"/acme", "")["tokens"].([]any)[0].(map[string]any)
	if token["last_used_at"] != nil {
		t.Errorf("the token was used: %v", token)
	}
}

// A trial of a token that is due for renewal renews nothing: the next real call does.
func TestTrialRenewsNoToken(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	h.advance(3 * pda.DefaultRenewInterval)
	before := h.log.Len()
	for range 3 {
		p := &passage{Gate: h.Gate, call: schemes.Call{Request: asCaddy(askAlice("GET", "/api/v2.6/data/notes/today", token), ""), Trial: new(schemes.Trial)}}
		endpoint, err := p.judge()
		if err != nil || endpoint != nil || p.call.Identity == nil {
			t.Fatalf("%v, %v", endpoint, err)
		}
		if !p.call.Renewed.IsZero() {
			t.Error("a trial renewed a token")
		}
	}
	if h.log.Len() != before {
		t.Errorf("logged %v", h.log.All()[before:])
	}
	if fresh := h.send(askAlice("GET", "/api/v2.6/data/notes/today", token)).fresh(); fresh == "" || fresh == token {
		t.Error("the next call was not answered with a fresh token")
	}
}

func TestQueriesThatCannotBeExplained(t *testing.T) {
	g, _, _, _ := explainable(t)
	for _, tc := range []struct{ body, want string }{
		{`{"method":"GET","address":"/x"}`, "which site"},
		{`{"method":"GET","address":"/x","host":"elsewhere.example.com"}`, "comes to none of the sites"},
		{`{"method":"GET","address":"/x","site":"no such"}`, "no site fits"},
		{`{"method":"GET","address":"x","realm":"default"}`, "begins with a slash"},
		{`{"method":"GET","address":"ftp://sharing.example.com/x"}`, "http:// or https://"},
		{`{"method":"GET","address":"http://a@sharing.example.com/x"}`, "names a user"},
		{`{"method":"GET","address":"http://sharing.example.com/x y"}`, "a space"},
		{`{"method":"GET","address":"http://sharing.example.com/%zz"}`, "an escape"},
		{`{"method":"GET","address":"http://sharing.example.com/x","host":"a"}`, "both name a host"},
		{`{"method":"G ET","address":"http://sharing.example.com/x"}`, "no method"},
		{`{"method":"","address":"http://sharing.example.com/x"}`, "no method"},
		{`{"method":"GET","address":"http://sharing.example.com/x","token":"a","recipient":"acme"}`, "exclude each other"},
		{`{"method":"GET","address":"http://sharing.example.com/x","roles":["a"]}`, "has a kind"},
		{`{"method":"GET","address":"/delta-sharing/shares","recipient":"nobody"}`, `recipient "nobody" is not known`},
		{`{"method":"GET","address":"/elsewhere","recipient":"nobody"}`, `recipient "nobody" is not known`},
		{`{"method":"GET","address":"/a%2Fb","recipient":"nobody"}`, `recipient "nobody" is not known`},
		{`{"method":"GET","address":"/x","account":"nobody.pda.example.com"}`, `account "nobody.pda.example.com" is not known`},
		{`{"method":"GET","address":"http://sharing.example.com/x","account":"` + bob + `"}`, "comes to none"},
		{`{"method":"GET","address":"/x","recipient":"acme","scheme":"pda"}`, "matter of the scheme"},
		{`{"method":"GET","address":"http://sharing.example.com/x","client_ip":"home"}`, "no network address"},
		{`{"method":"GET","adress":"/x"}`, "adress"},
	} {
		status, answer := g.call("POST", "/gatehouse/explain", tc.body)
		if said := fmt.Sprint(answer["error"]); status != 400 || !strings.Contains(said, tc.want) {
			t.Errorf("%s: %d %s, want %q", tc.body, status, said, tc.want)
		}
	}
}

func TestExplanationFindsTheSite(t *testing.T) {
	respond := `{"handler": "static_response"}`
	route := func(match, handlers string) string {
		return `{"match": [` + match + `], "handle": [` + handlers + `, ` + respond + `]}`
	}
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(ports[0], ":")
	inRealm := func(site string) string { return gateJSON(site, `, "realm": "`+site+`"`) }
	g := startGatewayWith(t, `"http": {"servers": {
		"srv": {"listen": ["127.0.0.1:0"], "routes": [`+strings.Join([]string{
		route(`{"host": ["a.example.com"]}`, inRealm("a")),
		route(`{"host": ["b.example.com"], "path": ["/stopped/*"]}`, respond),
		route(`{"host": ["b.example.com"]}`, `{"handler": "subroute", "routes": [`+
			`{"group": "g", "match": [{"path": ["/none/*"]}], "handle": [{"handler": "headers"}]},`+
			`{"group": "g", "match": [{"path": ["/first/*"]}], "handle": [{"handler": "subroute", "routes": [{"handle": [{"handler": "rewrite", "strip_path_prefix": "/first"}]}, {"handle": [`+inRealm("b1")+`]}]}]},`+
			`{"group": "g", "handle": [{"handler": "subroute", "routes": [{"handle": [`+inRealm("b2")+`]}]}]}]}`),
		route(`{"path": ["/anywhere/*"]}`, inRealm("c")),
	}, ",")+`]},
		"other": {"listen": ["`+ports[0]+`"], "routes": [`+route(`{"host": ["a.example.com"], "path": ["/second/*"]}`, inRealm("d"))+`]}}}`)
	for _, tc := range []struct{ address, site, found, path string }{
		{"http://a.example.com/x", "", "a", "/x"},
		{"http://A.example.com:8080/x", "", "a", "/x"},
		{"http://b.example.com/first/x", "", "b1", "/x"},
		{"http://b.example.com/x", "", "b2", "/x"},
		{"http://b.example.com/stopped/x", "", "", ""},
		{"http://b.example.com/none/x", "", "", ""}, // the group's one match has no gate
		{"http://a.example.com:" + port + "/second/x", "", "d", "/second/x"},
		{"http://elsewhere.example.com/anywhere/x", "", "c", "/anywhere/x"},
		{"http://elsewhere.example.com/x", "", "", ""},
		{"http://a.example.com/second/x", "", "a", "/second/x"}, // the other has its own port
		{"http://a.example.com:" + port + "/second/x", "d", "d", "/second/x"},
		{"/anywhere/x", "c", "c", "/anywhere/x"},
		{"/first/y", "b1", "b1", "/y"},
	} {
		e, err := g.app.explain(t.Context(), explainQuery{Method: "GET", Address: tc.address, Site: tc.site}, false)
		switch {
		case tc.found == "" && err == nil:
			t.Errorf("%s: found %s", tc.address, e.Site)
		case tc.found != "" && (err != nil || e.Site != tc.found || e.Path != tc.path):
			t.Errorf("%s: %+v, %v, want %s and %s", tc.address, e, err, tc.found, tc.path)
		}
	}
}

// The step that refuses is told of the fake scheme too, whatever it is.
func TestTrialTakesTheStepsOfARequest(t *testing.T) {
	real, trial := newBench(t), newBench(t)
	real.serve(t, request("GET", "http://a.example.com/data"), func(http.ResponseWriter, *http.Request) {})
	r := request("GET", "http://a.example.com/data")
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, "")
	p := &passage{Gate: trial.Gate, call: schemes.Call{Request: r, Trial: new(schemes.Trial)}}
	if endpoint, err := p.judge(); endpoint != nil || err != nil {
		t.Fatal(endpoint, err)
	}
	if got, want := fmt.Sprint(trial.fake.steps), fmt.Sprint(real.fake.steps[:5]); got != want {
		t.Errorf("took %s, want %s", got, want)
	}
	if n, err := testutil.GatherAndCount(trial.count); n != 0 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
}

func TestSecretsOfEveryShapeAreHidden(t *testing.T) {
	token := secret.New(secret.DeltaToken).Reveal()
	e := &explanation{Path: "/x/" + token, Cause: "what " + stand + " says: plain-word", Identity: &identityView{Name: "plain-word"}}
	e.hide("plain-word")
	if text := fmt.Sprint(e, e.Identity); strings.Contains(text, token) || strings.Contains(text, "plain-word") {
		t.Errorf("told: %s", text)
	}
}

// Who is refused for its token is denied, also on a route that anybody may call.
func TestRefusedTokenOnAPublicRouteIsNotAuditedAsAllowed(t *testing.T) {
	h := newHousehold(t)
	a := h.send(askAlice("GET", "/api/v2.6/files/content/picture", "eyJh.eyJi.c2ln"))
	lines := h.log.FilterMessage("decision").All()
	if len(lines) != 1 || a.Code != 401 {
		t.Fatalf("%d, %v", a.Code, lines)
	}
	if got := lines[0].ContextMap(); got["decision"] != "deny" || got["reason"] != "bad_credential" {
		t.Errorf("audited %v", got)
	}
}

// A request for a port comes to no gate that listens elsewhere, whatever host that takes.
func TestAddressOfAnotherPortIsNotExplainedByAGateElsewhere(t *testing.T) {
	caddyfile := `{
	admin off
	auto_https off
	gatehouse {
		store badger ` + t.TempDir() + `
	}
}
http://:8081 {
	gatehouse pda
	respond 299
}
http://127.0.0.1:8082 {
	gatehouse delta {
		public_url http://127.0.0.1:8082
		upstream_token secret
	}
	respond 299
}
http://ranged.example.com {
	bind 127.0.0.1
	gatehouse pda {
		realm ranged
	}
	respond 299
}
`
	file := write(t, "Caddyfile", caddyfile)
	for _, tc := range []struct{ address, host, scheme, problem string }{
		{"http://localhost:8082/apis", "", "", "no gate on port 8082 takes this host"},
		{"http://localhost/apis", "", "", "no gate on port 80 takes this host"},
		{"https://localhost:8443/apis", "", "", "no gate on port 8443 takes this host"},
		{"https://ranged.example.com/apis", "", "", "no gate on port 443 takes this host"},
		{"/apis", "localhost:8082", "", "no gate on port 8082 takes this host"},
		{"http://127.0.0.1:8082/apis", "", "delta", ""},
		{"http://localhost:8081/apis", "", "pda", ""},
		{"http://ranged.example.com/apis", "", "pda", ""},
		{"/apis", "localhost", "pda", ""}, // no port is named: whichever takes it
	} {
		e, _, err := explainFile(t.Context(), file, "", explainQuery{Method: "GET", Address: tc.address, Host: tc.host})
		switch {
		case tc.problem == "" && (err != nil || e.Scheme != tc.scheme):
			t.Errorf("%s%s: %+v, %v", tc.host, tc.address, e, err)
		case tc.problem != "" && (err == nil || !strings.Contains(err.Error(), tc.problem)):
			t.Errorf("%s%s: %+v, %v, want %q", tc.host, tc.address, e, err, tc.problem)
		}
	}
}

func TestRecipientIsNotSoughtWhereNoSiteHasAny(t *testing.T) {
	e := newExchange(t)
	g := e.start("")
	for _, tc := range []struct{ name, want string }{
		{"recipient", "recipients are of the scheme delta"}, {"account", "accounts are of the scheme pda"},
	} {
		status, answer := g.call("POST", "/gatehouse/explain", `{"method":"GET","address":"/x","`+tc.name+`":"acme"}`)
		if said := fmt.Sprint(answer["error"]); status != 400 || !strings.Contains(said, tc.want) {
			t.Errorf("%s: %d %s", tc.name, status, said)
		}
	}
}

func TestMethodIsAnyToken(t *testing.T) {
	for text, want := range map[string]bool{
		"GET": true, "get": true, "M-SEARCH": true, "a!#$%&'*+-.^_`|~9": true,
		"": false, "G ET": false, "G(T": false, "GÉT": false, "G\x00": false, "GET/": false, "G\"T": false,
	} {
		if isMethod(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}
