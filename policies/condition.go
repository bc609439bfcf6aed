package policies

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"
)

const (
	// maxNesting bounds how deep macros such as exists may stand in each other.
	maxNesting = 3

	// stringsVersion is that of CEL's functions for strings: the first that counts the
	// cost of them all.
	stringsVersion = 5
)

// The variables that a condition has beside those of Facts.
const (
	varKind   = "kind"
	varRoles  = "roles"
	varMethod = "method"
	varParams = "params"
)

// environment is what conditions are written in. It does not change once made.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable(FactSubject, cel.StringType),
		cel.Variable(FactName, cel.StringType),
		cel.Variable(FactDelegate, cel.StringType),
		cel.Variable(FactClaims, cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable(FactPath, cel.StringType),
		cel.Variable(FactHost, cel.StringType),
		cel.Variable(FactClientIP, cel.StringType),
		cel.Variable(FactQuery, cel.MapType(cel.StringType, cel.ListType(cel.StringType))),
		cel.Variable(FactNow, cel.TimestampType),
		cel.Variable(varKind, cel.StringType),
		cel.Variable(varRoles, cel.ListType(cel.StringType)),
		cel.Variable(varMethod, cel.StringType),
		cel.Variable(varParams, cel.MapType(cel.StringType, cel.StringType)),
		ext.Strings(ext.StringsVersion(stringsVersion)),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxWhen),
		cel.ASTValidators(
			cel.ValidateDurationLiterals(),
			cel.ValidateTimestampLiterals(),
			cel.ValidateRegexLiterals(),
			cel.ValidateComprehensionNestingLimit(maxNesting),
			boundedCalls{},
			boundedLiterals{},
		),
	)
})

// condition is what stands behind a rule's when, ready to be asked. It is safe for
// concurrent use, since a CEL program is.
type condition struct {
	program cel.Program
}

// newCondition compiles a condition, which must be a truth value.
func newCondition(when string) (c *condition, err error) {
	// A fault of the compiler must not take the gateway down with it.
	defer func() {
		if r := recover(); r != nil {
			c, err = nil, fmt.Errorf("the condition cannot be compiled: %v", r)
		}
	}()
	env, err := environment()
	if err != nil {
		return nil, err
	}
	checked, issues := env.Compile(when)
	if found := issues.Errors(); len(found) > 0 {
		place := ""
		if column := found[0].Location.Column(); column >= 0 {
			place = fmt.Sprintf(" at its character %d", column+1)
		}
		return nil, fmt.Errorf("the condition is wrong%s: %s", place, oneLine(found[0].Message))
	}
	if kind := checked.OutputType(); !kind.IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("the condition is of type %s, not true or false; compare it with something, as in: claims.admin == true", kind)
	}
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), costs())
	if err != nil {
		return nil, fmt.Errorf("the condition is wrong: %s", oneLine(err.Error()))
	}
	return &condition{program}, nil
}

// oneLine returns a message of CEL's without line ends and without what only its authors
// understand, at most 300 characters of it.
func oneLine(message string) string {
	message, _, _ = strings.Cut(message, " expecting {")
	message = strings.TrimSuffix(message, " (in container '')")
	return fmt.Sprintf("%.300s", strings.Join(strings.Fields(message), " "))
}

var errUnanswered = errors.New("condition cannot be answered")

// holds answers the condition. It fails if the condition asks for what is not there or
// costs too much, and also, whatever its value, if a fact was not of its type. CEL turns
// panics, those of Facts included, into errors.
func (c *condition) holds(f *facts) (bool, error) {
	if f.subject.Facts == nil {
		return false, errUnanswered
	}
	value, _, err := c.program.Eval(f)
	if err != nil {
		return false, err
	}
	truth, ok := value.(types.Bool)
	if !ok || f.failed {
		return false, errUnanswered
	}
	return bool(truth), nil
}
