package pda

import (
	_ "embed"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/policies"
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
	rules := c.Rules
	if rules == nil {
		var err error
		if rules, err = policies.Parse(Name, defaultRules); err != nil {
			return nil, fmt.Errorf("rules: %w", err)
		}
	}
	policy, err := policies.Compile(rules, "")
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return policy, nil
}
