package keyring

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// maxDepth bounds how deep objects and arrays are nested in one another.
const maxDepth = 64

// strictObject reports whether text is one JSON object in valid UTF-8, not nested
// too deep, in which no object has the same name twice. encoding/json keeps the last of two and
// others the first, so that two readers of one token could see two subjects
// (RFC 8725, section 2.4).
func strictObject(text []byte) bool {
	trimmed := bytes.TrimLeft(text, space)
	return len(trimmed) > 0 && trimmed[0] == '{' && utf8.Valid(text) && json.Valid(text) && distinctNames(text)
}

const space = " \t\r\n"

// distinctNames does the part that encoding/json has no function for, on text that
// it has found valid. Its decoder could do it token by token, but costs ten times
// as much, and a stranger's token of 16 KiB has room for thousands of names.
func distinctNames(text []byte) bool {
	var open []container
	atName := false // the next text is a name, not a value
	for len(text) > 0 {
		switch text[0] {
		case '{', '[':
			atName = text[0] == '{'
			if len(open) == maxDepth {
				return false
			}
			open = append(open, container{object: atName})
		case '}', ']':
			open = open[:len(open)-1]
		case ',':
			atName = open[len(open)-1].object
		case '"':
			quoted := leadingText(text)
			if atName && !open[len(open)-1].add(unquote(quoted)) {
				return false
			}
			atName = false
			text = text[len(quoted):]
			continue
		}
		text = text[1:]
	}
	return true
}

// container is an object or array that is being read.
type container struct {
	object bool
	names  map[string]bool // so far; made at the first
}

// add reports false if the name is there already.
func (c *container) add(name string) bool {
	if c.names[name] {
		return false
	}
	if c.names == nil {
		c.names = make(map[string]bool)
	}
	c.names[name] = true
	return true
}

// leadingText returns the JSON text, with its quotes, that a valid rest begins with.
func leadingText(rest []byte) []byte {
	end := 1
	for rest[end] != '"' {
		if rest[end] == '\\' {
			end++
		}
		end++
	}
	return rest[:end+1]
}

// unquote returns what a valid JSON text in valid UTF-8 means.
func unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s)
	return s
}

// memberText returns the member of a strictObject's outermost object that has that
// name, and whether it is there and a text.
func memberText(object []byte, name string) (string, bool) {
	depth, atName := 0, false
	for len(object) > 0 {
		switch object[0] {
		case '{', '[':
			depth++
			atName = object[0] == '{'
		case '}', ']':
			depth--
		case ',':
			atName = true // or in an array; only depth 1 counts, which is an object
		case '"':
			quoted := leadingText(object)
			object = object[len(quoted):]
			isName := atName && depth == 1
			atName = false
			if !isName || unquote(quoted) != name {
				continue
			}
			value := bytes.TrimLeft(bytes.TrimLeft(object, space)[1:], space) // behind the colon
			if value[0] != '"' {
				return "", false
			}
			return unquote(leadingText(value)), true
		}
		object = object[1:]
	}
	return "", false
}
