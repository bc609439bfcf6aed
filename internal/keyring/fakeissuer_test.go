package keyring

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

const audience = "https://gateway.example"

// fakeIssuer is an OpenID Connect issuer on this machine, whose answers a test
// can change.
type fakeIssuer struct {
	*httptest.Server
	fetches atomic.Int32 // of the key set

	mu     sync.Mutex
	keySet http.HandlerFunc
	config http.HandlerFunc
}

func newFakeIssuer(t testing.TB, keys ...jose.JSONWebKey) *fakeIssuer {
	f := &fakeIssuer{}
	mux := http.NewServeMux()
	serve := func(h *http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			now := *h
			f.mu.Unlock()
			now(w, r)
		}
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", serve(&f.config))
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		f.fetches.Add(1)
		serve(&f.keySet)(w, r)
	})
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	f.publish(keys...)
	f.answer(&f.config, writeJSON(map[string]string{"issuer": f.URL, "jwks_uri": f.URL + "/keys"}))
	return f
}

func (f *fakeIssuer) answer(which *http.HandlerFunc, h http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*which = h
}

func (f *fakeIssuer) publish(keys ...jose.JSONWebKey) {
	if keys == nil {
		keys = []jose.JSONWebKey{}
	}
	f.answer(&f.keySet, writeJSON(jose.JSONWebKeySet{Keys: keys}))
}

func writeJSON(v any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(v) }
}

// issuer returns an Issuer for f with f's present keys and a clock to move.
func (f *fakeIssuer) issuer(t testing.TB, change func(*IssuerConfig)) (*Issuer, *clock) {
	t.Helper()
	c := &clock{now: epoch}
	cfg := IssuerConfig{Issuer: f.URL, Audience: audience, Client: f.Client(), Now: c.Now}
	if change != nil {
		change(&cfg)
	}
	i, err := NewIssuer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !i.refresh(context.Background()) {
		t.Fatal("first fetch failed")
	}
	return i, c
}

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// signer is a key pair with its name.
type signer struct {
	id  string
	alg string
	key crypto.Signer
}

func (s signer) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.Public(), KeyID: s.id, Use: "sig"}
}

var (
	rsaKey, _   = rsa.GenerateKey(rand.Reader, 2048)
	rsaSmall, _ = rsa.GenerateKey(rand.Reader, 1024)
	p256, _     = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p256b, _    = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _     = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, edKey, _ = ed25519.GenerateKey(rand.Reader)

	byRSA = signer{"rsa", "RS256", rsaKey}
	byEC  = signer{"ec", "ES256", p256}
	byEC2 = signer{"ec2", "ES256", p256b}
	byEd  = signer{"ed", "EdDSA", edKey}
)

type object = map[string]any

// claims returns good claims for issuer iss, with changes; a nil value stays
// null, and the value absent removes the claim.
func claims(iss string, changes object) object {
	c := object{
		"iss": iss, "aud": audience, "sub": "acme",
		"iat": epoch.Unix(), "exp": epoch.Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		if c[name] = value; value == absent {
			delete(c, name)
		}
	}
	return c
}

type absence struct{}

var absent = absence{}

// token signs claims; header adds to and overrides alg, typ and kid.
func (s signer) token(t testing.TB, claims, header object) string {
	t.Helper()
	h := object{"alg": s.alg, "typ": "JWT", "kid": s.id}
	for name, value := range header {
		if h[name] = value; value == absent {
			delete(h, name)
		}
	}
	return s.sign(t, mustJSON(t, h), mustJSON(t, claims))
}

// sign signs texts as they are, with the signer's algorithm.
func (s signer) sign(t testing.TB, header, payload string) string {
	t.Helper()
	text := encode(header) + "." + encode(payload)
	sig, err := jwt.GetSigningMethod(s.alg).Sign(text, s.key)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(string(sig))
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
