package secrets

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
)

// Kinds of secrets, as their prefixes.
const (
	token         = "ghd_"
	managementKey = "ghm_"
	accessToken   = "gho_"
)

// Some is the number of the token whose holder may see a part of what is shared. No
// store has so many others.
const Some = 1 << 50

const checksumLen = 3

var base = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Token returns the n-th bearer token.
func Token(n uint64) string { return text(token, n) }

// ManagementKey returns the n-th management key.
func ManagementKey(n uint64) string { return text(managementKey, n) }

// AccessToken returns the one access token of an OAuth client.
func AccessToken() string { return text(accessToken, 0) }

// BadChecksum returns a token that differs in its last character from one that
// Token returns, so that nothing but the checksum tells.
func BadChecksum(n uint64) string {
	t := []byte(Token(n))
	last := &t[len(t)-1]
	if *last == 'a' {
		*last = 'b'
	} else {
		*last = 'a'
	}
	return string(t)
}

func text(kind string, n uint64) string {
	random := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("bench"), n))
	sum := sha256.Sum256(append([]byte(kind), random[:]...))
	return kind + base.EncodeToString(append(random[:], sum[:checksumLen]...))
}
