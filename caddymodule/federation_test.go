package caddymodule

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// keyServer is an identity provider's key set on this machine. It tells of each
// fetch, and signs tokens.
type keyServer struct {
	*httptest.Server
	fetched chan struct{}
	signer  jose.Signer
}

func newKeyServer(t *testing.T) *keyServer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private := jose.JSONWebKey{Key: key, KeyID: "k1", Algorithm: "ES256", Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &keyServer{fetched: make(chan struct{}, 10), signer: signer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}})
		s.fetched <- struct{}{}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) token(t *testing.T) string {
	t.Helper()
	claims, err := json.Marshal(map[string]any{
		"iss": s.URL, "aud": "sharing", "sub": "acme-client", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// vouch makes a recipient of the running configuration that the key server vouches for.
func (s *keyServer) vouch(t *testing.T) {
	t.Helper()
	app, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	scheme, err := app.scheme("delta", "default")
	if err != nil {
		t.Fatal(err)
	}
	partners := scheme.(*delta.Scheme)
	if _, err := partners.Create(t.Context(), delta.Order{Name: "acme", Auth: tokenstore.Federation, Grants: []string{"*"}}, "test"); err != nil {
		t.Fatal(err)
	}
	policy := tokenstore.FederationPolicy{Issuer: s.URL, JWKS: s.URL, Audiences: []string{"sharing"}, Subject: "acme-client"}
	if _, err := partners.AddFederation(t.Context(), "acme", policy, "test"); err != nil {
		t.Fatal(err)
	}
}

// verify has the running configuration verify a token of a realm's policies.
func (s *keyServer) verify(t *testing.T, realm string) error {
	t.Helper()
	app, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	backend, err := app.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, known, err := backend.Issuers.Verify(t.Context(), realm, s.URL, s.token(t))
	if !known {
		t.Fatalf("realm %s does not know the issuer: %v", realm, err)
	}
	return err
}

// Its issuers would be fetched until the next restart.
func TestReloadLetsGoOfTheIssuersOfARealmThatItRemoves(t *testing.T) {
	provider := newKeyServer(t)
	directory := filepath.Join(t.TempDir(), "store")
	site := func(realm string) []byte {
		return config(t, storeApp(directory)+","+httpApp(`{"handle": [`+gateJSON("the site", `, "realm": "`+realm+`"`)+`]}`))
	}
	run(t, site("default"))
	provider.vouch(t)
	<-provider.fetched
	for deadline := time.Now().Add(10 * time.Second); provider.verify(t, "default") != nil; { // until the keys are in use
		if time.Now().After(deadline) {
			t.Fatal(provider.verify(t, "default"))
		}
	}
	if err := caddy.Load(config(t, storeApp(directory)+","+httpApp(`{"handle": [`+gateJSON("the site", `, "max_tokens": 1`)+`]}`)), true); err == nil {
		t.Fatal("it loads")
	}
	if err := provider.verify(t, "default"); err != nil {
		t.Errorf("after a reload that failed: %v", err)
	}
	run(t, site("other"))
	if err := provider.verify(t, "default"); !errors.Is(err, keyring.ErrUnavailable) {
		t.Fatalf("without the realm: %v", err)
	}
	run(t, site("default"))
	<-provider.fetched
}

// Fetched anew at each reload, the keys would be missing for every token meanwhile;
// fetched with the first token only, it would be refused.
func TestKeysOfFederationPoliciesOutliveReloadsAndAreFetchedAtStart(t *testing.T) {
	provider := newKeyServer(t)
	directory := filepath.Join(t.TempDir(), "store")
	site := func(options string) *caddyhttp.Server {
		t.Helper()
		run(t, config(t, storeApp(directory)+","+httpApp(`{"handle": [`+gateJSON("the site", options)+`,
			{"handler": "static_response", "body": "{\"items\":[]}"}]}`)))
		app, err := caddy.ActiveContext().App("http")
		if err != nil {
			t.Fatal(err)
		}
		return app.(*caddyhttp.App).Servers["srv"]
	}
	get := func(server http.Handler) int {
		r := httptest.NewRequest(http.MethodGet, "https://sharing.example.com/delta-sharing/shares", nil)
		r.Header.Set("Authorization", "Bearer "+provider.token(t))
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		return w.Code
	}
	// until the keys that were fetched are in use
	waitFor := func(server http.Handler, status int) {
		t.Helper()
		<-provider.fetched
		for deadline := time.Now().Add(10 * time.Second); get(server) != status; {
			if time.Now().After(deadline) {
				t.Fatalf("status %d, want %d", get(server), status)
			}
		}
	}

	server := site("")
	provider.vouch(t)
	waitFor(server, http.StatusOK)

	server = site(`, "max_tokens": 3`)
	if status := get(server); status != http.StatusOK {
		t.Errorf("after a reload: %d", status)
	}
	if n := len(provider.fetched); n != 0 {
		t.Errorf("the reload fetched the keys anew, %d times", n)
	}

	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	waitFor(site(""), http.StatusOK) // fetched before there was a token
}
