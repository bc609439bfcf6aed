package delta

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// network leads to providers by their hosts. It is filled before anything is fetched.
type network map[string]*provider

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	p := n[r.URL.Host]
	if p == nil {
		return nil, errors.New("no such host")
	}
	return p.answer(r)
}

// provider is an identity provider without a network. It answers a fetch of its keys
// when the test says so.
type provider struct {
	host    string
	arrived chan struct{} // a fetch waits
	let     chan struct{} // lets it go on
	fetches atomic.Int64  // answered

	mu   sync.Mutex
	keys []providerKey
}

type providerKey struct {
	id  string
	key *ecdsa.PrivateKey
}

// provider adds one with a key k1, and has the site's realm followed.
func (s *site) provider(host string) *provider {
	s.t.Helper()
	p := &provider{host: host, arrived: make(chan struct{}), let: make(chan struct{})}
	p.publish(s.t, newKey(s.t, "k1"))
	s.providers[host] = p
	s.backend.Issuers.Follow(s.Realm())
	return p
}

func newKey(t testing.TB, id string) providerKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return providerKey{id, key}
}

func (p *provider) url() string { return "https://" + p.host }

func (p *provider) answer(r *http.Request) (*http.Response, error) {
	for _, step := range []func() bool{
		func() bool {
			select {
			case p.arrived <- struct{}{}:
				return true
			case <-r.Context().Done():
				return false
			}
		},
		func() bool {
			select {
			case <-p.let:
				return true
			case <-r.Context().Done():
				return false
			}
		},
	} {
		if !step() {
			return nil, r.Context().Err()
		}
	}
	p.fetches.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, k := range p.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.key.Public(), KeyID: k.id, Use: "sig"})
	}
	body, err := json.Marshal(set)
	return &http.Response{
		StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)), Request: r,
		Header: http.Header{"Content-Type": {"application/json"}},
	}, err
}

// publish replaces the keys.
func (p *provider) publish(_ testing.TB, keys ...providerKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
}

// refresh has the gateway fetch the keys once. When it returns they are in use: the
// next fetch has begun.
func (p *provider) refresh() {
	if p.fetches.Load() == 0 {
		<-p.arrived
	}
	p.let <- struct{}{}
	<-p.arrived
}

// token signs claims that are good but for the changes, with the first key.
func (p *provider) token(t testing.TB, changes map[string]any) string {
	t.Helper()
	p.mu.Lock()
	k := p.keys[0]
	p.mu.Unlock()
	return k.sign(t, p.url(), changes)
}

func (k providerKey) sign(t testing.TB, issuer string, changes map[string]any) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": issuer, "aud": "sharing", "sub": "acme-client", "iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, changes)
	unsigned := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	unsigned.Header["kid"] = k.id
	signed, err := unsigned.SignedString(k.key)
	must(t, err)
	return signed
}

// federated makes a recipient that a provider vouches for, with one policy.
func (s *site) federated(name string, policy tokenstore.FederationPolicy, grants ...string) tokenstore.Recipient {
	s.t.Helper()
	created, err := s.Create(s.t.Context(), Order{Name: name, Auth: tokenstore.Federation, Grants: grants}, "test")
	must(s.t, err)
	s.put(name, policy)
	return created.Recipient
}

func (s *site) put(name string, policy tokenstore.FederationPolicy) tokenstore.FederationPolicy {
	s.t.Helper()
	stored, err := s.AddFederation(s.t.Context(), name, policy, "test")
	must(s.t, err)
	return stored
}

// changePolicy changes the policy p of a recipient.
func (s *site) changePolicy(name string, change func(*tokenstore.FederationPolicy)) {
	s.t.Helper()
	recipient, err := s.backend.Store.Recipient(s.t.Context(), s.Realm(), name)
	must(s.t, err)
	policy, _ := recipient.Policy("p")
	_, err = s.ChangeFederation(s.t.Context(), name, policy.ID, "test", func(p *tokenstore.FederationPolicy) error {
		change(p)
		return nil
	})
	must(s.t, err)
}

// policy accepts what token signs.
func (p *provider) policy() tokenstore.FederationPolicy {
	return tokenstore.FederationPolicy{
		Name: "p", Issuer: p.url(), JWKS: p.url() + "/keys", Audiences: []string{"sharing"}, Subject: "acme-client",
	}
}

// imported makes a recipient that brings a token.
func (s *site) imported(name, token string, grants ...string) {
	s.t.Helper()
	order := Order{Name: name, Grants: grants, Imported: schemes.NewCredential(token)}
	if _, err := s.Create(s.t.Context(), order, "test"); err != nil {
		s.t.Fatal(err)
	}
}

// oauthClient makes an OAuth recipient that has used its link.
func (s *site) oauthClient(name string, change func(*Order), grants ...string) clientProfile {
	s.t.Helper()
	order := Order{Name: name, Auth: tokenstore.ClientCredentials, Grants: grants}
	if change != nil {
		change(&order)
	}
	created, err := s.Create(s.t.Context(), order, "test")
	must(s.t, err)
	return s.fetchClient(created.Link)
}

// fetchClient uses the link of an OAuth recipient.
func (s *site) fetchClient(link string) (p clientProfile) {
	s.t.Helper()
	s.serve(schemestest.Request("GET", path(link), "")).wantJSON(s.t, http.StatusOK, &p)
	if _, err := secret.Parse(secret.ClientSecret, p.ClientSecret); err != nil {
		s.t.Fatalf("client secret: %v", err)
	}
	return p
}
