package e2e

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

func TestHostileMarketplaceTokensAreRefusedAlike(t *testing.T) {
	m := startMarketplace(t, dxSite)
	key := m.aaa.Key()
	sign := harness.ES256(key)
	good := harness.IdentityClaims(consumer, "consumer")
	same := good.Text()
	public := m.aaa.PublicPEM()
	rsaKey := harness.NewRSAKey(t)
	type changes = harness.DXClaims
	with := func(c changes) string { return m.aaa.Mint(good.With(c)) }
	header := func(text string) string { return harness.JWT(text, same, sign) }
	plus := func(member string) string {
		return header(strings.Replace(harness.DXHeader, `{`, `{`+member+`,`, 1))
	}
	claims := func(text string) string { return harness.JWT(harness.DXHeader, text, sign) }
	length := func(change func(signature []byte) []byte) string {
		return harness.JWT(harness.DXHeader, same, func(input []byte) []byte { return change(sign(input)) })
	}
	null := json.RawMessage("null")

	// What must pass, or the rest proves nothing.
	for name, token := range map[string]string{
		"as AAA signs":                           with(nil),
		"as AAA signed before 2023":              header(`{"typ":"JWT","alg":"ES256"}`),
		"a kid that no key has":                  plus(`"kid":"of-somebody"`),
		"jku is not followed":                    plus(`"jku":"http://127.0.0.1:1/keys"`),
		"expired 10 s ago, within the leeway":    with(changes{"exp": inSeconds(-10 * time.Second)}),
		"issued in 10 s, within the leeway":      with(changes{"iat": inSeconds(10 * time.Second)}),
		"the issuer in other letters":            with(changes{"iss": "COS.Example.com"}),
		"the audience and iid in other letters":  with(changes{"aud": "RS.example.COM", "iid": "rs:rs.EXAMPLE.com"}),
		"another resource server, iid agrees":    with(changes{"aud": "rs.example.org", "iid": "rs:rs.example.org"}),
		"iid with more after a second colon":     with(changes{"iid": "rs:rs.example.com:more"}),
		"the role in capitals":                   with(changes{"role": "CONSUMER"}),
		"members that nobody knows":              with(changes{"jti": "1", "org": changes{"a": []int{1}}}),
		"4 kB":                                   with(changes{"cons": changes{"pad": strings.Repeat("p", 2800)}}),
		"a delegate, role and drl in capitals":   with(changes{"sub": helper, "role": "DELEGATE", "did": consumer, "drl": "Consumer"}),
		"a consumer that carries did and drl":    with(changes{"did": provider, "drl": "provider"}),
		"no cons":                                with(changes{"cons": nil}),
		"exp and iat with a fraction of nothing": claims(strings.Replace(good.With(changes{"iat": 1700000000}).Text(), "1700000000", "1700000000.0", 1)),
	} {
		t.Run("passes: "+name, func(t *testing.T) {
			if strings.Contains(name, "4 kB") && (len(token) < 4000 || len(token) > 4500) {
				t.Fatalf("the token has %d characters", len(token))
			}
			seen := m.passes(t, "GET", products, dxToken(token))
			wantToken(t, seen, dxToken(token))
			if got := seen.Header.Get("X-Gatehouse-Subject"); got != consumer {
				t.Errorf("the server is told that %q calls", got)
			}
		})
	}

	for name, token := range map[string]string{
		"DER signature":                        harness.JWT(harness.DXHeader, same, harness.ES256DER(key)),
		"signature of 63 bytes":                length(func(s []byte) []byte { return s[:63] }),
		"signature of 65 bytes":                length(func(s []byte) []byte { return append(s, 0) }),
		"signature with a byte before":         length(func(s []byte) []byte { return append([]byte{0}, s...) }),
		"signature of zeros":                   length(func([]byte) []byte { return make([]byte, 64) }),
		"no signature":                         harness.JWT(harness.DXHeader, same, harness.Unsigned),
		"no signature part":                    strings.TrimSuffix(harness.JWT(harness.DXHeader, same, harness.Unsigned), "."),
		"signature of other claims":            swapClaims(with(nil), with(changes{"role": "provider"})),
		"another key":                          harness.MintWith(harness.NewECKey(t), good),
		"alg none":                             harness.JWT(`{"typ":"JWT","alg":"none"}`, same, harness.Unsigned),
		"alg none with a signature":            header(`{"typ":"JWT","alg":"none"}`),
		"HS256 with the public key":            harness.JWT(`{"typ":"JWT","alg":"HS256"}`, same, harness.HS256(public)),
		"HS256 with the public key, trimmed":   harness.JWT(`{"typ":"JWT","alg":"HS256"}`, same, harness.HS256(strings.TrimSpace(public))),
		"ES256 that says HS256":                header(`{"typ":"JWT","alg":"HS256"}`),
		"ES256 that says ES384":                header(`{"typ":"JWT","alg":"ES384"}`),
		"alg in lower case":                    header(`{"typ":"JWT","alg":"es256"}`),
		"alg missing":                          header(`{"typ":"JWT"}`),
		"alg twice":                            header(`{"alg":"none","alg":"ES256"}`),
		"RS256 of somebody's key":              harness.JWT(`{"typ":"JWT","alg":"RS256"}`, same, harness.RS256(rsaKey)),
		"RS384 of somebody's key":              harness.JWT(`{"typ":"JWT","alg":"RS384"}`, same, harness.RS(rsaKey, crypto.SHA384)),
		"crit":                                 plus(`"crit":["exp"]`),
		"header that is a list":                header(`["ES256"]`),
		"claims that are a list":               claims(`[]`),
		"claims that are no JSON":              claims(`{"exp":`),
		"no claims":                            claims(`{}`),
		"exp twice":                            claims(strings.Replace(same, `{`, `{"exp":1,`, 1)),
		"role twice":                           claims(strings.Replace(same, `{`, `{"role":"provider",`, 1)),
		"sub twice":                            claims(strings.Replace(same, `{`, `{"sub":"`+provider+`",`, 1)),
		"no exp":                               with(changes{"exp": nil}),
		"exp null":                             with(changes{"exp": null}),
		"exp as text":                          with(changes{"exp": "4070908800"}),
		"exp beyond all numbers":               claims(strings.Replace(good.With(changes{"exp": 1700000000}).Text(), "1700000000", "1e999", 1)),
		"expired 40 s ago":                     with(changes{"exp": inSeconds(-40 * time.Second)}),
		"no iat":                               with(changes{"iat": nil}),
		"issued in two minutes":                with(changes{"iat": inSeconds(2 * time.Minute)}),
		"no iss":                               with(changes{"iss": nil}),
		"iss null":                             with(changes{"iss": null}),
		"iss with a slash":                     with(changes{"iss": "cos.example.com/"}),
		"iss as a list":                        with(changes{"iss": []string{"cos.example.com"}}),
		"another issuer":                       with(changes{"iss": "cos.example.org"}),
		"aud as an array":                      with(changes{"aud": []string{harness.ResourceServer}}),
		"aud a number":                         with(changes{"aud": 1, "iid": "rs:1"}),
		"aud null":                             with(changes{"aud": null}),
		"aud missing":                          with(changes{"aud": nil}),
		"aud empty":                            with(changes{"aud": "", "iid": "rs:"}),
		"aud of another than iid":              with(changes{"aud": "rs.example.org"}),
		"aud of the marketplace":               with(changes{"aud": harness.APD}),
		"iid without a colon":                  with(changes{"iid": harness.ResourceServer}),
		"iid missing":                          with(changes{"iid": nil}),
		"iid null":                             with(changes{"iid": null}),
		"iid a number":                         with(changes{"iid": 7}),
		"iid a list":                           with(changes{"iid": []string{"rs:" + harness.ResourceServer}}),
		"iid empty":                            with(changes{"iid": ""}),
		"iid of a resource":                    with(changes{"iid": "ri:" + harness.ResourceServer}),
		"iid of a resource group":              with(changes{"iid": "rg:" + harness.ResourceServer}),
		"iid of the COS server":                with(changes{"iid": "cos:" + harness.ResourceServer}),
		"iid with a blank":                     with(changes{"iid": "rs: " + harness.ResourceServer}),
		"iid of another after a second colon":  with(changes{"iid": "rs:rs.example.org:" + harness.ResourceServer}),
		"sub missing":                          with(changes{"sub": nil}),
		"sub null":                             with(changes{"sub": null}),
		"sub empty":                            with(changes{"sub": ""}),
		"sub a number":                         with(changes{"sub": 1}),
		"sub with a line break":                with(changes{"sub": consumer + "\r\nX: y"}),
		"sub is the issuer":                    with(changes{"sub": harness.CosDomain}),
		"role missing":                         with(changes{"role": nil}),
		"role null":                            with(changes{"role": null}),
		"role empty":                           with(changes{"role": ""}),
		"role a list":                          with(changes{"role": []string{"consumer"}}),
		"role with a blank":                    with(changes{"role": "consumer "}),
		"two roles":                            with(changes{"role": "consumer,provider"}),
		"role trustee":                         with(changes{"role": "trustee"}),
		"delegate without did":                 with(changes{"role": "delegate", "drl": "consumer"}),
		"delegate with an empty did":           with(changes{"role": "delegate", "drl": "consumer", "did": ""}),
		"delegate with did null":               with(changes{"role": "delegate", "drl": "consumer", "did": null}),
		"delegate without drl":                 with(changes{"role": "delegate", "did": consumer}),
		"delegate with drl admin":              with(changes{"role": "delegate", "did": consumer, "drl": "admin"}),
		"delegate with drl a list":             with(changes{"role": "delegate", "did": consumer, "drl": []string{"consumer"}}),
		"17 kB":                                with(changes{"cons": changes{"pad": strings.Repeat("p", 12600)}}),
		"four parts":                           with(nil) + ".e30",
		"two parts":                            strings.Join(strings.Split(with(nil), ".")[:2], "."),
		"five parts, as encrypted ones have":   "e30.e30.e30.e30.e30",
		"padding":                              with(nil) + "=",
		"base64 with the other letters":        strings.NewReplacer("-", "+", "_", "/").Replace(withDash(with)),
		"a word before, as bearers have":       "Bearer " + with(nil),
		"two tokens in one header":             with(nil) + ", " + with(nil),
		"garbage":                              "garbage",
		"dots":                                 "..",
		"a great many dots":                    strings.Repeat(".", 9000),
		"an unknown credential of this server": "ghr_0000000000000000000000000000000000000000",
	} {
		t.Run("refused: "+name, func(t *testing.T) {
			m.refused(t, 401, notAuthorized, "GET", products, dxToken(token))
		})
	}
}

