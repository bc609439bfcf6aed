package caddymodule

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Tokens of an exchange can be told from a configuration alone if its keys are in a file.
func TestTokenIsExplainedOffline(t *testing.T) {
	e := newExchange(t)
	store := filepath.Join(t.TempDir(), "store")
	file := write(t, "caddy.json", string(config(t, storeApp(store)+","+httpApp(`{"match": [{"host": ["apd.example.com"]}], "handle": [`+e.gate("")+`]}`))))
	hour := time.Hour
	for _, tc := range []struct {
		name, token, path      string
		decision, at, reason   string
		role, subject, problem string
	}{
		{"a consumer", e.token(nil), "/consumer/list/resources", "allow", "", "allowed_role", "consumer", someUser, ""},
		{"a consumer where providers may", e.token(nil), "/provider/list/products", "deny", "rules", "role_missing", "consumer", someUser, ""},
		{"one that has expired", e.token(map[string]any{"exp": time.Now().Add(-hour).Unix()}), "/consumer/list/resources", "deny", "identity", "", "", "", "expired"},
		{"one of another key", newExchange(t).token(nil), "/consumer/list/resources", "deny", "identity", "bad_credential", "", "", "signature"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			said, _, err := explainFile(t.Context(), file, "", explainQuery{Method: "GET", Address: "http://apd.example.com" + tc.path, Token: tc.token})
			if err != nil {
				t.Fatal(err)
			}
			if said.Decision != tc.decision || said.RefusedAt != tc.at || tc.reason != "" && said.Reason != tc.reason {
				t.Errorf("%+v", said)
			}
			if tc.subject != "" && (said.Identity == nil || said.Identity.Subject != tc.subject || said.Identity.Roles[0] != tc.role) {
				t.Errorf("who: %+v", said.Identity)
			}
			if !strings.Contains(said.Code+said.Cause, tc.problem) {
				t.Errorf("the cause is %q (%s)", said.Cause, said.Code)
			}
			if !said.Offline || len(said.Notes) == 0 {
				t.Errorf("it does not say that no server was asked: %+v", said)
			}
		})
	}
	if _, err := os.Stat(store); err == nil {
		t.Error("the store was made")
	}
}

// Keys that are not in a file are with the running server, as the store is: without them
// nothing is told, also not that the token is refused.
func TestTokenIsNotExplainedOfflineWithoutKeys(t *testing.T) {
	e := newExchange(t)
	text := string(config(t, storeApp(t.TempDir())+","+httpApp(`{"match": [{"host": ["apd.example.com"]}], "handle": [`+e.gate("")+`]}`)))
	text = strings.Replace(text, fmt.Sprintf(`"key_file": %q`, e.keyFile), `"keys": "https://127.0.0.1:1/keys"`, 1)
	said, _, err := explainFile(t.Context(), write(t, "caddy.json", text), "", explainQuery{
		Method: "GET", Address: "http://apd.example.com/consumer/list/resources", Token: e.token(nil),
	})
	if err == nil || !strings.Contains(err.Error(), "without a running server: leave --caddyfile out") {
		t.Errorf("%+v, %v", said, err)
	}
}

// What the running server says of a token, with keys and store.
func TestExchangeTokenIsExplained(t *testing.T) {
	e := newExchange(t)
	g := e.start("")
	end := time.Date(2099, time.January, 1, 0, 0, 0, 0, time.UTC)
	token := e.token(map[string]any{"role": "delegate", "did": otherUser, "drl": "provider", "exp": end.Unix()})
	said := g.explain(explainQuery{Method: "GET", Address: "/provider/list/products", Token: token})
	if said.Decision != allowed || said.Identity == nil || said.Identity.Subject != otherUser || said.Identity.Delegate != someUser {
		t.Errorf("%+v %+v", said, said.Identity)
	}
	if at := said.Identity.ExpiresAt; at == nil || at.Before(end) || at.After(end.Add(time.Minute)) {
		t.Errorf("a token good until %s ends at %v", end, at)
	}
	for _, change := range said.Forwarded.Headers {
		if change.Name == "Authorization" && change.Change != headerKept {
			t.Errorf("%+v", change)
		}
	}
}
