package harness

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/token/jwt"
	"golang.org/x/crypto/bcrypt"
)

// OpenID is an OpenID provider whose clients sign in by client credentials and get a
// JWT. The framework below Ory Hydra authenticates them, decides and signs; what it
// leaves to its user is here: the two documents and the keys' lifecycle.
type OpenID struct {
	outage
	provider fosite.OAuth2Provider

	mu      sync.Mutex
	clients map[string]fosite.Client
	keys    []jose.JSONWebKey // the last one signs
	made    int
	fetches int
}

// OpenIDLifetime is how long the provider's tokens are valid.
const OpenIDLifetime = time.Hour

const clientSecret = "secret-of-an-openid-client"

// StartOpenID starts a provider with one key. It stops when the test ends.
func StartOpenID(tb testing.TB) *OpenID {
	tb.Helper()
	o := &OpenID{outage: outage{tb: tb, addr: Address(tb)}, clients: make(map[string]fosite.Client)}
	config := &fosite.Config{
		AccessTokenLifespan:      OpenIDLifetime,
		AccessTokenIssuer:        o.Issuer(),
		AudienceMatchingStrategy: anyAudience,
		GlobalSecret:             []byte(strings.Repeat("k", 32)), // of tokens that are no JWTs: none
		HashCost:                 bcrypt.MinCost,
	}
	o.provider = compose.Compose(config, openIDStore{o},
		compose.NewOAuth2JWTStrategy(o.signingKey, compose.NewOAuth2HMACStrategy(config), config),
		compose.OAuth2ClientCredentialsGrantFactory)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", o.serveConfiguration)
	mux.HandleFunc("GET /keys", o.serveKeys)
	mux.HandleFunc("POST /token", o.serveToken)
	o.handler = mux
	o.RotateKey()
	o.Run()
	tb.Cleanup(o.Stop)
	return o
}

// Issuer is the provider's name, below which its configuration is found.
func (o *OpenID) Issuer() string { return "http://" + o.addr }

// Keys is where its key set is published.
func (o *OpenID) Keys() string { return o.Issuer() + "/keys" }

// Fetches counts how often the key set was asked for.
func (o *OpenID) Fetches() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fetches
}

// RotateKey makes a key that signs from now on. The earlier ones stay published.
func (o *OpenID) RotateKey() {
	o.tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		o.tb.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.made++
	o.keys = append(o.keys, jose.JSONWebKey{
		Key: key, KeyID: fmt.Sprintf("key-%d", o.made), Algorithm: string(jose.RS256), Use: "sig",
	})
}

// DropOldKeys withdraws all keys but the one that signs.
func (o *OpenID) DropOldKeys() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keys = o.keys[len(o.keys)-1:]
}

// Token signs a client in, by the network as a client does, and returns its JWT. It
// says sub and azp, both the client's name, aud, and groups as given.
func (o *OpenID) Token(client, audience string, groups ...string) string {
	o.tb.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(clientSecret), bcrypt.MinCost)
	if err != nil {
		o.tb.Fatal(err)
	}
	o.mu.Lock()
	o.clients[client] = &fosite.DefaultClient{
		ID: client, Secret: hash, GrantTypes: []string{"client_credentials"}, Scopes: groups,
	}
	o.mu.Unlock()
	form := url.Values{
		"grant_type": {"client_credentials"}, "audience": {audience}, "scope": {strings.Join(groups, " ")},
	}
	r, err := http.NewRequest(http.MethodPost, o.Issuer()+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		o.tb.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(client), url.QueryEscape(clientSecret)) // RFC 6749, section 2.3.1
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		o.tb.Fatalf("asking the OpenID provider: %v", err)
	}
	defer res.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
		Problem     string `json:"error_description"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		o.tb.Fatalf("the OpenID provider answers %d %s, %v", res.StatusCode, answer.Problem, err)
	}
	return answer.AccessToken
}

// Sign signs claims that the provider itself would not make, with its key.
func (o *OpenID) Sign(claims map[string]any) string {
	o.tb.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		o.tb.Fatal(err)
	}
	o.mu.Lock()
	key := o.keys[len(o.keys)-1]
	o.mu.Unlock()
	return JWT(`{"alg":"RS256","typ":"JWT","kid":"`+key.KeyID+`"}`, string(text), RS256(key.Key.(*rsa.PrivateKey)))
}

func (o *OpenID) serveConfiguration(w http.ResponseWriter, _ *http.Request) {
	writeDocument(w, map[string]any{
		"issuer": o.Issuer(), "jwks_uri": o.Keys(), "token_endpoint": o.Issuer() + "/token",
		"authorization_endpoint": o.Issuer() + "/authorize", "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		"grant_types_supported": []string{"client_credentials"},
	})
}

func (o *OpenID) serveKeys(w http.ResponseWriter, _ *http.Request) {
	var set jose.JSONWebKeySet
	o.mu.Lock()
	o.fetches++
	for _, key := range o.keys {
		set.Keys = append(set.Keys, key.Public())
	}
	o.mu.Unlock()
	writeDocument(w, set)
}

func (o *OpenID) serveToken(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	request, err := o.provider.NewAccessRequest(ctx, r, new(oauth2.JWTSession))
	if err != nil {
		o.provider.WriteAccessError(ctx, w, request, err)
		return
	}
	session := request.GetSession().(*oauth2.JWTSession)
	client := request.GetClient().GetID()
	session.JWTClaims = &jwt.JWTClaims{Subject: client, Extra: map[string]any{
		"azp": client, "groups": request.GetRequestedScopes(),
	}}
	key, err := o.signingKey(ctx)
	if err != nil {
		o.provider.WriteAccessError(ctx, w, request, err)
		return
	}
	session.JWTHeader = &jwt.Headers{Extra: map[string]any{"kid": key.(*jose.JSONWebKey).KeyID}}
	for _, audience := range request.GetRequestedAudience() {
		request.GrantAudience(audience)
	}
	answer, err := o.provider.NewAccessResponse(ctx, request)
	if err != nil {
		o.provider.WriteAccessError(ctx, w, request, err)
		return
	}
	o.provider.WriteAccessResponse(ctx, w, request, answer)
}

func (o *OpenID) signingKey(context.Context) (any, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := o.keys[len(o.keys)-1]
	return &key, nil
}

// openIDStore is what the framework asks for clients. It keeps no tokens: a JWT says
// all there is to know.
type openIDStore struct{ *OpenID }

func (s openIDStore) GetClient(_ context.Context, id string) (fosite.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if client := s.clients[id]; client != nil {
		return client, nil
	}
	return nil, fosite.ErrNotFound
}

func (openIDStore) ClientAssertionJWTValid(context.Context, string) error { return nil }

func (openIDStore) SetClientAssertionJWT(context.Context, string, time.Time) error { return nil }

func (openIDStore) CreateAccessTokenSession(context.Context, string, fosite.Requester) error {
	return nil
}

func (openIDStore) GetAccessTokenSession(context.Context, string, fosite.Session) (fosite.Requester, error) {
	return nil, fosite.ErrNotFound
}

func (openIDStore) DeleteAccessTokenSession(context.Context, string) error { return nil }

// anyAudience lets a client ask for a token for whomever.
func anyAudience([]string, []string) error { return nil }

func writeDocument(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document)
}
