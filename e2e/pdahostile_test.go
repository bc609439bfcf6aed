package e2e

import (
	"crypto"
	"crypto/rsa"
	_ "crypto/sha512" // SHA-384 and SHA-512, for the algorithms that are refused
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// crypterKey is what the subjects of an imported account are encrypted with.
const crypterKey = "a-crypter-key-of-the-original-server"

// startImported starts a gateway with an account whose keys the test knows, as they are
// after a move from the original server.
func startImported(t *testing.T, caddyfile string, check *harness.TokenCheck) (*personal, *rsa.PrivateKey) {
	t.Helper()
	key := harness.NewRSAKey(t)
	if check != nil {
		check.PublicKey, check.CrypterKey, check.Username = harness.PublicPEM(t, key), crypterKey, owner
	}
	p := startPersonalServer(t, caddyfile, check)
	dir := t.TempDir()
	files := map[string]string{"key.pem": harness.PrivatePEM(key), "crypter": crypterKey + "\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.createAccount(t, p.host, "--key-file", filepath.Join(dir, "key.pem"), "--crypter-file", filepath.Join(dir, "crypter"))
	p.token = p.signedIn(t)
	return p, key
}

// claimsText is a token's claims in JSON, with members replaced; nil removes one.
func claimsText(t *testing.T, token string, changes map[string]any) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	claims := make(map[string]any)
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&claims); err != nil {
		t.Fatal(err)
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	out, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestHostileTokensAreRefusedAlike(t *testing.T) {
	p, key := startImported(t, pdaSite, nil)
	const header = `{"typ":"JWT","alg":"RS256"}`
	public := harness.PublicPEM(t, key)
	sign := harness.RS256(key)
	now := time.Now().Unix()
	claims := func(name string, value any) string { return claimsText(t, p.token, map[string]any{name: value}) }
	same := claimsText(t, p.token, nil)
	with := func(member string) string { return strings.Replace(header, `{`, `{`+member+`,`, 1) }
	signed := func(header, claims string) string { return harness.JWT(header, claims, sign) }

	// The control: what the test signs itself is good.
	p.call(t, 200, "GET", diary, signed(header, same))

	rows := map[string]string{
		"CVE-2026-39999 HS256 with the public key": harness.JWT(`{"typ":"JWT","alg":"HS256"}`, same, harness.HS256(public)),
		"HS256 with the public key, trimmed":       harness.JWT(`{"typ":"JWT","alg":"HS256"}`, same, harness.HS256(strings.TrimSpace(public))),
		"HS256 signature under RS256":              harness.JWT(header, same, harness.HS256(public)),
		"RS384 by the right key":                   harness.JWT(`{"typ":"JWT","alg":"RS384"}`, same, harness.RS(key, crypto.SHA384)),
		"RS512 by the right key":                   harness.JWT(`{"typ":"JWT","alg":"RS512"}`, same, harness.RS(key, crypto.SHA512)),
		"PS256 by the right key":                   harness.JWT(`{"typ":"JWT","alg":"PS256"}`, same, harness.PS256(key)),
		"PS256 signature under RS256":              harness.JWT(header, same, harness.PS256(key)),
		"the algorithm in lower case":              signed(`{"typ":"JWT","alg":"rs256"}`, same),
		"no algorithm":                             signed(`{"typ":"JWT"}`, same),
		"the algorithm null":                       signed(`{"typ":"JWT","alg":null}`, same),
		"the algorithm a list":                     signed(`{"typ":"JWT","alg":["RS256"]}`, same),
		"two algorithms":                           signed(`{"alg":"none","alg":"RS256"}`, same),
		"two algorithms, the other way":            signed(`{"alg":"RS256","alg":"none"}`, same),
		"another type":                             signed(`{"typ":"at+jwt","alg":"RS256"}`, same),
		"an encrypted token's header":              signed(`{"alg":"RS256","enc":"A256GCM"}`, same),
		"a header that is a list":                  signed(`["RS256"]`, same),
		"an empty header":                          signed(`{}`, same),
		"a header with something after":            signed(header+`{}`, same),
		"crit":                                     signed(with(`"crit":["exp"]`), same),
		"jku":                                      signed(with(`"jku":"http://127.0.0.1:1/keys"`), same),
		"x5u":                                      signed(with(`"x5u":"http://127.0.0.1:1/cert"`), same),
		"jwk":                                      signed(with(`"jwk":{"kty":"RSA","n":"AQ","e":"AQAB"}`), same),
		"x5c":                                      signed(with(`"x5c":["MIIB"]`), same),
		"b64":                                      signed(with(`"b64":false`), same),
		"a foreign kid":                            signed(with(`"kid":"of-somebody-else"`), same),
		"a kid that is a path":                     signed(with(`"kid":"../../../../dev/null"`), same),
		"a kid that is a query":                    signed(with(`"kid":"x' OR '1'='1"`), same),
		"a kid that is a number":                   signed(with(`"kid":1`), same),
		"a kid that is null":                       signed(with(`"kid":null`), same),
		"another key":                              harness.JWT(header, same, harness.RS256(harness.NewRSAKey(t))),
		"no signature":                             harness.JWT(header, same, harness.Unsigned),
		"no signature part":                        strings.TrimSuffix(harness.JWT(header, same, harness.Unsigned), "."),
		"claims that are a list":                   signed(header, `[]`),
		"claims that are no JSON":                  signed(header, `{"exp":`),
		"no claims":                                signed(header, `{}`),
		"claims with something after":              signed(header, same+`x`),
		"exp twice":                                signed(header, strings.Replace(same, `{`, `{"exp":99999999999,`, 1)),
		"jti twice":                                signed(header, strings.Replace(same, `{`, `{"jti":"x",`, 1)),
		"iss twice":                                signed(header, strings.Replace(same, `{`, `{"iss":"x",`, 1)),
		"a claim twice, once with an escape":       signed(header, strings.Replace(same, `{`, `{"\u0065xp":99999999999,`, 1)),
		"past its end":                             signed(header, claims("exp", now-1)),
		"idle for too long":                        signed(header, claims("iat", now-72*3600-2)),
		"issued an hour from now":                  signed(header, claims("iat", now+3600)),
		"another issuer":                           signed(header, claims("iss", "other.example.test")),
		"an issuer that begins alike":              signed(header, claims("iss", p.host+".example.test")),
		"another jti":                              signed(header, claims("jti", strings.Repeat("0", 256))),
		"a jti in capitals":                        signed(header, claims("jti", strings.ToUpper(harness.ClaimsOf(t, p.token).ID))),
		"a short jti":                              signed(header, claims("jti", harness.ClaimsOf(t, p.token).ID[:255])),
		"CVE-2025-30204 15,000 dots":               strings.Repeat(".", 15000),
		"five parts":                               p.token + ".e30.e30",
		"four parts":                               p.token + ".",
		"one part":                                 strings.ReplaceAll(p.token, ".", ""),
		"padding":                                  p.token + "==",
		"the standard alphabet":                    strings.NewReplacer("-", "+", "_", "/").Replace(p.token) + "/",
		"a space inside":                           strings.Replace(p.token, ".", ". ", 1),
		"Bearer before it":                         "Bearer " + p.token,
		"quotes around it":                         `"` + p.token + `"`,
		"nothing but dots":                         "..",
		"CVE-2024-51744 ended, and signed by nobody's key":   harness.JWT(header, claims("exp", now-1), harness.RS256(harness.NewRSAKey(t))),
		"JWE bomb CVE-2024-28180":                            `eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIiwiemlwIjoiREVGIn0..AAAAAAAAAAAAAAAA.` + strings.Repeat("A", 4000) + `.AAAAAAAAAAAAAAAAAAAAAA`,
		"CVE-2020-26160 audience a list, and no other claim": signed(header, `{"aud":[]}`),
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
		rows["the algorithm "+fmt.Sprintf("%q", none)] = harness.JWT(fmt.Sprintf(`{"typ":"JWT","alg":%q}`, none), same, harness.Unsigned)
		rows["the algorithm "+fmt.Sprintf("%q, signed", none)] = signed(fmt.Sprintf(`{"typ":"JWT","alg":%q}`, none), same)
	}
	number := fmt.Sprint(now + 1000)
	for _, claim := range []string{"exp", "iat"} {
		rows["no "+claim] = signed(header, claims(claim, nil))
		for _, value := range []string{`null`, `0`, `"0"`, `-1`, `1e19`, `1e400`, `"` + number + `"`, number + `.5`, `9223372036854775808`, `99999999999999`, `true`, `[]`, `{}`, `[` + number + `]`} {
			rows["F10 "+claim+" "+value] = signed(header, withMember(claims(claim, nil), claim, value))
		}
	}
	for _, claim := range []string{"iss", "jti", "sub"} {
		rows["no "+claim] = signed(header, claims(claim, nil))
		for _, value := range []string{`null`, `0`, `""`, `[]`, `{}`, `true`, `["` + p.Gate + `"]`} {
			rows[claim+" "+value] = signed(header, withMember(claims(claim, nil), claim, value))
		}
	}
	for _, claim := range []string{"accessScope", "resource", "application", "applicationVersion"} {
		for _, value := range []string{`0`, `[]`, `{}`, `true`} {
			rows[claim+" "+value] = signed(header, withMember(claims(claim, nil), claim, value))
		}
	}
	for i, part := range strings.Split(p.token, ".") {
		for _, at := range []int{0, len(part) / 2, len(part) - 2} {
			parts := strings.Split(p.token, ".")
			flipped := []byte(part)
			if flipped[at]++; flipped[at] > 'y' || flipped[at] == '[' || flipped[at] == ':' || flipped[at] == '.' {
				flipped[at] = 'A'
			}
			parts[i] = string(flipped)
			rows[fmt.Sprintf("part %d with a flipped bit at %d", i, at)] = strings.Join(parts, ".")
		}
	}

	p.server.Forget()
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		got := p.send(t, "GET", diary, xAuth(rows[name]))
		if got.Status != 401 || got.Body != notAuthenticated {
			t.Errorf("%s: got %d %s", name, got.Status, got.Body)
		}
		if got.Header.Get("X-Auth-Token") != "" || got.Header.Get("Location") != "" {
			t.Errorf("%s: the refusal says %v", name, got.Header)
		}
	}
	p.wantNothingUpstream(t)
	if len(rows) < 100 {
		t.Errorf("only %d hostile tokens", len(rows))
	}
	p.call(t, 200, "GET", diary, p.token) // none of them has broken anything
}

// withMember adds a member to an object's text as it stands.
func withMember(object, name, value string) string {
	return strings.Replace(object, `{`, fmt.Sprintf(`{%q:%s,`, name, value), 1)
}

// What a token claims of its holder counts for nothing: the store knows.
func TestClaimsRaiseNobody(t *testing.T) {
	p, key := startImported(t, pdaSite, nil)
	p.addApplication(t, "reader", "namespace-read:notes")
	reader := p.applicationToken(t, "reader")
	for name, changes := range map[string]map[string]any{
		"an owner's scope":           {"accessScope": "owner", "resource": p.Gate},
		"an owner's scope alone":     {"accessScope": "owner", "application": nil, "applicationVersion": nil},
		"no scope at all":            {"application": nil, "applicationVersion": nil},
		"another application":        {"application": "other"},
		"an end in a hundred years":  {"exp": time.Now().Unix() + 100*365*24*3600},
		"another subject":            {"sub": harness.Subject(crypterKey, p.host, "admin")},
		"an end that is later by 1s": {"exp": harness.ClaimsOf(t, reader).Expires + 1},
	} {
		token := harness.JWT(`{"typ":"JWT","alg":"RS256"}`, claimsText(t, reader, changes), harness.RS256(key))
		for _, target := range []string{calendar, "/users/user", "/users/application_token?name=a&resource=b", "/api/v2.6/applications"} {
			if got := p.send(t, "GET", target, xAuth(token)); got.Status != 403 && got.Status != 401 {
				t.Errorf("%s: %s answers %d %s", name, target, got.Status, got.Body)
			}
		}
		got := p.send(t, "GET", diary, xAuth(token))
		if fresh := got.Header.Get("X-Auth-Token"); fresh != "" && harness.ClaimsOf(t, fresh).Expires > harness.ClaimsOf(t, reader).Expires+1 {
			t.Errorf("%s: the family's end moved to %d", name, harness.ClaimsOf(t, fresh).Expires)
		}
	}
}

func TestOnePathSpellingOfThePersonalAPI(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.addApplication(t, "reader", "namespace-read:notes")
	reader := p.applicationToken(t, "reader")
	for _, tc := range []struct {
		name, target string
		status       int
	}{
		{"as it should be", diary, 200},
		{"a deep endpoint", diary + "/2026/05", 200},
		{"CVE-2026-33494 dot segments", "/api/v2.6/data/notes/../calendar/events", 400},
		{"CVE-2025-47952 escaped dot segments", "/api/v2.6/data/notes/%2e%2e/calendar/events", 400},
		{"CVE-2026-42272 escaped slash", "/api/v2.6/data/notes%2f..%2fcalendar/events", 400},
		{"CVE-2021-29492 escaped back slash", "/api/v2.6/data/notes%5c..%5ccalendar/events", 400},
		{"double encoding", "/api/v2.6/data/notes/%252e%252e/calendar/events", 400},
		{"doubled slash", "/api/v2.6/data//calendar/events", 400},
		{"a doubled slash in front", "//api/v2.6/data/calendar/events", 400},
		{"a slash at the end", calendar + "/", 403},
		{"the namespace in capitals", "/api/v2.6/data/CALENDAR/events", 404},
		{"the namespace escaped", "/api/v2.6/data/%63alendar/events", 403},
		{"another mount's spelling", "/api/v2.60/data/notes/diary", 404},
		{"a mount in capitals", "/API/v2.6/data/notes/diary", 404},
		{"an unknown mount", "/api/v2.5/data/notes/diary", 404},
		{"a dot in the namespace", "/api/v2.6/data/notes./diary", 404},
		{"CVE-2023-47106 fragment", diary + "#/../../calendar/events", 400},
		{"CVE-2025-54576 a public path in the query", calendar + "?x=/publickey", 403},
		{"NUL", diary + "%00", 400},
		{"overlong dot", "/api/v2.6/data/notes/%c0%ae%c0%ae/calendar", 400},
		{"path parameter", "/api/v2.6/data/notes;/../calendar/events", 400},
		{"CVE-2026-33186 no leading slash", strings.TrimPrefix(diary, "/"), 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.server.Forget()
			got := p.send(t, "GET", tc.target, xAuth(reader))
			if got.Status != tc.status {
				t.Errorf("got %d %s, want %d", got.Status, got.Body, tc.status)
			}
			if tc.status >= 400 {
				p.wantNothingUpstream(t)
			}
		})
	}
}

