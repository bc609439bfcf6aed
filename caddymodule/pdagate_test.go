package caddymodule

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/pda"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/tokenstore/badgerstore"
)

const (
	alice         = "alice.pda.example.com"
	alicePassword = "nine patient harbours"
	aliceCrypter  = "the crypter of the server behind"
	aliceID       = "6c796c29-fa9e-4678-9c0b-e48956f22bcc"

	home = "192.0.2.7"

	// notTheirs is the token of the server behind: nobody may see it.
	notTheirs = "eyJ0aGUgc2VydmVyJ3Mgb3du"

	notAuthenticatedBody = `{"error":"Not Authenticated","message":"Not Authenticated"}`
	accessDeniedBody     = `{"error":"Forbidden","message":"Access Denied"}`
	unavailableBody      = `{"error":"Not Found","message":"HAT unavailable"}`
	fromServer           = `{"from":"the server behind"}`
)

// morning is when every test of a household begins.
var morning = time.Date(2026, time.November, 22, 8, 0, 0, 0, time.UTC)

// householdKeys are the keys of alice, of bob and of a stranger, each made once.
var householdKeys = sync.OnceValue(func() (keys [3]*rsa.PrivateKey) {
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// household is a gate of personal data accounts over a store of its own, by a clock that
// the test moves.
type household struct {
	*Gate
	t     *testing.T
	pda   *pda.Scheme
	store *tokenstore.Store
	log   *observer.ObservedLogs

	mu  sync.Mutex
	now time.Time
	// behind answers what passes; nil answers 200 with fromServer.
	behind caddyhttp.HandlerFunc
}

// newHousehold makes one with the accounts of alice and bob.
func newHousehold(t *testing.T, changes ...func(*pda.Config)) *household {
	t.Helper()
	h := &household{t: t, now: morning}
	driver, err := badgerstore.Open(badgerstore.Options{Directory: t.TempDir()})
	h.must(err)
	h.store = tokenstore.New(driver, tokenstore.Options{Clock: h.clock})
	backend := &schemes.Backend{
		Store: h.store, Identities: schemes.NewIdentityCache(h.store, 0), Limiter: schemes.NewLimiter(0, h.clock),
		Sealer: secret.NewSealer(secret.NewMasterKey()), Parts: new(schemes.Parts),
	}
	t.Cleanup(func() {
		backend.Parts.Close()
		backend.Identities.Close()
		h.must(h.store.Close())
	})
	h.Gate, h.log = pdaGate(t, backend)
	h.configure(changes...)
	for i, host := range []string{alice, bob} {
		_, err = h.pda.CreateAccount(t.Context(), pda.AccountOrder{
			Host: host, UserID: aliceID, Password: map[string]string{alice: alicePassword, bob: bobPassword}[host],
			Key: keyPEM(householdKeys()[i]), Crypter: []byte(aliceCrypter),
		}, "a test")
		h.must(err)
	}
	return h
}

// pdaGate is a gate without a scheme, over a backend.
func pdaGate(t *testing.T, backend *schemes.Backend) (*Gate, *observer.ObservedLogs) {
	t.Helper()
	logger, logs := observe(zapcore.DebugLevel)
	counters := newMetrics()
	if err := counters.register(prometheus.NewRegistry()); err != nil {
		t.Fatal(err)
	}
	app := new(App)
	app.backend.Store(backend)
	names := defaultIdentityHeaders
	return &Gate{
		Site: "the people", app: app, guard: headers.NewGuard(names, "X-Auth-Token", "X-Bbk-Auth-Token", "Token"),
		names: identityNames{names[0], names[1], names[2], names[3]}, logger: logger, audit: logger.Named("audit"), metrics: counters,
	}, logs
}

// configure gives the gate another configuration, over the same store.
func (h *household) configure(changes ...func(*pda.Config)) {
	h.t.Helper()
	config := pda.Config{
		Realm: "people", Idle: pda.DefaultIdle, Absolute: pda.DefaultAbsolute, RenewInterval: pda.DefaultRenewInterval,
		LimitStatus: http.StatusTooManyRequests, BatchLimit: pda.DefaultBatchLimit,
	}
	for _, change := range changes {
		change(&config)
	}
	app := h.app
	scheme, err := pda.New(config, func(context.Context) (*schemes.Backend, error) { return app.backend.Load(), nil })
	h.must(err)
	h.pda, h.scheme = scheme, scheme
}

func (h *household) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *household) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *household) set(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = now
}

