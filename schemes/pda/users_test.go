package pda

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestHashesAreStripped(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`[{"userId":"u","email":"e","pass":"$2a$12$abc","name":"n"}]`: `[{"userId":"u","email":"e","name":"n"}]`,
		`{"pass":"x"}`:                            `{}`,
		`{ "pass" : "x" }`:                        `{  }`,
		`{"pass":"x","a":1}`:                      `{"a":1}`,
		`{"pass":"x" , "a":1}`:                    `{"a":1}`,
		`{"a":1,"pass":"x"}`:                      `{"a":1}`,
		"{\n \"a\": 1,\n \"pass\": \"x\"\n}":      "{\n \"a\": 1\n}",
		`{"a":1,"pass":"x","b":2}`:                `{"a":1,"b":2}`,
		`{"pass":1,"hash":2,"a":3}`:               `{"a":3}`,
		`{"a":3,"pass":1,"hash":2}`:               `{"a":3}`,
		`{"pass":1,"a":3,"hash":2,"b":4}`:         `{"a":3,"b":4}`,
		`{"pass":1,"pass":2}`:                     `{}`,
		`{"PASS":1,"passWord":2,"Hash":3}`:        `{}`,
		`{"p\u0061ss":1,"a":2}`:                   `{"a":2}`,
		"{\"pa\u017fs\":1}":                       `{}`,
		`{"pass":{"a":[1]},"b":{"pass":1}}`:       `{"b":{}}`,
		`[[{"a":[{"hash":1},{"b":"pass"}]}]]`:     `[[{"a":[{},{"b":"pass"}]}]]`,
		`{"passport":1,"compass":2,"hashes":3}`:   `{"passport":1,"compass":2,"hashes":3}`,
		`["pass","x"]`:                            `["pass","x"]`,
		` [ ] `:                                   ` [ ] `,
		`"pass"`:                                  `"pass"`,
		`null`:                                    `null`,
		`{"a":1.50e3,"b":"\u00e9\/","a":"twice"}`: `{"a":1.50e3,"b":"\u00e9\/","a":"twice"}`,
	} {
		got, err := stripHashes([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
}

func TestWhatIsNoJSONIsNotPassedOn(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		``, ` `, `{`, `[{"pass":"x"}`, `{"pass":"x"}}`, `{"a":1} {"pass":2}`, `<html>`, `{"pass" "x"}`, `{"pass":}`, `{"a":1,}`, `{,"a":1}`,
		`{pass:1}`, `{'pass':1}`, "{\"a\":\"\xff\"}", "\xff", `{"a":1}x`, strings.Repeat("[", 1<<20),
	} {
		if got, err := stripHashes([]byte(in)); !errors.Is(err, errUsers) || got != nil {
			t.Errorf("%.40q: got %.40q, %v", in, got, err)
		}
	}
}

// without takes secrets out of a value as the standard library reads it.
func without(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			if quoted, err := json.Marshal(name); err != nil || isSecretName(quoted) {
				delete(value, name)
				continue
			}
			value[name] = without(inner)
		}
	case []any:
		for i := range value {
			value[i] = without(value[i])
		}
	}
	return value
}

func FuzzStripHashes(f *testing.F) {
	for _, seed := range []string{
		`[{"userId":"u","pass":"$2a$12$abc","name":"n"}]`, `{"pass":1,"a":{"hash":[{}]},"password":2,"b":3}`, `{"p\u0061ss":1}`, `[[]]`, `{"a":1,"pass":2,"a":3}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := stripHashes(body)
		if err != nil {
			return
		}
		again, err := stripHashes(got)
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("%q gives %q, that %q: %v", body, got, again, err)
		}
		var before, after any
		if json.Unmarshal(body, &before) != nil {
			return // a number too large for it
		}
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%q gives %q: %v", body, got, err)
		}
		if !reflect.DeepEqual(without(before), after) {
			t.Fatalf("%q gives %q", body, got)
		}
	})
}
