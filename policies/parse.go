package policies

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parse reads rules, one a line, which may end in a carriage return as well; a byte
// order mark may stand first. source names where text came from, for errors and for
// Rule.Source. It returns the rules in the order of their lines, or every error that it
// finds but no more than 100, each a *Fault; more than 1 MiB of text, 10,000 rules or 16
// KiB in a line are errors, and so are characters that cannot be seen. Whether conditions are
// good CEL and rules agree with each other is left to Compile, so that the rules of
// several sources can be put together.
func Parse(source, text string) ([]Rule, error) { return ParseAt(source, 1, text) }

// ParseAt is Parse of a text whose first line has another number than 1 where it stands.
func ParseAt(source string, first int, text string) ([]Rule, error) {
	var rules []Rule
	var faults []*Fault
	if len(text) > MaxText {
		return nil, &Fault{source, first, "the text is longer than the 1 MiB that are allowed; write parameters in place of many paths", ErrSyntax}
	}
	number := first - 1
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		number++
		rule := Rule{Source: source, Line: number}
		found, err := rule.read(line)
		if err == nil && found {
			_, err = newLine(rule, anyBase)
		}
		if err != nil {
			faults = append(faults, fault(&rule, ErrSyntax, err.Error()))
		} else if found {
			rules = append(rules, rule)
		}
		if len(rules) > maxRules {
			faults = append(faults, tooManyRules(&rule))
		}
		if len(rules) > maxRules || len(faults) == maxFaults {
			break
		}
	}
	if len(faults) > 0 {
		return nil, joinFaults(faults)
	}
	return rules, nil
}

const (
	// MaxText bounds the text of one source, in bytes.
	MaxText = 1 << 20

	// maxLine bounds a line of it, in bytes.
	maxLine = 16 << 10
)

const form = "write it as: allow METHOD /PATH public, authenticated, role NAME, kind NAME or grant PRIVILEGE ARG, and then, if need be: when CONDITION"

// anyBase stands in for the base path where rules are read, before it is known.
var anyBase = []segment{{literal, "base"}}

// read fills r from a line; found is false when the line holds no rule.
func (r *Rule) read(line string) (found bool, err error) {
	if !utf8.ValidString(line) {
		return false, errors.New("the line is not valid utf-8; save the file as utf-8")
	}
	if len(line) > maxLine {
		return false, fmt.Errorf("the line has %d bytes, and %d are allowed", len(line), maxLine)
	}
	if err := checkVisible(line); err != nil {
		return false, err
	}
	words, condition, conditional := splitLine(line)
	switch {
	case len(words) == 0:
		return false, nil
	case words[0] != "allow":
		return false, fmt.Errorf("unknown word %q; the only one is allow, and what no rule allows is denied", words[0])
	case len(words) < 4:
		return false, errors.New("the rule is incomplete; " + form)
	}
	r.Methods = strings.Split(words[1], ",")
	r.Pattern = words[2]
	if err := r.Who.read(words[3], words[4:]); err != nil {
		return true, err
	}
	if conditional {
		r.When, err = readWhen(condition)
	}
	return true, err
}

// splitLine returns the words of a line up to its comment or to the word when, which is
// looked for behind the class, and what stands behind that, comments and all.
func splitLine(line string) (words []string, condition string, conditional bool) {
	for {
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
		end := strings.IndexFunc(line, unicode.IsSpace)
		if end < 0 {
			end = len(line)
		}
		word := line[:end]
		switch line = line[end:]; {
		case word == "" || word[0] == '#':
			return words, "", false
		case word == whenWord && len(words) > 3:
			return words, line, true
		}
		words = append(words, word)
	}
}

func (w *Who) read(class string, words []string) error {
	switch class {
	case "public", "authenticated":
		if len(words) > 0 {
			return fmt.Errorf("%s takes no further words, but %q follows; leave it out, or write # in front of a comment", class, words[0])
		}
		w.Class = Public
		if class == "authenticated" {
			w.Class = Authenticated
		}
	case "role", "kind":
		if len(words) != 1 {
			return fmt.Errorf("%s takes one word; write its names joined by commas without spaces, as in: %s first,second", class, class)
		}
		w.Class, w.Names = Role, strings.Split(words[0], ",")
		if class == "kind" {
			w.Class = Kind
		}
	case "grant":
		if len(words) == 0 {
			return errors.New("grant names no privilege; write it as: grant PRIVILEGE ARG")
		}
		w.Class, w.Privilege = Grant, words[0]
		if len(words) > 1 {
			w.Args = words[1:]
		}
	default:
		return fmt.Errorf("%q does not say who may call; %s", class, form)
	}
	return nil
}
