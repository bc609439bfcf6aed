package caddymodule

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// passage is one request on its way through the gate.
type passage struct {
	*Gate
	call   schemes.Call
	w      http.ResponseWriter
	next   caddyhttp.Handler
	status int // that the client got; 0 while none was sent
	// decided is set once the rules were asked.
	decided bool
	// refusal is why the call was refused, by whichever step.
	refusal *schemes.Refusal
	// lease is given back when the answer is done.
	lease schemes.Lease
	// lapsed is set if the call lost its right while its body arrived.
	lapsed atomic.Pointer[error]
}

// passedVar marks a request that has passed a gate.
const passedVar = "gatehouse.passed"

// ServeHTTP takes a request through the steps of ARCHITECTURE.md, "The way of a
// request". Each refusal is written in the scheme's own format, so no error
// goes up to Caddy's error routes unless an answer was begun.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	started := time.Now()
	p := &passage{Gate: g, next: next, call: schemes.Call{Request: r}}
	p.w = &statusWriter{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, passage: p}
	p.call.Writer = p.w
	// Also when the proxy aborts a broken answer by a panic.
	defer func() {
		p.lease.Release()
		p.record(time.Since(started))
	}()

	err := p.walk()
	var refusal *schemes.Refusal
	if err != nil && !errors.As(err, &refusal) {
		if p.status != 0 {
			return err // the answer had begun: all that is left is to log
		}
		refusal = internal(err)
	}
	if refusal != nil {
		p.refuse(refusal)
	}
	return nil
}

// walk is the way of a request. An error that is no *schemes.Refusal is internal.
func (p *passage) walk() error {
	r := p.call.Request
	ctx := r.Context()

	// 1: one spelling of host and path, and no header that a client must not send.
	trusted, _ := caddyhttp.GetVar(ctx, caddyhttp.TrustedProxyVarKey).(bool)
	p.call.ClientIP, _ = caddyhttp.GetVar(ctx, caddyhttp.ClientIPVarKey).(string)
	// A proxy that ends TLS says so by a header (RFC 8470 section 5.1).
	p.call.EarlyData = r.TLS != nil && !r.TLS.HandshakeComplete || trusted && r.Header.Get("Early-Data") == "1"
	if caddyhttp.GetVar(ctx, passedVar) != nil {
		// The first gate has swapped the credential; the second would judge the
		// server's own.
		return errors.New("two gatehouse directives on one route")
	}
	caddyhttp.SetVar(ctx, passedVar, true)
	var err error
	if p.call.Host, err = canonpath.Host(r.Host); err != nil {
		return badRequest(err)
	}
	if p.call.Path, err = canonpath.FromRequest(r, p.scheme.Paths()); err != nil {
		return badRequest(err)
	}
	p.call.Path.Apply(r.URL)
	p.guard.Clean(r.Header, trusted)
	headers.DropTrailers(r)

	// 2: public endpoints, then at most one credential.
	if endpoint := p.scheme.Public(&p.call); endpoint != nil {
		return endpoint(p.w, &p.call)
	}
	if p.call.Credential, err = p.scheme.Credential(&p.call); err != nil {
		return err
	}

	// 3: credential -> identity.
	if !p.call.Credential.IsZero() {
		if p.call.Identity, err = p.scheme.Identify(ctx, &p.call); err != nil {
			return err
		}
		p.noteIdentity()
		if err := p.admit(); err != nil {
			return err
		}
	}

	// 4: endpoints of the scheme's own.
	if endpoint := p.scheme.Endpoint(&p.call); endpoint != nil {
		return endpoint(p.w, &p.call)
	}

	// 5: the rules. Default deny.
	p.call.Decision, p.decided = p.scheme.Decide(&p.call), true
	if !p.call.Decision.Allow {
		return p.scheme.Denied(&p.call)
	}

	p.guardBody()

	// 6: what the server behind gets to see.
	p.scheme.Forward(&p.call, r)
	p.setIdentityHeaders(r.Header)

	// 7, 8: the server behind, and its answer.
	if compose := p.scheme.Compose(&p.call); compose != nil {
		return p.compose(compose)
	}
	return p.proxy(p.scheme.Learn(&p.call))
}

