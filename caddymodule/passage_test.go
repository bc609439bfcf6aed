package caddymodule

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

func TestRequestTakesTheStepsInOrder(t *testing.T) {
	b := newBench(t)
	w := b.serve(t, request("GET", "http://a.example.com/data"), func(w http.ResponseWriter, _ *http.Request) {
		b.fake.step("next")
		w.WriteHeader(http.StatusAccepted)
	})
	want := []string{"public", "credential", "identify", "endpoint", "decide", "forward", "next", "answer 202"}
	if !slices.Equal(b.fake.steps, want) || w.Code != http.StatusAccepted {
		t.Errorf("got %d by %v, want %v", w.Code, b.fake.steps, want)
	}
}

func TestEachStepCanRefuse(t *testing.T) {
	plain := func() *http.Request { return request("GET", "http://a.example.com/data") }
	refusing := func(status int, reason schemes.Reason) schemes.Endpoint {
		return func(http.ResponseWriter, *schemes.Call) error {
			return &schemes.Refusal{Status: status, Reason: reason, Public: "own words"}
		}
	}
	for _, tc := range []struct {
		name    string
		prepare func(*fakeScheme, *http.Request) *http.Request
		status  int
		body    string
		last    string // the last step before the refusal; none was asked: ""
	}{
		{"a host that is none", func(_ *fakeScheme, r *http.Request) *http.Request {
			r.Host = "a b"
			return r
		}, 400, "bad_request: The request's address is not acceptable.", ""},
		{"CVE-2026-42272, an encoded slash", func(_ *fakeScheme, r *http.Request) *http.Request {
			r.URL.Path, r.URL.RawPath = "/data/a/b", "/data/a%2Fb"
			return r
		}, 400, "bad_request: The request's address is not acceptable.", ""},
		{"a dot segment", func(_ *fakeScheme, r *http.Request) *http.Request {
			r.URL.Path = "/data/../admin"
			return r
		}, 400, "bad_request: The request's address is not acceptable.", ""},
		{"a second gate", func(_ *fakeScheme, r *http.Request) *http.Request {
			caddyhttp.SetVar(r.Context(), passedVar, true)
			return r
		}, 500, "internal: The gateway failed to answer.", ""},
		{"a public endpoint", func(s *fakeScheme, r *http.Request) *http.Request {
			s.public = refusing(410, schemes.EndedCredential)
			return r
		}, 410, "ended_credential: own words", "public"},
		{"two credentials", func(_ *fakeScheme, r *http.Request) *http.Request {
			r.Header.Add("Authorization", good)
			return r
		}, 400, "bad_request: one credential", "credential"},
		{"an unknown credential", func(_ *fakeScheme, r *http.Request) *http.Request {
			r.Header.Set("Authorization", "other")
			return r
		}, 401, "bad_credential: not valid", "identify"},
		{"a store that cannot tell", func(s *fakeScheme, r *http.Request) *http.Request {
			s.identifyErr = schemes.Unavailable(errors.New("disk on fire"))
			return r
		}, 503, "store_failed: The gateway cannot check credentials at the moment. Try again shortly.", "identify"},
		{"an error that is no refusal", func(s *fakeScheme, r *http.Request) *http.Request {
			s.identifyErr = errors.New("secret detail")
			return r
		}, 500, "internal: The gateway failed to answer.", "identify"},
		{"an endpoint of its own", func(s *fakeScheme, r *http.Request) *http.Request {
			s.own = refusing(403, schemes.Forbidden)
			return r
		}, 403, "forbidden: own words", "endpoint"},
		{"an endpoint of its own that fails", func(s *fakeScheme, r *http.Request) *http.Request {
			s.own = func(http.ResponseWriter, *schemes.Call) error { return errors.New("secret detail") }
			return r
		}, 500, "internal: The gateway failed to answer.", "endpoint"},
		{"no rule: default deny", func(s *fakeScheme, r *http.Request) *http.Request {
			s.allow = false
			return r
		}, 404, "missing: no such thing", "denied"},
		{"nobody", func(_ *fakeScheme, r *http.Request) *http.Request {
			r.Header.Del("Authorization")
			return r
		}, 404, "missing: no such thing", "denied"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			w := b.serve(t, tc.prepare(b.fake, plain()), unreachable(t))
			if w.Code != tc.status || w.Body.String() != tc.body {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body, tc.status, tc.body)
			}
			want := []string{"refuse"}
			if tc.last != "" {
				want = []string{tc.last, "refuse"}
			}
			if got := b.fake.steps[max(0, len(b.fake.steps)-2):]; !slices.Equal(got, want) {
				t.Errorf("the last steps are %v, want %v", got, want)
			}
			if strings.Contains(w.Body.String(), "detail") || strings.Contains(w.Body.String(), "fire") {
				t.Errorf("the client is told of the inside: %s", w.Body)
			}
		})
	}
}

