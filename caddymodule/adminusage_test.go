package caddymodule

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/caddymodule/tokenlist"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Who is not in a full list may still use the token: an operator must not take it for
// the whole.
func TestFullListOfClientsSaysThatThereMayBeMore(t *testing.T) {
	g := startGateway(t)
	if _, view := g.importing(tokenlist.Row{Name: "legacy", Token: "token-of-many"}); view.Imported != 1 {
		t.Fatalf("%+v", view)
	}
	id := g.ok("GET", recipientsPath+"/legacy", "")["tokens"].([]any)[0].(map[string]any)["id"].(string)
	store := g.app.backend.Load().Store
	for i := range tokenstore.MaxClients + 1 {
		store.TouchBy(id, fmt.Sprint("192.0.2.", i), "client")
		var (
			view usageView
			text strings.Builder
		)
		answer, _ := json.Marshal(g.ok("GET", recipientsPath+"/legacy/usage", ""))
		if err := json.Unmarshal(answer, &view); err != nil {
			t.Fatal(err)
		}
		view.writeTo(&text)
		known, full := min(i+1, tokenstore.MaxClients), i+1 >= tokenstore.MaxClients
		if len(view.Clients) != known || view.Full != full || strings.Contains(text.String(), "more callers than are kept (200 of") != full {
			t.Fatalf("of %d clients %d are shown, full %t: %s", i+1, len(view.Clients), view.Full, text.String())
		}
	}
}
