package keyring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestUnverifiedIssuer(t *testing.T) {
	const issuer = "https://login.example/tenant"
	for name, token := range map[string]string{
		"signed":                     byEC.token(t, claims(issuer, nil), nil),
		"by whomever":                byEC2.token(t, claims(issuer, nil), object{"alg": "none", "kid": "x"}),
		"signature is not looked at": encode(`{}`) + "." + encode(`{"iss":"`+issuer+`"}`) + ".-",
		"escaped":                    encode(`{}`) + "." + encode(`{"i\u0073s":"https:\/\/login.example\/tenant"}`) + ".",
		"another claim in a case":    encode(`{}`) + "." + encode(`{"Iss":"x","iss":"`+issuer+`","ISS":"y"}`) + ".",
		"iss deeper down":            encode(`{}`) + "." + encode(`{"act":{"iss":"x"},"iss":"`+issuer+`"}`) + ".",
	} {
		if got, err := UnverifiedIssuer(token); err != nil || got != issuer {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestUnverifiedIssuerRefuses(t *testing.T) {
	payload := func(text string) string { return encode(`{}`) + "." + encode(text) + ".sig" }
	for name, token := range map[string]string{
		"nothing": "", "opaque": "ghd_abcdefgh", "two parts": "e30.e30", "dots": strings.Repeat(".", 15000),
		"too long":             payload(`{"iss":"i","x":"` + strings.Repeat("x", maxToken) + `"}`),
		"issuer too long":      payload(`{"iss":"` + strings.Repeat("i", maxIssuer+1) + `"}`),
		"line break":           strings.Replace(payload(`{"iss":"i"}`), ".sig", "\n.sig", 1),
		"padding":              strings.Replace(payload(`{"iss":"ii"}`), ".sig", "=.sig", 1),
		"no object":            payload(`"iss"`),
		"followed":             payload(`{"iss":"i"}{}`),
		"two issuers":          payload(`{"iss":"i","iss":"j"}`),
		"two issuers, escaped": payload(`{"iss":"i","i\u0073s":"i"}`),
		"two of another":       payload(`{"iss":"i","sub":"a","sub":"b"}`),
		"header with two kids": encode(`{"kid":"a","kid":"b"}`) + "." + encode(`{"iss":"i"}`) + ".",
		"absent":               payload(`{}`),
		"another case":         payload(`{"Iss":"i"}`),
		"deeper down only":     payload(`{"act":{"iss":"i"}}`),
		"empty":                payload(`{"iss":""}`),
		"null":                 payload(`{"iss":null}`),
		"a number":             payload(`{"iss":5}`),
		"a list":               payload(`{"iss":["i"]}`),
		"not UTF-8":            payload("{\"iss\":\"\xff\"}"),
	} {
		got, err := UnverifiedIssuer(token)
		if !errors.Is(err, ErrInvalidToken) || got != "" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func FuzzUnverifiedIssuer(f *testing.F) {
	fake := newFakeIssuer(f, byEC.public())
	i, _ := fake.issuer(f, nil)
	f.Add(byEC.token(f, claims(fake.URL, nil), nil))
	f.Add(encode(`{}`) + "." + encode(`{"iss":"a","Iss":"b"}`) + ".")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := UnverifiedIssuer(token)
		if err != nil {
			if got != "" || !errors.Is(err, ErrInvalidToken) {
				t.Fatalf("got %q, %v", got, err)
			}
			if _, err := i.Verify(context.Background(), token); err == nil {
				t.Fatal("refused, though it verifies")
			}
			return
		}
		payload, err := checkForm(token)
		if err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		var raw map[string]any
		dec := json.NewDecoder(strings.NewReader(string(payload)))
		dec.UseNumber()
		if err := dec.Decode(&raw); err != nil || raw["iss"] != got || got == "" || len(got) > maxIssuer {
			t.Fatalf("got %q, the payload says %v, %v", got, raw["iss"], err)
		}
	})
}

func BenchmarkUnverifiedIssuer(b *testing.B) {
	var names strings.Builder
	for n := range 1000 {
		fmt.Fprintf(&names, `"%d":0,`, n)
	}
	for name, token := range map[string]string{
		"token":            byEC.token(b, claims("https://login.example/tenant", nil), nil),
		"opaque":           "ghd_" + strings.Repeat("a", 50),
		"random":           strings.Repeat("x", 400) + "." + strings.Repeat("y", 400) + ".z",
		"a thousand names": encode(`{}`) + "." + encode(`{`+names.String()+`"iss":"i"}`) + ".",
		"nested":           encode(`{}`) + "." + encode(`{"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`) + ".",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = UnverifiedIssuer(token)
			}
		})
	}
}
