package policies

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"
)

const (
	// maxCost bounds the work of asking a condition once, in CEL's units: some
	// milliseconds of it, for each element of a list costs about five.
	maxCost = 50_000

	// maxValue bounds a text that the caller chooses, or the texts of a list or map
	// together, in bytes. CEL counts the cost of a function only after its work, and
	// that of size not by the length of a text.
	maxValue = 32 << 10

	// maxRegexp bounds a compiled regular expression, in instructions. CEL's own bound
	// does not compile patterns that count, such as a{2}.
	maxRegexp = 500

	// maxNesting bounds how deep macros such as exists may stand in each other.
	maxNesting = 3

	// stringsVersion is that of CEL's functions for strings: the first that counts the
	// cost of them all.
	stringsVersion = 5
)

// leftOut are the functions of that version that conditions do without: they can make
// of a long query string a text that no memory holds, or search it for hours, before
// their cost is counted. The last two are of no use in a condition.
var leftOut = []string{"format", "indexOf", "join", "lastIndexOf", "replace", "reverse", "strings.quote"}

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
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, fmt.Errorf("the condition is wrong: %s", oneLine(err.Error()))
	}
	return &condition{program}, nil
}

// boundedCalls refuses the functions that are left out, and regular expressions that come
// with a request: they would be compiled each time, and written by whoever calls.
type boundedCalls struct{}

// Name implements cel.ASTValidator.
func (boundedCalls) Name() string { return "bounded_calls" }

// Validate implements cel.ASTValidator.
func (boundedCalls) Validate(_ *cel.Env, _ cel.ValidatorConfig, checked *ast.AST, issues *cel.Issues) {
	for _, expression := range ast.MatchDescendants(ast.NavigateAST(checked), ast.KindMatcher(ast.CallKind)) {
		call := expression.AsCall()
		name := call.FunctionName()
		if slices.Contains(leftOut, name) {
			issues.ReportErrorAtID(expression.ID(), "rules do without the function %s", name)
		}
		if name != "matches" {
			continue
		}
		pattern := call.Args()[len(call.Args())-1]
		if pattern.Kind() != ast.LiteralKind {
			issues.ReportErrorAtID(pattern.ID(), "the regular expression is no constant")
			continue
		}
		if text, ok := pattern.AsLiteral().Value().(string); ok && regexpSize(text) > maxRegexp {
			issues.ReportErrorAtID(pattern.ID(), "the regular expression is too big")
		}
	}
}

// regexpSize is the number of instructions of a regular expression, zero for one that is
// none.
func regexpSize(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0
	}
	return len(program.Inst)
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