// internal is the refusal for a fault of our own.
func internal(cause error) *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusInternalServerError, Reason: schemes.Internal, Cause: cause,
		Public: "The gateway failed to answer.",
	}
}

// asRefusal is an error of a scheme as a refusal.
func asRefusal(err error) *schemes.Refusal {
	if refusal := (*schemes.Refusal)(nil); errors.As(err, &refusal) {
		return refusal
	}
	return internal(err)
}

func badRequest(cause error) *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusBadRequest, Reason: schemes.BadRequest, Cause: cause,
		Public: "The request's address is not acceptable.",
	}
}

// noteIdentity tells the store, logs and placeholders who calls.
func (p *passage) noteIdentity() {
	id := p.call.Identity
	r := p.call.Request
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.auth.user.id", id.Name)
		repl.Set("http.gatehouse.subject", id.Subject)
		repl.Set("http.gatehouse.token_id", id.Accessor)
	}
}

// admit refuses a good credential from an address that is not its own, or beyond
// its subject's limits, and notes the use of one that it lets in.
func (p *passage) admit() error {
	id := p.call.Identity
	if !id.MayCallFrom(p.call.ClientIP) {
		return schemes.AddressRefused()
	}
	backend := p.app.backend.Load()
	if backend == nil {
		return nil // a scheme without a store
	}
	lease, retryAfter, ok := backend.Limiter.Take(schemes.LimitKey{Realm: id.Realm, Subject: id.Subject, Purpose: id.Kind}, id.Limits)
	if !ok {
		return schemes.TooMany(retryAfter)
	}
	p.lease = lease
	p.metrics.used(id)
	userAgent := p.call.Request.UserAgent()
	switch {
	case id.Accessor == "":
	case id.Old != schemes.NotOld:
		backend.Store.TouchBy(cmp.Or(id.Source, id.Accessor), p.call.ClientIP, userAgent)
	default:
		backend.Store.Touch(cmp.Or(id.Source, id.Accessor), p.call.ClientIP, userAgent)
	}
	if id.Source != "" {
		backend.Store.Touch(id.Accessor, p.call.ClientIP, userAgent)
	}
	return nil
}

// setIdentityHeaders tells the server behind who calls. Clean has removed
// whatever the client sent under these names.
func (p *passage) setIdentityHeaders(h http.Header) {
	id := p.call.Identity
	if id == nil {
		return
	}
	h[p.names.subject] = []string{id.Name}
	h[p.names.kind] = []string{id.Kind}
	if len(id.Roles) > 0 {
		h[p.names.roles] = []string{strings.Join(id.Roles, ",")}
	}
	if id.Accessor != "" {
		h[p.names.token] = []string{id.Accessor}
	}
}

// refuse writes a refusal, as far as nothing was written yet.
func (p *passage) refuse(refusal *schemes.Refusal) {
	p.refusal = refusal
	level := zap.DebugLevel // the client's fault; the audit line has it
	if refusal.Status >= http.StatusInternalServerError {
		level = zap.ErrorLevel
	}
	if entry := p.logger.Check(level, "refused"); entry != nil {
		entry.Write(zap.String("site", p.Site), zap.Int("status", refusal.Status),
			zap.String("reason", string(refusal.Reason)), zap.Error(refusal.Cause))
	}
	if p.status == 0 {
		p.scheme.Refuse(p.w, &p.call, refusal)
	}
}

// upstreamFailed turns an error of the next handler into a refusal in the
// scheme's format.
func upstreamFailed(err error) *schemes.Refusal {
	refusal := &schemes.Refusal{
		Status: http.StatusBadGateway, Reason: schemes.UpstreamFailed, Cause: err,
		Public: "The data server cannot be reached at the moment. Try again later.",
	}
	var handlerErr caddyhttp.HandlerError
	if errors.As(err, &handlerErr) && handlerErr.StatusCode != 0 {
		refusal.Status = handlerErr.StatusCode
		if refusal.Status < http.StatusInternalServerError {
			refusal.Reason = schemes.BadRequest
			refusal.Public = "The request was not accepted."
		}
	}
	return refusal
}
