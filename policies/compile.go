package policies

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const (
	// maxRules bounds the rules of one policy.
	maxRules = 10_000

	// maxFaults bounds the faults that are reported at once.
	maxFaults = 100
)

// Policy answers who may call what. Compile makes it; it never changes and is
// safe for concurrent use. The zero Policy and a nil one deny everything.
type Policy struct {
	root  *node
	rules []*Rule
}

// Compile checks rules and makes a Policy of them, with base as the path that
// {base} stands for; "" and "/" are none. It returns every error that it finds
// but no more than 100, each a *Fault unless it is one in base: a rule that
// cannot be understood, two rules whose patterns overlap for some method while
// neither is more specific, a rule that can never decide anything, more than
// 10,000 rules. The order of rules has no meaning, except that the later of two
// that say the same is reported. The time that it takes grows with the square of
// the number of rules. Callers must not modify the rules afterwards.
func Compile(rules []Rule, base string) (*Policy, error) {
	prefix, err := parseBase(base)
	if err != nil {
		return nil, err
	}
	if len(rules) > maxRules {
		return nil, tooManyRules(&rules[maxRules])
	}
	var faults []*Fault
	lines := make([]*line, 0, len(rules))
	for i := range rules {
		l, err := newLine(rules[i], prefix)
		if err == nil && rules[i].When != "" {
			l.condition, err = newCondition(rules[i].When)
		}
		if err != nil {
			faults = append(faults, fault(&rules[i], ErrSyntax, err.Error()))
			continue
		}
		lines = append(lines, l)
	}
	faults = append(faults, overlaps(lines)...)
	p := &Policy{root: new(node)}
	for _, l := range lines {
		p.root.insert(l, l.pattern)
	}
	needless, _ := p.root.unreachable()
	faults = append(faults, needless...)
	if len(faults) > 0 {
		return nil, joinFaults(faults)
	}
	p.root.sort()
	slices.SortStableFunc(lines, func(a, b *line) int {
		return cmp.Or(strings.Compare(a.rule.Pattern, b.rule.Pattern), compareLines(a, b))
	})
	for _, l := range lines {
		p.rules = append(p.rules, &l.rule)
	}
	return p, nil
}

// Rules returns the rules, sorted by their patterns. Callers must not modify them.
func (p *Policy) Rules() []*Rule {
	if p == nil {
		return nil
	}
	return slices.Clone(p.rules)
}

func tooManyRules(r *Rule) *Fault {
	return fault(r, ErrSyntax, fmt.Sprintf("this is one rule more than the %d that are allowed; write parameters in place of many paths", maxRules))
}

func overlaps(lines []*line) (faults []*Fault) {
	for i, a := range lines {
		for _, b := range lines[:i] {
			if cross(a.pattern, b.pattern) && shareMethod(a, b) {
				faults = append(faults, overlap(a, b))
			}
			if len(faults) == maxFaults {
				return faults
			}
		}
	}
	return faults
}

func overlap(a, b *line) *Fault {
	return fault(&a.rule, ErrOverlap, fmt.Sprintf("the pattern %s and %s of %s match some requests both, and neither is more specific; "+
		"write a literal segment in place of a parameter in one of them", a.rule.Pattern, b.rule.Pattern, b.rule.Position()))
}

// compareLines sorts alternatives: those without a condition come first, so that none is
// evaluated needlessly.
func compareLines(a, b *line) int {
	return cmp.Or(
		cmp.Compare(min(len(a.rule.When), 1), min(len(b.rule.When), 1)),
		cmp.Compare(a.rule.Who.Class, b.rule.Who.Class),
		strings.Compare(a.rule.String(), b.rule.String()),
		strings.Compare(a.rule.Source, b.rule.Source),
		cmp.Compare(a.rule.Line, b.rule.Line),
	)
}
