package dx

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

const serviceAccount = "0b6f3c1e-7d0e-4b6a-8f5d-2f1f5b0c9a55"

var rsaKeys = sync.OnceValue(func() (keys [2]*rsa.PrivateKey) {
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			panic(err)
		}
	}
	return keys
})

// keycloakToken is an access token of the service account of a client.
func keycloakToken(issuer string, changes ...any) object {
	return object{
		"iss": issuer, "aud": []string{audience, "account"}, "sub": serviceAccount, "azp": "aaa-client", "typ": "Bearer",
		"iat": noon.Unix(), "exp": noon.Unix() + 300, "jti": "1", "scope": "openid", "client_id": "aaa-client",
	}.with(changes...)
}

func signRS256(t *testing.T, key *rsa.PrivateKey, claims object) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims(claims))
	token.Header["kid"] = "rsa"
	text, err := token.SignedString(key)
	must(t, err)
	return text
}

// withKeycloak is a site that takes tokens of a Keycloak realm that is there.
func withKeycloak(t *testing.T) (s *site, issuer string) {
	t.Helper()
	key := rsaKeys()[0].PublicKey
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		_ = json.NewEncoder(w).Encode(object{"keys": []object{{
			"kty": "RSA", "use": "sig", "kid": "rsa", "alg": "RS256",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	}))
	t.Cleanup(server.Close)
	issuer = server.URL + "/realms/dx"
	s = newSite(t, func(c *Config) {
		c.Keycloak = &Keycloak{Issuer: issuer, JWKS: server.URL + "/certs", Audience: audience, Clients: []string{"aaa-client", "old-client"}}
	})
	s.run()
	until(t, func() bool {
		return s.verifyPolicy(signRS256(t, rsaKeys()[0], keycloakToken(issuer))).Code != http.StatusServiceUnavailable
	})
	return s, issuer
}

func TestKeycloaksClientsAreKnownByName(t *testing.T) {
	s, realm := withKeycloak(t)
	for name, tc := range map[string]struct {
		claims object
		code   string
	}{
		"a client":                 {keycloakToken(realm), ""},
		"by client_id":             {keycloakToken(realm, "azp", absent), ""},
		"another's, by client_id":  {keycloakToken(realm, "azp", "web"), ""},
		"of no type":               {keycloakToken(realm, "typ", absent), ""},
		"another client":           {keycloakToken(realm, "azp", "web", "client_id", "web"), "unknown_client"},
		"no client":                {keycloakToken(realm, "azp", absent, "client_id", absent), "unknown_client"},
		"a client in capitals":     {keycloakToken(realm, "azp", "AAA-client", "client_id", absent), "unknown_client"},
		"an ID token":              {keycloakToken(realm, "typ", "ID"), "wrong_token_type"},
		"a refresh token":          {keycloakToken(realm, "typ", "Refresh"), "wrong_token_type"},
		"for another":              {keycloakToken(realm, "aud", "account"), "wrong_audience"},
		"of another realm":         {keycloakToken(realm + "2"), "wrong_issuer"},
		"of the realm, in capital": {keycloakToken(realm[:len(realm)-2] + "DX"), "wrong_issuer"},
		"expired":                  {keycloakToken(realm, "exp", noon.Unix()-30), "expired"},
		// Each issuer has its own algorithm and keys.
		"says it is AAA's":          {serverToken(), "wrong_signature"},
		"an identity token's":       {identityToken(), "wrong_signature"},
		"an identity, of the realm": {identityToken("iss", realm), "wrong_audience"},
	} {
		t.Run(name, func(t *testing.T) {
			status := http.StatusOK
			if tc.code != "" {
				status = http.StatusUnauthorized
			}
			a := s.verifyPolicy(signRS256(t, rsaKeys()[0], tc.claims))
			a.wants(t, status, tc.code)
			if id := a.call.Identity; status == http.StatusOK && (id.Kind != kindKeycloak || id.Subject != "aaa-client" || len(id.Roles) != 0) {
				t.Errorf("%+v", id)
			}
		})
	}
	good := keycloakToken(realm)
	s.verifyPolicy(signRS256(t, rsaKeys()[1], good)).wants(t, http.StatusUnauthorized, "wrong_signature")
	s.verifyPolicy(signES256(aaaKey(), header.text(), good.text())).wants(t, http.StatusUnauthorized, "wrong_signature")
	byClient := signRS256(t, rsaKeys()[0], good)
	s.get(byClient).wants(t, http.StatusUnauthorized, "role_missing")
	s.revoke(byClient, `{"sub":"`+alice+`"}`).wants(t, http.StatusUnauthorized, "not_aaa_server")

	// AAA's own tokens are taken besides.
	s.verifyPolicy(serverToken().signed()).wants(t, http.StatusOK, "")
	s.get(identityToken().signed()).wants(t, http.StatusOK, "")

	// The user of a service account can be revoked.
	s.verifyPolicy(byClient).wants(t, http.StatusOK, "")
	s.revoke(serverToken().signed(), `{"sub":"`+serviceAccount+`"}`).wants(t, http.StatusOK, "")
	s.verifyPolicy(byClient).wants(t, http.StatusUnauthorized, "revoked")

	// Without Keycloak, none of its tokens is good, also not one that is remembered.
	other := signRS256(t, rsaKeys()[0], keycloakToken(realm, "sub", bob))
	s.verifyPolicy(other).wants(t, http.StatusOK, "")
	s.with()
	s.verifyPolicy(other).wants(t, http.StatusUnauthorized, "wrong_issuer")
}

// A client's id also stands in the tokens that its users get.
func TestUserOfAListedClientIsNotTheClient(t *testing.T) {
	s, realm := withKeycloak(t)
	const listed = "0e1f1c52-93a1-4c34-a06c-d5a1b28f4c3e"
	s.with(func(c *Config) {
		c.Keycloak = &Keycloak{Issuer: realm, JWKS: realm[:len(realm)-len("/realms/dx")] + "/certs", Audience: audience, Clients: []string{"AAA-client", "aaa-client", listed}}
	})
	s.run()
	until(t, func() bool {
		return s.verifyPolicy(signRS256(t, rsaKeys()[0], keycloakToken(realm))).Code != http.StatusServiceUnavailable
	})
	for name, tc := range map[string]struct {
		claims  object
		subject string // of the identity; empty: it is refused
	}{
		"its service account":       {keycloakToken(realm, "preferred_username", "service-account-aaa-client"), "aaa-client"},
		"of a client in capitals":   {keycloakToken(realm, "azp", "AAA-client", "preferred_username", "service-account-aaa-client"), "AAA-client"},
		"nobody named":              {keycloakToken(realm), "aaa-client"},
		"a user":                    {keycloakToken(realm, "preferred_username", "alice"), ""},
		"a user, by client_id":      {keycloakToken(realm, "azp", absent, "preferred_username", "alice"), ""},
		"a user without a name":     {keycloakToken(realm, "preferred_username", ""), ""},
		"a name that is no text":    {keycloakToken(realm, "preferred_username", 5), ""},
		"another's service account": {keycloakToken(realm, "preferred_username", "service-account-web"), ""},
		"in other letters":          {keycloakToken(realm, "preferred_username", "\u017fervice-account-aaa-client"), ""},
		"a user in a session":       {keycloakToken(realm, "preferred_username", absent, "sid", "6f1f"), ""},
		"of an older session":       {keycloakToken(realm, "preferred_username", absent, "session_state", "6f1f"), ""},
		"signed in for a page":      {keycloakToken(realm, "preferred_username", absent, "auth_time", 1), ""},
		"a user that is listed":     {keycloakToken(realm, "sub", listed, "preferred_username", "alice"), listed},
		"of a client that is not":   {keycloakToken(realm, "sub", listed, "azp", "web", "client_id", absent, "preferred_username", "alice"), listed},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.verifyPolicy(signRS256(t, rsaKeys()[0], tc.claims))
			if tc.subject == "" {
				a.wants(t, http.StatusUnauthorized, "unknown_client")
			} else if a.wants(t, http.StatusOK, ""); a.call.Identity.Subject != tc.subject {
				t.Errorf("%+v", a.call.Identity)
			}
		})
	}
}

func TestTokenOfAClientWithoutSubCanBeRevoked(t *testing.T) {
	s, realm := withKeycloak(t)
	token := signRS256(t, rsaKeys()[0], keycloakToken(realm, "sub", absent))
	s.verifyPolicy(token).wants(t, http.StatusOK, "")
	_, err := s.RevokeUser(t.Context(), "AAA-Client", "", "test")
	must(t, err)
	s.verifyPolicy(token).wants(t, http.StatusUnauthorized, "revoked")
	// One with a sub is the client's too, by whose id the audit knows it.
	s.verifyPolicy(signRS256(t, rsaKeys()[0], keycloakToken(realm))).wants(t, http.StatusUnauthorized, "revoked")
	s.verifyPolicy(signRS256(t, rsaKeys()[0], keycloakToken(realm, "sub", "\u212a"))).wants(t, http.StatusUnauthorized, "bad_subject")
}
