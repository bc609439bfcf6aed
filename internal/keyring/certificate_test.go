package keyring

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const aaa = "cos.example.com"

// certificate is one of a key as a Java keytool makes it: without names, and over for
// years by the clock of the tests.
func certificate(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    epoch.AddDate(-4, 0, 0), NotAfter: epoch.AddDate(-3, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// onOneLine is a certificate as PEM whose text has no line breaks, nor the end of it.
func onOneLine(t testing.TB, key crypto.Signer) string {
	t.Helper()
	return "-----BEGIN CERTIFICATE-----\n" + base64.StdEncoding.EncodeToString(certificate(t, key)) + "\n-----END CERTIFICATE-----"
}

func publicPEM(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// rsaPEM is a public key of so many bits, to which there is no private one.
func rsaPEM(t testing.TB, bits uint) string {
	t.Helper()
	modulus := new(big.Int).Lsh(big.NewInt(1), bits)
	der, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: modulus.Sub(modulus, big.NewInt(1)), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func certificateAnswer(t testing.TB, text string) string { return mustJSON(t, object{"cert": text}) }

// withExpiredCertificate is a key as the AAA server publishes it: its name is the one
// of every key before and after it, its certificate is over, and the thumbprint is not
// the certificate's.
func withExpiredCertificate(t testing.TB, key crypto.Signer) json.RawMessage {
	t.Helper()
	var members object
	if err := json.Unmarshal([]byte(mustJSON(t, jose.JSONWebKey{Key: key.Public(), KeyID: "ES256"})), &members); err != nil {
		t.Fatal(err)
	}
	members["x5c"] = []string{base64.StdEncoding.EncodeToString(certificate(t, key))}
	members["x5t#S256"] = "bm90IHRoZSB0aHVtYnByaW50"
	return json.RawMessage(mustJSON(t, members))
}

// byAAA signs as the AAA server does: with the issuer in the header, and no kid.
func (s signer) byAAA(t testing.TB, changes object) string {
	t.Helper()
	return s.token(t, claims(aaa, changes), object{"iss": aaa, "kid": absent})
}

// aaaIssuer takes the tokens of an AAA server whose keys come from f.
func aaaIssuer(t testing.TB, f *fakeIssuer, change func(*IssuerConfig)) (*Issuer, *clock) {
	t.Helper()
	return f.issuer(t, func(c *IssuerConfig) {
		c.Issuer, c.FoldIssuer, c.JWKS = aaa, true, f.URL+"/keys"
		c.Audience, c.AudiencePerCall = "", true
		c.Algorithms, c.IgnoreKeyIDs, c.NoRedirects = []string{"ES256"}, true, true
		if change != nil {
			change(c)
		}
	})
}

func TestKeysOfAnAAAServer(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		change func(c *IssuerConfig, url string)
	}{
		"key set with an expired certificate": {
			`{"keys":[` + string(withExpiredCertificate(t, p256)) + `]}`,
			func(c *IssuerConfig, url string) { c.JWKS = url },
		},
		"certificate on one line": {
			certificateAnswer(t, onOneLine(t, p256)),
			func(c *IssuerConfig, url string) { c.JWKS, c.Certificate = "", url },
		},
		"several certificates": {
			certificateAnswer(t, onOneLine(t, p256b)+"\n"+onOneLine(t, p256)+"\n"),
			func(c *IssuerConfig, url string) { c.JWKS, c.Certificate = "", url },
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeIssuer(t)
			f.answer(&f.keySet, text(test.answer))
			i, _ := aaaIssuer(t, f, func(c *IssuerConfig) { test.change(c, f.URL+"/keys") })
			for spelling, iss := range map[string]string{"as configured": aaa, "in capitals": "COS.Example.COM"} {
				c, err := i.VerifyAnyAudience(t.Context(), byEC.byAAA(t, object{"iss": iss, "aud": "rs.example.com"}))
				if err != nil || c.Subject() != "acme" {
					t.Errorf("issuer %s: %v", spelling, err)
				}
			}
			for what, token := range map[string]string{
				"another key":    signer{"ES256", "ES256", p256c}.byAAA(t, nil),
				"another issuer": byEC.byAAA(t, object{"iss": "cos.example.org"}),
				"long s":         byEC.byAAA(t, object{"iss": strings.Replace(aaa, "s", "\u017f", 1)}),
			} {
				if _, err := i.VerifyAnyAudience(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
					t.Errorf("%s: got %v", what, err)
				}
			}
		})
	}
}

var p256c, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)

func TestParsePEM(t *testing.T) {
	private, err := x509.MarshalPKCS8PrivateKey(p256)
	if err != nil {
		t.Fatal(err)
	}
	secret := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	broken := "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	good := onOneLine(t, p256)
	for name, test := range map[string]struct {
		text string
		keys int // 0: refused
	}{
		"a certificate":                       {good, 1},
		"a public key":                        {publicPEM(t, p256), 1},
		"another key of P-256, RSA and EdDSA": {good + "\n" + publicPEM(t, p256b) + publicPEM(t, rsaKey) + publicPEM(t, edKey), 4},
		"a renewed certificate":               {good + "\n" + onOneLine(t, p256), 1},
		"words around it":                     {"subject=\n" + good + "\nthe end", 1},
		"one beside a broken one":             {broken + good, 1},
		"nothing":                             {"", 0},
		"words":                               {"certificate", 0},
		"a broken one only":                   {broken, 0},
		"cut":                                 {good[:len(good)-5], 0},
		"a short RSA key":                     {publicPEM(t, rsaSmall), 0},
		"an RSA key of 4096 bits":             {rsaPEM(t, 4096), 1},
		"an RSA key of 4104 bits":             {rsaPEM(t, 4104), 0},
		"one beside a long RSA key":           {rsaPEM(t, 4104) + good, 1},
		"a private key":                       {secret, 0},
		"a private key beside a certificate":  {good + "\n" + secret, 0},
		"too many":                            {strings.Repeat(broken, maxKeys) + good, 0},
	} {
		keys, err := parsePEM([]byte(test.text))
		if len(keys) != test.keys || (err == nil) != (test.keys > 0) {
			t.Errorf("%s: %d keys, %v, want %d", name, len(keys), err, test.keys)
		}
	}
	for name, answer := range map[string]string{
		"not JSON": "<html>", "a list": `[` + certificateAnswer(t, good) + `]`, "no member": `{}`, "another member": mustJSON(t, object{"Cert": good}),
		"a number": `{"cert":1}`, "null": `{"cert":null}`, "empty": `{"cert":""}`, "a list of them": mustJSON(t, object{"cert": []string{good}}),
		"twice": strings.Replace(certificateAnswer(t, good), "}", `,"cert":""}`, 1), "cut": strings.TrimSuffix(certificateAnswer(t, good), "}"),
		"followed by more": certificateAnswer(t, good) + "{}",
	} {
		if keys, err := parseCertificateAnswer([]byte(answer)); err == nil || keys != nil {
			t.Errorf("answer is %s: taken, with %d keys", name, len(keys))
		}
	}
}

func TestKeysOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := &clock{now: epoch}
	cfg := IssuerConfig{Issuer: aaa, AudiencePerCall: true, File: path, IgnoreKeyIDs: true, Algorithms: []string{"ES256"}, Now: c.Now}
	for name, text := range map[string]string{
		"PEM": onOneLine(t, p256), "a public key": publicPEM(t, p256),
		"a key set": "\n " + mustJSON(t, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{byEC.public()}}),
	} {
		put(text)
		i, err := NewIssuer(cfg)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// Without Run, and without a network.
		if _, err := i.VerifyAnyAudience(t.Context(), byEC.byAAA(t, nil)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	i, err := NewIssuer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	good := func(s signer) bool {
		_, err := i.VerifyAnyAudience(t.Context(), s.byAAA(t, nil))
		return err == nil
	}
	for _, bad := range []string{"", "-----BEGIN CERTIFICATE-----\nAAAA", "{", `{"keys":`, publicPEM(t, p256b) + strings.Repeat(" ", maxBody)} {
		put(bad)
		if i.refresh(t.Context()) || !good(byEC) {
			t.Errorf("a bad file of %d bytes takes the place of the keys", len(bad))
		}
	}
	put(publicPEM(t, p256b))
	if !i.refresh(t.Context()) || good(byEC) || !good(byEC2) {
		t.Error("a new file is not read")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if i.refresh(t.Context()) || !good(byEC2) {
		t.Error("a file that is gone takes the keys with it")
	}
}

func TestNewIssuerRefusesKeyFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty": "", "words": "key", "a set without keys": `{"keys":[]}`, "a set without usable keys": `{"keys":[{"kty":"oct","k":"AA"}]}`,
		"a short key": publicPEM(t, rsaSmall),
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := NewIssuer(IssuerConfig{Issuer: aaa, Audience: audience, File: path}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want an error with the path", name, err)
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, "missing")} {
		if _, err := NewIssuer(IssuerConfig{Issuer: aaa, Audience: audience, File: path}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func FuzzParsePEM(f *testing.F) {
	f.Add([]byte(onOneLine(f, p256)))
	f.Add([]byte(publicPEM(f, edKey)))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parsePEM(text)
		if (err == nil) != (len(keys) > 0) || len(keys) > maxKeys {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			if !usable(k.key) {
				t.Errorf("a key that cannot verify: %v", k.key)
			}
		}
		if !bytes.Contains(text, []byte("-----BEGIN ")) && err == nil {
			t.Error("keys from nowhere")
		}
	})
}

func FuzzParseCertificateAnswer(f *testing.F) {
	f.Add([]byte(certificateAnswer(f, onOneLine(f, p256))))
	f.Add([]byte(`{"cert":""}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if keys, err := parseCertificateAnswer(answer); err == nil && (len(keys) == 0 || !json.Valid(answer)) {
			t.Errorf("%d keys in %q", len(keys), answer)
		}
	})
}

// The clocks that are compared with a certificate's dates are nowhere.
func TestDatesOfCertificatesMeanNothing(t *testing.T) {
	for name, at := range map[string]time.Time{"long over": epoch.AddDate(50, 0, 0), "not yet": epoch.AddDate(-10, 0, 0)} {
		f := newFakeIssuer(t)
		f.answer(&f.keySet, text(certificateAnswer(t, onOneLine(t, p256))))
		i, c := aaaIssuer(t, f, func(c *IssuerConfig) { c.JWKS, c.Certificate = "", f.URL+"/keys" })
		c.advance(at.Sub(epoch))
		i.refresh(t.Context())
		if _, err := i.VerifyAnyAudience(t.Context(), byEC.byAAA(t, object{"iat": at.Unix(), "exp": at.Unix() + 60})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
