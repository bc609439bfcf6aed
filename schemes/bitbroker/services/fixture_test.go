package services

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// noon is when every test begins.
var noon = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

const (
	realm     = "default"
	theSecret = "0123456789abcdefABCDEF_-0123456789abcdef"
)

// service is an API over a store of its own.
type service struct {
	*API
	t      *testing.T
	store  *tokenstore.Store
	clock  *schemestest.Clock
	made   int
	broken *atomic.Bool // the store fails
	shut   atomic.Bool  // the store cannot be opened
}

func newService(t *testing.T) *service {
	t.Helper()
	driver := schemestest.OpenDriver(t, t.TempDir())
	s := &service{t: t, clock: schemestest.NewClock(noon), broken: &driver.Broken}
	s.store = tokenstore.New(driver, tokenstore.Options{Clock: s.clock.Now})
	t.Cleanup(func() { must(t, s.store.Close()) })
	s.API = New(Config{Realm: realm, Secret: schemes.NewCredential(theSecret), NewToken: s.newToken},
		func(context.Context) (*schemes.Backend, error) {
			if s.shut.Load() {
				return nil, schemestest.ErrBroken
			}
			return &schemes.Backend{Store: s.store}, nil
		})
	return s
}

// newToken makes the tokens of tests, one after the other.
func (s *service) newToken() (accessor string, token schemes.Credential) {
	s.made++
	return id(s.made), schemes.NewCredential(tokenOf(s.made))
}

// id is the key id of the nth token.
func id(n int) string { return fmt.Sprintf("11111111-1111-4111-8111-%012d", n) }

// tokenOf is the text of the nth token.
func tokenOf(n int) string { return strings.Repeat(id(n)+".", 2) + id(n) }

// request is one as a BitBroker sends it, below the secret unless it is rooted.
func request(method, path, body string) *http.Request {
	if !strings.HasPrefix(path, "/") {
		path = "/" + theSecret + "/" + path
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Accept", "application/json, text/plain")
	r.Header.Set("Content-Type", "application/json")
	return r
}

// send takes a request through the API.
func (s *service) send(r *http.Request) (*httptest.ResponseRecorder, *schemes.Call, *schemes.Refusal) {
	s.t.Helper()
	path, err := canonpath.FromRequest(r, canonpath.Options{})
	must(s.t, err)
	call := &schemes.Call{Request: r, Path: path}
	w := httptest.NewRecorder()
	refusal := s.Serve(w, call)
	return w, call, refusal
}

// wants sends a request, and fails the test unless it is answered so.
func (s *service) wants(status int, contentType, body, method, path, sent string) {
	s.t.Helper()
	w, _, refusal := s.send(request(method, path, sent))
	if w.Code != status || w.Header().Get("Content-Type") != contentType || w.Body.String() != body {
		s.t.Errorf("%s %s %s: %d %s %q (%v), want %d %s %q", method, path, sent, w.Code, w.Header().Get("Content-Type"), w.Body, refusal, status, contentType, body)
	}
	if (refusal != nil) != (status >= 400) && !strings.HasPrefix(path, "rate/") {
		s.t.Errorf("%s %s: %d, refusal %v", method, path, status, refusal)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
