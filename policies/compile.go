package policies

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Policy answers who may call what. Compile makes it; it never changes and is
// safe for concurrent use. The zero Policy and a nil one deny everything.
type Policy struct {
	root *node
}

// node is a place in the tree of path segments. Lines in one slice have the
// same pattern but for the names of its parameters, and are sorted by what they
// ask, so that the order in which rules were written is nowhere seen.
type node struct {
	literals map[string]*node
	single   *node
	here     []*line // for paths that end here
	slash    []*line // for paths that end in a slash behind this node
	rest     []*line // for all that goes on behind this node
}

// Compile checks rules and makes a Policy of them. It returns every error that
// it finds, each a *Fault: a rule that cannot be understood, or two rules whose
// patterns overlap for some method while neither is more specific. The order of
// rules has no meaning. The time that it takes grows with the square of the
// number of rules. Callers must not modify the rules afterwards.
func Compile(rules []Rule) (*Policy, error) {
	var faults []error
	lines := make([]*line, 0, len(rules))
	for _, r := range rules {
		l, err := newLine(r)
		if err != nil {
			faults = append(faults, &Fault{Source: r.Source, Line: r.Line, Text: err.Error(), kind: ErrSyntax})
			continue
		}
		lines = append(lines, l)
	}
	for i, a := range lines {
		for _, b := range lines[:i] {
			if cross(a.pattern, b.pattern) && shareMethod(a, b) {
				faults = append(faults, overlap(a, b))
			}
		}
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	slices.SortFunc(lines, compareLines)
	p := &Policy{root: new(node)}
	for _, l := range lines {
		p.root.insert(l, l.pattern)
	}
	return p, nil
}

func overlap(a, b *line) *Fault {
	return &Fault{
		Source: a.rule.Source,
		Line:   a.rule.Line,
		Text: fmt.Sprintf("the pattern %s and %s of %s match some requests both, and neither is more specific; "+
			"write a literal segment in place of a parameter in one of them", a.rule.Pattern, b.rule.Pattern, b.rule.Position()),
		kind: ErrOverlap,
	}
}

func compareLines(a, b *line) int {
	return cmp.Or(
		cmp.Compare(a.rule.Who.Class, b.rule.Who.Class),
		strings.Compare(a.rule.String(), b.rule.String()),
		strings.Compare(a.rule.Source, b.rule.Source),
		cmp.Compare(a.rule.Line, b.rule.Line),
	)
}

func (n *node) insert(l *line, pattern []segment) {
	if len(pattern) == 0 {
		n.here = append(n.here, l)
		return
	}
	switch s := pattern[0]; s.shape {
	case literal:
		next := n.literals[s.text]
		if next == nil {
			if n.literals == nil {
				n.literals = make(map[string]*node)
			}
			next = new(node)
			n.literals[s.text] = next
		}
		next.insert(l, pattern[1:])
	case single:
		if n.single == nil {
			n.single = new(node)
		}
		n.single.insert(l, pattern[1:])
	case slash:
		n.slash = append(n.slash, l)
	case rest:
		n.rest = append(n.rest, l)
	}
}

// find returns the lines with the most specific pattern among those that match
// the path and of which some line covers method; anyMethod asks for the path
// only. A literal is tried before a parameter and that before the rest: since no
// patterns cross, the first that matches is the most specific. Each node is
// visited at most once, so hostile paths cost no more than the rules have nodes.
func (n *node) find(method string, anyMethod bool, segments []string, trailingSlash bool) []*line {
	asked := func(lines []*line) bool {
		return len(lines) > 0 && (anyMethod || slices.ContainsFunc(lines, func(l *line) bool { return l.covers(method) }))
	}
	if len(segments) == 0 {
		switch {
		case !trailingSlash && asked(n.here):
			return n.here
		case trailingSlash && asked(n.slash):
			return n.slash
		case trailingSlash && asked(n.rest):
			return n.rest
		}
		return nil
	}
	if next := n.literals[segments[0]]; next != nil {
		if lines := next.find(method, anyMethod, segments[1:], trailingSlash); lines != nil {
			return lines
		}
	}
	if n.single != nil && segments[0] != "" {
		if lines := n.single.find(method, anyMethod, segments[1:], trailingSlash); lines != nil {
			return lines
		}
	}
	if asked(n.rest) {
		return n.rest
	}
	return nil
}
