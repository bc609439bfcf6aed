package dx

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// wireBody is every answer of the contract that is no data, in the order of its members.
type wireBody struct {
	Type   any    `json:"type"` // a URN, or the status of one refusal
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

// notAuthorized is the refusal of a caller, the same for all that can be wrong with its
// token and for one that does not open the route.
func notAuthorized(f fault) *schemes.Refusal {
	reason := schemes.BadCredential
	switch {
	case f == faultNoToken:
		reason = schemes.NoCredential
	case f.ended():
		reason = schemes.EndedCredential
	}
	return &schemes.Refusal{Status: http.StatusUnauthorized, Reason: reason, Public: "Not Authorized", Cause: f}
}

// denied is the refusal of a caller whose token is good, by what the rules lack.
func denied(lack policies.Reason) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusUnauthorized, Reason: schemes.Forbidden, Public: "Not Authorized", Cause: lackOf(lack)}
}

// lackOf is a reason of the rules as a cause.
type lackOf policies.Reason

// Code implements schemes.Coded.
func (l lackOf) Code() string { return policies.Reason(l).String() }

func (l lackOf) Error() string { return strings.ReplaceAll(l.Code(), "_", " ") }

// badQuery is the refusal of a request that the original does not understand.
func badQuery(reason schemes.Reason, f fault) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusBadRequest, Reason: reason, Public: badQueryDetail, Cause: f}
}

const badQueryDetail = "Bad query"

// statusRefusal is one of which the status says it all.
func statusRefusal(status int, reason schemes.Reason) *schemes.Refusal {
	return &schemes.Refusal{Status: status, Reason: reason, Public: http.StatusText(status)}
}

// bodyOf is what a refusal's body says.
func (s *Scheme) bodyOf(refusal *schemes.Refusal) wireBody {
	title := titleOf(refusal.Status)
	switch refusal.Status {
	case http.StatusUnauthorized:
		return wireBody{s.config.URNPrefix + "invalidAuthorizationToken", "Not Authorized", "Not Authorized"}
	case http.StatusBadRequest:
		if errors.Is(refusal.Cause, faultPayload) {
			return wireBody{s.config.URNPrefix + "invalidPayloadFormat", title, refusal.Public}
		}
		return wireBody{http.StatusBadRequest, title, badQueryDetail}
	}
	return wireBody{s.config.URNPrefix + urnName(title), title, title}
}

// titleOf is what the original calls a status.
func titleOf(status int) string {
	if status == http.StatusRequestEntityTooLarge {
		return "Payload Too Large"
	}
	return http.StatusText(status)
}

// urnName makes methodNotAllowed of "Method Not Allowed".
func urnName(title string) string {
	name := strings.NewReplacer(" ", "", "-", "", "'", "").Replace(title)
	if name == "" {
		return "error"
	}
	return strings.ToLower(name[:1]) + name[1:]
}

// Refuse implements schemes.Scheme.
func (s *Scheme) Refuse(w http.ResponseWriter, call *schemes.Call, refusal *schemes.Refusal) {
	h := w.Header()
	if refusal.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(refusal.RetryAfter.Seconds()))))
	}
	if s.config.ShowReasons && refusal.Status == http.StatusUnauthorized {
		if challenge := challengeOf(refusal.Cause); challenge != "" {
			h.Set("WWW-Authenticate", challenge)
		}
	}
	s.write(w, call, refusal.Status, s.bodyOf(refusal))
}

// challengeOf says why a token is refused (RFC 6750 section 3); empty if it is not about
// a token.
func challengeOf(cause error) string {
	var (
		f    fault
		lack lackOf
	)
	switch {
	case errors.As(cause, &lack):
		return `Bearer error="insufficient_scope", error_description="` + lack.Error() + `"`
	case !errors.As(cause, &f) || f.ofWebhook():
		return ""
	case f == faultNoToken: // without a code: nothing was shown that could be invalid
		return `Bearer error_description="` + f.Error() + `"`
	case f == faultNotServer:
		return `Bearer error="insufficient_scope", error_description="` + f.Error() + `"`
	}
	return `Bearer error="invalid_token", error_description="` + f.Error() + `"`
}

// write writes an answer of the gateway's own, with the headers that the original sends
// with each of its own.
func (s *Scheme) write(w http.ResponseWriter, call *schemes.Call, status int, body wireBody) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(err) // it is of texts and a number
	}
	data := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate, max-age=0")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "0")
	h.Set("X-Content-Type-Options", "nosniff")
	if call.Request.Header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Origin", "*") // no cookie counts here, only headers that a page sets itself
	}
	w.WriteHeader(status)
	_, _ = w.Write(data) // the client is gone: nobody is left to tell
}
