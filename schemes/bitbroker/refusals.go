package bitbroker

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// The refusals of the contract. Callers are told no more than the status; the cause is for
// the log.

func notAuthorized(reason schemes.Reason, cause error) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusUnauthorized, Reason: reason, Cause: cause}
}

func forbidden(reason schemes.Reason, cause error) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusForbidden, Reason: reason, Cause: cause}
}

func missing(cause error) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusNotFound, Reason: schemes.Missing, Cause: cause}
}

func conflict(cause error) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusConflict, Reason: schemes.Conflict, Cause: cause}
}

// notAllowed is the refusal of a coordinator that would end its own being one.
func notAllowed(cause error) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusMethodNotAllowed, Reason: schemes.Forbidden, Cause: cause}
}