func (h *household) advance(d time.Duration) { h.set(h.clock().Add(d)) }

func keyPEM(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

// asCaddy is a request as Caddy hands it to a handler.
func asCaddy(r *http.Request, clientIP string) *http.Request {
	ctx := context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: clientIP})
	return r.WithContext(context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer()))
}

// askAlice makes a request to alice's host, with a token unless it is empty, and with headers
// as names and values.
func askAlice(method, target, token string, headers ...string) *http.Request {
	return askAliceWith(method, target, token, "", headers...)
}

func askAliceWith(method, target, token, body string, headers ...string) *http.Request {
	if !strings.HasPrefix(target, "http") {
		target = "http://" + alice + target
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// answered is what a caller got.
type answered struct {
	*httptest.ResponseRecorder
	t *testing.T
	// forwarded is the request as the server behind got it; nil: it did not.
	forwarded *http.Request
}

// send takes a request through the gate, from home, and checks what holds for all.
func (h *household) send(r *http.Request) *answered { return h.sendFrom(home, r) }

func (h *household) sendFrom(clientIP string, r *http.Request) *answered {
	h.t.Helper()
	token := r.Header.Get("X-Auth-Token")
	a := &answered{ResponseRecorder: httptest.NewRecorder(), t: h.t}
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		a.forwarded = r.Clone(context.Background())
		if h.behind != nil {
			return h.behind(w, r)
		}
		w.Header().Set("X-Auth-Token", notTheirs)
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(fromServer))
		return nil
	})
	if err := h.ServeHTTP(a, asCaddy(r, clientIP), next); err != nil {
		h.t.Fatalf("%s %s: the gate returned %v: Caddy's error routes would answer", r.Method, r.URL.Path, err)
	}
	a.checkAll(token)
	return a
}

// checkAll checks what holds for every answer, whatever was asked.
func (a *answered) checkAll(presented string) {
	a.t.Helper()
	lines := a.Header()["X-Auth-Token"]
	switch {
	case len(lines) > 1:
		a.t.Errorf("%d lines of X-Auth-Token", len(lines))
	case len(lines) == 1 && lines[0] == notTheirs:
		a.t.Error("the token of the server behind got through")
	case len(lines) == 1 && a.Code == http.StatusUnauthorized:
		a.t.Error("a token with a 401")
	case len(lines) == 1 && a.Header().Get("Cache-Control") != "no-store":
		a.t.Errorf("a token with Cache-Control %q", a.Header()["Cache-Control"])
	}
	if a.forwarded == nil || presented == "" {
		return
	}
	for name, values := range a.forwarded.Header {
		if strings.Contains(strings.Join(values, " "), presented) {
			a.t.Errorf("the caller's token reached the server behind in %s", name)
		}
	}
	if strings.Contains(a.forwarded.URL.String(), presented) {
		a.t.Error("the caller's token reached the server behind in the address")
	}
}

// fresh is the token that came with an answer; empty for none.
func (a *answered) fresh() string { return a.Header().Get("X-Auth-Token") }

// want checks status and, unless it is empty, the body.
func (a *answered) want(status int, body string) *answered {
	a.t.Helper()
	if a.Code != status || body != "" && a.Body.String() != body {
		a.t.Errorf("got %d %s\nwant %d %s", a.Code, a.Body, status, body)
	}
	return a
}

// status is how a token fares at a route that any token opens.
func (h *household) status(token string) int {
	h.t.Helper()
	return h.send(askAlice("GET", "/users/access_token/validate", token)).Code
}

// forget empties the cache of identities.
func (h *household) forget() { h.app.backend.Load().Identities.Invalidate(tokenstore.Topic{}, 0) }

// wantBoth checks how a token fares as the cache has it, and as the store does.
func (h *household) wantBoth(status int, token string) {
	h.t.Helper()
	if got := h.status(token); got != status {
		h.t.Errorf("remembered: %d, want %d", got, status)
	}
	h.forget()
	if got := h.status(token); got != status {
		h.t.Errorf("looked up: %d, want %d", got, status)
	}
}

