package bitbroker

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// The headers by which a BitBroker's servers learn for which policy or connector a call is,
// and what it is counted by. No client's reaches them (internal/headers).
const (
	audienceField = "X-Bbk-Audience"
	rateField     = "X-Bbk-Rate-Uid"
)

// withheld are the headers that the server behind never gets from a client, as net/http
// spells them: credentials of any kind, and what would take the connection over, so that it
// outlives a revocation. The last are the gateway's own to say.
var withheld = []string{
	tokenField, "Authorization", "Proxy-Authorization", "Cookie", "X-Auth-Token", "Token", "Upgrade",
	"X-Forwarded-Scheme", audienceField, rateField,
}

// Forward implements schemes.Scheme: the server behind gets no token, and is told whose data
// the call is for. Host and path stay as they are: it makes the addresses in its answers of
// them.
func (s *Scheme) Forward(call *schemes.Call, out *http.Request) {
	for _, name := range withheld {
		delete(out.Header, name)
	}
	if change := s.visitOf(call).change; change.verb != noChange && !change.hasBody() {
		// Express acts as soon as it has the headers. A body that breaks off would take the
		// answer with it, and what was deleted would never be learnt.
		out.Body, out.ContentLength, out.TransferEncoding = http.NoBody, 0, nil
		delete(out.Header, "Content-Length")
	}
	if call.Identity == nil {
		return
	}
	h := holderOf(call.Identity)
	audience := h.connector
	if call.Identity.Kind == kindConsumer {
		audience = h.policy
		out.Header[rateField] = []string{kindConsumer + ":" + audience}
	}
	out.Header[audienceField] = []string{audience}
}

// checkContribution refuses a contributor that calls for another connector than its own: as one
// that there is not.
func (s *Scheme) checkContribution(call *schemes.Call, v *visit) *schemes.Refusal {
	if call.Identity == nil || len(v.below) < 2 || v.below[0] != "connector" {
		return nil // the API's own endpoints, or where a site's own rules let anybody
	}
	id, h := v.came[1], holderOf(call.Identity)
	if h.earlier == "" {
		if h.contribution == "" && call.OnTrial() {
			call.Trial.LeaveOpen("whether the contribution id is that of the connector")
			return nil
		}
		if id != h.contribution || id == "" {
			return missing(errOtherConnector)
		}
		return nil
	}
	// Which id is whose, the BitBroker that issued the token has not said. Only another's is
	// refused, and what a server behind might take for it in another spelling.
	if !isContribution(id) {
		return missing(errOtherConnector)
	}
	ctx := call.Request.Context()
	b, err := s.open(ctx)
	if err != nil {
		return schemes.Unavailable(err)
	}
	connector, _, err := b.Store.ContributionConnector(ctx, s.config.Realm, id)
	switch {
	case errors.Is(err, tokenstore.ErrNotFound), errors.Is(err, tokenstore.ErrInvalid):
		return nil
	case err != nil:
		return schemes.Unavailable(err)
	case connector.Slug != h.connector:
		return missing(errOtherConnector)
	}
	return nil
}

var errOtherConnector = errors.New("the contribution id is not that of the token's connector")

// standingPolicy returns the policy that a consumer's token is good for. Another one of its
// slug is none.
func (s *Scheme) standingPolicy(ctx context.Context, b *schemes.Backend, h *holder) (policy, *schemes.Refusal) {
	found, err := s.policyOf(ctx, b, h.policy)
	switch {
	case errors.Is(err, tokenstore.ErrNotFound) && h.earlier != "":
		return policy{}, nil // a BitBroker has it, and has not told of it
	case errors.Is(err, tokenstore.ErrNotFound), err == nil && found.life != h.life && h.earlier == "":
		return policy{}, forbidden(schemes.EndedCredential, errPolicyGone)
	case err != nil:
		return policy{}, schemes.Unavailable(err)
	}
	return found, nil
}

var errPolicyGone = errors.New("the policy of the token is gone")
