package harness

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"testing"
)

// Signer makes the signature over a token's first two parts.
type Signer func(input []byte) []byte

// JWT puts a token together from a header and claims in JSON, exactly as given: what
// no library would sign is what a gateway must refuse.
func JWT(header, claims string, sign Signer) string {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(claims))
	return input + "." + encode(sign([]byte(input)))
}

// NewRSAKey makes a key of 2048 bits.
func NewRSAKey(tb testing.TB) *rsa.PrivateKey {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// RS256 signs as RFC 7518, section 3.3, says.
func RS256(key *rsa.PrivateKey) Signer {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			panic(err)
		}
		return signature
	}
}

// RS signs with another hash than RS256 does.
func RS(key *rsa.PrivateKey, hash crypto.Hash) Signer {
	return func(input []byte) []byte {
		h := hash.New()
		h.Write(input)
		signature, err := rsa.SignPKCS1v15(nil, key, hash, h.Sum(nil))
		if err != nil {
			panic(err)
		}
		return signature
	}
}

// PS256 signs as RFC 7518, section 3.5, says.
func PS256(key *rsa.PrivateKey) Signer {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		if err != nil {
			panic(err)
		}
		return signature
	}
}

// NewECKey makes a key on the curve P-256.
func NewECKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// ES256 signs as RFC 7518, section 3.4, says: R and S, 32 bytes each.
func ES256(key *ecdsa.PrivateKey) Signer {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
}

// ES256DER signs likewise, in the encoding of X.509, which no JWT has.
func ES256DER(key *ecdsa.PrivateKey) Signer {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			panic(err)
		}
		return signature
	}
}

// HS256 signs with a shared secret. With a public key as the secret it is the classic
// confusion of algorithms.
func HS256(secret string) Signer {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(input)
		return mac.Sum(nil)
	}
}

// Unsigned makes no signature at all.
func Unsigned([]byte) []byte { return nil }

// PrivatePEM is a key as PKCS#1 in PEM, as the original server's configuration has it.
func PrivatePEM(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// PublicPEM is the public half of a key, as GET /publickey answers it.
func PublicPEM(tb testing.TB, key *rsa.PrivateKey) string {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// Subject encrypts who an account's owner is, as the original server does.
func Subject(crypterKey, host, username string) string {
	key := sha256.Sum256([]byte(crypterKey))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err)
	}
	plain := fmt.Appendf(nil, `{"providerID":%q,"providerKey":%q}`, host, username)
	out := make([]byte, aes.BlockSize+len(plain))
	_, _ = rand.Read(out[:aes.BlockSize]) // never fails
	cipher.NewCTR(block, out[:aes.BlockSize]).XORKeyStream(out[aes.BlockSize:], plain)
	return "1-" + base64.StdEncoding.EncodeToString(out)
}
