package caddymodule

import (
	"net"
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

// Who only checks a configuration, or asks what it would do, must not call other servers.
func TestConfigurationThatDoesNotRunFetchesNoKeys(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	called := make(chan struct{})
	accepted := make(chan struct{}, 1)
	go func() {
		defer close(called)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
			select {
			case accepted <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-called
	})
	key := issuerKey{issuer: "https://" + listener.Addr().String(), audience: "sharing"}
	text := config(t, storeApp(t.TempDir())+","+httpApp(`{"handle": [`+
		gateJSON("a", `, "credentials_api": {"path": "/t", "audience": "sharing", "issuer": "`+key.issuer+`"}`)+`]}`))

	// Held, so that what a check begins would outlast it.
	held, err := holdIssuer(key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := issuers.Delete(key); err != nil {
			t.Error(err)
		}
	})
	began := false
	begin := held.start
	held.start = func() {
		began = true
		begin()
	}
	if err := validate(text); err != nil {
		t.Fatal(err)
	}
	if _, _, err := explainFile(t.Context(), write(t, "caddy.json", string(text)), "", explainQuery{Method: "GET", Address: "http://a.example.com/t"}); err != nil {
		t.Fatal(err)
	}
	if refs, _ := issuers.References(key); refs != 1 {
		t.Errorf("%d references are left", refs-1)
	}
	if began || len(accepted) != 0 {
		t.Error("the keys were fetched")
	}
	run(t, text)
	if !began {
		t.Fatal("a configuration that runs has nobody fetch its keys")
	}
	<-accepted
}
