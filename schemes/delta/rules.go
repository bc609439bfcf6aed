package delta

import (
	_ "embed"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// RuleNames are the rule sets that are shipped, the default first.
var RuleNames = []string{Name}

//go:embed rules.txt
var defaultRules string

// ShippedRules returns the text of a shipped rule set.
func ShippedRules(name string) (text string, ok bool) {
	if name != Name {
		return "", false
	}
	return defaultRules, true
}

// compile makes a policy of the site's rules.
func (c *Config) compile() (*policies.Policy, error) {
	return schemes.RuleSet{Name: Name, Text: defaultRules}.Policy(c.Rules, c.Endpoint)
}
