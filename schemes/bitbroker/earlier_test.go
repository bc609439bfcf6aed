package bitbroker

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// The keys of a BitBroker's auth service, and of somebody else.
var authServiceKey, strangersKey = sync.OnceValue(newRSAKey), sync.OnceValue(newRSAKey)

func newRSAKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// keyFile holds the auth service's public key.
func keyFile(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&authServiceKey().PublicKey)
	must(t, err)
	file := filepath.Join(t.TempDir(), "keys.pem")
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	return file
}

// until is when the tests' earlier tokens are good no more.
var until = noon.Add(30 * 24 * time.Hour)

func withEarlier(t testing.TB) func(*Config) {
	return func(c *Config) { c.InFront, c.Earlier = true, &Earlier{File: keyFile(t), Until: until} }
}

type object = map[string]any

// earlierClaims are those of a token of the auth service, with changes; nil removes a claim.
func earlierClaims(scope, audience string, changes object) jwt.MapClaims {
	claims := jwt.MapClaims{
		"iss": DefaultIssuer, "scope": scope, "aud": audience, "jti": newUUID(),
		"iat": noon.Add(-time.Hour).Unix(), "exp": noon.Add(90 * 24 * time.Hour).Unix(),
	}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func signed(t testing.TB, key *rsa.PrivateKey, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["typ"], token.Header["kid"] = "jwt", "key-1"
	text, err := token.SignedString(key)
	must(t, err)
	return text
}

// earlierToken is a token as the auth service signs them.
func earlierToken(t testing.TB, scope, audience string, changes object) string {
	return signed(t, authServiceKey(), earlierClaims(scope, audience, changes))
}

// bootstrap are the claims of the first coordinator's token.
func bootstrap() jwt.MapClaims {
	return jwt.MapClaims{"iss": DefaultIssuer, "jti": "00000000-0000-0000-0000-000000000000", "scp": kindCoordinator}
}

func TestEarlierTokensAreGoodOnTheirAPI(t *testing.T) {
	s := newSite(t, withEarlier(t))
	for _, tc := range []struct{ kind, token, path, audience, rate string }{
		{kindCoordinator, earlierToken(t, kindCoordinator, "", nil), coordinatorPath, "", ""},
		{kindCoordinator, earlierToken(t, kindCoordinator, "", object{"aud": nil}), coordinatorPath, "", ""},
		{kindCoordinator, signed(t, authServiceKey(), bootstrap()), coordinatorPath, "", ""},
		{kindContributor, earlierToken(t, kindContributor, "con-old", nil), "/contributor/v1/connector/" + contributionB + "/session/open/stream", "con-old", ""},
		{kindConsumer, earlierToken(t, kindConsumer, "pol-old", nil), consumerPath, "pol-old", "consumer:pol-old"},
		{kindConsumer, earlierToken(t, kindConsumer, "", object{"aud": []string{"pol-old"}}), consumerPath, "pol-old", "consumer:pol-old"},
	} {
		for range 2 { // verified, and remembered
			a := s.ask("GET", tc.path, tc.token)
			a.want(t, 200, true)
			if a.forwarded == nil {
				continue
			}
			if h := a.forwarded.Header; h.Get("X-Bbk-Audience") != tc.audience || h.Get("X-Bbk-Rate-Uid") != tc.rate || h.Get("X-Bbk-Auth-Token") != "" {
				t.Errorf("%s: %v", tc.kind, h)
			}
			if id := a.call.Identity; id.Kind != tc.kind || id.Accessor != "" || strings.Contains(tc.token, id.Subject) {
				t.Errorf("%+v", id)
			}
		}
		for _, other := range []string{coordinatorPath, contributorPath, consumerPath} {
			if !strings.HasPrefix(tc.path, "/"+tc.kind) || !strings.HasPrefix(other, "/"+tc.kind) {
				s.ask("GET", other, tc.token).want(t, 401, false)
			}
		}
	}
}

func TestWhatIsNoEarlierTokenIsRefused(t *testing.T) {
	s := newSite(t, withEarlier(t))
	good := earlierToken(t, kindConsumer, "pol-old", nil)
	head, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	hs := jwt.NewWithClaims(jwt.SigningMethodHS256, earlierClaims(kindConsumer, "pol-old", nil))
	der, err := x509.MarshalPKIXPublicKey(&authServiceKey().PublicKey)
	must(t, err)
	byHMAC, err := hs.SignedString(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	must(t, err)
	byPS, err := jwt.NewWithClaims(jwt.SigningMethodPS256, earlierClaims(kindConsumer, "pol-old", nil)).SignedString(authServiceKey())
	must(t, err)
	for name, token := range map[string]string{
		"another key":              signed(t, strangersKey(), earlierClaims(kindConsumer, "pol-old", nil)),
		"no signature":             head + "." + payload + ".",
		"another signature":        head + "." + payload + "." + strings.ToUpper(signature),
		"alg none":                 "eyJhbGciOiJub25lIn0." + payload + ".",
		"HS256":                    byHMAC,
		"PS256":                    byPS,
		"expired":                  earlierToken(t, kindConsumer, "pol-old", object{"exp": noon.Add(-time.Minute).Unix()}),
		"of the future":            earlierToken(t, kindConsumer, "pol-old", object{"iat": noon.Add(time.Hour).Unix()}),
		"another issuer":           earlierToken(t, kindConsumer, "pol-old", object{"iss": "bit-broker.example"}),
		"issuer in capitals":       earlierToken(t, kindConsumer, "pol-old", object{"iss": "Bit-Broker.io"}),
		"no issuer":                earlierToken(t, kindConsumer, "pol-old", object{"iss": nil}),
		"no key id":                earlierToken(t, kindConsumer, "pol-old", object{"jti": nil}),
		"a key id of no form":      earlierToken(t, kindConsumer, "pol-old", object{"jti": "1"}),
		"a key id in capitals":     earlierToken(t, kindConsumer, "pol-old", object{"jti": "AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA"}),
		"no scope":                 earlierToken(t, kindConsumer, "pol-old", object{"scope": nil}),
		"two scopes":               earlierToken(t, kindConsumer+" coordinator", "pol-old", nil),
		"scope and scp":            earlierToken(t, kindConsumer, "pol-old", object{"scp": kindCoordinator}),
		"another scope":            earlierToken(t, "superuser", "", nil),
		"scope in capitals":        earlierToken(t, "Consumer", "pol-old", nil),
		"no policy":                earlierToken(t, kindConsumer, "", nil),
		"two policies":             earlierToken(t, kindConsumer, "", object{"aud": []string{"pol-old", "pol-one"}}),
		"a policy of no form":      earlierToken(t, kindConsumer, "Pol Old", nil),
		"a policy with line break": earlierToken(t, kindConsumer, "pol\r\nx: y", nil),
		"a number for a policy":    earlierToken(t, kindConsumer, "", object{"aud": 7}),
		"a refresh token":          earlierToken(t, "refresh", "", object{"exp": nil}),
	} {
		t.Run(name, func(t *testing.T) { s.ask("GET", consumerPath, token).want(t, 401, false) })
	}
	s.ask("GET", coordinatorPath, earlierToken(t, kindCoordinator, "pol-old", nil)).want(t, 401, false)
	s.ask("GET", consumerPath, good).want(t, 200, true)
	s.with(inFront)
	s.ask("GET", consumerPath, good).want(t, 401, false)
}

func TestEarlierTokensEndOnTheirDay(t *testing.T) {
	s := newSite(t, withEarlier(t))
	tokens := map[string]string{
		earlierToken(t, kindConsumer, "pol-old", nil):                               consumerPath,
		earlierToken(t, kindConsumer, "pol-old", object{"exp": nil}):                consumerPath,
		signed(t, authServiceKey(), bootstrap()):                                    coordinatorPath,
		earlierToken(t, kindContributor, "con-old", object{"iat": nil, "exp": nil}): contributorPath,
	}
	s.clock.Set(until.Add(-time.Second))
	s.with(withEarlier(t)) // its keys are of today
	for token, path := range tokens {
		s.ask("GET", path, token).want(t, 200, true)
	}
	s.clock.Advance(time.Second)
	for token, path := range tokens {
		s.ask("GET", path, token).want(t, 401, false)
	}
}

func TestEarlierTokensEndByThemselvesToo(t *testing.T) {
	s := newSite(t, withEarlier(t))
	token := earlierToken(t, kindConsumer, "pol-old", object{"exp": noon.Add(time.Hour).Unix()})
	s.ask("GET", consumerPath, token).want(t, 200, true)
	s.clock.Advance(time.Hour + time.Minute)
	s.ask("GET", consumerPath, token).want(t, 401, false)
}

func TestEarlierTokensEndByWhatIsRescinded(t *testing.T) {
	const by = "test"
	key := newUUID()
	for name, tc := range map[string]struct {
		kind, audience, path string
		end                  func(s *site) error
		status               int
	}{
		"by key id":           {kindConsumer, "pol-old", consumerPath, func(s *site) error { return s.store().RescindKeys(s.t.Context(), realm, []string{key}, by) }, 403},
		"by coordinator's id": {kindCoordinator, "", coordinatorPath, func(s *site) error { return s.store().RescindKeys(s.t.Context(), realm, []string{key}, by) }, 403},
		"by its policy":       {kindConsumer, "pol-old", consumerPath, func(s *site) error { return s.store().ForgetPolicy(s.t.Context(), realm, "pol-old", by) }, 403},
		"by its connector": {kindContributor, "con-old", contributorPath, func(s *site) error {
			return s.store().ForgetConnector(s.t.Context(), realm, "ent-old", "con-old", by)
		}, 403},
		"with all":            {kindConsumer, "pol-old", consumerPath, func(s *site) error { return s.store().RevokeRealm(s.t.Context(), realm, by) }, 403},
		"not by another's":    {kindConsumer, "pol-old", consumerPath, func(s *site) error { return s.store().ForgetPolicy(s.t.Context(), realm, "pol-new", by) }, 200},
		"not by another's id": {kindConsumer, "pol-old", consumerPath, func(s *site) error { return s.store().RescindKeys(s.t.Context(), realm, []string{newUUID()}, by) }, 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, withEarlier(t))
			token := earlierToken(t, tc.kind, tc.audience, object{"jti": key})
			s.ask("GET", tc.path, token).want(t, 200, true)
			must(t, tc.end(s))
			a := s.ask("GET", tc.path, token)
			if tc.status != 200 && name == "by its connector" && a.Code == 404 {
				return // a connector that is gone
			}
			a.want(t, tc.status, tc.status == 200)
		})
	}
}

