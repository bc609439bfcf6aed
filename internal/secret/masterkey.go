package secret

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// ErrMasterKey says that a master key text cannot be used. The wrapping error
// names the line and the fault, never the content.
var ErrMasterKey = errors.New("master key")

const (
	masterKeyLen = 32
	keyIDLen     = 8
)

// keyID names a master key in what it sealed, without telling anything of it.
type keyID [keyIDLen]byte

// MasterKey is a key of 32 bytes that seals values in the store. It does not
// print itself.
type MasterKey struct {
	_   [0]func()
	raw *string // 32 bytes; a pointer to a string for the reason given at Token
}

// NewMasterKey makes a random master key.
func NewMasterKey() MasterKey {
	var key [masterKeyLen]byte
	rand.Read(key[:]) //nolint:errcheck // never fails since Go 1.24
	return newMasterKey(key[:])
}

func newMasterKey(key []byte) MasterKey {
	raw := string(key)
	return MasterKey{raw: &raw}
}

// Reveal returns the key as a line of the key file, without the line break.
func (m MasterKey) Reveal() string { return base64.StdEncoding.EncodeToString([]byte(*m.raw)) }

func (m MasterKey) id() keyID {
	sum := sha256.Sum256([]byte("gatehouse master key id\x00" + *m.raw))
	return keyID(sum[:])
}

// ParseMasterKeys reads the text of a key file: one key of 32 bytes per line, in
// base64 (either alphabet, padded or not) or hex. The first seals, all open: to
// rotate, put a new line on top and keep the old ones. Empty lines and what
// follows a # are skipped. Every error is an ErrMasterKey.
func ParseMasterKeys(text string) (*Sealer, error) {
	var keys []MasterKey
	lineOf := make(map[keyID]int)
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		n++
		content, _, _ := strings.Cut(line, "#")
		content = strings.TrimSpace(content)
		if content == "" {
			continue
		}
		key, ok := parseMasterKey(content)
		if !ok {
			return nil, fmt.Errorf("%w: line %d is not 32 bytes in base64 or hex (make one with: openssl rand -base64 32)", ErrMasterKey, n)
		}
		if first, ok := lineOf[key.id()]; ok {
			return nil, fmt.Errorf("%w: line %d repeats the key of line %d: remove one of them", ErrMasterKey, n, first)
		}
		lineOf[key.id()] = n
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: no key found: write 32 bytes in base64 or hex on a line (make one with: openssl rand -base64 32)", ErrMasterKey)
	}
	return NewSealer(keys[0], keys[1:]...), nil
}

func parseMasterKey(s string) (MasterKey, bool) {
	var raw []byte
	var err error
	if len(s) == 2*masterKeyLen {
		raw, err = hex.DecodeString(s)
	} else {
		s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
		raw, err = base64.RawStdEncoding.Strict().DecodeString(s)
	}
	if err != nil || len(raw) != masterKeyLen || bytes.Equal(raw, make([]byte, masterKeyLen)) {
		return MasterKey{}, false
	}
	return newMasterKey(raw), true
}

// String returns "[secret]".
func (MasterKey) String() string { return hidden }

// GoString returns "[secret]".
func (MasterKey) GoString() string { return hidden }

// Format writes "[secret]" for every verb and flag.
func (MasterKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText returns "[secret]".
func (MasterKey) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue returns "[secret]".
func (MasterKey) LogValue() slog.Value { return slog.StringValue(hidden) }
