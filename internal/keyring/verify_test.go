package keyring

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

func TestGoodTokensAreAccepted(t *testing.T) {
	f := newFakeIssuer(t, byRSA.public(), byEC.public(), byEd.public())
	i, _ := f.issuer(t, nil)
	byPS := signer{"rsa", "PS256", rsaKey}
	good := claims(f.URL, nil)
	for name, token := range map[string]string{
		"RS256": byRSA.token(t, good, nil), "PS256": byPS.token(t, good, nil),
		"ES256": byEC.token(t, good, nil), "EdDSA": byEd.token(t, good, nil),
		"no kid":            byEC.token(t, good, object{"kid": absent}),
		"no typ":            byEC.token(t, good, object{"typ": absent}),
		"access token type": byEC.token(t, good, object{"typ": "application/at+JWT"}),
		"audience in list":  byEC.token(t, claims(f.URL, object{"aud": []string{"other", audience}}), nil),
		"fraction in exp":   byEC.token(t, claims(f.URL, object{"exp": float64(epoch.Unix()) + 0.5}), nil),
		"within leeway":     byEC.token(t, claims(f.URL, object{"exp": epoch.Unix() - 29, "iat": epoch.Unix() + 29, "nbf": epoch.Unix() + 29}), nil),
		"unknown claims":    byEC.token(t, claims(f.URL, object{"realm_access": object{"roles": []string{"a"}}}), nil),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := i.Verify(context.Background(), token)
			if err != nil {
				t.Fatal(err)
			}
			if c.Subject() != "acme" {
				t.Errorf("subject %q", c.Subject())
			}
		})
	}
}

