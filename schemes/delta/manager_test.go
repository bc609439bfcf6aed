package delta

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

// unavailableIssuer is one whose keys could not be fetched.
type unavailableIssuer struct{}

func (unavailableIssuer) Verify(context.Context, string) (keyring.Claims, error) {
	return keyring.Claims{}, fmt.Errorf("%w: dial tcp 192.0.2.7", keyring.ErrUnavailable)
}

// countingIssuer counts what it is asked.
type countingIssuer struct {
	Verifier
	asked atomic.Int64
}

func (c *countingIssuer) Verify(ctx context.Context, token string) (keyring.Claims, error) {
	c.asked.Add(1)
	return c.Verifier.Verify(ctx, token)
}

const (
	issuerURL = "https://login.example.com"
	audience  = "https://sharing.example.com/dds-tokens"
)

// issuer is an OpenID Connect issuer without a network.
type issuer struct {
	*keyring.Issuer
	key *ecdsa.PrivateKey
}

// issuerTransport serves the key set. Its second answer never comes, but it
// tells that what the first one brought is in use.
type issuerTransport struct {
	keys    []byte
	fetched atomic.Bool
	used    chan struct{}
}

func (i *issuerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if i.fetched.Swap(true) {
		close(i.used)
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{
		StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(i.keys))), Request: r,
		Header: http.Header{"Content-Type": {"application/json"}},
	}, nil
}

func newIssuer(t *testing.T, now func() time.Time) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Use: "sig"}}})
	must(t, err)
	transport := &issuerTransport{keys: set, used: make(chan struct{})}
	verifier, err := keyring.NewIssuer(keyring.IssuerConfig{
		Issuer: issuerURL, Audience: audience, JWKS: issuerURL + "/keys", Now: now, Refresh: time.Millisecond,
		Client: &http.Client{Transport: transport},
	})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		verifier.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	<-transport.used
	return &issuer{verifier, key}
}

// token signs claims that are good but for the changes.
func (i *issuer) token(t *testing.T, changes map[string]any) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": issuerURL, "aud": audience, "sub": "acme", "scope": "read write",
		"iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, changes)
	unsigned := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	unsigned.Header["kid"] = "k1"
	signed, err := unsigned.SignedString(i.key)
	must(t, err)
	return signed
}

func TestScopesOfAJWT(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	i := newIssuer(t, s.clock.Now)
	s = s.with(func(c *Config) { c.CredentialsAPI.Issuer = i })
	s.recipient("acme")
	const lacksRead, lacksWrite = "The access token lacks the scope to read credentials.", "The access token lacks the scope to write credentials."
	for name, tt := range map[string]struct {
		scope       any
		read, write bool
	}{
		"both":          {"read write", true, true},
		"as an array":   {[]string{"write", "read"}, true, true},
		"read":          {"openid read", true, false},
		"write":         {"write", false, true},
		"neither":       {"openid", false, false},
		"another case":  {"READ Write", false, false},
		"part of one":   {"readwrite dds/read", false, false},
		"none":          {"", false, false},
		"another type":  {5, false, false},
		"null, not scp": {nil, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			token := i.token(t, map[string]any{"scope": tt.scope, "scp": "read write"})
			for _, call := range []struct {
				method, body, lacks string
				allow               bool
			}{
				{"GET", "", lacksRead, tt.read}, {"POST", expiry("5"), lacksWrite, tt.write}, {"PATCH", expiry("5"), lacksWrite, tt.write},
			} {
				a := s.api(token, call.method, call.body)
				if call.allow {
					a.wantStatus(t, http.StatusOK)
					continue
				}
				if detail := a.wantProblem(t, http.StatusForbidden); detail != call.lacks {
					t.Errorf("told: %s", detail)
				}
				a.wantHeaders(t, "WWW-Authenticate", `Bearer realm="delta-sharing", error="insufficient_scope"`)
				if a.refusal.Reason != schemes.Forbidden {
					t.Errorf("reason %s", a.refusal.Reason)
				}
			}
		})
	}
}

func TestJWTActsForTheRecipientItNames(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	i := newIssuer(t, s.clock.Now)
	s = s.with(func(c *Config) {
		c.CredentialsAPI.Issuer, c.CredentialsAPI.RecipientClaim = i, "client"
		c.CredentialsAPI.ReadScope, c.CredentialsAPI.WriteScope = "dds/read", "dds/write"
	})
	acme, _ := s.recipient("acme")
	s.recipient("beta")
	good := map[string]any{"client": "acme", "scope": "dds/read dds/write"}
	a := s.api(i.token(t, good), "GET", "")
	a.wantStatus(t, http.StatusOK)
	if id := a.call.Identity; id.Subject != acme.Recipient.ID || id.Name != "acme" || id.Kind != kindManager {
		t.Errorf("identity %+v", id)
	}
	if !strings.Contains(a.Body.String(), acme.Link) {
		t.Errorf("not acme's credentials: %s", a.Body)
	}

	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	refused := map[string]string{
		"signed by another key": (&issuer{key: foreign}).token(t, good),
		"not a jwt":             "garbage",
		"empty parts":           "..",
		"a recipient's token":   s.follow(acme.Link),
		"unknown key":           secret.New(secret.ManagementKey).Reveal(),
	}
	for name, changes := range map[string]map[string]any{
		"claim missing":         {"client": nil},
		"claim of another type": {"client": []string{"acme"}},
		"claim empty":           {"client": ""},
		"recipient unknown":     {"client": "gamma"},
		// OpenID Connect Core 1.0, section 2: subjects that differ in case differ.
		"recipient in another case":   {"client": "ACME"},
		"recipient with a separator":  {"client": "acme\x00"},
		"recipient of letters alike":  {"client": "a\u0441me"},
		"name too long":               {"client": strings.Repeat("a", 300)},
		"expired":                     {"exp": noon.Add(-time.Hour).Unix()},
		"another audience":            {"aud": "https://other.example.com"},
		"another issuer":              {"iss": "https://evil.example.com"},
		"expiry missing":              {"exp": nil},
		"issued in the future by far": {"iat": noon.Add(time.Hour).Unix()},
	} {
		claims := maps.Clone(good)
		maps.Copy(claims, changes)
		refused[name] = i.token(t, claims)
	}
	for name, token := range refused {
		t.Run(name, func(t *testing.T) {
			a := s.api(token, "POST", expiry("0"))
			if detail := a.wantProblem(t, http.StatusUnauthorized); detail != "The management key or access token is not valid." {
				t.Errorf("a stranger is told: %s", detail)
			}
			a.wantHeaders(t, "WWW-Authenticate", challenge)
			if strings.Contains(a.Body.String(), token) {
				t.Error("the answer holds the token")
			}
		})
	}

	s.disable("acme", true)
	s.api(i.token(t, good), "GET", "").wantProblem(t, http.StatusForbidden)
}

