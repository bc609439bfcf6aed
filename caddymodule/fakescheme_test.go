package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// good is the one credential that the fake scheme knows.
const good = "good-credential"

// fakeScheme is a token contract of which a test replaces what it is about. As it
// stands it knows one credential, serves nothing itself and allows that caller all.
type fakeScheme struct {
	steps []string // in the order in which the gate asked

	public, own schemes.Endpoint
	identity    schemes.Identity
	identifyErr error
	deny        policies.Reason // unless allow
	allow       bool
	// rewrite makes a Compose that reads one answer; compose is a whole one.
	rewrite func(header http.Header, body []byte) ([]byte, error)
	compose schemes.Compose
	learn   schemes.Learn
	answer  func(status int, header http.Header) *schemes.Refusal
}

func newFakeScheme() *fakeScheme {
	return &fakeScheme{
		allow: true,
		identity: schemes.Identity{
			Scheme: "fake", Realm: "default", Kind: "recipient", Subject: "rcp_1", Name: "acme", Accessor: "acc_1",
			Roles: []string{"read", "write"},
		},
	}
}

func (s *fakeScheme) step(name string) { s.steps = append(s.steps, name) }

func (s *fakeScheme) Name() string             { return "fake" }
func (s *fakeScheme) Realm() string            { return "default" }
func (s *fakeScheme) Paths() canonpath.Options { return canonpath.Options{} }

func (s *fakeScheme) Public(*schemes.Call) schemes.Endpoint {
	s.step("public")
	return s.public
}

func (s *fakeScheme) Credential(call *schemes.Call) (schemes.Credential, error) {
	s.step("credential")
	lines := call.Request.Header["Authorization"]
	switch len(lines) {
	case 0:
		return schemes.Credential{}, nil
	case 1:
		return schemes.NewCredential(lines[0]), nil
	}
	return schemes.Credential{}, &schemes.Refusal{Status: 400, Reason: schemes.BadRequest, Public: "one credential"}
}

func (s *fakeScheme) Identify(_ context.Context, call *schemes.Call) (*schemes.Identity, error) {
	s.step("identify")
	if s.identifyErr != nil {
		return nil, s.identifyErr
	}
	if call.Credential.Reveal() != good {
		return nil, &schemes.Refusal{Status: 401, Reason: schemes.BadCredential, Cause: errors.New("unknown"), Public: "not valid"}
	}
	return &s.identity, nil
}

func (s *fakeScheme) Endpoint(*schemes.Call) schemes.Endpoint {
	s.step("endpoint")
	return s.own
}

func (s *fakeScheme) Decide(call *schemes.Call) policies.Decision {
	s.step("decide")
	if !s.allow || call.Identity == nil {
		return policies.Decision{Reason: s.deny}
	}
	call.Action = "readThing"
	return policies.Decision{Allow: true, Reason: policies.AllowedKind, Rule: &policies.Rule{Methods: []string{"GET"}, Pattern: "/{thing}"}}
}

func (s *fakeScheme) Denied(*schemes.Call) *schemes.Refusal {
	s.step("denied")
	return &schemes.Refusal{Status: 404, Reason: schemes.Missing, Public: "no such thing"}
}

func (s *fakeScheme) Forward(_ *schemes.Call, out *http.Request) {
	s.step("forward")
	out.Header.Set("Authorization", "upstream-credential")
}

func (s *fakeScheme) Answer(_ *schemes.Call, status int, header http.Header) *schemes.Refusal {
	s.step(fmt.Sprint("answer ", status))
	if s.answer != nil {
		return s.answer(status, header)
	}
	return nil
}

func (s *fakeScheme) Compose(call *schemes.Call) schemes.Compose {
	if s.rewrite == nil {
		return s.compose
	}
	return func(_ context.Context, read schemes.Read) (schemes.Recorded, error) {
		answer, err := read(call.Request.URL.RawQuery)
		if err == nil && answer.Status == http.StatusOK {
			answer.Body, err = s.rewrite(answer.Header, answer.Body)
		}
		return answer, err
	}
}

func (s *fakeScheme) Learn(*schemes.Call) schemes.Learn { return s.learn }

func (s *fakeScheme) Refuse(w http.ResponseWriter, _ *schemes.Call, refusal *schemes.Refusal) {
	s.step("refuse")
	w.Header().Set("Content-Type", "text/fake")
	w.WriteHeader(refusal.Status)
	_, _ = fmt.Fprintf(w, "%s: %s", refusal.Reason, refusal.Public)
}

// bench is a gate with a fake scheme, and what it told.
type bench struct {
	*Gate
	fake  *fakeScheme
	log   *observer.ObservedLogs // of the gate, audit included
	count *prometheus.Registry
}

func newBench(t *testing.T) *bench {
	t.Helper()
	fake := newFakeScheme()
	logger, logs := observe(zapcore.DebugLevel)
	registry := prometheus.NewRegistry()
	own := newMetrics()
	if err := own.register(registry); err != nil {
		t.Fatal(err)
	}
	return &bench{
		Gate: &Gate{
			Site: "the site", app: new(App), scheme: fake, guard: headers.NewGuard(defaultIdentityHeaders),
			names:  identityNames{"X-Gatehouse-Subject", "X-Gatehouse-Kind", "X-Gatehouse-Roles", "X-Gatehouse-Token-Id"},
			logger: logger, audit: logger.Named("audit"), metrics: own,
		},
		fake: fake, log: logs, count: registry,
	}
}

// request is one that carries the good credential, as Caddy hands it to a handler.
func request(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Authorization", good)
	ctx := context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: "192.0.2.7"})
	ctx = context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
	return r.WithContext(ctx)
}

// serve sends a request through the gate to next.
func (b *bench) serve(t *testing.T, r *http.Request, next http.HandlerFunc) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := b.ServeHTTP(w, r, handlerOf(next)); err != nil {
		t.Fatalf("the gate returned %v: Caddy's error routes would answer", err)
	}
	return w
}

func handlerOf(next http.HandlerFunc) caddyhttp.Handler {
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		next(w, r)
		return nil
	})
}

// unreachable is a next handler that must not be.
func unreachable(t *testing.T) http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) { t.Error("the request passed the gate") }
}

// auditLine is the fields of the one audit line.
func (b *bench) auditLine(t *testing.T) map[string]any {
	t.Helper()
	lines := b.log.FilterLoggerName("audit").All()
	if len(lines) != 1 {
		t.Fatalf("%d audit lines, want 1", len(lines))
	}
	if lines[0].Level != zap.InfoLevel {
		t.Errorf("the audit line has level %s", lines[0].Level)
	}
	return lines[0].ContextMap()
}
