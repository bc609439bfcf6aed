package dx

import "strings"

// fault is why a credential is refused, as a fixed code: callers all get the same
// answer, the audit line has the code. It tells nothing of the token.
type fault string

// What can be wrong with a credential.
const (
	faultNoToken       fault = "no_token"
	faultTwoTokens     fault = "two_tokens"      // headers that differ, or one of them twice
	faultNotBearer     fault = "not_bearer"      // Authorization with another word, or with more or fewer than it takes
	faultMalformed     fault = "malformed"       // no JWT, or one that two readers could understand differently
	faultSignature     fault = "wrong_signature" // also with another algorithm, or as DER
	faultUnknownKey    fault = "unknown_key"     // the issuer has none of the algorithm, or of that id
	faultIssuer        fault = "wrong_issuer"
	faultExpired       fault = "expired"
	faultNoExpiry      fault = "no_expiry"
	faultNoIssueTime   fault = "no_issue_time"
	faultFuture        fault = "issued_in_future"
	faultNotYet        fault = "not_valid_yet" // by nbf
	faultNoAudience    fault = "no_audience"   // or one that is no text
	faultAudience      fault = "wrong_audience"
	faultNoItem        fault = "no_iid"
	faultNoIdentity    fault = "no_identity_token" // an access token, or one for another kind of item
	faultItem          fault = "iid_mismatch"
	faultSubject       fault = "bad_subject"
	faultRole          fault = "unknown_role"
	faultNoDelegator   fault = "no_delegator"
	faultUnknownClient fault = "unknown_client" // of Keycloak
	faultTokenType     fault = "wrong_token_type"
	faultRevoked       fault = "revoked"
	faultNotServer     fault = "not_aaa_server" // good, but not the authorisation server's own
)

// What can be wrong with other things.
const (
	faultNoSignature  fault = "no_webhook_signature"
	faultBadSignature fault = "bad_webhook_signature"
	faultPayload      fault = "invalid_payload" // the body of a revocation
	faultSlash        fault = "trailing_slash"  // where the rules have the path without it
)

// Code implements schemes.Coded.
func (f fault) Code() string { return string(f) }

// Error is the code in words.
func (f fault) Error() string { return strings.ReplaceAll(string(f), "_", " ") }

// ended tells whether the credential was good once.
func (f fault) ended() bool { return f == faultExpired || f == faultRevoked }

// ofWebhook tells whether it is about a webhook's signature, and no token.
func (f fault) ofWebhook() bool { return f == faultNoSignature || f == faultBadSignature }
