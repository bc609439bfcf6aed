package pda

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// Name of the scheme.
const Name = "pda"

// tokenField carries tokens in requests and answers; on HTTP/1.1 in this case, since
// a client of the field compares it exactly.
const tokenField = "X-Auth-Token"

// Scheme is the contract as one site configures it.
type Scheme struct {
	config Config
	policy *policies.Policy
	routes schemes.Routes
	open   schemes.Opener
	own    map[string]ownEndpoint // by the pattern of its route
}

var _ schemes.Scheme = (*Scheme)(nil)

// New returns the scheme of a site. The errors are those of Config.Check and of the rules.
func New(config Config, open schemes.Opener) (*Scheme, error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	policy, routes, err := config.compile()
	if err != nil {
		return nil, err
	}
	s := &Scheme{config: config, policy: policy, routes: routes, open: open}
	s.own = s.ownEndpoints()
	return s, nil
}

// Name implements schemes.Scheme.
func (s *Scheme) Name() string { return Name }

// Realm implements schemes.Scheme.
func (s *Scheme) Realm() string { return s.config.Realm }

// Paths implements schemes.Scheme: no client sends doubled slashes.
func (s *Scheme) Paths() canonpath.Options { return canonpath.Options{} }

// Public implements schemes.Scheme: what a browser asks before it calls, and what needs
// no token.
func (s *Scheme) Public(call *schemes.Call) schemes.Endpoint {
	if isPreflight(call.Request) && s.answersBrowsers(call.Path) {
		return s.servePreflight
	}
	// As of nobody, for now: which pattern matches does not depend on who calls.
	if call.Decision = s.ask(call); call.Decision.Rule == nil {
		call.Decision = s.decideDashboard(call, call.Decision)
	}
	route := s.routeOf(call)
	if endpoint, ok := s.own[route.Pattern]; ok && route.Exact && s.isAnonymous(call) {
		return s.served(endpoint, call)
	}
	return nil
}

// Credential implements schemes.Scheme: one X-Auth-Token header, or where the site
// takes it, one parameter of that name. An empty header counts as none. On public
// routes nobody is looked at, so that no answer there can be one caller's own.
func (s *Scheme) Credential(call *schemes.Call) (schemes.Credential, error) {
	if call.Offline() {
		call.Trial.LeaveOpen("whether the host is an account's")
	} else if _, _, err := s.accountFor(call); err != nil {
		return schemes.Credential{}, err
	}
	value, present, err := headers.Single(call.Request.Header, tokenField)
	if err != nil {
		return schemes.Credential{}, badRequest("Send exactly one X-Auth-Token header.", err)
	}
	query, err := s.queryToken(call.Request)
	if err != nil {
		return schemes.Credential{}, err
	}
	if s.isAnonymous(call) {
		return schemes.Credential{}, nil
	}
	switch {
	case present && value != "" && query != "" && value != query:
		return schemes.Credential{}, badRequest("Two tokens that differ were sent. Send one, as X-Auth-Token header.", nil)
	case present && value != "":
		return schemes.NewCredential(value), nil
	case query != "":
		return schemes.NewCredential(query), nil
	}
	return schemes.Credential{}, nil
}

// isAnonymous tells whether a call goes on as nobody's, whatever it carries. It goes by
// what Public asked.
func (s *Scheme) isAnonymous(call *schemes.Call) bool {
	if call.Decision.Reason != policies.AllowedPublic {
		return false
	}
	route := s.routeOf(call)
	return !looksAtCallers[route.Pattern] && !s.needsCaller(call, route)
}

// accountFor finds the account of a call's host. The errors are for the client.
func (s *Scheme) accountFor(call *schemes.Call) (*account, *schemes.Backend, error) {
	b, err := s.open(call.Request.Context())
	if err != nil {
		return nil, nil, schemes.Unavailable(err)
	}
	account, err := s.accountOf(call.Request.Context(), b, call.Host)
	if errors.Is(err, errNoAccount) {
		return nil, nil, noAccount(err)
	}
	if err != nil {
		return nil, nil, schemes.Unavailable(err)
	}
	return account, b, nil
}

