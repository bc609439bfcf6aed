package pda

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"
)

// testClock is a moment at which the tokens of the tests were just signed.
var testClock = time.Unix(1_790_000_000, 0)

// testIdle is the idle limit that clients know.
const testIdle = 72 * time.Hour

// rsaKeys makes the keys of the tests, each once: the account's, an older one of it, and
// a stranger's.
var rsaKeys = sync.OnceValue(func() (keys [3]*rsa.PrivateKey) {
	for i := range keys {
		key, err := newSigningKey()
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// testSigner is the account's.
func testSigner(t testing.TB) *signer { return signerOf(t, rsaKeys()[0]) }

func signerOf(t testing.TB, key *rsa.PrivateKey) *signer {
	t.Helper()
	id, err := keyID(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCrypter("the crypter of the tests")
	if err != nil {
		t.Fatal(err)
	}
	return &signer{id, key, c}
}

func (s *signer) public() publicKey { return publicKey{s.KeyID, &s.Key.PublicKey} }

var testLogin = loginInfo{"alice.pda.example", "alice"}

func ownerClaims() claims {
	return claims{
		ID: strings.Repeat("0123456789abcdef", 16), Issuer: "alice.pda.example", Resource: "alice.pda.example", Scope: "owner",
		IssuedAt: testClock, Expires: testClock.Add(30 * 24 * time.Hour),
	}
}

func applicationClaims() claims {
	c := ownerClaims()
	c.Resource, c.Scope, c.Application, c.Version = "", "", "notes-dev", "1.1.0"
	return c
}

func mustSign(t testing.TB, s *signer, c claims) string {
	t.Helper()
	token, err := s.sign(c, testLogin)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// object is a JSON object of a forged token; absent takes a member away.
type object map[string]any

type absentMember struct{}

var absent absentMember

func (o object) with(changes object) object {
	o = maps.Clone(o)
	for name, value := range changes {
		if o[name] = value; value == absent {
			delete(o, name)
		}
	}
	return o
}

func (o object) text(t testing.TB) string {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// goodHeader and goodPayload are a token that is accepted, to be forged from.
func (s *signer) goodHeader() object {
	return object{"typ": "JWT", "alg": "RS256", "kid": s.KeyID}
}

func goodPayload() object {
	return object{
		"sub": "1-" + strings.Repeat("A", 110) + "==", "resource": "alice.pda.example", "accessScope": "owner",
		"iss": "alice.pda.example", "exp": testClock.Unix() + 2_592_000, "iat": testClock.Unix(),
		"jti": strings.Repeat("0123456789abcdef", 16),
	}
}

// signText signs any two texts.
func (s *signer) signText(t testing.TB, header, payload string) string {
	t.Helper()
	text := encodeText(header) + "." + encodeText(payload)
	return text + "." + encodeText(string(signRS256(t, s.Key, text)))
}

func encodeText(s string) string { return tokenEncoding.EncodeToString([]byte(s)) }

// smallKey is of 1,024 bits, which crypto/rsa makes only if it is told to.
func smallKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
