package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// passage is one request on its way through the gate.
type passage struct {
	*Gate
	call   schemes.Call
	w      http.ResponseWriter
	next   caddyhttp.Handler
	before http.Header // of the answer, as they were before an endpoint of the scheme's own
	status int         // that the client got; 0 while none was sent
	// identify stands in for the scheme's own where an identity is made up; nil: it does not.
	identify func() (*schemes.Identity, error)
	// decided is set once the rules were asked, judged once all steps before the server
	// behind, or before an endpoint of the scheme's own, were taken.
	decided, judged bool
	// shadowed is set if the call was refused and goes on all the same, handedOn if it was
	// allowed and went on to the server behind.
	shadowed, handedOn bool
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
	defer p.catch()

	err := p.walk()
	if p.shadowed {
		return err // of who answers it, as if no gate stood there
	}
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

// catch makes a panic of the gateway's own a refusal as long as nothing was written: the
// client would see the connection break, and the audit would tell of a call that nobody
// let in as of one that was allowed. An abort goes up, and so does a panic of the handlers
// behind.
func (p *passage) catch() {
	cause := recover()
	if cause == nil {
		return
	}
	aborted := cause == http.ErrAbortHandler //nolint:errorlint // the sentinel itself is thrown
	goneOn := p.status != 0 || p.shadowed || p.handedOn
	if !goneOn && p.refusal == nil {
		p.refusal = internal(errPanic)
	}
	if goneOn || aborted {
		panic(cause)
	}
	p.logger.Error("a panic; the request is refused", zap.String("site", p.Site),
		zap.String("panic", secret.Redact(fmt.Sprint(cause))), zap.Stack("stack"))
	if p.before != nil {
		h := p.w.Header()
		clear(h)
		maps.Copy(h, p.before)
	}
	p.scheme.Refuse(p.w, &p.call, p.refusal)
}

var errPanic = errors.New("a panic")

// walk is the way of a request. An error that is no *schemes.Refusal is internal.
func (p *passage) walk() error {
	sent := p.keepSent()
	endpoint, err := p.judge()
	sent.settle()
	switch {
	case err != nil && p.goesOn(err):
		return p.passInShadow(sent, err)
	case err != nil:
		return err
	case endpoint != nil:
		p.before = maps.Clone(p.w.Header())
		return endpoint(p.w, &p.call)
	}

	defer p.outlast()()
	p.guardBody()

	// 6: what the server behind gets to see.
	p.prepare(&p.call, p.call.Request)

	// 7, 8: the server behind, and its answer.
	if compose := p.scheme.Compose(&p.call); compose != nil {
		return p.compose(compose)
	}
	return p.proxy(p.scheme.Learn(&p.call))
}

// unbrokenTime is how long a call has that goes on without its client.
const unbrokenTime = 30 * time.Second

// outlast makes a call go on when its client goes away, if the scheme says so. What it
// returns is to be called at the end.
func (p *passage) outlast() (end func()) {
	unbroken, ok := p.scheme.(schemes.Unbroken)
	if !ok || !unbroken.Unbroken(&p.call) {
		return func() {}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.call.Request.Context()), unbrokenTime)
	p.call.Request = p.call.Request.WithContext(ctx)
	return cancel
}

// errTwoGates says that a request has passed a gate before: the first has swapped the
// credential, and the second would judge the server's own.
var errTwoGates = errors.New("two gatehouse directives on one route")

