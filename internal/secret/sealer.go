package secret

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"golang.org/x/crypto/chacha20poly1305"
)

// Errors of Sealer.Open.
var (
	// ErrSealedUnknownKey says that a value was sealed with a master key that
	// the key file does not hold any more.
	ErrSealedUnknownKey = errors.New("value is sealed with a master key that is not in the key file: add that key's line again")

	// ErrSealedAltered says that a sealed value was altered, cut short, or moved
	// to a record other than the one it was sealed for.
	ErrSealedAltered = errors.New("sealed value was altered or belongs to another record")
)

// A sealed value is the version, the key's id, a random nonce, and the
// ciphertext with its tag. The header is part of what the tag covers.
const (
	sealVersion = 1
	sealHeader  = 1 + keyIDLen
	sealNonce   = chacha20poly1305.NonceSizeX
	sealMinimum = sealHeader + sealNonce + chacha20poly1305.Overhead
)

// Sealer encrypts small values for storage. XChaCha20-Poly1305 is used because
// its nonce is long enough to be random for ever: nothing must be counted
// across processes and restores. A Sealer may be used concurrently.
type Sealer struct {
	_    [0]func()
	keys []sealKey // the first seals, all open
}

// sealKey holds no cipher.AEAD, which would carry the key where fmt can see it.
type sealKey struct {
	id  keyID
	key MasterKey
}

func (k sealKey) aead() cipher.AEAD {
	aead, err := chacha20poly1305.NewX([]byte(*k.key.raw))
	if err != nil {
		panic("secret: " + err.Error()) // only a wrong key length
	}
	return aead
}

// NewSealer returns a Sealer that seals with the first key and opens with all.
func NewSealer(first MasterKey, older ...MasterKey) *Sealer {
	s := &Sealer{keys: []sealKey{{id: first.id(), key: first}}}
	for _, k := range older {
		s.keys = append(s.keys, sealKey{id: k.id(), key: k})
	}
	return s
}

// Seal encrypts plain under the newest master key. associated names the record
// and field that the value belongs to; it is not stored, and Open fails unless
// it is given the same.
func (s *Sealer) Seal(plain, associated []byte) []byte {
	var nonce [sealNonce]byte
	rand.Read(nonce[:]) //nolint:errcheck // never fails since Go 1.24
	return s.seal(nonce, plain, associated)
}

func (s *Sealer) seal(nonce [sealNonce]byte, plain, associated []byte) []byte {
	k := s.keys[0]
	out := make([]byte, 0, sealMinimum+len(plain))
	out = append(out, sealVersion)
	out = append(out, k.id[:]...)
	out = append(out, nonce[:]...)
	return k.aead().Seal(out, nonce[:], plain, sealAssociated(out[:sealHeader], associated))
}

// Open decrypts what Seal returned for the same associated data. Its errors are
// ErrSealedUnknownKey and ErrSealedAltered.
func (s *Sealer) Open(sealed, associated []byte) ([]byte, error) {
	if len(sealed) < sealMinimum || sealed[0] != sealVersion {
		return nil, ErrSealedAltered
	}
	id := keyID(sealed[1:sealHeader])
	for _, k := range s.keys {
		if k.id != id {
			continue
		}
		nonce, box := sealed[sealHeader:sealHeader+sealNonce], sealed[sealHeader+sealNonce:]
		plain, err := k.aead().Open(nil, nonce, box, sealAssociated(sealed[:sealHeader], associated))
		if err != nil {
			return nil, ErrSealedAltered
		}
		return plain, nil
	}
	return nil, ErrSealedUnknownKey
}

// sealAssociated joins the header, whose length is fixed, with the caller's
// part, so that no two pairs give the same bytes.
func sealAssociated(header, associated []byte) []byte {
	joined := make([]byte, 0, len(header)+len(associated))
	return append(append(joined, header...), associated...)
}

// String returns "[secret]".
func (*Sealer) String() string { return hidden }

// GoString returns "[secret]".
func (*Sealer) GoString() string { return hidden }

// Format writes "[secret]" for every verb and flag.
func (*Sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText returns "[secret]".
func (*Sealer) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue returns "[secret]".
func (*Sealer) LogValue() slog.Value { return slog.StringValue(hidden) }
