package keyring

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestNewIssuerRefuses(t *testing.T) {
	const jwks = "https://issuer.example/keys"
	tests := map[string]struct {
		cfg  IssuerConfig
		want string
	}{
		"no issuer":                             {IssuerConfig{Audience: "a", JWKS: jwks}, "issuer is missing"},
		"no audience (CVE-2024-5798)":           {IssuerConfig{Issuer: "i", JWKS: jwks}, "audience is missing"},
		"a name without a key set URL":          {IssuerConfig{Issuer: "cos.example", Audience: "a"}, "must be a URL"},
		"plain http":                            {IssuerConfig{Issuer: "http://issuer.example", Audience: "a"}, "https"},
		"plain http for keys":                   {IssuerConfig{Issuer: "i", Audience: "a", JWKS: "http://issuer.example/k"}, "https"},
		"a host that only looks local":          {IssuerConfig{Issuer: "i", Audience: "a", JWKS: "http://127.0.0.1.example/k"}, "https"},
		"a user in the URL":                     {IssuerConfig{Issuer: "i", Audience: "a", JWKS: "https://u:p@issuer.example/k"}, "user"},
		"a file":                                {IssuerConfig{Issuer: "i", Audience: "a", JWKS: "file:///etc/passwd"}, "absolute"},
		"an issuer with a query":                {IssuerConfig{Issuer: "https://issuer.example/?a", Audience: "a"}, "query"},
		"HMAC":                                  {IssuerConfig{Issuer: "i", Audience: "a", JWKS: jwks, Algorithms: []string{"RS256", "HS256"}}, "HS256"},
		"none":                                  {IssuerConfig{Issuer: "i", Audience: "a", JWKS: jwks, Algorithms: []string{"none"}}, "none"},
		"an issuer of 2049 bytes":               {IssuerConfig{Issuer: strings.Repeat("i", maxIssuer+1), Audience: "a", JWKS: jwks}, "longer than"},
		"a key set that is not allowed":         {IssuerConfig{Issuer: "i", Audience: "a", JWKS: jwks, Allow: allowNothing}, "not here"},
		"an issuer that is not allowed":         {IssuerConfig{Issuer: "https://issuer.example", Audience: "a", Allow: allowNothing}, "not here"},
		"two places for keys":                   {IssuerConfig{Issuer: "i", Audience: "a", JWKS: jwks, Certificate: jwks}, "one place"},
		"a key set and a file":                  {IssuerConfig{Issuer: "i", Audience: "a", JWKS: jwks, File: "/keys"}, "one place"},
		"plain http for a certificate":          {IssuerConfig{Issuer: "i", Audience: "a", Certificate: "http://issuer.example/c"}, "https"},
		"a certificate that is not allowed":     {IssuerConfig{Issuer: "i", Audience: "a", Certificate: jwks, Allow: allowNothing}, "not here"},
		"an overlap before now":                 {IssuerConfig{Issuer: "i", Audience: "a", JWKS: jwks, Overlap: -1}, "negative"},
		"keys that expire before their refresh": {IssuerConfig{Issuer: "i", Audience: "a", JWKS: jwks, MaxAge: time.Minute}, "longer"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := NewIssuer(test.cfg)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "u:p") {
				t.Errorf("error tells a password: %v", err)
			}
		})
	}
}

func allowNothing(*url.URL) error { return errors.New("not here") }

func TestNewIssuerAccepts(t *testing.T) {
	for name, cfg := range map[string]IssuerConfig{
		"discovery":            {Issuer: "https://issuer.example/tenant/", Audience: "a"},
		"a name and a key set": {Issuer: "cos.example", Audience: "a", JWKS: "https://issuer.example/keys?v=1"},
		"a certificate":        {Issuer: "cos.example", Audience: "a", Certificate: "https://issuer.example/cert"},
		"loopback":             {Issuer: "http://[::1]:80", Audience: "a"},
		"audience per call":    {Issuer: "https://i.example", AudiencePerCall: true},
		"all algorithms":       {Issuer: "https://i.example", Audience: "a", Algorithms: []string{"RS512", "PS384", "ES512", "EdDSA"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewIssuer(cfg); err != nil {
				t.Error(err)
			}
		})
	}
}
