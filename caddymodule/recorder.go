package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// maxRecorded bounds an answer that is read, in bytes: a listing of a few
// hundred items is far below.
const maxRecorded = 16 << 20

var (
	errTooLong   = errors.New("the answer of the server behind is too long to be filtered")
	errBrokenOff = errors.New("the server behind broke off in the middle of its answer")
)

// recorded lends the memory that answers are recorded in: a page of a listing is large
// enough for the garbage collector to notice.
var recorded = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxLent is the capacity, in bytes, above which memory is not kept.
const maxLent = 1 << 20

func giveBack(body *bytes.Buffer) {
	if body.Cap() <= maxLent {
		body.Reset()
		recorded.Put(body)
	}
}

// recorder keeps an answer in memory. It is never sent as it is.
type recorder struct {
	ctx      context.Context
	header   http.Header
	status   int
	body     *bytes.Buffer
	overflow bool
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && final(status) {
		r.status = status
	}
}

// Write fails when the answer is too long, or takes too long: a proxy that is set
// up to stream does not look at the context. It then aborts, by a panic.
func (r *recorder) Write(data []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.body.Len()+len(data) > maxRecorded {
		r.overflow = true
		return 0, errTooLong
	}
	return r.body.Write(data)
}

// serve runs a handler. reverse_proxy aborts by panicking when it cannot write or
// the server behind breaks off: it believes that half an answer was sent. Here
// nothing was.
func (r *recorder) serve(next caddyhttp.Handler, request *http.Request) (err error) {
	defer func() {
		cause := recover()
		if cause != nil && cause != http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is thrown
			panic(cause)
		}
		switch {
		case r.overflow:
			err = errTooLong
		case cause != nil:
			err = errBrokenOff
		}
	}()
	return next.ServeHTTP(r, request)
}
