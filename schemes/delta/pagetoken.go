package delta

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// pageTokenLifetime is how long a page token can be used.
const pageTokenLifetime = 24 * time.Hour

// maxChain is how many pages of the server behind a listing may have: an endless
// chain must end somewhere.
const maxChain = 10_000

// errPageToken says that a page token was not issued for this, or is over. Why, a
// caller is not told.
var errPageToken = errors.New("the page token is foreign, altered or stale")

// position is where a page of ours begins: in a page of the server behind, behind
// some of its items.
type position struct {
	token string // of the server behind; empty: its first page
	skip  uint32 // items of that page
	chain uint32 // pages of the server behind before it
}

// A page token is, sealed and in base64url: the end of its life in Unix seconds (8
// bytes), chain and skip (4 each), the length of the server's token (2) and the
// token; zeros fill it up to a multiple of pageTokenBlock, so that its length does
// not tell which page it leads to.
const (
	pageTokenHead  = 8 + 4 + 4 + 2
	pageTokenBlock = 256
	// maxPageToken is longer than any that is issued, in characters.
	maxPageToken = 8 << 10
)

var pageTokenEncoding = base64.RawURLEncoding.Strict()

// sealPosition makes a page token. scope is what it holds for.
func sealPosition(sealer *secret.Sealer, at position, scope []byte, now time.Time) string {
	plain := make([]byte, 0, (pageTokenHead+len(at.token)+pageTokenBlock-1)/pageTokenBlock*pageTokenBlock)
	plain = binary.BigEndian.AppendUint64(plain, uint64(now.Add(pageTokenLifetime).Unix()))
	plain = binary.BigEndian.AppendUint32(plain, at.chain)
	plain = binary.BigEndian.AppendUint32(plain, at.skip)
	plain = binary.BigEndian.AppendUint16(plain, uint16(len(at.token)))
	plain = append(plain, at.token...)
	return pageTokenEncoding.EncodeToString(sealer.Seal(plain[:cap(plain)], scope))
}

// openPosition is the reverse. The error is errPageToken.
func openPosition(sealer *secret.Sealer, token string, scope []byte, now time.Time) (position, error) {
	if len(token) > maxPageToken || strings.ContainsAny(token, "\r\n") { // which the decoder would skip
		return position{}, errPageToken
	}
	sealed, err := pageTokenEncoding.DecodeString(token)
	if err != nil {
		return position{}, errPageToken
	}
	plain, err := sealer.Open(sealed, scope)
	if err != nil || len(plain) < pageTokenHead {
		return position{}, errPageToken
	}
	ends := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0)
	at := position{chain: binary.BigEndian.Uint32(plain[8:]), skip: binary.BigEndian.Uint32(plain[12:])}
	length := int(binary.BigEndian.Uint16(plain[16:]))
	if !now.Before(ends) || pageTokenHead+length > len(plain) {
		return position{}, errPageToken
	}
	at.token = string(plain[pageTokenHead : pageTokenHead+length])
	return at, nil
}

// pageScope is what a page token holds for: one recipient with these very grants,
// at one listing of one site as it is configured. A change of any makes it stale.
func (s *Scheme) pageScope(recipientID string, names []string, grants revision) []byte {
	parts := []string{
		"page token", s.config.Realm, s.config.endpointURL(), recipientID, tokenstore.FoldName(strings.Join(names, "/")),
		strconv.Itoa(s.config.PageSize), strconv.FormatBool(s.config.StripLocations),
	}
	return append([]byte(strings.Join(parts, "\x00")+"\x00"), grants[:]...)
}
