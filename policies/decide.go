package policies

import (
	"slices"
	"sync"
)

// Subject is who asks. The zero Subject is a caller without credential.
type Subject struct {
	// Authenticated says that a credential was checked and found valid. Without
	// it only public rules allow, whatever the other fields hold.
	Authenticated bool

	// Kind is the kind of the identity, such as "owner" or "recipient".
	Kind string

	// Roles are the roles of the identity, compared exactly.
	Roles []string

	// Grants answers rules with a grant; nil never allows.
	Grants Grants

	// Facts answers conditions; nil fails them all.
	Facts Facts
}

// Grants is a scheme's own meaning of what an identity was granted.
type Grants interface {
	// Allows reports whether privilege is granted on resource, which names it
	// from the outside in, as the rule lists it. It must not modify or keep
	// resource, and must be safe for concurrent use.
	Allows(privilege string, resource ...string) bool
}

// Decision is the answer to one request. The zero Decision denies.
type Decision struct {
	// Allow is true only when Rule allows the request.
	Allow bool

	// Rule is the rule that allowed, or, of those that denied, the one nearest to
	// allowing; with MethodNotAllowed it is one for another method of the path.
	// It is nil when no pattern matches. Callers must not modify it.
	Rule *Rule

	// Reason says why.
	Reason Reason

	line          *line
	segments      []string
	trailingSlash bool
}

// Param returns the decoded text that the path has for a parameter of Rule's
// pattern, and whether the pattern has it. It reads the segments that Decide was
// given.
func (d Decision) Param(name string) (value string, ok bool) {
	if d.line == nil {
		return "", false
	}
	index := d.line.parameter(name)
	if index < 0 {
		return "", false
	}
	return d.line.value(index, d.segments, d.trailingSlash), true
}

// Decide answers whether s may call method on a path, given as its decoded
// segments, none of them empty, and whether a slash ends it; "/" has no segments
// and a trailing slash.
func (p *Policy) Decide(method string, segments []string, trailingSlash bool, s Subject) Decision {
	return p.decide(method, segments, trailingSlash, &s, nil)
}

// answer is what a line said.
type answer struct {
	line   *line
	reason Reason
	cause  error // why its condition failed
}

// decide appends what each line said that was asked to asked, unless that is nil.
func (p *Policy) decide(method string, segments []string, trailingSlash bool, s *Subject, asked *[]answer) Decision {
	d := Decision{segments: segments, trailingSlash: trailingSlash}
	if p == nil || p.root == nil {
		return d
	}
	lines := p.root.find(method, false, segments, trailingSlash)
	if lines == nil {
		if lines = p.root.find(method, true, segments, trailingSlash); lines != nil {
			d.answer(lines[0], MethodNotAllowed)
		}
		return d
	}
	var f *facts // nothing is looked up for rules without condition
	for _, l := range lines {
		if !l.covers(method) {
			continue
		}
		var cause error
		r := l.askWho(s, segments, trailingSlash)
		if l.condition != nil && r.Allows() {
			if f == nil {
				f = &facts{subject: *s, method: method, segments: segments, trailingSlash: trailingSlash}
			}
			r, cause = l.askCondition(f, r)
		}
		if asked != nil {
			*asked = append(*asked, answer{l, r, cause})
		}
		if r.nearness() >= d.Reason.nearness() {
			d.answer(l, r)
		}
		if d.Allow {
			break
		}
	}
	return d
}

func (d *Decision) answer(l *line, r Reason) {
	d.line, d.Rule, d.Reason, d.Allow = l, &l.rule, r, r.Allows()
}

// askCondition is the reason that stands once the condition was asked as well. The error
// says why it could not be answered.
func (l *line) askCondition(f *facts, reason Reason) (Reason, error) {
	f.about(l)
	switch holds, err := l.condition.holds(f); {
	case err != nil:
		return ConditionFailed, err
	case !holds:
		return ConditionFalse, nil
	}
	return reason, nil
}

// askWho asks whether the line, whose pattern and method match, allows the subject.
func (l *line) askWho(s *Subject, segments []string, trailingSlash bool) Reason {
	who := &l.rule.Who
	switch {
	case who.Class == Public:
		return AllowedPublic
	case !s.Authenticated:
		return NotAuthenticated
	case who.Class == Authenticated:
		return AllowedAuthenticated
	case who.Class == Kind && slices.Contains(who.Names, s.Kind):
		return AllowedKind
	case who.Class == Kind:
		return KindMissing
	case who.Class == Role && slices.ContainsFunc(s.Roles, func(role string) bool { return slices.Contains(who.Names, role) }):
		return AllowedRole
	case who.Class == Role:
		return RoleMissing
	case s.Grants == nil || !l.granted(s.Grants, segments, trailingSlash):
		return GrantMissing
	default:
		return AllowedGrant
	}
}

// resources holds arrays for asking Grants, which may not keep them. Eight are more than
// any scheme's grants have.
var resources = sync.Pool{New: func() any { return new([8]string) }}

func (l *line) granted(grants Grants, segments []string, trailingSlash bool) bool {
	if len(l.args) == len(l.fixed) {
		return grants.Allows(l.rule.Who.Privilege, l.fixed...)
	}
	pooled := resources.Get().(*[8]string)
	resource := pooled[:0]
	for _, a := range l.args {
		text := a.literal
		if a.index >= 0 {
			text = l.value(a.index, segments, trailingSlash)
		}
		resource = append(resource, text)
	}
	allows := grants.Allows(l.rule.Who.Privilege, resource...)
	clear(pooled[:]) // keeps no request's path alive
	resources.Put(pooled)
	return allows
}
