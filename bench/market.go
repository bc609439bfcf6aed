package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What the tokens of the marketplace say, and where its calls go.
const (
	cosDomain      = "cos.example.com"
	resourceServer = "rs.example.com"
	productsPath   = "/consumer/list/products"
)

// market is a gateway of a DX marketplace with the shipped rules, and one with a thousand
// rules of an operator's own.
type market struct {
	shipped, thousand *server
	tokens            []string // of as many consumers
	strangers         string   // signed with another key
}

// startMarket signs the tokens and starts the two.
func (b *bench) startMarket(ctx context.Context) (*market, error) {
	say("signing %s identity tokens", thousands(b.identities))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	m := &market{tokens: make([]string, b.identities)}
	for n := range m.tokens {
		if m.tokens[n], err = identityToken(key, n); err != nil {
			return nil, err
		}
	}
	if m.strangers, err = identityToken(other, 0); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	keyFile, rulesFile := filepath.Join(b.directory, "aaa.pem"), filepath.Join(b.directory, "thousand.rules")
	for name, text := range map[string]string{
		keyFile:   string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		rulesFile: thousandRules(),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	for name, to := range map[string]**server{"dmp-apd": &m.shipped, rulesFile: &m.thousand} {
		site := strings.NewReplacer("{KEYS}", keyFile, "{RULES}", name).Replace(marketSite)
		folder := "market-" + strings.TrimSuffix(filepath.Base(name), ".rules")
		if *to, err = b.start(ctx, folder, site, filepath.Join(b.directory, folder+"-store")); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// identityToken is one of a consumer's, as the authorisation server signs it.
func identityToken(key *ecdsa.PrivateKey, user int) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("iss", cosDomain))
	if err != nil {
		return "", err
	}
	now := time.Now().Unix()
	signed, err := signer.Sign(fmt.Appendf(nil,
		`{"sub":"00000000-0000-4000-8000-%012d","iss":%q,"aud":%q,"exp":%d,"iat":%d,"iid":"rs:%[3]s","role":"consumer","cons":{}}`,
		user, cosDomain, resourceServer, now+12*3600, now-60))
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// thousandRules are a large operator's own: services with literal paths, with names in
// them and with everything below, and the one that the calls of the bench need.
func thousandRules() string {
	var rules strings.Builder
	for n := range 333 {
		fmt.Fprintf(&rules, "allow GET /services/s%d/records/{id} role consumer,provider\n", n)
		fmt.Fprintf(&rules, "allow POST /services/s%d/records role provider\n", n)
		fmt.Fprintf(&rules, "allow GET /files/f%d/{path...} role consumer\n", n)
	}
	fmt.Fprintf(&rules, "allow GET %s role consumer\n", productsPath)
	return rules.String()
}

// marketPrefix begins the names of all that is measured of marketplaces.
const marketPrefix = "dx: "

// works are what is measured of a marketplace against bare Caddy.
func (m *market) works() []work {
	count := uint64(len(m.tokens))
	repeated := func(host string, _ uint64) []byte { return marketCall(host, m.tokens[0]) }
	return []work{
		{
			name: marketPrefix + "repeated identity token", limit: 1.10, status: http.StatusOK, to: m.shipped,
			request: repeated,
		},
		{
			name: marketPrefix + "repeated identity token, 1,000 rules", limit: 1.10, status: http.StatusOK, to: m.thousand,
			request: repeated,
		},
		{
			// A signature to verify and a cut-off to look up for each.
			name: marketPrefix + "another identity token each time, of " + thousands(count), limit: 1.25,
			status: http.StatusOK, once: count, to: m.shipped,
			request: func(host string, n uint64) []byte { return marketCall(host, m.tokens[n%count]) },
		},
		{
			name: marketPrefix + "garbage: malformed", limit: 1, status: http.StatusUnauthorized, to: m.shipped,
			request: func(host string, _ uint64) []byte { return marketCall(host, "e30.e30.AAAA") },
		},
		{
			// Only a signature's verification can tell, so this has no limit.
			name: marketPrefix + "garbage: another key's signature", status: http.StatusUnauthorized, to: m.shipped,
			request: func(host string, _ uint64) []byte { return marketCall(host, m.strangers) },
		},
	}
}
