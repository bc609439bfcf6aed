package keyring

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

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
		`{"a":` + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1) + `}`: true,
		`{"a":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`:     false,
	} {
		if got := strictObject([]byte(text)); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func FuzzStrictObject(f *testing.F) {
	for _, text := range []string{
		`{"a":[{"b":1},{"b":null}],"c":"d"}`, `{"a":1,"a":2}`, `{"a\\":"\"","a\\\\":"{\",\"x"}`,
		`{"a":{"b":1,"\u0062":2}}`, `{ "a" : [ { } , [ ] , "a" ] , "b" : { "a" : "," } }`, `{"\ud800":1,"\udfff":2}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := strictObject(text)
		if want := strictByDecoder(text); got != want {
			t.Fatalf("got %v, the decoder of encoding/json says %v", got, want)
		}
		if !got {
			return
		}
		var v map[string]any
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		for name, value := range v {
			want, isText := value.(string)
			if got, ok := memberText(text, name); got != want || ok != isText {
				t.Fatalf("member %q: got %q, %v", name, got, ok)
			}
		}
		if _, present := v["iss"]; !present {
			if got, ok := memberText(text, "iss"); ok || got != "" {
				t.Fatalf("a member that is not there: %q", got)
			}
		}
	})
}

// strictByDecoder is strictObject by encoding/json alone, which is slow.
func strictByDecoder(text []byte) bool {
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' || !utf8.Valid(text) || !json.Valid(text) {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // a number beyond float64 is for the claims to refuse
	var open []decoded
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
		if _, opens := tok.(json.Delim); opens && len(open) == maxDepth {
			return false
		}
		switch tok {
		case json.Delim('{'):
			open = append(open, decoded{names: map[string]bool{}, atName: true})
		case json.Delim('['):
			open = append(open, decoded{})
		}
	}
}

// decoded is an object or, without names, an array that is being read.
type decoded struct {
	names  map[string]bool
	atName bool // the next token is a name, not a value
}
