package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys = 100

	// maxCandidates is how many keys are tried for one token. Anyone can send tokens
	// that name no key, and an issuer can have its keys without names.
	maxCandidates = 4

	// Below, signatures can be forged; above, one check costs too much, and go-jose, in whose
	// form keys are kept, takes none.
	minRSABits = 2048
	maxRSABits = 4096

	// maxRSAExponent is the one that nearly all keys have. What a check costs grows
	// with it.
	maxRSAExponent = 65537
)

// algorithms are those that can be configured, each with the test that a key
// must pass. There is no HMAC among them and no "none": with HMAC, the public
// key would be the secret (CVE-2026-39999).
var algorithms = map[string]func(key any) bool{
	"RS256": isRSA, "RS384": isRSA, "RS512": isRSA,
	"PS256": isRSA, "PS384": isRSA, "PS512": isRSA,
	"ES256": isEC(elliptic.P256()), "ES384": isEC(elliptic.P384()), "ES512": isEC(elliptic.P521()),
	"EdDSA": isEd25519,
}

func isRSA(key any) bool {
	k, ok := key.(*rsa.PublicKey)
	return ok && k.N.BitLen() >= minRSABits && k.N.BitLen() <= maxRSABits && k.E >= 3 && k.E <= maxRSAExponent && k.E%2 == 1
}

func isEC(curve elliptic.Curve) func(any) bool {
	return func(key any) bool {
		k, ok := key.(*ecdsa.PublicKey)
		return ok && k.Curve == curve
	}
}

func isEd25519(key any) bool {
	k, ok := key.(ed25519.PublicKey)
	return ok && len(k) == ed25519.PublicKeySize
}

type publicKey struct {
	id  string // may be empty
	alg string // the one algorithm that the issuer uses it for; may be empty
	key any
}

func (k publicKey) equal(other publicKey) bool {
	key, ok := k.key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.id == other.id && k.alg == other.alg && key.Equal(other.key)
}

// parseKeySet reads a JSON Web Key Set (RFC 7517, section 5). Keys that cannot
// verify signatures here are left out, as the RFC asks, whatever the reason:
// unknown, malformed, private, symmetric, for encryption, too weak.
func parseKeySet(text []byte) (keys []publicKey, err error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &doc); err != nil || doc.Keys == nil {
		return nil, errors.New("answer is not a JSON Web Key Set")
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("key set has %d keys, which is more than %d", len(doc.Keys), maxKeys)
	}
	for _, raw := range doc.Keys {
		if k, ok := parseKey(raw); ok {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// parseKey reads a JSON Web Key, and whether it can verify signatures here.
func parseKey(text []byte) (publicKey, bool) {
	var k jose.JSONWebKey
	if k.UnmarshalJSON(withoutCertificates(text)) != nil || !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
		return publicKey{}, false
	}
	return publicKey{id: k.KeyID, alg: k.Algorithm, key: k.Key}, usable(k.Key)
}

// withoutCertificates takes from a key what is said of its certificate: the key set
// came from its issuer, so that no certificate has to vouch for the key, and issuers
// publish such that have expired or have thumbprints of something else, for which
// go-jose would refuse the key. What is not one object with distinct names becomes
// nothing.
func withoutCertificates(key []byte) []byte {
	var members map[string]json.RawMessage
	if !strictObject(key) || json.Unmarshal(key, &members) != nil {
		return nil
	}
	for _, name := range []string{"x5c", "x5t", "x5t#S256", "x5u"} {
		delete(members, name)
	}
	rest, err := json.Marshal(members)
	if err != nil {
		return nil
	}
	return rest
}

func usable(key any) bool {
	for _, fits := range algorithms {
		if fits(key) {
			return true
		}
	}
	return false
}
