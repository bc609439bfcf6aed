package caddymodule

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/services"
)

// servicesScheme is what metrics call these services, beside the schemes.
const servicesScheme = "bitbroker_services"

// ServeHTTP answers a request and notes it. It never calls the next handler.
func (s *BitBrokerServices) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	started := time.Now()
	// Before all else: the address holds the secret.
	caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
	call := &schemes.Call{Request: r}
	sent := &sentStatus{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	refusal, path := s.serve(sent, call)
	broken := refusal != nil && services.BreaksOff(refusal)
	failed := broken || refusal != nil && refusal.Status >= http.StatusInternalServerError
	// Below the secret; nothing if that was wrong.
	s.record.note(call, path, refusal, failed, sent.status, time.Since(started))
	if broken {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// serve answers a call. It returns why it was refused, or nil, and what logs may show of its
// path.
func (s *BitBrokerServices) serve(w http.ResponseWriter, call *schemes.Call) (refusal *schemes.Refusal, path string) {
	if refusal := receive(call, s.guard, canonpath.Options{}, nil); refusal != nil {
		if refusal.Status == http.StatusBadRequest {
			refusal = services.NotFound(refusal.Cause) // a stranger is told nothing
		}
		services.Refuse(w, refusal)
		return refusal, ""
	}
	api, err := s.api()
	if err != nil {
		refusal = internal(err)
		services.Refuse(w, refusal)
		return refusal, ""
	}
	return api.Serve(w, call), api.Below(call.Path)
}
