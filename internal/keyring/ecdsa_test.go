package keyring

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

// An ES256 signature is 64 bytes, R and S (RFC 7518, section 3.4). Some verifiers take
// DER as well, which gives a token two spellings.
func TestECDSASignatureHasOneForm(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	i, _ := aaaIssuer(t, f, nil)
	good := byEC.byAAA(t, nil)
	text := good[:strings.LastIndexByte(good, '.')]
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, p256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	raw := func(r, s *big.Int) []byte {
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	other := new(big.Int).Sub(p256.Params().N, s)
	for name, test := range map[string]struct {
		sig  []byte
		good bool
	}{
		"R and S":          {raw(r, s), true},
		"R and the high S": {raw(r, other), true}, // the issuer's libraries make both
		"S and R":          {raw(s, r), false},
		"DER":              {der, false},
		"DER, cut to 64":   {der[:64], false},
		"63 bytes":         {raw(r, s)[:63], false},
		"65 bytes":         {append(raw(r, s), 0), false},
		"a zero before":    {append([]byte{0}, raw(r, s)...), false},
		"two of them":      {append(raw(r, s), raw(r, s)...), false},
		"R only":           {raw(r, s)[:32], false},
		"zeros":            {make([]byte, 64), false},
		"S zero":           {raw(r, new(big.Int)), false},
		"R zero":           {raw(new(big.Int), s), false},
		"R is N":           {raw(p256.Params().N, s), false},
		"S is N":           {raw(r, p256.Params().N), false},
		"96 bytes":         {make([]byte, 96), false},
	} {
		token := text + "." + base64.RawURLEncoding.EncodeToString(test.sig)
		if _, err := i.VerifyAnyAudience(t.Context(), token); test.good && err != nil || !test.good && !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTokenOfAnotherAlgorithmIsRefused(t *testing.T) {
	f := newFakeIssuer(t, byEC.public(), byRSA.public(), signer{"p384", "", p384}.public())
	i, _ := aaaIssuer(t, f, nil)
	if _, err := i.VerifyAnyAudience(t.Context(), byEC.byAAA(t, nil)); err != nil {
		t.Fatal(err)
	}
	tokens := hmacForgeries(t, mustJSON(t, claims(aaa, nil)))
	tokens["RS256"] = byRSA.byAAA(t, nil)
	tokens["ES384"] = signer{"p384", "ES384", p384}.byAAA(t, nil)
	tokens["none"] = byEC.token(t, claims(aaa, nil), object{"kid": absent, "alg": "none"})
	for name, token := range tokens {
		if _, err := i.VerifyAnyAudience(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTokensOfAnySizeThatAHeaderHasRoomFor(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	i, _ := aaaIssuer(t, f, nil)
	sized := func(size int) string {
		// Four letters of base64 for three of the claim.
		token := byEC.byAAA(t, object{"cons": ""})
		return byEC.byAAA(t, object{"cons": strings.Repeat("x", (size-len(token))*3/4)})
	}
	for size, good := range map[int]bool{4 << 10: true, 15 << 10: true, maxToken - 4: true, maxToken + 4: false, 17 << 10: false} {
		token := sized(size)
		if len(token) < size-4 || len(token) > size+4 {
			t.Fatalf("a token of %d bytes, not %d", len(token), size)
		}
		if _, err := i.VerifyAnyAudience(t.Context(), token); (err == nil) != good || err != nil && !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%d bytes: got %v", len(token), err)
		}
	}
}

func TestTimesOfATokenHaveALeewayOf30Seconds(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	i, c := aaaIssuer(t, f, nil)
	at := epoch.Unix()
	for name, test := range map[string]struct {
		changes object
		after   time.Duration
		reason  string
	}{
		"exp":                   {object{"exp": at + 60}, 60 * time.Second, ""},
		"exp and 29 s":          {object{"exp": at + 60}, 89 * time.Second, ""},
		"exp and just below 30": {object{"exp": at + 60}, 90*time.Second - 1, ""},
		"exp and 30 s":          {object{"exp": at + 60}, 90 * time.Second, "expired"},
		"no exp":                {object{"exp": absent}, 0, "no expiry"},
		"exp null":              {object{"exp": nil}, 0, "no expiry"},
		"iat in 30 s":           {object{"iat": at + 30}, 0, ""},
		"iat in 31 s":           {object{"iat": at + 31}, 0, "issued in the future"},
		"no iat":                {object{"iat": absent}, 0, "no time of issue"},
		"nbf in 31 s":           {object{"nbf": at + 31}, 0, "not valid yet"},
		"aud an array":          {object{"aud": []string{"a", "b"}}, 0, ""}, // the caller's
		"no aud":                {object{"aud": absent}, 0, ""},
	} {
		c.advance(test.after)
		got, err := i.VerifyAnyAudience(t.Context(), byEC.byAAA(t, test.changes))
		if Reason(err) != test.reason || (err == nil) != (test.reason == "") || err != nil && got.raw != nil {
			t.Errorf("%s: got %v, want %q", name, err, test.reason)
		}
		c.advance(-test.after)
	}
	if Reason(nil) != "" || Reason(ErrUnavailable) != "" || Reason(ErrInvalidToken) != "" {
		t.Error("a reason from nowhere")
	}
}

func TestVerifyAnyAudienceIsForACallerWhoIsStillThere(t *testing.T) {
	i, err := NewIssuer(IssuerConfig{Issuer: aaa, AudiencePerCall: true, JWKS: "https://aaa.example.com/jwks", Now: (&clock{now: epoch}).Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.VerifyAnyAudience(t.Context(), byEC.byAAA(t, nil)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without keys: got %v", err)
	}
	if _, err := i.VerifyAnyAudience(t.Context(), "garbage"); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("garbage: got %v", err)
	}
}
