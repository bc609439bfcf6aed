package harness

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"
)

// A stand-in that signs otherwise than it shows would make every refusal pass.
func TestTokensOfAAAVerifyUnderWhatItShows(t *testing.T) {
	a := StartAAA(t)
	for _, rotated := range []bool{false, true} {
		if rotated {
			a.RotateKey()
		}
		token := a.Mint(IdentityClaims("11111111-1111-4111-8111-111111111111", "consumer"))
		if n := len(token); n < 358 || n > 440 {
			t.Errorf("an identity token is %d characters long; the real ones are 358 to 440", n)
		}
		var set struct{ Keys []map[string]any }
		fetch(t, a.Keys(), &set)
		delete(set.Keys[0], "x5t#S256") // this library would mind that it is another certificate's
		var key jose.JSONWebKey
		if text, err := json.Marshal(set.Keys[0]); err != nil || key.UnmarshalJSON(text) != nil {
			t.Fatalf("no key: %s, %v", text, err)
		}
		verify(t, token, key.Key)

		var answer struct{ Cert string }
		fetch(t, a.Certificate(), &answer)
		if strings.Count(answer.Cert, "\n") != 2 {
			t.Errorf("the certificate is not on one line: %q", answer.Cert)
		}
		block, _ := pem.Decode([]byte(answer.Cert))
		if block == nil {
			t.Fatalf("no certificate: %q", answer.Cert)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if certificate.NotAfter.After(time.Now()) || certificate.Subject.String() != "" {
			t.Errorf("the certificate is of %q until %s", certificate.Subject, certificate.NotAfter)
		}
		verify(t, token, certificate.PublicKey.(*ecdsa.PublicKey))
	}
	if n := a.Fetches(); n != 4 {
		t.Errorf("it counts %d fetches, want 4", n)
	}
}

func verify(t *testing.T, token string, key any) {
	t.Helper()
	signed, err := jose.ParseSigned(token)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := signed.Verify(key)
	if err != nil || !strings.Contains(string(claims), `"iid":"rs:rs.example.com"`) {
		t.Errorf("the token says %s, %v", claims, err)
	}
}

func fetch(t *testing.T, url string, v any) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(v); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %d, %v", url, res.StatusCode, err)
	}
}
