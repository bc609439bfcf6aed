package caddymodule

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

const recipientsPath = "/gatehouse/delta/default/recipients"

// create makes a recipient and returns the answer.
func (g *gateway) create(name string, grants ...string) map[string]any {
	g.t.Helper()
	return g.ok("POST", recipientsPath, fmt.Sprintf(`{"name": %q, "grants": ["%s"]}`, name, strings.Join(grants, `", "`)))
}

func TestEveryAdminRouteAnswers(t *testing.T) {
	bodies := map[string]string{
		"POST /gatehouse/delta/{realm}/recipients":                   `{"name": "new", "grants": ["sales"]}`,
		"PATCH /gatehouse/delta/{realm}/recipients/{name}":           `{"comment": "x"}`,
		"POST /gatehouse/delta/{realm}/recipients/{name}/rotate":     `{"old_expires_in": "24h"}`,
		"POST /gatehouse/delta/{realm}/recipients/{name}/link":       `{"fresh": true}`,
		"POST /gatehouse/delta/{realm}/recipients/{name}/federation": `{"issuer": "http://127.0.0.1:9", "audiences": ["a"], "subject": "s"}`,
		"POST /gatehouse/delta/{realm}/admins":                       `{"name": "other"}`,
		explainRoute:                                                 `{"method": "GET", "address": "/delta-sharing/shares", "recipient": "acme"}`,
		importRoute:                                                  `{"recipients": [{"name": "new", "token": "0123456789abcdef"}]}`,

		"POST /gatehouse/bitbroker/{realm}/coordinators": `{"email": "bob@example.com", "name": "Bob", "organization": "Example"}`,

		"POST /gatehouse/pda/{realm}/accounts":                                    `{"host": "alice.pda.example.com", "password": "` + bobPassword + `"}`,
		"PATCH /gatehouse/pda/{realm}/accounts/{host}":                            `{"disabled": true}`,
		"POST /gatehouse/pda/{realm}/accounts/{host}/password":                    `{"password": "eleven tall chimneys"}`,
		"POST /gatehouse/pda/{realm}/accounts/{host}/rotate-key":                  `{"overlap": "72h"}`,
		"PATCH /gatehouse/pda/{realm}/accounts/{host}/applications/{application}": `{"enabled": true}`,
		"POST /gatehouse/pda/{realm}/applications":                                `{"id": "calendar", "version": "1.0.0"}`,
		"PATCH /gatehouse/pda/{realm}/applications/{application}":                 `{"version": "1.1.0"}`,
	}
	for _, route := range new(AdminAPI).Routes() {
		// The name becomes the store's folder, in which braces are a placeholder.
		t.Run(strings.NewReplacer("{", "", "}", "").Replace(route.Pattern), func(t *testing.T) {
			if strings.Contains(route.Pattern, "/users") {
				g := newExchange(t).start("")
				method, path, _ := strings.Cut(route.Pattern, " ")
				path = strings.NewReplacer("{realm}", "default", "{id}", someUser).Replace(path)
				if answer := g.ok(method, path, bodies[route.Pattern]); len(answer) == 0 {
					t.Error("an empty answer")
				}
				return
			}
			if strings.Contains(route.Pattern, "/bitbroker/") {
				g := startBroker(t, "")
				g.connector()
				method, path, _ := strings.Cut(route.Pattern, " ")
				path = strings.NewReplacer("{realm}", "default", "{entity}", "country", "{connector}", "wikipedia").Replace(path)
				if answer := g.ok(method, path, bodies[route.Pattern]); len(answer) == 0 {
					t.Error("an empty answer")
				}
				return
			}
			if strings.Contains(route.Pattern, "/pda/") {
				g := startPeople(t)
				g.account(bob)
				g.ok("POST", applicationsPath, `{"id": "notes", "version": "1.0.0"}`)
				method, path, _ := strings.Cut(route.Pattern, " ")
				path = strings.NewReplacer("{realm}", "default", "{host}", bob, "{application}", "notes").Replace(path)
				if answer := g.ok(method, path, bodies[route.Pattern]); len(answer) == 0 {
					t.Error("an empty answer")
				}
				return
			}
			g := startGateway(t)
			link := g.create("acme", "sales")["activation_link"]
			if !strings.HasSuffix(route.Pattern, "/link") {
				g.activate(link)
			}
			accessor := g.ok("GET", recipientsPath+"/acme", "")["tokens"].([]any)[0].(map[string]any)["id"]
			g.ok("POST", "/gatehouse/delta/default/admins", `{"name": "terraform"}`)
			name := "acme"
			if strings.Contains(route.Pattern, "/federation") {
				name = "partner"
				g.ok("POST", recipientsPath, `{"name": "partner", "auth": "federation"}`)
				g.ok("POST", recipientsPath+"/partner/federation", `{"name": "theirs", "issuer": "http://127.0.0.1:9", "audiences": ["a"], "subject": "t"}`)
			}
			method, path, _ := strings.Cut(route.Pattern, " ")
			path = strings.NewReplacer("{realm}", "default", "{name}", name, "{accessor}", fmt.Sprint(accessor),
				"{admin}", "terraform", "{policy}", "theirs").Replace(path)
			if answer := g.ok(method, path, bodies[route.Pattern]); len(answer) == 0 {
				t.Error("an empty answer")
			}
		})
	}
}

