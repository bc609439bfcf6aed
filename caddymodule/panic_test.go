package caddymodule

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// panicking is a scheme that panics at a step.
type panicking struct {
	*fakeScheme
	at    string
	cause any
}

func (s *panicking) Public(call *schemes.Call) schemes.Endpoint {
	if call.Decision.Allow = true; s.at == "public" { // a decision as of nobody
		panic(s.cause)
	}
	return s.fakeScheme.Public(call)
}

func (s *panicking) Credential(call *schemes.Call) (schemes.Credential, error) {
	if s.at == "credential" {
		panic(s.cause)
	}
	return s.fakeScheme.Credential(call)
}

func (s *panicking) Endpoint(call *schemes.Call) schemes.Endpoint {
	call.Decision.Allow = false
	if s.at == "endpoint" {
		panic(s.cause)
	}
	return s.fakeScheme.Endpoint(call)
}

func (s *panicking) Forward(call *schemes.Call, out *http.Request) {
	if s.at == "forward" {
		panic(s.cause)
	}
	s.fakeScheme.Forward(call, out)
}

func (s *panicking) Compose(call *schemes.Call) schemes.Compose {
	switch s.at {
	case "compose":
		panic(s.cause)
	case "composing":
		return func(context.Context, schemes.Read) (schemes.Recorded, error) { panic(s.cause) }
	}
	return s.fakeScheme.Compose(call)
}

func (s *panicking) Learn(call *schemes.Call) schemes.Learn {
	if s.at == "learn" {
		panic(s.cause)
	}
	return s.fakeScheme.Learn(call)
}

// Nobody has let in a call whose judgement broke.
func TestPanicBeforeAnAnswerIsARefusalAndNeverAuditedAsAllowed(t *testing.T) {
	for _, tc := range []struct{ at, decision string }{
		{"public", "deny"},
		{"credential", "deny"},
		{"endpoint", "deny"},
		{"own endpoint", "deny"},
		{"forward", "allow"},
		{"compose", "allow"},
		{"composing", "allow"},
		{"learn", "allow"},
	} {
		for _, cause := range []any{"fault", http.ErrAbortHandler} {
			b := newBench(t)
			b.scheme = &panicking{b.fake, tc.at, cause}
			if tc.at == "own endpoint" {
				b.fake.own = func(w http.ResponseWriter, _ *schemes.Call) error {
					w.Header().Set("X-Auth-Token", "of the endpoint")
					panic(cause)
				}
			}
			w := httptest.NewRecorder()
			w.Header().Set("Server", "Caddy")
			up := func() (up any) {
				defer func() { up = recover() }()
				if err := b.ServeHTTP(w, request("GET", "http://a.example.com/data"), handlerOf(unreachable(t))); err != nil {
					t.Error(err)
				}
				return nil
			}()
			line := b.auditLine(t)
			if line["decision"] != tc.decision {
				t.Errorf("%s, %v: audited %v", tc.at, cause, line)
			}
			stacks := b.log.FilterFieldKey("stack").All()
			if cause == http.ErrAbortHandler {
				if up != cause || slices.Contains(b.fake.steps, "refuse") || len(stacks) != 0 || line["status"] != int64(0) {
					t.Errorf("%s: an abort became %v, steps %v, audited %v", tc.at, up, b.fake.steps, line)
				}
				if tc.decision == "deny" && line["reason"] != "internal" {
					t.Errorf("%s: an abort is audited as %v", tc.at, line)
				}
				continue
			}
			if up != nil || w.Code != 500 || !strings.HasPrefix(w.Body.String(), "internal: ") || line["status"] != int64(500) || line["reason"] != "internal" {
				t.Errorf("%s: %v, answered %d %s, audited %v", tc.at, up, w.Code, w.Body, line)
			}
			if w.Header().Get("X-Auth-Token") != "" || w.Header().Get("Server") != "Caddy" {
				t.Errorf("%s: answered with %v", tc.at, w.Header())
			}
			errors := b.log.FilterLevelExact(2).All()
			if len(stacks) != 1 || len(errors) != 1 || !strings.Contains(stacks[0].ContextMap()["stack"].(string), "ServeHTTP") {
				t.Errorf("%s: logged %v", tc.at, b.log.All())
			}
		}
	}
}

// As if no gate stood there.
func TestPanicBehindAGateInShadowGoesUp(t *testing.T) {
	b := inShadow(t)
	b.fake.allow = false
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if cause := recover(); cause != "fault" {
				t.Errorf("recovered %v", cause)
			}
		}()
		_ = b.ServeHTTP(w, request("GET", "http://a.example.com/data"), handlerOf(func(http.ResponseWriter, *http.Request) { panic("fault") }))
	}()
	if line := b.auditLine(t); line["decision"] != "shadow" || line["reason"] == "internal" {
		t.Errorf("audited %v", line)
	}
	if slices.Contains(b.fake.steps, "refuse") {
		t.Error("the scheme answered")
	}
}
