package delta

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// members goes through the members of a JSON object, without building anything: a
// listing has many. The object must be valid; that is left to the decoder.
type members struct {
	object string
	at     int
}

// membersOf begins behind the object's brace.
func membersOf(object string) members { return members{object, 1} }

// next returns a member's name, in quotes, and its value, both as they stand; empty
// at the end.
func (m *members) next() (name, value string) {
	start := m.skip(',')
	if m.object[start] == '}' {
		return "", ""
	}
	m.at += stringLength(m.object[start:])
	name = m.object[start:m.at]
	start = m.skip(':')
	m.at += valueLength(m.object[start:])
	return name, m.object[start:m.at]
}

// skip goes over white space and a sign.
func (m *members) skip(sign byte) int {
	for m.object[m.at] <= ' ' || m.object[m.at] == sign {
		m.at++
	}
	return m.at
}

func valueLength(s string) int {
	switch s[0] {
	case '"':
		return stringLength(s)
	case '{', '[':
	default:
		return strings.IndexAny(s, " \t\r\n,}")
	}
	depth := 0
	for i := 0; ; i++ {
		switch s[i] {
		case '"':
			i += stringLength(s[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

// stringLength counts both quotes.
func stringLength(s string) int {
	for i := 1; ; i++ {
		switch s[i] {
		case '"':
			return i + 1
		case '\\':
			i++ // over what it escapes
		}
	}
}

// unquoted is the text of a valid JSON string.
func unquoted[S ~string | ~[]byte](value S) string {
	inner := string(value[1 : len(value)-1])
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	text, _ := jsontext.AppendUnquote(nil, value)
	return string(text)
}

// textOf is the text of a member's value; empty if it is none.
func textOf(value string) string {
	if value == "" || value[0] != '"' {
		return ""
	}
	return unquoted(value)
}
