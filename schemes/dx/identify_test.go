package dx

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestIdentityTokensSayWhoActs(t *testing.T) {
	s := newSite(t)
	for name, tc := range map[string]struct {
		token                         object
		kind, subject, role, delegate string
	}{
		"consumer":             {identityToken(), kindUser, alice, roleConsumer, ""},
		"provider":             {identityToken("role", "provider"), kindUser, alice, roleProvider, ""},
		"capitals":             {identityToken("role", "ProviDER"), kindUser, alice, roleProvider, ""},
		"claims of a delegate": {identityToken("did", bob, "drl", "provider"), kindUser, alice, roleConsumer, ""},
		"consumer's delegate":  {delegateToken(), kindDelegate, bob, roleConsumer, alice},
		"provider's delegate":  {delegateToken("drl", "PROVIDER", "role", "Delegate"), kindDelegate, bob, roleProvider, alice},
		"capitals in ids":      {delegateToken("sub", strings.ToUpper(alice), "did", strings.ToUpper(bob)), kindDelegate, bob, roleConsumer, alice},
		"issuer in capitals":   {identityToken("iss", "COS.example.com"), kindUser, alice, roleConsumer, ""},
		"item in capitals":     {identityToken("iid", "RS:"+strings.ToUpper(server)), kindUser, alice, roleConsumer, ""},
		"item with a tail":     {identityToken("iid", "rs:"+server+":x"), kindUser, alice, roleConsumer, ""},
		"another server":       {identityToken("aud", "rs.example.org", "iid", "rs:rs.example.org"), kindUser, alice, roleConsumer, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := tc.token.signed()
			for _, round := range []string{"verified", "cached"} {
				a := s.serve(schemestest.Request("GET", base+"/policies", "", "token", text))
				if a.forwarded == nil {
					t.Fatalf("%s: refused: %v", round, a.refusal)
				}
				id := a.call.Identity
				if id.Kind != tc.kind || id.Subject != tc.subject || id.Name != tc.subject || id.Delegate != tc.delegate ||
					len(id.Roles) != 1 || id.Roles[0] != tc.role || id.Scheme != Name || id.Realm != "market" {
					t.Errorf("%s: %+v", round, id)
				}
				if end := noon.Add((lifetime + 30) * time.Second); !id.Expiry.Equal(end) {
					t.Errorf("%s: ends at %s", round, id.Expiry)
				}
				if id.Claims["iid"] != tc.token["iid"] {
					t.Errorf("%s: claims %v", round, id.Claims)
				}
			}
		})
	}
}

