package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// Errors of Fields. Their texts quote nothing of what was read.
var (
	ErrNoObject  = errors.New("this is not one JSON object in UTF-8")
	ErrNameTwice = errors.New("a name occurs twice in a JSON object")
)

// Fields returns the fields of an object, their values as they stand there. The
// values themselves are well-formed JSON, but names may occur twice inside of them.
// The errors are ErrNoObject and ErrNameTwice (RFC 8259 section 4: readers differ in
// which of two they believe).
func Fields(data []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(data) {
		return nil, ErrNoObject
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, ErrNoObject
	}
	fields := make(map[string]json.RawMessage)
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, ErrNoObject
		}
		if _, twice := fields[name]; twice {
			return nil, ErrNameTwice
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, ErrNoObject
		}
		fields[name] = value
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, ErrNoObject
	}
	if _, err := d.Token(); err != io.EOF { //nolint:errorlint // Token returns io.EOF itself
		return nil, ErrNoObject
	}
	return fields, nil
}
