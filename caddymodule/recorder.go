package caddymodule

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// maxRecorded bounds an answer that is read, in bytes: a listing of a few
// hundred items is far below.
const maxRecorded = 16 << 20

var (
	errTooLong   = errors.New("the answer of the server behind is too long to be filtered")
	errBrokenOff = errors.New("the server behind broke off in the middle of its answer")
)

// recorder keeps an answer in memory. It is never sent as it is.
type recorder struct {
	header   http.Header
	status   int
	body     bytes.Buffer
	overflow bool
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && final(status) {
		r.status = status
	}
}

func (r *recorder) Write(data []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.body.Len()+len(data) > maxRecorded {
		r.overflow = true
		return 0, errTooLong // the proxy then aborts, by a panic
	}
	return r.body.Write(data)
}

// proxyAndRewrite reads the whole answer of the next handler, and sends what the
// scheme makes of it. The request asks for a plain, whole, unconditional answer:
// a compressed part of an unchanged listing could not be filtered.
func (p *passage) proxyAndRewrite(rewrite schemes.Rewrite) error {
	r := p.call.Request
	for _, name := range []string{
		"Accept-Encoding", "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
	} {
		r.Header.Del(name)
	}
	rec := &recorder{header: maps.Clone(p.w.Header())}
	err := p.serveRecorded(rec)
	if lapsed := p.lapse(); lapsed != nil {
		return lapsed
	}
	if err != nil {
		return upstreamFailed(err)
	}
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	if refusal := p.scheme.Answer(&p.call, rec.status, rec.header); refusal != nil {
		return refusal
	}
	body := rec.body.Bytes()
	switch {
	case rec.status == http.StatusSwitchingProtocols, rec.status == http.StatusPartialContent,
		rec.status >= 200 && rec.status < 400 && rec.status != http.StatusOK:
		return unfit(errors.New("a listing was answered with status " + strconv.Itoa(rec.status)))
	case rec.status == http.StatusOK:
		if encoding := rec.header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
			return unfit(errors.New("a listing was compressed unasked"))
		}
		for _, name := range []string{"Etag", "Last-Modified", "Content-Md5", "Digest", "Repr-Digest", "Content-Digest", "Accept-Ranges"} {
			rec.header.Del(name)
		}
		rec.header.Del("Content-Length")
		if r.Method == http.MethodHead {
			break // no body, and no length that tells what is hidden
		}
		if body, err = rewrite(rec.header, body); err != nil {
			return unfit(err)
		}
	}
	h := p.w.Header()
	clear(h) // what the next handler deleted stays deleted
	maps.Copy(h, rec.header)
	dropTrailers(h)
	if r.Method != http.MethodHead {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	p.w.WriteHeader(rec.status)
	_, _ = p.w.Write(body) // the client is gone: nobody is left to tell
	return nil
}

// serveRecorded runs the next handler. reverse_proxy aborts by panicking when it
// cannot write or the server behind breaks off: it believes that half an answer was
// sent. Here nothing was.
func (p *passage) serveRecorded(rec *recorder) (err error) {
	defer func() {
		cause := recover()
		if cause != nil && cause != http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is thrown
			panic(cause)
		}
		switch {
		case rec.overflow:
			err = errTooLong
		case cause != nil:
			err = errBrokenOff
		}
	}()
	return p.next.ServeHTTP(rec, p.call.Request)
}

// unfit is the refusal of an answer that cannot be filtered: nothing of it is
// sent.
func unfit(cause error) *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusBadGateway, Reason: schemes.UpstreamFailed, Cause: cause,
		Public: "The data server's answer cannot be read. Tell the data provider.",
	}
}
