package dx

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// Name of the scheme.
const Name = "dx"

// Scheme is the contract as one site configures it.
type Scheme struct {
	config   Config
	policy   *policies.Policy
	open     schemes.Opener
	keys     *issuers
	webhooks *webhooks
}

var (
	_ schemes.Scheme            = (*Scheme)(nil)
	_ schemes.Starter           = (*Scheme)(nil)
	_ schemes.Explainer         = (*Scheme)(nil)
	_ schemes.Presenter         = (*Scheme)(nil)
	_ schemes.Stranger          = (*Scheme)(nil)
	_ schemes.Based             = (*Scheme)(nil)
	_ schemes.OfflineIdentifier = (*Scheme)(nil)
)

// New returns the scheme of a site. It reads a key file, and opens nothing else. The errors
// are those of Config.Check, and of rules and keys that cannot be used.
func New(config Config, open schemes.Opener) (*Scheme, error) {
	return newScheme(config, open, time.Now)
}

func newScheme(config Config, open schemes.Opener, now func() time.Time) (*Scheme, error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	policy, err := config.compile()
	if err != nil {
		return nil, err
	}
	keys, err := newIssuers(&config, now)
	if err != nil {
		return nil, err
	}
	return &Scheme{config: config, policy: policy, open: open, keys: keys, webhooks: newWebhooks()}, nil
}

// Name implements schemes.Scheme.
func (s *Scheme) Name() string { return Name }

// Realm implements schemes.Scheme.
func (s *Scheme) Realm() string { return s.config.Realm }

// Paths implements schemes.Scheme: no client sends doubled slashes.
func (s *Scheme) Paths() canonpath.Options { return canonpath.Options{} }

// Public implements schemes.Scheme: there is nothing of the gateway's own that needs no
// token. It asks the rules as of nobody: where they need nobody, or name no such route,
// Credential looks at none.
func (s *Scheme) Public(call *schemes.Call) schemes.Endpoint {
	if !isRevocation(call) {
		call.Decision = s.ask(call)
	}
	return nil
}

// backend opens the store, and has the keys that were kept there taken once.
func (s *Scheme) backend(ctx context.Context) (*schemes.Backend, error) {
	b, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	s.keys.restore(ctx, b.Store)
	return b, nil
}

// Endpoint implements schemes.Scheme.
func (s *Scheme) Endpoint(call *schemes.Call) schemes.Endpoint {
	if !isRevocation(call) {
		return nil
	}
	call.Action = "revokeUserTokens"
	call.Denial = revocationDenial(call)
	return s.serveRevocation
}

// ask asks the rules alone.
func (s *Scheme) ask(call *schemes.Call) policies.Decision {
	decision := s.policy.Decide(call.Request.Method, call.Path.Segments(), call.Path.TrailingSlash(), call.PolicySubject())
	if decision.Reason == policies.MethodNotAllowed && slices.Equal(decision.Rule.Methods, preflightOnly) {
		// What browsers may ask of every path names no route.
		return policies.Decision{Reason: policies.NoRule}
	}
	return decision
}

var preflightOnly = []string{http.MethodOptions}

// Decide implements schemes.Scheme.
func (s *Scheme) Decide(call *schemes.Call) policies.Decision {
	decision := call.Decision // of Public, as of nobody
	if call.Identity != nil {
		decision = s.ask(call)
	}
	if !decision.Allow {
		return decision
	}
	if call.Denial = s.checkWebhook(call); call.Denial != nil {
		decision.Allow, decision.Reason = false, policies.ConditionFalse
	}
	return decision
}

// Explain implements schemes.Explainer.
func (s *Scheme) Explain(call *schemes.Call) []policies.Consideration {
	_, considered := s.policy.Explain(call.Request.Method, call.Path.Segments(), call.Path.TrailingSlash(), call.PolicySubject())
	// As for ask: what browsers may ask of every path is no rule for it.
	return slices.DeleteFunc(considered, func(c policies.Consideration) bool {
		return c.Outcome == policies.OtherMethod && slices.Equal(c.Rule.Methods, preflightOnly)
	})
}

// Base implements schemes.Based.
func (s *Scheme) Base() string { return schemes.BaseOf(s.policy, s.config.BasePath) }

// Denied implements schemes.Scheme. Whoever calls with whatever token gets the same answer;
// a route that there is not is said to be none.
func (s *Scheme) Denied(call *schemes.Call) *schemes.Refusal {
	if call.Denial != nil {
		return call.Denial
	}
	switch reason := call.Decision.Reason; reason {
	case policies.NotAuthenticated:
		if isVerification(call) {
			return badQuery(schemes.NoCredential, faultNoToken) // the original looks for a word of what is not there
		}
		return notAuthorized(faultNoToken)
	case policies.MethodNotAllowed:
		return statusRefusal(http.StatusMethodNotAllowed, schemes.BadRequest)
	case policies.NoRule:
		return s.noRoute(call)
	default:
		return denied(reason)
	}
}

// noRoute is the refusal of a path that no rule has. One that differs from a rule's in a
// slash at the end is answered as the original does, which finds its route and then not
// who may call it.
func (s *Scheme) noRoute(call *schemes.Call) *schemes.Refusal {
	if segments := call.Path.Segments(); call.Path.TrailingSlash() && len(segments) > 0 {
		decision := s.policy.Decide(call.Request.Method, segments, false, call.PolicySubject())
		switch {
		case decision.Rule == nil || slices.Equal(decision.Rule.Methods, preflightOnly):
		case decision.Reason == policies.MethodNotAllowed:
			return statusRefusal(http.StatusMethodNotAllowed, schemes.BadRequest)
		default:
			return badQuery(schemes.Missing, faultSlash)
		}
	}
	return statusRefusal(http.StatusNotFound, schemes.Missing)
}

// withheld are the headers that the server behind never gets from a client, as net/http
// spells them: credentials that are not of this contract, and what would take the
// connection over, so that it outlives a revocation.
var withheld = []string{"Proxy-Authorization", "Cookie", "X-Auth-Token", "X-Bbk-Auth-Token", "Upgrade"}

// Forward implements schemes.Scheme: the server behind reads the token again, so it gets
// what was checked, and nothing that nobody looked at.
func (s *Scheme) Forward(call *schemes.Call, out *http.Request) {
	for _, name := range withheld {
		delete(out.Header, name)
	}
	if call.Identity == nil {
		delete(out.Header, tokenField)
		delete(out.Header, "Authorization")
	}
}

// Present implements schemes.Presenter. On verifyPath only Authorization counts, and
// elsewhere too it does.
func (s *Scheme) Present(h http.Header, credential schemes.Credential) {
	h.Set("Authorization", fmt.Sprintf("Bearer %s", credential.Reveal()))
}

// Answer implements schemes.Scheme: what the server behind says, a 401 among it, is for the
// caller.
func (s *Scheme) Answer(*schemes.Call, int, http.Header) *schemes.Refusal { return nil }

// Compose implements schemes.Scheme.
func (s *Scheme) Compose(*schemes.Call) schemes.Compose { return nil }

// Learn implements schemes.Scheme.
func (s *Scheme) Learn(*schemes.Call) schemes.Learn { return nil }
