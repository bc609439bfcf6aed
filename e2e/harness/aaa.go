package harness

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"
)

// AAA stands in for the authorisation server of a DX deployment: it shows its one key as
// a key set and as a certificate, mints the five kinds of tokens that the real one does,
// and tells a server that a user's tokens are over. Like the real one it names no key in
// its tokens, calls every key ES256, and goes on using a certificate that has expired.
type AAA struct {
	outage

	mu      sync.Mutex
	key     *ecdsa.PrivateKey
	answer  http.HandlerFunc // instead of its keys, if set
	fetches int
	ended   int
}

// The names of a deployment.
const (
	CosDomain      = "cos.example.com" // who issues
	ResourceServer = "rs.example.com"  // whose identity tokens they are
	APD            = "apd.example.com" // the marketplace
)

// StartAAA starts one. It stops when the test ends.
func StartAAA(tb testing.TB) *AAA {
	tb.Helper()
	a := &AAA{outage: outage{tb: tb, addr: Address(tb)}, key: NewECKey(tb)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth/v1/jwks", a.serve(a.writeKeys))
	mux.HandleFunc("GET /auth/v1/cert", a.serve(a.writeCertificate))
	a.handler = mux
	a.Run()
	tb.Cleanup(a.Stop)
	return a
}

// Keys is where its key set is.
func (a *AAA) Keys() string { return "http://" + a.addr + "/auth/v1/jwks" }

// Certificate is where its certificate is.
func (a *AAA) Certificate() string { return "http://" + a.addr + "/auth/v1/cert" }

// RotateKey makes another key, which alone is shown from now on.
func (a *AAA) RotateKey() {
	key := NewECKey(a.tb)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.key = key
}

// AnswerKeysWith makes it answer so where its keys were; nil shows them again.
func (a *AAA) AnswerKeysWith(answer http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = answer
}

// Fetches counts how often its keys were asked for.
func (a *AAA) Fetches() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fetches
}

// Answered counts how many of those have been answered to the end.
func (a *AAA) Answered() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ended
}

// Key is the one that signs.
func (a *AAA) Key() *ecdsa.PrivateKey {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.key
}

// PublicPEM is its public half.
func (a *AAA) PublicPEM() string {
	der, err := x509.MarshalPKIXPublicKey(&a.Key().PublicKey)
	if err != nil {
		a.tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func (a *AAA) serve(write func(http.ResponseWriter)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.fetches++
		answer := a.answer
		a.mu.Unlock()
		defer func() {
			a.mu.Lock()
			a.ended++
			a.mu.Unlock()
		}()
		if answer != nil {
			answer(w, r)
			return
		}
		write(w)
	}
}

func (a *AAA) writeKeys(w http.ResponseWriter) {
	key := a.Key()
	point, err := key.PublicKey.Bytes() // 4, X, Y
	if err != nil {
		panic(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	writeDocument(w, map[string]any{"keys": []map[string]any{{
		"kty": "EC", "crv": "P-256", "kid": "ES256", "x": encode(point[1:33]), "y": encode(point[33:]),
		"x5c": []string{base64.StdEncoding.EncodeToString(expired(key))}, "x5t#S256": encode(make([]byte, 32)),
	}}})
}

// writeCertificate writes the base64 on one line, as the real one does.
func (a *AAA) writeCertificate(w http.ResponseWriter) {
	text := base64.StdEncoding.EncodeToString(expired(a.Key()))
	writeDocument(w, map[string]string{"cert": "-----BEGIN CERTIFICATE-----\n" + text + "\n-----END CERTIFICATE-----"})
}

// expired is a certificate of a key that ended in 2024, of nobody and by nobody.
func expired(key *ecdsa.PrivateKey) []byte {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Date(2023, 6, 5, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2024, 6, 4, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return der
}
