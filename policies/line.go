package policies

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// line is a rule made ready for questions. It never changes once compiled.
type line struct {
	rule      Rule
	pattern   []segment
	condition *condition // nil for none
	args      []arg
	// fixed holds the args when all are literal, so that asking allocates
	// nothing.
	fixed []string
}

// arg is an argument of a grant: a literal, or the parameter at an index of the
// pattern.
type arg struct {
	literal string
	index   int // -1 for a literal
}

// newLine checks a rule by itself, but for what its condition says.
func newLine(r Rule, base []segment) (*line, error) {
	if err := checkMethods(r.Methods); err != nil {
		return nil, err
	}
	if err := checkVisible(r.String()); err != nil {
		return nil, err
	}
	pattern, err := parsePattern(r.Pattern, base)
	if err != nil {
		return nil, err
	}
	if err := checkWhen(r.When); err != nil {
		return nil, err
	}
	l := &line{rule: r, pattern: pattern}
	switch r.Who.Class {
	case Public, Authenticated:
	case Kind, Role:
		if len(r.Who.Names) == 0 {
			return nil, fmt.Errorf("%s names nothing; write at least one name", r.Who.Class)
		}
		for _, name := range r.Who.Names {
			if !isWord(name) {
				return nil, fmt.Errorf("%q is no name of a %s; write names joined by single commas, without spaces or braces", name, r.Who.Class)
			}
		}
	case Grant:
		return l, l.readGrant()
	default:
		return nil, errors.New("the rule says for nobody; " + form)
	}
	return l, nil
}

func (l *line) readGrant() error {
	who := l.rule.Who
	if !isWord(who.Privilege) {
		return fmt.Errorf("%q is no privilege; write one, without commas or braces, and another rule for another one", who.Privilege)
	}
	literals := true
	for _, text := range who.Args {
		name, isParameter := strings.CutPrefix(text, "{")
		if !isParameter {
			if !isWord(text) {
				return fmt.Errorf("%q is no argument of a grant; write a word without commas or braces, or a {name} of the pattern", text)
			}
			l.args = append(l.args, arg{text, -1})
			continue
		}
		literals = false
		name, closed := strings.CutSuffix(name, "}")
		index := l.parameter(name)
		if !closed || index < 0 {
			return fmt.Errorf("%s is no parameter of %s; write a {name} that the pattern has", text, l.rule.Pattern)
		}
		l.args = append(l.args, arg{index: index})
	}
	if literals {
		l.fixed = who.Args
	}
	return nil
}

// parameter returns the index of the segment with that parameter, or -1.
func (l *line) parameter(name string) int {
	return slices.IndexFunc(l.pattern, func(s segment) bool {
		return (s.shape == single || s.shape == rest) && s.text == name
	})
}

// isWord reports whether text can stand in a rule as one name, which "when" cannot.
func isWord(text string) bool {
	return text != "" && text[0] != '#' && text != whenWord && !strings.ContainsAny(text, ",{}\"'`") && len(strings.Fields(text)) == 1 &&
		strings.Fields(text)[0] == text
}

// covers reports whether the line is for method. GET covers HEAD, as in
// http.ServeMux: a HEAD answer tells no more than the GET answer.
func (l *line) covers(method string) bool {
	for _, m := range l.rule.Methods {
		if m == "*" || m == method || m == "GET" && method == "HEAD" {
			return true
		}
	}
	return false
}

// value returns what the path has at index of the pattern. The rest keeps the
// slash at its end, as http.Request.PathValue does.
func (l *line) value(index int, segments []string, trailingSlash bool) string {
	if l.pattern[index].shape == single {
		return segments[index]
	}
	text := strings.Join(segments[index:], "/")
	if trailingSlash && text != "" {
		text += "/"
	}
	return text
}
