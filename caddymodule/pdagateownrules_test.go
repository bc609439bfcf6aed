package caddymodule

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes/pda"
)

// What the server behind says of its users is read whole, and judged again then as its
// caller's: so it has to have one.
func TestOwnRulesDoNotShowUsersToNobody(t *testing.T) {
	rules, err := policies.Parse("own", "allow GET,PUT /users/{rest...} public")
	if err != nil {
		t.Fatal(err)
	}
	h := newHousehold(t, func(c *pda.Config) { c.Rules = rules })
	owner := h.signIn()
	h.behind = func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, `[{"userId":"u","pass":"$2a$12$abc"}]`)
		return err
	}
	for _, call := range []string{
		"GET /users/user", "GET /users/user/", "GET /users/user/" + aliceID + "/enable", "GET /users/user/" + aliceID + "/disable",
		"PUT /users/user/" + aliceID + "/update", "PUT /users/user",
	} {
		method, path, _ := strings.Cut(call, " ")
		a := h.send(askAliceWith(method, path, "", "{}", "Content-Type", "application/json")).want(http.StatusUnauthorized, notAuthenticatedBody)
		if a.forwarded != nil {
			t.Errorf("%s by nobody reached the server behind", call)
		}
		h.send(askAliceWith(method, path, owner, "{}", "Content-Type", "application/json")).want(http.StatusOK, `[{"userId":"u"}]`)
	}
}