func TestEarlierContributorsMayNotUseAnothersConnector(t *testing.T) {
	s := newSite(t, withEarlier(t))
	w := s.newWorld() // con-one has contributionA
	// A connector that was made since is not the one of before.
	s.ask("GET", contributorPath, earlierToken(t, kindContributor, "con-one", nil)).want(t, 403, false)
	s.clock.Advance(2 * time.Minute)
	s.ask("GET", contributorPath, earlierToken(t, kindContributor, "con-one", object{"iat": noon.Add(2 * time.Minute).Unix()})).want(t, 200, true)
	old := earlierToken(t, kindContributor, "con-old", nil)
	s.ask("GET", contributorPath, old).want(t, 404, false)
	s.ask("GET", "/contributor/v1/connector/"+contributionB+"/session/open/stream", old).want(t, 200, true)
	for _, odd := range []string{"x", strings.ToUpper(contributionB), contributionA + "%20", "%20" + contributionA} {
		s.ask("GET", "/contributor/v1/connector/"+odd+"/session/open/stream", old).want(t, 404, false)
	}
	s.ask("GET", contributorPath, w.contributor).want(t, 200, true)
	s.broken.Store(true)
	s.ask("GET", contributorPath, old).want(t, 503, false)
}

func TestLastCoordinatorGoesWhileEarlierOnesMayBeThere(t *testing.T) {
	s := newSite(t, withEarlier(t))
	s.newWorld()
	token := earlierToken(t, kindCoordinator, "", nil)
	s.behind = says(204, "")
	s.ask("DELETE", "/coordinator/v1/user/1/coordinator", token).want(t, 204, true)
	own := s.coordinatorOf(2)
	s.clock.Set(until)
	s.ask("DELETE", "/coordinator/v1/user/2", own).want(t, 405, false)
}

