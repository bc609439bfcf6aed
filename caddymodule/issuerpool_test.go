package caddymodule

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// Keys that were fetched anew at each reload would refuse every JWT meanwhile.
func TestIssuerOutlivesAReload(t *testing.T) {
	// Nobody listens there: the keys are never found, and nothing leaves the machine.
	const api = `, "credentials_api": {"path": "/t", "audience": "sharing", "issuer": "https://127.0.0.1:1"}`
	key := issuerKey{issuer: "https://127.0.0.1:1", audience: "sharing"}
	sites := func(options string) []byte {
		return config(t, storeApp(t.TempDir())+","+httpApp(
			`{"match": [{"host": ["a"]}], "handle": [`+gateJSON("site-a", api+options)+`]},
			 {"match": [{"host": ["b"]}], "handle": [`+gateJSON("site-b", api+options)+`]}`))
	}
	issuer := func(want int) any {
		t.Helper()
		if refs, _ := issuers.References(key); refs != want {
			t.Errorf("%d references, want %d", refs, want)
		}
		var found any
		issuers.Range(func(k, value any) bool {
			if k == key {
				found = value
			}
			return true
		})
		return found
	}
	run(t, sites(""))
	before := issuer(2)
	run(t, sites(`, "max_tokens": 3`))
	if after := issuer(2); after != before {
		t.Error("the reload made another issuer")
	}
	if err := caddy.Load(sites(`, "max_tokens": 1`), true); err == nil {
		t.Fatal("it loads")
	}
	if after := issuer(2); after != before {
		t.Error("the failed reload let go of the issuer")
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if issuer(0) != nil {
		t.Error("the issuer outlives its last configuration")
	}
}
