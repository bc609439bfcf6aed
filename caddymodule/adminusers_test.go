package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const usersPath = "/gatehouse/realms/default/users"

func TestRevokingAUserEndsItsTokensAndThoseOfItsDelegates(t *testing.T) {
	e := newExchange(t)
	g := e.start("")
	own := e.token(nil)
	delegates := e.token(map[string]any{"sub": otherUser, "role": "delegate", "drl": "consumer", "did": someUser})
	others := e.token(map[string]any{"sub": otherUser})
	for _, token := range []string{own, delegates, others} {
		g.wants(http.StatusOK, "GET", resources, token)
	}
	answer := g.ok("POST", usersPath+"/"+strings.ToUpper(someUser)+"/revoke", `{}`)
	if answer["id"] != someUser || answer["until"] == nil || answer["revoked_by"] != "local" {
		t.Errorf("answered %v", answer)
	}
	if notice := fmt.Sprint(answer["notice"]); !strings.Contains(notice, "cannot be recalled") || !strings.Contains(notice, "without the gateway") || !strings.Contains(notice, "access tokens") {
		t.Errorf("the notice does not say what cannot be recalled: %s", notice)
	}
	g.wants(http.StatusUnauthorized, "GET", resources, own)
	g.wants(http.StatusUnauthorized, "GET", resources, delegates)
	g.wants(http.StatusOK, "GET", resources, others)

	listed := g.ok("GET", usersPath, "")["users"].([]any)
	if len(listed) != 1 || listed[0].(map[string]any)["id"] != someUser || listed[0].(map[string]any)["notice"] != nil {
		t.Errorf("listed %v", listed)
	}
	entry := g.ok("GET", "/gatehouse/audit", "")["entries"].([]any)[0].(map[string]any)
	if entry["subject"] != someUser || entry["actor"] != "local" || entry["realm"] != "default" {
		t.Errorf("audited %v", entry)
	}
}

func TestRevokingADelegateForOneDelegatorLeavesTheRest(t *testing.T) {
	e := newExchange(t)
	g := e.start("")
	const third = "3f0f3e4e-5c3c-4b0f-9a6b-0d6c2b1f7a11"
	acting := func(did string) string {
		return e.token(map[string]any{"sub": otherUser, "role": "delegate", "drl": "consumer", "did": did})
	}
	g.ok("POST", usersPath+"/"+otherUser+"/revoke", `{"delegator":"`+strings.ToUpper(someUser)+`","scheme":"dx"}`)
	g.wants(http.StatusUnauthorized, "GET", resources, acting(someUser))
	g.wants(http.StatusOK, "GET", resources, acting(third))
	g.wants(http.StatusOK, "GET", resources, e.token(map[string]any{"sub": otherUser}))
	g.wants(http.StatusOK, "GET", resources, e.token(nil))
	listed := g.ok("GET", usersPath+"?scheme=dx", "")["users"].([]any)[0].(map[string]any)
	if listed["until"] != nil || listed["delegators"].([]any)[0].(map[string]any)["id"] != someUser {
		t.Errorf("listed %v", listed)
	}
}

func TestRevokedUsersAreListedInPages(t *testing.T) {
	g := newExchange(t).start("")
	for i := range 3 {
		g.ok("POST", fmt.Sprintf("%s/%d0000000-0000-4000-8000-000000000000/revoke", usersPath, 3-i), `{}`)
	}
	var ids []string
	for after, pages := "", 0; pages < 5; pages++ {
		page := g.ok("GET", usersPath+"?limit=2&after="+after, "")
		for _, user := range page["users"].([]any) {
			ids = append(ids, user.(map[string]any)["id"].(string)[:1])
		}
		if after = page["next"].(string); after == "" {
			break
		}
	}
	if got := strings.Join(ids, ""); got != "123" {
		t.Errorf("listed %s", got)
	}
}

func TestUserCallsAreRefusedInWords(t *testing.T) {
	g := newExchange(t).start("")
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"a realm that no site has", "GET", "/gatehouse/realms/third/users", "", 404, "the realms of dx are: default"},
		{"the same, revoking", "POST", "/gatehouse/realms/third/users/" + someUser + "/revoke", `{}`, 404, "the realms of dx are: default"},
		{"another scheme", "GET", usersPath + "?scheme=delta", "", 400, `users are revoked of the scheme dx; "delta" has none`},
		{"the same, revoking", "POST", usersPath + "/" + someUser + "/revoke", `{"scheme":"pda"}`, 400, `"pda" has none`},
		{"what is no id", "POST", usersPath + "/bob%20b/revoke", `{}`, 400, "a user's id is what tokens have"},
		{"an id in other characters", "POST", usersPath + "/" + strings.Replace(someUser, "6", "%D9%A6", 1) + "/revoke", `{}`, 400, "a user's id is what tokens have"},
		{"a delegator that is none", "POST", usersPath + "/" + someUser + "/revoke", `{"delegator":"bob b"}`, 400, "a user's id is what tokens have"},
		{"a misspelt member", "POST", usersPath + "/" + someUser + "/revoke", `{"delegater":"` + otherUser + `"}`, 400, "delegater"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, answer := g.call(tc.method, tc.path, tc.body)
			if text, _ := answer["error"].(string); status != tc.status || !strings.Contains(text, tc.want) {
				t.Errorf("%d %v, want %d with %q", status, answer, tc.status, tc.want)
			}
		})
	}
	if listed := g.ok("GET", usersPath, "")["users"].([]any); len(listed) > 0 {
		t.Errorf("a refused call revoked %v", listed)
	}
}
