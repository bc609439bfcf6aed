package pda

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/golang-jwt/jwt/v5"
)

// signer signs the tokens of an account. It does not print its keys. It may be used
// concurrently.
type signer struct {
	KeyID   string // kid
	Key     *rsa.PrivateKey
	Crypter crypter
}

// tokenHeader and tokenClaims are a token as it is written; encoding/json keeps their
// order.
type tokenHeader struct {
	Type      string `json:"typ"`
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
}

type tokenClaims struct {
	Subject     string `json:"sub"`
	Resource    string `json:"resource,omitempty"`
	Scope       string `json:"accessScope,omitempty"`
	Application string `json:"application,omitempty"`
	Version     string `json:"applicationVersion,omitempty"`
	Issuer      string `json:"iss"`
	Expires     int64  `json:"exp"`
	IssuedAt    int64  `json:"iat"`
	ID          string `json:"jti"`
}

var (
	errSigner = errors.New("the account has no key to sign with")
	errClaims = errors.New("no token says such a thing")
)

// sign makes a token that says c, for the user that login names. What parseToken would
// refuse is not signed. Errors quote nothing of the keys.
func (s *signer) sign(c claims, login loginInfo) (string, error) {
	if s == nil || s.Key == nil || !isKeySize(&s.Key.PublicKey) || s.KeyID == "" || len(s.KeyID) > maxKeyID {
		return "", errSigner
	}
	if !c.whole() {
		return "", errClaims
	}
	subject, err := s.Crypter.subject(login)
	if err != nil {
		return "", err
	}
	header, err := encodePart(tokenHeader{"JWT", algorithm, s.KeyID})
	if err != nil {
		return "", err
	}
	payload, err := encodePart(tokenClaims{
		Subject: subject, Resource: c.Resource, Scope: c.Scope, Application: c.Application, Version: c.Version,
		Issuer: c.Issuer, Expires: c.Expires.Unix(), IssuedAt: c.IssuedAt.Unix(), ID: c.ID,
	})
	if err != nil {
		return "", err
	}
	text := header + "." + payload
	if len(text)+1+tokenEncoding.EncodedLen(s.Key.Size()) > maxToken {
		return "", errClaims
	}
	signature, err := jwt.SigningMethodRS256.Sign(text, s.Key)
	if err != nil {
		return "", errSigner
	}
	return text + "." + tokenEncoding.EncodeToString(signature), nil
}

func encodePart(part any) (string, error) {
	text, err := json.Marshal(part)
	return tokenEncoding.EncodeToString(text), err
}

// String keeps the keys out of logs and error texts, as do the other methods.
func (signer) String() string { return hiddenKey }

// Format writes "[key]" for every verb and flag.
func (signer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hiddenKey) }

// MarshalText returns "[key]".
func (signer) MarshalText() ([]byte, error) { return []byte(hiddenKey), nil }

// LogValue returns "[key]".
func (signer) LogValue() slog.Value { return slog.StringValue(hiddenKey) }
