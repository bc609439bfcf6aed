package caddymodule

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
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
	s.record(call, path, refusal, sent.status, time.Since(started))
	if refusal != nil && services.BreaksOff(refusal) {
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

// record writes the audit line of a call and counts it: what was asked, by the path below the
// secret, the status and how long it took; never a token. What was changed stands in the
// store's audit.
func (s *BitBrokerServices) record(call *schemes.Call, path string, refusal *schemes.Refusal, status int, took time.Duration) {
	decision, reason := allowed, schemes.OwnEndpoint
	if refusal != nil {
		decision, reason = denied, refusal.Reason
		level := zap.DebugLevel // the caller's fault; the audit line has it
		if refusal.Status >= http.StatusInternalServerError || services.BreaksOff(refusal) {
			level = zap.ErrorLevel
		}
		if entry := s.logger.Check(level, "refused"); entry != nil {
			entry.Write(zap.String("site", s.Site), zap.Int("status", refusal.Status),
				zap.String("reason", string(reason)), zap.Error(refusal.Cause))
		}
	}
	s.metrics.observe(servicesScheme, decision, string(reason), took)
	entry := s.audit.Check(zapcore.InfoLevel, "bitbroker service")
	if entry == nil {
		return
	}
	fields := []zap.Field{
		zap.String("realm", s.Realm),
		zap.String("method", secret.Redact(call.Request.Method)), // a client may call anything a method
		zap.String("path", secret.Redact(path)),                  // empty: the secret was wrong
		zap.String("decision", decision),
		zap.String("reason", string(reason)),
		zap.Int("status", status), // 0: the connection was broken off
		zap.Duration("duration", took),
		zap.String("client_ip", call.ClientIP),
	}
	if call.Action != "" {
		fields = append(fields, zap.String("action", call.Action))
	}
	entry.Write(fields...)
}
