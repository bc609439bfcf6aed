package e2e

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

const (
	issuerName = "https://issuer.example"
	audience   = "sharing"
)

// issuer is an OpenID Connect issuer as far as a verifier sees one: a key and the
// place where it is published.
type issuer struct {
	key  *rsa.PrivateKey
	keys string // the key set's address
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set := fmt.Sprintf(`{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"1","n":%q,"e":%q}]}`,
		encode(string(key.N.Bytes())), encode(string(big.NewInt(int64(key.E)).Bytes())))
	server := httptest.NewServer(harness.JSON(set))
	t.Cleanup(server.Close)
	return &issuer{key, server.URL + "/jwks"}
}

const soundHeader = `{"alg":"RS256","typ":"JWT","kid":"1"}`

// sign makes a token of a payload that is taken as it is, so that it can hold what no
// library would write.
func (i *issuer) sign(t *testing.T, payload string) string {
	t.Helper()
	return i.signAs(t, soundHeader, payload)
}

// signAs is sign under a header of one's own.
func (i *issuer) signAs(t *testing.T, header, payload string) string {
	t.Helper()
	text := encode(header) + "." + encode(payload)
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, i.key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(string(signature))
}

// forge makes a token whose secret is the issuer's public key.
func (i *issuer) forge(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&i.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := encode(`{"alg":"HS256","kid":"1"}`) + "." + encode(claims(nil))
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write([]byte(text))
	return text + "." + encode(string(mac.Sum(nil)))
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// claims is the payload of a good token with changes: JSON texts by name, of which
// an empty one takes the claim away.
func claims(changes map[string]string) string {
	all := map[string]string{
		"iss": `"` + issuerName + `"`, "aud": `"` + audience + `"`, "sub": `"acme"`, "scope": `"read write"`,
		"iat": fmt.Sprint(time.Now().Unix()), "exp": fmt.Sprint(time.Now().Add(time.Hour).Unix()),
	}
	maps.Copy(all, changes)
	var members []string
	for name, value := range all {
		if value != "" {
			members = append(members, fmt.Sprintf("%q:%s", name, value))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// startWithIssuer is a gateway whose credentials API takes the issuer's tokens, once
// it has fetched the keys.
func startWithIssuer(t *testing.T) (*gateway, *issuer) {
	t.Helper()
	i := newIssuer(t)
	g := startSite(t, with("{\n issuer "+issuerName+"\n keys "+i.keys+"\n audience "+audience+"\n }"), nil)
	g.createRecipient(t, "acme", "sales")
	good := bearer(i.sign(t, claims(nil)))
	harness.Eventually(t, "the issuer's keys are known", func() bool {
		return g.send(t, "GET", "/dds-tokens", good).Status != http.StatusServiceUnavailable
	})
	return g, i
}

// F10: golang-jwt takes "exp": 0 and "exp": null for no expiry (#496, #511).
func TestOnlyTheIssuersSoundTokensManageCredentials(t *testing.T) {
	g, i := startWithIssuer(t)
	stranger := newIssuer(t)
	hour := func(h int) string { return fmt.Sprint(time.Now().Add(time.Duration(h) * time.Hour).Unix()) }
	for _, tc := range []struct {
		name   string
		claims map[string]string
		status int
	}{
		{"a good one", nil, 200},
		{"audience in a list", map[string]string{"aud": `["other","sharing"]`}, 200},
		{"another subject whose name differs in case", map[string]string{"sub": `"ACME"`}, 401},

		{"exp 0", map[string]string{"exp": "0"}, 401},
		{"exp null", map[string]string{"exp": "null"}, 401},
		{"exp absent", map[string]string{"exp": ""}, 401},
		{"exp as text 0", map[string]string{"exp": `"0"`}, 401},
		{"exp as text", map[string]string{"exp": `"` + hour(1) + `"`}, 401},
		{"exp negative", map[string]string{"exp": "-1"}, 401},
		{"exp beyond all numbers", map[string]string{"exp": "1e19"}, 401},
		{"exp beyond floating point", map[string]string{"exp": "1e999"}, 401},
		{"exp true", map[string]string{"exp": "true"}, 401},
		{"exp in a list", map[string]string{"exp": "[" + hour(1) + "]"}, 401},
		{"exp in the past", map[string]string{"exp": hour(-1)}, 401},
		{"exp twice", map[string]string{"exp": hour(-1) + `,"exp":` + hour(1)}, 401},
		{"nbf in the future", map[string]string{"nbf": hour(1)}, 401},

		{"aud a number", map[string]string{"aud": "5"}, 401},
		{"aud an object", map[string]string{"aud": "{}"}, 401},
		{"CVE-2020-26160 aud an empty list", map[string]string{"aud": "[]"}, 401},
		{"aud a list of numbers", map[string]string{"aud": "[1]"}, 401},
		{"aud null", map[string]string{"aud": "null"}, 401},
		{"CVE-2024-5798 aud absent", map[string]string{"aud": ""}, 401},
		{"aud empty", map[string]string{"aud": `""`}, 401},
		{"aud another", map[string]string{"aud": `"other"`}, 401},
		{"aud that begins alike", map[string]string{"aud": `"sharing.example"`}, 401},

		{"another issuer", map[string]string{"iss": `"https://issuer.example.evil"`}, 401},
		{"issuer with a slash", map[string]string{"iss": `"https://issuer.example/"`}, 401},
		{"no issuer", map[string]string{"iss": ""}, 401},
		{"no recipient", map[string]string{"sub": ""}, 401},
		{"a recipient that is none", map[string]string{"sub": `"nobody"`}, 401},
		{"recipient as a number", map[string]string{"sub": "7"}, 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := g.wantStatus(t, tc.status, "GET", "/dds-tokens", bearer(i.sign(t, claims(tc.claims))))
			if tc.status == 401 && (!strings.Contains(got.Header.Get("WWW-Authenticate"), `error="invalid_token"`) ||
				got.Header.Get("Content-Type") != "application/problem+json") {
				t.Errorf("got %v", got.Header)
			}
		})
	}

	good := i.sign(t, claims(nil))
	parts := strings.Split(good, ".")
	signed := func(by *issuer, header string) string { return by.signAs(t, header, claims(nil)) }
	for name, token := range map[string]string{
		"another key under the same kid":          stranger.sign(t, claims(nil)),
		"CVE-2026-39999 HMAC with the public key": i.forge(t),
		"algorithm none":                          encode(`{"alg":"none"}`) + "." + parts[1] + ".",
		"no signature":                            parts[0] + "." + parts[1] + ".",
		"a changed payload":                       parts[0] + "." + encode(claims(map[string]string{"sub": `"other"`})) + "." + parts[2],
		"CVE-2025-30204 nothing but dots":         strings.Repeat(".", 8000),
		"a fourth part":                           good + ".x",
		"a JWE's five parts":                      good + ".x.y",
		"a bearer token of the data calls":        g.activate(t, g.createRecipient(t, "other", "sales")),
		"a key that the token brings":             signed(stranger, `{"alg":"RS256","kid":"1","jwk":{"kty":"RSA"}}`),
		"a key set that the token names":          signed(stranger, `{"alg":"RS256","kid":"1","jku":"`+stranger.keys+`"}`),
		"a file as key id":                        signed(stranger, `{"alg":"RS256","kid":"../../../../dev/null"}`),
		"an extension that must be understood":    signed(i, `{"alg":"RS256","kid":"1","crit":["exp"]}`),
		"another algorithm than the key's":        signed(i, `{"alg":"PS256","kid":"1"}`),
	} {
		t.Run(name, func(t *testing.T) {
			g.wantStatus(t, 401, "GET", "/dds-tokens", bearer(token))
		})
	}
	t.Run("no data with a token for the credentials API", func(t *testing.T) {
		g.upstream.Forget()
		g.wantStatus(t, 401, "GET", metadata, bearer(good))
		g.wantStatus(t, 401, "GET", listing, bearer(good))
		g.wantNothingUpstream(t)
	})
}

func TestScopesSayWhoMayReadAndWhoMayRotate(t *testing.T) {
	g, i := startWithIssuer(t)
	for _, tc := range []struct {
		name, scope string // a JSON text; empty: no such claim
		read, write int
	}{
		{"both", `"read write"`, 200, 200},
		{"read", `"read"`, 200, 403},
		{"write", `"write"`, 403, 200},
		{"neither", `"openid"`, 403, 403},
		{"none", "", 403, 403},
		{"empty", `""`, 403, 403},
		{"a longer word", `"readwrite rewrite"`, 403, 403},
		{"another case", `"READ WRITE"`, 403, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := &manager{gateway: g, auth: bearer(i.sign(t, claims(map[string]string{"scope": tc.scope})))}
			for _, method := range []string{"GET", "POST", "PATCH"} {
				want := tc.write
				if method == "GET" {
					want = tc.read
				}
				got := m.call(t, method, endingIn(3600))
				if got.Status != want {
					t.Errorf("%s: got %d %s, want %d", method, got.Status, got.Body, want)
				}
				if got.Status == 403 && !strings.Contains(got.Header.Get("WWW-Authenticate"), "insufficient_scope") {
					t.Errorf("%s: got %v", method, got.Header)
				}
			}
		})
	}
}
