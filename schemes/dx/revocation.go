package dx

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/strictjson"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// revocationPath is where AAA says that all tokens of a user are over. The servers behind
// do not have it.
const revocationPath = "/admin/revokeToken"

// maxRevocation bounds the body of a revocation, in bytes.
const maxRevocation = 4 << 10

// isRevocation tells whether the path of a call is the gateway's own.
func isRevocation(call *schemes.Call) bool { return call.Path.String() == revocationPath }

// Endpoints returns what the scheme serves itself, as methods and paths.
func (s *Scheme) Endpoints() []string { return []string{http.MethodPost + " " + revocationPath} }

// revocationDenial is why a call of the revocation is refused; nil if it may be made. Only
// AAA itself may: the server token of another service, or a user's, is none for it.
func revocationDenial(call *schemes.Call) *schemes.Refusal {
	switch id := call.Identity; {
	case call.Request.Method != http.MethodPost:
		return statusRefusal(http.StatusMethodNotAllowed, schemes.BadRequest)
	case id == nil:
		return notAuthorized(faultNoToken)
	case id.Kind != kindAAAServer:
		refusal := notAuthorized(faultNotServer)
		refusal.Reason = schemes.Forbidden
		return refusal
	case call.EarlyData:
		return schemes.TooEarly()
	}
	return nil
}

// serveRevocation ends the tokens of the user that the body names.
func (s *Scheme) serveRevocation(w http.ResponseWriter, call *schemes.Call) error {
	if call.Denial != nil {
		return call.Denial
	}
	id := call.Identity
	body, err := io.ReadAll(schemes.OwnBody(w, call.Request, maxRevocation))
	if err != nil {
		return badPayload()
	}
	user, ok := userIn(body)
	if !ok {
		return badPayload()
	}
	ctx := call.Request.Context()
	b, err := s.open(ctx)
	if err != nil {
		return schemes.Unavailable(err)
	}
	// The issuer's clock may run ahead, and tokens have its time: what it made before it
	// made this call is over, too.
	until := later(b.Store.Now(), id.Session.(*standing).issued)
	if _, err := b.Store.CutOff(ctx, s.config.Realm, user, "", until, kindAAAServer+" "+id.Subject); err != nil {
		return schemes.Unavailable(err)
	}
	s.write(w, call, http.StatusOK, wireBody{s.config.URNPrefix + "success", "Success", "Success"})
	return nil
}

func badPayload() *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusBadRequest, Reason: schemes.BadRequest, Cause: faultPayload,
		Public: `The body is not {"sub": "<id of a user>"}`,
	}
}

// userIn returns the user that the body of a revocation names, in lower case.
func userIn(body []byte) (user string, ok bool) {
	fields, err := strictjson.Fields(body)
	if err != nil || json.Unmarshal(fields["sub"], &user) != nil {
		return "", false
	}
	return userOf(user)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
