package envelope

import (
	"bytes"
	"encoding/json"
)

// encode writes a value as JavaScript does: nothing in it is escaped that need not be.
func encode(value any) []byte {
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // the answers are structs of texts, numbers and JSON that was read
	}
	return unescapeLines(bytes.TrimSuffix(data.Bytes(), []byte("\n")))
}

// unescapeLines writes U+2028 and U+2029 as they are, which Go escapes and JavaScript does not.
func unescapeLines(data []byte) []byte {
	if !bytes.Contains(data, []byte(`\u202`)) {
		return data
	}
	plain := make([]byte, 0, len(data))
	for i := 0; i < len(data); {
		rest := data[i:]
		switch {
		case bytes.HasPrefix(rest, []byte(`\u2028`)), bytes.HasPrefix(rest, []byte(`\u2029`)):
			plain = append(plain, "\u2028"[:2]...)
			plain = append(plain, rest[5]-'8'+0xa8)
			i += 6
		case rest[0] == '\\':
			plain = append(plain, rest[:2]...)
			i += 2
		default:
			plain = append(plain, rest[0])
			i++
		}
	}
	return plain
}
