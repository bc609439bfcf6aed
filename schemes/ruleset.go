package schemes

import (
	"fmt"

	"github.com/gatehouse-auth/gatehouse/policies"
)

// RuleSet is a set of rules that a scheme ships: its name, and its text in the language of
// policies.
type RuleSet struct{ Name, Text string }

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
