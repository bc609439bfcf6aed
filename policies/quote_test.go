package policies

import (
	"errors"
	"strings"
	"testing"
)

func TestParseReadsConditions(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, when string }{
		{"plain", `when kind == "user"`, `kind == "user"`},
		{"spaces around", "\t when \t kind == \"a  b\" \t\r", `kind == "a  b"`},
		{"comment", `when kind == "user" # a comment`, `kind == "user"`},
		{"comment with quotes", `when true # don't "`, `true`},
		{"comment right behind when", `when kind == "user" #`, `kind == "user"`},
		{"no word starts", `when kind == a#b`, `kind == a#b`}, // CEL says what it thinks of it
		{"number sign in quotes", `when kind == "a # b" && name == ' # '`, `kind == "a # b" && name == ' # '`},
		{"escaped quote", `when kind == "\" # \\" # c`, `kind == "\" # \\"`},
		{"other quote inside", `when kind == "' # " # c`, `kind == "' # "`},
		{"raw", `when kind == r"\" # c`, `kind == r"\"`},
		{"raw bytes", `when b'a' == bR'\' # c`, `b'a' == bR'\'`},
		{"a name that ends in r", `when "a" in r && kind == xr"\" # "`, `"a" in r && kind == xr"\" # "`},
		{"threefold", `when kind == """a " # ""b""" # c`, `kind == """a " # ""b"""`},
		{"threefold raw", `when kind == R'''\ ' # ''' # c`, `kind == R'''\ ' # '''`},
		{"empty quotes", `when kind == "" # "`, `kind == ""`},
		{"slashes in quotes", `when path == "//"`, `path == "//"`},
		{"when in it", `when kind == "x" when`, `kind == "x" when`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules, err := Parse("r", "allow GET /a public "+tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if rules[0].When != tt.when {
				t.Errorf("got %q, want %q", rules[0].When, tt.when)
			}
			again, err := Parse("r", rules[0].String())
			if err != nil || again[0].When != tt.when {
				t.Errorf("%s is read as %v: %v", rules[0].String(), again, err)
			}
		})
	}
}

func TestParseFindsWhenBehindEveryClass(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"public", "authenticated", "kind a,b", "role a,b", "grant p", "grant p x {z}"} {
		rules, err := Parse("r", "allow GET /when/{z} "+who+" when true")
		if err != nil || rules[0].When != "true" || rules[0].String() != "allow GET /when/{z} "+who+" when true" {
			t.Errorf("%s: got %v %v", who, rules, err)
		}
	}
}

func TestFaultsAroundConditions(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, line, want string }{
		{"none", "allow GET /a public when", "no condition stands behind when"},
		{"comment only", "allow GET /a public when # true", "no condition stands behind when"},
		{"nobody", "allow GET /a when true", `"when" does not say who`},
		{"role without name", "allow GET /a role when true", "takes one word"},
		{"grant without privilege", "allow GET /a grant when true", "names no privilege"},
		{"open quote", `allow GET /a public when kind == "a`, "not closed"},
		{"open threefold quote", `allow GET /a public when kind == """a"`, "not closed"},
		{"escaped end", `allow GET /a public when kind == "a\"`, "not closed"},
		{"CEL's comment", `allow GET /a public when true // really`, "begins with #"},
		{"long", `allow GET /a public when kind == "` + strings.Repeat("a", 4<<10) + `"`, "4096 are allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules, err := Parse("r", tt.line)
			if !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v %v", rules, err)
			}
		})
	}
	for _, when := range []string{" true", "true ", "true\n", "true\n&& false", "true # x", "# x", "\xff", " "} {
		r := Rule{Source: "hand", Line: 7, Methods: []string{"*"}, Pattern: "/a", Who: Who{Class: Public}, When: when}
		if _, err := Compile([]Rule{r}, ""); !errors.Is(err, ErrSyntax) || !strings.HasPrefix(err.Error(), "hand:7: ") {
			t.Errorf("%q: got %v", when, err)
		}
	}
}
