package strictjson

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestFields(t *testing.T) {
	for text, want := range map[string]error{
		`{}`:                         nil,
		` {"a":1,"A":[2,{"b":{}}]} `: nil,
		`{"a":{"b":1,"b":2}}`:        nil, // the reader of a's value decides
		``:                           ErrNoObject,
		`null`:                       ErrNoObject,
		`[]`:                         ErrNoObject,
		`{"a":1}{}`:                  ErrNoObject,
		`{"a":1} x`:                  ErrNoObject,
		`{"a":1,}`:                   ErrNoObject,
		`{"a"}`:                      ErrNoObject,
		`{"a":1`:                     ErrNoObject,
		"{\"a\":\"\xff\"}":           ErrNoObject,
		`{"a":1,"a":1}`:              ErrNameTwice,
		`{"a":1,"\u0061":2}`:         ErrNameTwice,
	} {
		if _, err := Fields([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", text, err, want)
		}
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[{}]}`))
	f.Add([]byte(`{"a":1,"\u0061":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		fields, err := Fields(data)
		if err != nil {
			return
		}
		var standard map[string]json.RawMessage
		if json.Unmarshal(data, &standard) != nil || len(standard) != len(fields) {
			t.Fatalf("%q read as %q and as %q", data, fields, standard)
		}
		for name, value := range fields {
			if string(standard[name]) != string(value) {
				t.Fatalf("%q: %q is %q and %q", data, name, value, standard[name])
			}
		}
	})
}
