package delta

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
const Name = "delta"

// Scheme is the contract as one site configures it.
type Scheme struct {
	config Config
	policy *policies.Policy
	routes schemes.Routes
	open   schemes.Opener
	paths  canonpath.Options
	own    []ownEndpoint
	pages  pageCache
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
	paths := canonpath.Options{FoldAfter: append([]string{config.Endpoint}, FoldedPaths...)}
	return &Scheme{config: config, policy: policy, routes: routes, open: open, paths: paths, own: ownEndpoints(&config)}, nil
}

// Name implements schemes.Scheme.
func (s *Scheme) Name() string { return Name }

// Realm implements schemes.Scheme.
func (s *Scheme) Realm() string { return s.config.Realm }

// Paths implements schemes.Scheme: some clients join the profile's endpoint and
// the path with two slashes.
func (s *Scheme) Paths() canonpath.Options {
	return s.paths
}

// area is which part of the site a path belongs to.
type area int

const (
	outside          area = iota // nothing of ours: refused, unless rules of the operator name it
	data                         // the protocol, below the endpoint
	credentials                  // the credentials API
	activation                   // activation links
	publicActivation             // the same for programs that speak Databricks' REST
	tokenEndpoint                // access tokens for OAuth clients
)

func (s *Scheme) areaOf(path canonpath.Path) area {
	whole := path.String()
	for i := range s.own {
		if s.own[i].holds(whole) {
			return s.own[i].area
		}
	}
	if _, ok := path.Cut(s.config.Endpoint); ok {
		return data
	}
	return outside
}

// Public implements schemes.Scheme: who holds a link needs no other credential, and
// an OAuth client shows its own in its own way.
func (s *Scheme) Public(call *schemes.Call) schemes.Endpoint {
	switch s.areaOf(call.Path) {
	case activation:
		return s.serveActivation
	case publicActivation:
		return s.PublicActivation(call)
	case tokenEndpoint:
		return s.serveToken
	}
	return nil
}

// Credential implements schemes.Scheme: one Authorization header with a bearer
// token, and no token in the URL.
func (s *Scheme) Credential(call *schemes.Call) (schemes.Credential, error) {
	if s.areaOf(call.Path) == outside && s.ask(call).Reason == policies.NoRule {
		return schemes.Credential{}, nil // refused whoever asks
	}
	if inURL(call.Request.URL.RawQuery) {
		return schemes.Credential{}, &schemes.Refusal{
			Status: http.StatusBadRequest, Reason: schemes.BadRequest,
			Public: "A token does not belong in the URL. Send it as Authorization: Bearer.",
		}
	}
	value, present, err := headers.Single(call.Request.Header, "Authorization")
	if err != nil {
		return schemes.Credential{}, &schemes.Refusal{
			Status: http.StatusBadRequest, Reason: schemes.BadRequest, Cause: err,
			Public: "Send exactly one Authorization header.",
		}
	}
	if !present {
		return schemes.Credential{}, nil
	}
	token, ok := headers.Bearer(value)
	if !ok {
		return schemes.Credential{}, unknownToken(errors.New("the Authorization header holds no bearer token"))
	}
	return schemes.NewCredential(token), nil
}

// Identify implements schemes.Scheme.
func (s *Scheme) Identify(ctx context.Context, call *schemes.Call) (*schemes.Identity, error) {
	if s.areaOf(call.Path) == credentials {
		return s.identifyManager(ctx, call)
	}
	return s.identifyRecipient(ctx, call)
}

// Endpoint implements schemes.Scheme.
func (s *Scheme) Endpoint(call *schemes.Call) schemes.Endpoint {
	if s.areaOf(call.Path) == credentials {
		call.Denial = mayManage(call)
		return s.serveCredentials
	}
	return nil
}

// ask asks the rules alone.
func (s *Scheme) ask(call *schemes.Call) policies.Decision {
	return s.policy.Decide(call.Request.Method, call.Path.Segments(), call.Path.TrailingSlash(), call.PolicySubject())
}

// routeOf is the route of a call, of which the rules said decided.
func (s *Scheme) routeOf(call *schemes.Call, decided policies.Decision) schemes.Route {
	if route, ok := s.routes.Decided(decided); ok {
		return route
	}
	return s.routes.Of(call.Request.Method, call.Path.Segments(), call.Path.TrailingSlash())
}

