package coordinator

import (
	"errors"
	"strings"
	"testing"
)

// What JavaScript and the database of BitBroker make of a body, together.
func TestValuesReadAndWrittenAsByBitBroker(t *testing.T) {
	for text, want := range map[string]string{
		`null`:             `null`,
		` [true, false ] `: `[true,false]`,
		`{"a":1e400,"b":-0,"c":12345678901234567890,"d":1.50}`: `{"a":null,"b":0,"c":12345678901234567000,"d":1.5}`,
		`[1e21,1e-7,123456789012345680000,0.000001]`:           `[1e+21,1e-7,123456789012345680000,0.000001]`,
		`[{"10":1,"2":2,"a":3,"2":4}]`:                         `[{"2":4,"10":1,"a":3}]`,
		`{"bb":1,"a":2,"ab":3,"":4}`:                           `{"":4,"a":2,"ab":3,"bb":1}`,
		`{"4294967295":1,"4294967294":2,"01":3}`:               `{"4294967294":2,"01":3,"4294967295":1}`,
		`{"é":1,"zz":2}`:                                       `{"zz":2,"é":1}`,
		`{"a":{"c":[{"e":1,"d":2}],"b":3}}`:                    `{"a":{"b":3,"c":[{"d":2,"e":1}]}}`,
		`"<>&\u2028\/\b\f\u0001\ud83d\ude00"`:                  `"<>&` + `\u2028` + `/\b\f\u0001😀"`,
		"\"\xff\"":                                             `"` + "\ufffd" + `"`,
	} {
		value, err := parse([]byte(text))
		must(t, err)
		if got := string(encode(value)); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestDepthOfValuesIsBounded(t *testing.T) {
	for _, inner := range []string{"[", `{"a":`} {
		end := map[string]string{"[": "]", `{"a":`: "0}"}[inner]
		nest := func(n int) string {
			text := strings.Repeat(inner, n)
			if inner == "[" {
				return text + strings.Repeat(end, n)
			}
			return text + "0" + strings.Repeat("}", n)
		}
		if _, err := parse([]byte(nest(maxDepth))); err != nil {
			t.Errorf("%s: %v", inner, err)
		}
		if _, err := parse([]byte(nest(maxDepth + 1))); !errors.Is(err, errTooDeep) {
			t.Errorf("%s: %v", inner, err)
		}
	}
}

func TestWhatJavaScriptTakesForTrue(t *testing.T) {
	for text, want := range map[string]bool{
		`null`: false, `false`: false, `0`: false, `-0`: false, `""`: false,
		`true`: true, `1`: true, `"0"`: true, `[]`: true, `{}`: true, `1e400`: true,
	} {
		value, err := parse([]byte(text))
		must(t, err)
		if truthy(value) != want {
			t.Errorf("%s: %t", text, !want)
		}
	}
	if truthy(absent{}) || truthy(member([]any{}, "a")) {
		t.Error("what is not there is true")
	}
}