// A page in a browser can send these without being asked first; JSON it cannot.
func TestAdminTakesJSONOnly(t *testing.T) {
	g := startGateway(t)
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain; application/json", "application/jsonp"} {
		for _, method := range []string{"POST", "PATCH", "DELETE"} {
			path := recipientsPath
			if method != "POST" {
				path += "/acme"
			}
			r := httptest.NewRequest(method, path, strings.NewReader(`{"name": "acme", "grants": ["sales"]}`))
			r.Header.Set("Content-Type", contentType)
			w := httptest.NewRecorder()
			g.admin.ServeHTTP(w, r)
			if w.Code != http.StatusUnsupportedMediaType || !strings.Contains(w.Body.String(), "application/json") {
				t.Errorf("%s with %q: %d %s", method, contentType, w.Code, w.Body)
			}
		}
	}
	if all := g.ok("GET", recipientsPath, "")["recipients"].([]any); len(all) != 0 {
		t.Errorf("a refused request made %v", all)
	}
	r := httptest.NewRequest("POST", recipientsPath, strings.NewReader(`{"name": "acme"}`))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	w := httptest.NewRecorder()
	g.admin.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("JSON with a charset: %d %s", w.Code, w.Body)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q: the answer holds an activation link", got)
	}
}

func TestAdminRefusesWhatItDoesNotUnderstand(t *testing.T) {
	g := startGateway(t)
	g.create("acme", "sales")
	g.create("beta", "sales")
	rcp := recipientsPath + "/acme"
	long := `{"comment": "` + strings.Repeat("x", maxAdminBody) + `"}`
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"unknown field", "POST", recipientsPath, `{"name": "x", "grant": ["sales"]}`, 400, `unknown field \"grant\"`},
		{"unknown field in a change", "PATCH", rcp, `{"disable": true}`, 400, `unknown field \"disable\"`},
		{"unknown field in a rotation", "POST", rcp + "/rotate", `{"old_expires_in": "1h", "x": 1}`, 400, `unknown field`},
		{"another type", "PATCH", rcp, `{"disabled": "yes"}`, 400, `\"disabled\" cannot be a JSON string`},
		{"no JSON", "PATCH", rcp, `disabled`, 400, "invalid"},
		{"two objects", "PATCH", rcp, `{"comment": "a"}{"disabled": true}`, 400, "follows"},
		{"a list", "PATCH", rcp, `[]`, 400, "invalid"},
		{"too long", "PATCH", rcp, long, 413, "longer"},
		{"bad duration", "PATCH", rcp, `{"token_lifetime": "soon"}`, 400, "soon"},
		{"negative lifetime", "PATCH", rcp, `{"token_lifetime": "-1h"}`, 400, ""},
		{"no name", "POST", recipientsPath, `{}`, 400, "name"},
		{"no body", "POST", recipientsPath, ``, 400, "name"},
		{"name with a slash", "POST", recipientsPath, `{"name": "a/b"}`, 400, "name"},
		{"grant of four levels", "POST", recipientsPath, `{"name": "x", "grants": ["a/b/c/d"]}`, 400, ""},
		{"rotate without a time", "POST", rcp + "/rotate", `{}`, 400, "old_expires_in"},
		{"ungrant what is not granted", "PATCH", rcp, `{"ungrant": ["finance"]}`, 400, "sales"},
		{"name taken", "POST", recipientsPath, `{"name": "ACME"}`, 409, "exists"},
		{"new name taken", "PATCH", rcp, `{"new_name": "beta"}`, 409, "exists"},
		{"no such recipient", "GET", recipientsPath + "/nobody", ``, 404, `realm \"default\" has no recipient \"nobody\"`},
		{"no such token", "GET", "/gatehouse/tokens/nothing", ``, 404, "no token with the id"},
		{"no such admin token", "POST", "/gatehouse/delta/default/admins/nobody/revoke", ``, 404, "has no admin token"},
		{"no such policy", "DELETE", rcp + "/federation/nothing", ``, 404, "with a federation policy"},
		{"filter misspelt", "GET", recipientsPath + "?disable=true", ``, 400, "there is no such parameter"},
		{"filter without a time", "GET", recipientsPath + "?expiring=soon", ``, 400, "expiring"},
		{"filter of no time", "GET", recipientsPath + "?expiring=0s", ``, 400, "longer than zero"},
		{"within of nothing", "GET", recipientsPath + "?within=1h", ``, 400, "goes with old_in_use"},
		{"filter neither true nor false", "GET", recipientsPath + "?disabled=maybe", ``, 400, "disabled"},
		{"unknown authentication", "POST", recipientsPath, `{"name": "x", "auth": "password"}`, 400, "none of token, oauth and federation"},
		{"an end in the past", "POST", recipientsPath, `{"name": "x", "not_after": "2001-01-01T00:00:00Z"}`, 400, "past"},
		{"a new end in the past", "PATCH", rcp, `{"not_after": "2001-01-01T00:00:00Z"}`, 400, "past"},
		{"an end that is no time", "PATCH", rcp, `{"not_after": "tomorrow"}`, 400, "tomorrow"},
		{"a network that is none", "PATCH", rcp, `{"networks": ["here"]}`, 400, "neither an IP address nor a network"},
		{"a negative limit", "PATCH", rcp, `{"limits": {"rate": -1}}`, 400, "limit"},
		{"an unknown limit", "PATCH", rcp, `{"limits": {"speed": 1}}`, 400, "unknown field"},
		{"token too short", "POST", recipientsPath, `{"name": "x", "token": "short"}`, 400, "12 to 4096"},
		{"token of an OAuth client", "POST", recipientsPath, `{"name": "x", "auth": "oauth", "token": "0123456789abcdef"}`, 400, "bearer token"},
		{"policy of a recipient with tokens", "POST", rcp + "/federation", `{"issuer": "http://127.0.0.1:9", "audiences": ["a"], "subject": "s"}`, 400, "federation"},
		{"admin token without a name", "POST", "/gatehouse/delta/default/admins", `{}`, 400, "name"},
		{"admin token of another role", "POST", "/gatehouse/delta/default/admins", `{"name": "x", "role": "root"}`, 400, "neither full nor read-only"},
		{"admin token without a life", "POST", "/gatehouse/delta/default/admins", `{"name": "x", "lifetime": "0s"}`, 400, "lifetime"},
		{"no such realm", "GET", "/gatehouse/delta/other/recipients", ``, 404, "the realms of delta are: default"},
		{"no such cursor", "GET", "/gatehouse/audit?after=xyz", ``, 400, "cursor"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, answer := g.call(tc.method, tc.path, tc.body)
			said := fmt.Sprintf("%q", answer["error"])
			if status != tc.status || !strings.Contains(said, tc.want) {
				t.Errorf("got %d %s, want %d and %s", status, said, tc.status, tc.want)
			}
			for _, inside := range []string{"Go struct", "caddymodule", "tokenstore", ".go:", g.stores} {
				if strings.Contains(said, inside) {
					t.Errorf("the error tells of the inside: %s", said)
				}
			}
		})
	}
	acme := g.ok("GET", rcp, "")
	if acme["disabled"] != false || acme["name"] != "acme" {
		t.Errorf("a refused change was made: %v", acme)
	}
}

