package schemes

import (
	"net/url"
	"time"

	"github.com/gatehouse-auth/gatehouse/policies"
)

// PolicySubject is what the rules see of a call: who calls, nobody included, and what
// conditions can ask.
func (c *Call) PolicySubject() policies.Subject {
	id := c.Identity
	if id == nil {
		return policies.Subject{Facts: c}
	}
	return policies.Subject{Authenticated: true, Kind: id.Kind, Roles: id.Roles, Grants: id.Grants, Facts: c}
}

// Fact implements policies.Facts. What is not there is empty: a condition never sees who
// a caller without credential might be.
func (c *Call) Fact(name string) any {
	switch name {
	case policies.FactPath:
		return c.Path.String()
	case policies.FactHost:
		return c.Host
	case policies.FactClientIP:
		return c.ClientIP
	case policies.FactQuery:
		// A query that cannot be read asks for nothing that could be allowed.
		query, err := url.ParseQuery(c.Request.URL.RawQuery)
		if err != nil {
			return nil
		}
		return map[string][]string(query)
	case policies.FactNow:
		return time.Now()
	}
	id := c.Identity
	if id == nil {
		id = new(Identity)
	}
	switch name {
	case policies.FactSubject:
		return id.Subject
	case policies.FactName:
		return id.Name
	case policies.FactDelegate:
		return id.Delegate
	case policies.FactClaims:
		if id.Claims == nil {
			return map[string]any{}
		}
		return id.Claims
	}
	return nil
}
