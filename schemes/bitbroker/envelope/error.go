package envelope

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// Fault is what is wrong with one member of a body.
type Fault struct {
	// Name is the dotted path of the member.
	Name string `json:"name"`
	// Index in an array; nil for what is in none.
	Index  *int   `json:"index"`
	Reason string `json:"reason"`
}

// failure is the one shape of errors. The message is an empty text, or faults.
type failure struct {
	Error struct {
		Code    int    `json:"code"`
		Status  string `json:"status"`
		Message any    `json:"message"`
	} `json:"error"`
}

// Refuse writes a refusal in BitBroker's error form. The message is empty: it tells a stranger
// nothing.
func Refuse(w http.ResponseWriter, r *http.Request, refusal *schemes.Refusal) {
	h := w.Header()
	if refusal.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((refusal.RetryAfter+time.Second-1)/time.Second)))
	}
	if refusal.Allow != "" {
		h.Set("Allow", refusal.Allow)
	}
	fail(w, r, refusal.Status, "")
}

// BadRequest writes what is wrong with a body.
func BadRequest(w http.ResponseWriter, r *http.Request, faults []Fault) {
	fail(w, r, http.StatusBadRequest, faults)
}

func fail(w http.ResponseWriter, r *http.Request, status int, message any) {
	var f failure
	f.Error.Code, f.Error.Status, f.Error.Message = status, phrase(status), message
	JSON(w, r, status, f)
}

// phrase is how a status is put in words, as by the library that BitBroker takes them from. It
// differs from Go's in one that is an error here.
func phrase(status int) string {
	if status == http.StatusRequestURITooLong {
		return "Request-URI Too Long"
	}
	return http.StatusText(status)
}
