package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// composeTime is how long the server behind may take for all that is read of it for
// one request.
const composeTime = 30 * time.Second

// errTooManyReads says that a scheme does not keep to its own bound.
var errTooManyReads = fmt.Errorf("the scheme reads more than %d answers for one request", schemes.MaxReads)

// reading is what a Compose reads from: the next handler, which is run anew for
// each read.
type reading struct {
	*passage
	ctx    context.Context // ends when the time is over
	before http.Header     // the headers before the next handler set its own
	reads  int
	body   *bytes.Buffer // of the last read; nil before the first
}

// passedOn are the headers of the server behind that go with an answer that is
// composed: what is hidden could be told by any other, such as a count or a link to the
// next page.
var passedOn = map[string]bool{
	"Content-Type": true, "Content-Language": true, "Delta-Sharing-Capabilities": true,
	"Date": true, "Server": true, "Via": true, "Vary": true, "X-Request-Id": true,
	"Access-Control-Allow-Origin": true, "Access-Control-Expose-Headers": true,
	"Strict-Transport-Security": true, "X-Content-Type-Options": true,
}

// unreadable are the headers that ask for an answer that could not be read whole.
var unreadable = []string{
	"Accept-Encoding", "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
}

// compose sends what the scheme makes of answers that it reads whole. The server
// behind is asked for plain, whole, unconditional answers: a compressed part of an
// unchanged listing could not be filtered.
func (p *passage) compose(compose schemes.Compose) error {
	r := p.call.Request
	for _, name := range unreadable {
		r.Header.Del(name)
	}
	ctx, cancel := context.WithTimeout(r.Context(), p.composeTime())
	defer cancel()
	query := r.URL.RawQuery
	defer func() { r.URL.RawQuery = query }()

	from := &reading{passage: p, ctx: ctx, before: maps.Clone(p.w.Header())}
	defer from.giveBack()
	composed, err := compose(ctx, from.read)
	if err == nil {
		err = p.askAgain() // reading may have taken its time
	}
	if err != nil {
		if refusal := (*schemes.Refusal)(nil); errors.As(err, &refusal) {
			return refusal
		}
		return unfit(err)
	}
	h := p.w.Header()
	if from.reads > 0 {
		clear(h) // what the next handler deleted stays deleted
	}
	maps.Copy(h, composed.Header)
	h.Del("Content-Length")
	dropTrailers(h)
	if r.Method == http.MethodHead {
		p.w.WriteHeader(composed.Status) // no body, and no length that tells what is hidden
		return nil
	}
	h.Set("Content-Length", strconv.Itoa(len(composed.Body)))
	p.w.WriteHeader(composed.Status)
	_, _ = p.w.Write(composed.Body) // the client is gone: nobody is left to tell
	return nil
}

func (g *Gate) composeTime() time.Duration {
	if g.composing > 0 {
		return g.composing
	}
	return composeTime
}

// read implements schemes.Read.
func (r *reading) read(rawQuery string) (schemes.Recorded, error) {
	if r.reads == schemes.MaxReads {
		return schemes.Recorded{}, internal(errTooManyReads)
	}
	if r.ctx.Err() != nil {
		return schemes.Recorded{}, r.over()
	}
	if r.reads > 0 {
		if err := r.askAgain(); err != nil {
			return schemes.Recorded{}, err
		}
	}
	// The placeholders of handlers behind the gate read the original.
	r.call.Request.URL.RawQuery = rawQuery
	request := r.call.Request.Clone(afresh(r.ctx))
	if r.reads > 0 { // a body can be sent once
		request.Body, request.ContentLength, request.TransferEncoding = http.NoBody, 0, nil
		request.Header.Del("Content-Length")
	}
	r.giveBack()
	r.reads++
	r.body = recorded.Get().(*bytes.Buffer)
	rec := &recorder{ctx: r.ctx, header: maps.Clone(r.before), body: r.body}
	r.handedOn = true
	err := rec.serve(r.next, request)
	if lapsed := r.lapse(); lapsed != nil {
		return schemes.Recorded{}, lapsed
	}
	switch {
	case err != nil && r.ctx.Err() != nil:
		return schemes.Recorded{}, r.over()
	case err != nil:
		return schemes.Recorded{}, upstreamFailed(err)
	}
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	encoded, whole := compressed(rec.header), r.whole(rec.status)
	if whole {
		rec.header = r.withoutHints(rec.header)
	}
	if refusal := r.scheme.Answer(&r.call, rec.status, rec.header); refusal != nil {
		return schemes.Recorded{}, refusal
	}
	switch {
	case rec.status == http.StatusSwitchingProtocols, rec.status >= 200 && rec.status < 400 && !whole:
		return schemes.Recorded{}, unfit(errors.New("a listing was answered with status " + strconv.Itoa(rec.status)))
	case whole && encoded:
		return schemes.Recorded{}, unfit(errors.New("a listing was compressed unasked"))
	}
	return schemes.Recorded{Status: rec.status, Header: rec.header, Body: rec.body.Bytes()}, nil
}

// whole tells whether a status says that the body is the whole answer to the call.
func (r *reading) whole(status int) bool {
	return status == http.StatusOK || status == http.StatusCreated && r.call.Request.Method == http.MethodPost
}

// withoutHints is what goes with an answer that is composed, of the headers that came:
// those that were there before, and those of the server behind that tell nothing.
func (r *reading) withoutHints(came http.Header) http.Header {
	h := make(http.Header, len(came))
	for name, values := range came {
		if earlier, ok := r.before[name]; ok {
			h[name] = earlier
		} else if passedOn[name] {
			h[name] = values
		}
	}
	h.Set("Cache-Control", "private, no-store") // it is this caller's, and true until something changes
	return h
}

// giveBack ends the loan of the last answer.
func (r *reading) giveBack() {
	if r.body != nil {
		giveBack(r.body)
		r.body = nil
	}
}

// routeGroups is the key under which Caddy notes which groups of routes, such as
// several handle blocks, have had their one match.
const routeGroups = caddy.CtxKey("route_group")

// afresh is the context of one read: each must take the same way through the routes
// behind the gate, and note for itself where it has been.
func afresh(ctx context.Context) context.Context {
	groups, ok := ctx.Value(routeGroups).(map[string]struct{})
	if !ok {
		return ctx
	}
	return context.WithValue(ctx, routeGroups, maps.Clone(groups))
}

// over is the refusal when the time to read is over, or the client is gone.
func (r *reading) over() *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusGatewayTimeout, Reason: schemes.UpstreamFailed, Cause: r.ctx.Err(),
		Public: "The data server takes too long to answer. Try again later.",
	}
}

// compressed tells whether an answer is in another form than plain bytes.
func compressed(h http.Header) bool {
	encoding := h.Get("Content-Encoding")
	return encoding != "" && encoding != "identity"
}

// unfit is the refusal of an answer that cannot be read: nothing of it is sent.
func unfit(cause error) *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusBadGateway, Reason: schemes.UpstreamFailed, Cause: cause,
		Public: "The data server's answer cannot be read. Tell the data provider.",
	}
}
