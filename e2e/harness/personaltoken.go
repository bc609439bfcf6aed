package harness

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TokenCheck is how the original server of personal data accounts checks X-Auth-Token
// itself: with the account's public key and the key that its subjects are encrypted
// with. It keeps no list of tokens.
type TokenCheck struct {
	// PublicKey is that of the account, in PEM.
	PublicKey string
	// CrypterKey is the text from which the subject's key is made.
	CrypterKey string
	// Username is the account's owner.
	Username string

	mu     sync.Mutex
	passed []Claims
	failed []string
}

// Claims are what the tests look at in a token.
type Claims struct {
	Subject     string `json:"sub"`
	Issuer      string `json:"iss"`
	ID          string `json:"jti"`
	IssuedAt    int64  `json:"iat"`
	Expires     int64  `json:"exp"`
	Resource    string `json:"resource"`
	Scope       string `json:"accessScope"`
	Application string `json:"application"`
	Version     string `json:"applicationVersion"`
}

// Passed returns the claims of the tokens that were accepted, and why others were not.
func (c *TokenCheck) Passed() (passed []Claims, failed []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Claims(nil), c.passed...), append([]string(nil), c.failed...)
}

// Check tells why a request's token is refused. The query counts before the header.
func (c *TokenCheck) Check(r *http.Request) error {
	token := r.Header.Get("X-Auth-Token")
	if query := r.URL.Query().Get("X-Auth-Token"); query != "" {
		token = query
	}
	claims, err := c.verify(token)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failed = append(c.failed, err.Error())
		return err
	}
	c.passed = append(c.passed, claims)
	return nil
}

func (c *TokenCheck) verify(token string) (Claims, error) {
	if token == "" {
		return Claims{}, errors.New("no token")
	}
	if err := VerifyRS256(token, c.PublicKey); err != nil {
		return Claims{}, err
	}
	claims, err := ReadClaims(token)
	if err != nil {
		return Claims{}, err
	}
	now := time.Now().Unix()
	if claims.Expires < now || claims.IssuedAt+72*3600 < now {
		return claims, errors.New("expired")
	}
	provider, username, err := claims.Login(c.CrypterKey)
	if err != nil {
		return claims, err
	}
	if username != c.Username || provider == "" {
		return claims, fmt.Errorf("unknown user %q of %q", username, provider)
	}
	return claims, nil
}

// Login decrypts the subject: whose account it is, and the name of its owner.
func (c Claims) Login(crypterKey string) (provider, username string, err error) {
	text, found := strings.CutPrefix(c.Subject, "1-")
	raw, err := base64.StdEncoding.DecodeString(text)
	if !found || err != nil || len(raw) < aes.BlockSize {
		return "", "", errors.New("the subject is not encrypted as it should be")
	}
	key := sha256.Sum256([]byte(crypterKey))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return "", "", err
	}
	plain := make([]byte, len(raw)-aes.BlockSize)
	cipher.NewCTR(block, raw[:aes.BlockSize]).XORKeyStream(plain, raw[aes.BlockSize:])
	var login struct {
		ProviderID, ProviderKey string
	}
	if err := json.Unmarshal(plain, &login); err != nil {
		return "", "", errors.New("the subject cannot be decrypted")
	}
	return login.ProviderID, login.ProviderKey, nil
}

// VerifyRS256 checks a token's signature with a public key in PEM.
func VerifyRS256(token, publicKey string) error {
	block, _ := pem.Decode([]byte(publicKey))
	if block == nil || block.Type != "PUBLIC KEY" {
		return errors.New("the public key is no PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return errors.New("the public key is not RSA")
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("not three parts")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
}

// ReadClaims decodes a token without checking it.
func ReadClaims(token string) (claims Claims, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims, errors.New("not three parts")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return claims, err
	}
	return claims, json.Unmarshal(text, &claims)
}

// ClaimsOf is ReadClaims for a token that must be one.
func ClaimsOf(tb testing.TB, token string) Claims {
	tb.Helper()
	claims, err := ReadClaims(token)
	if err != nil {
		tb.Fatalf("%q is no token: %v", token, err)
	}
	return claims
}