func TestInternalErrorIsLoggedWithItsCause(t *testing.T) {
	b := newBench(t)
	b.fake.identifyErr = errors.New("the cause")
	b.serve(t, request("GET", "http://a.example.com/"), unreachable(t))
	logged := b.log.FilterMessage("refused").All()
	if len(logged) != 1 || logged[0].Level.String() != "error" || logged[0].ContextMap()["error"] != "the cause" {
		t.Errorf("logged %v", logged)
	}
}

// The issuer says once that its keys cannot be fetched; calls may come by the thousand.
func TestMissingKeysAreNotAnErrorOfEachCall(t *testing.T) {
	b := newBench(t)
	b.fake.identifyErr = schemes.WithoutKeys(errors.New("the cause"))
	if w := b.serve(t, request("GET", "http://a.example.com/"), unreachable(t)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("answered with %d", w.Code)
	}
	logged := b.log.FilterMessage("refused").All()
	if len(logged) != 1 || logged[0].Level.String() != "debug" || logged[0].ContextMap()["reason"] != "keys_unavailable" {
		t.Errorf("logged %v", logged)
	}
}

func TestPublicAndOwnEndpointsNeedNoRule(t *testing.T) {
	serving := func(w http.ResponseWriter, call *schemes.Call) error {
		_, _ = w.Write([]byte("own, for " + call.Host))
		return nil
	}
	for _, name := range []string{"public", "own"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.fake.allow = false
			if name == "public" {
				b.fake.public = serving
			} else {
				b.fake.own = serving
			}
			w := b.serve(t, request("GET", "http://A.Example.com.:8080/link"), unreachable(t))
			if w.Code != 200 || w.Body.String() != "own, for a.example.com" {
				t.Errorf("got %d %q", w.Code, w.Body)
			}
			if slices.Contains(b.fake.steps, "decide") {
				t.Error("the rules were asked")
			}
		})
	}
}

func TestCallSaysWhoAsks(t *testing.T) {
	b := newBench(t)
	var call schemes.Call
	b.fake.public = func(_ http.ResponseWriter, c *schemes.Call) error {
		call = *c
		return nil
	}
	r := request("POST", "http://a.example.com/a%20b/?x=1")
	r.TLS = &tls.ConnectionState{HandshakeComplete: false}
	b.serve(t, r, unreachable(t))
	if call.ClientIP != "192.0.2.7" || !call.EarlyData || call.Path.String() != "/a b/" || call.Host != "a.example.com" {
		t.Errorf("got client %q, early %t, path %q, host %q", call.ClientIP, call.EarlyData, call.Path, call.Host)
	}
}

// What is decided on is what is forwarded.
func TestServerBehindGetsTheCanonicalPath(t *testing.T) {
	b := newBench(t)
	var got string
	r := request("GET", "http://a.example.com/%64ata/caf%c3%a9?q=%2F")
	b.serve(t, r, func(_ http.ResponseWriter, r *http.Request) { got = r.URL.RequestURI() })
	if want := "/data/caf%C3%A9?q=%2F"; got != want {
		t.Errorf("forwarded %s, want %s", got, want)
	}
}

