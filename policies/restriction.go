package policies

import (
	"regexp/syntax"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/parser"
)

const (
	// maxRegexp bounds a compiled regular expression, in instructions. CEL's own bound
	// does not compile patterns that count, such as a{2}.
	maxRegexp = 100

	// maxLiteral bounds the elements of a list or map that is written in a condition,
	// those of its elements included, unless it is a list of constants. It is made anew
	// each time, and CEL counts it as one thing, whatever its elements hold.
	maxLiteral = 16
)

// leftOut are those of CEL's functions for strings that conditions do without: they can make
// of a long query string a text that no memory holds, or search it for hours, before
// their cost is counted. The last two are of no use in a condition.
var leftOut = []string{"format", "indexOf", "join", "lastIndexOf", "replace", "reverse", "strings.quote"}

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

// boundedLiterals refuses long lists and maps of what is no constant, and those that are
// made of a loop's variable: with two of it in each loop they grow beyond all measure.
type boundedLiterals struct{}

// Name implements cel.ASTValidator.
func (boundedLiterals) Name() string { return "bounded_literals" }

// Validate implements cel.ASTValidator.
func (boundedLiterals) Validate(_ *cel.Env, _ cel.ValidatorConfig, checked *ast.AST, issues *cel.Issues) {
	root := ast.NavigateAST(checked)
	variables := make(map[string]bool)
	for _, loop := range ast.MatchDescendants(root, ast.KindMatcher(ast.ComprehensionKind)) {
		variables[loop.AsComprehension().IterVar()] = true
	}
	for _, literal := range ast.MatchDescendants(root, isLiteral) {
		ofVariable := ""
		for _, name := range ast.MatchDescendants(literal, ast.KindMatcher(ast.IdentKind)) {
			if variables[name.AsIdent()] {
				ofVariable = name.AsIdent()
			}
		}
		switch {
		case addedByMacro(literal):
		case ofVariable != "":
			issues.ReportErrorAtID(literal.ID(), "a list or map is made of %s, the variable of a loop", ofVariable)
		case !isConstant(literal) && elementsOf(literal) > maxLiteral:
			issues.ReportErrorAtID(literal.ID(), "a list or map that is not all constants has more than %d elements", maxLiteral)
		}
	}
}

func isLiteral(e ast.NavigableExpr) bool { return e.Kind() == ast.ListKind || e.Kind() == ast.MapKind }

// isConstant reports whether e is a constant, or a list of them: CEL makes maps anew.
func isConstant(e ast.NavigableExpr) bool {
	return e.Kind() == ast.LiteralKind || e.Kind() == ast.ListKind && !slices.ContainsFunc(e.Children(), func(c ast.NavigableExpr) bool { return !isConstant(c) })
}

// elementsOf counts the elements of a literal, or the keys and values, and those of the
// literals in it.
func elementsOf(e ast.NavigableExpr) (count int) {
	for _, literal := range ast.MatchDescendants(e, isLiteral) {
		count += len(literal.Children())
	}
	return count
}

// addedByMacro reports whether a list is no one's but a macro's: map and filter add lists
// of one element to their result, whose name nobody can write.
func addedByMacro(list ast.NavigableExpr) bool {
	parent, ok := list.Parent()
	if !ok || parent.Kind() != ast.CallKind || parent.AsCall().FunctionName() != operators.Add {
		return false
	}
	result := parent.AsCall().Args()[0]
	return result.Kind() == ast.IdentKind && result.AsIdent() == parser.HiddenAccumulatorName
}
