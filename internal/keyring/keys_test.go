package keyring

import (
	"context"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestParseKeySetLeavesOutWhatCannotVerify(t *testing.T) {
	enc := byRSA.public()
	enc.Use = "enc"
	good := mustJSON(t, byEC.public())
	for name, key := range map[string]string{
		"symmetric":         mustJSON(t, jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "k"}),
		"private":           mustJSON(t, jose.JSONWebKey{Key: p256b, KeyID: "k"}),
		"for encryption":    mustJSON(t, enc),
		"short RSA":         mustJSON(t, jose.JSONWebKey{Key: rsaSmall.Public(), KeyID: "k"}),
		"unknown type":      `{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`,
		"unknown curve":     `{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`,
		"off the curve":     strings.Replace(good, `"x":"`, `"x":"A`, 1),
		"no key":            `{}`,
		"null":              `null`,
		"a text":            `"key"`,
		"RSA exponent zero": `{"kty":"RSA","n":"AQAB","e":""}`,
		"RSA of 4104 bits":  rsaJSON(strings.Repeat("\xff", 513), "\x01\x00\x01"),
		"RSA exponent even": rsaJSON(strings.Repeat("\xff", 256), "\x01\x00\x00"),
		"RSA exponent one":  rsaJSON(strings.Repeat("\xff", 256), "\x01"),
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := parseKeySet([]byte(`{"keys":[` + key + `,` + good + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			if len(keys) != 1 || keys[0].id != "ec" {
				t.Errorf("got %d keys, want the good one only", len(keys))
			}
		})
	}
}

func TestParseKeySetRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "HTML": "<html>", "no keys": "{}", "keys null": `{"keys":null}`, "keys an object": `{"keys":{}}`,
		"a list": `[]`, "too many keys": `{"keys":[` + strings.Repeat("{},", maxKeys) + `{}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if keys, err := parseKeySet([]byte(text)); err == nil {
				t.Errorf("accepted with %d keys", len(keys))
			}
		})
	}
}

func TestKeysWithoutIDAreTriedForEveryToken(t *testing.T) {
	anonymous, other := byEC.public(), byEC2.public()
	anonymous.KeyID, other.KeyID = "", ""
	f := newFakeIssuer(t, other, anonymous)
	i, _ := f.issuer(t, nil)
	for name, header := range map[string]object{"kid": nil, "no kid": {"kid": absent}} {
		if _, err := i.Verify(context.Background(), byEC.token(t, claims(f.URL, nil), header)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	stranger := signer{"ec", "ES384", p384}.token(t, claims(f.URL, nil), object{"alg": "ES256"})
	if _, err := i.Verify(context.Background(), stranger); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("stranger: got %v", err)
	}
}

// Each key that is tried costs what one check costs, and anyone can send tokens.
func TestHugeExponentsDoNotMakeChecksDear(t *testing.T) {
	for exponent, want := range map[string]int{"\x03": 1, "\x01\x00\x01": 1, "\x01\x00\x03": 0, "\x7f\xff\xff\xff": 0} {
		keys, err := parseKeySet([]byte(`{"keys":[` + rsaJSON(strings.Repeat("\xff", 512), exponent) + `]}`))
		if err != nil || len(keys) != want {
			t.Errorf("exponent %x: %d keys, %v, want %d", exponent, len(keys), err, want)
		}
	}
}

// rsaJSON is an RSA key of 8 bits per byte of n.
func rsaJSON(n, e string) string {
	return `{"kty":"RSA","kid":"k","n":"` + encode(n) + `","e":"` + encode(e) + `"}`
}

func TestKeySetWithoutNamesDoesNotMakeTokensDear(t *testing.T) {
	named := func(id string, n int) (keys []jose.JSONWebKey) {
		for range n {
			keys = append(keys, jose.JSONWebKey{Key: p256.Public(), KeyID: id})
		}
		return keys
	}
	other := byEd.public()
	const tooMany = "token is not valid: too many keys to try: its issuer must give keys ids and name them in tokens"
	for name, test := range map[string]struct {
		keys []jose.JSONWebKey
		kid  any
		want string
	}{
		"as many as are tried, keys without a name":   {named("", 4), "ec", ""},
		"as many as are tried, token without a name":  {append(named("ec", 4), other), absent, ""},
		"too many, keys without a name":               {named("", 5), "ec", tooMany},
		"too many, token without a name":              {named("ec", 5), absent, tooMany},
		"too many, neither with a name":               {named("", 5), absent, tooMany},
		"too many of the same name":                   {named("ec", 5), "ec", tooMany},
		"too many, some with and some without a name": {append(named("ec", 1), named("", 4)...), "ec", tooMany},
		"many of other names":                         {append(named("x", 50), named("ec", 1)...), "ec", ""},
	} {
		f := newFakeIssuer(t, test.keys...)
		i, _ := f.issuer(t, nil)
		_, err := i.Verify(t.Context(), byEC.token(t, claims(f.URL, nil), object{"kid": test.kid}))
		if got := errorText(err); got != test.want || err != nil && !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSameKeys(t *testing.T) {
	set := func(keys ...jose.JSONWebKey) *keySet {
		parsed, err := parseKeySet([]byte(mustJSON(t, jose.JSONWebKeySet{Keys: append([]jose.JSONWebKey{}, keys...)})))
		if err != nil {
			t.Fatal(err)
		}
		return newKeySet(parsed, nil, epoch, 0)
	}
	with := func(k jose.JSONWebKey, change func(*jose.JSONWebKey)) jose.JSONWebKey {
		change(&k)
		return k
	}
	all := set(byRSA.public(), byEC.public(), byEd.public())
	for name, test := range map[string]struct {
		other *keySet
		want  bool
	}{
		"again":           {set(byRSA.public(), byEC.public(), byEd.public()), true},
		"another order":   {set(byEd.public(), byRSA.public(), byEC.public()), true},
		"one twice":       {set(byEd.public(), byRSA.public(), byEC.public(), byEC.public()), true},
		"one more":        {set(byRSA.public(), byEC.public(), byEd.public(), byEC2.public()), false},
		"one less":        {set(byRSA.public(), byEC.public()), false},
		"none":            {set(), false},
		"nil":             {nil, false},
		"under its name":  {set(byRSA.public(), signer{"ec", "", p256b}.public(), byEd.public()), false},
		"another name":    {set(byRSA.public(), signer{"x", "", p256}.public(), byEd.public()), false},
		"an algorithm":    {set(with(byRSA.public(), func(k *jose.JSONWebKey) { k.Algorithm = "PS256" }), byEC.public(), byEd.public()), false},
		"another of type": {set(signer{"rsa", "", p256}.public(), byEC.public(), byEd.public()), false},
	} {
		if all.sameKeys(test.other) != test.want || test.other.sameKeys(all) != test.want {
			t.Errorf("%s: not %v", name, test.want)
		}
	}
	if none := (*keySet)(nil); !none.sameKeys(nil) || !none.sameKeys(set()) || !set().sameKeys(none) {
		t.Error("a set without keys is not the same as none")
	}
}

func TestEveryAlgorithmHasAnAsymmetricKey(t *testing.T) {
	for alg, fits := range algorithms {
		for name, key := range map[string]any{
			"secret": []byte("0123456789abcdef0123456789abcdef"), "text": "x", "none": nil,
			"private": p256, "certificate": &x509.Certificate{},
		} {
			if fits(key) {
				t.Errorf("%s accepts a key of type %s", alg, name)
			}
		}
	}
	if algorithms["ES256"](p384.Public()) || !isEC(elliptic.P384())(p384.Public()) {
		t.Error("curves are mixed up")
	}
}

func FuzzParseKeySet(f *testing.F) {
	f.Add([]byte(mustJSON(f, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{byRSA.public(), byEC.public(), byEd.public()}})))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA"},{"kty":"RSA","n":"AQAB","e":"AQAB","x5c":["MIIB"]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseKeySet(text)
		if err != nil && keys != nil {
			t.Fatal("keys beside an error")
		}
		for _, k := range keys {
			if !usable(k.key) {
				t.Fatalf("key of type %T is let in", k.key)
			}
		}
	})
}
