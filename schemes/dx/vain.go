package dx

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

var (
	knownRoles = []string{roleConsumer, roleProvider}
	knownKinds = []string{kindUser, kindDelegate, kindAAAServer, kindKeycloak}
)

// VainRules returns the rules, with their places, that ask for a role, a kind or a grant
// that no identity has. Such a rule allows nobody by that name, whatever tokens say.
func (s *Scheme) VainRules() []string {
	var vain []string
	for _, rule := range s.policy.Rules() {
		known := func([]string) bool { return true }
		switch rule.Who.Class {
		case policies.Role:
			known = allIn(knownRoles)
		case policies.Kind:
			known = allIn(knownKinds)
		case policies.Grant:
			known = func([]string) bool { return false }
		}
		if !known(rule.Who.Names) {
			vain = append(vain, rule.Position()+": "+rule.String())
		}
	}
	return vain
}

// Strange implements schemes.Stranger.
func (s *Scheme) Strange(id *schemes.Identity) []string {
	var strange []string
	if !slices.Contains(knownKinds, id.Kind) {
		strange = append(strange, "the kind "+id.Kind)
	}
	for _, role := range id.Roles {
		if !slices.Contains(knownRoles, role) {
			strange = append(strange, "the role "+role)
		}
	}
	return strange
}

func allIn(known []string) func([]string) bool {
	return func(names []string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(known, name) })
	}
}
