package caddymodule

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// maxFirstLine is how much of an answer is held back for its first line, in bytes.
// What a scheme must learn of is far shorter; a longer line streams unlearnt.
const maxFirstLine = 64 << 10

// firstLine holds back header and beginning of an answer until its first line is
// whole, so that what the line tells is known here before the client knows it.
type firstLine struct {
	learn  schemes.Learn
	status int // that waits; 0: nothing is held back
	held   []byte
}

// hold begins to hold back an answer, if its first line is to be learnt. The error
// says that it cannot be read.
func (f *firstLine) hold(status int, h http.Header) (bool, error) {
	if f.learn == nil || status < 200 || status > 299 {
		return false, nil
	}
	if compressed(h) {
		return false, unfit(errors.New("an answer whose first line must be read was compressed unasked"))
	}
	f.status = status
	return true, nil
}

func (f *firstLine) holding() bool { return f.status != 0 }

// add takes more of the answer, and tells whether enough of it is there.
func (f *firstLine) add(data []byte) bool {
	searched := len(f.held)
	f.held = append(f.held, data...)
	return len(f.held) > maxFirstLine || bytes.IndexByte(f.held[searched:], '\n') >= 0
}

// line is the first line, without its line break. At the end of an answer the last
// line needs none.
func (f *firstLine) line(atEnd bool) ([]byte, bool) {
	at := bytes.IndexByte(f.held, '\n')
	if at < 0 && atEnd {
		at = len(f.held)
	}
	if at < 0 || at > maxFirstLine {
		return nil, false
	}
	return bytes.TrimSuffix(f.held[:at], []byte("\r")), true
}

// release lets the scheme learn the line and sends what was held back, or the
// scheme's refusal in its place.
func (w *answerWriter) release(atEnd bool) error {
	f := &w.first
	status, held := f.status, f.held
	line, whole := f.line(atEnd)
	f.status, f.held = 0, nil
	if lapsed := w.passage.lapse(); lapsed != nil {
		w.replace(asRefusal(lapsed))
		return nil
	}
	if whole {
		if err := f.learn(w.passage.call.Request.Context(), line); err != nil {
			w.replace(asRefusal(err))
			return nil
		}
	}
	w.ResponseWriterWrapper.WriteHeader(status)
	_, err := w.ResponseWriterWrapper.Write(held)
	return err
}

// hold is Write while the answer is held back.
func (w *answerWriter) hold(data []byte) (int, error) {
	if !w.first.add(data) {
		return len(data), nil
	}
	return len(data), w.release(false)
}

// holdFrom is ReadFrom while the answer is held back.
func (w *answerWriter) holdFrom(r io.Reader) (n int64, err error) {
	chunk := make([]byte, 4<<10)
	for w.first.holding() && err == nil {
		var read int
		read, err = r.Read(chunk)
		n += int64(read)
		if read > 0 {
			if _, failed := w.hold(chunk[:read]); failed != nil {
				return n, failed
			}
		}
	}
	if err == io.EOF { //nolint:errorlint // readers return io.EOF itself
		return n, nil
	}
	if err != nil {
		return n, err
	}
	rest, err := w.ReadFrom(r)
	return n + rest, err
}
