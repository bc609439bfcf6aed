package delta

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

//go:embed rules.txt
var defaultRules string

// RuleSets are the rule sets that are shipped.
var RuleSets = schemes.RuleSets{{Name: Name, Text: defaultRules}}

// compile makes a policy of the site's rules, and the table of routes.
func (c *Config) compile() (*policies.Policy, schemes.Routes, error) {
	return RuleSets[0].Compile(c.Rules, c.Endpoint, c.mistake)
}

// mistake is what is wrong with a rule of the site's own: it could never allow or decide
// anything.
func (c *Config) mistake(rule *policies.Rule) string {
	if privilege := rule.Who.Privilege; rule.Who.Class == policies.Grant && !isRulePrivilege(privilege) {
		return fmt.Sprintf("there is no privilege %q; write one of %s, or %s, or %[3]s-NAME for one of them",
			privilege, strings.Join(privilegeNames[:], ", "), privilegeList)
	}
	segments, whole := schemes.Literals(rule.Pattern, c.Endpoint)
	if path := "/" + strings.Join(segments, "/"); isServed(ownEndpoints(c), path, whole) {
		return path + " is served by the gateway itself, which asks no rules there; leave it out"
	}
	return ""
}

// isRulePrivilege tells whether rules can ask for a privilege: one of grants, or the right
// to list.
func isRulePrivilege(name string) bool {
	listed, lists := strings.CutPrefix(name, privilegeList+"-")
	return name == privilegeList || privilegeNamed(name) != 0 || lists && privilegeNamed(listed) != 0
}