// Identify implements schemes.Scheme.
func (s *Scheme) Identify(ctx context.Context, call *schemes.Call) (*schemes.Identity, error) {
	b, err := s.open(ctx)
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	identity, err := s.identify(ctx, b, call)
	if err != nil || call.OnTrial() { // which renews nothing
		return identity, err
	}
	fresh, err := s.renew(ctx, b, identity, call.Credential.Reveal())
	if err != nil {
		return nil, err
	}
	call.Renewed = schemes.NewCredential(fresh)
	return identity, nil
}

// Endpoint implements schemes.Scheme.
func (s *Scheme) Endpoint(call *schemes.Call) schemes.Endpoint {
	route := s.routeOf(call)
	endpoint, ok := s.own[route.Pattern]
	if !ok || !route.Exact {
		return nil
	}
	call.Decision = s.Decide(call)
	return s.served(endpoint, call)
}

// served is an endpoint of the scheme's own behind its rule, which has decided on the call.
func (s *Scheme) served(endpoint ownEndpoint, call *schemes.Call) schemes.Endpoint {
	call.Action = endpoint.action
	switch {
	case !call.Decision.Allow:
		call.Denial = s.Denied(call)
	case endpoint.changes && call.Request.Method == http.MethodHead:
		call.Denial = noHandler(call) // what only asks for headers changes nothing
	case endpoint.changes && call.EarlyData:
		call.Denial = schemes.TooEarly()
	}
	return func(w http.ResponseWriter, call *schemes.Call) error {
		if call.Denial != nil {
			return call.Denial
		}
		return endpoint.serve(w, call)
	}
}

// ask asks the rules alone.
func (s *Scheme) ask(call *schemes.Call) policies.Decision {
	segments, slash, ok := canonical(call.Path)
	if !ok {
		return policies.Decision{Reason: policies.NoRule}
	}
	return s.policy.Decide(call.Request.Method, segments, slash, call.PolicySubject())
}

// Decide implements schemes.Scheme.
func (s *Scheme) Decide(call *schemes.Call) policies.Decision {
	decision := s.ask(call)
	if decision.Rule == nil {
		return s.decideDashboard(call, decision)
	}
	route := s.routeDecided(call, decision)
	_, own := s.own[route.Pattern]
	switch {
	case !decision.Allow:
	case own && !route.Exact: // the server behind has nothing there that it should be asked for
		decision.Allow, decision.Reason = false, policies.MethodNotAllowed
	case call.Identity == nil && s.needsCaller(call, route):
		decision.Allow, decision.Reason = false, policies.NotAuthenticated
	default:
		if call.Denial = s.denial(call, route); call.Denial == nil && holdsBatch(call.Request.Method, route.Pattern) {
			call.Denial = s.judgeBatch(call)
		}
	}
	if call.Denial != nil {
		decision.Allow, decision.Reason = false, policies.GrantMissing
	}
	return decision
}

// denial is why a call is denied that the rules allow.
func (s *Scheme) denial(call *schemes.Call, route schemes.Route) *schemes.Refusal {
	return furtherDenial(question{
		pattern: route.Pattern, query: call.Request.URL.RawQuery,
		identity: call.Identity, leaves: s.config.LeaveToServer, crossSite: s.isCrossSite(call),
	})
}

// isCrossSite tells whether a browser sends the call from another site.
func (s *Scheme) isCrossSite(call *schemes.Call) bool {
	return crossSite(call.Request, originOf(call), call.Host, s.config.Origins)
}

// dashboardRule is the rule behind what the option public names.
var dashboardRule = &policies.Rule{
	Source: "option public", Line: 1, Methods: []string{http.MethodGet}, Pattern: "/{path...}",
	Who: policies.Who{Class: policies.Public},
}

// decideDashboard allows what the option public names, where no rule matches.
func (s *Scheme) decideDashboard(call *schemes.Call, decision policies.Decision) policies.Decision {
	method := call.Request.Method
	if (method == http.MethodGet || method == http.MethodHead) && s.config.isPublic(call.Path.String()) {
		decision.Rule, decision.Allow, decision.Reason = dashboardRule, true, policies.AllowedPublic
	}
	return decision
}

