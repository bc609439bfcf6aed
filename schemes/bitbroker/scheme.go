package bitbroker

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/coordinator"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Name of the scheme.
const Name = "bitbroker"

// Scheme is the contract as one site configures it.
type Scheme struct {
	config Config
	apis   []api
	policy *policies.Policy
	open   schemes.Opener
	// coordinator serves what the gateway answers itself of the coordinator API.
	coordinator *coordinator.API
	earlier     *earlier // nil if no earlier tokens are good
}

var (
	_ schemes.Scheme    = (*Scheme)(nil)
	_ schemes.Starter   = (*Scheme)(nil)
	_ schemes.Metered   = (*Scheme)(nil)
	_ schemes.Unbroken  = (*Scheme)(nil)
	_ schemes.Explainer = (*Scheme)(nil)
	_ schemes.Presenter = (*Scheme)(nil)
	_ schemes.Portrayer = (*Scheme)(nil)
	_ schemes.Completer = (*Scheme)(nil)
	_ schemes.Stranger  = (*Scheme)(nil)
)

// New returns the scheme of a site. It reads a key file, and opens nothing else. The errors
// are those of Config.Check, of rules and of keys that cannot be used.
func New(config Config, open schemes.Opener) (*Scheme, error) {
	return newScheme(config, open, time.Now)
}