func TestIssuerThatCannotTellNeverOpens(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.CredentialsAPI.Issuer = unavailableIssuer{} })
	_, key := s.recipient("acme")
	a := s.api("a.b.c", "GET", "")
	detail := a.wantProblem(t, http.StatusServiceUnavailable)
	a.wantHeaders(t, "Retry-After", "1")
	if strings.Contains(detail, "192.0.2.7") {
		t.Errorf("internals are told: %s", detail)
	}
	if a.refusal.Reason != schemes.KeysUnavailable {
		t.Errorf("it is noted as %s", a.refusal.Reason)
	}
	s.api(key, "GET", "").wantStatus(t, http.StatusOK) // keys are ours
}

func TestManagementKeys(t *testing.T) {
	t.Parallel()
	counting := &countingIssuer{Verifier: unavailableIssuer{}}
	s := newSite(t, func(c *Config) { c.CredentialsAPI.Issuer = counting })
	created, first := s.recipient("acme")
	if id := s.api(first, "GET", "").call.Identity; id == nil || id.Subject != created.Recipient.ID || id.Accessor != "" {
		t.Errorf("identity %+v", id)
	}
	if counting.asked.Load() != 0 {
		t.Error("the issuer was shown a management key")
	}

	second, err := s.NewManagementKey(t.Context(), "acme", "test")
	must(t, err)
	s.api(first, "GET", "").wantProblem(t, http.StatusUnauthorized)
	s.api(second.Reveal(), "GET", "").wantStatus(t, http.StatusOK)

	other := s.with(func(c *Config) { c.Realm = "others" })
	other.recipient("acme")
	other.api(second.Reveal(), "GET", "").wantProblem(t, http.StatusUnauthorized)

	s.disable("acme", true)
	if detail := s.api(second.Reveal(), "POST", expiry("0")).wantProblem(t, http.StatusForbidden); !strings.Contains(detail, "disabled") {
		t.Errorf("told: %s", detail)
	}
	s.disable("acme", false)

	_, err = s.backend.Store.SetManagementKey(t.Context(), "partners", "acme", nil, "test")
	must(t, err)
	s.api(second.Reveal(), "GET", "").wantProblem(t, http.StatusUnauthorized)

	if key, err := s.NewManagementKey(t.Context(), "nobody", "test"); err == nil || !key.IsZero() {
		t.Errorf("a key for nobody: %v", err)
	}
}

// Revoking ends tokens, not the right to make new ones.
func TestManagementKeyOutlivesARevocationButNotItsRecipient(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, key := s.holder("acme")
	_, err := s.backend.Store.Revoke(t.Context(), "partners", "acme", "test")
	must(t, err)
	s.api(key, "POST", expiry("0")).wantStatus(t, http.StatusOK)
	_, err = s.backend.Store.DeleteRecipient(t.Context(), "partners", "acme", "test")
	must(t, err)
	s.recipient("acme")
	s.api(key, "GET", "").wantProblem(t, http.StatusUnauthorized)
}

func TestGarbageAtTheCredentialsAPIIsRefusedWithoutTheStore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.broken.Store(true)
	for _, value := range []string{
		"Bearer garbage", "Bearer", "", "Basic dXNlcjpwYXNz", "Bearer a.b.c",
		"Bearer " + secret.New(secret.DeltaToken).Reveal(), "Bearer " + secret.New(secret.ActivationCode).Reveal(),
	} {
		a := s.serve(schemestest.Request("GET", apiPath, "", "Authorization", value))
		a.wantProblem(t, http.StatusUnauthorized)
		a.wantHeaders(t, "WWW-Authenticate", challenge)
	}
	a := s.serve(schemestest.Request("GET", apiPath, ""))
	a.wantProblem(t, http.StatusUnauthorized)
	a.wantHeaders(t, "WWW-Authenticate", `Bearer realm="delta-sharing"`)
	if a.refusal.Reason != schemes.NoCredential {
		t.Errorf("reason %s", a.refusal.Reason)
	}
	s.serve(schemestest.Request("GET", apiPath+"?access_token=x", "")).wantProblem(t, http.StatusBadRequest)
	s.serve(schemestest.Request("GET", apiPath, "", "Authorization", "Bearer a", "Authorization", "Bearer b")).wantProblem(t, http.StatusBadRequest)
	if n := s.asked.Load(); n != 0 {
		t.Errorf("the store was asked for %d times", n)
	}
}
