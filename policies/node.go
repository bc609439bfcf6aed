package policies

import (
	"maps"
	"slices"
)

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

// sort puts alternatives into the order in which they are asked.
func (n *node) sort() {
	for _, lines := range [][]*line{n.here, n.slash, n.rest} {
		slices.SortFunc(lines, compareLines)
	}
	for next := range n.children() {
		next.sort()
	}
}

// children yields the nodes below n in an order that depends on nothing but them.
func (n *node) children() func(yield func(*node) bool) {
	return func(yield func(*node) bool) {
		for _, text := range slices.Sorted(maps.Keys(n.literals)) {
			if !yield(n.literals[text]) {
				return
			}
		}
		if n.single != nil {
			yield(n.single)
		}
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

// all appends every set of lines that matches the path, the more specific first.
func (n *node) all(found [][]*line, segments []string, trailingSlash bool) [][]*line {
	if len(segments) == 0 {
		if !trailingSlash {
			return append(found, n.here)
		}
		return append(found, n.slash, n.rest)
	}
	if next := n.literals[segments[0]]; next != nil {
		found = next.all(found, segments[1:], trailingSlash)
	}
	if n.single != nil && segments[0] != "" {
		found = n.single.all(found, segments[1:], trailingSlash)
	}
	return append(found, n.rest)
}
