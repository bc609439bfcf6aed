package keyring

import (
	"context"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestClaims(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	i, _ := f.issuer(t, nil)
	c, err := i.Verify(context.Background(), byEC.token(t, claims(f.URL, object{"azp": "app", "n": 1}), nil))
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := c.String("azp"); !ok || s != "app" {
		t.Errorf("azp: %q, %v", s, ok)
	}
	for _, name := range []string{"n", "none", "Azp"} {
		if s, ok := c.String(name); ok || s != "" {
			t.Errorf("%s: %q, %v", name, s, ok)
		}
	}
	if !c.Has("n") || c.Has("none") || c.Has("Azp") {
		t.Error("which claims there are")
	}
	if !c.ExpiresAt().Equal(epoch.Add(time.Hour)) || !c.IssuedAt().Equal(epoch) {
		t.Errorf("times %v, %v", c.IssuedAt(), c.ExpiresAt())
	}
}

func TestNamesAreTheSameInCaseOfASCIIOnly(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"a-Z[@`{é", "A-z[@`{é", true},
		{"cos.example.com", "COS.EXAMPLE.COM", true},
		{"cos.example.com", "cos.example.com.", false},
		{"a", "b", false},
		{"@", "`", false},
		{"[", "{", false},
		{"é", "É", false},
		{"\u212a", "k", false}, // the Kelvin sign
		{"\u017f", "s", false}, // the long s
		{"\xcb", "\xeb", false},
	} {
		if SameName(test.a, test.b) != test.want || SameName(test.b, test.a) != test.want {
			t.Errorf("%q and %q", test.a, test.b)
		}
	}
}

func TestTexts(t *testing.T) {
	c := Claims{raw: decode(t, object{
		"text": "a b", "empty": "", "list": []string{"a", "b"}, "none of them": []string{}, "mixed": []any{"a", 1},
		"nested": []any{[]string{"a"}}, "number": 1, "object": object{"a": "b"}, "null": nil,
	})}
	for name, want := range map[string][]string{
		"text": {"a b"}, "empty": {""}, "list": {"a", "b"}, "none of them": {}, "mixed": nil, "nested": nil,
		"number": nil, "object": nil, "null": nil, "absent": nil, "List": nil,
	} {
		got := c.Texts(name)
		if !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s: got %#v, want %#v", name, got, want)
		}
	}
	c.Texts("list")[0] = "changed"
	if c.Texts("list")[0] != "a" {
		t.Error("the claims themselves were handed out")
	}
}

func TestHasAudience(t *testing.T) {
	for _, test := range []struct {
		aud  any
		ask  string
		want bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "A", false},
		{[]string{"a", "b"}, "b", true},
		{[]string{"a", "b"}, "c", false},
		{[]any{"a", 1}, "a", false},
		{"", "", false},
		{[]string{"a", ""}, "", false},
		{nil, "", false},
	} {
		c := Claims{raw: decode(t, object{"aud": test.aud})}
		if got := c.HasAudience(test.ask); got != test.want {
			t.Errorf("aud %v, asked for %q: got %v", test.aud, test.ask, got)
		}
	}
	if (Claims{}).HasAudience("") || (Claims{}).HasAudience("a") || (Claims{}).Texts("aud") != nil {
		t.Error("empty claims have an audience")
	}
}

func TestScopes(t *testing.T) {
	tests := map[string]struct {
		claims object
		want   []string
	}{
		"none":                      {nil, nil},
		"scope":                     {object{"scope": "dds/read  dds/write"}, []string{"dds/read", "dds/write"}},
		"scope empty":               {object{"scope": ""}, nil},
		"scp text":                  {object{"scp": "a b"}, []string{"a", "b"}},
		"scp list":                  {object{"scp": []string{"a", "b c"}}, []string{"a", "b c"}},
		"scp list, one no text":     {object{"scp": []any{"a", 1}}, nil},
		"scp object":                {object{"scp": object{"a": true}}, nil},
		"scope a number":            {object{"scope": 1, "scp": "a"}, nil},
		"scope before scp":          {object{"scope": "a", "scp": "b"}, []string{"a"}},
		"scope empty grants no scp": {object{"scope": "", "scp": "b"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := Claims{raw: decode(t, test.claims)}
			if got := c.Scopes(); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestMapIsForConditions(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	i, _ := f.issuer(t, nil)
	payload := mustJSON(t, claims(f.URL, nil))
	payload = payload[:len(payload)-1] + `,"whole":7,"negative":-7,"large":9007199254740993,"larger":1e19,"fraction":0.5,"infinite":1e999,` +
		`"deep":{"list":[1,"a",null,true,{"n":2}]}}`
	c, err := i.Verify(t.Context(), byEC.sign(t, `{"alg":"ES256","kid":"ec"}`, payload))
	if err != nil {
		t.Fatal(err)
	}
	m := c.Map()
	for name, want := range map[string]any{
		"sub": "acme", "iat": epoch.Unix(), "whole": int64(7), "negative": int64(-7), "large": int64(9007199254740993),
		"larger": 1e19, "fraction": 0.5, "infinite": math.Inf(1),
		"deep": map[string]any{"list": []any{int64(1), "a", nil, true, map[string]any{"n": int64(2)}}},
	} {
		if !reflect.DeepEqual(m[name], want) {
			t.Errorf("%s is %#v, want %#v", name, m[name], want)
		}
	}
	m["sub"] = "evil"
	m["deep"].(map[string]any)["list"].([]any)[0] = "evil"
	if again := c.Map(); c.Subject() != "acme" || again["deep"].(map[string]any)["list"].([]any)[0] != int64(1) {
		t.Error("a change of the map changes the claims")
	}
	if m := (Claims{}).Map(); m == nil || len(m) != 0 {
		t.Errorf("of no claims: %v", m)
	}
}