// Denied implements schemes.Scheme. Who has no token is asked for one; a route that
// there is not is answered as the original does.
func (s *Scheme) Denied(call *schemes.Call) *schemes.Refusal {
	if call.Denial != nil {
		return call.Denial
	}
	switch reason := call.Decision.Reason; {
	case reason == policies.NotAuthenticated:
		return notAuthenticated(schemes.NoCredential, nil)
	case reason == policies.NoRule || reason == policies.MethodNotAllowed:
		return noHandler(call)
	}
	return forbidden()
}

// Forward implements schemes.Scheme: the server behind gets no token and no password,
// or, where it checks tokens itself, the account's own fresh one.
func (s *Scheme) Forward(call *schemes.Call, out *http.Request) {
	call.Origin = out.Header["Origin"]
	for _, name := range withheld {
		delete(out.Header, name)
	}
	if carriesToken(out.Referer()) {
		out.Header.Del("Referer")
	}
	stripQueryToken(out.URL)
	out.Host = hostOf(call, out.Host)
	id := call.Identity
	if id == nil {
		return
	}
	if s.config.UpstreamToken {
		out.Header[tokenField] = []string{call.Renewed.Reveal()}
	}
	if application := familyOf(id).claims.Application; application != "" {
		out.Header.Set(applicationHeader, application)
	}
}

// withheld are the headers that the server behind never gets from a client, as net/http
// spells them: credentials of any kind, and what would take the connection over. Origin is
// the gate's to judge.
var withheld = []string{
	tokenField, "Authorization", "Proxy-Authorization", "Cookie", "X-Bbk-Auth-Token", "Token",
	"Username", "Password", "Upgrade", "Origin",
}

// applicationHeader tells the server behind which application calls. Its prefix is the
// gate's own: a client's is removed.
const applicationHeader = headers.Prefix + "Application"

// Answer implements schemes.Scheme: the fresh token goes with every answer to an
// identified call, but not where anybody may call, and the server's own never does.
func (s *Scheme) Answer(call *schemes.Call, status int, header http.Header) *schemes.Refusal {
	if call.Decision.Reason == policies.AllowedPublic {
		call.Renewed = schemes.Credential{}
	}
	s.dress(call, status, header)
	if call.Identity != nil {
		keepToOne(header) // what a server shows one caller, token or not
	}
	return nil
}

// noStore goes with every fresh token. It has no room, so that whoever adds to it gets a
// copy.
var noStore = []string{"no-store"}

// dress completes the headers of an answer, the gate's own or the server's.
func (s *Scheme) dress(call *schemes.Call, status int, header http.Header) {
	header.Del(tokenField)
	if !call.Renewed.IsZero() && status != http.StatusUnauthorized {
		header[tokenField] = []string{call.Renewed.Reveal()}
		keepToOne(header)
	}
	s.shareWithOrigin(call, header)
}

// keepToOne keeps an answer out of every cache.
func keepToOne(header http.Header) {
	header["Cache-Control"] = noStore
	delete(header, "Cdn-Cache-Control") // RFC 9213: it would count for more
	delete(header, "Surrogate-Control")
}

// Compose implements schemes.Scheme: lists of users are read whole, because the
// original shows password hashes in them.
func (s *Scheme) Compose(call *schemes.Call) schemes.Compose {
	if showsUsers[s.routeOf(call).Pattern] {
		return withoutHashes(call)
	}
	return nil
}

// withoutHashes passes on what the server behind says of its users, without their
// password hashes. An error that cannot be understood goes without its text.
func withoutHashes(call *schemes.Call) schemes.Compose {
	return func(_ context.Context, read schemes.Read) (schemes.Recorded, error) {
		answer, err := read(call.Request.URL.RawQuery)
		if err != nil || len(answer.Body) == 0 {
			return answer, err
		}
		if answer.Body, err = stripHashes(answer.Body); err != nil && answer.Status >= http.StatusBadRequest {
			return answer, nil
		}
		return answer, err
	}
}

// Learn implements schemes.Scheme.
func (s *Scheme) Learn(*schemes.Call) schemes.Learn { return nil }

// Refuse implements schemes.Scheme.
func (s *Scheme) Refuse(w http.ResponseWriter, call *schemes.Call, refusal *schemes.Refusal) {
	s.dress(call, refusal.Status, w.Header())
	writeRefusal(w, call.Request, refusal)
}
