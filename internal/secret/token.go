package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// ErrMalformed says that a text cannot be a secret of the asked kind: its
// prefix, length, alphabet or checksum is wrong. No store needs to be asked.
var ErrMalformed = errors.New("malformed secret")

const hidden = "[secret]"

// Token is a secret of the gateway: a bearer token, an activation code or a
// management key. It does not print itself: every verb of fmt, JSON, slog and
// zap show "[secret]". The zero Token holds nothing and matches nothing. A Token
// is immutable and may be used concurrently.
type Token struct {
	// Not comparable: == on secrets is neither constant in time nor, on the
	// pointer below, what it seems. Compare digests.
	_ [0]func()

	// A pointer, because fmt reads the unexported fields of a foreign struct
	// without asking their methods; of a nested pointer it prints the address. To
	// a string, because fmt follows pointers to arrays and structs, also nested
	// ones, when the verb is wrong ("%!z(…)").
	text *string
}

// New makes a fresh secret of kind k with 256 random bits. It panics when k is
// not one of this package's kinds; it has no other way to fail, since
// crypto/rand ends the process rather than return an error.
func New(k Kind) Token {
	if !k.known() {
		panic("secret: unknown kind " + string(k))
	}
	var random [randomLen]byte
	rand.Read(random[:]) //nolint:errcheck // never fails since Go 1.24
	return newToken(k, random)
}

func newToken(k Kind, random [randomLen]byte) Token {
	buf := make([]byte, 0, kindLen+bodyLen)
	buf = append(buf, k...)
	sum := checksum(k, random[:])
	var raw [rawLen]byte
	copy(raw[:], random[:])
	copy(raw[randomLen:], sum[:])
	text := string(encode(buf, raw[:]))
	return Token{text: &text}
}

func checksum(k Kind, random []byte) (sum [checksumLen]byte) {
	var in [kindLen + randomLen]byte
	copy(in[:], k)
	copy(in[kindLen:], random)
	full := sha256.Sum256(in[:])
	copy(sum[:], full[:])
	return sum
}

// Parse reads a secret of kind k. It returns ErrMalformed for everything that
// New(k) cannot have made, without an allocation, so that garbage costs less
// than the request that carries it.
func Parse(k Kind, s string) (Token, error) {
	if len(s) != kindLen+bodyLen || s[:kindLen] != string(k) || !k.known() {
		return Token{}, ErrMalformed
	}
	raw, ok := decodeBody(s[kindLen:])
	if !ok || checksum(k, raw[:randomLen]) != [checksumLen]byte(raw[randomLen:]) {
		return Token{}, ErrMalformed
	}
	text := s // taking the address of s itself would allocate for garbage too
	return Token{text: &text}, nil
}

// Reveal returns the secret itself. Call it only where the secret is handed to
// its owner.
func (t Token) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// Digest returns the form in which the secret is stored and looked up.
func (t Token) Digest() Digest { return DigestOf(t.Reveal()) }

// IsZero reports whether t holds no secret.
func (t Token) IsZero() bool { return t.text == nil }

// String returns "[secret]".
func (Token) String() string { return hidden }

// GoString returns "[secret]".
func (Token) GoString() string { return hidden }

// Format writes "[secret]" for every verb and flag.
func (Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText returns "[secret]"; JSON, XML and YAML encoders use it. There is
// no inverse: a Token does not survive encoding, on purpose.
func (Token) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON returns "[secret]" as a JSON string.
func (Token) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// LogValue returns "[secret]".
func (Token) LogValue() slog.Value { return slog.StringValue(hidden) }
