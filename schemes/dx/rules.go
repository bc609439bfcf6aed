package dx

import (
	_ "embed"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

//go:embed rules/dmp-apd.rules
var rulesOfDMP string

//go:embed rules/acl-apd.rules
var rulesOfACL string

// The names of the sets.
const (
	setDMP = "dmp-apd"
	setACL = "acl-apd"
)

// RuleSets are the rule sets that are shipped, the default first.
var RuleSets = schemes.RuleSets{{Name: setDMP, Text: rulesOfDMP}, {Name: setACL, Text: rulesOfACL}}

// DefaultBasePath is that of the server that a rule set is for; rules of one's own are
// taken to be for a marketplace's.
func DefaultBasePath(rules string) string {
	if rules == setACL {
		return "/dx/apd/acl/v1"
	}
	return "/dx/apd/dmp/v1"
}

// DefaultURNPrefix is likewise how the types of its answers begin.
func DefaultURNPrefix(rules string) string {
	if rules == setACL {
		return "urn:dx:acl:"
	}
	return "urn:dx:dmp:"
}

// compile makes a policy of the site's rules.
func (c *Config) compile() (*policies.Policy, error) {
	return RuleSets[0].Policy(c.Rules, c.BasePath)
}
