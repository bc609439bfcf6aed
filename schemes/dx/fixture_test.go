package dx

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

// noon is when every test begins.
var noon = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

// The names of the tests' deployment.
const (
	issuer    = "cos.example.com"
	audience  = "apd.example.com"
	server    = "rs.example.com"
	alice     = "6c796c29-fa9e-4678-9c0b-e48956f22bcc"
	bob       = "3f0f3e4e-5c3c-4b0f-9a6b-0d6c2b1f7a11"
	base      = "/dx/apd/dmp/v1"
	basicPath = "/consumer/list/resources" // of consumers
)

// goodConfig is a configuration without fault.
func goodConfig(keyFile string) Config {
	return Config{
		Realm: "market", Issuer: issuer, Audience: audience, BasePath: base, URNPrefix: "urn:dx:dmp:",
		Keys: KeySource{File: keyFile},
	}
}

// site is a scheme over a store of its own.
type site struct {
	*Scheme
	t         testing.TB
	backend   *schemes.Backend
	clock     *schemestest.Clock
	directory string // of the store
	// broken makes the store unreachable.
	broken *atomic.Bool
	// reads counts what was read of the store.
	reads *atomic.Int64
}

func newSite(t testing.TB, changes ...func(*Config)) *site {
	t.Helper()
	return openSite(t, t.TempDir(), schemestest.NewClock(noon), changes...)
}

// openSite opens a store in a folder, and is closed with the test or before it.
func openSite(t testing.TB, directory string, c *schemestest.Clock, changes ...func(*Config)) *site {
	t.Helper()
	driver := schemestest.OpenDriver(t, directory)
	s := &site{t: t, clock: c, directory: directory, broken: &driver.Broken, reads: &driver.Reads}
	s.backend = schemestest.NewBackend(driver, c.Now)
	t.Cleanup(s.close)
	return s.with(changes...)
}

// close closes the store; once.
func (s *site) close() {
	if s.backend == nil {
		return
	}
	schemestest.CloseBackend(s.t, s.backend)
	s.backend = nil
}

// reopened is the site after a restart.
func (s *site) reopened(changes ...func(*Config)) *site {
	s.t.Helper()
	s.close()
	return openSite(s.t, s.directory, s.clock, changes...)
}

// with replaces the scheme, as a reload does.
func (s *site) with(changes ...func(*Config)) *site {
	s.t.Helper()
	config := goodConfig(keyFile(s.t))
	for _, change := range changes {
		change(&config)
	}
	scheme, err := newScheme(config, func(context.Context) (*schemes.Backend, error) { return s.backend, nil }, s.clock.Now)
	must(s.t, err)
	s.Scheme = scheme
	return s
}

// keyFile has the public key of aaaKey.
func keyFile(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "aaa.pem")
	must(t, os.WriteFile(file, publicPEM(t, &aaaKey().PublicKey), 0o600))
	return file
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is what a caller got, and what the gate would note about it.
type answer struct {
	*httptest.ResponseRecorder
	call    *schemes.Call
	refusal *schemes.Refusal
	// forwarded is the request as the server behind got it, with its body; nil if it did not.
	forwarded *http.Request
	body      string
}

// code is the cause of the refusal, if there is one.
func (a *answer) code() string {
	if a.refusal == nil {
		return ""
	}
	return a.refusal.CauseCode()
}

// serve takes a request the way that the gate takes it.
func (s *site) serve(r *http.Request, changes ...func(*schemes.Call)) *answer {
	s.t.Helper()
	ctx, done := context.WithCancel(r.Context())
	defer done()
	r = r.WithContext(ctx)
	a := &answer{ResponseRecorder: httptest.NewRecorder()}
	a.call = &schemes.Call{Request: r, Writer: a}
	for _, change := range changes {
		change(a.call)
	}
	if err := s.walk(a); err != nil {
		if !errors.As(err, &a.refusal) {
			s.t.Fatalf("%s %s: internal error: %v", r.Method, r.URL, err)
		}
		s.Refuse(a, a.call, a.refusal)
	}
	return a
}

func (s *site) walk(a *answer) (err error) {
	call, r := a.call, a.call.Request
	if forwarded, err := schemestest.Walk(s.Scheme, a, call); !forwarded {
		return err
	}
	if s.Compose(call) != nil || s.Learn(call) != nil {
		s.t.Error("an answer is read")
	}
	a.forwarded = r
	body, err := io.ReadAll(r.Body)
	a.body = string(body)
	return err
}

// get calls basicPath with a token.
func (s *site) get(token string) *answer {
	s.t.Helper()
	return s.serve(schemestest.Request("GET", basicPath, "", "token", token))
}

// verifyPolicy asks as AAA does.
func (s *site) verifyPolicy(token string) *answer {
	s.t.Helper()
	return s.serve(schemestest.Request("POST", verifyPath, "{}", "Authorization", "Bearer "+token))
}

// wants fails the test unless the answer has a status, and a cause of its refusal.
func (a *answer) wants(t testing.TB, status int, code string) {
	t.Helper()
	if got := a.status(); got != status || a.code() != code {
		t.Errorf("%s %s: %d %q, want %d %q", a.call.Request.Method, a.call.Request.URL.Path, got, a.code(), status, code)
	}
}

// status is that of the answer, or 200 if the server behind would give it.
func (a *answer) status() int {
	if a.refusal != nil && a.forwarded != nil {
		return -1 // never both
	}
	return a.Code
}
