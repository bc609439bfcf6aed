package dx

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"sync"
	"testing"
)

// The keys of the tests, each made once.
var (
	aaaKey      = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P256()) })
	strangerKey = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P256()) })
)

func newECKey(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func publicPEM(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// object is a JSON object of a token; absent takes a member away.
type object map[string]any

type absentMember struct{}

var absent absentMember

// with is a copy with changes: name, value, name, value.
func (o object) with(changes ...any) object {
	o = maps.Clone(o)
	for i := 0; i < len(changes); i += 2 {
		name := changes[i].(string)
		if o[name] = changes[i+1]; o[name] == absent {
			delete(o, name)
		}
	}
	return o
}

func (o object) text() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// header is AAA's.
var header = object{"iss": issuer, "typ": "JWT", "alg": "ES256"}

// lifetime of AAA's tokens, in seconds.
const lifetime = 43_200

// identityToken is a consumer's, made at noon.
func identityToken(changes ...any) object {
	return object{
		"sub": alice, "iss": issuer, "aud": server, "iat": noon.Unix(), "exp": noon.Unix() + lifetime,
		"iid": "rs:" + server, "role": "consumer", "cons": object{},
	}.with(changes...)
}

// delegateToken is alice's, who acts for bob.
func delegateToken(changes ...any) object {
	return identityToken("role", "delegate", "drl", "consumer", "did", bob).with(changes...)
}

// serverToken is AAA's own, for this server.
func serverToken(changes ...any) object {
	return object{
		"sub": issuer, "iss": issuer, "aud": audience, "iat": noon.Unix(), "exp": noon.Unix() + lifetime,
		"iid": "null:", "role": "", "cons": object{},
	}.with(changes...)
}

// apdToken is what AAA hands to a user on its way to this server.
func apdToken() object {
	return object{
		"sub": alice, "iss": issuer, "aud": audience, "iat": noon.Unix(), "exp": noon.Unix() + lifetime,
		"sid": "session", "link": "https://apd.example.com/consent",
	}
}

// signed is a token with AAA's header and key.
func (o object) signed() string { return signES256(aaaKey(), header.text(), o.text()) }

func encodeText(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// signES256 signs any two texts.
func signES256(key *ecdsa.PrivateKey, header, payload string) string {
	text := encodeText(header) + "." + encodeText(payload)
	r, s := ecdsaOf(key, text)
	return text + "." + encodeText(string(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)))
}

func ecdsaOf(key *ecdsa.PrivateKey, text string) (r, s *big.Int) {
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		panic(err)
	}
	return r, s
}
