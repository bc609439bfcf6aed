package schemes

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/policies"
)

// RuleSet is a set of rules that a scheme ships: its name, and its text in the language of
// policies.
type RuleSet struct{ Name, Text string }

// RuleSets are those of a scheme, the default first.
type RuleSets []RuleSet

// Names of the sets.
func (s RuleSets) Names() []string {
	names := make([]string, len(s))
	for i, set := range s {
		names[i] = set.Name
	}
	return names
}

// Find returns the set of a name.
func (s RuleSets) Find(name string) (set RuleSet, ok bool) {
	i := slices.IndexFunc(s, func(set RuleSet) bool { return set.Name == name })
	if i < 0 {
		return RuleSet{}, false
	}
	return s[i], true
}

// Policy compiles a site's own rules or, if own is nil, those of the set. Base is what
// {base} stands for. The errors are those of policies.Parse and policies.Compile.
func (s RuleSet) Policy(own []policies.Rule, base string) (*policies.Policy, error) {
	if own == nil {
		var err error
		if own, err = policies.Parse(s.Name, s.Text); err != nil {
			return nil, fmt.Errorf("rules: %w", err)
		}
	}
	policy, err := policies.Compile(own, base)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return policy, nil
}

// Compile is Policy with the routes of the set. mistake says what is wrong with a rule of
// the site's own that only the scheme knows; empty: nothing.
func (s RuleSet) Compile(own []policies.Rule, base string, mistake func(*policies.Rule) string) (*policies.Policy, Routes, error) {
	policy, err := s.Policy(own, base)
	if err != nil || own == nil {
		return policy, Routes{table: policy, decides: true}, err
	}
	var faults []error
	for i := range own {
		if text := mistake(&own[i]); text != "" {
			faults = append(faults, &policies.Fault{Source: own[i].Source, Line: own[i].Line, Text: text})
		}
	}
	if len(faults) > 0 {
		return nil, Routes{}, fmt.Errorf("rules: %w", errors.Join(faults...))
	}
	table, err := s.Policy(nil, base)
	return policy, Routes{table: table}, err
}

// BaseOf returns base if any rule of a policy begins with {base}, else nothing.
func BaseOf(policy *policies.Policy, base string) string {
	if slices.ContainsFunc(policy.Rules(), func(r *policies.Rule) bool { return strings.HasPrefix(r.Pattern, "{base}") }) {
		return base
	}
	return ""
}

// Literals returns the segments with which a pattern begins, up to the first parameter,
// decoded and with base in the place of {base}, and whether they are all of it.
func Literals(pattern, base string) (segments []string, whole bool) {
	if below, ok := strings.CutPrefix(pattern, "{base}"); ok {
		pattern = strings.TrimSuffix(base, "/") + below
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(pattern, "/"), "/") {
		text, err := url.PathUnescape(part)
		if err != nil || strings.HasPrefix(part, "{") {
			return segments, false
		}
		segments = append(segments, text)
	}
	return segments, true
}
