package keyring

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

func decode(t *testing.T, v object) jwt.MapClaims {
	t.Helper()
	var c jwt.MapClaims
	dec := json.NewDecoder(bytes.NewBufferString(mustJSON(t, v)))
	dec.UseNumber()
	if err := dec.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStrictObject(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`:                      true,
		` {"a":1,"b":[],"c":{}} `: true,
		`{"a":{"a":{"a":"a"}},"b":["a","a",{"a":1},{"a":1}]}`: true,
		`{"a":"b","b":"a"}`:               true,
		`{"a":1e999}`:                     true,
		`{"a":1,"a":1}`:                   false,
		`{"a":1,"\u0061":1}`:              false,
		`{"a":[],"a":{}}`:                 false,
		`{"x":{"a":1,"b":{"c":1},"a":1}}`: false,
		`{"x":[[{"a":1},{"a":1,"a":1}]]}`: false,
		`{"":1,"":1}`:                     false,
		``:                                false,
		`null`:                            false,
		`[]`:                              false,
		`"{}"`:                            false,
		`{}{}`:                            false,
		`{"a":1}]`:                        false,
		`{"a":1,}`:                        false,
		`{"a"}`:                           false,
		"{\"a\":\"\xff\"}":                false,
		"\ufeff{}":                        false,
		`{"a":`:                           false,
	} {
		if got := strictObject([]byte(text)); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func FuzzStrictObject(f *testing.F) {
	f.Add([]byte(`{"a":[{"b":1},{"b":null}],"c":"d"}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var v map[string]any
		if strictObject(text) {
			dec := json.NewDecoder(bytes.NewReader(text))
			dec.UseNumber()
			if err := dec.Decode(&v); err != nil {
				t.Fatalf("accepted, but %v", err)
			}
		}
	})
}
