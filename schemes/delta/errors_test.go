package delta

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

// refuse writes a refusal of a call at a path; an empty one was not acceptable.
func refuse(t *testing.T, path string, refusal *schemes.Refusal) *answer {
	t.Helper()
	r := schemestest.Request("GET", "/", "")
	call := &schemes.Call{Request: r}
	if path != "" {
		r.URL.Path = path
		var err error
		call.Path, err = canonpath.FromURL(r.URL, canonpath.Options{})
		must(t, err)
	}
	a := &answer{ResponseRecorder: httptest.NewRecorder(), call: call}
	scheme(t).Refuse(a, call, refusal)
	return a
}

func TestEveryStatusHasAWordOfTheProtocol(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]string{
		400: "INVALID_PARAMETER_VALUE", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST",
		405: "UNSUPPORTED_OPERATION", 410: "RESOURCE_DOES_NOT_EXIST", 413: "INVALID_PARAMETER_VALUE", 425: "INVALID_STATE",
		429: "RESOURCE_EXHAUSTED", 500: "INTERNAL_ERROR", 502: "UPSTREAM_ERROR", 503: "TEMPORARILY_UNAVAILABLE",
		504: "UPSTREAM_TIMEOUT", 507: "INTERNAL_ERROR",
	} {
		refusal := &schemes.Refusal{Status: status, Public: "what happened"}
		for _, path := range []string{"", "/elsewhere", DefaultEndpoint + "/shares", ActivationPath} {
			if message := refuse(t, path, refusal).wantError(t, status, code); message != "what happened" {
				t.Errorf("%d at %q tells %q", status, path, message)
			}
		}
		if detail := refuse(t, apiPath, refusal).wantProblem(t, status); detail != "what happened" {
			t.Errorf("%d tells %q", status, detail)
		}
	}
}

func TestHeadersOfRefusals(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		refusal *schemes.Refusal
		headers []string
	}{
		"nothing presented": {
			&schemes.Refusal{Status: 401, Reason: schemes.NoCredential},
			[]string{"WWW-Authenticate", `Bearer realm="delta-sharing"`},
		},
		"a bad token":            {&schemes.Refusal{Status: 401, Reason: schemes.BadCredential}, []string{"WWW-Authenticate", challenge}},
		"an ended token":         {&schemes.Refusal{Status: 401, Reason: schemes.EndedCredential}, []string{"WWW-Authenticate", challenge}},
		"a scope that is missed": {&schemes.Refusal{Status: 403, Reason: schemes.Forbidden}, []string{"WWW-Authenticate", `Bearer realm="delta-sharing", error="insufficient_scope"`}},
		"a disabled recipient":   {disabledRefusal(nil), []string{"WWW-Authenticate", ""}},
		"what is missing":        {missing(), []string{"WWW-Authenticate", "", "Retry-After", "", "Allow", ""}},
		"a method":               {schemes.MethodNotAllowed("GET"), []string{"Allow", "GET"}},
		"a store that fails":     {schemes.Unavailable(nil), []string{"Retry-After", "1", "WWW-Authenticate", ""}},
		"a limit":                {&schemes.Refusal{Status: 429, RetryAfter: 90 * time.Second}, []string{"Retry-After", "90"}},
	} {
		for _, path := range []string{DefaultEndpoint + "/shares", apiPath, ActivationPath} {
			a := refuse(t, path, tt.refusal)
			a.wantHeaders(t, append(tt.headers, "Cache-Control", "no-store", "X-Content-Type-Options", "nosniff")...)
			if a.Code != tt.refusal.Status || a.Header().Get("Content-Length") == "" {
				t.Errorf("%s at %s: %d %v", name, path, a.Code, a.Header())
			}
		}
	}
}

// The cause is for the log: it may name hosts, files and ids.
func TestCauseIsNotTold(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", DefaultEndpoint + "/shares", apiPath, ActivationPath} {
		a := refuse(t, path, &schemes.Refusal{Status: http.StatusServiceUnavailable, Public: "Try later.", Cause: errBroken})
		for _, text := range []string{errBroken.Error(), "disk"} {
			if got := whole(a.ResponseRecorder); strings.Contains(got, text) {
				t.Errorf("%q tells %q", path, got)
			}
		}
	}
}
