package caddymodule

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/schemes/dx"
	"github.com/gatehouse-auth/gatehouse/schemes/pda"
)

// shippedRules are the rule sets of all schemes.
var shippedRules = []struct {
	scheme string
	sets   schemes.RuleSets
}{
	{delta.Name, delta.RuleSets},
	{dx.Name, dx.RuleSets},
	{pda.Name, pda.RuleSets},
	{bitbroker.Name, bitbroker.RuleSets},
}

func rulesCommand(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Rules of who may call what: show the shipped ones, check your own",
		Long: `
Rules say who may call what: one a line, and what none allows is refused. These commands
need no running server.

  allow POST /provider/product         role provider
  allow GET  {base}/policies           role consumer,provider
  allow GET  /files/{user}/{path...}   authenticated when params.user == subject
  allow GET  /apis                     public`,
	}
	group(cmd)
	cmd.AddCommand(c.rulesShowCommand(), c.rulesCheckCommand())
	return cmd
}

// ruleSetView is a shipped rule set as commands print it.
type ruleSetView struct {
	Name    string `json:"name"`
	Scheme  string `json:"scheme"`
	Default bool   `json:"default"` // of its scheme
	Rules   int    `json:"rules"`
}

// ruleView is a rule as commands print it.
type ruleView struct {
	Source  string   `json:"source"`
	Line    int      `json:"line"`
	Methods []string `json:"methods"`
	Path    string   `json:"path"`
	Who     string   `json:"who"`
	When    string   `json:"when,omitempty"`
	Public  bool     `json:"public"`
}

func viewRule(rule *policies.Rule) ruleView {
	return ruleView{
		Source: rule.Source, Line: rule.Line, Methods: rule.Methods, Path: rule.Pattern, When: rule.When,
		Who: rule.Who.String(), Public: rule.Who.Class == policies.Public,
	}
}

// viewRules views rules in the order of their paths.
func viewRules(rules []policies.Rule) []ruleView {
	views := make([]ruleView, len(rules))
	for i := range rules {
		views[i] = viewRule(&rules[i])
	}
	slices.SortStableFunc(views, func(a, b ruleView) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), slices.Compare(a.Methods, b.Methods))
	})
	return views
}

func (c *client) rulesShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show [NAME]",
		Short: "List the rule sets that are shipped, or show one",
		Long: `
Lists the rule sets that are shipped, with the scheme that each is for; with a name,
shows that set as it is written, or with --json its rules. To make rules of your own,
begin with a copy:

  caddy gatehouse rules show dmp-apd > own.rules`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.listRuleSets(cmd)
			}
			return c.showRuleSet(cmd, args[0])
		},
	}
}

func (c *client) listRuleSets(cmd *cobra.Command) error {
	var views []ruleSetView
	for _, of := range shippedRules {
		for i, set := range of.sets {
			rules, err := policies.Parse(set.Name, set.Text)
			if err != nil {
				return err
			}
			views = append(views, ruleSetView{Name: set.Name, Scheme: of.scheme, Default: i == 0, Rules: len(rules)})
		}
	}
	return c.print(cmd, views, func(out io.Writer) {
		table(out, "RULES\tSCHEME\tDEFAULT\tNUMBER", func(row func(...string)) {
			for _, v := range views {
				isDefault := "-"
				if v.Default {
					isDefault = "yes"
				}
				row(v.Name, v.Scheme, isDefault, fmt.Sprint(v.Rules))
			}
		})
	})
}

func (c *client) showRuleSet(cmd *cobra.Command, name string) error {
	var names []string
	for _, of := range shippedRules {
		names = append(names, of.sets.Names()...)
		set, ok := of.sets.Find(name)
		if !ok {
			continue
		}
		rules, err := policies.Parse(set.Name, set.Text)
		if err != nil {
			return err
		}
		views := make([]ruleView, len(rules))
		for i := range rules {
			views[i] = viewRule(&rules[i])
		}
		return c.print(cmd, views, func(out io.Writer) { _, _ = io.WriteString(out, set.Text) })
	}
	return fmt.Errorf("there is no set %q; there are: %s", name, strings.Join(names, ", "))
}

// faultView is a fault in rules as commands print it.
type faultView struct {
	Source string `json:"source"`
	Line   int    `json:"line"`
	Text   string `json:"text"`
}

// viewFaults views all faults that an error holds.
func viewFaults(err error) []faultView {
	var views []faultView
	for _, fault := range policies.Faults(err) {
		views = append(views, faultView{fault.Source, fault.Line, fault.Text})
	}
	return views
}