func TestServerBehindSeesTheGatesIdentityOnly(t *testing.T) {
	b := newBench(t)
	r := request("GET", "http://a.example.com/data")
	for name, value := range map[string]string{
		"X-Gatehouse-Subject":  "root",
		"X-Gatehouse-Roles":    "admin",
		"X-Gatehouse-Anything": "x",
		"X_gatehouse_subject":  "root", // CVE-2025-64484: many servers take _ for -
		"X-Forwarded-User":     "root",
		"X-Real-Ip":            "127.0.0.1",
		// CVE-2026-29054: reverse_proxy deletes what Connection names.
		"Connection": "keep-alive, X-Gatehouse-Subject, X-Gatehouse-Kind",
		"Trailer":    "X-Gatehouse-Subject",
		"X-Harmless": "kept",
	} {
		r.Header[name] = []string{value}
	}
	r.Trailer = http.Header{"X-Gatehouse-Subject": nil}
	var seen http.Header
	b.serve(t, r, func(_ http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		if r.Trailer != nil {
			t.Errorf("trailers %v pass", r.Trailer)
		}
	})
	for name, want := range map[string]string{
		"X-Gatehouse-Subject":  "acme",
		"X-Gatehouse-Kind":     "recipient",
		"X-Gatehouse-Roles":    "read,write",
		"X-Gatehouse-Token-Id": "acc_1",
		"Authorization":        "upstream-credential",
		"Connection":           "keep-alive",
		"X-Harmless":           "kept",
	} {
		if got := seen[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
		delete(seen, name)
	}
	if len(seen) > 0 {
		t.Errorf("more passed: %v", seen)
	}
}

func TestIdentityWithoutRolesOrTokenSendsNone(t *testing.T) {
	b := newBench(t)
	b.fake.identity.Roles, b.fake.identity.Accessor = nil, ""
	r := request("GET", "http://a.example.com/data")
	r.Header.Set("X-Gatehouse-Roles", "admin")
	r.Header.Set("X-Gatehouse-Token-Id", "acc_other")
	b.serve(t, r, func(_ http.ResponseWriter, r *http.Request) {
		if r.Header["X-Gatehouse-Roles"] != nil || r.Header["X-Gatehouse-Token-Id"] != nil {
			t.Errorf("the client's own pass: %v", r.Header)
		}
	})
}

func TestHeadersOfATrustedProxyPass(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		b := newBench(t)
		r := request("GET", "http://a.example.com/data")
		caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, trusted)
		r.Header.Set("X-Real-Ip", "198.51.100.1")
		r.Header.Set("X-Gatehouse-Subject", "root")
		b.serve(t, r, func(_ http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("X-Real-Ip") != ""; got != trusted {
				t.Errorf("trusted %t: X-Real-Ip passes: %t", trusted, got)
			}
			if got := r.Header.Get("X-Gatehouse-Subject"); got != "acme" {
				t.Errorf("trusted %t: subject %q", trusted, got)
			}
		})
	}
}

func TestPlaceholdersNameTheCaller(t *testing.T) {
	b := newBench(t)
	r := request("GET", "http://a.example.com/data")
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	b.serve(t, r, func(http.ResponseWriter, *http.Request) {})
	got := repl.ReplaceAll("{http.auth.user.id} {http.gatehouse.subject} {http.gatehouse.token_id}", "-")
	if got != "acme rcp_1 acc_1" {
		t.Errorf("got %q", got)
	}
	refused := request("GET", "http://a.example.com/data")
	refused.Header.Set("Authorization", "other")
	repl = refused.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	b.serve(t, refused, unreachable(t))
	if got := repl.ReplaceAll("{http.auth.user.id}", "-"); got != "-" {
		t.Errorf("a refused credential set the user %q", got)
	}
}