func newScheme(config Config, open schemes.Opener, now func() time.Time) (*Scheme, error) {
	config = config.withDefaults()
	if err := config.Check(); err != nil {
		return nil, err
	}
	policy, err := config.compile()
	if err != nil {
		return nil, err
	}
	s := &Scheme{config: config, apis: config.apis(), policy: policy, open: open}
	s.coordinator = coordinator.New(coordinator.Config{
		Realm: config.Realm, TokenLifetime: config.TokenLifetime, ReissueOverlap: config.ReissueOverlap,
		AllowSelfDelete: config.AllowSelfDelete, AppSecret: config.AppSecret, NewToken: NewToken,
	}, open)
	if config.Earlier != nil {
		if s.earlier, err = newEarlier(&config, now); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Config returns how the site is configured.
func (s *Scheme) Config() Config { return s.config }

// Name implements schemes.Scheme.
func (s *Scheme) Name() string { return Name }

// Realm implements schemes.Scheme.
func (s *Scheme) Realm() string { return s.config.Realm }

// Paths implements schemes.Scheme: no client sends doubled slashes.
func (s *Scheme) Paths() canonpath.Options { return canonpath.Options{} }

// visit is what the scheme notes of a call.
type visit struct {
	place
	change change // that the call is to make; the zero one of calls that make none
	// removal is set once the call is about to remove a coordinator.
	removal *removal
}

// visitOf returns what is noted of a call.
func (s *Scheme) visitOf(call *schemes.Call) *visit {
	if noted, ok := call.State.(*visit); ok {
		return noted
	}
	noted := &visit{place: s.placeOf(call.Path)}
	if s.config.InFront && noted.is(kindCoordinator) {
		noted.change = changeOf(call.Request.Method, noted.below)
	}
	call.State = noted
	return noted
}

// Public implements schemes.Scheme: what a browser asks before it calls needs no token. It
// asks the rules as of nobody: where they need nobody, or name no such method and path,
// Credential looks at none.
func (s *Scheme) Public(call *schemes.Call) schemes.Endpoint {
	v := s.visitOf(call)
	call.Decision = s.ask(call)
	if call.Decision.Allow && call.Request.Method == http.MethodOptions && !s.config.InFront && v.is(kindCoordinator) {
		return func(w http.ResponseWriter, call *schemes.Call) error {
			envelope.Preflight(w, call.Request)
			return nil
		}
	}
	return nil
}

// ask asks the rules alone. Outside of the APIs only what anybody may call is there.
func (s *Scheme) ask(call *schemes.Call) policies.Decision {
	v := s.visitOf(call)
	decision := s.policy.Decide(call.Request.Method, v.segments, v.slash, subjectOf(call, v))
	if v.api == nil && decision.Reason != policies.AllowedPublic {
		return policies.Decision{Reason: policies.NoRule}
	}
	return decision
}

// subjectOf is what the rules see of a call in an API: its path as place has it, also in
// conditions.
func subjectOf(call *schemes.Call, v *visit) policies.Subject {
	subject := call.PolicySubject()
	if v.api != nil {
		subject.Facts = (*facts)(call)
	}
	return subject
}

// facts are those of a call in an API.
type facts schemes.Call

// Fact implements policies.Facts.
func (f *facts) Fact(name string) any {
	fact := (*schemes.Call)(f).Fact(name)
	if path, ok := fact.(string); ok && name == policies.FactPath {
		return strings.TrimSuffix(fold(path), "/")
	}
	return fact
}

// Decide implements schemes.Scheme.
func (s *Scheme) Decide(call *schemes.Call) policies.Decision {
	decision := s.ask(call)
	if !decision.Allow {
		return decision
	}
	if call.Denial = s.denial(call); call.Denial != nil {
		decision.Allow, decision.Reason = false, policies.ConditionFalse
	}
	return decision
}

// denial is why a call is denied that the rules allow.
func (s *Scheme) denial(call *schemes.Call) *schemes.Refusal {
	v := s.visitOf(call)
	switch {
	case v.is(kindContributor):
		return s.checkContribution(call, v)
	case v.is(kindCoordinator) && s.config.InFront:
		return s.checkChange(call, v)
	}
	return nil
}

// Denied implements schemes.Scheme. A method or a path that there is not is said to be none,
// whoever calls.
func (s *Scheme) Denied(call *schemes.Call) *schemes.Refusal {
	if call.Denial != nil {
		return call.Denial
	}
	switch call.Decision.Reason {
	case policies.NotAuthenticated:
		return notAuthorized(schemes.NoCredential, nil)
	case policies.NoRule, policies.MethodNotAllowed:
		return missing(nil)
	default:
		return forbidden(schemes.Forbidden, nil)
	}
}

// Compose implements schemes.Scheme.
func (s *Scheme) Compose(*schemes.Call) schemes.Compose { return nil }

// Refuse implements schemes.Scheme.
func (s *Scheme) Refuse(w http.ResponseWriter, call *schemes.Call, refusal *schemes.Refusal) {
	envelope.Refuse(w, call.Request, refusal)
}

// openLimits is what an explanation leaves open of a call that would be counted.
const openLimits = "whether what the policy allows of calls is used up"

// limited tells whether calls are counted at all.
func limited(limits tokenstore.BrokerLimits) bool {
	return limits.Enabled && (limits.Rate != nil || limits.Quota != nil)
}

// Meter implements schemes.Metered: the calls of consumers are counted, by what their policy
// allows. Of a policy that a BitBroker never told the limits of, nothing is limited.
func (s *Scheme) Meter(ctx context.Context, call *schemes.Call) error {
	id := call.Identity
	if id == nil || id.Kind != kindConsumer {
		return nil
	}
	h := holderOf(id)
	if call.Offline() || call.OnTrial() && h.policy == "" {
		call.Trial.LeaveOpen(openLimits)
		return nil
	}
	b, err := s.open(ctx)
	if err != nil {
		return schemes.Unavailable(err)
	}
	found, refusal := s.standingPolicy(ctx, b, h)
	if refusal != nil {
		return refusal
	}
	if call.OnTrial() {
		if limited(found.limits) {
			call.Trial.LeaveOpen(openLimits)
		}
		return nil
	}
	key := limitKey{realm: s.config.Realm, policy: h.policy, life: found.life}
	if s.config.LimitPerAccess {
		key.access = h.countedBy()
	}
	return partOf(b).meter.take(ctx, key, found.limits, b.Store.Now())
}
