package caddymodule

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// oneName takes one argument, the name of something.
func oneName(what string) cobra.PositionalArgs { return oneArgument(what, "NAME") }

// oneArgument takes one argument, which help calls as said.
func oneArgument(what, called string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return fmt.Errorf("which %s? %s %s", what, cmd.CommandPath(), called)
		case 1:
			return nil
		default:
			return fmt.Errorf("one %s is expected, and there are %d: %s", called, len(args), strings.Join(args, " "))
		}
	}
}

// nameAndGrants takes a recipient's name and grants.
func nameAndGrants(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("which recipient? %s NAME GRANT…", cmd.CommandPath())
	case 1:
		return fmt.Errorf("which grants? %s %s GRANT…", cmd.CommandPath(), args[0])
	default:
		return nil
	}
}

// exclude refuses two options together.
func exclude(flags *pflag.FlagSet, one, other string) error {
	if flags.Changed(one) && flags.Changed(other) {
		return fmt.Errorf("--%s and --%s exclude each other", one, other)
	}
	return nil
}

// flagError says in the words of an operator what is wrong with an option.
func flagError(_ *cobra.Command, err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	flag := invalid.GetFlag()
	if flag.Value.Type() == "int" {
		return fmt.Errorf("--%s: %q is not a whole number", flag.Name, invalid.GetValue())
	}
	return err
}
