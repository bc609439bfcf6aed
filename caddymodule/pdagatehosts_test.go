package caddymodule

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes/pda"
)

func TestTokenOfOneAccountIsNothingAtAnother(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	bobs := h.signInAt(bob, bobPassword)
	h.application(token, "notes-app", "namespace-read:notes")
	for range 2 { // also with the identity remembered for the other host
		for _, path := range []string{"/users/access_token/validate", "/api/v2.6/data/notes/daily", "/api/v2.6/applications/notes-app/access-token"} {
			h.send(askAlice("GET", path, token)).want(200, "")
			h.send(askAlice("GET", "http://"+bob+path, token)).want(401, notAuthenticatedBody)
			h.send(askAlice("GET", path, bobs)).want(401, notAuthenticatedBody)
		}
	}
	// Also if both have one key, as servers that share it do.
	const carol = "carol.pda.example.com"
	_, err := h.pda.CreateAccount(t.Context(), pda.AccountOrder{
		Host: carol, Password: bobPassword, Key: keyPEM(householdKeys()[0]), Crypter: []byte(aliceCrypter),
	}, "a test")
	h.must(err)
	h.send(askAlice("GET", "http://"+carol+"/users/access_token/validate", token)).want(401, notAuthenticatedBody)
	moved := forge(t, householdKeys()[0], headerOf(t, token), with(said(t, token), map[string]any{"iss": carol}))
	h.send(askAlice("GET", "http://"+carol+"/users/access_token/validate", moved)).want(401, notAuthenticatedBody)
	// Bob's password opens nothing of alice's, and setting up is the own account's.
	h.send(askAlice("GET", "/users/access_token", "", "Username", "bob", "Password", bobPassword)).want(401, notAuthenticatedBody)
	account, _, _, err := h.store.AccountByHost(t.Context(), people, bob)
	h.must(err)
	if len(account.Applications) != 0 {
		t.Error("alice's set-up is on bob's account")
	}
}

func TestUnknownHostIsUnavailable(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	for _, path := range []string{
		"/users/access_token", "/users/access_token/validate", "/publickey", "/.well-known/jwks.json", "/api/v2.6/data/notes/daily",
		"/healthz", "/system/update", "/nowhere", "/", "/api/v2/applications/x/hmi", "/api/v2/files/content/x",
	} {
		for _, who := range []string{"", token, "garbage"} {
			a := h.send(askAlice("GET", "http://mallory.pda.example.com"+path, who, "Username", "alice", "Password", alicePassword))
			a.want(http.StatusNotFound, unavailableBody)
			if a.forwarded != nil || a.fresh() != "" {
				t.Errorf("%s: passed on, or answered with a token", path)
			}
		}
	}
}

func TestSpellingsOfAHost(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	for host, want := range map[string]int{
		alice:                              200,
		"ALICE.pda.Example.com":            200,
		alice + ".":                        200,
		alice + ":8443":                    200,
		alice + ".:443":                    200,
		"xalice.pda.example.com":           404,
		alice + ".evil.example.com":        404,
		"pda.example.com":                  404,
		"alice.pda.example.com:8443:1":     400,
		"alice.pda.example.com@evil.com":   400,
		"alice_pda_example_com/../x":       400,
		"alice.pda.example.com\x00.evil.x": 400,
		"":                                 400,
	} {
		r := askAlice("GET", "/users/access_token/validate", token)
		r.Host = host
		if a := h.send(r); a.Code != want {
			t.Errorf("%q: %d, want %d", host, a.Code, want)
		}
	}
}

func TestIssuerIsWhereClientsReachTheAccount(t *testing.T) {
	h := newHousehold(t)
	for host, want := range map[string]string{
		alice:                        alice,
		alice + ":80":                alice,
		alice + ":443":               alice,
		alice + ":8443":              alice + ":8443",
		"ALICE.pda.Example.com:8443": alice + ":8443",
		alice + ".":                  alice,
	} {
		r := askAlice("GET", "/users/access_token", "", "Username", "alice", "Password", alicePassword)
		r.Host = host
		token := h.send(r).want(200, "").fresh()
		claims := said(t, token)
		if claims["iss"] != want || claims["resource"] != want || claims["accessScope"] != "owner" {
			t.Errorf("at %s: iss %v, resource %v, accessScope %v", host, claims["iss"], claims["resource"], claims["accessScope"])
		}
		// It is good at any port, and says the same issuer when it is renewed.
		h.wantStatus(200, map[string]string{host: token})
		h.advance(3 * 60e9)
		other := askAlice("GET", "/users/access_token/validate", token)
		other.Host = alice + ":9999"
		if got := said(t, h.send(other).want(200, "").fresh())["iss"]; got != want {
			t.Errorf("renewed, iss became %v", got)
		}
	}
	const dora = "dora.pda.example.com"
	_, err := h.pda.CreateAccount(t.Context(), pda.AccountOrder{Host: dora, Address: dora + ":4433", Password: bobPassword}, "a test")
	h.must(err)
	if got := said(t, h.signInAt(dora, bobPassword))["iss"]; got != dora+":4433" {
		t.Errorf("a fixed address: iss %v", got)
	}
}