// judge takes the steps before anything is answered or forwarded: an endpoint of the
// scheme's own is to answer, or an error does, or else the call is allowed. A call on
// trial (explain.go) takes the same steps, and leaves no trace.
func (p *passage) judge() (schemes.Endpoint, error) {
	r := p.call.Request
	ctx := r.Context()

	// 1: one spelling of host and path, and no header that a client must not send.
	trusted, _ := caddyhttp.GetVar(ctx, caddyhttp.TrustedProxyVarKey).(bool)
	p.call.ClientIP, _ = caddyhttp.GetVar(ctx, caddyhttp.ClientIPVarKey).(string)
	p.call.Secure = r.TLS != nil || trusted && r.Header.Get("X-Forwarded-Proto") == "https"
	// A proxy that ends TLS says so by a header (RFC 8470 section 5.1).
	p.call.EarlyData = r.TLS != nil && !r.TLS.HandshakeComplete || trusted && r.Header.Get("Early-Data") == "1"
	if caddyhttp.GetVar(ctx, passedVar) != nil {
		return nil, errTwoGates
	}
	caddyhttp.SetVar(ctx, passedVar, true)
	var err error
	if p.call.Host, err = canonpath.Host(r.Host); err != nil {
		return nil, badRequest(err)
	}
	if p.call.Path, err = canonpath.FromRequest(r, p.scheme.Paths()); err != nil {
		return nil, badRequest(err)
	}
	p.call.Path.Apply(r.URL)
	p.guard.Clean(r.Header, trusted)
	headers.DropTrailers(r)

	// 2: public endpoints, then at most one credential.
	if endpoint := p.scheme.Public(&p.call); endpoint != nil {
		p.judged = true
		return endpoint, nil
	}
	if p.call.Credential, err = p.scheme.Credential(&p.call); err != nil {
		return nil, err
	}

	// 3: credential -> identity.
	if !p.call.Credential.IsZero() {
		if p.call.Identity, err = p.identity(); err != nil {
			return nil, err
		}
		p.noteIdentity()
		if err := p.admit(); err != nil {
			return nil, err
		}
	}

	// 4: endpoints of the scheme's own.
	if endpoint := p.scheme.Endpoint(&p.call); endpoint != nil {
		p.judged = true
		return endpoint, nil
	}

	// 5: the rules. Default deny.
	p.call.Decision, p.decided = p.scheme.Decide(&p.call), true
	if !p.call.Decision.Allow {
		return nil, p.scheme.Denied(&p.call)
	}
	if metered, ok := p.scheme.(schemes.Metered); ok {
		if err := metered.Meter(ctx, &p.call); err != nil {
			return nil, err
		}
	}
	p.judged = true
	return nil, nil
}

// identity is who presented the call's credential.
func (p *passage) identity() (*schemes.Identity, error) {
	if p.identify != nil {
		return p.identify()
	}
	return p.scheme.Identify(p.call.Request.Context(), &p.call)
}

// prepare makes a request that was allowed what the server behind gets.
func (g *Gate) prepare(call *schemes.Call, out *http.Request) {
	g.scheme.Forward(call, out)
	g.setIdentityHeaders(call.Identity, out.Header)
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
		for i, value := range []string{id.Name, id.Subject, id.Accessor} {
			repl.Set(identityPlaceholders[i], value)
		}
	}
}

// identityPlaceholders say who calls: its name, its id, and the public id of its token.
var identityPlaceholders = [...]string{"http.auth.user.id", "http.gatehouse.subject", "http.gatehouse.token_id"}

// admit refuses a good credential from an address that is not its own, or beyond
// its subject's limits, and notes the use of one that it lets in.
func (p *passage) admit() error {
	id := p.call.Identity
	if p.call.OnTrial() && p.call.ClientIP == "" {
		if len(id.Networks) > 0 {
			p.call.Trial.LeaveOpen("whether the caller's address is one of those that it may call from")
		}
		return nil
	}
	if !id.MayCallFrom(p.call.ClientIP) {
		return schemes.AddressRefused()
	}
	if p.call.OnTrial() {
		return nil
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
func (g *Gate) setIdentityHeaders(id *schemes.Identity, h http.Header) {
	if id == nil {
		return
	}
	h[g.names.subject] = []string{id.Name}
	h[g.names.kind] = []string{id.Kind}
	if len(id.Roles) > 0 {
		h[g.names.roles] = []string{strings.Join(id.Roles, ",")}
	}
	if id.Accessor != "" {
		h[g.names.token] = []string{id.Accessor}
	}
}

// refuse writes a refusal, as far as nothing was written yet.
func (p *passage) refuse(refusal *schemes.Refusal) {
	p.refusal = refusal
	// What is the client's fault is in the audit line; of keys that are missing, the issuer warns.
	level := zap.DebugLevel
	if refusal.Status >= http.StatusInternalServerError && refusal.Reason != schemes.KeysUnavailable {
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
