package pda

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Explain implements schemes.Explainer.
func (s *Scheme) Explain(call *schemes.Call) []policies.Consideration {
	var considered []policies.Consideration
	if segments, slash, ok := canonical(call.Path); ok {
		_, considered = s.policy.Explain(call.Request.Method, segments, slash, call.PolicySubject())
	}
	if len(considered) == 0 {
		if decision := s.decideDashboard(call, policies.Decision{}); decision.Rule != nil {
			considered = []policies.Consideration{{Rule: decision.Rule, Outcome: policies.Asked, Reason: decision.Reason}}
		}
	}
	return considered
}

// Present implements schemes.Presenter.
func (s *Scheme) Present(h http.Header, credential schemes.Credential) {
	h[tokenField] = []string{credential.Reveal()}
}

// Portray implements schemes.Portrayer: who is the host of an account, which must be the
// call's, and the identity is its owner.
func (s *Scheme) Portray(ctx context.Context, call *schemes.Call, who string) (*schemes.Identity, error) {
	host, err := canonpath.Host(who)
	if err != nil {
		return nil, tokenstore.ErrNotFound
	}
	if host != call.Host {
		return nil, notAuthenticated(schemes.BadCredential, errors.New("the token is another account's"))
	}
	b, err := s.open(ctx)
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	account, err := s.accountOf(ctx, b, host)
	switch {
	case errors.Is(err, errNoAccount):
		return nil, tokenstore.ErrNotFound
	case err != nil:
		return nil, schemes.Unavailable(err)
	case account.Disabled:
		return nil, notAuthenticated(schemes.Disabled, tokenstore.ErrAccountDisabled)
	}
	id := &schemes.Identity{
		Scheme: Name, Realm: s.config.Realm, Kind: kindOwner, Subject: account.ID, Name: account.Host,
	}
	s.Complete(id)
	return id, nil
}

// Complete implements schemes.Completer: the roles of an application are its grants, and an
// identity keeps of its token what is forwarded.
func (s *Scheme) Complete(id *schemes.Identity) {
	kept := new(family)
	switch id.Kind {
	case kindOwner:
		id.Roles, id.Grants = []string{kindOwner}, ownerGrants
	case kindApplication:
		id.Grants = newGrants(id.Roles)
		kept.claims.Application = id.Subject
	}
	id.Session = kept
}

// Interface guards
var (
	_ schemes.Explainer = (*Scheme)(nil)
	_ schemes.Presenter = (*Scheme)(nil)
	_ schemes.Portrayer = (*Scheme)(nil)
	_ schemes.Completer = (*Scheme)(nil)
)
