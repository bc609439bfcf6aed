package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestThousandRulesAreAThousand(t *testing.T) {
	seen := make(map[string]bool)
	for line := range strings.Lines(thousandRules()) {
		seen[line] = true
	}
	if len(seen) != 1000 {
		t.Errorf("there are %d rules", len(seen))
	}
}

func TestIdentityTokensAreOfAnotherUserEach(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := &market{tokens: make([]string, 3)}
	users := make(map[string]bool)
	for n := range m.tokens {
		if m.tokens[n], err = identityToken(key, n); err != nil {
			t.Fatal(err)
		}
		signed, err := jose.ParseSigned(m.tokens[n], []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		claims, err := signed.Verify(&key.PublicKey)
		if err != nil || !strings.Contains(string(claims), `"iid":"rs:rs.example.com"`) {
			t.Errorf("the claims are %s, %v", claims, err)
		}
		users[string(claims[:60])] = true
	}
	if len(users) != 3 {
		t.Errorf("three tokens are of %d users", len(users))
	}
	for n, w := range m.works() {
		if w.once > 0 && string(w.request("x", 1)) == string(w.request("x", 2)) {
			t.Errorf("work %d repeats a token", n)
		}
	}
}
