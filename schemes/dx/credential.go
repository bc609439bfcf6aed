package dx

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// tokenField carries a token as it is, without a word before it.
const tokenField = "Token"

// Credential implements schemes.Scheme: one header `token`, or `Authorization` with one
// bearer token or, as older clients of access control servers send it, with a token
// alone; or both with the same. Where the rules need nobody, or have no answer whoever
// calls, nobody is looked at. On verifyPath only a bearer token counts.
func (s *Scheme) Credential(call *schemes.Call) (schemes.Credential, error) {
	if !looksAtCaller(call) {
		return schemes.Credential{}, nil
	}
	raw, isRaw, err := headers.Single(call.Request.Header, tokenField)
	if err != nil {
		return schemes.Credential{}, badQuery(schemes.BadRequest, faultTwoTokens)
	}
	value, isBearer, err := headers.Single(call.Request.Header, "Authorization")
	if err != nil {
		return schemes.Credential{}, badQuery(schemes.BadRequest, faultTwoTokens)
	}
	bearer, ok := bearerOf(value)
	if !ok && !isVerification(call) && headers.IsToken68(value) {
		bearer, ok = value, true
	}
	switch {
	case isRaw && isBearer && (!ok || bearer != raw):
		return schemes.Credential{}, badQuery(schemes.BadRequest, faultTwoTokens)
	case isBearer && !ok:
		return schemes.Credential{}, notAuthorized(faultNotBearer)
	case isBearer:
		return schemes.NewCredential(bearer), nil
	case !isRaw, isVerification(call):
		return schemes.Credential{}, nil
	case !headers.IsToken68(raw): // also an empty one, and one behind the word Bearer
		return schemes.Credential{}, notAuthorized(faultMalformed)
	}
	return schemes.NewCredential(raw), nil
}

// looksAtCaller tells whether it counts who calls. It goes by what Public asked.
func looksAtCaller(call *schemes.Call) bool {
	if isRevocation(call) {
		return call.Request.Method == http.MethodPost
	}
	switch call.Decision.Reason {
	case policies.AllowedPublic, policies.NoRule, policies.MethodNotAllowed:
		return false
	}
	return true
}

// bearerOf returns the token of an Authorization value: two words with one space between
// them, as the original reads it, of which the first is Bearer in any case.
func bearerOf(value string) (token string, ok bool) {
	word, token, found := strings.Cut(value, " ")
	return token, found && strings.EqualFold(word, "Bearer") && headers.IsToken68(token)
}

// verifyPath is where the authorisation server asks whether there is a policy.
const verifyPath = "/verify"

func isVerification(call *schemes.Call) bool { return call.Path.String() == verifyPath }