// bad returns tokens that must be refused, by the name of what they try. Keys
// rsa, ec and ed are published.
func bad(t testing.TB, iss string) map[string]string {
	good := claims(iss, nil)
	goodEC := byEC.token(t, good, nil)
	parts := strings.Split(goodEC, ".")
	payload := mustJSON(t, good)
	tokens := map[string]string{
		"nothing":                      "",
		"two dots":                     "..",
		"opaque":                       "ghd_abcdefgh",
		"two parts":                    parts[0] + "." + parts[1],
		"five parts":                   goodEC + ".a.b",
		"a fourth part":                goodEC + ".",
		"15,000 dots (CVE-2025-30204)": strings.Repeat(".", 15000),
		"a megabyte":                   goodEC + strings.Repeat("A", 1<<20),
		"just too long":                goodEC + strings.Repeat("A", maxToken+1-len(goodEC)),
		"no signature":                 parts[0] + "." + parts[1] + ".",
		"another token's signature":    parts[0] + "." + encode(strings.Replace(payload, "acme", "evil", 1)) + "." + parts[2],
		"an altered signature":         parts[0] + "." + parts[1] + "." + flip(parts[2]),
		"a stranger's key":             signer{"ec", "ES256", p256b}.token(t, good, nil),
		"line break within":            parts[0] + "." + parts[1] + "." + parts[2][:10] + "\n" + parts[2][10:],
		"padding":                      parts[0] + "." + parts[1] + "." + parts[2] + "==",
		"expired, and a bad signature (CVE-2024-51744)": flipSignature(byEC.token(t, claims(iss, object{"exp": 1}), nil)),

		"alg absent":                byEC.token(t, good, object{"alg": absent}),
		"alg a number":              byEC.token(t, good, object{"alg": 256}),
		"alg another case":          byEC.token(t, good, object{"alg": "es256"}),
		"alg of another family":     byEC.token(t, good, object{"alg": "RS256"}),
		"alg not allowed":           signer{"rsa", "RS512", rsaKey}.token(t, good, nil),
		"ES256 with a P-384 key":    signer{"p384", "ES384", p384}.token(t, good, object{"alg": "ES256"}),
		"RSA key of another's name": byRSA.token(t, good, object{"kid": "ec"}),

		"kid unknown":          byEC.token(t, good, object{"kid": "nobody"}),
		"kid a path":           byEC.token(t, good, object{"kid": "../../../dev/null"}),
		"kid SQL":              byEC.token(t, good, object{"kid": "ec' UNION SELECT 'k'--"}),
		"kid a URL":            byEC.token(t, good, object{"kid": "https://evil.example/k"}),
		"kid with NUL":         byEC.token(t, good, object{"kid": "ec\x00"}),
		"kid empty":            byEC.token(t, good, object{"kid": ""}),
		"kid null":             byEC.token(t, good, object{"kid": nil}),
		"kid a number":         byEC.token(t, good, object{"kid": 0}),
		"kid a list":           byEC.token(t, good, object{"kid": []string{"ec"}}),
		"kid another's":        byEC.token(t, good, object{"kid": "ed"}),
		"own key in jwk":       byEC2.token(t, good, object{"jwk": byEC2.public()}),
		"own key by jku":       byEC2.token(t, good, object{"jku": iss + "/evil"}),
		"own key by x5u":       byEC2.token(t, good, object{"x5u": iss + "/evil", "kid": "ec"}),
		"own key in x5c":       byEC2.token(t, good, object{"x5c": []string{"MIIB"}, "kid": absent}),
		"crit":                 byEC.token(t, good, object{"crit": []string{"exp"}}),
		"crit unknown":         byEC.token(t, good, object{"crit": []string{"x"}, "x": 1}),
		"crit empty":           byEC.token(t, good, object{"crit": []string{}}),
		"crit null":            byEC.token(t, good, object{"crit": nil}),
		"type of logout token": byEC.token(t, good, object{"typ": "logout+jwt"}),
		"type of DPoP proof":   byEC.token(t, good, object{"typ": "dpop+jwt"}),
		"type a number":        byEC.token(t, good, object{"typ": 1}),

		"payload null":      byEC.sign(t, `{"alg":"ES256","kid":"ec"}`, `null`),
		"payload a list":    byEC.sign(t, `{"alg":"ES256","kid":"ec"}`, `[`+payload+`]`),
		"payload a text":    byEC.sign(t, `{"alg":"ES256","kid":"ec"}`, `"a"`),
		"payload followed":  byEC.sign(t, `{"alg":"ES256","kid":"ec"}`, payload+`{}`),
		"payload not UTF-8": byEC.sign(t, `{"alg":"ES256","kid":"ec"}`, strings.Replace(payload, "acme", "\xff", 1)),
		"payload nested":    byEC.sign(t, `{"alg":"ES256","kid":"ec"}`, `{"a":`+strings.Repeat("[", 11000)),
		"header a list":     byEC.sign(t, `[]`, payload),
		"duplicate sub":     byEC.sign(t, `{"alg":"ES256","kid":"ec"}`, strings.Replace(payload, "{", `{"sub":"admin",`, 1)),
		"duplicate sub, one escaped": byEC.sign(t, `{"alg":"ES256","kid":"ec"}`,
			strings.Replace(payload, "{", `{"s\u0075b":"admin",`, 1)),
		"duplicate deep down":   byEC.sign(t, `{"alg":"ES256","kid":"ec"}`, strings.Replace(payload, "{", `{"x":[{"a":1,"b":{},"a":2}],`, 1)),
		"duplicate alg":         byEC.sign(t, `{"alg":"none","alg":"ES256","kid":"ec"}`, payload),
		"duplicate kid":         byEC.sign(t, `{"alg":"ES256","kid":"x","kid":"ec"}`, payload),
		"iss absent":            byEC.token(t, claims(iss, object{"iss": absent}), nil),
		"iss with a slash more": byEC.token(t, claims(iss, object{"iss": iss + "/"}), nil),
		"iss a list":            byEC.token(t, claims(iss, object{"iss": []string{iss}}), nil),
		"Iss for iss":           byEC.token(t, claims(iss, object{"iss": absent, "Iss": iss}), nil),
		"sub a number":          byEC.token(t, claims(iss, object{"sub": 5}), nil),
		"sub null":              byEC.token(t, claims(iss, object{"sub": nil}), nil),
		"nbf in the future":     byEC.token(t, claims(iss, object{"nbf": epoch.Unix() + 31}), nil),
		"nbf a text":            byEC.token(t, claims(iss, object{"nbf": "0"}), nil),
		"nbf null":              byEC.token(t, claims(iss, object{"nbf": nil}), nil),
		"iat in the future":     byEC.token(t, claims(iss, object{"iat": epoch.Unix() + 31}), nil),
		"exp just gone":         byEC.token(t, claims(iss, object{"exp": epoch.Unix() - 30}), nil),
	}
	for name, v := range map[string]any{
		"absent": absent, "0": 0, "null": nil, "text 0": "0", "text": "9999999999", "-1": -1, "1e19": 1e19,
		"true": true, "a list": []int{1}, "an object": object{},
	} {
		tokens["exp "+name+" (golang-jwt #496, #511)"] = byEC.token(t, claims(iss, object{"exp": v}), nil)
		tokens["iat "+name] = byEC.token(t, claims(iss, object{"iat": v}), nil)
	}
	tokens["exp beyond any number"] = byEC.sign(t, `{"alg":"ES256","kid":"ec"}`,
		strings.Replace(payload, `"exp":`, `"exp":1e999,"x":`, 1))
	for name, v := range map[string]any{
		"absent": absent, "5": 5, "an object": object{}, "an empty list": []string{}, "a list of a number": []int{1}, "null": nil,
		"empty": "", "another": "https://other.example", "a part": audience[:10], "a list with a number": []any{audience, 1},
		"text of a list": `["` + audience + `"]`, "an object by name": object{audience: true},
	} {
		tokens["aud "+name+" (CVE-2020-26160)"] = byEC.token(t, claims(iss, object{"aud": v}), nil)
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
		tokens["alg "+none+", no signature"] = encode(`{"alg":"`+none+`","kid":"ec"}`) + "." + encode(payload) + "."
		tokens["alg "+none+", signature"] = byEC.token(t, good, object{"alg": none})
	}
	maps.Copy(tokens, hmacForgeries(t, payload))
	return tokens
}