func TestProtectedHeadersOfThePersonalAPI(t *testing.T) {
	p := startPersonal(t, pdaSite)
	subject := p.subject(t)
	for _, tc := range []struct {
		name    string
		headers []string
	}{
		{"F1 Connection names identity headers", []string{"Connection: close, X-Gatehouse-Subject, X-Gatehouse-Kind, X-Gatehouse-Token-Id"}},
		{"F2 the client says who it is", []string{"X-Gatehouse-Subject: evil", "X-Gatehouse-Roles: evil", "X-Gatehouse-Name: evil"}},
		{"an alias with an underscore", []string{"X_Gatehouse_Subject: evil", "X-Gatehouse_Kind: evil"}},
		{"F6 upgrade to HTTP/2", []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"}},
		{"F7 where it comes from", []string{"X-Real-Ip: 9.9.9.9"}},
		{"the names of sign-in headers", []string{"username: evil", "password: evil-password"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.server.Forget()
			p.call(t, 200, "GET", diary, p.token, tc.headers...)
			seen := p.server.Last(t)
			if got := seen.Header.Values("X-Gatehouse-Subject"); len(got) != 1 || got[0] != subject {
				t.Errorf("the server behind sees subject %q, want %q", got, subject)
			}
			if got := seen.Header.Values("X-Gatehouse-Kind"); len(got) != 1 || got[0] != "owner" {
				t.Errorf("the server behind sees kind %q", got)
			}
			for _, word := range []string{"evil", "h2c", "9.9.9.9"} {
				if strings.Contains(seen.Raw, word) {
					t.Errorf("the server behind was sent\n%s", seen.Raw)
				}
			}
		})
	}
	t.Run("F4 trailers", func(t *testing.T) {
		p.server.Forget()
		raw := harness.Request("POST", diary, p.Gate, xAuth(p.token), "Content-Type: application/json",
			"Transfer-Encoding: chunked", "Trailer: X-Gatehouse-Subject, X-Auth-Token") +
			"7\r\n{\"a\":1}\r\n0\r\nX-Gatehouse-Subject: evil\r\nX-Auth-Token: evil\r\n\r\n"
		if got := harness.Send(t, p.Gate, raw); got.Status != 201 {
			t.Fatalf("got %d %s", got.Status, got.Body)
		}
		if seen := p.server.Last(t); strings.Contains(seen.Raw, "evil") || seen.Body != `{"a":1}` {
			t.Errorf("the server behind was sent\n%s", seen.Raw)
		}
	})
	t.Run("F8 absolute form", func(t *testing.T) {
		p.server.Forget()
		got := harness.Send(t, p.Gate, harness.Request("GET", "http://evil.example"+diary, p.Gate, xAuth(p.token)))
		if got.Status != 404 {
			t.Errorf("got %d %s", got.Status, got.Body)
		}
		p.wantNothingUpstream(t)
	})
}

// subject is what the server behind is told of the account.
func (p *personal) subject(t *testing.T) string {
	t.Helper()
	p.call(t, 200, "GET", diary, p.token)
	return p.server.Last(t).Header.Get("X-Gatehouse-Subject")
}
