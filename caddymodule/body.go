package caddymodule

import (
	"errors"
	"io"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// guardedBody is the body of a proxied request. A client can hold it open for as
// long as it sends a byte now and then, and the server behind begins to work when
// it is complete: so before its end is passed on, credential and rules are asked
// again. Without that, calls begun before a revocation would be answered long after
// it. It is read by a goroutine of the proxy's.
type guardedBody struct {
	io.ReadCloser
	passage *passage
	left    int64 // bytes until the end, if the length was announced; else negative
	passed  bool
	asking  bool
}

// errReadInRules says that a scheme reads the body of a call while its rules are asked
// again because of that body.
var errReadInRules = errors.New("the rules read a body that waits for them")

// guardBody wraps the body of a request that has one.
func (p *passage) guardBody() {
	r := p.call.Request
	if r.Body == nil || r.Body == http.NoBody || p.call.Identity == nil { // as askAgain has it
		return
	}
	r.Body = &guardedBody{ReadCloser: r.Body, passage: p, left: r.ContentLength}
}

func (b *guardedBody) Read(data []byte) (int, error) {
	n, err := b.ReadCloser.Read(data)
	if b.left >= 0 {
		b.left -= int64(n)
	}
	atEnd := err == io.EOF || b.left == 0 //nolint:errorlint // readers return io.EOF itself
	if !atEnd || b.passed {
		return n, err
	}
	if b.asking {
		return 0, errReadInRules // rather than without end
	}
	b.asking = true
	lapsed := b.passage.askAgain()
	b.asking = false
	if lapsed != nil {
		b.passage.lapsed.Store(&lapsed)
		return 0, lapsed
	}
	b.passed = true
	return n, err
}

// askAgain takes steps 3 and 5 once more, on a copy of the call. A call of nobody has no
// right that could end.
func (p *passage) askAgain() error {
	again := p.call
	if again.Identity == nil {
		return nil
	}
	var err error
	if again.Identity, err = p.scheme.Identify(again.Request.Context(), &again); err != nil {
		return err
	}
	if !again.Identity.MayCallFrom(again.ClientIP) {
		return schemes.AddressRefused()
	}
	if again.Decision = p.scheme.Decide(&again); !again.Decision.Allow {
		return p.scheme.Denied(&again)
	}
	return nil
}

// lapse is why the call lost its right while its body arrived, if it did.
func (p *passage) lapse() error {
	if lapsed := p.lapsed.Load(); lapsed != nil {
		return *lapsed
	}
	return nil
}