// swapClaims puts the claims of one token between header and signature of another.
func swapClaims(token, of string) string {
	parts, others := strings.Split(token, "."), strings.Split(of, ".")
	return parts[0] + "." + others[1] + "." + parts[2]
}

// withDash mints until a token holds a letter that only base64url has.
func withDash(mint func(harness.DXClaims) string) string {
	for {
		if token := mint(nil); strings.ContainsAny(token, "-_") {
			return token
		}
	}
}

func TestMarketplaceTakesOneCredential(t *testing.T) {
	m := startMarketplace(t, dxSite)
	mine, other := m.consumer(), m.provider()
	again := m.aaa.Mint(harness.IdentityClaims(consumer, "consumer")) // says the same, is another
	basic := base64.StdEncoding.EncodeToString([]byte("u:" + mine))
	for _, tc := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"token", []string{dxToken(mine)}, 200},
		{"bearer", []string{bearer(mine)}, 200},
		{"bearer in lower case", []string{"Authorization: bearer " + mine}, 200},
		{"bearer in capitals", []string{"AUTHORIZATION: BEARER " + mine}, 200},
		{"both, the same", []string{dxToken(mine), bearer(mine)}, 200},
		{"both, another's", []string{dxToken(mine), bearer(other)}, 400},
		{"both, another's, the other way", []string{bearer(other), dxToken(mine)}, 400},
		{"both, of the same user", []string{dxToken(mine), bearer(again)}, 400},
		{"token twice", []string{dxToken(mine), dxToken(mine)}, 400},
		{"token twice, another's", []string{dxToken(mine), dxToken(other)}, 400},
		{"bearer twice", []string{bearer(mine), bearer(other)}, 400},
		{"neither", nil, 401},
		{"an empty token", []string{"token:"}, 401},
		{"a word before it", []string{"token: Bearer " + mine}, 401},
		{"two blanks", []string{"Authorization: Bearer  " + mine}, 401},
		{"no word before it, as older clients send", []string{"Authorization: " + mine}, 200},
		{"no word before it, and another's token", []string{"Authorization: " + mine, dxToken(other)}, 400},
		{"basic, as the original lets pass", []string{"Authorization: Basic " + mine}, 401},
		{"basic", []string{"Authorization: Basic " + basic}, 401},
		{"a tab", []string{"Authorization: Bearer\t" + mine}, 401},
		{"in a cookie", []string{"Cookie: token=" + mine}, 401},
		{"another scheme's header", []string{"X-Auth-Token: " + mine}, 401},
		{"yet another's", []string{"X-Bbk-Auth-Token: " + mine}, 401},
		{"delegationId", []string{"delegationId: " + consumer}, 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			switch tc.status {
			case 200:
				seen := m.passes(t, "GET", products, tc.headers...)
				wantCaller(t, seen, consumer, "user", "consumer")
				if !strings.Contains(seen.Raw, mine) {
					t.Error("the server does not get the token")
				}
			case 400:
				m.refused(t, 400, badQuery, "GET", products, tc.headers...)
			default:
				m.refused(t, tc.status, notAuthorized, "GET", products, tc.headers...)
			}
		})
	}
	t.Run("in the query", func(t *testing.T) {
		m.refused(t, 401, notAuthorized, "GET", products+"?token="+mine)
	})
	for _, name := range []string{"token", "Authorization"} {
		t.Run("named by Connection: "+name, func(t *testing.T) {
			header := map[string]string{"token": dxToken(mine), "Authorization": bearer(mine)}[name]
			m.upstream.Forget()
			got := m.send(t, "GET", products, header, "Connection: close, "+name)
			seen := m.upstream.Requests()
			if got.Status == 200 && len(seen) == 1 {
				wantToken(t, seen[0], header)
			} else if got.Status != 400 || len(seen) != 0 {
				t.Errorf("got %d, and %d requests reached the server", got.Status, len(seen))
			}
		})
	}
}

