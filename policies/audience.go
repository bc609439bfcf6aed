package policies

import (
	"fmt"
	"slices"
	"strings"
)

// parts are what the subjects that a line allows are made up of, its condition aside:
// two lines have a part in common if and only if some subject has it for both.
func (l *line) parts() []string {
	who := &l.rule.Who
	class := who.Class.String()
	switch who.Class {
	case Kind, Role:
		var parts []string
		for _, name := range who.Names {
			parts = append(parts, class+" "+name)
		}
		slices.Sort(parts)
		return slices.Compact(parts)
	case Grant:
		words := []string{class, who.Privilege}
		for i, a := range l.args {
			if a.index >= 0 {
				// Parameters are the same by their place, whatever their name.
				words = append(words, fmt.Sprintf("{%d}", a.index))
			} else {
				words = append(words, who.Args[i])
			}
		}
		return []string{strings.Join(words, " ")}
	}
	return []string{class}
}

// methodSet is a set of methods: all of them, or those named.
type methodSet struct {
	all   bool
	named map[string]bool
}

// methodsOf returns what lines cover together, HEAD with GET.
func methodsOf(lines []*line) (s methodSet) {
	s.named = make(map[string]bool)
	for _, l := range lines {
		for _, m := range l.methods() {
			s.named[m] = true
			s.all = s.all || m == "*"
		}
	}
	return s
}

func (s methodSet) has(method string) bool { return s.all || s.named[method] }

func (s methodSet) and(t methodSet) methodSet {
	both := methodSet{all: s.all && t.all, named: make(map[string]bool)}
	for _, named := range []map[string]bool{s.named, t.named} {
		for m := range named {
			if s.has(m) && t.has(m) {
				both.named[m] = true
			}
		}
	}
	return both
}

func (s methodSet) or(t methodSet) methodSet {
	either := methodSet{all: s.all || t.all, named: make(map[string]bool)}
	for _, named := range []map[string]bool{s.named, t.named} {
		for m := range named {
			either.named[m] = true
		}
	}
	return either
}

// methods returns each method that the line covers once. "*" stands for all, and so for
// those that no rule names: what covers these covers every other one.
func (l *line) methods() []string {
	methods := slices.Clone(l.rule.Methods)
	if slices.Contains(methods, "GET") {
		methods = append(methods, "HEAD")
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}
