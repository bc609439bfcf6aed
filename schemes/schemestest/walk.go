package schemestest

import (
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// Walk takes a call, with its request as a client sent it, through the steps of a scheme, up
// to the server behind. An endpoint of the scheme's own answers on w. forwarded says that the
// request is one for the server behind, as that gets it; else err is why the call was
// refused, or nil if an endpoint answered.
func Walk(s schemes.Scheme, w http.ResponseWriter, call *schemes.Call) (forwarded bool, err error) {
	r := call.Request
	if call.Path, err = canonpath.FromRequest(r, s.Paths()); err != nil {
		return false, &schemes.Refusal{Status: http.StatusBadRequest, Reason: schemes.BadRequest, Cause: err}
	}
	call.Path.Apply(r.URL)
	if endpoint := s.Public(call); endpoint != nil {
		return false, endpoint(w, call)
	}
	if call.Credential, err = s.Credential(call); err != nil {
		return false, err
	}
	if !call.Credential.IsZero() {
		if call.Identity, err = s.Identify(r.Context(), call); err != nil {
			return false, err
		}
	}
	if endpoint := s.Endpoint(call); endpoint != nil {
		return false, endpoint(w, call)
	}
	if call.Decision = s.Decide(call); !call.Decision.Allow {
		return false, s.Denied(call)
	}
	if metered, ok := s.(schemes.Metered); ok {
		if err := metered.Meter(r.Context(), call); err != nil {
			return false, err
		}
	}
	s.Forward(call, r)
	return true, nil
}

// Request makes a request; headers are name, value, name, value.
func Request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}
