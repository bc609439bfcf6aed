package pda

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
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
	return RuleSets[0].Compile(c.Rules, "", mistake)
}

// mistake is what is wrong with a rule of the site's own: it could never allow or decide
// anything.
func mistake(rule *policies.Rule) string {
	if _, known := details[rule.Who.Privilege]; rule.Who.Class == policies.Grant && !known {
		return fmt.Sprintf("there is no privilege %q; write one of %s",
			rule.Who.Privilege, strings.Join(slices.Sorted(maps.Keys(details)), ", "))
	}
	segments, _ := schemes.Literals(rule.Pattern, "")
	if len(segments) > 1 && segments[0] == "api" && segments[1] != mount {
		return fmt.Sprintf("no path is at /api/%s for the rules; write %s, which stands for all mounts of the data API", segments[1], api)
	}
	return ""
}