// hmacForgeries use each spelling of a public key as the secret of an HMAC.
func hmacForgeries(t testing.TB, payload string) map[string]string {
	tokens := make(map[string]string)
	for kid, key := range map[string]crypto.PublicKey{"rsa": rsaKey.Public(), "ec": p256.Public(), "ed": edKey.Public()} {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for spelling, secret := range map[string][]byte{
			"DER": der,
			"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
			"JWK": []byte(mustJSON(t, jose.JSONWebKey{Key: key, KeyID: kid})),
		} {
			text := encode(`{"alg":"HS256","typ":"JWT","kid":"`+kid+`"}`) + "." + encode(payload)
			sig, err := jwt.SigningMethodHS256.Sign(text, secret)
			if err != nil {
				t.Fatal(err)
			}
			tokens["HMAC with public key "+kid+" as "+spelling+" (CVE-2026-39999)"] = text + "." + encode(string(sig))
		}
	}
	return tokens
}

func flip(sig string) string {
	if sig[0] == 'A' {
		return "B" + sig[1:]
	}
	return "A" + sig[1:]
}

func flipSignature(token string) string {
	dot := strings.LastIndexByte(token, '.')
	return token[:dot+1] + flip(token[dot+1:])
}

func TestBadTokensAreRefused(t *testing.T) {
	f := newFakeIssuer(t, byRSA.public(), byEC.public(), byEd.public(), signer{"p384", "", p384}.public())
	i, _ := f.issuer(t, nil)
	if _, err := i.Verify(context.Background(), byEC.token(t, claims(f.URL, nil), nil)); err != nil {
		t.Fatalf("the token that the others are made from is refused itself: %v", err)
	}
	before := f.fetches.Load()
	tokens := bad(t, f.URL)
	for _, name := range slices.Sorted(maps.Keys(tokens)) {
		t.Run(name, func(t *testing.T) {
			token := tokens[name]
			c, err := i.Verify(context.Background(), token)
			if !errors.Is(err, ErrInvalidToken) || errors.Is(err, ErrUnavailable) {
				t.Fatalf("got %v, want ErrInvalidToken", err)
			}
			if c.raw != nil || c.Subject() != "" {
				t.Error("claims of a refused token are returned")
			}
			for part := range strings.SplitSeq(token, ".") {
				if len(part) > 8 && strings.Contains(err.Error(), part) {
					t.Errorf("error quotes the token: %v", err)
				}
			}
			if strings.ContainsAny(err.Error(), "{}[]'\"") || len(err.Error()) > 100 {
				t.Errorf("error is not from the fixed set: %v", err)
			}
		})
	}
	if f.fetches.Load() != before {
		t.Error("Verify itself went to the network")
	}
}

