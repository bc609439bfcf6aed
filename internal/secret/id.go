package secret

import (
	"crypto/rand"
	"strings"
)

const (
	accessorPrefix = "tok_"
	idRandomLen    = 12 // 96 bits: no collision among 10^12 ids
)

// NewAccessor returns the public id of a token: "tok_" and 20 characters of
// lower-case base32, 96 random bits. It can be listed, logged and revoked by,
// but neither its prefix nor its length is that of a secret.
func NewAccessor() string { return NewID(accessorPrefix) }

// NewID returns a random id, safe in URLs and file names: the prefix ("rcp_",
// say) and 20 characters of lower-case base32, 96 random bits. It panics when
// the prefix starts like a secret's kind, for Redact would hide such ids.
func NewID(prefix string) string {
	for _, k := range kinds {
		if strings.HasPrefix(prefix, string(k)) {
			panic("secret: an id must not look like a secret: " + prefix)
		}
	}
	var random [idRandomLen]byte
	rand.Read(random[:]) //nolint:errcheck // never fails since Go 1.24
	return string(encode([]byte(prefix), random[:]))
}
