package schemes

import "github.com/gatehouse-auth/gatehouse/policies"

// Routes are the routes that a scheme knows, by its shipped rules. What a scheme does with
// a call, besides asking who may, goes by its route: rules of the operator's own can be
// spelt in many ways, and say only who may.
type Routes struct {
	table *policies.Policy
	// decides says that the site has no rules of its own: the rule that decided is the
	// route's.
	decides bool
}

// Route is what a path is to a scheme. The zero Route is that of a path which the scheme
// does not know.
type Route struct {
	// Pattern of its shipped rules.
	Pattern string
	// Exact says that there is a rule for the method, and that the path does not only differ
	// from the route's by the slash at its end.
	Exact bool
	// Public says that the shipped rules let anybody call it.
	Public bool

	match policies.Decision
}

// Decided returns the route of what the site's rules decided on, if these are the shipped
// ones: that of the rule. Else it is not ok, and Of says the route.
func (r Routes) Decided(decision policies.Decision) (route Route, ok bool) {
	if !r.decides {
		return Route{}, false
	}
	return routeOf(decision), true
}

// Of returns the route of a path, whoever calls it.
func (r Routes) Of(method string, segments []string, slash bool) Route {
	match := r.table.Decide(method, segments, slash, policies.Subject{})
	if match.Rule == nil && slash { // which a server may not look at
		near := routeOf(r.table.Decide(method, segments, false, policies.Subject{}))
		near.Exact = false
		return near
	}
	return routeOf(match)
}

func routeOf(match policies.Decision) Route {
	if match.Rule == nil {
		return Route{}
	}
	return Route{
		Pattern: match.Rule.Pattern, Exact: match.Reason != policies.MethodNotAllowed,
		Public: match.Rule.Who.Class == policies.Public, match: match,
	}
}

// Param returns the decoded text that the path has for a parameter of the pattern; empty
// if it has none.
func (r Route) Param(name string) string {
	value, _ := r.match.Param(name)
	return value
}
