package policies

import "slices"

// Outcome says what part a rule had in a decision.
type Outcome uint8

// The outcomes.
const (
	// OtherMethod: the rule is not for the method.
	OtherMethod Outcome = iota

	// LessSpecific: the rule is for the method, but so is one with a more specific pattern.
	LessSpecific

	// Asked: the rule was asked.
	Asked

	// NotNeeded: the rule has the pattern of those that were asked, and one of them
	// allowed before its turn.
	NotNeeded
)

var outcomeWords = [...]string{
	OtherMethod:  "another method",
	LessSpecific: "a more specific pattern decides",
	Asked:        "asked",
	NotNeeded:    "an alternative allowed before",
}

// String says the outcome in words.
func (o Outcome) String() string {
	if int(o) >= len(outcomeWords) {
		return "unknown"
	}
	return outcomeWords[o]
}

// Consideration is a rule whose pattern matches a path, and what came of it.
type Consideration struct {
	// Rule is the rule. Callers must not modify it.
	Rule *Rule

	Outcome Outcome

	// Reason is what the rule answered if it was Asked, else NoRule.
	Reason Reason

	// Cause is why its condition failed, in a line for operators; it may quote the request.
	// Empty otherwise.
	Cause string
}

// Explain decides as Decide does, and tells of every rule whose pattern matches the path
// what came of it, those with the most specific pattern first.
func (p *Policy) Explain(method string, segments []string, trailingSlash bool, s Subject) (Decision, []Consideration) {
	var asked []answer
	d := p.decide(method, segments, trailingSlash, &s, &asked)
	if p == nil || p.root == nil {
		return d, nil
	}
	var list []Consideration
	for _, lines := range p.root.all(nil, segments, trailingSlash) {
		for _, l := range lines {
			c := Consideration{Rule: &l.rule, Outcome: LessSpecific}
			index := slices.IndexFunc(asked, func(a answer) bool { return a.line == l })
			switch {
			case index >= 0:
				c.Outcome, c.Reason = Asked, asked[index].reason
				if cause := asked[index].cause; cause != nil {
					c.Cause = oneLine(cause.Error())
				}
			case !l.covers(method):
				c.Outcome = OtherMethod
			case slices.Contains(lines, d.line):
				c.Outcome = NotNeeded
			}
			list = append(list, c)
		}
	}
	return d, list
}
