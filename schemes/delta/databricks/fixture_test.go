package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/tokenstore/badgerstore"
)

// noon is when every test begins.
var noon = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

const recipientsPath = catalogBase + "/recipients"

// driver is a store whose commits a test can make fail.
type driver struct {
	*badgerstore.Store
	fail   atomic.Pointer[error] // what Update returns, once it has run
	before func()                // what happens before the next Update
	read   func()                // what happens after the next View
}

func (d *driver) View(ctx context.Context, fn func(tokenstore.Reader) error) error {
	err := d.Store.View(ctx, fn)
	if read := d.read; read != nil {
		d.read = nil
		read()
	}
	return err
}

func (d *driver) Update(ctx context.Context, fn func(tokenstore.Txn) error) (tokenstore.Revision, error) {
	if before := d.before; before != nil {
		d.before = nil
		before()
	}
	revision, err := d.Store.Update(ctx, fn)
	if failure := d.fail.Load(); failure != nil && err == nil {
		return revision, *failure
	}
	return revision, err
}

// server is an API over a store of its own.
type server struct {
	t      *testing.T
	api    *API
	scheme *delta.Scheme
	store  *tokenstore.Store
	driver *driver
	now    atomic.Pointer[time.Time]
	broken atomic.Bool // the store cannot be opened
	full   string      // an admin token
	reader string      // one that may only read
}

type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no network in tests")
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t}
	s.now.Store(&noon)
	clock := func() time.Time { return *s.now.Load() }
	badger, err := badgerstore.Open(badgerstore.Options{Directory: t.TempDir()})
	must(t, err)
	s.driver = &driver{Store: badger}
	s.store = tokenstore.New(s.driver, tokenstore.Options{Clock: clock})
	identities := schemes.NewIdentityCache(s.store, 0)
	pool, err := keyring.NewPool(keyring.PoolOptions{Client: &http.Client{Transport: unreachable{}}, Now: clock})
	must(t, err)
	issuers := schemes.NewIssuers(s.store, pool, nil)
	t.Cleanup(func() {
		issuers.Close()
		identities.Close()
		must(t, s.store.Close())
	})
	backend := &schemes.Backend{
		Store: s.store, Identities: identities, Issuers: issuers, Limiter: schemes.NewLimiter(0, clock), Sealer: secret.NewSealer(secret.NewMasterKey()),
	}
	open := func(context.Context) (*schemes.Backend, error) {
		if s.broken.Load() {
			return nil, errors.New("the disk is gone")
		}
		return backend, nil
	}
	s.scheme, err = delta.New(delta.Config{
		Realm: "partners", PublicURL: "https://sharing.example.com", Endpoint: delta.DefaultEndpoint,
		UpstreamToken: schemes.NewCredential("the-one-token"), TokenLifetime: delta.DefaultTokenLifetime,
		ActivationLifetime: delta.DefaultActivationLifetime, MaxTokens: delta.DefaultMaxTokens,
		TokenEndpoint: delta.DefaultTokenEndpoint, AccessTokenLifetime: delta.DefaultAccessTokenLifetime,
		Limits: delta.DefaultLimits, PageSize: delta.DefaultPageSize,
	}, open)
	must(t, err)
	s.api = New(s.scheme, open, []byte(`{"openapi":"3.1.0"}`))
	s.full = s.admin("ops", tokenstore.AdminFull)
	s.reader = s.admin("auditor", tokenstore.AdminReadOnly)
	return s
}

func (s *server) admin(name string, role tokenstore.AdminRole) string {
	s.t.Helper()
	token, _, err := s.scheme.CreateAdmin(s.t.Context(), name, role, 365*24*time.Hour, "test")
	must(s.t, err)
	return token.Reveal()
}

func (s *server) advance(d time.Duration) {
	now := s.now.Load().Add(d)
	s.now.Store(&now)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is what a caller got.
type answer struct {
	*httptest.ResponseRecorder
	t       testing.TB
	call    *schemes.Call
	refusal *schemes.Refusal
}

// serve takes a request the way that the site takes it.
func (s *server) serve(r *http.Request, changes ...func(*schemes.Call)) *answer {
	s.t.Helper()
	a := &answer{ResponseRecorder: httptest.NewRecorder(), t: s.t, call: &schemes.Call{Request: r, ClientIP: "192.0.2.1"}}
	for _, change := range changes {
		change(a.call)
	}
	UnfoldLink(r.URL)
	var err error
	if a.call.Path, err = canonpath.FromRequest(r, Paths()); err != nil {
		a.refusal = &schemes.Refusal{Status: http.StatusBadRequest, Cause: err}
		Refuse(a, a.refusal)
		return a
	}
	a.refusal = s.api.Serve(a, a.call)
	return a
}

func request(method, target, token, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// do sends a request with the full token.
func (s *server) do(method, target, body string) *answer {
	s.t.Helper()
	return s.serve(request(method, target, s.full, body))
}

// ok is do for what must succeed.
func (s *server) ok(method, target, body string) map[string]any {
	s.t.Helper()
	a := s.do(method, target, body)
	if a.Code != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, target, a.Code, a.Body)
	}
	return a.json()
}

// refused is do for what must fail with a status and code.
func (s *server) refused(method, target, body string, status int, code string) string {
	s.t.Helper()
	return s.do(method, target, body).is(status, code)
}

func (a *answer) json() map[string]any {
	a.t.Helper()
	body := map[string]any{}
	if err := json.Unmarshal(a.Body.Bytes(), &body); err != nil {
		a.t.Fatalf("%d %q is no JSON object: %v", a.Code, a.Body, err)
	}
	return body
}

// is checks a refusal and returns its message.
func (a *answer) is(status int, code string) string {
	a.t.Helper()
	body := a.json()
	if a.Code != status || body["error_code"] != code || a.refusal == nil {
		a.t.Errorf("got %d %v (refusal %v), want %d %s", a.Code, body, a.refusal, status, code)
	}
	message, _ := body["message"].(string)
	if message == "" {
		a.t.Errorf("no message in %v", body)
	}
	return message
}

// create makes a recipient with bearer tokens.
func (s *server) create(name string) map[string]any {
	s.t.Helper()
	return s.ok(http.MethodPost, recipientsPath, `{"name":"`+name+`","authentication_type":"TOKEN"}`)
}

// grant gives a recipient grants in Gatehouse's own notation.
func (s *server) grant(name string, grants ...string) {
	s.t.Helper()
	_, err := s.store.ChangeRecipient(s.t.Context(), "partners", name, "test", "updateRecipient", func(r *tokenstore.Recipient) (string, error) {
		r.Grants = grants
		return "", nil
	})
	must(s.t, err)
}

func (s *server) grants(name string) string {
	s.t.Helper()
	r, err := s.store.Recipient(s.t.Context(), "partners", name)
	must(s.t, err)
	return strings.Join(r.Grants, ";")
}

// codeOf is the code of an activation link.
func codeOf(link any) string {
	_, code, _ := strings.Cut(link.(string), "?")
	return code
}

// activate uses a recipient's link and returns the credential file.
func (s *server) activate(link any) map[string]any {
	s.t.Helper()
	a := s.serve(request(http.MethodGet, activationBase+"/"+codeOf(link)+"?", "", ""))
	if a.Code != http.StatusOK {
		s.t.Fatalf("activation: %d %s", a.Code, a.Body)
	}
	return a.json()
}
