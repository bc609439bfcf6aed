package badgerstore

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// messageFormat is the first byte of a feed entry's value. What follows are the
// messages, each behind its length as a uvarint.
const messageFormat = 1

var errMessages = errors.New("feed entry is damaged or of a newer version")

// appendMessage appends a message to a feed entry's value; a nil value begins one.
func appendMessage(value, message []byte) []byte {
	if value == nil {
		value = []byte{messageFormat}
	}
	value = binary.AppendUvarint(value, uint64(len(message)))
	return append(value, message...)
}

// splitMessages returns copies of the messages in a feed entry's value.
func splitMessages(value []byte) ([][]byte, error) {
	if len(value) == 0 || value[0] != messageFormat {
		return nil, errMessages
	}
	value = value[1:]
	var messages [][]byte
	for len(value) > 0 {
		length, n := binary.Uvarint(value)
		if n <= 0 || length > uint64(len(value)-n) {
			return nil, errMessages
		}
		end := n + int(length)
		messages = append(messages, bytes.Clone(value[n:end]))
		value = value[end:]
	}
	return messages, nil
}
