package harness

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"testing"
	"time"
)

// BrokerAuth stands in for a BitBroker's own auth service and rate service: it mints JSON
// web tokens and shows the key that verifies them.
type BrokerAuth struct {
	*Upstream

	key *rsa.PrivateKey
}

// The names in its tokens.
const (
	BrokerIssuer = "bit-broker.io"
	brokerKeyID  = "key-of-the-auth-service"
)

// StartBrokerAuth starts one. It stops when the test ends.
func StartBrokerAuth(tb testing.TB) *BrokerAuth {
	tb.Helper()
	a := &BrokerAuth{key: NewRSAKey(tb)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/token", a.mint)
	mux.HandleFunc("GET /auth/.well-known/jwks.json", a.serveKeys)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { writeDocument(w, []string{}) })
	a.Upstream = NewUpstream(tb, mux.ServeHTTP)
	return a
}

// Services is its address, as a BitBroker is told it.
func (a *BrokerAuth) Services() string { return "http://" + a.Addr }

// Keys is where its key set is.
func (a *BrokerAuth) Keys() string { return a.Services() + "/auth/.well-known/jwks.json" }

// Key is the one that signs.
func (a *BrokerAuth) Key() *rsa.PrivateKey { return a.key }

func (a *BrokerAuth) mint(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Scope, Aud string }
	if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.Scope == "" {
		http.Error(w, "Invalid values", http.StatusBadRequest)
		return
	}
	id := RandomUUID()
	writeDocument(w, map[string]string{"token": a.Sign(BrokerClaims(asked.Scope, asked.Aud, id)), "jti": id, "refresh_token": "unused"})
}

// BrokerClaims are those of a token for an API: a minute old, good for 30 days.
func BrokerClaims(scope, audience, id string) DXClaims {
	now := time.Now().Unix()
	return DXClaims{"aud": audience, "scope": scope, "exp": now + 30*24*3600, "iss": BrokerIssuer, "iat": now - 60, "jti": id}
}

// BootstrapClaims are those of the token that an operator makes for the first coordinator.
func BootstrapClaims(id string) DXClaims {
	return DXClaims{"iss": BrokerIssuer, "jti": id, "scp": "coordinator"}
}

// Sign makes a token of claims.
func (a *BrokerAuth) Sign(claims DXClaims) string { return SignBroker(a.key, claims) }

// SignBroker makes a token of the auth service's shape with another's key.
func SignBroker(key *rsa.PrivateKey, claims DXClaims) string {
	return JWT(`{"typ":"jwt","alg":"RS256","kid":"`+brokerKeyID+`"}`, claims.Text(), RS256(key))
}

func (a *BrokerAuth) serveKeys(w http.ResponseWriter, _ *http.Request) {
	writeDocument(w, a.KeySet())
}

// KeySet is what its key set says.
func (a *BrokerAuth) KeySet() any {
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": brokerKeyID,
		"n": encode(a.key.N.Bytes()), "e": encode(big.NewInt(int64(a.key.E)).Bytes()),
	}}}
}

// RandomUUID is one of version 4.
func RandomUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