func TestOneGateInARequest(t *testing.T) {
	first, second := newBench(t), newBench(t)
	r := request("GET", "http://a.example.com/data")
	w := first.serve(t, r, func(w http.ResponseWriter, r *http.Request) {
		if err := second.ServeHTTP(w, r, handlerOf(unreachable(t))); err != nil {
			t.Error(err)
		}
	})
	if w.Code != 500 {
		t.Errorf("got %d, want 500", w.Code)
	}
	if len(second.fake.steps) != 1 {
		t.Errorf("the second gate did %v, want only to refuse", second.fake.steps)
	}
}

func TestErrorOfTheServerBehindIsTheSchemesToWrite(t *testing.T) {
	for _, tc := range []struct {
		name   string
		err    error
		status int
		body   string
	}{
		{"unreachable", caddyhttp.Error(502, errors.New("dial 10.0.0.1: refused")), 502, "upstream_failed: The data server cannot be reached at the moment. Try again later."},
		{"no upstreams", caddyhttp.Error(503, errors.New("no upstreams available")), 503, "upstream_failed: The data server cannot be reached at the moment. Try again later."},
		{"timeout", caddyhttp.Error(504, context.DeadlineExceeded), 504, "upstream_failed: The data server cannot be reached at the moment. Try again later."},
		{"the request is too large", caddyhttp.Error(413, errors.New("body")), 413, "bad_request: The request was not accepted."},
		{"without a status", errors.New("10.0.0.1"), 502, "upstream_failed: The data server cannot be reached at the moment. Try again later."},
	} {
		for _, path := range []string{"streamed", "recorded"} {
			t.Run(tc.name+" "+path, func(t *testing.T) {
				b := newBench(t)
				if path == "recorded" {
					b.fake.rewrite = func(_ http.Header, body []byte) ([]byte, error) { return body, nil }
				}
				w := httptest.NewRecorder()
				w.Header().Set("Server", "Caddy")
				err := b.ServeHTTP(w, request("GET", "http://a.example.com/data"), caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
					w.Header().Set("X-Of-The-Server-Behind", "1")
					return tc.err
				}))
				if err != nil {
					t.Fatalf("the error goes up to Caddy: %v", err)
				}
				if w.Code != tc.status || w.Body.String() != tc.body {
					t.Errorf("got %d %q, want %d %q", w.Code, w.Body, tc.status, tc.body)
				}
				if w.Header().Get("X-Of-The-Server-Behind") != "" || w.Header().Get("Server") != "Caddy" {
					t.Errorf("headers %v, want those from before", w.Header())
				}
			})
		}
	}
}

// Once the answer has begun there is nothing left to refuse with: the error goes up
// for the log.
func TestErrorAfterTheHeaderGoesUp(t *testing.T) {
	b := newBench(t)
	broken := errors.New("broken pipe")
	w := httptest.NewRecorder()
	err := b.ServeHTTP(w, request("GET", "http://a.example.com/data"), caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = w.Write([]byte("half"))
		return broken
	}))
	if !errors.Is(err, broken) || w.Code != 200 || w.Body.String() != "half" {
		t.Errorf("got %v, %d %q", err, w.Code, w.Body)
	}
	if slices.Contains(b.fake.steps, "refuse") {
		t.Error("a refusal was written into the answer")
	}
}

func TestDenialSaysItsReason(t *testing.T) {
	for _, reason := range []policies.Reason{policies.NoRule, policies.GrantMissing, policies.MethodNotAllowed} {
		b := newBench(t)
		b.fake.allow, b.fake.deny = false, reason
		b.serve(t, request("GET", "http://a.example.com/data"), unreachable(t))
		if got := b.auditLine(t)["reason"]; got != reason.String() {
			t.Errorf("got %v, want %s", got, reason)
		}
	}
}
