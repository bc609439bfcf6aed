package caddymodule

import (
	"fmt"
	"strings"
	"testing"
)

func TestSettingsOfARecipientOverTheAdminAPI(t *testing.T) {
	g := startGateway(t)
	made := g.ok("POST", recipientsPath, `{"name": "acme", "grants": ["sales"], "owner": "data team", "properties": {"region": "eu"},
		"networks": ["192.0.2.7", "2001:db8::1/32"], "limits": {"rate": 20, "concurrent": 5}, "not_after": "2091-12-31T23:59:59Z"}`)
	for field, want := range map[string]string{
		"auth": "token", "owner": "data team", "properties": "map[region:eu]", "networks": "[192.0.2.7/32 2001:db8::/32]",
		"limits": "map[concurrent:5 rate:20]", "not_after": "2091-12-31T23:59:59Z", "state": "link waits", "created_by": "local",
	} {
		if got := fmt.Sprint(made[field]); got != want {
			t.Errorf("%s is %s, want %s", field, got, want)
		}
	}
	rcp := recipientsPath + "/acme"
	// What a change leaves out stays.
	changed := g.ok("PATCH", rcp, `{"limits": {"rate": 0, "burst": 100}, "networks": ["198.51.100.0/24"], "properties": {"tier": "a"}}`)
	for field, want := range map[string]string{
		"owner": "data team", "properties": "map[tier:a]", "networks": "[198.51.100.0/24]", "limits": "map[burst:100 concurrent:5]",
		"not_after": "2091-12-31T23:59:59Z", "grants": "[sales]",
	} {
		if got := fmt.Sprint(changed[field]); got != want {
			t.Errorf("after the change %s is %s, want %s", field, got, want)
		}
	}
	cleared := g.ok("PATCH", rcp, `{"not_after": null, "networks": [], "owner": ""}`)
	if cleared["not_after"] != nil || fmt.Sprint(cleared["networks"]) != "[]" || cleared["owner"] != nil {
		t.Errorf("cleared: %v", cleared)
	}
	if same := g.ok("PATCH", rcp, `{"comment": "x"}`); fmt.Sprint(same["limits"]) != "map[burst:100 concurrent:5]" {
		t.Errorf("a comment changed %v", same)
	}
}

func TestRecipientWithTheServersOwnTokenIsWarnedOf(t *testing.T) {
	g := startGateway(t)
	made := g.ok("POST", recipientsPath, `{"name": "legacy", "grants": ["*"], "token": "upstream-secret"}`)
	if made["activation_link"] != nil || made["activation_link_expires_at"] != nil {
		t.Errorf("it has a link beside its token: %v", made)
	}
	for _, seen := range []map[string]any{made, g.ok("GET", recipientsPath+"/legacy", "")} {
		if seen["warning"] != isTheServersOwn {
			t.Errorf("warned %v", seen["warning"])
		}
	}
	token := made["tokens"].([]any)[0].(map[string]any)
	if token["imported"] != true || token["kind"] != "bearer token" || token["expires_at"] != nil {
		t.Errorf("the token is %v", token)
	}
	logger, logs := observe(0)
	g.app.logger = logger
	g.app.warnOfUpstreamTokens(t.Context())
	if logs.Len() != 1 || logs.All()[0].ContextMap()["recipient"] != "legacy" || strings.Contains(fmt.Sprint(logs.All()), "upstream-secret") {
		t.Errorf("logged %v", logs.All())
	}
	if other := g.ok("POST", recipientsPath, `{"name": "other", "grants": ["*"], "token": "another-secret"}`); other["warning"] != nil {
		t.Errorf("another token is warned of: %v", other["warning"])
	}
	if revoked := g.ok("POST", recipientsPath+"/legacy/revoke", ""); revoked["warning"] != nil {
		t.Errorf("a revoked token is warned of: %v", revoked["warning"])
	}
	g.app.warnOfUpstreamTokens(t.Context())
	if logs.Len() != 1 {
		t.Error("a revoked token is warned of at the start")
	}
}

func TestUsageShowsWhoUsesOldTokensOnly(t *testing.T) {
	g := startGateway(t)
	shares := "http://sharing.example.com/delta-sharing/shares"
	g.ok("POST", recipientsPath, `{"name": "legacy", "grants": ["*"], "token": "a-token-of-before"}`)
	current := g.activate(g.create("acme", "sales")["activation_link"])
	g.get(shares, current)
	g.get(shares, "a-token-of-before")
	g.get(shares, "a-token-of-before")

	legacy := g.ok("GET", recipientsPath+"/legacy/usage", "")
	clients := legacy["clients"].([]any)
	if len(clients) != 1 || legacy["has_old_token"] != true {
		t.Fatalf("used by %v", legacy)
	}
	if client := clients[0].(map[string]any); client["client_ip"] == "" || client["imported"] != true || client["status"] != "active" || client["last_seen_at"] == nil {
		t.Errorf("client %v", client)
	}
	if acme := g.ok("GET", recipientsPath+"/acme/usage", ""); acme["has_old_token"] != false || len(acme["clients"].([]any)) != 0 {
		t.Errorf("a token in use counts as old: %v", acme)
	}
	g.ok("POST", recipientsPath+"/acme/rotate", `{"old_expires_in": "1h"}`)
	g.get(shares, current)
	if acme := g.ok("GET", recipientsPath+"/acme/usage", ""); acme["has_old_token"] != true || len(acme["clients"].([]any)) != 1 {
		t.Errorf("the rotated token is used by %v", acme)
	}
}

// A federated recipient that another policy of the name replaced would be shut out.
func TestFederationPolicyIsNotReplacedUnasked(t *testing.T) {
	g := startGateway(t)
	g.ok("POST", recipientsPath, `{"name": "acme", "auth": "federation", "grants": ["sales"]}`)
	const policy = `{"name": "theirs", "issuer": "http://127.0.0.1:9", "audiences": ["a"], "subject": %q}`
	made := g.ok("POST", recipientsPath+"/acme/federation", fmt.Sprintf(policy, "one"))
	if made["state"] != "federated" {
		t.Errorf("made %v", made)
	}
	if status, answer := g.call("POST", recipientsPath+"/acme/federation", fmt.Sprintf(policy, "two")); status != 400 {
		t.Errorf("replaced: %d %v", status, answer)
	}
	shown := g.ok("GET", recipientsPath+"/acme", "")["federation"].([]any)
	if len(shown) != 1 || shown[0].(map[string]any)["subject"] != "one" {
		t.Errorf("shown %v", shown)
	}
	if status, answer := g.call("POST", recipientsPath+"/acme/rotate", `{"old_expires_in": "1h"}`); status != 400 || !strings.Contains(fmt.Sprint(answer["error"]), "identity provider") {
		t.Errorf("rotated: %d %v", status, answer)
	}
}
