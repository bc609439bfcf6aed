package caddymodule

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// ownSite is a handler that answers every request of its site itself. It counts as a gate,
// since it lets nothing pass.
type ownSite interface {
	// directive tells the handler by its directive and site.
	directive() string
}

// receive does for a call of such a site what the gate does in its first step. unfold, unless
// nil, writes a path anew that the scheme's clients write in two ways.
func receive(call *schemes.Call, guard *headers.Guard, paths canonpath.Options, unfold func(*url.URL)) *schemes.Refusal {
	r := call.Request
	ctx := r.Context()
	trusted, _ := caddyhttp.GetVar(ctx, caddyhttp.TrustedProxyVarKey).(bool)
	call.ClientIP, _ = caddyhttp.GetVar(ctx, caddyhttp.ClientIPVarKey).(string)
	// A proxy that ends TLS says so by a header (RFC 8470 section 5.1).
	call.EarlyData = r.TLS != nil && !r.TLS.HandshakeComplete || trusted && r.Header.Get("Early-Data") == "1"
	if caddyhttp.GetVar(ctx, passedVar) != nil {
		return internal(errors.New("two directives of Gatehouse on one route"))
	}
	caddyhttp.SetVar(ctx, passedVar, true)
	var err error
	if call.Host, err = canonpath.Host(r.Host); err != nil {
		return badRequest(err)
	}
	if unfold != nil {
		unfold(r.URL)
	}
	if call.Path, err = canonpath.FromRequest(r, paths); err != nil {
		return badRequest(err)
	}
	call.Path.Apply(r.URL)
	guard.Clean(r.Header, trusted)
	headers.DropTrailers(r)
	return nil
}

// siteRecord notes the calls of such a site.
type siteRecord struct {
	scheme      string // what metrics call it, beside the schemes
	message     string // of its audit lines
	site, realm string
	logger      *zap.Logger
	audit       *zap.Logger
	metrics     *metrics
}

// newSiteRecord returns the record of a site; scheme and message as above.
func newSiteRecord(ctx caddy.Context, scheme, message, site, realm string) (*siteRecord, error) {
	metrics, err := useMetrics(ctx.GetMetricsRegistry())
	logger := ctx.Logger()
	return &siteRecord{scheme, message, site, realm, logger, logger.Named("audit"), metrics}, err
}

// note writes the audit line of a call and counts it. A line holds who, what, the status and
// how long it took; never a token. path is what it may show of the call's. What was changed
// stands in the store's audit. failed says that a refusal is no caller's fault.
func (s *siteRecord) note(call *schemes.Call, path string, refusal *schemes.Refusal, failed bool, status int, took time.Duration) {
	decision, reason := allowed, schemes.OwnEndpoint
	if refusal != nil {
		decision, reason = denied, refusal.Reason
		level := zap.DebugLevel // the audit line has it
		if failed {
			level = zap.ErrorLevel
		}
		if entry := s.logger.Check(level, "refused"); entry != nil {
			entry.Write(zap.String("site", s.site), zap.Int("status", refusal.Status),
				zap.String("reason", string(reason)), zap.Error(refusal.Cause))
		}
	}
	s.metrics.observe(s.scheme, decision, string(reason), took)
	entry := s.audit.Check(zapcore.InfoLevel, s.message)
	if entry == nil {
		return
	}
	fields := []zap.Field{
		zap.String("realm", s.realm),
		zap.String("method", secret.Redact(call.Request.Method)), // a client may call anything a method
		zap.String("path", secret.Redact(path)),
		zap.String("decision", decision),
		zap.String("reason", string(reason)),
		zap.Int("status", status), // 0: the connection was broken off
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

// sentStatus notes the status that the client got.
type sentStatus struct {
	*caddyhttp.ResponseWriterWrapper
	status int
}

func (w *sentStatus) WriteHeader(status int) {
	if w.status == 0 && final(status) {
		w.status = status
	}
	w.ResponseWriterWrapper.WriteHeader(status)
}

// Interface guard
var _ http.ResponseWriter = (*sentStatus)(nil)