func TestTokensThatAreNoneAreRefusedWithTheirCause(t *testing.T) {
	s := newSite(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	payload := identityToken().text()
	unsigned := encodeText(header.text()) + "." + encodeText(payload)
	r, v := ecdsaOf(aaaKey(), unsigned)
	raw := append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)
	digest := sha256.Sum256([]byte(unsigned))
	der, err := ecdsa.SignASN1(rand.Reader, aaaKey(), digest[:])
	must(t, err)
	byHMAC := func(key []byte) string {
		text := encodeText(header.with("alg", "HS256").text()) + "." + encodeText(payload)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return text + "." + encodeText(string(mac.Sum(nil)))
	}
	byLibrary := func(method jwt.SigningMethod, key any) string {
		var claims jwt.MapClaims
		must(t, json.Unmarshal([]byte(payload), &claims))
		text, err := jwt.NewWithClaims(method, claims).SignedString(key)
		must(t, err)
		return text
	}
	wide := sha512.Sum384([]byte(unsigned))
	wr, ws, err := ecdsa.Sign(rand.Reader, aaaKey(), wide[:])
	must(t, err)
	for name, tc := range map[string]struct {
		token string
		code  fault
	}{
		"empty":                        {"", faultMalformed},
		"garbage":                      {"x", faultMalformed},
		"behind the word Bearer":       {"Bearer " + identityToken().signed(), faultMalformed},
		"four parts":                   {identityToken().signed() + ".x", faultMalformed},
		"not JSON":                     {signES256(aaaKey(), header.text(), "x"), faultMalformed},
		"a claim twice":                {signES256(aaaKey(), header.text(), strings.Replace(payload, "{", `{"role":"provider",`, 1)), faultMalformed},
		"padded base64":                {encodeText(header.text()) + "=." + encodeText(payload) + "." + encodeText(string(raw)), faultMalformed},
		"17 kB":                        {identityToken("pad", strings.Repeat("x", 17<<10)).signed(), faultMalformed},
		"another key":                  {signES256(strangerKey(), header.text(), payload), faultSignature},
		"another payload":              {unsigned[:strings.Index(unsigned, ".")] + "." + encodeText(identityToken("role", "provider").text()) + "." + encodeText(string(raw)), faultSignature},
		"DER":                          {unsigned + "." + encodeText(string(der)), faultSignature},
		"63 bytes":                     {unsigned + "." + encodeText(string(raw[:63])), faultSignature},
		"65 bytes":                     {unsigned + "." + encodeText(string(raw)+"\x00"), faultSignature},
		"zeros":                        {unsigned + "." + encodeText(strings.Repeat("\x00", 64)), faultSignature},
		"no signature":                 {unsigned + ".", faultSignature},
		"alg none":                     {encodeText(header.with("alg", "none").text()) + "." + encodeText(payload) + ".", faultSignature},
		"alg none, signed":             {signES256(aaaKey(), header.with("alg", "none").text(), payload), faultSignature},
		"no alg":                       {signES256(aaaKey(), header.with("alg", absent).text(), payload), faultMalformed},
		"HS256 with the public key":    {byHMAC(publicPEM(t, &aaaKey().PublicKey)), faultSignature},
		"RS256":                        {byLibrary(jwt.SigningMethodRS256, rsaKey), faultSignature},
		"PS256":                        {byLibrary(jwt.SigningMethodPS256, rsaKey), faultSignature},
		"ES384":                        {byLibrary(jwt.SigningMethodES384, newECKey(elliptic.P384())), faultSignature},
		"a longer hash with the key":   {unsigned + "." + encodeText(string(append(wr.FillBytes(make([]byte, 32)), ws.FillBytes(make([]byte, 32))...))), faultSignature},
		"crit":                         {signES256(aaaKey(), header.with("crit", []string{"exp"}).text(), payload), faultMalformed},
		"another type":                 {signES256(aaaKey(), header.with("typ", "logout+jwt").text(), payload), faultTokenType},
		"another issuer":               {identityToken("iss", "cos.example.org").signed(), faultIssuer},
		"issuer in the header only":    {identityToken("iss", absent).signed(), faultIssuer},
		"issuer with a dot":            {identityToken("iss", issuer+".").signed(), faultIssuer},
		"no exp":                       {identityToken("exp", absent).signed(), faultNoExpiry},
		"exp as text":                  {identityToken("exp", "4102444800").signed(), faultNoExpiry},
		"exp null":                     {identityToken("exp", nil).signed(), faultNoExpiry},
		"no iat":                       {identityToken("iat", absent).signed(), faultNoIssueTime},
		"nbf to come":                  {identityToken("nbf", noon.Unix()+31).signed(), faultNotYet},
		"aud as an array":              {identityToken("aud", []string{server}).signed(), faultNoAudience},
		"aud as a number":              {identityToken("aud", 1).signed(), faultNoAudience},
		"aud null":                     {identityToken("aud", nil).signed(), faultNoAudience},
		"aud empty":                    {identityToken("aud", "", "iid", "rs:").signed(), faultNoAudience},
		"aud absent":                   {identityToken("aud", absent).signed(), faultNoAudience},
		"iid absent":                   {identityToken("iid", absent).signed(), faultNoItem},
		"iid as a number":              {identityToken("iid", 7).signed(), faultNoItem},
		"iid without a colon":          {identityToken("iid", server).signed(), faultItem},
		"iid of another server":        {identityToken("iid", "rs:rs.example.org").signed(), faultItem},
		"iid of a longer name":         {identityToken("iid", "rs:"+server+".org").signed(), faultItem},
		"iid with nothing behind":      {identityToken("iid", "rs:").signed(), faultItem},
		"access token":                 {identityToken("iid", "ri:"+server).signed(), faultNoIdentity},
		"access token for a group":     {identityToken("iid", "rg:"+server).signed(), faultNoIdentity},
		"of the administrator":         {identityToken("aud", issuer, "iid", "cos:"+issuer, "role", "cos_admin").signed(), faultNoIdentity},
		"APD token":                    {apdToken().signed(), faultNoItem},
		"sub absent":                   {identityToken("sub", absent).signed(), faultSubject},
		"sub empty":                    {identityToken("sub", "").signed(), faultSubject},
		"sub as a number":              {identityToken("sub", 5).signed(), faultSubject},
		"sub no user":                  {identityToken("sub", "al ice").signed(), faultSubject},
		"role absent":                  {identityToken("role", absent).signed(), faultRole},
		"role empty":                   {identityToken("role", "").signed(), faultRole},
		"role null":                    {identityToken("role", nil).signed(), faultRole},
		"role admin":                   {identityToken("role", "admin").signed(), faultRole},
		"role cos_admin":               {identityToken("role", "cos_admin").signed(), faultRole},
		"role trustee":                 {identityToken("role", "trustee").signed(), faultRole},
		"role misspelt":                {identityToken("role", "consumers").signed(), faultRole},
		"role with a space":            {identityToken("role", "consumer ").signed(), faultRole},
		"roles as an array":            {identityToken("role", []string{"consumer"}).signed(), faultRole},
		"delegate without drl":         {delegateToken("drl", absent).signed(), faultRole},
		"delegate of a delegate":       {delegateToken("drl", "delegate").signed(), faultRole},
		"delegate of an administrator": {delegateToken("drl", "admin").signed(), faultRole},
		"delegate without did":         {delegateToken("did", absent).signed(), faultNoDelegator},
		"delegate with did null":       {delegateToken("did", nil).signed(), faultNoDelegator},
		"delegate with an empty did":   {delegateToken("did", "").signed(), faultNoDelegator},
		"AAA's own, for another":       {serverToken("aud", server).signed(), faultAudience},
		"sub is the issuer, as a user": {identityToken("sub", "COS.example.com").signed(), faultAudience},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.get(tc.token)
			a.wants(t, http.StatusUnauthorized, string(tc.code))
			if a.Body.String() != `{"type":"urn:dx:dmp:invalidAuthorizationToken","title":"Not Authorized","detail":"Not Authorized"}` {
				t.Errorf("body %s", a.Body)
			}
			for _, part := range strings.Split(tc.token, ".") {
				if len(part) > 20 && strings.Contains(a.refusal.Error(), part) {
					t.Errorf("the log gets %v", a.refusal)
				}
			}
		})
	}
}

