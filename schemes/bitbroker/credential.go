package bitbroker

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// tokenField carries a token of any of the three kinds, as it is, without a word before it.
const tokenField = "X-Bbk-Auth-Token"

// Credential implements schemes.Scheme: one header x-bbk-auth-token. An empty one counts as
// none. Where the rules need nobody, or have no answer whoever calls, nobody is looked at.
func (s *Scheme) Credential(call *schemes.Call) (schemes.Credential, error) {
	switch call.Decision.Reason { // of what Public asked
	case policies.AllowedPublic, policies.NoRule, policies.MethodNotAllowed:
		return schemes.Credential{}, nil
	}
	value, _, err := headers.Single(call.Request.Header, tokenField)
	if err != nil {
		return schemes.Credential{}, &schemes.Refusal{Status: http.StatusBadRequest, Reason: schemes.BadRequest, Cause: err}
	}
	return schemes.NewCredential(value), nil
}
