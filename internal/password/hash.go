package password

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// ErrHash says that a text is no password hash that this package verifies. It does
// not quote the text.
var ErrHash = errors.New("not a password hash that can be verified: want argon2id in PHC form, " +
	"of at most 64 MiB, 6 passes, 4 threads, and 304 MiB of memory times passes; or bcrypt of a cost of at most 14")

const hidden = "[password hash]"

// Hash is a hashed password as it is stored: argon2id as a PHC string, or a bcrypt
// hash that was imported. It does not print itself: fmt, JSON and slog show
// "[password hash]". (fmt asks no methods of unexported fields, and JSON none of the
// keys of a map: keep a Hash in neither.) The empty Hash is nobody's, and no password fits it.
//
// CBOR, the form of the store, takes it as the text that it is.
type Hash string

// ParseHash checks a hash that comes from outside. Errors are ErrHash.
func ParseHash(text string) (Hash, error) {
	if isBcrypt(text) {
		return Hash(text), nil
	}
	if _, err := parsePHC(text); err != nil {
		return "", err
	}
	return Hash(text), nil
}

// Reveal returns the hash itself, to be stored.
func (h Hash) Reveal() string { return string(h) }

// IsZero reports whether there is no hash.
func (h Hash) IsZero() bool { return h == "" }

// String returns "[password hash]".
func (Hash) String() string { return hidden }

// GoString returns "[password hash]".
func (Hash) GoString() string { return hidden }

// Format writes "[password hash]" for every verb and flag.
func (Hash) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText returns "[password hash]"; JSON, XML and YAML encoders use it.
func (Hash) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue returns "[password hash]".
func (Hash) LogValue() slog.Value { return slog.StringValue(hidden) }
