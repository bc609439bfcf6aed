package caddymodule

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Users of a data exchange.
const (
	someUser  = "6c796c29-fa9e-4678-9c0b-e48956f22bcc"
	otherUser = "0e9a7b0c-5d3b-4f7b-8f5b-2b1f6f0f6f11"
)

// exchange is the authorisation server of a data exchange, whose public key is in a file.
type exchange struct {
	t       *testing.T
	key     *ecdsa.PrivateKey
	keyFile string
}

func newExchange(t *testing.T) *exchange {
	t.Helper()
	key, text, err := newExchangeKey()
	if err != nil {
		t.Fatal(err)
	}
	return &exchange{t, key, write(t, "exchange.pem", string(text))}
}

// newExchangeKey makes a key of an exchange, and its public part as PEM.
func newExchangeKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), nil
}

// gate is a gate of the exchange in JSON; options go into its scheme, after a comma.
func (e *exchange) gate(options string) string {
	return fmt.Sprintf(`{"handler": "gatehouse", "site": "the market", "scheme":
		{"name": "dx", "issuer": "cos.example.com", "audience": "apd.example.com", "key_file": %q%s}}`, e.keyFile, options)
}

// start runs a gateway in front of a server that answers "data".
func (e *exchange) start(options string) *gateway {
	e.t.Helper()
	return startGatewayWith(e.t, httpApp(`{"handle": [`+e.gate(options)+`, {"handler": "static_response", "body": "data"}]}`))
}

// token is an identity token of someUser as a consumer, with other claims as they are given.
func (e *exchange) token(claims map[string]any) string {
	e.t.Helper()
	now := time.Now()
	all := map[string]any{
		"sub": someUser, "iss": "cos.example.com", "aud": "rs.example.com", "iid": "rs:rs.example.com",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "role": "consumer", "cons": map[string]any{},
	}
	maps.Copy(all, claims)
	payload, err := json.Marshal(all)
	if err != nil {
		e.t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"iss":"cos.example.com","typ":"JWT","alg":"ES256"}`)) + "." + encode(payload)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, e.key, digest[:])
	if err != nil {
		e.t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + encode(signature)
}

// serverToken is one that the exchange calls this server with.
func (e *exchange) serverToken() string {
	return e.token(map[string]any{"sub": "cos.example.com", "aud": "apd.example.com", "iid": "null:", "role": ""})
}

// calls sends a request with a token, unless it is empty.
func (g *gateway) calls(method, target, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	if token != "" {
		r.Header.Set("Token", token)
	}
	w := httptest.NewRecorder()
	g.site.ServeHTTP(w, r)
	return w
}

// wants fails the test unless a call gets a status.
func (g *gateway) wants(status int, method, target, token string) {
	g.t.Helper()
	if w := g.calls(method, target, token); w.Code != status {
		g.t.Errorf("%s %s: %d %s, want %d", method, target, w.Code, w.Body, status)
	}
}

const resources = "http://apd.example.com/consumer/list/resources"

func TestIdentityTokenOpensWhatItsRoleMay(t *testing.T) {
	e := newExchange(t)
	g := e.start("")
	consumer := e.token(nil)
	g.wants(http.StatusOK, "GET", resources, consumer)
	g.wants(http.StatusUnauthorized, "GET", resources, "")
	g.wants(http.StatusUnauthorized, "GET", "http://apd.example.com/provider/list/products", consumer)
	g.wants(http.StatusOK, "GET", "http://apd.example.com/dx/apd/dmp/v1/policies", consumer)
	g.wants(http.StatusNotFound, "GET", "http://apd.example.com/dx/apd/acl/v1/policies", consumer)
	g.wants(http.StatusUnauthorized, "GET", resources, newExchange(t).token(nil))
}
