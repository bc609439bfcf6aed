package delta

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestExpiryOfARequest(t *testing.T) {
	t.Parallel()
	const bad = time.Duration(-1)
	tests := []struct {
		name string
		body string
		want time.Duration
	}{
		{"now", expiry("0"), 0},
		{"a day", expiry("86400"), 24 * time.Hour},
		{"white space", " \n{ \"" + expiryField + "\" :\t5 }\r\n", 5 * time.Second},
		{"another field beside", `{"comment":{"a":[1]},"` + expiryField + `":5}`, 5 * time.Second},
		{"escapes in the name", `{"existing_token_expiry_time_in_second\u0073":5}`, 5 * time.Second},
		{"longest", expiry("3153600000"), longest},
		{"more than longest", expiry("3153600001"), longest},
		{"more than a duration", expiry("9223372037"), longest},
		{"more than 64 bits", expiry("99999999999999999999999"), longest},

		{"no body", "", bad},
		{"white space alone", "  ", bad},
		{"absent", "{}", bad},
		{"null", expiry("null"), bad},
		{"negative", expiry("-1"), bad},
		{"negative zero", expiry("-0"), bad},
		{"positive sign", expiry("+5"), bad},
		{"float", expiry("1.5"), bad},
		{"whole float", expiry("5.0"), bad},
		{"exponent", expiry("5e3"), bad},
		{"string", expiry(`"5"`), bad},
		{"bool", expiry("true"), bad},
		{"array", expiry("[5]"), bad},
		{"object", expiry(`{"a":5}`), bad},
		{"leading zero", expiry("05"), bad},
		{"hexadecimal", expiry("0x5"), bad},
		{"underscore", expiry("1_000"), bad},
		{"not a number", expiry("NaN"), bad},
		{"twice", `{"` + expiryField + `":86400,"` + expiryField + `":0}`, bad},
		{"twice, once in escapes", `{"` + expiryField + `":86400,"existing_token_expiry_time_in_second\u0073":0}`, bad},
		{"another field twice", `{"a":1,"a":2,"` + expiryField + `":0}`, bad},
		{"another case", `{"Existing_Token_Expiry_Time_In_Seconds":0}`, bad},
		{"databricks' name", `{"existing_token_expire_in_seconds":0}`, bad},
		{"nested", `{"a":` + expiry("0") + `}`, bad},
		{"array of objects", "[" + expiry("0") + "]", bad},
		{"number alone", "0", bad},
		{"null alone", "null", bad},
		{"form", expiryField + "=0", bad},
		{"garbage after it", expiry("0") + "x", bad},
		{"brace after it", expiry("0") + "}", bad},
		{"another object after it", expiry("0") + expiry("5"), bad},
		{"comma at the end", `{"` + expiryField + `":0,}`, bad},
		{"cut off", strings.TrimSuffix(expiry("0"), "}"), bad},
		{"byte order mark", "\ufeff" + expiry("0"), bad},
		{"comment", expiry("0 /* now */"), bad},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, refusal := expiryFrom(strings.NewReader(tt.body))
			switch {
			case refusal == nil && (tt.want == bad || got != tt.want):
				t.Errorf("%s gives %s", tt.body, got)
			case refusal != nil && tt.want != bad:
				t.Errorf("%s: %v", tt.body, refusal)
			case refusal != nil && (refusal.Status != http.StatusBadRequest || !strings.Contains(refusal.Public, expiryField) || got != 0):
				t.Errorf("%s gives %s and %+v", tt.body, got, refusal)
			}
		})
	}
}

// FuzzExpiryFrom: what is accepted is an object that any reader takes for the
// same, with a whole number in the one field.
func FuzzExpiryFrom(f *testing.F) {
	for _, seed := range []string{
		expiry("0"), expiry("86400"), expiry("1e3"), expiry("-1"), expiry("99999999999999999999"), expiry("9227000000"), "{}", "null", "",
		`{"a":1,"a":2}`, expiry("0") + " ", expiry(`"0"`), "{\"\xff\":1,\"\xfe\":2," + expiry("0")[1:],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, refusal := expiryFrom(strings.NewReader(body))
		if refusal != nil {
			if got != 0 || refusal.Status != http.StatusBadRequest {
				t.Errorf("%q: %s and %+v", body, got, refusal)
			}
			return
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &fields); err != nil {
			t.Fatalf("%q is accepted: %v", body, err)
		}
		number, err := strconv.ParseUint(string(fields[expiryField]), 10, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			t.Fatalf("%q is accepted: %v", body, err)
		}
		number = min(number, uint64(longest/time.Second)) // before it could overflow a Duration
		if want := time.Duration(number) * time.Second; got != want || got%time.Second != 0 {
			t.Errorf("%q gives %s, want %s", body, got, want)
		}
	})
}