func TestAdminErrorsHaveOneMapping(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int
		shown  bool // the error's own text is for the caller
	}{
		{tokenstore.ErrNotFound, 404, false},
		{errUnknownRealm, 404, true},
		{tokenstore.ErrExists, 409, true},
		{tokenstore.ErrTokenInUse, 409, true},
		{tokenstore.ErrTooManyTokens, 409, true},
		{tokenstore.ErrInvalid, 400, true},
		{&http.MaxBytesError{Limit: 1}, 413, false},
		{tokenstore.ErrOutcomeUnknown, 500, false},
		{tokenstore.ErrClosed, 500, false},
		{tokenstore.ErrConflict, 500, false},
		{tokenstore.ErrRecord, 500, false},
		{context.Canceled, 500, false},
		{errors.New("/var/lib/gatehouse: disk on fire"), 500, false},
	} {
		logger, logs := observe(0)
		api := &AdminAPI{logger: logger}
		var answer caddy.APIError
		if err := api.errorOf(httptest.NewRequest("GET", "/", nil), fmt.Errorf("inside: %w", tc.err)); !errors.As(err, &answer) {
			t.Fatalf("%v became %v", tc.err, err)
		}
		if answer.HTTPStatus != tc.status || strings.Contains(answer.Message, tc.err.Error()) != tc.shown {
			t.Errorf("%v: got %d %q, want %d", tc.err, answer.HTTPStatus, answer.Message, tc.status)
		}
		if tc.status == 500 && tc.err != tokenstore.ErrOutcomeUnknown && (logs.Len() != 1 || !strings.Contains(fmt.Sprint(logs.All()[0].ContextMap()), tc.err.Error())) { //nolint:errorlint // the table's own
			t.Errorf("%v: logged %v, want the cause", tc.err, logs.All())
		}
		// Caddy logs and shows Err as well as Message.
		if answer.Err == nil || !tc.shown && strings.Contains(answer.Err.Error(), tc.err.Error()) {
			t.Errorf("%v: Err is %v", tc.err, answer.Err)
		}
	}
}

