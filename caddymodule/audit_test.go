package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap/zapcore"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

func TestEachOutcomeIsAuditedAndCounted(t *testing.T) {
	answering := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	for _, tc := range []struct {
		name             string
		prepare          func(*fakeScheme, *http.Request)
		next             http.HandlerFunc
		decision, reason string
		status           int64
		identity, rule   bool
	}{
		{"allowed", nil, answering(200), "allow", "allowed_kind", 200, true, true},
		{"allowed, and not found behind", nil, answering(404), "allow", "allowed_kind", 404, true, true},
		{"allowed, and nothing written", nil, func(http.ResponseWriter, *http.Request) {}, "allow", "allowed_kind", 200, true, true},
		{"answer replaced", func(s *fakeScheme, _ *http.Request) {
			s.answer = func(int, http.Header) *schemes.Refusal {
				return &schemes.Refusal{Status: 502, Reason: schemes.UpstreamFailed}
			}
		}, answering(401), "allow", "upstream_failed", 502, true, true},
		{"denied by the rules", func(s *fakeScheme, _ *http.Request) { s.allow, s.deny = false, policies.GrantMissing }, nil, "deny", "grant_missing", 404, true, false},
		{"nobody", func(s *fakeScheme, r *http.Request) {
			s.deny = policies.NotAuthenticated
			r.Header.Del("Authorization")
		}, nil, "deny", "not_authenticated", 404, false, false},
		{"bad credential", func(_ *fakeScheme, r *http.Request) { r.Header.Set("Authorization", "other") }, nil, "deny", "bad_credential", 401, false, false},
		{"bad path", func(_ *fakeScheme, r *http.Request) { r.URL.Path = "/a\\b" }, nil, "deny", "bad_request", 400, false, false},
		{"store failed", func(s *fakeScheme, _ *http.Request) { s.identifyErr = schemes.Unavailable(errors.New("x")) }, nil, "deny", "store_failed", 503, false, false},
		{"internal", func(s *fakeScheme, _ *http.Request) { s.identifyErr = errors.New("x") }, nil, "deny", "internal", 500, false, false},
		{"own endpoint", func(s *fakeScheme, _ *http.Request) {
			s.own = func(w http.ResponseWriter, _ *schemes.Call) error {
				w.WriteHeader(201)
				return nil
			}
		}, nil, "allow", "own_endpoint", 201, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			r := request("GET", "http://a.example.com/data?q=a-query")
			if tc.prepare != nil {
				tc.prepare(b.fake, r)
			}
			next := tc.next
			if next == nil {
				next = unreachable(t)
			}
			b.serve(t, r, next)

			line := b.auditLine(t)
			for name, want := range map[string]any{
				"scheme": "fake", "realm": "default", "method": "GET", "client_ip": "192.0.2.7",
				"decision": tc.decision, "reason": tc.reason, "status": tc.status,
			} {
				if line[name] != want {
					t.Errorf("%s is %v, want %v", name, line[name], want)
				}
			}
			if tc.name != "bad path" && line["path"] != "/data" {
				t.Errorf("path is %v", line["path"])
			}
			if _, ok := line["duration"]; !ok {
				t.Error("the line has no duration")
			}
			if tc.identity != (line["subject"] == "rcp_1" && line["name"] == "acme" && line["accessor"] == "acc_1") {
				t.Errorf("who: %v, %v, %v", line["subject"], line["name"], line["accessor"])
			}
			if tc.rule != (line["rule"] != nil) || tc.rule && (line["action"] != "readThing" || !strings.Contains(fmt.Sprint(line["rule"]), "GET /{thing}")) {
				t.Errorf("rule %v, action %v", line["rule"], line["action"])
			}
			want := fmt.Sprintf(`
				# HELP gatehouse_decisions_total Requests decided by the gate, by scheme, decision and reason.
				# TYPE gatehouse_decisions_total counter
				gatehouse_decisions_total{decision=%q,reason=%q,scheme="fake"} 1
			`, tc.decision, tc.reason)
			if err := testutil.GatherAndCompare(b.count, strings.NewReader(want), "gatehouse_decisions_total"); err != nil {
				t.Error(err)
			}
			if n, err := testutil.GatherAndCount(b.count, "gatehouse_request_duration_seconds"); err != nil || n != 1 {
				t.Errorf("%d series of durations, %v", n, err)
			}
			for _, entry := range b.log.All() {
				if text := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(text, good) || strings.Contains(text, "a-query") {
					t.Errorf("the log tells a credential or the query: %s", text)
				}
			}
		})
	}
}

// reverse_proxy aborts a broken answer by a panic. Where half an answer was sent it
// must go up, so that the client sees the connection break, and be recorded.
func TestPanicBehindIsAuditedAndGoesUp(t *testing.T) {
	for _, tc := range []struct {
		name      string
		rewritten bool
		cause     any
		up        bool
		reason    string
		status    int64
	}{
		{"streamed, broken off", false, http.ErrAbortHandler, true, "allowed_kind", 200},
		{"streamed, a fault", false, "fault", true, "allowed_kind", 200},
		{"recorded, broken off: the client got nothing yet", true, http.ErrAbortHandler, false, "upstream_failed", 502},
		{"recorded, a fault", true, "fault", true, "allowed_kind", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			if tc.rewritten {
				b.fake.rewrite = func(http.Header, []byte) ([]byte, error) {
					t.Error("half an answer was rewritten")
					return nil, nil
				}
			}
			w := httptest.NewRecorder()
			func() {
				defer func() {
					if cause := recover(); (cause == tc.cause) != tc.up {
						t.Errorf("recovered %v", cause)
					}
				}()
				_ = b.ServeHTTP(w, request("GET", "http://a.example.com/data"), caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
					_, _ = w.Write([]byte("half"))
					panic(tc.cause)
				}))
			}()
			line := b.auditLine(t)
			if line["decision"] != "allow" || line["reason"] != tc.reason || line["status"] != tc.status {
				t.Errorf("audited %v", line)
			}
			if tc.rewritten && strings.Contains(w.Body.String(), "half") {
				t.Errorf("the client got %q", w.Body)
			}
		})
	}
}

// A code can stand in a path that is none of the gate's.
func TestPathInTheAuditIsRedacted(t *testing.T) {
	b := newBench(t)
	token := secret.New(secret.DeltaToken).Reveal()
	b.fake.allow = false
	b.serve(t, request("GET", "http://a.example.com/x/"+token), unreachable(t))
	if got := b.auditLine(t)["path"]; got != "/x/REDACTED" {
		t.Errorf("audited the path %v", got)
	}
}

func TestAuditBelowItsLevelStillCounts(t *testing.T) {
	b := newBench(t)
	quiet, logs := observe(zapcore.ErrorLevel)
	b.audit = quiet
	b.serve(t, request("GET", "http://a.example.com/data"), func(http.ResponseWriter, *http.Request) {})
	if logs.Len() != 0 {
		t.Errorf("logged %v", logs.All())
	}
	if n, err := testutil.GatherAndCount(b.count, "gatehouse_decisions_total"); err != nil || n != 1 {
		t.Errorf("counted %d, %v", n, err)
	}
}