// Decide implements schemes.Scheme.
func (s *Scheme) Decide(call *schemes.Call) policies.Decision {
	decision := s.ask(call)
	route := s.routeOf(call, decision)
	call.Action, call.Denial = actions[route.Pattern], nil
	if decision.Allow && !route.Exact {
		call.Action = "" // the server behind knows what that does
	}
	switch {
	case !decision.Allow:
	case call.Identity == nil && s.needsRecipient(call, route):
		decision.Allow, decision.Reason = false, policies.NotAuthenticated
	default:
		if call.Denial = s.furtherDenial(call, route); call.Denial != nil {
			decision.Allow, decision.Reason = false, policies.GrantMissing
		}
	}
	return decision
}

// needsRecipient tells whether what is done with a call depends on who calls, so that not
// even rules of the operator can leave it to anybody.
func (s *Scheme) needsRecipient(call *schemes.Call, route schemes.Route) bool {
	return route.Pattern == patternPoll || route.Pattern == patternIcebergConfig || s.listingOf(call, nobodysGrants) != nil
}

// furtherDenial is why a call is denied by what no rule can say.
func (s *Scheme) furtherDenial(call *schemes.Call, route schemes.Route) *schemes.Refusal {
	switch route.Pattern {
	case patternPoll:
		return s.mayPoll(call, route)
	case patternIcebergConfig:
		return mayConfigure(call)
	}
	return nil
}

// actions names what the endpoints do, as the audit of Databricks' Delta Sharing
// does where it has a name.
var actions = map[string]string{
	"{base}/shares":                                                  "deltaSharingListShares",
	"{base}/shares/{share}":                                          "deltaSharingGetShare",
	"{base}/shares/{share}/schemas":                                  "deltaSharingListSchemas",
	"{base}/shares/{share}/all-tables":                               "deltaSharingListAllTables",
	"{base}/shares/{share}/schemas/{schema}/tables":                  "deltaSharingListTables",
	"{base}/shares/{share}/schemas/{schema}/tables/{table}":          "deltaSharingGetTableVersion",
	"{base}/shares/{share}/schemas/{schema}/tables/{table}/version":  "deltaSharingGetTableVersion",
	"{base}/shares/{share}/schemas/{schema}/tables/{table}/metadata": "deltaSharingGetTableMetadata",
	patternChanges: "deltaSharingQueryTableChanges",
	patternQuery:   "deltaSharingQueryTable",
	patternPoll:    "deltaSharingQueryTable",
	"{base}/shares/{share}/schemas/{schema}/tables/{table}/temporary-table-credentials": "generateTemporaryTableCredentials",

	// OpenSharing has no words of its own for these.
	"{base}/shares/{share}/schemas/{schema}/volumes":                                                       "deltaSharingListVolumes",
	"{base}/shares/{share}/schemas/{schema}/models":                                                        "deltaSharingListModels",
	"{base}/shares/{share}/schemas/{schema}/skills":                                                        "deltaSharingListSkills",
	"{base}/shares/{share}/all-skills":                                                                     "deltaSharingListAllSkills",
	"{base}/shares/{share}/schemas/{schema}/volumes/{volume}/temporary-volume-credentials":                 "generateTemporaryVolumeCredentials",
	"{base}/shares/{share}/schemas/{schema}/skills/{skill}/temporary-skill-credentials":                    "generateTemporarySkillCredentials",
	"{base}/shares/{share}/schemas/{schema}/models/{model}/versions/{version}/temporary-model-credentials": "generateTemporaryModelCredentials",

	patternIcebergConfig:                                                              "icebergGetConfig",
	"{base}/iceberg/v1/shares/{share}/namespaces":                                     "icebergListNamespaces",
	"{base}/iceberg/v1/shares/{share}/namespaces/{schema}":                            "icebergGetNamespace",
	"{base}/iceberg/v1/shares/{share}/namespaces/{schema}/tables":                     "icebergListTables",
	"{base}/iceberg/v1/shares/{share}/namespaces/{schema}/tables/{table}":             "icebergLoadTable",
	"{base}/iceberg/v1/shares/{share}/namespaces/{schema}/tables/{table}/credentials": "icebergLoadCredentials",
}

