package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestAccountCallsAreRefusedInWords(t *testing.T) {
	g := startPeople(t)
	g.account(bob)
	g.ok("POST", applicationsPath, `{"id":"notes","version":"1.0.0"}`)
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"a realm that no site has", "GET", "/gatehouse/pda/third/accounts", "", 404, "the realms of pda are: default"},
		{"a scheme that no site has", "GET", "/gatehouse/delta/default/recipients", "", 404, "no site of the running configuration has `gatehouse delta`"},
		{"no account", "GET", accountsPath + "/alice.pda.example.com", "", 404, `realm "default" has no account "alice.pda.example.com"`},
		{"what is no host", "GET", accountsPath + "/a%20b", "", 404, `has no account "a b"`},
		{"no application", "GET", applicationsPath + "/calendar", "", 404, `realm "default" has no application "calendar"`},
		{"an application that is not there, on an account", "PATCH", accountsPath + "/" + bob + "/applications/calendar", `{"enabled":true}`, 404, `realm "default" has no application "calendar"`},
		{"an application on no account", "PATCH", accountsPath + "/alice.pda.example.com/applications/notes", `{"enabled":true}`, 404, `realm "default" has no account "alice.pda.example.com"`},
		{"disabling what was never set up", "PATCH", accountsPath + "/" + bob + "/applications/notes", `{"enabled":false}`, 400, "not set up on this account"},
		{"the same host again", "POST", accountsPath, `{"host":"` + bob + `","password":"` + bobPassword + `"}`, 409, "an account of that host exists"},
		{"the same application again", "POST", applicationsPath, `{"id":"notes","version":"1.0.0"}`, 409, "an application of that id exists"},
		{"no password", "POST", accountsPath, `{"host":"alice.pda.example.com"}`, 400, "password"},
		{"a weak password", "POST", accountsPath, `{"host":"alice.pda.example.com","password":"password1"}`, 400, "guessed too easily"},
		{"a password that is no text", "POST", accountsPath, "{\"host\":\"alice.pda.example.com\",\"password\":\"seven dusty lanterns\xff\"}", 400, "no text in UTF-8"},
		{"another that is no text", "POST", accountsPath + "/" + bob + "/password", "{\"password\":\"seven dusty lanterns\xff\"}", 400, "no text in UTF-8"},
		{"a password with half a pair of escapes", "POST", accountsPath, `{"host":"alice.pda.example.com","password":"seven dusty lanterns\ud800"}`, 400, "password is no text in UTF-8"},
		{"a crypter key with half a pair of escapes", "POST", accountsPath, `{"host":"alice.pda.example.com","password":"` + bobPassword + `","key":"x","crypter_key":"lanterns\udfff"}`, 400, "crypter key is no text in UTF-8"},
		{"a password and a hash", "POST", accountsPath, `{"host":"alice.pda.example.com","password":"` + bobPassword + `","password_hash":"$2a$10$abcdefghijklmnopqrstuuO5XhQ0mEhO0bqJm9C4u8x8mKqXkXkXk"}`, 400, "not both"},
		{"a misspelt member", "POST", accountsPath, `{"hots":"alice.pda.example.com"}`, 400, "hots"},
		{"a change that changes nothing", "PATCH", accountsPath + "/" + bob, `{}`, 400, "disabled is missing"},
		{"an enrolment that says nothing", "PATCH", accountsPath + "/" + bob + "/applications/notes", `{}`, 400, "enabled is missing"},
		{"a rotation without an overlap", "POST", accountsPath + "/" + bob + "/rotate-key", `{}`, 400, "overlap is missing"},
		{"a rotation with a negative overlap", "POST", accountsPath + "/" + bob + "/rotate-key", `{"overlap":"-1h"}`, 400, "overlap"},
		{"a grant that there is not", "POST", applicationsPath, `{"id":"calendar","version":"1.0.0","grants":["read"]}`, 400, "no such privilege"},
		{"ending tokens of a realm that no site has", "POST", "/gatehouse/realms/third/revoke-all", `{}`, 404, "the realms are: default"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, answer := g.call(tc.method, tc.path, tc.body)
			text, _ := answer["error"].(string)
			if status != tc.status || !strings.Contains(text, tc.want) {
				t.Errorf("%d %v, want %d with %q", status, answer, tc.status, tc.want)
			}
			if strings.Contains(text, "lanterns") || strings.Contains(text, "password1") {
				t.Errorf("the error tells a password: %s", text)
			}
		})
	}
}

