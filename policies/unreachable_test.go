package policies

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestUnreachableRules says which line of a policy can never decide anything. That no other
// is reported, and none forgotten, is held by FuzzAgreement.
func TestUnreachableRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, rules string
		want        string // lines
		say         string // part of the fault
	}{
		{"twice the same", "GET /a role x\nGET /a role x", "2", "since with the same pattern r:1 allow all"},
		{"other parameter name", "GET /{a} grant p {a}\nGET /{b} grant p {b}", "2", ""},
		{"other parameter", "GET /{a}/{b} grant p {a}\nGET /{a}/{b} grant p {b}", "", ""},
		{"other spelling", "GET /a public\nGET /%61 public", "2", ""},
		{"public", "GET /a role x\nGET /a public", "1", "r:2"},
		{"authenticated", "GET /a authenticated\nGET /a grant p", "2", ""},
		{"authenticated is less than public", "GET /a authenticated\nGET /a public", "1", ""},
		{"kind is not all", "GET /a kind x\nGET /a authenticated", "1", ""},
		{"one role of two", "GET /a role x,y\nGET /a role y", "2", ""},
		{"more roles", "GET /a role x\nGET /a role x,y", "1", ""},
		{"other roles", "GET /a role x,z\nGET /a role x,y", "", ""},
		{"roles of several", "GET /a role x,y\nGET /a role y,z\nGET /a role z,x", "3", "r:1, r:2"},
		{"role and kind", "GET /a role x\nGET /a kind x", "", ""},
		{"HEAD of GET", "HEAD /a role x\nGET /a role x", "1", ""},
		{"GET is more than HEAD", "GET /a role x\nHEAD /a public", "", ""},
		{"methods of several", "GET,POST /a role x\nGET /a public\nPOST,PUT /a authenticated", "1", "r:2, r:3"},
		{"all methods", "GET,POST,PUT,DELETE /a public\n* /a public", "1", ""},
		{"all methods are more than any", "* /a public\nGET,POST /a role x", "2", ""},
		{"other pattern", "GET /a public\nGET /{x} public", "", ""},
		{"a condition covers nothing", "GET /a role x\nGET /a role x when true\nGET /b role x when true\nGET /b role x when true", "2", ""},
		{"a condition is covered", "GET /a role x when true\nGET /a public", "1", ""},
		{"rest", "GET /a/{r...} public\nGET /a/{$} role x\nGET /a/{y} role x\nGET /a/{y}/{z...} role x", "1", "more specific patterns, such as /a/{$} of r:2, take all paths of /a/{r...}"},
		{"rest of everything", "GET /{r...} public\nGET /{$} role x\nGET /{y} role x\nGET /{y}/{z...} role x", "1", ""},
		{"rest, in two steps", "GET /a/{r...} public\n* /a/{$} role x\nGET /a/{y} role x\nGET /a/{y}/{$} role x\nGET,PUT /a/{y}/{z} role x\nGET /a/{y}/{z}/{r...} role x", "1", ""},
		{"rest, taken by conditions", "GET /a/{r...} public\nGET /a/{$} role x when true\nGET /a/{y} role x\nGET /a/{y}/{z...} role x", "1", ""},
		{"rest without its end", "GET /a/{r...} public\nGET /a/{y} role x\nGET /a/{y}/{z...} role x", "", ""},
		{"rest without one segment", "GET /a/{r...} public\nGET /a/{$} role x\nGET /a/{y}/{z...} role x", "", ""},
		{"rest without the deep", "GET /a/{r...} public\nGET /a/{$} role x\nGET /a/{y} role x", "", ""},
		{"rest behind a literal only", "GET /a/{r...} public\nGET /a/{$} role x\nGET /a/b role x\nGET /a/b/{z...} role x", "", ""},
		{"rest for another method", "POST /a/{r...} public\nGET /a/{$} role x\nGET /a/{y} role x\nGET /a/{y}/{z...} role x", "", ""},
		{"rest, one method taken and one covered", "GET,POST /a/{r...} role x\nPOST /a/{r...} public\nGET /a/{$} role x\nGET /a/{y} role x\nGET /a/{y}/{z...} role x", "1", "with the same pattern r:2 allow all that it would, and more specific"},
		{"GET rest, HEAD not taken", "GET,HEAD /a/{r...} role x\n HEAD /a/{$} role x\nHEAD /a/{y} role x\nHEAD /a/{y}/{z...} role x", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules, err := Parse("r", "allow "+strings.ReplaceAll(tt.rules, "\n", "\nallow "))
			if err != nil {
				t.Fatal(err)
			}
			err = compileError(rules, "")
			var got []string
			if err != nil {
				for fault := range strings.Lines(err.Error()) {
					line, _, _ := strings.Cut(strings.TrimPrefix(fault, "r:"), ":")
					got = append(got, line)
				}
				if !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrSyntax) || errors.Is(err, ErrOverlap) || !strings.Contains(err.Error(), tt.say) {
					t.Errorf("got %v", err)
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %q, want %q: %v", got, tt.want, err)
			}
		})
	}
}

func TestFaultsAreSortedAndBounded(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, "allow GET /{a%d}/x public\nallow GET /y/{b%[1]d} public\n", i)
	}
	rules, err := Parse("r", text.String())
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(rules)
	err = compileError(rules, "")
	var last int
	for i, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		var fault *Fault
		if !errors.As(err, &fault) || fault.Line < last || i >= maxFaults {
			t.Fatalf("fault %d: %v", i, err)
		}
		last = fault.Line
	}
	if _, err := Parse("r", strings.Repeat("deny\n", 1000)); strings.Count(err.Error(), "\n") != maxFaults-1 {
		t.Errorf("%d faults", strings.Count(err.Error(), "\n")+1)
	}
}

func TestSizesAreBounded(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("allow GET /a public\n", maxRules)
	rules, err := Parse("r", many)
	if err != nil || len(rules) != maxRules {
		t.Fatalf("%d rules, %v", len(rules), err)
	}
	rules = append(rules, Rule{Source: "hand", Line: 7})
	if _, err := Compile(rules, ""); !errors.Is(err, ErrSyntax) || !strings.HasPrefix(err.Error(), "hand:7: ") || !strings.Contains(err.Error(), "10000") {
		t.Errorf("one rule more: %v", err)
	}
	for name, text := range map[string]string{
		"rules":   many + "allow GET /a public",
		"line":    "allow GET /a public # " + strings.Repeat("x", maxLine),
		"text":    strings.Repeat("# comment\n", MaxText/10+1),
		"methods": "allow " + strings.Repeat("GET,", maxMethods) + "PUT /a public",
	} {
		if rules, err := Parse("r", text); !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), "are allowed") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %d rules, %v", name, len(rules), err)
		}
	}
}
