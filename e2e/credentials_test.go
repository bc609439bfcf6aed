package e2e

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// credential is an element of what the credentials API lists.
type credential struct {
	ID             string  `json:"id"`
	Status         string  `json:"status"`
	ActivationLink *string `json:"activation_link"`
	CreatedAt      string  `json:"created_at"`
	ActivatedAt    *string `json:"activated_at"`
	ExpiresAt      string  `json:"expires_at"`
}

// manager calls the credentials API for a recipient.
type manager struct {
	*gateway
	auth  string // the header line
	array bool   // the site answers a bare array
}

// createManaged makes a recipient with a management key.
func (g *gateway) createManaged(t *testing.T, name string, grants ...string) *manager {
	t.Helper()
	g.createRecipient(t, name, grants...)
	return g.manager(t, name)
}

// manager gives a recipient a management key.
func (g *gateway) manager(t *testing.T, name string) *manager {
	t.Helper()
	var made struct {
		Key string `json:"management_key"`
	}
	g.GatehouseJSON(&made, "recipient", "management-key", name)
	if made.Key == "" {
		t.Fatalf("recipient %s got no management key", name)
	}
	return &manager{gateway: g, auth: bearer(made.Key)}
}

// endingIn is the body of POST and PATCH.
func endingIn(seconds int) string {
	return fmt.Sprintf(`{"existing_token_expiry_time_in_seconds": %d}`, seconds)
}

// call sends a request to the credentials API; GET has no body.
func (m *manager) call(t *testing.T, method, body string) harness.Answer {
	t.Helper()
	if method == "GET" {
		return m.send(t, "GET", "/dds-tokens", m.auth)
	}
	return m.sendBody(t, method, "/dds-tokens", body, m.auth, "Content-Type: application/json")
}

// list is call for a request that must succeed. It decodes the answer.
func (m *manager) list(t *testing.T, method, body string) []credential {
	t.Helper()
	got := m.call(t, method, body)
	if got.Status != 200 || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %s: got %d %v %s", method, body, got.Status, got.Header, got.Body)
	}
	var (
		list []credential
		err  error
	)
	if m.array {
		err = json.Unmarshal([]byte(got.Body), &list)
	} else {
		var envelope struct{ Tokens []credential }
		err = json.Unmarshal([]byte(got.Body), &envelope)
		list = envelope.Tokens
	}
	if err != nil || list == nil {
		t.Fatalf("%s answered no list: %v\n%s", method, err, got.Body)
	}
	return list
}
