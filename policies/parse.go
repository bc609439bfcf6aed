package policies

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Parse reads rules, one a line. source names where text came from, for errors
// and for Rule.Source. It returns the rules in the order of their lines, or
// every error that it finds, each a *Fault. Whether rules agree with each other
// is left to Compile, so that the rules of several sources can be put together.
func Parse(source, text string) ([]Rule, error) {
	var rules []Rule
	var faults []error
	number := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		number++
		rule := Rule{Source: source, Line: number}
		found, err := rule.read(line)
		if err == nil && found {
			_, err = newLine(rule)
		}
		if err != nil {
			faults = append(faults, &Fault{Source: source, Line: number, Text: err.Error(), kind: ErrSyntax})
		} else if found {
			rules = append(rules, rule)
		}
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	return rules, nil
}

const form = "write it as: allow METHOD /PATH public, authenticated, role NAME, kind NAME or grant PRIVILEGE ARG"

// read fills r from a line; found is false when the line holds no rule.
func (r *Rule) read(line string) (found bool, err error) {
	if !utf8.ValidString(line) {
		return false, errors.New("the line is not valid utf-8; save the file as utf-8")
	}
	words := strings.Fields(line)
	comment := slices.IndexFunc(words, func(word string) bool { return word[0] == '#' })
	if comment >= 0 {
		words = words[:comment]
	}
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
	return true, r.Who.read(words[3], words[4:])
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
		return fmt.Errorf("unknown condition %q; %s", class, form)
	}
	return nil
}
