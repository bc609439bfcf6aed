package databricks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// envelope is the error body of Databricks' REST API.
type envelope struct {
	ErrorCode string `json:"error_code"`
	Message   string `json:"message"`
}

// Error codes, as Databricks' clients know them.
const (
	codeInvalid       = "INVALID_PARAMETER_VALUE"
	codeState         = "INVALID_STATE"
	codeExists        = "RECIPIENT_ALREADY_EXISTS"
	codeNoRecipient   = "RECIPIENT_DOES_NOT_EXIST"
	codeMissing       = "RESOURCE_DOES_NOT_EXIST"
	codePolicyExists  = "RESOURCE_ALREADY_EXISTS"
	codeNoEndpoint    = "ENDPOINT_NOT_FOUND"
	codeInternal      = "INTERNAL_ERROR"
	codeUnavailable   = "TEMPORARILY_UNAVAILABLE"
	codeDenied        = "PERMISSION_DENIED"
	codeUnknownCaller = "UNAUTHENTICATED"
)

// codes are the error codes of refusals that have no more special one.
var codes = map[int]string{
	http.StatusUnauthorized:       codeUnknownCaller,
	http.StatusForbidden:          codeDenied,
	http.StatusNotFound:           codeMissing,
	http.StatusMethodNotAllowed:   codeNoEndpoint,
	http.StatusGone:               codeMissing,
	http.StatusTooEarly:           codeState,
	http.StatusTooManyRequests:    "RESOURCE_EXHAUSTED",
	http.StatusServiceUnavailable: codeUnavailable,
}

// fault is a refusal with its error code.
type fault struct {
	schemes.Refusal
	code string
}

func newFault(status int, code string, reason schemes.Reason, format string, args ...any) *fault {
	return &fault{schemes.Refusal{Status: status, Reason: reason, Public: fmt.Sprintf(format, args...)}, code}
}

// invalid says what of a request cannot be.
func invalid(format string, args ...any) *fault {
	return newFault(http.StatusBadRequest, codeInvalid, schemes.BadRequest, format, args...)
}

// conflict says why what there is does not let a change be made.
func conflict(format string, args ...any) *fault {
	return newFault(http.StatusBadRequest, codeState, schemes.Conflict, format, args...)
}

func noEndpoint() *fault {
	return newFault(http.StatusNotFound, codeNoEndpoint, schemes.Missing, "There is no such endpoint here.")
}

func noRecipient(name string) *fault {
	return newFault(http.StatusNotFound, codeNoRecipient, schemes.Missing, "Recipient '%s' does not exist.", name)
}

// faultOf is the one mapping of errors to what a caller is told.
func faultOf(err error, c *call) *fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	if refusal, ok := errors.AsType[*schemes.Refusal](err); ok {
		code, known := codes[refusal.Status]
		switch {
		case !known && refusal.Status < http.StatusInternalServerError:
			code = codeInvalid
		case !known:
			code = codeInternal
		}
		return &fault{*refusal, code}
	}
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return newFault(http.StatusRequestEntityTooLarge, codeInvalid, schemes.BadRequest, "The request is longer than %d bytes.", maxBody)
	}
	f := &fault{}
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		f = noRecipient(c.values["name"])
	case errors.Is(err, tokenstore.ErrExists):
		f = newFault(http.StatusBadRequest, codeExists, schemes.Conflict, "A recipient of that name exists already.")
	case errors.Is(err, tokenstore.ErrTooManyTokens):
		f = newFault(http.StatusBadRequest, codeInvalid, schemes.Conflict,
			"There are already two active tokens for recipient %s. Wait until the older one has expired, or rotate with 0 seconds.", c.values["name"])
	case errors.Is(err, tokenstore.ErrInvalid):
		f = invalid("%s", sentence(err))
	case errors.Is(err, tokenstore.ErrOutcomeUnknown):
		f = newFault(http.StatusInternalServerError, codeInternal, schemes.StoreFailed,
			"It is not known whether the change was made. Look before you try again.")
	case isOurFault(err):
		f = newFault(http.StatusInternalServerError, codeInternal, schemes.Internal, "The gateway failed to answer; its log says why.")
	default:
		// The store did nothing, and may do it later.
		f = newFault(http.StatusServiceUnavailable, codeUnavailable, schemes.StoreFailed, "The gateway cannot reach its store at the moment. Try again shortly.")
		f.RetryAfter = time.Second
	}
	f.Cause = err
	return f
}

// isOurFault tells whether an error stays when the call is made again.
func isOurFault(err error) bool {
	for _, lasting := range []error{tokenstore.ErrRecord, tokenstore.ErrTooLarge, secret.ErrSealedAltered, secret.ErrSealedUnknownKey} {
		if errors.Is(err, lasting) {
			return true
		}
	}
	return false
}

// sentence is the text of a tokenstore.ErrInvalid as one that begins with what is
// wrong.
func sentence(err error) string {
	return strings.ReplaceAll(err.Error(), tokenstore.ErrInvalid.Error()+": ", "")
}

// write sends the refusal.
func (f *fault) write(w http.ResponseWriter) {
	h := w.Header()
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	if f.Allow != "" {
		h.Set("Allow", f.Allow)
	}
	switch f.Status {
	case http.StatusUnauthorized:
		challenge := `Bearer realm="gatehouse"`
		if f.Reason != schemes.NoCredential {
			challenge += `, error="invalid_token"` // RFC 6750 section 3: only if one was presented
		}
		h.Set("WWW-Authenticate", challenge)
	case http.StatusForbidden:
		if f.Reason == schemes.Forbidden {
			h.Set("WWW-Authenticate", `Bearer realm="gatehouse", error="insufficient_scope"`)
		}
	}
	// What it quotes of the request may be a token that was pasted in the wrong place.
	writeJSON(w, f.Status, envelope{f.code, secret.Redact(f.Public)})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(err) // the bodies are structs of texts and numbers
	}
	writeBytes(w, status, data.Bytes())
}

func writeBytes(w http.ResponseWriter, status int, data []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data) // the client is gone: nobody is left to tell
}
