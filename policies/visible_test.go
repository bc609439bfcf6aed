package policies

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestNoRuleHidesBehindWhatIsNotSeen: an editor that ends lines elsewhere, or shows text
// in another direction, showed rules that were a comment, or a comment that was a rule.
func TestNoRuleHidesBehindWhatIsNotSeen(t *testing.T) {
	t.Parallel()
	for _, c := range []rune{
		0, 1, '\a', '\b', '\v', '\f', '\r', 0x1b, 0x7f, 0x80, 0x85, 0x9f, // control characters
		0x2028, 0x2029, // separators of lines and paragraphs
		0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, // directions
		0xad, 0x200b, 0x200c, 0x200d, 0x2060, 0xfeff, 0xe0041, // without width
	} {
		for _, line := range []string{"# a%sb", "allow GET /a public # a%sb", "allow GET /a public %s", "allow GET /a%sb public", "%s", `allow GET /a public when name == "a%sb"`} {
			if c == '\r' && strings.HasSuffix(line, "%s") {
				continue // ends the line
			}
			text := fmt.Sprintf("# é\r\n"+line+"\nallow GET /b public\n", string(c))
			rules, err := Parse("r", text)
			var fault *Fault
			if !errors.As(err, &fault) || !errors.Is(err, ErrSyntax) || fault.Line != 2 {
				t.Errorf("%q: got %v, %v", text, rules, err)
				continue
			}
			place := strings.IndexRune(fmt.Sprintf(line, "\x00"), 0) + 1
			for _, want := range []string{fmt.Sprintf("%U", c), fmt.Sprintf("character %d,", place), "; leave it out"} {
				if want == "; leave it out" && strings.ContainsRune("\r\v\f\u0085\u2028\u2029", c) {
					want = "; end lines in LF or CR LF"
				}
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q: got %v, want %q in it", text, err, want)
				}
			}
		}
	}
}

func TestWhatIsSeenIsRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"\ufeffallow GET /a public\r\n",
		"\tallow\tGET\t/a\tpublic\t#\tc\r\n\r\n",
		"allow GET /a public\r",
		"allow GET /caf\u00e9 public # \u05d0\u05d1 \u0928\u092e\u0938\u094d\u0924\u0947 \u2713 \U0001f600\ufe0f",
		`allow GET /a public when name == "\u200b\x07"`,
	} {
		if rules, err := Parse("r", text); err != nil || len(rules) != 1 {
			t.Errorf("%q: got %v, %v", text, rules, err)
		}
	}
}

func TestRulesMadeByHandHideNothing(t *testing.T) {
	t.Parallel()
	good := Rule{Source: "hand", Line: 3, Methods: []string{"GET"}, Pattern: "/a", Who: Who{Class: Public}}
	for name, change := range map[string]func(*Rule){
		"pattern":   func(r *Rule) { r.Pattern = "/a\u200b" },
		"condition": func(r *Rule) { r.When = "name == \"\u202e\"" },
		"role":      func(r *Rule) { r.Who = Who{Class: Role, Names: []string{"a\u2060"}} },
		"argument":  func(r *Rule) { r.Who = Who{Class: Grant, Privilege: "p", Args: []string{"\ufeffa"}} },
	} {
		r := good
		change(&r)
		if _, err := Compile([]Rule{r}, ""); !errors.Is(err, ErrSyntax) || !strings.HasPrefix(err.Error(), "hand:3: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
