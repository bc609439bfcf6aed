package tokenstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// A key is one letter for the kind of record, then what identifies it. Realm
// and name parts end with a zero byte, which neither can contain, so no key of
// one is a prefix of another's. Capital letters are BitBroker's registry.
const (
	keyToken      = 't' // digest of the token              -> Token
	keyAccessor   = 'a' // accessor                         -> index: digest of the token
	keyRecipient  = 'r' // realm, id                        -> Recipient
	keyName       = 'n' // realm, folded name               -> index: id of the recipient
	keyLink       = 'l' // digest of the activation code    -> Link
	keyManagement = 'm' // digest of the management key     -> index: realm and id
	keyEpoch      = 'e' // realm                            -> Epoch
	keyUse        = 'u' // accessor, or id of a federation policy -> Use
	keyAudit      = 'j' // time, random                     -> AuditEntry
	keyAdmin      = 'k' // digest of the admin token        -> AdminToken
	keyAdminName  = 'b' // realm, folded name               -> index: digest of the admin token
	keyFederated  = 'f' // realm, digest of issuer, claim and subject -> index: id of the recipient
	keyIssuer     = 'i' // realm, issuer                    -> Issuer
	keyQuery      = 'q' // realm, digest of recipient, table and query -> queryBinding
	keyClients    = 'c' // accessor, or id of a federation policy -> clientList

	keyAccount     = 'o' // realm, id                       -> Account
	keyAccountHost = 'h' // realm, host                     -> index: id of the account
	keyAccountKeys = 'g' // realm, id of the account        -> AccountKeys
	keyApplication = 'p' // realm, id                       -> Application

	keyCutOff   = 'x' // realm, folded user                 -> CutOff
	keyKeptKeys = 'v' // digest of the source               -> KeptKeys

	keyBrokerHead      = 'B' // realm                       -> brokerHead
	keyBrokerUser      = 'U' // realm, id as 8 bytes        -> BrokerUser
	keyBrokerEmail     = 'M' // realm, email address        -> index: id of the user, in digits
	keyBrokerPolicy    = 'P' // realm, slug                 -> BrokerPolicy
	keyBrokerEntity    = 'T' // realm, slug                 -> BrokerEntity
	keyBrokerConnector = 'C' // realm, slug                 -> BrokerConnector
	keyContribution    = 'D' // realm, contribution id      -> index: slug of the connector

	keyRescinded = 'R' // realm, key id                     -> RescindedKey
	keyAccessEnd = 'E' // realm, user, policy               -> accessEnd
	keyQuota     = 'Q' // realm, what is counted            -> Quota
)

// index leads from one key to another record.
type index struct {
	Digest []byte `cbor:"1,keyasint,omitempty"`
	Realm  string `cbor:"2,keyasint,omitempty"`
	ID     string `cbor:"3,keyasint,omitempty"`
}

// whole tells whether a stored index leads anywhere.
func (i index) whole() bool { return len(i.Digest) > 0 || i.ID != "" }

func digestKey(kind byte, d secret.Digest) []byte {
	return append([]byte{kind}, d[:]...)
}

func tokenKey(d secret.Digest) []byte      { return digestKey(keyToken, d) }
func linkKey(d secret.Digest) []byte       { return digestKey(keyLink, d) }
func managementKey(d secret.Digest) []byte { return digestKey(keyManagement, d) }
func accessorKey(accessor string) []byte   { return append([]byte{keyAccessor}, accessor...) }
func useKey(accessor string) []byte        { return append([]byte{keyUse}, accessor...) }
func epochKey(realm string) []byte         { return realmPrefix(keyEpoch, realm) }

func realmPrefix(kind byte, realm string) []byte {
	key := make([]byte, 0, len(realm)+32)
	key = append(key, kind)
	key = append(key, realm...)
	return append(key, 0)
}

func recipientKey(realm, id string) []byte {
	return append(realmPrefix(keyRecipient, realm), id...)
}

func nameKey(realm, name string) []byte {
	return append(realmPrefix(keyName, realm), FoldName(name)...)
}

func auditKey(at time.Time, unique []byte) []byte {
	key := make([]byte, 0, 1+8+len(unique))
	key = append(key, keyAudit)
	key = binary.BigEndian.AppendUint64(key, uint64(at.UnixNano()))
	return append(key, unique...)
}

// digestFrom turns stored bytes back into a digest.
func digestFrom(b []byte) (secret.Digest, error) {
	var d secret.Digest
	if len(b) != len(d) {
		return d, fmt.Errorf("%w: a digest has %d bytes", ErrRecord, len(b))
	}
	copy(d[:], b)
	return d, nil
}

// FoldName is the form in which names are compared: case does not count
// (Delta Sharing protocol, names are case-insensitive). A letter beyond ASCII
// never becomes one of ASCII: Go's lower case of the Kelvin sign is k, and that of
// a dotted capital I is i, but other languages' is not, and two names that a server
// tells apart must not be one here.
func FoldName(name string) string {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return strings.Map(func(r rune) rune {
				if lower := unicode.ToLower(r); r < utf8.RuneSelf || lower >= utf8.RuneSelf {
					return lower
				}
				return r
			}, name)
		}
	}
	return strings.ToLower(name)
}

// ErrInvalid says that an argument is not acceptable; the text says why.
var ErrInvalid = errors.New("invalid")

// maxNameLength is the limit of the Delta Sharing protocol for names, in bytes.
const maxNameLength = 255

// ValidName checks the name of a recipient: 1 to 255 of the letters a-z and A-Z,
// digits, and . _ - @ + : = ~, not beginning with a hyphen or like an id. It may
// then stand in a header, a URL, a log line and a command as it is.
func ValidName(name string) error {
	if name == "" || len(name) > maxNameLength {
		return fmt.Errorf("%w: a name has 1 to %d characters", ErrInvalid, maxNameLength)
	}
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("._-@+:=~", c) >= 0) {
			return fmt.Errorf("%w: a name takes letters, digits and . _ - @ + : = ~", ErrInvalid)
		}
	}
	switch {
	case name == "." || name == "..":
		return fmt.Errorf("%w: a name cannot be a dot segment", ErrInvalid)
	case name[0] == '-':
		return fmt.Errorf("%w: a name cannot begin with a hyphen, like an option", ErrInvalid)
	case strings.HasPrefix(FoldName(name), RecipientIDPrefix):
		return fmt.Errorf("%w: a name cannot begin like an id, with %s", ErrInvalid, RecipientIDPrefix)
	}
	return nil
}

// ValidRealm checks the name of a realm: 1 to 64 of a-z, 0-9, '-', '_' and '.'.
func ValidRealm(realm string) error {
	if realm == "" || len(realm) > 64 {
		return fmt.Errorf("%w: a realm's name has 1 to 64 characters", ErrInvalid)
	}
	for _, c := range []byte(realm) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return fmt.Errorf("%w: a realm's name takes a-z, 0-9, '-', '_' and '.'", ErrInvalid)
		}
	}
	return nil
}