func TestEarlierConsumersAreLimitedAsTheirPolicyIs(t *testing.T) {
	s := newSite(t, withEarlier(t), func(c *Config) { c.LimitPerAccess = true })
	one, two := earlierToken(t, kindConsumer, "pol-old", nil), earlierToken(t, kindConsumer, "pol-old", nil)
	limits := quotaOf(1, "day")
	must(t, s.store().SetBrokerLimits(t.Context(), realm, "pol-old", &limits, "test"))
	for _, token := range []string{one, two} {
		s.ask("GET", consumerPath, token).want(t, 200, true)
		s.ask("GET", consumerPath, token).want(t, 429, false)
	}
}

// Keys come from a key set, are fetched in the background, and outlive a restart.
func TestKeysOfEarlierTokensAreFetchedAndKept(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &authServiceKey().PublicKey, KeyID: "key-1", Use: "sig"}}})
	}))
	defer server.Close()
	byKeySet := func(c *Config) { c.InFront, c.Earlier = true, &Earlier{JWKS: server.URL + "/jwks", Until: until} }
	s := newSite(t, byKeySet)
	token := earlierToken(t, kindConsumer, "pol-old", nil)
	a := s.ask("GET", consumerPath, token)
	a.want(t, 503, false)
	if a.refusal.Reason != schemes.KeysUnavailable {
		t.Errorf("%v", a.refusal)
	}
	stop := s.Start(s.backend)
	kept := func() error {
		_, err := s.store().KeptKeysOf(t.Context(), "bitbroker "+server.URL+"/jwks")
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); kept() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("no keys were kept")
		}
		runtime.Gosched()
	}
	stop()
	s.ask("GET", consumerPath, token).want(t, 200, true)
	server.Close()
	s.with(byKeySet)
	s.ask("GET", consumerPath, token).want(t, 200, true)
	must(t, s.store().RescindKeys(t.Context(), realm, []string{newUUID()}, "test"))
	if stop := newSite(t).Start(nil); stop == nil {
		t.Error("nothing to stop")
	}
}
