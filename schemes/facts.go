package schemes

import (
	"net/url"
	"strings"
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
		if c.OnTrial() && c.ClientIP == "" {
			c.Trial.LeaveOpen("what the conditions say that ask for the caller's address")
		}
		return c.ClientIP
	case policies.FactQuery:
		query, ok := plainQuery(c.Request.URL.RawQuery)
		if !ok {
			return nil // asks for nothing that could be allowed
		}
		return query
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

// maxParameters is from how many parameters on a query has no one meaning: servers stop
// reading at some number, Netty at 1024, and say nothing of the rest.
const maxParameters = 1000

// plainQuery reads a query, if all servers read it alike. Netty, which is below Vert.x and
// others, takes "=a=b" for a parameter a and ends at a "#", and names are the same to them
// in any case. A query longer than conditions may see is not read at all.
func plainQuery(raw string) (query map[string][]string, ok bool) {
	if len(raw) > policies.MaxFact {
		return nil, false
	}
	values, err := url.ParseQuery(raw)
	if err != nil || strings.Contains(raw, "#") {
		return nil, false
	}
	count, folded := 0, make(map[string]bool, len(values))
	for name, list := range values {
		count += len(list)
		fold := strings.ToLower(name)
		if name == "" || folded[fold] || count >= maxParameters {
			return nil, false
		}
		folded[fold] = true
	}
	return values, true
}
