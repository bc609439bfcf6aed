package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// The first byte of a stored key says whose it is.
const (
	ownSpace    = 0x00
	callerSpace = 0x01
)

// Keys of the store's own entries. They are stored bytes: never change them.
var (
	feedPrefix = []byte{ownSpace, 'f'}
	floorKey   = []byte{ownSpace, 'l'}
	markKey    = []byte{ownSpace, 'm'}
)

// The limits of the driver contract.
const (
	maxKey   = 1024
	maxValue = 1 << 20
)

var errEmptyKey = errors.New("key is empty; a key has 1 to 1024 bytes")

func checkKey(key []byte) error {
	switch {
	case len(key) == 0:
		return errEmptyKey
	case len(key) > maxKey:
		return fmt.Errorf("%w: a key has %d bytes, at most %d are allowed", tokenstore.ErrTooLarge, len(key), maxKey)
	}
	return nil
}

// appendCallerKey appends the stored form of a caller's key.
func appendCallerKey(to, key []byte) []byte {
	return append(append(to, callerSpace), key...)
}

// newFeedKey returns a key that no other transaction uses. A counter would begin
// anew with the process, and could meet an older entry of the same snapshot.
func newFeedKey(snapshot uint64) []byte {
	key := make([]byte, 0, len(feedPrefix)+16)
	key = append(key, feedPrefix...)
	key = binary.BigEndian.AppendUint64(key, snapshot)
	return binary.BigEndian.AppendUint64(key, rand.Uint64())
}
