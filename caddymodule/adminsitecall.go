package caddymodule

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// rawJSON is an answer that is JSON already.
type rawJSON = json.RawMessage

// adminScheme is what metrics call the administration API, beside the schemes.
const adminScheme = "admin"

// ServeHTTP answers a request and notes it. It never calls the next handler.
func (s *AdminSite) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	started := time.Now()
	call := &schemes.Call{Request: r}
	sent := &sentStatus{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	refusal := s.serve(sent, call)
	if id := call.Identity; id != nil {
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
			repl.Set("http.auth.user.id", id.Name)
		}
	}
	s.record(call, refusal, sent.status, time.Since(started))
	return nil
}

// record writes the audit line of a call and counts it. A line holds who, what, the
// status and how long it took; never a token. What was changed stands in the store's
// audit.
func (s *AdminSite) record(call *schemes.Call, refusal *schemes.Refusal, status int, took time.Duration) {
	decision, reason := allowed, schemes.OwnEndpoint
	if refusal != nil {
		decision, reason = denied, refusal.Reason
		level := zap.DebugLevel // the client's fault; the audit line has it
		if refusal.Status >= http.StatusInternalServerError {
			level = zap.ErrorLevel
		}
		if entry := s.logger.Check(level, "refused"); entry != nil {
			entry.Write(zap.String("site", s.Site), zap.Int("status", refusal.Status),
				zap.String("reason", string(reason)), zap.Error(refusal.Cause))
		}
	}
	s.metrics.observe(adminScheme, decision, string(reason), took)
	entry := s.audit.Check(zapcore.InfoLevel, "administration")
	if entry == nil {
		return
	}
	fields := []zap.Field{
		zap.String("realm", s.Realm),
		zap.String("method", secret.Redact(call.Request.Method)), // a client may call anything a method
		// Canonical, without the query. An activation code stands in the path of its
		// redemption.
		zap.String("path", secret.Redact(call.Path.String())),
		zap.String("decision", decision),
		zap.String("reason", string(reason)),
		zap.Int("status", status),
		zap.Duration("duration", took),
		zap.String("client_ip", call.ClientIP),
	}
	if call.Action != "" {
		fields = append(fields, zap.String("action", call.Action))
	}
	// The holder of a link is known by the credential that it fetched.
	if id := call.Identity; id != nil {
		fields = append(fields, zap.String("actor", id.Kind+" "+id.Name), zap.String("accessor", id.Accessor))
	}
	entry.Write(fields...)
}
