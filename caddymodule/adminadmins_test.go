package caddymodule

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

const adminsPath = "/gatehouse/delta/default/admins"

func TestAdminTokensLifeOverTheAdminAPI(t *testing.T) {
	g := startGateway(t)
	made := g.ok("POST", adminsPath, `{"name": "terraform", "role": "read-only", "lifetime": "30d"}`)
	token, _ := made["token"].(string)
	if !strings.HasPrefix(token, "ghk_") || made["role"] != "read-only" || made["status"] != "active" || made["created_by"] != "local" {
		t.Fatalf("made %v", made)
	}
	found, err := g.app.scheme(delta.Name, "default")
	if err != nil {
		t.Fatal(err)
	}
	scheme := found.(*delta.Scheme)
	if admin, err := scheme.Admin(t.Context(), token); err != nil || admin.Name != "terraform" || admin.Role != tokenstore.AdminReadOnly {
		t.Errorf("the token is %+v, %v", admin, err)
	}
	if made := g.ok("POST", adminsPath, `{"name": "ops"}`); made["role"] != "full" {
		t.Errorf("without a role: %v", made)
	}
	if status, answer := g.call("POST", adminsPath, `{"name": "Terraform"}`); status != 409 {
		t.Errorf("the name again: %d %v", status, answer)
	}
	listed := fmt.Sprint(g.ok("GET", adminsPath, ""))
	if !strings.Contains(listed, "terraform") || !strings.Contains(listed, "ops") || strings.Contains(listed, "ghk_") {
		t.Errorf("listed %s", listed)
	}
	if revoked := g.ok("POST", adminsPath+"/TERRAFORM/revoke", ""); revoked["status"] != "revoked" || revoked["revoked_at"] == nil {
		t.Errorf("revoked %v", revoked)
	}
	if _, err := scheme.Admin(t.Context(), token); err == nil {
		t.Error("a revoked admin token is good")
	}
	for _, entry := range g.logs.All() {
		if strings.Contains(fmt.Sprint(entry.ContextMap()), token) {
			t.Error("the log tells the token")
		}
	}
}
