package caddymodule

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/policies"
)

// A site in shadow refuses nothing for the server behind: what would be refused is logged
// and counted, and goes on as it came. It carries nothing of the gateway's, neither the
// server's own credential nor an identity, so that the server can only take it for what
// it is: a request that nobody has checked. What would open a tunnel past the gate does not
// go on, nor what is meant for the gateway itself, since one-time secrets stand there.

// sentRequest is a request as it came, before any step changed it.
type sentRequest struct {
	url    url.URL
	header http.Header
	body   io.ReadCloser
	// read keeps what the steps read of the body; nil if there is none.
	read *keptBody
	// placeholders are those of identityPlaceholders, nil where there was none.
	placeholders [len(identityPlaceholders)]any
}

// keepSent remembers the request of a site in shadow; nil elsewhere.
func (p *passage) keepSent() *sentRequest {
	if !p.Shadow {
		return nil
	}
	r := p.call.Request
	sent := &sentRequest{url: *r.URL, header: r.Header.Clone(), body: r.Body}
	if r.Body != nil && r.Body != http.NoBody {
		sent.read = &keptBody{ReadCloser: r.Body, keeps: true}
		r.Body = sent.read
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		for i, name := range identityPlaceholders {
			sent.placeholders[i], _ = repl.Get(name)
		}
	}
	return sent
}

// settle ends the keeping of the body: what is read from now on is for good.
func (s *sentRequest) settle() {
	if s != nil && s.read != nil {
		s.read.keeps = false
	}
}

// keptBody keeps what is read of a body while a request is judged. That is bounded by
// who reads it: a scheme takes no more than it can judge.
type keptBody struct {
	io.ReadCloser
	keeps bool
	asked bool // for some of it, which need not have come
	kept  bytes.Buffer
}

func (b *keptBody) Read(data []byte) (int, error) {
	n, err := b.ReadCloser.Read(data)
	if b.keeps {
		b.asked = true
		b.kept.Write(data[:n])
	}
	return n, err
}

// Close is the server's business while the request is judged: it may go on.
func (b *keptBody) Close() error {
	if b.keeps {
		return nil
	}
	return b.ReadCloser.Close()
}

// again is the whole body once more.
func (b *keptBody) again() io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&b.kept, b.ReadCloser), b.ReadCloser}
}

// goesOn tells whether a call that the gate refuses goes on to the server behind: in
// shadow, but neither from a gate to another, since then it carries the first one's
// credential for the server, nor as a tunnel, nor to what the gateway serves itself.
func (p *passage) goesOn(err error) bool {
	if !p.Shadow || errors.Is(err, errTwoGates) || isTunnel(p.call.Request) {
		return false
	}
	if !p.decided && p.call.Path.String() != "" {
		call := p.call // refused before anybody asked for whose endpoint it is
		if p.scheme.Endpoint(&call) != nil {
			return false
		}
	}
	return !p.missesOwn()
}

// isTunnel tells whether a request asks for a tunnel, behind which the client would speak
// to the server itself. A websocket of HTTP/2 or HTTP/3 (RFC 8441, RFC 9220) is none:
// reverse_proxy asks the server for a websocket then.
func isTunnel(r *http.Request) bool {
	if r.Method != http.MethodConnect {
		return false
	}
	switch r.ProtoMajor {
	case 2:
		return r.Header.Get(":protocol") != "websocket"
	case 3:
		return r.Proto != "websocket" // where quic-go has it
	}
	return true
}

// missesOwn tells whether the address only just misses an endpoint of the scheme's own: who
// sends it means that one, and what it sends may be a one-time secret.
func (p *passage) missesOwn() bool {
	r := p.call.Request
	lenient := leniently(r.URL.Path)
	if lenient == p.call.Path.String() || r.Method == http.MethodOptions {
		return false // was asked for; or is a browser's question, with nothing in it
	}
	meant, err := canonpath.FromURL(&url.URL{Path: lenient}, canonpath.Options{})
	if err != nil {
		return false
	}
	call := p.call
	call.Path, call.Decision, call.Denial, call.State = meant, policies.Decision{}, nil, nil
	return p.scheme.Public(&call) != nil || p.scheme.Endpoint(&call) != nil
}

// leniently reads a decoded path as the most lenient of servers does: it decodes once more,
// takes backslashes for slashes, ignores the parameters of segments, dots, doubled slashes,
// and one at the end.
func leniently(decoded string) string {
	if again, err := url.PathUnescape(decoded); err == nil {
		decoded = again
	}
	segments := strings.Split(strings.ReplaceAll(decoded, `\`, "/"), "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return path.Clean("/" + strings.Join(segments, "/"))
}

// passInShadow hands the request on as it came. The answer is the server's own: the
// scheme does not see it.
func (p *passage) passInShadow(sent *sentRequest, cause error) error {
	p.shadowed = true
	p.refusal = asRefusal(cause)
	if entry := p.logger.Check(zap.DebugLevel, "would be refused"); entry != nil {
		entry.Write(zap.String("site", p.Site), zap.Int("status", p.refusal.Status),
			zap.String("reason", string(p.refusal.Reason)), zap.Error(p.refusal.Cause))
	}
	r := p.call.Request
	*r.URL, r.Header, r.Body = sent.url, sent.header, sent.body
	if sent.read != nil && sent.read.asked {
		r.Body = sent.read.again()
		// A step that gave up waiting for the rest left its bound (schemes.ReadWithin).
		_ = http.NewResponseController(p.w).SetReadDeadline(time.Time{})
	}
	p.guard.DropIdentity(r.Header)
	headers.DropTunnels(r.Header)
	headers.DropTrailers(r) // they come after this, with any name in them
	p.forgetIdentity(sent)
	err := p.next.ServeHTTP(p.w, r)
	if p.status == 0 {
		p.status = answeredWith(err)
	}
	return err
}

// answeredWith is what Caddy answers where the next handler wrote nothing.
func answeredWith(err error) int {
	if err == nil {
		return http.StatusOK
	}
	var handlerErr caddyhttp.HandlerError
	if errors.As(err, &handlerErr) && handlerErr.StatusCode != 0 {
		return handlerErr.StatusCode
	}
	return http.StatusInternalServerError
}

// forgetIdentity takes the placeholders back, to what others in front of the gate had set:
// a header that the site makes of one would vouch for the caller.
func (p *passage) forgetIdentity(sent *sentRequest) {
	repl, ok := p.call.Request.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	for i, name := range identityPlaceholders {
		if was := sent.placeholders[i]; was != nil {
			repl.Set(name, was)
		} else {
			repl.Delete(name)
		}
	}
}

// warnOfShadow names the sites that let everything pass.
func (a *App) warnOfShadow() {
	for _, gate := range a.gates {
		if gate.Shadow {
			a.logger.Warn("this site is in shadow: what its rules would refuse is logged, and reaches the server behind",
				zap.String("site", gate.Site), zap.String("scheme", gate.scheme.Name()), zap.String("realm", gate.scheme.Realm()))
		}
	}
}
