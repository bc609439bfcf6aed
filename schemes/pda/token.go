package pda

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

// errToken says that a token is no good. Errors that wrap it give one of a fixed set
// of reasons and quote nothing of the token.
var errToken = errors.New("bad token")

// refused is an errToken with its reason.
type refused string

func (r refused) Error() string { return errToken.Error() + ": " + string(r) }
func (refused) Unwrap() error   { return errToken }

const (
	// maxToken bounds a token, in bytes; those of ours have about 1,100.
	maxToken = 8 << 10
	// maxKeyID bounds the id of a key, in bytes.
	maxKeyID = 128
	// maxKeys is how many keys are tried for a token that names none.
	maxKeys = 4

	algorithm = "RS256"
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// unverified is a token of the right form. What it claims is worth nothing before
// verify.
type unverified struct {
	claims claims
	// keyID is the key that it names; empty: none.
	keyID string
	// signedBy is the key that verify found it signed by.
	signedBy string

	signed    string // header and payload as they came, with the dot between them
	signature []byte
}

// parseToken reads a token in the compact form of RFC 7515. What could be read in two
// ways is refused, and with it all that the gateway does not itself put into a token:
// other header members (a token brings no key of its own, and no extension), other
// claims, names that occur twice. The error wraps errToken. Its time and memory are
// bounded by maxToken, whatever comes.
func parseToken(text string) (*unverified, error) {
	if len(text) > maxToken {
		return nil, refused("longer than 8 KiB")
	}
	// Counted before anything is split (CVE-2025-30204).
	if strings.Count(text, ".") != 2 {
		return nil, refused("not three parts")
	}
	// Base64 decoders skip line breaks, which would give a token two spellings.
	if strings.IndexByte(text, '\n') >= 0 || strings.IndexByte(text, '\r') >= 0 {
		return nil, refused("line break")
	}
	end := strings.LastIndexByte(text, '.')
	u := &unverified{signed: text[:end]}
	header, payload, _ := strings.Cut(u.signed, ".")
	var err error
	if u.keyID, err = parseHeader(header); err != nil {
		return nil, err
	}
	if u.claims, err = parseClaims(payload); err != nil {
		return nil, err
	}
	if u.signature, err = tokenEncoding.DecodeString(text[end+1:]); err != nil {
		return nil, refused("not base64url")
	}
	return u, nil
}

// parseHeader returns the key that a header names, empty for none.
func parseHeader(part string) (keyID string, err error) {
	members, err := readMembers(part)
	if err != nil {
		return "", err
	}
	// The algorithm is not the token's to choose: it says this one, or is none of ours.
	if alg, ok := members.text("alg"); !ok || alg != algorithm {
		return "", refused("another algorithm")
	}
	if typ, ok := members.text("typ"); ok && typ != "JWT" {
		return "", refused("another type")
	}
	keyID, named := members.text("kid")
	if named && (keyID == "" || len(keyID) > maxKeyID) {
		return "", refused("no key has such an id")
	}
	if len(members) > 0 {
		return "", refused("unknown or wrong member in the header")
	}
	return keyID, nil
}

func parseClaims(part string) (claims, error) {
	members, err := readMembers(part)
	if err != nil {
		return claims{}, err
	}
	var c claims
	if subject, ok := members.text("sub"); !ok || subject == "" {
		return claims{}, refused("no subject")
	}
	c.ID, _ = members.text("jti")
	c.Issuer, _ = members.text("iss")
	var issued, expires bool
	c.IssuedAt, issued = members.moment("iat")
	c.Expires, expires = members.moment("exp")
	if !issued || !expires {
		return claims{}, refused("no time of issue or of its end")
	}
	for _, claim := range []struct {
		name string
		text *string
	}{{"resource", &c.Resource}, {"accessScope", &c.Scope}, {"application", &c.Application}, {"applicationVersion", &c.Version}} {
		var ok bool
		if *claim.text, ok = members.text(claim.name); ok && *claim.text == "" {
			return claims{}, refused("an empty claim") // which would count as none
		}
	}
	if len(members) > 0 {
		return claims{}, refused("unknown claim, or of a wrong type")
	}
	if !c.whole() {
		return claims{}, refused("claims missing, or at odds with each other")
	}
	return c, nil
}

// members are those of a flat JSON object, texts and numbers only. Each is taken out as
// it is read: what is left at the end is what nobody wanted.
type members map[string]member

type member struct {
	kind  jsontext.Kind
	value string // of a text: what it means; of a number: as it stands there
}

func (m members) text(name string) (string, bool) { return m.take(name, jsontext.KindString) }

// moment reads whole seconds, in digits only: neither null and texts, which golang-jwt
// takes for no limit (its issues 496 and 511), nor fractions and exponents.
func (m members) moment(name string) (time.Time, bool) {
	digits, ok := m.take(name, jsontext.KindNumber)
	seconds, err := strconv.ParseInt(digits, 10, 64)
	return time.Unix(seconds, 0), ok && err == nil
}

func (m members) take(name string, kind jsontext.Kind) (string, bool) {
	found, ok := m[name]
	if !ok || found.kind != kind {
		return "", false
	}
	delete(m, name)
	return found.value, true
}

// readMembers decodes one part of a token. The decoder refuses names that occur twice,
// however they are written, and what is no UTF-8.
func readMembers(part string) (members, error) {
	text, err := tokenEncoding.DecodeString(part)
	if err != nil {
		return nil, refused("not base64url")
	}
	const errObject = refused("not one flat JSON object with distinct names")
	d := jsontext.NewDecoder(bytes.NewBuffer(text))
	if open, err := d.ReadToken(); err != nil || open.Kind() != jsontext.KindBeginObject {
		return nil, errObject
	}
	all := make(members)
	for d.PeekKind() == jsontext.KindString {
		token, err := d.ReadToken()
		if err != nil {
			return nil, errObject
		}
		name := token.String() // before the next token takes its place
		if token, err = d.ReadToken(); err != nil || token.Kind() != jsontext.KindString && token.Kind() != jsontext.KindNumber {
			return nil, errObject
		}
		all[name] = member{token.Kind(), token.String()}
	}
	if _, err := d.ReadToken(); err != nil { // the closing brace
		return nil, errObject
	}
	if _, err := d.ReadToken(); err != io.EOF { //nolint:errorlint // ReadToken returns io.EOF itself
		return nil, errObject
	}
	return all, nil
}

// verify checks the signature: under the key that the token names, or, if it names none,
// under any of those held, at most maxKeys. The error wraps errToken.
func (u *unverified) verify(keys []publicKey) error {
	if u.keyID == "" && len(keys) > maxKeys {
		return refused("names none of too many keys")
	}
	for _, key := range keys {
		if u.keyID != "" && u.keyID != key.ID || !isKeySize(key.Key) {
			continue
		}
		if jwt.SigningMethodRS256.Verify(u.signed, u.signature, key.Key) == nil {
			u.signedBy = key.ID
			return nil
		}
	}
	return refused("signed by no key of the account")
}
