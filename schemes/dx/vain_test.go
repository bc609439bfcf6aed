package dx

import (
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/policies"
)

func TestRulesThatNobodyMeetsAreNamed(t *testing.T) {
	rules, err := policies.Parse("own", `
allow GET /a role consumer,provider
allow GET /b role Consumer
allow GET /c role consumer,admin
allow GET /d kind user,delegate,aaa-server,keycloak
allow GET /e kind usr
allow GET /f grant read
allow GET /g authenticated
allow GET /h public`)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(c *Config) { c.Rules = rules })
	want := []string{
		"own:3: allow GET /b role Consumer", "own:4: allow GET /c role consumer,admin",
		"own:6: allow GET /e kind usr", "own:7: allow GET /f grant read",
	}
	if got := s.VainRules(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for _, set := range RuleSets {
		name := set.Name
		if rules, err = policies.Parse(name, set.Text); err != nil {
			t.Fatal(err)
		}
		if got := newSite(t, func(c *Config) { c.Rules = rules }).VainRules(); got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}