// AAA itself sends a bearer to /verify; users' tokens and other headers are nothing there.
func TestVerifyTakesTheServerOfAAAAlone(t *testing.T) {
	m := startMarketplace(t, dxSite)
	server := m.aaa.Mint(harness.ServerClaims(harness.APD))
	mint := func(c harness.DXClaims) string { return m.aaa.Mint(harness.ServerClaims(harness.APD).With(c)) }
	for _, tc := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"as AAA calls", []string{bearer(server)}, 200},
		{"an older AAA", []string{bearer(mint(harness.DXClaims{"iid": "null:null", "role": json.RawMessage("null")}))}, 200},
		{"names in other letters", []string{bearer(mint(harness.DXClaims{"sub": "COS.example.com", "aud": "APD.example.com"}))}, 200},
		{"token as well, the same", []string{bearer(server), dxToken(server)}, 200},
		{"token as well, another", []string{bearer(server), dxToken(m.consumer())}, 400},
		{"token alone", []string{dxToken(server)}, 400},
		{"nothing", nil, 400},
		{"subject is a user", []string{bearer(mint(harness.DXClaims{"sub": consumer}))}, 401},
		{"subject is missing", []string{bearer(mint(harness.DXClaims{"sub": nil}))}, 401},
		{"a token that its users get for the marketplace", []string{bearer(m.aaa.Mint(harness.APDClaims(consumer)))}, 401},
		{"to a resource server", []string{bearer(m.aaa.Mint(harness.ServerClaims(harness.ResourceServer)))}, 401},
		{"to a longer name", []string{bearer(m.aaa.Mint(harness.ServerClaims(harness.APD + ".evil.example")))}, 401},
		{"aud as a list", []string{bearer(mint(harness.DXClaims{"aud": []string{harness.APD}}))}, 401},
		{"aud missing", []string{bearer(mint(harness.DXClaims{"aud": nil}))}, 401},
		{"a user", []string{bearer(m.consumer())}, 401},
		{"no word before it", []string{"Authorization: " + server}, 401},
		{"a Keycloak that is not configured", []string{bearer(harness.StartOpenID(t).Token("aaa-service", harness.APD))}, 401},
		{"basic", []string{"Authorization: Basic " + server}, 401},
		{"two blanks", []string{"Authorization: Bearer  " + server}, 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m.upstream.Forget()
			got := m.sendBody(t, "POST", "/verify", verifyBody, tc.headers...)
			if got.Status != tc.status {
				t.Errorf("got %d %s, want %d", got.Status, got.Body, tc.status)
			}
			want := map[int]string{400: badQuery, 401: notAuthorized}[tc.status]
			if tc.status != 200 {
				if got.Body != want {
					t.Errorf("got %s, want %s", got.Body, want)
				}
				m.wantNothingUpstream(t)
				return
			}
			seen := m.upstream.Last(t)
			if seen.Body != verifyBody || seen.Header.Get("Authorization") == "" {
				t.Errorf("the server gets\n%s", seen.Raw)
			}
			wantCaller(t, seen, strings.ToLower(harness.CosDomain), "aaa-server", "")
		})
	}
}