// Denied implements schemes.Scheme. What a recipient cannot see is missing; of a
// table that it can, it may know which privilege it lacks.
func (s *Scheme) Denied(call *schemes.Call) *schemes.Refusal {
	if call.Denial != nil {
		return call.Denial
	}
	decision := &call.Decision
	switch {
	case decision.Reason == policies.NotAuthenticated:
		return &schemes.Refusal{
			Status: http.StatusUnauthorized, Reason: schemes.NoCredential,
			Public: "Send the bearer token of your credential file as Authorization: Bearer.",
		}
	case decision.Reason != policies.GrantMissing, privilegeNamed(decision.Rule.Who.Privilege)&ofTables == 0, call.Identity.Grants == nil:
	case call.Identity.Grants.Allows(discover.String(), objectOf(s.routeOf(call, *decision), "share", "schema", "table")...):
		return &schemes.Refusal{
			Status: http.StatusForbidden, Reason: schemes.Forbidden,
			Public: "You may see this table, but not with the privilege " + decision.Rule.Who.Privilege + ". Ask the data provider for it.",
		}
	}
	return missing()
}

// Forward implements schemes.Scheme: the server behind sees its own token and
// none of the caller's.
func (s *Scheme) Forward(call *schemes.Call, out *http.Request) {
	for _, name := range []string{"Proxy-Authorization", "Cookie", "X-Auth-Token", "X-Bbk-Auth-Token", "Token"} {
		out.Header.Del(name)
	}
	// The protocol knows no upgrade, and a tunnel would outlive any revocation.
	out.Header.Del("Upgrade")
	out.Header.Del("Authorization")
	if call.Identity != nil { // what rules of the operator leave to anybody needs no token
		out.Header.Set("Authorization", "Bearer "+s.config.UpstreamToken.Reveal())
	}
}

// Answer implements schemes.Scheme. A 401 of the server behind means that the
// gateway's own token is wrong: a recipient that saw it would throw a good
// credential away. A 404 is answered as for what is not granted.
func (s *Scheme) Answer(_ *schemes.Call, status int, _ http.Header) *schemes.Refusal {
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return &schemes.Refusal{
			Status: http.StatusBadGateway, Reason: schemes.UpstreamFailed,
			Cause:  errors.New("the server behind refused the gateway's token; check upstream_token"),
			Public: "The data server refused the gateway. Your credential is not at fault; tell the data provider.",
		}
	case http.StatusNotFound:
		return missing()
	}
	return nil
}

// Compose implements schemes.Scheme: listings are filtered, all else streams.
func (s *Scheme) Compose(call *schemes.Call) schemes.Compose {
	if call.Identity == nil {
		return nil
	}
	grants, ok := call.Identity.Grants.(*grantSet)
	if !ok {
		grants = nobodysGrants
	}
	if l := s.listingOf(call, grants); l != nil {
		below, _ := call.Path.Cut(s.config.Endpoint)
		return s.list(call, l, below.Segments())
	}
	return nil
}

// nobodysGrants are those of who was granted nothing.
var nobodysGrants = newGrantSet(nil)

// listingOf is the listing that a call is for, as a holder of grants sees it; nil if it is
// for none.
func (s *Scheme) listingOf(call *schemes.Call, grants *grantSet) *listing {
	below, ok := call.Path.Cut(s.config.Endpoint)
	if !ok {
		return nil
	}
	return listingFor(below.Segments(), grants)
}

// Learn implements schemes.Scheme: the ids of asynchronous queries.
func (s *Scheme) Learn(call *schemes.Call) schemes.Learn { return s.learnQuery(call) }

// Refuse implements schemes.Scheme.
func (s *Scheme) Refuse(w http.ResponseWriter, call *schemes.Call, refusal *schemes.Refusal) {
	switch s.areaOf(call.Path) {
	case credentials:
		writeProblem(w, refusal)
	case activation:
		s.refuseActivation(w, call, refusal)
	case publicActivation:
		WriteDatabricksError(w, refusal)
	case tokenEndpoint:
		writeOAuthError(w, refusal)
	default:
		if below, ok := call.Path.Cut(s.config.Endpoint); ok && isIceberg(below) {
			writeIcebergError(w, below, refusal)
			return
		}
		writeProtocolError(w, refusal)
	}
}
