package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/policies"
)

// rulesCheck is the answer to `rules check`.
type rulesCheck struct {
	Rules  []ruleView  `json:"rules"`
	Faults []faultView `json:"faults"`
}

func (c *client) rulesCheckCommand() *cobra.Command {
	var base string
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Find faults in a file of rules, and show who may call what",
		Long: `
Reads a file of rules, or standard input with -, and checks it as a server does that loads
it: every fault is named by file and line, and the exit status is 1. Of good rules it shows
who may call what, by path, and what anybody may call.`,
		Example: `  caddy gatehouse rules check own.rules
  caddy gatehouse rules show dmp-apd | caddy gatehouse rules check - --base /dx/apd/dmp/v1`,
		Args: oneArgument("file", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, text, err := rulesToCheck(cmd, args[0])
			if err != nil {
				return err
			}
			rules, err := policies.Parse(name, text)
			if err == nil {
				_, err = policies.Compile(rules, base)
			}
			if err != nil {
				return c.printFaults(cmd, err)
			}
			if len(rules) == 0 {
				return fmt.Errorf("%s: %w", name, errNoRules)
			}
			checked := rulesCheck{Rules: viewRules(rules), Faults: []faultView{}}
			for i := range checked.Rules {
				checked.Rules[i].setBase(base)
			}
			return c.print(cmd, checked, checked.writeTo)
		},
	}
	cmd.Flags().StringVar(&base, "base", "", "The path that {base} stands for")
	return cmd
}

// rulesToCheck reads what is to be checked; name is what faults call it.
func rulesToCheck(cmd *cobra.Command, file string) (name, text string, err error) {
	if file == "-" {
		name = "standard input"
		text, err = readRulesFrom(name, cmd.InOrStdin())
		return name, text, err
	}
	text, err = readRules(file)
	if errors.Is(err, os.ErrNotExist) && filepath.Base(file) == file {
		for _, of := range shippedRules {
			if _, ok := of.sets.Find(file); ok {
				err = fmt.Errorf("%w; %s is a set that is shipped: caddy gatehouse rules show %s", err, file, file)
			}
		}
	}
	return file, text, err
}

// printFaults prints each fault on a line of its own, and returns how many there are.
func (c *client) printFaults(cmd *cobra.Command, err error) error {
	faults := viewFaults(err)
	if len(faults) == 0 {
		return err // not of a line, such as the base path
	}
	if c.json {
		_ = c.print(cmd, rulesCheck{Rules: []ruleView{}, Faults: faults}, nil)
	} else {
		for _, f := range faults {
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s:%d: %s\n", f.Source, f.Line, f.Text)
		}
	}
	if len(faults) == 1 {
		return errors.New("there is a fault in the rules")
	}
	return fmt.Errorf("there are %d faults in the rules", len(faults))
}

// setBase writes out what {base} stands for.
func (v *ruleView) setBase(base string) {
	if rest, ok := strings.CutPrefix(v.Path, "{base}"); ok && base != "" {
		v.Path = strings.TrimSuffix(base, "/") + rest
	}
}

// writeTo writes good rules for people.
func (r rulesCheck) writeTo(out io.Writer) {
	table(out, "METHOD\tPATH\tWHO", func(row func(...string)) {
		for _, v := range r.Rules {
			row(strings.Join(v.Methods, ","), v.Path, v.mayCall())
		}
	})
	var public []ruleView
	for _, v := range r.Rules {
		if v.Public {
			public = append(public, v)
		}
	}
	if len(r.Rules) == 1 {
		_, _ = fmt.Fprintln(out, "\n1 rule; what it does not allow is refused.")
	} else {
		_, _ = fmt.Fprintf(out, "\n%d rules; what none of them allows is refused.\n", len(r.Rules))
	}
	if len(public) == 0 {
		return
	}
	_, _ = fmt.Fprintln(out, "\nAnybody may call, without a credential:")
	for _, v := range public {
		line := "  " + strings.Join(v.Methods, ",") + " " + v.Path
		if v.When != "" {
			line += " when " + v.When
		}
		_, _ = fmt.Fprintln(out, line)
	}
}

// mayCall says who may call, as the rule does.
func (v ruleView) mayCall() string {
	if v.When == "" {
		return v.Who
	}
	return v.Who + " when " + v.When
}
