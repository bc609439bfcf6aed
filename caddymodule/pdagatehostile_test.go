package caddymodule

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Each is a request with a token that is like a good one but for what its name says; all
// are signed with the account's own key where nothing else is said, for a family that
// lives.
func TestHostileTokensAreRefusedAsRequests(t *testing.T) {
	h := newHousehold(t)
	live := h.signIn()
	claims := said(t, live)
	keys := householdKeys()
	key := keys[0]
	parts := strings.Split(live, ".")
	kid := headerOf(t, live)["kid"]
	header := map[string]any{"typ": "JWT", "alg": "RS256", "kid": kid}
	now := h.clock().Unix()

	encode := base64.RawURLEncoding.EncodeToString
	claim := func(changes map[string]any) string { return forge(t, key, header, with(claims, changes)) }
	head := func(changes map[string]any) string { return forge(t, key, with(header, changes), claims) }
	raw := func(payload string) string { return forgeText(t, key, inJSON(t, header), payload) }
	text := inJSON(t, claims)
	signed := func(alg string, sign func(text string) []byte) string {
		text := encode([]byte(inJSON(t, with(header, map[string]any{"alg": alg})))) + "." + parts[1]
		return text + "." + encode(sign(text))
	}
	none := func(alg string) string {
		return encode([]byte(inJSON(t, map[string]any{"typ": "JWT", "alg": alg}))) + "." + parts[1] + "."
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	h.must(err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	h.must(err)

	hostile := map[string]string{
		"none":            none("none"),
		"None":            none("None"),
		"NONE":            none("NONE"),
		"nOnE":            none("nOnE"),
		"none, signature": none("none") + parts[2],
		"no algorithm":    head(map[string]any{"alg": nil}),
		"alg null":        forgeText(t, key, `{"alg":null,"typ":"JWT"}`, text),
		"alg number":      head(map[string]any{"alg": 256}),
		"alg in small":    head(map[string]any{"alg": "rs256"}),
		"HS256 with the public key (CVE-2026-39999)": signed("HS256", func(text string) []byte {
			mac := hmac.New(sha256.New, public)
			mac.Write([]byte(text))
			return mac.Sum(nil)
		}),
		"HS256 with the DER": signed("HS256", func(text string) []byte {
			mac := hmac.New(sha256.New, der)
			mac.Write([]byte(text))
			return mac.Sum(nil)
		}),
		"RS512 of the key": signed("RS512", func(text string) []byte {
			sum := sha512.Sum512([]byte(text))
			signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA512, sum[:])
			h.must(err)
			return signature
		}),
		"RS384 said, RS256 meant": head(map[string]any{"alg": "RS384"}),
		"PS256 of the key": signed("PS256", func(text string) []byte {
			sum := sha256.Sum256([]byte(text))
			signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], nil)
			h.must(err)
			return signature
		}),
		"PSS under RS256": signed("RS256", func(text string) []byte {
			sum := sha256.Sum256([]byte(text))
			signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], nil)
			h.must(err)
			return signature
		}),
		"ES256": signed("ES256", func(text string) []byte {
			sum := sha256.Sum256([]byte(text))
			signature, err := ecdsa.SignASN1(rand.Reader, elliptical, sum[:])
			h.must(err)
			return signature
		}),

		"a stranger's key":                  forge(t, keys[2], header, claims),
		"a stranger's key, no kid":          forge(t, keys[2], with(header, map[string]any{"kid": nil}), claims),
		"a stranger's key and its own kid":  forge(t, keys[2], with(header, map[string]any{"kid": "mine"}), claims),
		"bob's key":                         forge(t, keys[1], header, claims),
		"bob's token":                       h.signInAt(bob, bobPassword),
		"foreign kid":                       head(map[string]any{"kid": "other"}),
		"kid of a path":                     head(map[string]any{"kid": "../../../../dev/null"}),
		"kid of SQL":                        head(map[string]any{"kid": "' OR 1=1 --"}),
		"empty kid":                         head(map[string]any{"kid": ""}),
		"kid number":                        head(map[string]any{"kid": 1}),
		"kid list":                          head(map[string]any{"kid": []any{kid}}),
		"long kid":                          head(map[string]any{"kid": strings.Repeat("k", 4000)}),
		"jku":                               forge(t, keys[2], with(header, map[string]any{"jku": "https://evil.example.com/jwks.json"}), claims),
		"jku on a good one":                 head(map[string]any{"jku": "https://evil.example.com/jwks.json"}),
		"x5u":                               head(map[string]any{"x5u": "https://evil.example.com/x"}),
		"jwk":                               head(map[string]any{"jwk": map[string]any{"kty": "RSA", "e": "AQAB"}}),
		"x5c":                               head(map[string]any{"x5c": []any{"AAAA"}}),
		"crit":                              head(map[string]any{"crit": []any{"exp"}}),
		"b64":                               head(map[string]any{"b64": false, "crit": []any{"b64"}}),
		"zip":                               head(map[string]any{"zip": "DEF"}),
		"cty":                               head(map[string]any{"cty": "JWT"}),
		"another type":                      head(map[string]any{"typ": "at+jwt"}),
		"no header":                         forgeText(t, key, ``, text),
		"header no object":                  forgeText(t, key, `[]`, text),
		"header null":                       forgeText(t, key, `null`, text),
		"alg twice":                         forgeText(t, key, `{"alg":"none","alg":"RS256","typ":"JWT"}`, text),
		"alg twice, once escaped":           forgeText(t, key, `{"alg":"RS256","\u0061lg":"none","typ":"JWT"}`, text),
		"alg in another case beside it":     forgeText(t, key, `{"alg":"RS256","ALG":"none"}`, text),
		"encrypted form (CVE-2024-28180)":   live + ".AAAA.AAAA",
		"four parts":                        live + ".AAAA",
		"two parts":                         parts[0] + "." + parts[1],
		"one part":                          parts[0],
		"15,000 dots (CVE-2025-30204)":      strings.Repeat(".", 15_000),
		"15,000 dots behind it":             live + strings.Repeat(".", 15_000),
		"a megabyte":                        live + strings.Repeat("A", 1<<20),
		"a megabyte of payload":             forge(t, key, header, with(claims, map[string]any{"resource": strings.Repeat("r", 1<<20)})),
		"deep JSON":                         raw(strings.Repeat(`{"a":`, 3000) + "1" + strings.Repeat("}", 3000)),
		"no signature":                      parts[0] + "." + parts[1] + ".",
		"signature of a zero":               parts[0] + "." + parts[1] + ".AA",
		"short signature":                   live[:len(live)-4],
		"padded":                            live + "==",
		"padded header":                     parts[0] + "=." + parts[1] + "." + parts[2],
		"spare bits":                        live[:len(live)-1] + map[bool]string{true: "B", false: "R"}[strings.HasSuffix(live, "A")],
		"line break":                        live[:50] + "\n" + live[50:],
		"line break at the end":             live + "\n",
		"with Bearer":                       "Bearer " + live,
		"quoted":                            `"` + live + `"`,
		"twice with a comma":                live + ", " + live,
		"blank before":                      " " + live,
		"blanks only":                       "  ",
		"NUL":                               live + "\x00",
		"not ASCII":                         "é" + live,
		"standard base64":                   parts[0] + "." + base64.RawStdEncoding.EncodeToString([]byte(text+"??>>~~")) + "." + parts[2],
		"payload of another token":          parts[0] + "." + strings.Split(h.signIn(), ".")[1] + "." + parts[2],
		"payload no object":                 raw(`"text"`),
		"payload list":                      raw(`[` + text + `]`),
		"payload with something behind":     raw(text + `{}`),
		"payload not UTF-8":                 raw(strings.Replace(text, `"owner"`, "\"owner\xff\"", 1)),
		"payload with a byte order mark":    raw("\xef\xbb\xbf" + text),
		"exp twice":                         raw(strings.Replace(text, `{`, `{"exp":9999999999,`, 1)),
		"exp twice, once escaped":           raw(strings.Replace(text, `{`, `{"\u0065xp":9999999999,`, 1)),
		"jti twice":                         raw(strings.Replace(text, `{`, `{"jti":"x",`, 1)),
		"EXP beside exp":                    claim(map[string]any{"EXP": 9999999999}),
		"no exp":                            claim(map[string]any{"exp": nil}),
		"exp null":                          raw(strings.Replace(inJSON(t, with(claims, map[string]any{"exp": nil})), `{`, `{"exp":null,`, 1)),
		"exp 0 (golang-jwt 496)":            claim(map[string]any{"exp": 0}),
		`exp "0"`:                           claim(map[string]any{"exp": "0"}),
		"exp text":                          claim(map[string]any{"exp": "9999999999"}),
		"exp -1":                            claim(map[string]any{"exp": -1}),
		"exp 1e19":                          raw(strings.Replace(inJSON(t, with(claims, map[string]any{"exp": nil})), `{`, `{"exp":1e19,`, 1)),
		"exp of 20 digits":                  raw(strings.Replace(inJSON(t, with(claims, map[string]any{"exp": nil})), `{`, `{"exp":99999999999999999999,`, 1)),
		"exp of 400 digits":                 raw(strings.Replace(inJSON(t, with(claims, map[string]any{"exp": nil})), `{`, `{"exp":`+strings.Repeat("9", 400)+`,`, 1)),
		"exp fraction":                      raw(strings.Replace(inJSON(t, with(claims, map[string]any{"exp": nil})), `{`, `{"exp":1790000000.5,`, 1)),
		"exp true":                          claim(map[string]any{"exp": true}),
		"exp list":                          claim(map[string]any{"exp": []any{9999999999}}),
		"exp past":                          claim(map[string]any{"exp": now - 1}),
		"no iat":                            claim(map[string]any{"iat": nil}),
		"iat 0":                             claim(map[string]any{"iat": 0}),
		"iat text":                          claim(map[string]any{"iat": "1"}),
		"iat of the future":                 claim(map[string]any{"iat": now + 61}),
		"iat 73 hours ago":                  claim(map[string]any{"iat": now - 73*3600}),
		"iat huge":                          claim(map[string]any{"iat": 253402300800}),
		"no jti":                            claim(map[string]any{"jti": nil}),
		"empty jti":                         claim(map[string]any{"jti": ""}),
		"jti number":                        claim(map[string]any{"jti": 5}),
		"jti list":                          claim(map[string]any{"jti": []any{claims["jti"]}}),
		"jti in capitals":                   claim(map[string]any{"jti": strings.ToUpper(claims["jti"].(string))}),
		"jti of nobody":                     claim(map[string]any{"jti": strings.Repeat("0", 256)}),
		"jti cut":                           claim(map[string]any{"jti": claims["jti"].(string)[:255]}),
		"no iss":                            claim(map[string]any{"iss": nil}),
		"iss number":                        claim(map[string]any{"iss": 5}),
		"iss of bob":                        claim(map[string]any{"iss": bob}),
		"iss with a name before":            claim(map[string]any{"iss": alice + "@evil.example.com"}),
		"iss URL":                           claim(map[string]any{"iss": "https://" + alice}),
		"iss with a path":                   claim(map[string]any{"iss": alice + "/x"}),
		"iss suffix":                        claim(map[string]any{"iss": "evil" + alice}),
		"iss prefix":                        claim(map[string]any{"iss": alice + ".evil.example.com"}),
		"no sub":                            claim(map[string]any{"sub": nil}),
		"empty sub":                         claim(map[string]any{"sub": ""}),
		"sub object":                        claim(map[string]any{"sub": map[string]any{"a": 1}}),
		"no scope, as password changes had": claim(map[string]any{"accessScope": nil, "resource": nil}),
		"scope number":                      claim(map[string]any{"accessScope": 1}),
		"scope list":                        claim(map[string]any{"accessScope": []any{"owner"}}),
		"empty scope":                       claim(map[string]any{"accessScope": ""}),
		"application and scope":             claim(map[string]any{"application": "notes-app"}),
		"application list":                  claim(map[string]any{"accessScope": nil, "resource": nil, "application": []any{"a"}}),
		"aud 5 (CVE-2020-26160)":            claim(map[string]any{"aud": 5}),
		"aud {}":                            claim(map[string]any{"aud": map[string]any{}}),
		"aud []":                            claim(map[string]any{"aud": []any{}}),
		"aud [1]":                           claim(map[string]any{"aud": []any{1}}),
		"nbf":                               claim(map[string]any{"nbf": now}),
		"unknown claim":                     claim(map[string]any{"admin": true}),
	}
	for position, name := range map[int]string{
		0: "first byte", len(parts[0]) / 2: "header", len(parts[0]) + 30: "payload",
		len(live) - 300: "signature", len(live) - 3: "end of the signature",
	} {
		flipped := []byte(live)
		flipped[position] ^= 1
		hostile["flipped bit in the "+name] = string(flipped)
	}

	// The same way of forging gives a good token if nothing is changed.
	for name, token := range map[string]string{
		"signed alike": forge(t, key, header, claims),
		"without kid":  forge(t, key, with(header, map[string]any{"kid": nil}), claims),
		"without typ":  forge(t, key, with(header, map[string]any{"typ": nil}), claims),
	} {
		h.wantStatus(200, map[string]string{name: token})
	}

	kept := h.app.backend.Load().Identities.Len()
	families := h.families()
	for name, token := range hostile {
		t.Run(name, func(t *testing.T) {
			h.t = t
			begun := time.Now()
			for _, path := range []string{"/users/access_token/validate", "/api/v2.6/data/notes/daily", "/api/v2/files/content/x", "/nowhere"} {
				r := askAlice("GET", path, "")
				r.Header["X-Auth-Token"] = []string{token}
				if a := h.send(r).want(http.StatusUnauthorized, notAuthenticatedBody); a.forwarded != nil {
					t.Error("it reached the server behind")
				}
			}
			if took := time.Since(begun); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
	h.t = t
	if got := h.app.backend.Load().Identities.Len(); got != kept {
		t.Errorf("%d identities are remembered, %d before", got, kept)
	}
	if got := h.families(); got != families {
		t.Errorf("%d families are stored, %d before", got, families)
	}
	for _, entry := range h.log.All() {
		for name, value := range entry.ContextMap() {
			if text, ok := value.(string); ok && strings.Contains(text, "eyJ") {
				t.Fatalf("a token is in the log, as %s", name)
			}
		}
	}
}

// headerOf is the header of a token.
func headerOf(t *testing.T, token string) map[string]any {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	return maps.Clone(said(t, "."+head+"."))
}

// families counts the token families of the store.
func (h *household) families() int {
	h.t.Helper()
	tokens, _, err := h.store.Tokens(h.t.Context(), "", 1000)
	h.must(err)
	return len(tokens)
}

// What a token says of itself decides nothing: the store says whose family it is. In the
// mode token the server behind has the key too, and could sign such tokens.
func TestGenuineSignatureUnderAnApplicationsFamilyMakesNoOwner(t *testing.T) {
	h := newHousehold(t)
	owner := h.signIn()
	application := h.application(owner, "notes-app", "namespace-read:notes")
	claims := with(said(t, owner), map[string]any{"jti": said(t, application)["jti"]})
	forged := forge(t, householdKeys()[0], headerOf(t, owner), claims)
	a := h.send(askAlice("GET", "/api/v2.6/data/diary/daily", forged))
	if a.Code != 403 && a.Code != 401 {
		t.Errorf("an application reads as the owner: %d", a.Code)
	}
	longer := forge(t, householdKeys()[0], headerOf(t, owner),
		with(said(t, owner), map[string]any{"exp": h.clock().Add(3000 * 24 * time.Hour).Unix(), "iat": h.clock().Unix()}))
	h.set(morning.Add(30*24*time.Hour + 2*time.Second))
	h.forget()
	renewed := forge(t, householdKeys()[0], headerOf(t, owner),
		with(said(t, longer), map[string]any{"iat": h.clock().Unix()}))
	h.wantStatus(401, map[string]string{"a longer life than its family's": renewed})
}