// wantStatus checks how tokens fare.
func (h *household) wantStatus(status int, tokens map[string]string) {
	h.t.Helper()
	for name, token := range tokens {
		if got := h.status(token); got != status {
			h.t.Errorf("%s: %d, want %d", name, got, status)
		}
	}
}

// signIn returns a new token of alice's.
func (h *household) signIn() string {
	h.t.Helper()
	return h.signInAt(alice, alicePassword)
}

func (h *household) signInAt(host, password string) string {
	h.t.Helper()
	username, _, _ := strings.Cut(host, ".")
	a := h.send(askAlice("GET", "http://"+host+"/users/access_token", "", "Username", username, "Password", password))
	if a.Code != http.StatusOK || a.fresh() == "" {
		h.t.Fatalf("signing in: %d %s", a.Code, a.Body)
	}
	return a.fresh()
}

// register adds an application to the registry.
func (h *household) register(id string, grants ...string) {
	h.t.Helper()
	_, err := h.pda.AddApplication(h.t.Context(), tokenstore.Application{
		ID: id, Version: "1.2.0", Grants: grants, RedirectURIs: []string{"https://" + id + ".example.com/cb?x=1"},
	}, "a test")
	h.must(err)
}

// setUp has the owner let an application in.
func (h *household) setUp(owner, id string) {
	h.t.Helper()
	h.send(askAlice("GET", "/api/v2.6/applications/"+id+"/setup", owner)).want(http.StatusOK, "")
}

// tokenOf has a caller get a token for an application.
func (h *household) tokenOf(caller, id string) string {
	h.t.Helper()
	return h.bodyToken(askAlice("GET", "/api/v2.6/applications/"+id+"/access-token", caller))
}

// bodyToken is the token that an answer's body hands out.
func (h *household) bodyToken(r *http.Request) string {
	h.t.Helper()
	a := h.send(r)
	var body struct{ AccessToken, UserID string }
	if err := json.Unmarshal(a.Body.Bytes(), &body); err != nil || a.Code != http.StatusOK || body.AccessToken == "" || body.UserID != aliceID {
		h.t.Fatalf("%s: %d %s hands out no token", r.URL.Path, a.Code, a.Body)
	}
	return body.AccessToken
}

// application registers one, has it set up, and gets a token for it.
func (h *household) application(owner, id string, grants ...string) string {
	h.t.Helper()
	h.register(id, grants...)
	h.setUp(owner, id)
	return h.tokenOf(owner, id)
}

// accessorOf finds the accessor of a token as the server behind is told it.
func (h *household) accessorOf(token string) string {
	h.t.Helper()
	a := h.send(askAlice("POST", "/report-frontend-action", token))
	if a.forwarded == nil {
		h.t.Fatalf("a call was not forwarded: %d %s", a.Code, a.Body)
	}
	return a.forwarded.Header.Get("X-Gatehouse-Token-Id")
}

// said is what a token claims. It is not verified.
func said(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	claims := map[string]any{}
	if len(parts) != 3 {
		t.Fatalf("%q is no token", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// seconds is a time that a token claims.
func seconds(t *testing.T, token, claim string) time.Time {
	t.Helper()
	number, ok := said(t, token)[claim].(float64)
	if !ok {
		t.Fatalf("the token says no %s", claim)
	}
	return time.Unix(int64(number), 0).UTC()
}

// with is a copy of claims with changes; nil takes a claim away.
func with(claims map[string]any, changes map[string]any) map[string]any {
	claims = maps.Clone(claims)
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// forge signs any header and claims with a key.
func forge(t *testing.T, key *rsa.PrivateKey, header, claims any) string {
	t.Helper()
	return forgeText(t, key, inJSON(t, header), inJSON(t, claims))
}

func inJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func forgeText(t *testing.T, key *rsa.PrivateKey, header, claims string) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode([]byte(claims))
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(signature)
}

// isSignedBy tells whether a token verifies with a key.
func isSignedBy(token string, key *rsa.PublicKey) bool {
	end := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[end+1:])
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(token[:end]))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
}
