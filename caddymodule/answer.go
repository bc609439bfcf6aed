package caddymodule

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// statusWriter notes the status that the client got.
type statusWriter struct {
	*caddyhttp.ResponseWriterWrapper
	passage *passage
}

func (w *statusWriter) WriteHeader(status int) {
	if w.passage.status == 0 && final(status) {
		w.passage.status = status
	}
	w.ResponseWriterWrapper.WriteHeader(status)
}

func (w *statusWriter) Write(data []byte) (int, error) {
	if w.passage.status == 0 {
		w.passage.status = http.StatusOK
	}
	return w.ResponseWriterWrapper.Write(data)
}

func (w *statusWriter) ReadFrom(r io.Reader) (int64, error) {
	if w.passage.status == 0 {
		w.passage.status = http.StatusOK
	}
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError is what http.ResponseController calls. It sends the header too.
func (w *statusWriter) FlushError() error {
	if w.passage.status == 0 {
		w.passage.status = http.StatusOK
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// final tells whether a status line is the last one: 1xx are followed by
// another, but for 101, after which the connection is no longer HTTP.
func final(status int) bool {
	return status >= http.StatusOK || status == http.StatusSwitchingProtocols
}

// proxy hands the request to the next handler and lets its answer stream, once the
// scheme has learnt the first line, if it must.
func (p *passage) proxy(learn schemes.Learn) error {
	w := &answerWriter{
		ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: p.w},
		passage:               p,
		before:                maps.Clone(p.w.Header()),
		first:                 firstLine{learn: learn},
	}
	if learn != nil {
		p.call.Request.Header.Del("Accept-Encoding")
	}
	err := w.serve()
	for _, name := range credentialHeaders { // as trailers
		delete(w.Header(), http.TrailerPrefix+name)
		if w.first.holding() {
			delete(w.Header(), name) // announced, which the headers were not sent before
		}
	}
	if err == nil && w.first.holding() {
		err = w.release(true)
	}
	if w.replaced {
		dropTrailers(w.Header()) // they would follow an answer that is not theirs
	}
	switch {
	case p.status == 0 && p.lapse() != nil:
		w.restore()
		return p.lapse()
	case err == nil:
		if !w.decided {
			w.WriteHeader(http.StatusOK) // as the server would, unseen by the scheme
		}
		return nil
	case p.status != 0:
		return err
	default:
		w.restore()
		return upstreamFailed(err)
	}
}

// serve runs the next handler. An abort while the answer is held back is an error
// like any other: the client has nothing of it yet.
func (w *answerWriter) serve() (err error) {
	defer func() {
		if !w.first.holding() {
			return
		}
		if cause := recover(); cause == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is thrown
			err = errBrokenOff
		} else if cause != nil {
			panic(cause)
		}
	}()
	w.passage.handedOn = true
	return w.passage.next.ServeHTTP(w, w.passage.call.Request)
}

// answerWriter lets the scheme see the final status line of the proxied answer,
// once, before it is sent. Interim answers pass (a writer that took a 103 for
// the answer would let the real one through unseen).
//
// Every way to send the header must come by here: Flush and ReadFrom of an inner
// writer would send it behind our back.
type answerWriter struct {
	*caddyhttp.ResponseWriterWrapper
	passage  *passage
	before   http.Header // the headers before the next handler set its own
	decided  bool
	replaced bool // the scheme's refusal was sent; what else comes is dropped
	first    firstLine
}

func (w *answerWriter) WriteHeader(status int) {
	if w.decided {
		if !w.replaced && !w.first.holding() {
			w.ResponseWriterWrapper.WriteHeader(status) // superfluous: let the server say so
		}
		return
	}
	if !final(status) {
		for _, name := range credentialHeaders { // the scheme sees the final answer only
			delete(w.Header(), name)
		}
		w.ResponseWriterWrapper.WriteHeader(status)
		return
	}
	w.decided = true
	if refusal := w.passage.scheme.Answer(&w.passage.call, status, w.Header()); refusal != nil {
		w.replace(refusal)
		return
	}
	withoutCredentials(w.Header())
	held, err := w.first.hold(status, w.Header())
	switch {
	case err != nil:
		w.replace(asRefusal(err))
	case !held:
		w.ResponseWriterWrapper.WriteHeader(status)
	}
}

// replace sends a refusal in place of the answer.
func (w *answerWriter) replace(refusal *schemes.Refusal) {
	w.replaced = true
	w.restore()
	w.passage.refuse(refusal)
}

// restore takes back the headers that the next handler set.
func (w *answerWriter) restore() {
	h := w.Header()
	clear(h)
	maps.Copy(h, w.before)
}

func (w *answerWriter) Write(data []byte) (int, error) {
	if !w.decided {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.replaced:
		return len(data), nil
	case w.first.holding():
		return w.hold(data)
	}
	return w.ResponseWriterWrapper.Write(data)
}

func (w *answerWriter) ReadFrom(r io.Reader) (int64, error) {
	if !w.decided {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.replaced:
		return io.Copy(io.Discard, r)
	case w.first.holding():
		return w.holdFrom(r)
	}
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError is what http.ResponseController calls.
func (w *answerWriter) FlushError() error {
	if !w.decided {
		w.WriteHeader(http.StatusOK)
	}
	if w.replaced || w.first.holding() {
		return nil // a whole line would not be held back any more
	}
	return http.NewResponseController(w.ResponseWriterWrapper.ResponseWriter).Flush()
}

// dropTrailers takes out the trailers that a handler set, announced or not.
func dropTrailers(h http.Header) {
	h.Del("Trailer")
	maps.DeleteFunc(h, func(name string, _ []string) bool {
		return strings.HasPrefix(name, http.TrailerPrefix)
	})
}

// withoutCredentials takes credential headers out of the trailers that an answer
// announces: there, the server's own would come behind the scheme's back.
func withoutCredentials(h http.Header) {
	announced, ok := h["Trailer"]
	if !ok {
		return
	}
	delete(h, "Trailer")
	for _, line := range announced {
		for name := range strings.SplitSeq(line, ",") {
			if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); !slices.Contains(credentialHeaders, name) {
				h.Add("Trailer", name)
			}
		}
	}
}

// Interface guards
var (
	_ interface{ FlushError() error }           = (*statusWriter)(nil)
	_ http.ResponseWriter                       = (*answerWriter)(nil)
	_ io.ReaderFrom                             = (*answerWriter)(nil)
	_ interface{ FlushError() error }           = (*answerWriter)(nil)
	_ interface{ Unwrap() http.ResponseWriter } = (*answerWriter)(nil)
)
