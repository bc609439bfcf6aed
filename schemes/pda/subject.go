package pda

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"unicode/utf8"
)

// loginInfo is what the subject of a token holds, encrypted: the server behind finds
// its user by it.
type loginInfo struct {
	ProviderID  string `json:"providerID"`  // host of the account
	ProviderKey string `json:"providerKey"` // user name
}

// crypter encrypts subjects. It does not print its key. The zero crypter encrypts
// nothing.
type crypter struct {
	// A pointer to a string, which fmt follows for no verb (see secret.Token).
	key *string
}

var errCrypter = errors.New("the account has no key to encrypt subjects with")

// newCrypter makes the crypter of a text: the configured one of the server behind
// (silhouette.authenticator.crypter.key), if that one is to decrypt.
func newCrypter(text string) (crypter, error) {
	if text == "" {
		return crypter{}, errCrypter
	}
	sum := sha256.Sum256([]byte(text))
	key := string(sum[:])
	return crypter{&key}, nil
}

// newCrypterText makes the text of an account that brings none.
func newCrypterText() string {
	var random [32]byte
	rand.Read(random[:]) //nolint:errcheck // never fails since Go 1.24
	return base64.StdEncoding.EncodeToString(random[:])
}

// subjectVersion tells the server behind how a subject is encrypted.
const subjectVersion = "1-"

// subject encrypts who a token is for, as the server behind does: AES-256 in counter
// mode under a fresh random vector, which goes before the rest. Nothing protects it from
// changes but the token's signature.
func (c crypter) subject(login loginInfo) (string, error) {
	if c.key == nil {
		return "", errCrypter
	}
	if !utf8.ValidString(login.ProviderID) || !utf8.ValidString(login.ProviderKey) {
		return "", errors.New("host or user name are not in UTF-8")
	}
	plain, err := json.Marshal(login)
	if err != nil {
		return "", err
	}
	block, err := aes.NewCipher([]byte(*c.key))
	if err != nil {
		return "", err
	}
	out := make([]byte, aes.BlockSize+len(plain))
	rand.Read(out[:aes.BlockSize]) //nolint:errcheck // never fails since Go 1.24
	cipher.NewCTR(block, out[:aes.BlockSize]).XORKeyStream(out[aes.BlockSize:], plain)
	return subjectVersion + base64.StdEncoding.EncodeToString(out), nil
}

const hiddenKey = "[key]"

// String keeps the key out of logs and error texts, as do the other methods.
func (crypter) String() string { return hiddenKey }

// Format writes "[key]" for every verb and flag.
func (crypter) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hiddenKey) }

// MarshalText returns "[key]".
func (crypter) MarshalText() ([]byte, error) { return []byte(hiddenKey), nil }

// LogValue returns "[key]".
func (crypter) LogValue() slog.Value { return slog.StringValue(hiddenKey) }
