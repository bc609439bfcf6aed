package keyring

import (
	"context"
	"testing"
	"time"
)

func TestTokensWithoutExpiryAreGoodWhereItIsSaid(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	endless, _ := f.issuer(t, func(c *IssuerConfig) { c.NoExpiry = true })
	strict, _ := f.issuer(t, nil)
	for name, test := range map[string]struct {
		changes object
		reason  string // of NoExpiry; empty: good
		strict  string
	}{
		"an end":               {object{}, "", ""},
		"no end":               {object{"exp": absent}, "", "no expiry"},
		"neither end nor date": {object{"exp": absent, "iat": absent}, "", "no expiry"},
		"no date, but an end":  {object{"iat": absent}, "no time of issue", "no time of issue"},
		"past":                 {object{"exp": epoch.Add(-time.Minute).Unix()}, "expired", "expired"},
		"an end of null":       {object{"exp": nil}, "no expiry", "no expiry"},
		"an end of 0":          {object{"exp": 0}, "no expiry", "no expiry"},
		"an end as text":       {object{"exp": "4102444800"}, "no expiry", "no expiry"},
		"a date of null":       {object{"exp": absent, "iat": nil}, "no time of issue", "no expiry"},
		"a date as text":       {object{"exp": absent, "iat": "1"}, "no time of issue", "no expiry"},
		"of the future":        {object{"exp": absent, "iat": epoch.Add(time.Hour).Unix()}, "issued in the future", "no expiry"},
		"not yet":              {object{"exp": absent, "nbf": epoch.Add(time.Hour).Unix()}, "not valid yet", "no expiry"},
		"another issuer":       {object{"exp": absent, "iss": "https://elsewhere.example"}, "another issuer", "another issuer"},
		"another audience":     {object{"exp": absent, "aud": "https://elsewhere.example"}, "another audience", "no expiry"},
	} {
		t.Run(name, func(t *testing.T) {
			token := byEC.token(t, claims(f.URL, test.changes), nil)
			got, err := endless.Verify(context.Background(), token)
			if Reason(err) != test.reason || (err == nil) != (test.reason == "") {
				t.Errorf("got %v, want %q", err, test.reason)
			}
			if _, err := strict.Verify(context.Background(), token); Reason(err) != test.strict || (err == nil) != (test.strict == "") {
				t.Errorf("elsewhere: got %v, want %q", err, test.strict)
			}
			if err == nil && (got.ExpiresAt().IsZero() == got.Has("exp") || got.IssuedAt().IsZero() == got.Has("iat")) {
				t.Errorf("times %v and %v", got.IssuedAt(), got.ExpiresAt())
			}
		})
	}
}
