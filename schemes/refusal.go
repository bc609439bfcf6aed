package schemes

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Reason is why a call was refused, from a fixed set: it labels metrics and
// stands in the audit line.
type Reason string

// The reasons beside those of the rules (policies.Reason).
const (
	OwnEndpoint     Reason = "own_endpoint"     // not refused: served by the scheme itself
	BadRequest      Reason = "bad_request"      // the request itself is not acceptable: 400
	BadCredential   Reason = "bad_credential"   // malformed, unknown, or of another realm
	EndedCredential Reason = "ended_credential" // expired, rotated or revoked
	Disabled        Reason = "disabled"         // whose recipient is disabled
	NoCredential    Reason = "no_credential"
	Missing         Reason = "missing"          // there is no such thing, for this caller
	Forbidden       Reason = "forbidden"        // known, and not allowed
	Conflict        Reason = "conflict"         // the state does not allow it now
	EarlyData       Reason = "early_data"       // one-time action in TLS early data: 425
	WrongAddress    Reason = "wrong_address"    // the credential may not be used from there: 403
	Limited         Reason = "limited"          // more calls than the subject may make: 429
	StoreFailed     Reason = "store_failed"     // 503
	KeysUnavailable Reason = "keys_unavailable" // a foreign issuer's: 503
	UpstreamFailed  Reason = "upstream_failed"  // 502, 503 or 504
	Internal        Reason = "internal"         // 500
)

// Refusal is an answer that is not what the caller wanted. As an error it goes
// from a scheme to the gate, which has it written by the scheme's Refuse.
type Refusal struct {
	// Status is the HTTP status.
	Status int
	Reason Reason
	// Public is what the caller is told: what happened and what to do. It must
	// tell a stranger nothing.
	Public string
	// RetryAfter is sent as Retry-After if positive, in whole seconds.
	RetryAfter time.Duration
	// Allow is sent as the header of that name with 405.
	Allow string
	// Cause is for the log only.
	Cause error
}

func (r *Refusal) Error() string {
	if r.Cause != nil {
		return fmt.Sprintf("%d %s: %v", r.Status, r.Reason, r.Cause)
	}
	return fmt.Sprintf("%d %s", r.Status, r.Reason)
}

func (r *Refusal) Unwrap() error { return r.Cause }

// Coded is a cause that is one of a fixed set, by a code. It tells nothing of a credential.
type Coded interface {
	error
	Code() string
}

// CauseCode returns the code of the cause, for the audit line; empty if it has none.
func (r *Refusal) CauseCode() string {
	var coded Coded
	if errors.As(r.Cause, &coded) {
		return coded.Code()
	}
	return ""
}

// Unavailable is the refusal for a store that cannot tell. It never opens.
func Unavailable(cause error) *Refusal {
	return &Refusal{
		Status: http.StatusServiceUnavailable, Reason: StoreFailed, Cause: cause, RetryAfter: time.Second,
		Public: "The gateway cannot check credentials at the moment. Try again shortly.",
	}
}

// WithoutKeys is the refusal of a token of a foreign issuer whose keys are not there yet,
// or too old. The issuer's fetches are logged where they fail, not each call.
func WithoutKeys(cause error) *Refusal {
	refusal := Unavailable(cause)
	refusal.Reason = KeysUnavailable
	return refusal
}

// MethodNotAllowed is the refusal of a method by one of a scheme's own endpoints.
func MethodNotAllowed(allow string) *Refusal {
	return &Refusal{
		Status: http.StatusMethodNotAllowed, Reason: BadRequest, Allow: allow,
		Public: "This method is not allowed here. Allowed: " + allow + ".",
	}
}

// AddressRefused is the refusal of a credential that is good, but not from there.
func AddressRefused() *Refusal {
	return &Refusal{
		Status: http.StatusForbidden, Reason: WrongAddress,
		Public: "Calls from this network address are not accepted. Ask the data provider.",
	}
}

// TooMany is the refusal of a call beyond a limit.
func TooMany(retryAfter time.Duration) *Refusal {
	return &Refusal{
		Status: http.StatusTooManyRequests, Reason: Limited, RetryAfter: retryAfter,
		Public: "Too many calls. Try again after the time that Retry-After says, in seconds.",
	}
}

// TooEarly is the refusal of a one-time action in TLS early data (RFC 8470
// section 5.2): the client repeats it once the handshake is complete.
func TooEarly() *Refusal {
	return &Refusal{
		Status: http.StatusTooEarly, Reason: EarlyData,
		Public: "Repeat the request after the TLS handshake.",
	}
}
