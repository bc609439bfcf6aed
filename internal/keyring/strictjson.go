package keyring

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// strictObject reports whether text is one JSON object in valid UTF-8 in which
// no object has the same name twice. encoding/json keeps the last of two and
// others the first, so that two readers of one token could see two subjects
// (RFC 8725, section 2.4).
func strictObject(text []byte) bool {
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' || !utf8.Valid(text) || !json.Valid(text) {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // a number beyond float64 is for the claims to refuse
	var open []scope
	for {
		tok, err := dec.Token()
		if err != nil {
			return false
		}
		if tok == json.Delim('}') || tok == json.Delim(']') {
			if open = open[:len(open)-1]; len(open) == 0 {
				return true // json.Valid has seen that nothing follows
			}
			continue
		}
		if len(open) > 0 && open[len(open)-1].names != nil {
			object := &open[len(open)-1]
			if object.atName {
				name, _ := tok.(string)
				if object.names[name] {
					return false
				}
				object.names[name] = true
			}
			object.atName = !object.atName
			if !object.atName {
				continue
			}
		}
		switch tok {
		case json.Delim('{'):
			open = append(open, scope{names: map[string]bool{}, atName: true})
		case json.Delim('['):
			open = append(open, scope{})
		}
	}
}

// scope is an object or, without names, an array that is being read.
type scope struct {
	names  map[string]bool
	atName bool // the next token is a name, not a value
}
