package caddymodule

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Whatever Caddy takes for a shorthand and a pattern for a parameter must be in the list:
// it is compared with Caddy's own source.
func TestEveryShorthandThatIsAParameterIsKnown(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(out)), "shorthands.go")
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		name, braced := strings.CutPrefix(text, "{")
		if err != nil || !braced || strings.HasPrefix(text, "{http.") {
			return true
		}
		name = strings.TrimSuffix(name, "}")
		if prefix, isExpression := strings.CutSuffix(name, `\.([\w-]*)`); isExpression {
			name = prefix + "..." // is rewritten only if dots may follow
		} else if prefix, isExpression := strings.CutSuffix(name, `\.([\w-\.]*)`); isExpression {
			name = prefix + "..."
		}
		if strings.ContainsAny(name, "%?") {
			return true // no name of a parameter
		}
		found++
		if word := "{" + name + "}"; afterCaddy(word) != word && !slices.Contains(shorthands, name) {
			t.Errorf("%s is rewritten to %s, and not in the list", word, afterCaddy(word))
		}
		return true
	})
	if found < 30 {
		t.Errorf("only %d shorthands were found in Caddy's source", found)
	}
}

func TestShorthandsComeBackAsWritten(t *testing.T) {
	for _, name := range shorthands {
		word := "/a/{" + name + "}"
		if afterCaddy(word) == word {
			t.Errorf("%s is no shorthand: it is not rewritten", word)
		}
		if got := asWritten(afterCaddy(word)); got != word {
			t.Errorf("%s comes back as %s", word, got)
		}
	}
	for _, word := range []string{
		"/{path...}", "/{file}/{query}/{host...}", "/{$}", "/{id}", "/a", "", "{", "{}", "/{env.HOME}", "/{http.foo}",
	} {
		if got := asWritten(afterCaddy(word)); got != word {
			t.Errorf("%q comes back as %q", word, got)
		}
	}
}
