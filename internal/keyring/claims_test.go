package keyring

import (
	"context"
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
	if !c.ExpiresAt().Equal(epoch.Add(time.Hour)) || !c.IssuedAt().Equal(epoch) {
		t.Errorf("times %v, %v", c.IssuedAt(), c.ExpiresAt())
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
