package coordinator

import "net/http"

// route is an endpoint. A segment of its pattern in braces is a parameter.
type route struct {
	method  string
	pattern []string
	action  string
	serve   func(a *API, w http.ResponseWriter, c *call) error
}

// Parameters of patterns.
const (
	uid   = "{uid}"   // of a user
	pid   = "{pid}"   // of a policy
	eid   = "{eid}"   // of an entity type
	cid   = "{cid}"   // of a connector
	email = "{email}" // of a user
)

// routes are all endpoints. Of two that a path matches, the first counts.
var routes = []route{
	{"GET", []string{"user"}, "listUsers", (*API).listUsers},
	{"POST", []string{"user"}, "createUser", (*API).createUser},
	{"GET", []string{"user", uid}, "getUser", (*API).getUser},
	{"PUT", []string{"user", uid}, "updateUser", (*API).updateUser},
	{"DELETE", []string{"user", uid}, "deleteUser", (*API).deleteUser},
	{"GET", []string{"user", "email", email}, "findUser", (*API).findUser},
	{"POST", []string{"user", uid, "coordinator"}, "promoteCoordinator", (*API).promote},
	{"DELETE", []string{"user", uid, "coordinator"}, "demoteCoordinator", (*API).demote},

	{"GET", []string{"user", uid, "access"}, "listAccesses", (*API).listAccesses},
	{"GET", []string{"user", uid, "access", pid}, "getAccess", (*API).getAccess},
	{"POST", []string{"user", uid, "access", pid}, "createAccess", (*API).createAccess},
	{"PUT", []string{"user", uid, "access", pid}, "reissueAccess", (*API).reissueAccess},
	{"DELETE", []string{"user", uid, "access", pid}, "deleteAccess", (*API).deleteAccess},

	{"GET", []string{"entity"}, "listEntities", (*API).listEntities},
	{"GET", []string{"entity", eid}, "getEntity", (*API).getEntity},
	{"POST", []string{"entity", eid}, "createEntity", (*API).createEntity},
	{"PUT", []string{"entity", eid}, "updateEntity", (*API).updateEntity},
	{"DELETE", []string{"entity", eid}, "deleteEntity", (*API).deleteEntity},

	{"GET", []string{"entity", eid, "connector"}, "listConnectors", (*API).listConnectors},
	{"GET", []string{"entity", eid, "connector", cid}, "getConnector", (*API).getConnector},
	{"POST", []string{"entity", eid, "connector", cid}, "createConnector", (*API).createConnector},
	{"PUT", []string{"entity", eid, "connector", cid}, "updateConnector", (*API).updateConnector},
	{"DELETE", []string{"entity", eid, "connector", cid}, "deleteConnector", (*API).deleteConnector},
	{"POST", []string{"entity", eid, "connector", cid, "live"}, "promoteConnector", (*API).goLive},
	{"DELETE", []string{"entity", eid, "connector", cid, "live"}, "demoteConnector", (*API).leaveLive},
	// Gatehouse's own: the original can only delete a connector and make it anew.
	{"PUT", []string{"entity", eid, "connector", cid, "token"}, "rotateConnector", (*API).rotateConnector},

	{"GET", []string{"policy"}, "listPolicies", (*API).listPolicies},
	{"GET", []string{"policy", pid}, "getPolicy", (*API).getPolicy},
	{"GET", []string{"policy", pid, "access-control"}, "getAccessControl", (*API).getAccessControl},
	{"POST", []string{"policy", pid}, "createPolicy", (*API).createPolicy},
	{"PUT", []string{"policy", pid}, "updatePolicy", (*API).updatePolicy},
	{"DELETE", []string{"policy", pid}, "deletePolicy", (*API).deletePolicy},

	{"GET", []string{"search", "user", "organization"}, "searchOrganizations", (*API).searchOrganizations},
	{"GET", []string{"search", "entity", "tags"}, "searchEntityTags", (*API).searchEntityTags},
	{"GET", []string{"search", "policy", "tags"}, "searchPolicyTags", (*API).searchPolicyTags},
}

// find returns the route of a call, or nil. A HEAD is for what a GET is.
func find(method string, segments []string) *route {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for i := range routes {
		if routes[i].method == method && routes[i].matches(segments) {
			return &routes[i]
		}
	}
	return nil
}

func (r *route) matches(segments []string) bool {
	if len(segments) != len(r.pattern) {
		return false
	}
	for i, part := range r.pattern {
		if part[0] == '{' {
			if segments[i] == "" {
				return false
			}
		} else if !sameWord(segments[i], part) {
			return false
		}
	}
	return true
}

// param returns what a path has for a parameter, as it came.
func (r *route) param(name string, segments []string) string {
	for i, part := range r.pattern {
		if part == name {
			return segments[i]
		}
	}
	return ""
}

// Routes are all endpoints, as methods and paths below the API's base.
func Routes() []string {
	list := make([]string, len(routes))
	for i := range routes {
		list[i] = routes[i].method + " "
		for _, segment := range routes[i].pattern {
			list[i] += "/" + segment
		}
	}
	return list
}