func TestAdminWithoutAGatewaySaysSo(t *testing.T) {
	admin, _ := adminHandler(t)
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, httptest.NewRequest("GET", "/gatehouse/tokens", nil))
		return w
	}
	if w := ask(); w.Code != 503 {
		t.Errorf("with nothing running: %d %s", w.Code, w.Body)
	}
	run(t, config(t, ""))
	if w := ask(); w.Code != 503 || !strings.Contains(w.Body.String(), "no gatehouse") {
		t.Errorf("with another configuration: %d %s", w.Code, w.Body)
	}
	run(t, config(t, storeApp(t.TempDir())))
	if w := ask(); w.Code != 200 {
		t.Errorf("with a store and no site: %d %s", w.Code, w.Body)
	}
	w := httptest.NewRecorder()
	admin.ServeHTTP(w, httptest.NewRequest("GET", recipientsPath, nil))
	if w.Code != 404 || !strings.Contains(w.Body.String(), "no site of the running configuration") {
		t.Errorf("with no site: %d %s", w.Code, w.Body)
	}
}

func TestRecipientsLifeOverTheAdminAPI(t *testing.T) {
	g := startGateway(t)
	rcp := recipientsPath + "/acme"
	shares := "http://sharing.example.com/delta-sharing/shares"

	created := g.ok("POST", recipientsPath, `{"name": "acme", "comment": "pilot", "grants": ["sales", "finance/reports/q3"], "token_lifetime": "30d", "management_key": true}`)
	key, _ := created["management_key"].(string)
	if created["activation_link"] == nil || key == "" || created["token_lifetime_seconds"] != 30*24*3600.0 || created["has_management_key"] != true {
		t.Fatalf("created %v", created)
	}
	shown := g.ok("GET", rcp, "")
	if shown["activation_link"] != nil || shown["management_key"] != nil {
		t.Errorf("what is shown once is shown again: %v", shown)
	}
	if again := g.ok("POST", rcp+"/link", `{}`)["activation_link"]; again != created["activation_link"] {
		t.Errorf("the waiting link is %v, was %v", again, created["activation_link"])
	}
	first := g.activate(created["activation_link"])
	if w := g.get(shares, first); w.Code != 200 {
		t.Fatalf("the token gets %d %s", w.Code, w.Body)
	}
	if status, answer := g.call("POST", rcp+"/link", `{}`); status != 409 {
		t.Errorf("a used link is shown: %d %v", status, answer)
	}

	rotated := g.ok("POST", rcp+"/rotate", `{"old_expires_in": "24h"}`)
	second := g.activate(rotated["activation_link"])
	for name, token := range map[string]string{"old": first, "new": second} {
		if w := g.get(shares, token); w.Code != 200 {
			t.Errorf("in the overlap the %s token gets %d", name, w.Code)
		}
	}
	if status, answer := g.call("POST", rcp+"/rotate", `{"old_expires_in": "24h"}`); status != 409 || !strings.Contains(fmt.Sprint(answer["error"]), "revoke") {
		t.Errorf("a third token: %d %v", status, answer)
	}

	accessor := g.ok("GET", rcp, "")["tokens"].([]any)[0].(map[string]any)["id"].(string)
	revoked := g.ok("POST", "/gatehouse/tokens/"+accessor+"/revoke", "")
	if revoked["status"] != "revoked" || revoked["notice"] != cannotRecall {
		t.Errorf("revoked one: %v", revoked)
	}
	if w := g.get(shares, second); w.Code != 401 {
		t.Errorf("the revoked token gets %d", w.Code)
	}

	disabled := g.ok("PATCH", rcp, `{"disabled": true}`)
	if disabled["notice"] != cannotRecall {
		t.Errorf("disable says %v", disabled["notice"])
	}
	if w := g.get(shares, first); w.Code != 403 {
		t.Errorf("disabled gets %d", w.Code)
	}
	if enabled := g.ok("PATCH", rcp, `{"disabled": false}`); enabled["notice"] != nil {
		t.Errorf("enable says %v", enabled["notice"])
	}
	if w := g.get(shares, first); w.Code != 200 {
		t.Errorf("enabled again gets %d", w.Code)
	}

	if ungranted := g.ok("PATCH", rcp, `{"ungrant": ["SALES"], "grant": ["ops"]}`); ungranted["notice"] != cannotRecall ||
		fmt.Sprint(ungranted["grants"]) != "[finance/reports/q3 ops]" {
		t.Errorf("ungranted: %v", ungranted)
	}

	all := g.ok("POST", rcp+"/revoke", "")
	if notice := fmt.Sprint(all["notice"]); !strings.HasPrefix(notice, cannotRecall) || !strings.Contains(notice, "credentials API") {
		t.Errorf("revoke says %q", notice)
	}
	if w := g.get(shares, first); w.Code != 401 {
		t.Errorf("after revoke: %d", w.Code)
	}
	if removed := g.ok("DELETE", rcp+"/management-key", ""); removed["has_management_key"] != false {
		t.Errorf("the key is still there: %v", removed)
	}
	if revoked := g.ok("POST", rcp+"/revoke", ""); strings.Contains(fmt.Sprint(revoked["notice"]), "management key") {
		t.Errorf("a key that is gone is warned of: %v", revoked["notice"])
	}
	third := g.activate(g.ok("POST", rcp+"/link", `{}`)["activation_link"])
	if gone := g.ok("POST", "/gatehouse/delta/default/revoke-all", ""); gone["notice"] != cannotRecall {
		t.Errorf("revoke-all says %v", gone)
	}
	if w := g.get(shares, third); w.Code != 401 {
		t.Errorf("after revoke-all: %d", w.Code)
	}
	if deleted := g.ok("DELETE", rcp, ""); deleted["deleted"] != "acme" || deleted["notice"] != cannotRecall {
		t.Errorf("deleted: %v", deleted)
	}
	if status, _ := g.call("GET", rcp, ""); status != 404 {
		t.Errorf("a deleted recipient is shown: %d", status)
	}

	// The audit has all of it, and no secret; so has the log.
	audit := fmt.Sprint(g.ok("GET", "/gatehouse/audit", ""))
	for _, action := range []string{"createRecipient", "rotateRecipientToken", "updateRecipient", "deleteRecipient", "local"} {
		if !strings.Contains(audit, action) {
			t.Errorf("the audit has no %s", action)
		}
	}
	for _, entry := range g.logs.All() {
		audit += fmt.Sprint(entry.Message, entry.ContextMap())
	}
	for _, hidden := range []string{first, second, third, key} {
		if strings.Contains(audit, hidden) {
			t.Error("audit or log tells a secret")
		}
	}
}

