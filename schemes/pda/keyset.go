package pda

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"

	"github.com/go-jose/go-jose/v4"
)

// Bits of the keys that tokens are signed with.
const (
	minKeyBits = 2048
	maxKeyBits = 4096
)

// publicKey is a key that tokens are verified with.
type publicKey struct {
	ID  string // kid
	Key *rsa.PublicKey
}

func isKeySize(key *rsa.PublicKey) bool {
	return key != nil && key.N != nil && minKeyBits <= key.N.BitLen() && key.N.BitLen() <= maxKeyBits
}

var errPublicKey = errors.New("no RSA public key of 2048 to 4096 bits")

// marshalPublicKey returns a key as SubjectPublicKeyInfo in DER, as the store keeps it.
func marshalPublicKey(key *rsa.PublicKey) ([]byte, error) {
	if !isKeySize(key) {
		return nil, errPublicKey
	}
	return x509.MarshalPKIXPublicKey(key)
}

// parsePublicKey reads what marshalPublicKey wrote. Its error quotes nothing of it.
func parsePublicKey(der []byte) (*rsa.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errPublicKey
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || !isKeySize(key) {
		return nil, errPublicKey
	}
	return key, nil
}

// keyID returns the id of a key: its thumbprint of RFC 7638, which two different keys
// cannot share and one key cannot have two of.
func keyID(key *rsa.PublicKey) (string, error) {
	if !isKeySize(key) {
		return "", errPublicKey
	}
	sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// publicPEM returns a key as clients of the contract fetch it: SubjectPublicKeyInfo in
// PEM, in lines of 64 characters, with a line break at the end.
func publicPEM(key *rsa.PublicKey) (string, error) {
	der, err := marshalPublicKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// jwks returns keys as a JSON Web Key Set (RFC 7517), in their order.
func jwks(keys []publicKey) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, key := range keys {
		if !isKeySize(key.Key) {
			return nil, errPublicKey
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Key, KeyID: key.ID, Algorithm: algorithm, Use: "sig"})
	}
	return json.Marshal(set)
}
