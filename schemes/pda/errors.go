package pda

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// frameworkBody is an error as the original's framework writes it: of routes, tokens and
// rights.
type frameworkBody struct {
	Error   string `json:"error"`
	Message any    `json:"message"`
}

// controllerBody is an error as the original's endpoints write it.
type controllerBody struct {
	Message string   `json:"message"`
	Cause   string   `json:"cause"`
	Details []string `json:"details,omitempty"`
}

// wireBody is the body of a refusal that its status alone does not say. It travels as the
// refusal's cause, around the real one.
type wireBody struct {
	body  any
	text  string // for the log, if there is no real cause
	cause error
}

func (b *wireBody) Error() string {
	if b.cause != nil {
		return b.cause.Error()
	}
	return b.text
}

func (b *wireBody) Unwrap() error { return b.cause }

// controllerRefusal is a refusal by an endpoint.
func controllerRefusal(status int, reason schemes.Reason, message, cause string, details ...string) *schemes.Refusal {
	return &schemes.Refusal{
		Status: status, Reason: reason, Public: cause,
		Cause: &wireBody{body: controllerBody{message, cause, details}, text: message + ": " + cause},
	}
}

// frameworkRefusal is a refusal before any endpoint; cause, for the log, may be nil.
func frameworkRefusal(status int, reason schemes.Reason, word, message string, cause error) *schemes.Refusal {
	return &schemes.Refusal{
		Status: status, Reason: reason, Public: message,
		Cause: &wireBody{body: frameworkBody{word, message}, text: message, cause: cause},
	}
}

// notAuthenticated is the refusal of a call without a good token, always the same for
// the caller. Its body is that of the status.
func notAuthenticated(reason schemes.Reason, cause error) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusUnauthorized, Reason: reason, Public: "Not Authenticated", Cause: cause}
}

// forbidden is the refusal of what a token does not open. Its body is that of the status.
func forbidden() *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusForbidden, Reason: schemes.Forbidden, Public: "Access Denied"}
}

// badRequest is the refusal of a request that cannot be understood; cause may be nil.
func badRequest(public string, cause error) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusBadRequest, Reason: schemes.BadRequest, Public: public, Cause: cause}
}

// noAccount is the refusal of a host that is no account's.
func noAccount(cause error) *schemes.Refusal {
	return frameworkRefusal(http.StatusNotFound, schemes.Missing, "Not Found", "HAT unavailable", cause)
}

// errNoHandler is what the log says of noHandler: a path may hold what logs must not.
var errNoHandler = errors.New("there is no such route")

// noHandler is the refusal of a route that there is not. The caller gets its path back, as
// from the original.
func noHandler(call *schemes.Call) *schemes.Refusal {
	return frameworkRefusal(http.StatusNotFound, schemes.Missing, "Handler Not Found",
		"Request handler at "+call.Request.Method+":"+call.Path.String()+" does not exist", errNoHandler)
}

// credentialsRequired is the refusal of a sign-in without a name or a password.
func credentialsRequired() *schemes.Refusal {
	return controllerRefusal(http.StatusUnauthorized, schemes.NoCredential, "Credentials required",
		"No username or password provided to retrieve token")
}

// signInsLimited is the refusal of a sign-in beyond the limits, with the status that the
// site says.
func signInsLimited(status int, retryAfter time.Duration) *schemes.Refusal {
	refusal := controllerRefusal(status, schemes.Limited, "Request rate exceeded", "Rate of requests from your IP exceeded",
		"Request to "+patternSignIn)
	refusal.RetryAfter = retryAfter
	return refusal
}

// oldPasswordInvalid and oldPasswordMissing refuse a change of the password.
func oldPasswordInvalid() *schemes.Refusal {
	return controllerRefusal(http.StatusForbidden, schemes.BadCredential, "Invalid password", "Old password invalid")
}

func oldPasswordMissing() *schemes.Refusal {
	return controllerRefusal(http.StatusForbidden, schemes.BadCredential, "Invalid password", "Old password missing")
}

// weakPassword is the refusal of a new password that can be guessed.
func weakPassword(hints []string) *schemes.Refusal {
	type problem struct {
		Messages []string `json:"msg"`
		Args     []string `json:"args"`
	}
	const text = "Minimum password requirement strength not met"
	if hints == nil {
		hints = []string{}
	}
	return &schemes.Refusal{
		Status: http.StatusBadRequest, Reason: schemes.BadRequest, Public: text,
		Cause: &wireBody{
			body: frameworkBody{"Bad Request", map[string][]problem{"obj.newPassword": {{[]string{text}, hints}}}},
			text: text,
		},
	}
}

// unknownApplication is the refusal of an application that the registry has not: with
// 404, but 400 where it is set up or disabled.
func unknownApplication(status int, id string) *schemes.Refusal {
	return controllerRefusal(status, schemes.Missing, "Application not Found",
		"Application "+id+" does not appear to be a valid application registered with the DEX")
}

// unknownApplicationPage is the same for strangers.
func unknownApplicationPage(id string) *schemes.Refusal {
	return controllerRefusal(http.StatusNotFound, schemes.Missing, "Not Found",
		"Application configuration for ID "+id+" could not be found. Make sure application is correctly registered")
}

// bodyOf is what a refusal's body says. Refusals for want of a token or of a right all
// say the same.
func bodyOf(refusal *schemes.Refusal) any {
	var wire *wireBody
	switch {
	case errors.As(refusal.Cause, &wire):
		return wire.body
	case refusal.Status == http.StatusUnauthorized:
		return frameworkBody{"Not Authenticated", "Not Authenticated"}
	case refusal.Status == http.StatusForbidden:
		return frameworkBody{"Forbidden", "Access Denied"}
	default:
		return frameworkBody{http.StatusText(refusal.Status), refusal.Public}
	}
}

// writeRefusal writes a refusal as the original does. A browser that asks for a page, and
// lacks a token or a right, is sent to the dashboard.
func writeRefusal(w http.ResponseWriter, r *http.Request, refusal *schemes.Refusal) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if refusal.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(refusal.RetryAfter.Seconds()))))
	}
	if refusal.Allow != "" {
		h.Set("Allow", refusal.Allow)
	}
	var wire *wireBody
	negotiated := refusal.Status == http.StatusUnauthorized || refusal.Status == http.StatusForbidden
	if negotiated && !errors.As(refusal.Cause, &wire) {
		h.Add("Vary", "Accept")
		if prefersPage(r.Header.Values("Accept")) {
			h.Set("Location", "/")
			h.Set("Content-Length", "0")
			w.WriteHeader(http.StatusSeeOther)
			return
		}
	}
	writeJSON(w, refusal.Status, bodyOf(refusal))
}

// writeJSON writes an answer of the gateway's own. The body is of strings and numbers.
func writeJSON(w http.ResponseWriter, status int, body any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(err)
	}
	data := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data) // the client is gone: nobody is left to tell
}
