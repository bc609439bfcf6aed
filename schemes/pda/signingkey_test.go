package pda

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func mustPKCS8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestImportSigningKey(t *testing.T) {
	key := rsaKeys()[0]
	pkcs1 := x509.MarshalPKCS1PrivateKey(key)
	pkcs8 := mustPKCS8(t, key)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := marshalPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(pkcs1)
	damaged[len(damaged)/2] ^= 1
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: pkcs1, Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}})
	good := pemOf("RSA PRIVATE KEY", pkcs1)
	for name, tc := range map[string]struct {
		text []byte
		want string // part of the error; empty: it is imported
	}{
		"PKCS#1":                  {good, ""},
		"PKCS#8":                  {pemOf("PRIVATE KEY", pkcs8), ""},
		"with text in front":      {append([]byte("Bag Attributes\n  friendlyName: x\n"), good...), ""},
		"with empty lines behind": {append(bytes.Clone(good), "\n\n \n"...), ""},
		"with Windows line ends":  {bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")), ""},
		"nothing":                 {nil, "not in PEM"},
		"DER":                     {pkcs1, "not in PEM"},
		"a path":                  {[]byte("/etc/key.pem"), "not in PEM"},
		"cut off":                 {good[:len(good)-30], "not in PEM"},
		"two keys":                {append(bytes.Clone(good), good...), "followed"},
		"text behind":             {append(bytes.Clone(good), "x"...), "followed"},
		"the public key":          {pemOf("PUBLIC KEY", public), "not a private key"},
		"a certificate":           {pemOf("CERTIFICATE", public), "not a private key"},
		"PKCS#8 under PKCS#1":     {pemOf("RSA PRIVATE KEY", pkcs8), "damaged"},
		"PKCS#1 under PKCS#8":     {pemOf("PRIVATE KEY", pkcs1), "damaged"},
		"empty block":             {pemOf("RSA PRIVATE KEY", nil), "damaged"},
		"a flipped bit":           {pemOf("RSA PRIVATE KEY", damaged), "damaged"},
		"encrypted, old form":     {encrypted, "encrypted"},
		"encrypted, PKCS#8":       {pemOf("ENCRYPTED PRIVATE KEY", pkcs8), "encrypted"},
		"an EC key":               {pemOf("PRIVATE KEY", mustPKCS8(t, ec)), "not an RSA key"},
		"1,024 bits":              {pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(smallKey(t))), "1024 bits"},
		"40 KiB":                  {bytes.Repeat([]byte("A"), 40<<10), "longer"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := importSigningKey(tc.text)
			if tc.want == "" {
				if err != nil || !got.Equal(key) {
					t.Fatalf("got another key, or %v", err)
				}
				return
			}
			if got != nil || !errors.Is(err, tokenstore.ErrInvalid) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func FuzzImportSigningKey(f *testing.F) {
	key := rsaKeys()[0]
	f.Add(pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)))
	f.Add(pemOf("PRIVATE KEY", mustPKCS8(f, key)))
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := importSigningKey(text)
		if err != nil {
			if !errors.Is(err, tokenstore.ErrInvalid) || len(err.Error()) > 200 {
				t.Fatalf("error %q", err)
			}
			return
		}
		if !isKeySize(&got.PublicKey) {
			t.Fatalf("a key of %d bits", got.N.BitLen())
		}
		s := signer{"kid", got, testSigner(t).Crypter}
		if u, err := parseToken(mustSign(t, &s, ownerClaims())); err != nil || u.verify([]publicKey{s.public()}) != nil {
			t.Fatalf("an imported key that signs nothing good: %v", err)
		}
	})
}

func TestStoredSigningKeysComeBack(t *testing.T) {
	key := rsaKeys()[0]
	der, err := marshalSigningKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseSigningKey(der); err != nil || !got.Equal(key) {
		t.Errorf("another key, or %v", err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "cut off": der[:100], "another kind": mustPKCS8(t, ec), "small": mustPKCS8(t, smallKey(t)),
	} {
		if got, err := parseSigningKey(bad); got != nil || !errors.Is(err, errSigningKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPublicKeysArePublishedAsClientsReadThem(t *testing.T) {
	key := &rsaKeys()[0].PublicKey
	text, err := publicPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text, "\n")
	if lines[0] != "-----BEGIN PUBLIC KEY-----" || lines[len(lines)-2] != "-----END PUBLIC KEY-----" || lines[len(lines)-1] != "" {
		t.Errorf("got %q", text)
	}
	for i, line := range lines[1 : len(lines)-3] {
		if len(line) != 64 {
			t.Errorf("line %d has %d characters", i+1, len(line))
		}
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(rest) != 0 {
		t.Fatalf("no PEM: %q", text)
	}
	if got, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil || !key.Equal(got.(crypto.PublicKey)) {
		t.Errorf("another key, or %v", err)
	}
	der, err := marshalPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parsePublicKey(der); err != nil || !key.Equal(got) {
		t.Errorf("another key, or %v", err)
	}
}

func TestKeySetHoldsEveryKey(t *testing.T) {
	a, b := testSigner(t), signerOf(t, rsaKeys()[1])
	text, err := jwks([]publicKey{a.public(), b.public()})
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("%s: %v", text, err)
	}
	for i, s := range []*signer{a, b} {
		k := set.Keys[i]
		n, err := base64.RawURLEncoding.DecodeString(k["n"])
		if err != nil || new(big.Int).SetBytes(n).Cmp(s.Key.N) != 0 || k["e"] != "AQAB" {
			t.Errorf("key %d: %v, %v", i, k, err)
		}
		if k["kty"] != "RSA" || k["alg"] != "RS256" || k["use"] != "sig" || k["kid"] != s.KeyID || len(k) != 6 {
			t.Errorf("key %d: %v", i, k)
		}
		// RFC 7638, section 3: required members in the order of their names.
		sum := sha256.Sum256([]byte(`{"e":"` + k["e"] + `","kty":"RSA","n":"` + k["n"] + `"}`))
		if want := base64.RawURLEncoding.EncodeToString(sum[:]); s.KeyID != want {
			t.Errorf("key %d: id %s, want %s", i, s.KeyID, want)
		}
	}
	if text, err := jwks(nil); err != nil || string(text) != `{"keys":[]}` {
		t.Errorf("of no keys: %s, %v", text, err)
	}
}

func TestUnfitPublicKeysAreRefused(t *testing.T) {
	small := &smallKey(t).PublicKey
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der := func(key any) []byte {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	huge := &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), maxKeyBits), 0, 1), E: 65537}
	for name, bad := range map[string][]byte{"nothing": nil, "garbage": []byte("x"), "small": der(small), "huge": der(huge), "another kind": der(&ec.PublicKey)} {
		if key, err := parsePublicKey(bad); key != nil || !errors.Is(err, errPublicKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string]*rsa.PublicKey{"nil": nil, "empty": {}, "small": small, "huge": huge} {
		if _, err := keyID(bad); err == nil {
			t.Errorf("%s has an id", name)
		}
		if _, err := publicPEM(bad); err == nil {
			t.Errorf("%s is published", name)
		}
		if _, err := jwks([]publicKey{{"x", bad}}); err == nil {
			t.Errorf("%s is in a key set", name)
		}
	}
}