// Whatever the admin API answers or logs, no password, hash or key is in it.
func TestAccountsTellNoSecrets(t *testing.T) {
	g := startPeople(t)
	created := g.account(bob)
	_ = g.ok("POST", accountsPath+"/"+bob+"/password", `{"password":"eleven tall chimneys"}`)
	g.call("POST", accountsPath+"/"+bob+"/password", `{"password":"password1"}`)
	_ = g.ok("POST", accountsPath+"/"+bob+"/rotate-key", `{"overlap":"1h"}`)
	for _, member := range []string{"password", "password_hash", "key", "crypter_key", "sealed"} {
		if _, ok := created[member]; ok {
			t.Errorf("the answer has a member %s", member)
		}
	}
	var told strings.Builder
	for _, path := range []string{accountsPath, accountsPath + "/" + bob, "/gatehouse/audit", "/gatehouse/tokens"} {
		for name, value := range g.ok("GET", path, "") {
			told.WriteString(name)
			told.WriteString(fmt.Sprint(value))
		}
	}
	for _, entry := range g.logs.All() {
		told.WriteString(entry.Message + fmt.Sprint(entry.ContextMap()))
	}
	for _, hidden := range []string{"lanterns", "chimneys", "password1", "$argon2id", "PRIVATE"} {
		if strings.Contains(told.String(), hidden) {
			t.Errorf("%q is told", hidden)
		}
	}
}

func TestAccountsAndApplicationsAreListedInPages(t *testing.T) {
	g := startPeople(t)
	for _, name := range []string{"a", "b", "c"} {
		g.account(name + ".pda.example.com")
		g.ok("POST", applicationsPath, `{"id":"`+name+`","version":"1.0.0"}`)
	}
	for path, list := range map[string]string{accountsPath: "accounts", applicationsPath: "applications"} {
		var names []string
		for after, pages := "", 0; pages < 5; pages++ {
			page := g.ok("GET", path+"?limit=2&after="+after, "")
			for _, item := range page[list].([]any) {
				one := item.(map[string]any)
				if one["host"] != nil {
					one["id"] = one["host"]
				}
				names = append(names, one["id"].(string)[:1])
			}
			if after = page["next"].(string); after == "" {
				break
			}
		}
		if got := strings.Join(names, ""); got != "abc" {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// What only disables or enables an application is named so in the audit.
func TestAuditNamesWhatWasDoneWithAnApplication(t *testing.T) {
	g := startPeople(t)
	g.ok("POST", applicationsPath, `{"id":"notes","version":"1.0.0"}`)
	g.ok("PATCH", applicationsPath+"/notes", `{"disabled":true}`)
	g.ok("PATCH", applicationsPath+"/notes", `{"disabled":false,"version":"1.1.0"}`)
	var actions []string
	for _, entry := range g.ok("GET", "/gatehouse/audit", "")["entries"].([]any) {
		actions = append(actions, entry.(map[string]any)["action"].(string))
	}
	if got := strings.Join(actions, " "); got != "addApplication disableApplication updateApplication" {
		t.Errorf("audit: %s", got)
	}
	if view := g.ok("GET", applicationsPath+"/notes", ""); view["disabled"] != false || view["version"] != "1.1.0" {
		t.Errorf("now it is %v", view)
	}
}

// A realm's epoch ends what any scheme issued in it.
func TestRevokingARealmEndsTheTokensOfAccounts(t *testing.T) {
	g := startPeople(t)
	g.account(bob)
	token := signIn(t, g.site, bob, bobPassword)
	const data = "/api/v2.6/data/notes/all"
	if w := at(g.site, bob, data, token); w.Code != http.StatusOK {
		t.Fatalf("before: %d %s", w.Code, w.Body)
	}
	g.ok("POST", "/gatehouse/realms/default/revoke-all", `{}`)
	if w := at(g.site, bob, data, token); w.Code != http.StatusUnauthorized {
		t.Errorf("after: %d %s", w.Code, w.Body)
	}
	listed := g.ok("GET", "/gatehouse/tokens", "")["tokens"].([]any)[0].(map[string]any)
	if listed["status"] != "revoked" || listed["account"] != bob || listed["kind"] != "token family" || listed["scope"] != "owner" {
		t.Errorf("listed as %v", listed)
	}
}