func TestVerifyPinsTheKeysOwnAlgorithm(t *testing.T) {
	key := byRSA.public()
	key.Algorithm = "PS256"
	f := newFakeIssuer(t, key)
	i, _ := f.issuer(t, nil)
	if _, err := i.Verify(context.Background(), byRSA.token(t, claims(f.URL, nil), nil)); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("RS256 under a key for PS256: got %v", err)
	}
	if _, err := i.Verify(context.Background(), signer{"rsa", "PS256", rsaKey}.token(t, claims(f.URL, nil), nil)); err != nil {
		t.Errorf("PS256: %v", err)
	}
}

func TestTokenExpiresWithTheClock(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	i, c := f.issuer(t, nil)
	token := byEC.token(t, claims(f.URL, nil), nil)
	c.advance(time.Hour + DefaultLeeway - time.Second)
	if _, err := i.Verify(context.Background(), token); err != nil {
		t.Errorf("within leeway: %v", err)
	}
	c.advance(time.Second)
	if _, err := i.Verify(context.Background(), token); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("after leeway: got %v", err)
	}
}

func TestVerifyForACallerWhoHasGone(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	i, _ := f.issuer(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := i.Verify(ctx, byEC.token(t, claims(f.URL, nil), nil)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestVerifyForAnyOfTheAudiences(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	i, _ := f.issuer(t, func(c *IssuerConfig) { c.Audience, c.AudiencePerCall = "configured", true })
	for _, test := range []struct {
		aud   any
		asked []string
		good  bool
	}{
		{"a", []string{"a"}, true},
		{"b", []string{"a", "b"}, true},
		{[]string{"x", "b"}, []string{"a", "b"}, true},
		{"a", []string{"", "a"}, true},
		{"c", []string{"a", "b"}, false},
		{"A", []string{"a"}, false},
		{"configured", []string{"a"}, false},
		{"configured", nil, false},
		{"", []string{""}, false},
		{[]string{"", "x"}, []string{"", "a"}, false},
		{absent, []string{""}, false},
		{absent, nil, false},
	} {
		token := byEC.token(t, claims(f.URL, object{"aud": test.aud}), nil)
		c, err := i.VerifyFor(context.Background(), token, test.asked)
		if test.good && (err != nil || c.Subject() != "acme") || !test.good && !errors.Is(err, ErrInvalidToken) {
			t.Errorf("for %v, asked for %q: got %v", test.aud, test.asked, err)
		}
	}
}

func TestVerifyWithoutAnAudienceRefusesEverything(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	i, _ := f.issuer(t, func(c *IssuerConfig) { c.Audience, c.AudiencePerCall = "", true })
	for _, aud := range []any{audience, "", []string{""}, absent} {
		token := byEC.token(t, claims(f.URL, object{"aud": aud}), nil)
		if _, err := i.Verify(context.Background(), token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("aud %v: got %v", aud, err)
		}
	}
	if _, err := i.VerifyFor(context.Background(), byEC.token(t, claims(f.URL, nil), nil), []string{audience}); err != nil {
		t.Errorf("VerifyFor: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	fake := newFakeIssuer(f, byEC.public(), byEd.public())
	i, _ := fake.issuer(f, nil)
	good := byEd.token(f, claims(fake.URL, nil), nil)
	f.Add(good)
	f.Add(encode(`{"alg":"none"}`) + "." + encode(`{}`) + ".")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := i.Verify(context.Background(), token)
		if err == nil && token != good {
			t.Fatalf("a forged token is accepted: %q", token)
		}
		if err != nil && !errors.Is(err, ErrInvalidToken) {
			t.Fatalf("got %v", err)
		}
	})
}
