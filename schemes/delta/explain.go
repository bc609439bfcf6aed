package delta

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Explain implements schemes.Explainer.
func (s *Scheme) Explain(call *schemes.Call) []policies.Consideration {
	_, considered := s.policy.Explain(call.Request.Method, call.Path.Segments(), call.Path.TrailingSlash(), call.PolicySubject())
	return considered
}

// Base implements schemes.Based.
func (s *Scheme) Base() string { return schemes.BaseOf(s.policy, s.config.Endpoint) }

// Portray implements schemes.Portrayer: who is the name or the id of a recipient. On data
// calls it is the recipient with a token of its own, at the credentials API with its
// management key.
func (s *Scheme) Portray(ctx context.Context, call *schemes.Call, who string) (*schemes.Identity, error) {
	backend, err := s.open(ctx)
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	recipient, err := backend.Store.Recipient(ctx, s.config.Realm, who)
	if err != nil {
		return nil, err
	}
	switch end := recipient.NotAfter; {
	case recipient.Disabled:
		return nil, disabledRefusal(nil)
	case !end.IsZero() && !backend.Store.Now().Before(end):
		return nil, tokenRefusal(&tokenstore.EndedError{Reason: tokenstore.Expired, At: end})
	}
	identity, err := s.recipientIdentity(&recipient)
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	identity.Expiry = recipient.NotAfter
	if s.areaOf(call.Path) == credentials {
		identity.Kind, identity.Roles, identity.Grants = kindManager, []string{roleRead, roleWrite}, nil
	}
	return identity, nil
}

// Complete implements schemes.Completer: who is made up was granted nothing.
func (s *Scheme) Complete(id *schemes.Identity) { id.Grants = newGrantSet(nil) }

// Interface guards
var (
	_ schemes.Explainer = (*Scheme)(nil)
	_ schemes.Based     = (*Scheme)(nil)
	_ schemes.Portrayer = (*Scheme)(nil)
	_ schemes.Completer = (*Scheme)(nil)
)
