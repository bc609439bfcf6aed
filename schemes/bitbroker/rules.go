package bitbroker

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

//go:embed rules/bitbroker.rules
var defaultRules string

// RuleSets are the rule sets that are shipped.
var RuleSets = schemes.RuleSets{{Name: Name, Text: defaultRules}}

// compile makes a policy of the site's rules: its own ones, or the shipped ones for the APIs
// that it serves, where it serves them.
func (c *Config) compile() (*policies.Policy, error) {
	if c.Rules == nil {
		shipped, err := c.shipped()
		if err != nil {
			return nil, err
		}
		return RuleSets[0].Policy(shipped, "")
	}
	var faults []error
	for i := range c.Rules {
		rule := &c.Rules[i]
		if text := c.mistake(rule); text != "" {
			faults = append(faults, &policies.Fault{Source: rule.Source, Line: rule.Line, Text: text})
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("rules: %w", errors.Join(faults...))
	}
	return RuleSets[0].Policy(c.Rules, "")
}

// shipped are the shipped rules, moved to the site's base paths.
func (c *Config) shipped() ([]policies.Rule, error) {
	rules, err := policies.Parse(RuleSets[0].Name, RuleSets[0].Text)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	var moved []policies.Rule
	for _, rule := range rules {
		for _, api := range c.apis() {
			if below, ok := cutBase(rule.Pattern, defaultBases[api.kind]); ok {
				rule.Pattern = api.base + below
				moved = append(moved, rule)
				break
			}
		}
	}
	return moved, nil
}

var defaultBases = map[string]string{
	kindCoordinator: DefaultCoordinator, kindContributor: DefaultContributor, kindConsumer: DefaultConsumer,
}

// cutBase returns what follows a base path in a path that is there or below it.
func cutBase(path, base string) (below string, ok bool) {
	below, ok = strings.CutPrefix(path, base)
	return below, ok && (below == "" || below[0] == '/')
}

// mistake is what is wrong with a rule of the site's own: it could never allow or decide
// anything.
func (c *Config) mistake(rule *policies.Rule) string {
	who := &rule.Who
	switch {
	case who.Class == policies.Role || who.Class == policies.Grant:
		return "tokens of this contract have neither roles nor grants; write kind coordinator, kind contributor or kind consumer"
	case who.Class == policies.Kind:
		for _, name := range who.Names {
			if !slices.Contains(knownKinds, name) {
				return fmt.Sprintf("there is no kind %q; write one of %s", name, strings.Join(knownKinds, ", "))
			}
		}
	}
	literals, whole := schemes.Literals(rule.Pattern, "")
	within, reaches := c.around(literals, whole)
	switch {
	case within == nil && !reaches && who.Class != policies.Public:
		return "the path is of none of the site's APIs, and elsewhere no token is looked at; write public, or a path below " + c.bases()
	case within == nil:
		return ""
	case slices.ContainsFunc(literals, hasCapital):
		return "paths of the APIs are compared in small letters; write it in these"
	case strings.HasSuffix(rule.Pattern, "/{$}"):
		return "a slash at the end of a path counts for nothing in the APIs; write the path without it"
	case who.Class == policies.Kind && !slices.Contains(who.Names, within.kind):
		return fmt.Sprintf("below %s only tokens of the kind %[2]s are good; write kind %[2]s", within.base, within.kind)
	}
	return ""
}

// around tells in which API a pattern lies that begins with literals, and else whether any of
// its paths may be of one.
func (c *Config) around(literals []string, whole bool) (within *api, reaches bool) {
	folded := foldAll(literals)
	for _, api := range c.apis() {
		if _, ok := api.cut(folded); ok {
			return &api, true
		}
		reaches = reaches || !whole && slices.Equal(folded, api.segments[:min(len(folded), len(api.segments))])
	}
	return nil, reaches
}

// bases are the site's base paths, for people.
func (c *Config) bases() string {
	var bases []string
	for _, api := range c.apis() {
		bases = append(bases, api.base)
	}
	return strings.Join(bases, ", ")
}

func hasCapital(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return 'A' <= r && r <= 'Z' })
}
