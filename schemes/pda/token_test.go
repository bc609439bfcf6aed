package pda

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func signRS256(t testing.TB, key *rsa.PrivateKey, text string) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// accept is all that is asked of a token before its family is looked up.
func accept(token string, keys []publicKey, now time.Time) (claims, error) {
	u, err := parseToken(token)
	if err != nil {
		return claims{}, err
	}
	if err := u.verify(keys); err != nil {
		return claims{}, err
	}
	return u.claims, u.claims.check(now, testIdle)
}

// The two shapes are those of the original server, to the order of the members and its
// escaped slashes; it names no key.
func TestTokensOfTheOriginalShapeAreRead(t *testing.T) {
	s := testSigner(t)
	const header = `{"typ":"JWT","alg":"RS256"}`
	jti := strings.Repeat("0f", 128)
	subject := "1-" + strings.Repeat(`q\/Z9`, 27) + "AAA="
	for name, tc := range map[string]struct {
		payload string
		want    claims
	}{
		"owner": {
			`{"sub":"` + subject + `","resource":"bob.pda.example","accessScope":"owner","iss":"bob.pda.example","exp":1792592000,"iat":1790000000,"jti":"` + jti + `"}`,
			claims{ID: jti, Issuer: "bob.pda.example", Resource: "bob.pda.example", Scope: "owner"},
		},
		"application": {
			`{"applicationVersion":"1.1.0","sub":"` + subject + `","application":"notes-dev","iss":"bob.pda.example","exp":1792592000,"iat":1790000000,"jti":"` + jti + `"}`,
			claims{ID: jti, Issuer: "bob.pda.example", Application: "notes-dev", Version: "1.1.0"},
		},
		"service": {
			`{"sub":"` + subject + `","resource":"https:\/\/service.example\/","accessScope":"validate","iss":"bob.pda.example:8443","exp":1792592000,"iat":1790000000,"jti":"` + jti + `"}`,
			claims{ID: jti, Issuer: "bob.pda.example:8443", Resource: "https://service.example/", Scope: "validate"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.want.IssuedAt, tc.want.Expires = time.Unix(1790000000, 0), time.Unix(1792592000, 0)
			older := signerOf(t, rsaKeys()[1])
			got, err := accept(s.signText(t, header, tc.payload), []publicKey{older.public(), s.public()}, testClock)
			if err != nil || got != tc.want {
				t.Errorf("got %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
}

func TestVerifyFindsTheKey(t *testing.T) {
	s, older, stranger := testSigner(t), signerOf(t, rsaKeys()[1]), signerOf(t, rsaKeys()[2])
	nameless := s.signText(t, `{"alg":"RS256"}`, goodPayload().text(t))
	crowd := slices.Repeat([]publicKey{stranger.public()}, maxKeys-1)
	for name, tc := range map[string]struct {
		token string
		keys  []publicKey
		want  string // empty: refused
	}{
		"named, the only one":         {mustSign(t, s, ownerClaims()), []publicKey{s.public()}, s.KeyID},
		"named, behind another":       {mustSign(t, s, ownerClaims()), []publicKey{older.public(), s.public()}, s.KeyID},
		"older key within overlap":    {mustSign(t, older, ownerClaims()), []publicKey{older.public(), s.public()}, older.KeyID},
		"older key after it":          {mustSign(t, older, ownerClaims()), []publicKey{s.public()}, ""},
		"named, but another signed":   {s.signText(t, older.goodHeader().text(t), goodPayload().text(t)), []publicKey{older.public(), s.public()}, ""},
		"foreign kid":                 {mustSign(t, stranger, ownerClaims()), []publicKey{older.public(), s.public()}, ""},
		"stranger under known kid":    {stranger.signText(t, s.goodHeader().text(t), goodPayload().text(t)), []publicKey{s.public()}, ""},
		"names none":                  {nameless, []publicKey{older.public(), s.public()}, s.KeyID},
		"names none, four keys":       {nameless, append(crowd, s.public()), s.KeyID},
		"names none, too many keys":   {nameless, append(crowd, older.public(), s.public()), ""},
		"no keys":                     {nameless, nil, ""},
		"a key that is none":          {nameless, []publicKey{{ID: s.KeyID}}, ""},
		"named, of too many other":    {mustSign(t, s, ownerClaims()), append(slices.Repeat(crowd, 3), s.public()), s.KeyID},
		"key of the account is small": {signerOfAnySize(t, smallKey(t)).signText(t, `{"alg":"RS256"}`, goodPayload().text(t)), []publicKey{{"small", &smallKey(t).PublicKey}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := parseToken(tc.token)
			if err != nil {
				t.Fatal(err)
			}
			err = u.verify(tc.keys)
			if (err == nil) != (tc.want != "") || u.signedBy != tc.want || err != nil && !errors.Is(err, errToken) {
				t.Errorf("signed by %q, %v; want %q", u.signedBy, err, tc.want)
			}
		})
	}
}

func signerOfAnySize(t testing.TB, key *rsa.PrivateKey) *signer {
	t.Helper()
	return &signer{"small", key, testSigner(t).Crypter}
}

func TestVerifyRefusesASmallKeyThatSigned(t *testing.T) {
	key := smallKey(t)
	s := signerOfAnySize(t, key)
	u, err := parseToken(s.signText(t, `{"alg":"RS256","kid":"small"}`, goodPayload().text(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := u.verify([]publicKey{s.public()}); !errors.Is(err, errToken) {
		t.Errorf("a key of %d bits: %v", key.N.BitLen(), err)
	}
}

var madeBadTokens map[string]string

// badTokens are tokens that must be refused, by the name of what they try. Where a
// signature is needed to get that far, they have a right one.
func badTokens(t testing.TB) map[string]string {
	t.Helper()
	if madeBadTokens == nil {
		madeBadTokens = makeBadTokens(t)
	}
	return madeBadTokens
}

func makeBadTokens(t testing.TB) map[string]string {
	s, stranger := testSigner(t), signerOf(t, rsaKeys()[2])
	good := mustSign(t, s, ownerClaims())
	parts := strings.Split(good, ".")
	header, payload := s.goodHeader().text(t), goodPayload().text(t)
	nested := strings.Repeat("[", 2000) + strings.Repeat("]", 2000)

	tokens := map[string]string{
		"nothing":                              "",
		"a space":                              " ",
		"one dot":                              ".",
		"two dots":                             "..",
		"three dots":                           "...",
		"15,000 dots (CVE-2025-30204)":         strings.Repeat(".", 15_000),
		"15,000 dots behind (CVE-2025-30204)":  good + strings.Repeat(".", 15_000),
		"a million dots":                       strings.Repeat(".", 1<<20),
		"a megabyte":                           strings.Repeat("A", 1<<20),
		"a megabyte, three parts":              strings.Repeat("A", 1<<19) + "." + strings.Repeat("A", 1<<19) + ".A",
		"a megabyte behind":                    good + strings.Repeat("A", 1<<20),
		"just too long":                        good + strings.Repeat("A", maxToken+1-len(good)),
		"signature of 7 KiB":                   parts[0] + "." + parts[1] + "." + strings.Repeat("A", 6000),
		"opaque":                               "ghd_abcdefgh",
		"two parts":                            parts[0] + "." + parts[1],
		"a fourth part":                        good + ".",
		"five parts":                           good + ".a.b",
		"an encrypted token":                   encodeText(`{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"}`) + ".AAAA.AAAA.AAAA.AAAA",
		"no header":                            "." + parts[1] + "." + parts[2],
		"no payload":                           parts[0] + ".." + parts[2],
		"no signature":                         parts[0] + "." + parts[1] + ".",
		"another token's signature":            parts[0] + "." + parts[1] + "." + strings.Split(mustSign(t, s, applicationClaims()), ".")[2],
		"another's payload":                    parts[0] + "." + strings.Split(mustSign(t, s, applicationClaims()), ".")[1] + "." + parts[2],
		"half a signature":                     good[:len(good)-171],
		"signature and a byte":                 parts[0] + "." + parts[1] + "." + encodeText(string(signRS256(t, s.Key, parts[0]+"."+parts[1]))+"\x00"),
		"a stranger's signature":               parts[0] + "." + parts[1] + "." + encodeText(string(signRS256(t, stranger.Key, parts[0]+"."+parts[1]))),
		"line break in header":                 parts[0][:10] + "\n" + parts[0][10:] + "." + parts[1] + "." + parts[2],
		"line break in payload":                parts[0] + "." + parts[1][:10] + "\r\n" + parts[1][10:] + "." + parts[2],
		"line break in signature":              parts[0] + "." + parts[1] + "." + parts[2][:10] + "\n" + parts[2][10:],
		"line break behind":                    good + "\n",
		"space in front":                       " " + good,
		"space behind":                         good + " ",
		"Bearer in front":                      "Bearer " + good,
		"padding":                              good + "==",
		"padding in the middle":                parts[0] + "==." + parts[1] + "." + parts[2],
		"base64 of the other alphabet":         parts[0] + "." + parts[1] + "." + "+/" + parts[2][2:],
		"not UTF-8 around":                     "\xff" + good,
		"NUL behind":                           good + "\x00",
		"expired, bad sign. (CVE-2024-51744)":  flipBit(s.signText(t, header, goodPayload().with(object{"exp": 1}).text(t))),
		"two tokens":                           good + "," + good,
		"percent-escaped":                      strings.ReplaceAll(good, ".", "%2e"),
		"signature bits beyond the last byte":  parts[0] + "." + parts[1] + "." + looseEnd(parts[2]),
		"header a list":                        s.signText(t, "["+header+"]", payload),
		"header null":                          s.signText(t, "null", payload),
		"header a text":                        s.signText(t, `"RS256"`, payload),
		"header empty":                         s.signText(t, "{}", payload),
		"header followed":                      s.signText(t, header+"{}", payload),
		"header with a nested object":          s.signText(t, `{"alg":"RS256","x":{}}`, payload),
		"header not UTF-8":                     s.signText(t, `{"alg":"RS256","typ":"J`+"\xff"+`"}`, payload),
		"header with a byte order mark":        s.signText(t, "\ufeff"+header, payload),
		"header cut off":                       s.signText(t, header[:len(header)-1], payload),
		"payload a list":                       s.signText(t, header, "["+payload+"]"),
		"payload null":                         s.signText(t, header, "null"),
		"payload a text":                       s.signText(t, header, `"a"`),
		"payload empty":                        s.signText(t, header, "{}"),
		"payload nothing":                      s.signText(t, header, ""),
		"payload followed":                     s.signText(t, header, payload+"{}"),
		"payload followed by NUL":              s.signText(t, header, payload+"\x00"),
		"payload not UTF-8":                    s.signText(t, header, strings.Replace(payload, "alice", "\xff", 1)),
		"payload with half a surrogate":        s.signText(t, header, strings.Replace(payload, "alice", `\ud800`, 1)),
		"payload cut off":                      s.signText(t, header, payload[:len(payload)-1]),
		"payload nested":                       s.signText(t, header, strings.Replace(payload, "{", `{"x":`+nested+`,`, 1)),
		"payload with a comment":               s.signText(t, header, strings.Replace(payload, "{", "{/**/", 1)),
		"payload with a comma too many":        s.signText(t, header, strings.Replace(payload, "}", ",}", 1)),
		"exp beyond any number":                s.signText(t, header, strings.Replace(payload, `"exp":`, `"exp":1e999,"x":`, 1)),
		"exp with leading zero":                s.signText(t, header, strings.Replace(payload, `"exp":`, `"exp":0`, 1)),
		"exp with plus":                        s.signText(t, header, strings.Replace(payload, `"exp":`, `"exp":+`, 1)),
		"exp a fraction of zero":               s.signText(t, header, strings.Replace(payload, `"exp":1792592000`, `"exp":1792592000.0`, 1)),
		"exp with an exponent":                 s.signText(t, header, strings.Replace(payload, `"exp":1792592000`, `"exp":1792592e3`, 1)),
		"exp of 4,000 digits":                  s.signText(t, header, strings.Replace(payload, `"exp":1792592000`, `"exp":`+strings.Repeat("9", 4000), 1)),
		"4,000 empty names":                    s.signText(t, header, `{`+strings.Repeat(`"":0,`, 800)+`"":0}`),
		"jti of 257 digits":                    s.signText(t, header, goodPayload().with(object{"jti": strings.Repeat("a", 257)}).text(t)),
		"jti of 255 digits":                    s.signText(t, header, goodPayload().with(object{"jti": strings.Repeat("a", 255)}).text(t)),
		"jti in upper case":                    s.signText(t, header, goodPayload().with(object{"jti": strings.Repeat("A", 256)}).text(t)),
		"jti not hex":                          s.signText(t, header, goodPayload().with(object{"jti": strings.Repeat("g", 256)}).text(t)),
		"says it is an application, and owner": s.signText(t, header, goodPayload().with(object{"application": "notes"}).text(t)),
		"says neither":                         s.signText(t, header, goodPayload().with(object{"accessScope": absent}).text(t)),
		"version of nothing":                   s.signText(t, header, goodPayload().with(object{"applicationVersion": "1.0.0"}).text(t)),
	}
	// What is named twice, in either order and however it is written.
	for name, value := range map[string]string{
		"jti": `"` + strings.Repeat("f", 256) + `"`, "sub": `"x"`, "iss": `"evil.example"`, "exp": "9999999999", "iat": "1",
		"accessScope": `"owner"`, "application": `"notes"`,
	} {
		tokens["duplicate "+name+", first"] = s.signText(t, header, strings.Replace(payload, "{", `{"`+name+`":`+value+`,"`+name+`":`+value+`,`, 1))
		tokens["duplicate "+name+", last"] = s.signText(t, header, strings.TrimSuffix(payload, "}")+`,"`+name+`":`+value+`,"`+name+`":`+value+`}`)
		escaped := `\u00` + encodeHex(name[0]) + name[1:]
		tokens["duplicate "+name+", escaped"] = s.signText(t, header, strings.Replace(payload, "{", `{"`+escaped+`":`+value+`,"`+name+`":`+value+`,`, 1))
	}
	for name, value := range map[string]string{"alg": `"none"`, "kid": `"x"`, "typ": `"JWT"`} {
		tokens["duplicate "+name+" in the header"] = s.signText(t, strings.Replace(header, "{", `{"`+name+`":`+value+`,`, 1), payload)
		tokens["duplicate "+name+" in the header, last"] = s.signText(t, strings.TrimSuffix(header, "}")+`,"`+name+`":`+value+`}`, payload)
	}
	// Every claim with every wrong type.
	for name, value := range map[string]any{
		"absent": absent, "null": nil, "true": true, "false": false, "0": 0, "5": 5, "-1": -1, "1.5": 1.5, "1e19": 1e19, "1e300": 1e300,
		"empty": "", "text 0": "0", "text of digits": "1790000000", "a list": []any{}, "a list of a text": []string{"alice.pda.example"},
		"a list of a number": []int{1790000000}, "an object": object{}, "an object with value": object{"value": "owner"},
		"a huge integer": json.Number("18446744073709551616"), "2^53 and more": int64(1) << 53, "milliseconds": int64(1790000000000),
		"the year 10000": int64(latest) + 1, "with a fraction": json.Number("1790000000.5"), "-0": json.Number("-0"),
	} {
		for _, claim := range []string{"sub", "iss", "jti", "exp", "iat", "accessScope", "resource", "application", "applicationVersion"} {
			_, isText := value.(string)
			switch {
			case claim == "resource" && value == absent: // may be left out
			case claim == "application" && value == absent, claim == "applicationVersion" && value == absent: // are, of an owner
			case claim == "iat" && name == "5": // long ago: check refuses it
			case isText && value != "" && slices.Contains([]string{"sub", "iss", "accessScope", "resource"}, claim):
				// is of the right type; what it says is compared elsewhere
			default:
				tokens[claim+" "+name+" (golang-jwt #496, #511)"] = s.signText(t, header, goodPayload().with(object{claim: value}).text(t))
			}
		}
	}
	for name, value := range map[string]any{
		"5": 5, "an object": object{}, "an empty list": []string{}, "a list of a number": []int{1}, "null": nil, "a text": "alice.pda.example",
	} {
		tokens["aud "+name+" (F10, CVE-2020-26160)"] = s.signText(t, header, goodPayload().with(object{"aud": value}).text(t))
		tokens["nbf "+name] = s.signText(t, header, goodPayload().with(object{"nbf": value}).text(t))
	}
	for _, claim := range []string{"sub", "iss", "jti", "exp", "iat"} { // names are exact
		cased := strings.ToUpper(claim[:1]) + claim[1:]
		tokens[cased+" for "+claim] = s.signText(t, header, goodPayload().with(object{claim: absent, cased: goodPayload()[claim]}).text(t))
	}
	// Algorithms and keys of the token's own choice.
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "", nil, 256, []string{"RS256"}, object{}, absent, true, "rs256", "RS256 ", "HS256", "ES256", "EdDSA", "RS1"} {
		h := s.goodHeader().with(object{"alg": alg}).text(t)
		tokens["alg in "+h+", signed"] = s.signText(t, h, payload)
		tokens["alg in "+h+", unsigned"] = encodeText(h) + "." + encodeText(payload) + "."
	}
	for alg, hash := range map[string]crypto.Hash{"RS384": crypto.SHA384, "RS512": crypto.SHA512, "PS256": crypto.SHA256, "PS384": crypto.SHA384, "PS512": crypto.SHA512} {
		text := encodeText(s.goodHeader().with(object{"alg": alg}).text(t)) + "." + encodeText(payload)
		tokens["right signature of "+alg] = text + "." + encodeText(string(signOther(t, s.Key, alg[0] == 'P', hash, text)))
		text = parts[0] + "." + parts[1]
		tokens["signature of "+alg+" under RS256"] = text + "." + encodeText(string(signOther(t, s.Key, alg[0] == 'P', hash, text)))
	}
	for name, change := range map[string]object{
		"own key in jwk": {"jwk": object{"kty": "RSA", "n": "AQAB", "e": "AQAB"}}, "jku": {"jku": "https://evil.example/keys"},
		"x5u": {"x5u": "https://evil.example/keys"}, "x5c": {"x5c": []string{"MIIB"}}, "x5t": {"x5t": "AAAA"}, "x5t#S256": {"x5t#S256": "AAAA"},
		"crit": {"crit": []string{"exp"}}, "crit empty": {"crit": []string{}}, "crit null": {"crit": nil}, "crit a text": {"crit": "exp"},
		"b64": {"b64": false}, "zip": {"zip": "DEF"}, "cty": {"cty": "JWT"}, "enc": {"enc": "A256GCM"}, "iss in the header": {"iss": "alice.pda.example"},
		"typ of another use": {"typ": "at+jwt"}, "typ in lower case": {"typ": "jwt"}, "typ empty": {"typ": ""}, "typ null": {"typ": nil}, "typ 1": {"typ": 1},
		"kid empty": {"kid": ""}, "kid null": {"kid": nil}, "kid 0": {"kid": 0}, "kid a list": {"kid": []string{s.KeyID}}, "kid an object": {"kid": object{}},
		"kid a path": {"kid": "../../../dev/null"}, "kid SQL": {"kid": s.KeyID + "' UNION SELECT 'k'--"}, "kid a URL": {"kid": "https://evil.example/k"},
		"kid with NUL": {"kid": s.KeyID + "\x00"}, "kid unknown": {"kid": "nobody"}, "kid in another case": {"kid": strings.ToUpper(s.KeyID)},
		"kid of a kilobyte": {"kid": strings.Repeat("k", 1024)},
	} {
		tokens[name] = s.signText(t, s.goodHeader().with(change).text(t), payload)
		if change["kid"] == nil { // and with no key named, so that any would do
			tokens[name+", without kid"] = s.signText(t, s.goodHeader().with(change).with(object{"kid": changeOr(change, absent)}).text(t), payload)
		}
	}
	maps.Copy(tokens, publicKeyAsSecret(t, s, payload))
	return tokens
}

// changeOr keeps a kid that is null.
func changeOr(change object, other any) any {
	if kid, ok := change["kid"]; ok {
		return kid
	}
	return other
}

func encodeHex(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

func signOther(t testing.TB, key *rsa.PrivateKey, pss bool, hash crypto.Hash, text string) []byte {
	t.Helper()
	h := hash.New()
	h.Write([]byte(text))
	var signature []byte
	var err error
	if pss {
		signature, err = rsa.SignPSS(rand.Reader, key, hash, h.Sum(nil), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	} else {
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, hash, h.Sum(nil))
	}
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// publicKeyAsSecret are forgeries that use each spelling of the public key as the secret
// of an HMAC.
func publicKeyAsSecret(t testing.TB, s *signer, payload string) map[string]string {
	t.Helper()
	tokens := make(map[string]string)
	der, err := marshalPublicKey(&s.Key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text, err := publicPEM(&s.Key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jwks([]publicKey{s.public()})
	if err != nil {
		t.Fatal(err)
	}
	for spelling, secret := range map[string][]byte{"DER": der, "PEM": []byte(text), "PEM, trimmed": []byte(strings.TrimSpace(text)), "JWKS": set, "empty": nil} {
		for _, alg := range []string{"HS256", "RS256"} {
			signed := encodeText(s.goodHeader().with(object{"alg": alg}).text(t)) + "." + encodeText(payload)
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(signed))
			tokens[alg+" by HMAC with public key as "+spelling+" (CVE-2026-39999)"] = signed + "." + encodeText(string(mac.Sum(nil)))
		}
		mac := hmac.New(sha512.New, secret)
		signed := encodeText(s.goodHeader().with(object{"alg": "HS512"}).text(t)) + "." + encodeText(payload)
		mac.Write([]byte(signed))
		tokens["HS512 by HMAC with public key as "+spelling+" (CVE-2026-39999)"] = signed + "." + encodeText(string(mac.Sum(nil)))
	}
	return tokens
}

// flipBit changes one bit of the signature.
func flipBit(token string) string {
	dot := strings.LastIndexByte(token, '.')
	signature, _ := tokenEncoding.DecodeString(token[dot+1:])
	signature[len(signature)/2] ^= 1
	return token[:dot+1] + tokenEncoding.EncodeToString(signature)
}

// looseEnd spells the same bytes with another last character, which lenient decoders
// take.
func looseEnd(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, part[len(part)-1])
	return part[:len(part)-1] + string(alphabet[last^1])
}

func TestBadTokensAreRefused(t *testing.T) {
	s := testSigner(t)
	keys := []publicKey{signerOf(t, rsaKeys()[1]).public(), s.public()}
	for name, token := range map[string]string{
		"signed by hand":         s.signText(t, s.goodHeader().text(t), goodPayload().text(t)),
		"an application's":       s.signText(t, s.goodHeader().text(t), goodPayload().with(object{"accessScope": absent, "resource": absent, "application": "notes", "applicationVersion": "1.0.0"}).text(t)),
		"without typ":            s.signText(t, s.goodHeader().with(object{"typ": absent}).text(t), goodPayload().text(t)),
		"without kid":            s.signText(t, s.goodHeader().with(object{"kid": absent}).text(t), goodPayload().text(t)),
		"with space in its JSON": s.signText(t, " { \"alg\" :\n\"RS256\" } ", "\t"+goodPayload().text(t)+"\r\n"),
		"names in escapes":       s.signText(t, `{"\u0061lg":"RS2\u00356"}`, goodPayload().text(t)),
	} {
		if _, err := accept(token, keys, testClock); err != nil {
			t.Fatalf("%s: the tokens that the bad ones are made from are refused themselves: %v", name, err)
		}
	}
	tokens := badTokens(t)
	if len(tokens) < 350 {
		t.Errorf("%d bad tokens only: some overwrote each other", len(tokens))
	}
	for _, name := range slices.Sorted(maps.Keys(tokens)) {
		t.Run(name, func(t *testing.T) {
			token := tokens[name]
			_, err := accept(token, keys, testClock)
			if !errors.Is(err, errToken) {
				t.Fatalf("got %v, want errToken", err)
			}
			for part := range strings.SplitSeq(token, ".") {
				if len(part) > 8 && strings.Contains(err.Error(), part) {
					t.Errorf("the error quotes the token: %v", err)
				}
			}
			if strings.ContainsAny(err.Error(), "{}[]'\"\x00\n") || len(err.Error()) > 100 {
				t.Errorf("the error is not from the fixed set: %v", err)
			}
		})
	}
}

// Every single bit of a token counts.
func TestNoFlippedBitIsAccepted(t *testing.T) {
	s := testSigner(t)
	token := mustSign(t, s, ownerClaims())
	for i := range len(token) {
		for bit := range 8 {
			forged := []byte(token)
			forged[i] ^= 1 << bit
			if _, err := accept(string(forged), []publicKey{s.public()}, testClock); !errors.Is(err, errToken) {
				t.Fatalf("byte %d, bit %d flipped: %v", i, bit, err)
			}
		}
	}
}

func TestGarbageCostsBoundedMemory(t *testing.T) {
	for name, token := range map[string]string{
		"a megabyte":  strings.Repeat("A", 1<<20),
		"dots":        strings.Repeat(".", 1<<20),
		"three parts": strings.Repeat("A", 1<<19) + "." + strings.Repeat("A", 1<<19) + ".A",
		"8 KiB":       strings.Repeat("A", 4000) + "." + strings.Repeat("A", 4000) + ".A",
	} {
		const runs = 50
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			_, _ = parseToken(token)
		}
		runtime.ReadMemStats(&after)
		got := (after.TotalAlloc - before.TotalAlloc) / runs
		if got > 4*maxToken {
			t.Errorf("%s: %d bytes", name, got)
		}
	}
}

// What parses and verifies is what was signed: no other text does, and of two readers
// of it none sees anything else.
func FuzzParseToken(f *testing.F) {
	s := testSigner(f)
	keys := []publicKey{s.public()}
	own := mustSign(f, s, ownerClaims())
	known := map[string]bool{own: true, mustSign(f, s, applicationClaims()): true}
	for token := range known {
		f.Add(token, uint16(0), token[:1])
		f.Add(token, uint16(len(token)-1), ".")
	}
	for _, token := range badTokens(f) {
		if len(token) >= 2*maxToken {
			continue
		}
		f.Add(token, uint16(20), "\n")
		// Some were signed, and are bad for their times only.
		if u, err := parseToken(token); err == nil && u.verify(keys) == nil {
			known[token] = true
		}
	}
	f.Fuzz(func(t *testing.T, text string, at uint16, instead string) {
		i := int(at) % len(own)
		j := min(i+len(instead), len(own))
		for _, candidate := range []string{text, own[:i] + instead + own[j:]} {
			u, err := parseToken(candidate)
			if err != nil {
				if !errors.Is(err, errToken) {
					t.Fatal(err)
				}
				continue
			}
			if err := u.verify(keys); (err == nil) != known[candidate] {
				t.Fatalf("%q: signed %v, verified: %v", candidate, known[candidate], err)
			}
			header, payload, _ := strings.Cut(u.signed, ".")
			readAlike(t, header, map[string]any{"alg": "RS256", "kid": u.keyID})
			readAlike(t, payload, map[string]any{
				"jti": u.claims.ID, "iss": u.claims.Issuer, "resource": u.claims.Resource, "accessScope": u.claims.Scope,
				"application": u.claims.Application, "applicationVersion": u.claims.Version,
				"exp": float64(u.claims.Expires.Unix()), "iat": float64(u.claims.IssuedAt.Unix()),
			})
		}
	})
}

// FuzzClaims does the same for what a token says, with a signature around it or not.
func FuzzClaims(f *testing.F) {
	s := testSigner(f)
	f.Add([]byte(goodPayload().text(f)))
	for _, token := range badTokens(f) {
		if parts := strings.Split(token, "."); len(parts) == 3 && len(token) < maxToken {
			if payload, err := tokenEncoding.DecodeString(parts[1]); err == nil {
				f.Add(payload)
			}
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := parseClaims(tokenEncoding.EncodeToString(payload))
		if err != nil {
			if !errors.Is(err, errToken) {
				t.Fatal(err)
			}
			return
		}
		if token, err := s.sign(c, testLogin); err == nil { // else too long
			if u, err := parseToken(token); err != nil || u.claims != c {
				t.Fatalf("%+v came back as %+v, %v", c, u, err)
			}
		}
		readAlike(t, tokenEncoding.EncodeToString(payload), map[string]any{
			"jti": c.ID, "iss": c.Issuer, "accessScope": c.Scope, "application": c.Application,
			"exp": float64(c.Expires.Unix()), "iat": float64(c.IssuedAt.Unix()),
		})
	})
}

// readAlike fails unless encoding/json reads the same. What is empty is absent.
func readAlike(t *testing.T, part string, want map[string]any) {
	t.Helper()
	text, err := tokenEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	var standard map[string]any
	if err := json.Unmarshal(text, &standard); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for name, value := range want {
		got, ok := standard[name]
		if value == "" && !ok {
			continue
		}
		if got != value {
			t.Fatalf("%q: %s is %v to encoding/json, and %v to us", text, name, got, value)
		}
	}
}

func BenchmarkParseAndVerify(b *testing.B) {
	s := testSigner(b)
	token, keys := mustSign(b, s, ownerClaims()), []publicKey{s.public()}
	for b.Loop() {
		if _, err := accept(token, keys, testClock); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	token := mustSign(b, testSigner(b), ownerClaims())
	for b.Loop() {
		if _, err := parseToken(token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGarbage(b *testing.B) {
	token := strings.Repeat("A", 700) + "." + strings.Repeat("A", 700) + "." + strings.Repeat("A", 342)
	for b.Loop() {
		if _, err := parseToken(token); err == nil {
			b.Fatal("garbage is accepted")
		}
	}
}
