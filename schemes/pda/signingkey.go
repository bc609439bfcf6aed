package pda

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// maxKeyFile bounds a key that is imported, in bytes; one of 4096 bits has 3,300.
const maxKeyFile = 32 << 10

// newSigningKey makes a key of 2048 bits, as the clients of the contract know them. It
// takes a noticeable part of a second.
func newSigningKey() (*rsa.PrivateKey, error) {
	return rsa.GenerateKey(rand.Reader, minKeyBits)
}

// importSigningKey reads the key of an account that was kept elsewhere: in PEM, as
// PKCS#1 ("RSA PRIVATE KEY") or PKCS#8 ("PRIVATE KEY"). The error wraps
// tokenstore.ErrInvalid, says what is wrong for people, and quotes nothing of the key.
func importSigningKey(text []byte) (*rsa.PrivateKey, error) {
	if len(text) > maxKeyFile {
		return nil, badKey("is longer than a key can be")
	}
	block, rest := pem.Decode(text)
	switch {
	case block != nil && (block.Type == "EC PRIVATE KEY" || block.Type == "EC PARAMETERS"):
		return nil, badKey("is not an RSA key, which RS256 needs")
	case block == nil:
		return nil, badKey("is not in PEM: it begins with -----BEGIN RSA PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, badKey("is followed by something else: give a file with the private key alone")
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, badKey("is encrypted with a password: decrypt it first (openssl pkey)")
	}
	var parsed any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, badKey("is not a private key")
	}
	if err != nil {
		return nil, badKey("is damaged")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	switch {
	case !ok:
		return nil, badKey("is not an RSA key, which RS256 needs")
	case !isKeySize(&key.PublicKey):
		return nil, badKey(fmt.Sprintf("has %d bits: between %d and %d are accepted", key.N.BitLen(), minKeyBits, maxKeyBits))
	case key.Validate() != nil:
		return nil, badKey("is damaged")
	}
	return key, nil
}

func badKey(why string) error {
	return fmt.Errorf("%w: the signing key %s", tokenstore.ErrInvalid, why)
}

// marshalSigningKey returns a key as PKCS#8 in DER, to be sealed.
func marshalSigningKey(key *rsa.PrivateKey) ([]byte, error) {
	return x509.MarshalPKCS8PrivateKey(key)
}

var errSigningKey = errors.New("the stored signing key is no RSA key of 2048 to 4096 bits")

// parseSigningKey reads what marshalSigningKey wrote, once it is unsealed. Its error
// quotes nothing of it.
func parseSigningKey(der []byte) (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errSigningKey
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || !isKeySize(&key.PublicKey) {
		return nil, errSigningKey
	}
	return key, nil
}