// What a token's header says of keys must not count.
func TestHeadersThatNameKeysAreIgnored(t *testing.T) {
	s := newSite(t)
	for name, header := range map[string]object{
		"none of AAA's":  {"alg": "ES256"},
		"an older one":   {"typ": "JWT", "alg": "ES256"},
		"kid":            header.with("kid", "no such key"),
		"kid no text":    header.with("kid", 5),
		"jku":            header.with("jku", "http://127.0.0.1:1/keys"),
		"x5u":            header.with("x5u", "http://127.0.0.1:1/cert"),
		"another issuer": header.with("iss", "cos.example.org"),
	} {
		t.Run(name, func(t *testing.T) {
			s.get(signES256(aaaKey(), header.text(), identityToken().text())).wants(t, http.StatusOK, "")
			s.get(signES256(strangerKey(), header.text(), identityToken().text())).wants(t, http.StatusUnauthorized, "wrong_signature")
		})
	}
	// Neither does a key that comes with the token.
	point, err := strangerKey().PublicKey.Bytes()
	must(t, err)
	jwk := object{"kty": "EC", "crv": "P-256", "x": encodeText(string(point[1:33])), "y": encodeText(string(point[33:]))}
	s.get(signES256(strangerKey(), header.with("jwk", jwk).text(), identityToken().text())).wants(t, http.StatusUnauthorized, "wrong_signature")
}

func TestTokensAreGoodForThirtySecondsMore(t *testing.T) {
	exp := noon.Add(lifetime * time.Second)
	for _, tc := range []struct {
		at   time.Time
		code string
	}{
		{noon.Add(-31 * time.Second), "issued_in_future"},
		{noon.Add(-30*time.Second - 1), "issued_in_future"},
		{noon.Add(-30 * time.Second), ""},
		{noon, ""},
		{exp, ""},
		{exp.Add(29 * time.Second), ""},
		{exp.Add(30*time.Second - 1), ""},
		{exp.Add(30 * time.Second), "expired"},
		{exp.Add(time.Hour), "expired"},
	} {
		status := http.StatusOK
		if tc.code != "" {
			status = http.StatusUnauthorized
		}
		t.Run(tc.at.Format(time.TimeOnly), func(t *testing.T) {
			s := newSite(t)
			s.clock.Set(tc.at)
			s.with()
			s.get(identityToken().signed()).wants(t, status, tc.code)
		})
	}
	t.Run("an identity that is remembered ends at the same moment", func(t *testing.T) {
		s := newSite(t)
		token := identityToken().signed()
		s.get(token).wants(t, http.StatusOK, "")
		s.clock.Set(exp.Add(30*time.Second - 1))
		s.get(token).wants(t, http.StatusOK, "")
		s.clock.Set(exp.Add(30 * time.Second))
		s.get(token).wants(t, http.StatusUnauthorized, "expired")
		if a := s.get(token); a.refusal.Reason != schemes.EndedCredential {
			t.Errorf("reason %s", a.refusal.Reason)
		}
	})
}

