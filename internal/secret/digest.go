package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const hiddenDigest = "[digest]"

var errDigestText = errors.New("a digest has no text form: store its bytes, log the accessor")

// Digest is the SHA-256 of a secret, the form in which a secret is stored and
// looked up. A fast hash is right here, since the secrets have 256 random bits;
// passwords need another. It prints as "[digest]": whoever reads a log must not
// learn the key of a record. A Digest is comparable and may key a map.
type Digest [sha256.Size]byte

// DigestOf returns the digest of a secret, of ours or of another system.
func DigestOf(s string) Digest { return sha256.Sum256([]byte(s)) }

// Equal reports in constant time whether both digests are the same.
func (d Digest) Equal(o Digest) bool { return subtle.ConstantTimeCompare(d[:], o[:]) == 1 }

// String returns "[digest]".
func (Digest) String() string { return hiddenDigest }

// GoString returns "[digest]".
func (Digest) GoString() string { return hiddenDigest }

// Format writes "[digest]" for every verb and flag.
func (Digest) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hiddenDigest) }

// MarshalText always fails. A placeholder would be worse: a record that is
// encoded with one loses its key without a sound.
func (Digest) MarshalText() ([]byte, error) { return nil, errDigestText }

// LogValue returns "[digest]".
func (Digest) LogValue() slog.Value { return slog.StringValue(hiddenDigest) }
