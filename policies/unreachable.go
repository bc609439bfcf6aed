package policies

import (
	"fmt"
	"slices"
	"strings"
)

// unreachable returns a fault for each line at or below n that can never decide anything,
// and the methods for which more specific patterns take all that n's rest would match.
// It must be called before the lines are sorted, for of two lines that say the same it
// reports the later.
func (n *node) unreachable() (faults []*Fault, taken methodSet) {
	for next := range n.children() {
		found, takenBelow := next.unreachable()
		faults = append(faults, found...)
		if next == n.single {
			taken = methodsOf(n.slash).and(methodsOf(next.here)).and(methodsOf(next.rest).or(takenBelow))
		}
	}
	faults = append(faults, n.unneeded(n.here, methodSet{})...)
	faults = append(faults, n.unneeded(n.slash, methodSet{})...)
	faults = append(faults, n.unneeded(n.rest, taken)...)
	return faults[:min(len(faults), maxFaults)], taken
}

// unneeded returns a fault for each of some alternatives that others make needless, for
// the methods that are not taken already. Only lines without condition make others
// needless. A line that was found needless is not looked at any more: what it would allow
// is allowed by those that remain.
func (n *node) unneeded(lines []*line, taken methodSet) (faults []*Fault) {
	if len(lines) == 0 {
		return nil
	}
	allowed := make(audience)
	for _, l := range lines {
		allowed.count(l, 1)
	}
	remaining := slices.Clone(lines)
	for i, l := range slices.Backward(lines) {
		allowed.count(l, -1)
		needed := slices.ContainsFunc(l.methods(), func(method string) bool {
			return !taken.has(method) && !allowed.everyone(l, method)
		})
		if needed {
			allowed.count(l, 1)
			continue
		}
		remaining = slices.Delete(remaining, i, i+1)
		if len(faults) < maxFaults {
			faults = append(faults, n.needless(l, remaining, taken))
		}
	}
	return faults
}

// needless makes the fault of a line of which remaining alternatives, or more specific
// patterns, leave nothing.
func (n *node) needless(l *line, remaining []*line, taken methodSet) *Fault {
	var reasons []string
	methods := l.methods()
	if slices.ContainsFunc(methods, func(method string) bool { return !taken.has(method) }) {
		var alternatives []string
		for _, other := range remaining {
			if len(alternatives) < 3 && other.rule.When == "" && shareMethod(l, other) && shareSubject(l, other) {
				alternatives = append(alternatives, other.rule.Position())
			}
		}
		reasons = append(reasons, "with the same pattern "+strings.Join(alternatives, ", ")+" allow all that it would")
	}
	if slices.ContainsFunc(methods, taken.has) {
		end := slices.IndexFunc(n.slash, func(other *line) bool { return shareMethod(l, other) })
		reasons = append(reasons, fmt.Sprintf("more specific patterns, such as %s of %s, take all paths of %s",
			n.slash[end].rule.Pattern, n.slash[end].rule.Position(), l.rule.Pattern))
	}
	return fault(&l.rule, ErrUnreachable, "the rule can never decide anything, since "+strings.Join(reasons, ", and ")+"; leave it out")
}

func shareSubject(a, b *line) bool {
	return b.rule.Who.Class <= Authenticated || slices.ContainsFunc(a.parts(), func(part string) bool { return slices.Contains(b.parts(), part) })
}

// audience counts, for alternatives without condition, by how many lines a part of the
// subjects is allowed for a method.
type audience map[string]map[string]int

func (a audience) count(l *line, n int) {
	if l.rule.When != "" {
		return
	}
	parts := l.parts()
	for _, method := range l.methods() {
		if a[method] == nil {
			a[method] = make(map[string]int)
		}
		for _, part := range parts {
			a[method][part] += n
		}
	}
}

// everyone reports whether all that l allows are allowed for a method.
func (a audience) everyone(l *line, method string) bool {
	allowed := func(part string) bool { return a[method][part] > 0 || a["*"][part] > 0 }
	switch {
	case allowed(Public.String()):
		return true
	case l.rule.Who.Class == Public:
		return false
	case allowed(Authenticated.String()):
		return true
	}
	return !slices.ContainsFunc(l.parts(), func(part string) bool { return !allowed(part) })
}