func TestLargeTokensPass(t *testing.T) {
	newSite(t).get(identityToken("pad", strings.Repeat("x", 3000)).signed()).wants(t, http.StatusOK, "")
}

func TestVerifyIsForAAAAlone(t *testing.T) {
	s := newSite(t)
	s.verifyPolicy(serverToken().signed()).wants(t, http.StatusOK, "")
	s.verifyPolicy(serverToken("aud", "APD.example.com", "sub", "COS.EXAMPLE.COM").signed()).wants(t, http.StatusOK, "")
	s.verifyPolicy(serverToken("role", nil, "iid", "null:null").signed()).wants(t, http.StatusOK, "")
	for name, tc := range map[string]struct {
		token object
		code  string
	}{
		"of another server":   {serverToken("aud", server), "wrong_audience"},
		"without an audience": {serverToken("aud", absent), "no_audience"},
		"for several":         {serverToken("aud", []string{audience}), "no_audience"},
		"a user's":            {apdToken(), "no_iid"},
		"consumer":            {identityToken(), "kind_missing"},
		"provider":            {identityToken("role", "provider"), "kind_missing"},
		"delegate":            {delegateToken(), "kind_missing"},
		"for this server":     {identityToken("aud", audience, "iid", "rs:"+audience), "kind_missing"},
	} {
		t.Run(name, func(t *testing.T) {
			s.verifyPolicy(tc.token.signed()).wants(t, http.StatusUnauthorized, tc.code)
		})
	}
	// And AAA has no role.
	s.get(serverToken().signed()).wants(t, http.StatusUnauthorized, "role_missing")
}

func TestServersNarrowWhoseTokensAreGood(t *testing.T) {
	s := newSite(t)
	token := identityToken().signed()
	s.get(token).wants(t, http.StatusOK, "")
	s.with(func(c *Config) { c.Servers = []string{"other.example.com", "RS.example.com"} })
	s.get(token).wants(t, http.StatusOK, "")
	s.with(func(c *Config) { c.Servers = []string{"other.example.com"} })
	s.get(token).wants(t, http.StatusUnauthorized, "wrong_audience")
	s.verifyPolicy(serverToken().signed()).wants(t, http.StatusOK, "")
}

// A reload must not find what was remembered under what it changed.
func TestReloadForgetsIdentitiesOfOtherSettings(t *testing.T) {
	s := newSite(t)
	user, aaa := identityToken().signed(), serverToken().signed()
	remember := func() {
		s.with()
		s.get(user).wants(t, http.StatusOK, "")
		s.verifyPolicy(aaa).wants(t, http.StatusOK, "")
	}
	remember()
	s.with(func(c *Config) { c.Issuer = "cos.example.org" })
	s.get(user).wants(t, http.StatusUnauthorized, "wrong_issuer")
	remember()
	s.with(func(c *Config) { c.Audience = "apd.example.org" })
	s.verifyPolicy(aaa).wants(t, http.StatusUnauthorized, "wrong_audience")
	remember()
	s.with(func(c *Config) { c.Realm = "another" })
	if a := s.get(user); a.call.Identity == nil || a.call.Identity.Realm != "another" {
		t.Errorf("identity %+v", a.call.Identity)
	}
}

