package delta

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// protocolError is the protocol's error body. Python and Spark print the
// message, so what to do stands there.
type protocolError struct {
	ErrorCode string `json:"errorCode"`
	Message   string `json:"message"`
}

// problem is an error body of the credentials API (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// errorCodes are the protocol's words for a status.
var errorCodes = map[int]string{
	http.StatusBadRequest:          "INVALID_PARAMETER_VALUE",
	http.StatusUnauthorized:        "UNAUTHENTICATED",
	http.StatusForbidden:           "PERMISSION_DENIED",
	http.StatusNotFound:            "RESOURCE_DOES_NOT_EXIST",
	http.StatusMethodNotAllowed:    "UNSUPPORTED_OPERATION",
	http.StatusGone:                "RESOURCE_DOES_NOT_EXIST",
	http.StatusTooEarly:            "INVALID_STATE",
	http.StatusTooManyRequests:     "RESOURCE_EXHAUSTED",
	http.StatusBadGateway:          "UPSTREAM_ERROR",
	http.StatusServiceUnavailable:  "TEMPORARILY_UNAVAILABLE",
	http.StatusGatewayTimeout:      "UPSTREAM_TIMEOUT",
	http.StatusInternalServerError: "INTERNAL_ERROR",
}

// writeProtocolError writes a refusal as the protocol has it.
func writeProtocolError(w http.ResponseWriter, refusal *schemes.Refusal) {
	refusalHeaders(w.Header(), refusal)
	writeJSON(w, refusal.Status, "application/json; charset=utf-8", protocolError{errorCode(refusal.Status), refusal.Public})
}

// errorCode is the word for a status.
func errorCode(status int) string {
	if code, ok := errorCodes[status]; ok {
		return code
	}
	if status < http.StatusInternalServerError {
		return errorCodes[http.StatusBadRequest]
	}
	return errorCodes[http.StatusInternalServerError]
}

// writeProblem writes a refusal of the credentials API.
func writeProblem(w http.ResponseWriter, refusal *schemes.Refusal) {
	refusalHeaders(w.Header(), refusal)
	writeJSON(w, refusal.Status, "application/problem+json", problem{
		Type: "about:blank", Title: http.StatusText(refusal.Status), Status: refusal.Status, Detail: refusal.Public,
	})
}

// refusalHeaders sets what goes with a status whatever the body's format.
func refusalHeaders(h http.Header, refusal *schemes.Refusal) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if refusal.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(refusal.RetryAfter.Seconds())))
	}
	if refusal.Allow != "" {
		h.Set("Allow", refusal.Allow)
	}
	switch refusal.Status {
	case http.StatusUnauthorized:
		challenge := `Bearer realm="delta-sharing"`
		if refusal.Reason != schemes.NoCredential {
			challenge += `, error="invalid_token"` // RFC 6750 section 3: only if one was presented
		}
		h.Set("WWW-Authenticate", challenge)
	case http.StatusForbidden:
		if refusal.Reason == schemes.Forbidden {
			h.Set("WWW-Authenticate", `Bearer realm="delta-sharing", error="insufficient_scope"`)
		}
	}
}

func writeJSON(w http.ResponseWriter, status int, contentType string, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		panic(err) // the bodies are structs of strings and numbers
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data) // the client is gone: nobody is left to tell
}

// missing is the answer for what does not exist, or is not granted: the two must
// not differ, or names could be probed. It replaces the server's own 404 too.
func missing() *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusNotFound, Reason: schemes.Missing,
		Public: "There is no such object here, or it is not shared with you.",
	}
}
