package dx

import (
	_ "embed"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// RuleNames are the rule sets that are shipped, the default first.
var RuleNames = []string{"dmp-apd", "acl-apd"}

//go:embed rules/dmp-apd.rules
var rulesOfDMP string

//go:embed rules/acl-apd.rules
var rulesOfACL string

// ruleSet is a shipped rule set, and what the server that it is for has otherwise.
type ruleSet struct{ text, basePath, urnPrefix string }

var shipped = map[string]ruleSet{
	"dmp-apd": {rulesOfDMP, "/dx/apd/dmp/v1", "urn:dx:dmp:"},
	"acl-apd": {rulesOfACL, "/dx/apd/acl/v1", "urn:dx:acl:"},
}

// ShippedRules returns the text of a shipped rule set.
func ShippedRules(name string) (text string, ok bool) {
	set, ok := shipped[name]
	return set.text, ok
}

// DefaultBasePath is that of the server that a rule set is for; rules of one's own are
// taken to be for the first one's.
func DefaultBasePath(rules string) string { return setFor(rules).basePath }

// DefaultURNPrefix is likewise how the types of its answers begin.
func DefaultURNPrefix(rules string) string { return setFor(rules).urnPrefix }

func setFor(rules string) ruleSet {
	if set, ok := shipped[rules]; ok {
		return set
	}
	return shipped[RuleNames[0]]
}

// compile makes a policy of the site's rules.
func (c *Config) compile() (*policies.Policy, error) {
	return schemes.RuleSet{Name: RuleNames[0], Text: rulesOfDMP}.Policy(c.Rules, c.BasePath)
}