func TestIdentifyOfflineNeedsNoStore(t *testing.T) {
	s := newSite(t)
	s.broken.Store(true)
	call := &schemes.Call{Request: schemestest.Request("GET", basicPath, ""), Credential: schemes.NewCredential(identityToken().signed())}
	if id, err := s.IdentifyOffline(call); err != nil || id.Subject != alice || id.Roles[0] != roleConsumer {
		t.Errorf("%+v, %v", id, err)
	}
	call.Credential = schemes.NewCredential(signES256(strangerKey(), header.text(), identityToken().text()))
	if _, err := s.IdentifyOffline(call); err == nil {
		t.Error("a stranger's token is good")
	}
	if s.reads.Load() != 0 {
		t.Error("the store was read")
	}
	s.with(func(c *Config) { c.Keys = KeySource{JWKS: "https://127.0.0.1:1/keys"} })
	call.Credential = schemes.NewCredential(identityToken().signed())
	_, err := s.IdentifyOffline(call)
	if refusal, ok := err.(*schemes.Refusal); !ok || refusal.Status != http.StatusServiceUnavailable || refusal.Reason != schemes.KeysUnavailable {
		t.Errorf("without a key: %v", err)
	}
}

// In lower case the Kelvin sign is a k, and the long s folds to an s: neither is one here.
func TestLettersThatFoldToASCIIAreOthers(t *testing.T) {
	const kelvin, longS = "\u212a", "\u017f"
	s := newSite(t, func(c *Config) { c.Servers = []string{server} })
	for name, tc := range map[string]struct {
		token object
		code  fault
	}{
		"sub":              {identityToken("sub", "al"+kelvin+"ice"), faultSubject},
		"did":              {delegateToken("did", kelvin+"eith"), faultNoDelegator},
		"role":             {identityToken("role", "con"+longS+"umer"), faultRole},
		"role of another":  {delegateToken("drl", "con"+longS+"umer"), faultRole},
		"iss":              {identityToken("iss", "co"+longS+".example.com"), faultIssuer},
		"aud":              {identityToken("aud", "r"+longS+".example.com"), faultItem},
		"aud and iid":      {identityToken("aud", "r"+longS+".example.com", "iid", "rs:r"+longS+".example.com"), faultAudience},
		"iid":              {identityToken("iid", "rs:r"+longS+".example.com"), faultItem},
		"kind of the item": {identityToken("iid", "r"+longS+":"+server), faultNoIdentity},
		"sub like iss":     {serverToken("sub", "co"+longS+".example.com"), faultNoIdentity},
	} {
		t.Run(name, func(t *testing.T) {
			s.get(tc.token.signed()).wants(t, http.StatusUnauthorized, string(tc.code))
		})
	}
	for _, user := range []string{"al" + kelvin + "ice", kelvin} {
		if _, err := s.RevokeUser(t.Context(), user, "", "test"); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("revoked %q: %v", user, err)
		}
		if _, err := s.RevokeUser(t.Context(), alice, user, "test"); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("revoked for %q: %v", user, err)
		}
		s.revoke(serverToken().signed(), `{"sub":"`+user+`"}`).wants(t, http.StatusBadRequest, "invalid_payload")
	}
	if s.IsIssuer("co"+longS+".example.com") || !s.IsIssuer("COS.example.com") {
		t.Error("who is the issuer")
	}
}

// Whatever AAA may sign: only who has one of two roles on a resource server's own token is
// anybody, besides AAA itself.
func FuzzClaims(f *testing.F) {
	s := newSite(f)
	for _, seed := range []object{
		identityToken(), delegateToken(), serverToken(), apdToken(), identityToken("iid", "rs:"), identityToken("role", nil),
	} {
		f.Add(seed.text())
	}
	f.Add(`{"iss":"cos.example.com","sub":{}}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, payload string) {
		s.t = t
		a := s.serve(schemestest.Request("GET", base+"/policies", "", "token", signES256(aaaKey(), header.text(), payload)))
		if a.call.Identity == nil {
			if a.forwarded != nil || a.Code != http.StatusUnauthorized {
				t.Fatalf("%d for %s", a.Code, payload)
			}
			return
		}
		var claims map[string]any
		must(t, json.Unmarshal([]byte(payload), &claims))
		id, text := a.call.Identity, func(name string) string { v, _ := claims[name].(string); return strings.ToLower(v) }
		if id.Kind == kindAAAServer {
			if text("sub") != issuer || text("aud") != audience || a.forwarded != nil {
				t.Errorf("%s is AAA", payload)
			}
			return
		}
		role, user := text("role"), text("sub")
		if role == "delegate" {
			role, user = text("drl"), text("did")
		}
		if id.Subject != user || len(id.Roles) != 1 || id.Roles[0] != role || role != "consumer" && role != "provider" ||
			text("aud") == "" || !strings.HasPrefix(text("iid")+":", "rs:"+text("aud")+":") {
			t.Errorf("%s is %+v", payload, id)
		}
	})
}