func TestAdministrationIsLoggedDoneOrNot(t *testing.T) {
	g := startGateway(t)
	g.create("acme", "sales")
	g.call("DELETE", recipientsPath+"/nobody", "")
	g.ok("GET", recipientsPath, "")
	var got []string
	for _, entry := range g.logs.FilterLoggerName("audit").All() {
		f := entry.ContextMap()
		got = append(got, fmt.Sprint(f["actor"], " ", f["method"], " ", f["path"], " ", f["done"]))
	}
	want := []string{"local POST " + recipientsPath + " true", "local DELETE " + recipientsPath + "/nobody false"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("logged %q, want %q", got, want)
	}
}

func TestActorIsTheClientCertificate(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: "ops"}}}}
	if got := actor(r); got != "admin CN=ops" {
		t.Errorf("got %q", got)
	}
}

func TestNamesInAdminPathsAreEscaped(t *testing.T) {
	g := startGateway(t)
	const name = "a.b+c@d:e=f~_-"
	g.create(name, "sales")
	if got := g.ok("GET", recipientsPath+"/"+url.PathEscape(name), "")["name"]; got != name {
		t.Errorf("got %v", got)
	}
	// An encoded slash stays in its segment: it can name no other route.
	if status, _ := g.call("POST", recipientsPath+"/acme%2Frevoke/revoke", ""); status != 404 {
		t.Errorf("an encoded slash: %d", status)
	}
}

