package coordinator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// noon is when every test begins.
var noon = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

const (
	realm = "broker"
	base  = "https://bitbroker.example.com/coordinator/v1"
)

// site is an API over a store of its own. Its tokens are counted, so that goldens can have them.
type site struct {
	*API
	t      testing.TB
	store  *tokenstore.Store
	clock  *schemestest.Clock
	broken *atomic.Bool
	tokens atomic.Int64
}

func newSite(t testing.TB, changes ...func(*Config)) *site {
	t.Helper()
	driver := schemestest.OpenDriver(t, t.TempDir())
	s := &site{t: t, clock: schemestest.NewClock(noon), broken: &driver.Broken}
	s.store = tokenstore.New(driver, tokenstore.Options{Clock: s.clock.Now})
	t.Cleanup(func() { must(t, s.store.Close()) })
	config := Config{
		Realm: realm, AppSecret: schemes.NewCredential("app-secret"),
		NewToken: func() (string, schemes.Credential) {
			n := s.tokens.Add(1)
			return fmt.Sprintf("00000000-0000-4000-8000-%012d", n), schemes.NewCredential(fmt.Sprintf(
				"aaaaaaaa-aaaa-4aaa-8aaa-%012d.bbbbbbbb-bbbb-4bbb-8bbb-%012d.cccccccc-cccc-4ccc-8ccc-%012d", n, n, n))
		},
	}
	for _, change := range changes {
		change(&config)
	}
	s.API = New(config, func(context.Context) (*schemes.Backend, error) { return &schemes.Backend{Store: s.store}, nil })
	return s
}

// asked is a request of a test; a body is JSON unless it says otherwise.
type asked struct {
	method, path, body string
	header             http.Header
	caller             uint64
	actor              string
	still              func() error
}

// ask answers a request as the scheme does, and returns why it was refused, too.
func (s *site) ask(a asked) (*httptest.ResponseRecorder, error) {
	s.t.Helper()
	r := httptest.NewRequest(a.method, "https://bitbroker.example.com/coordinator/v1"+a.path, strings.NewReader(a.body))
	if a.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range a.header {
		r.Header[name] = values
	}
	path, _, _ := strings.Cut(a.path, "?")
	var segments []string
	if trimmed := strings.Trim(path, "/"); trimmed != "" {
		for segment := range strings.SplitSeq(trimmed, "/") {
			decoded, err := url.PathUnescape(segment)
			must(s.t, err)
			segments = append(segments, decoded)
		}
	}
	w := httptest.NewRecorder()
	serve, action := s.Answers(a.method, segments)
	if (serve == nil) != (action == "") {
		s.t.Errorf("%s %s: action %q", a.method, a.path, action)
	}
	err := missing()
	if serve != nil {
		err = serve(w, &Request{
			Call: &schemes.Call{Request: r, Writer: w}, Segments: segments, Base: base,
			Location: base + strings.TrimSuffix(path, "/"), Caller: a.caller, Actor: a.actor, Still: a.still,
		})
	}
	if err != nil {
		refusal, is := errors.AsType[*schemes.Refusal](err)
		if !is {
			s.t.Fatalf("%s %s: %v is no refusal", a.method, a.path, err)
		}
		envelope.Refuse(w, r, refusal)
	}
	return w, err
}

// status answers a request, and returns only how.
func (s *site) status(method, path, body string) int {
	s.t.Helper()
	w, _ := s.ask(asked{method: method, path: path, body: body})
	return w.Code
}

// newRecorded is a request of the API's base, and what records its answer.
func newRecorded(method string) (*httptest.ResponseRecorder, *Request) {
	w := httptest.NewRecorder()
	return w, &Request{Call: &schemes.Call{Request: httptest.NewRequest(method, base, nil), Writer: w}, Base: base, Location: base}
}
