package databricks

import (
	"net/http"
	"strings"
)

// The bases of the paths.
const (
	catalogBase = "/api/2.1/unity-catalog"
	sharingBase = "/api/2.0/data-sharing"

	// Where holders of activation links need no other credential.
	activationBase     = catalogBase + "/public/data_sharing_activation"
	activationInfoBase = catalogBase + "/public/data_sharing_activation_info"
)

// DescriptionPath is where the description of the API is served.
const DescriptionPath = "/openapi.json"

// route is one operation.
type route struct {
	method, pattern string
	// action names it in logs, as the audit of Databricks' Delta Sharing where it has
	// a name for it.
	action string
	// Exactly one of these serves it: with an admin token, or without any credential.
	admin  func(*API, *call) (any, error)
	public func(*API, http.ResponseWriter, *call) error
}

// routes are all that is served. In a pattern {name} stands for one segment, and
// {name...} at its end for one or more.
var routes = []route{
	{http.MethodGet, catalogBase + "/recipients", "listRecipients", (*API).listRecipients, nil},
	{http.MethodPost, catalogBase + "/recipients", "createRecipient", (*API).createRecipient, nil},
	{http.MethodGet, catalogBase + "/recipients/{name}", "getRecipient", (*API).getRecipient, nil},
	{http.MethodPatch, catalogBase + "/recipients/{name}", "updateRecipient", (*API).updateRecipient, nil},
	{http.MethodDelete, catalogBase + "/recipients/{name}", "deleteRecipient", (*API).deleteRecipient, nil},
	{http.MethodPost, catalogBase + "/recipients/{name}/rotate-token", "rotateRecipientToken", (*API).rotateToken, nil},
	{http.MethodGet, catalogBase + "/recipients/{name}/share-permissions", "getRecipientSharePermissions", (*API).recipientPermissions, nil},
	{http.MethodGet, catalogBase + "/shares/{share}/permissions", "getSharePermissions", (*API).sharePermissions, nil},
	{http.MethodPatch, catalogBase + "/shares/{share}/permissions", "updateSharePermissions", (*API).updatePermissions, nil},

	{http.MethodGet, sharingBase + "/recipients/{name}/federation-policies", "listFederationPolicies", (*API).listPolicies, nil},
	{http.MethodPost, sharingBase + "/recipients/{name}/federation-policies", "createFederationPolicy", (*API).createPolicy, nil},
	{http.MethodGet, sharingBase + "/recipients/{name}/federation-policies/{policy}", "getFederationPolicy", (*API).getPolicy, nil},
	{http.MethodPatch, sharingBase + "/recipients/{name}/federation-policies/{policy}", "updateFederationPolicy", (*API).updatePolicy, nil},
	{http.MethodDelete, sharingBase + "/recipients/{name}/federation-policies/{policy}", "deleteFederationPolicy", (*API).deletePolicy, nil},

	{http.MethodGet, activationBase + "/{activation_url...}", "retrieveRecipientToken", nil, (*API).activation},
	{http.MethodGet, activationInfoBase + "/{activation_url...}", "getActivationUrlInfo", nil, (*API).activation},
	{http.MethodGet, DescriptionPath, "getDescription", nil, (*API).describe},
}

// Routes returns every route that is served, as method and pattern.
func Routes() []string {
	all := make([]string, len(routes))
	for i, r := range routes {
		all[i] = r.method + " " + r.pattern
	}
	return all
}

// find returns the route of a method and a path's segments, with what its pattern's
// names stand for. If there is none, allow are the methods that the path has.
func find(method string, segments []string) (found *route, values map[string]string, allow []string) {
	for i := range routes {
		values, ok := routes[i].match(segments)
		if !ok {
			continue
		}
		// What needs no credential says itself what a HEAD does.
		if routes[i].method == method || method == http.MethodHead && routes[i].public != nil {
			return &routes[i], values, nil
		}
		allow = append(allow, routes[i].method)
	}
	return nil, nil, allow
}

func (r *route) match(segments []string) (map[string]string, bool) {
	pattern := strings.Split(r.pattern[1:], "/")
	if last := len(pattern) - 1; strings.HasSuffix(pattern[last], "...}") && len(segments) > last {
		pattern, segments = pattern[:last], segments[:last]
	}
	if len(pattern) != len(segments) {
		return nil, false
	}
	values := make(map[string]string)
	for i, part := range pattern {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			values[strings.TrimSuffix(name, "}")] = segments[i]
		} else if part != segments[i] {
			return nil, false
		}
	}
	return values, true
}

// changes tells whether the operation may change something.
func (r *route) changes() bool { return r.method != http.MethodGet }
