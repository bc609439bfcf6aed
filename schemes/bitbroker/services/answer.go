package services

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// The content types of the two services.
const (
	authJSON = "application/json; charset=utf-8"
	rateJSON = "application/json"
	htmlText = "text/html; charset=utf-8" // of a bare text of the auth service
	bareText = "text/plain; charset=utf-8"
)

// maxBody bounds the body of a call, in bytes.
const maxBody = 1 << 20

// NotFound is the refusal of a call that is for nothing that is served here.
func NotFound(cause error) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusNotFound, Reason: schemes.Missing, Public: "Not Found", Cause: cause}
}

// invalid is the refusal of a request that cannot be understood, in the auth service's words.
func invalid(public string) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusBadRequest, Reason: schemes.BadRequest, Public: public}
}

// unheeded is why something failed of which a BitBroker must not believe that it was a success: it looks
// at no status of these answers.
type unheeded struct{ error }

func (u unheeded) Unwrap() error { return u.error }

// failedUnheeded is the refusal of a change that the store could not make.
func failedUnheeded(err error) *schemes.Refusal { return schemes.Unavailable(unheeded{err}) }

// refusedUnheeded is a refusal of which a BitBroker must not believe that it was none.
func refusedUnheeded(refusal *schemes.Refusal) *schemes.Refusal {
	refusal.Cause = unheeded{cmp.Or(refusal.Cause, errors.New(refusal.Public))}
	return refusal
}

// BreaksOff tells whether the connection is to be broken off instead of an answer: that, and
// no status, keeps a BitBroker from going on as if the gateway had done what it was asked.
func BreaksOff(refusal *schemes.Refusal) bool {
	_, ok := errors.AsType[unheeded](refusal.Cause)
	return ok
}

// Refuse writes a refusal as the auth service does: a status and a bare text.
func Refuse(w http.ResponseWriter, refusal *schemes.Refusal) {
	if refusal.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(refusal.RetryAfter.Seconds()))))
	}
	write(w, refusal.Status, htmlText, []byte(refusal.Public))
}

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, status int, contentType string, value any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // it is of texts and numbers
	}
	data := text.Bytes()
	if contentType == authJSON {
		data = bytes.TrimSuffix(data, []byte("\n"))
	}
	write(w, status, contentType, data)
}

func write(w http.ResponseWriter, status int, contentType string, data []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(data) // the client is gone: nobody is left to tell
}

// readBody reads the body of a call.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *schemes.Refusal) {
	body, err := io.ReadAll(schemes.OwnBody(w, r, maxBody))
	switch _, tooLong := errors.AsType[*http.MaxBytesError](err); {
	case tooLong:
		return nil, &schemes.Refusal{Status: http.StatusRequestEntityTooLarge, Reason: schemes.BadRequest, Public: "request entity too large"}
	case err != nil:
		return nil, invalid("request aborted")
	}
	return body, nil
}

// isJSON tells whether a body is to be read as JSON. The auth service takes any other for an
// empty one.
func isJSON(r *http.Request) bool {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && mediaType == "application/json"
}