func TestAdminListsComeInPages(t *testing.T) {
	g := startGateway(t)
	for _, name := range []string{"acme", "beta", "gamma"} {
		g.activate(g.create(name, "sales")["activation_link"])
	}
	for _, list := range []struct{ path, items string }{
		{recipientsPath, "recipients"}, {"/gatehouse/tokens", "tokens"}, {"/gatehouse/audit", "entries"},
	} {
		var count, pages int
		for after := ""; ; pages++ {
			page := g.ok("GET", list.path+"?limit=2&after="+url.QueryEscape(after), "")
			items := page[list.items].([]any)
			if len(items) > 2 {
				t.Errorf("%s: a page of %d", list.path, len(items))
			}
			count += len(items)
			if after, _ = page["next"].(string); after == "" || pages > 10 {
				break
			}
		}
		whole := len(g.ok("GET", list.path, "")[list.items].([]any))
		if count != whole || count < 3 {
			t.Errorf("%s: %d items in %d pages, %d in one", list.path, count, pages+1, whole)
		}
	}
	for limit, want := range map[string]int{"0": pageSize, "-1": pageSize, "9999": pageSize, "x": pageSize, "7": 7} {
		if got := limitOf(httptest.NewRequest("GET", "/?limit="+limit, nil)); got != want {
			t.Errorf("limit %s is %d, want %d", limit, got, want)
		}
	}
}
