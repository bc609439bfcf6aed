package policies

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// reference answers as a Policy should, the plain way: it looks at every rule for every
// question, at the text of its pattern, and knows the few conditions of its table.
type reference struct {
	rules []Rule
	base  string
}

// path is a canonical path.
type path struct {
	segments []string
	slash    bool
}

func pathOf(text string) path {
	segments, slash := split(text)
	return path{segments, slash}
}

func (p path) String() string {
	text := "/" + strings.Join(p.segments, "/")
	if p.slash && text != "/" {
		text += "/"
	}
	return text
}

// question is what a policy is asked.
type question struct {
	method  string
	path    path
	subject Subject
}

// conditions are the conditions that reference knows, with what each says.
var conditions = map[string]func(q question, params map[string]string) Reason{
	"true":                 func(question, map[string]string) Reason { return NoRule },
	"false":                func(question, map[string]string) Reason { return ConditionFalse },
	`claims.absent == "x"`: func(question, map[string]string) Reason { return ConditionFailed },
	`method == "GET"`:      func(q question, _ map[string]string) Reason { return unless(q.method == "GET") },
	`kind != "k1"`:         func(q question, _ map[string]string) Reason { return unless(q.subject.Kind != "k1") },
	`"r1" in roles`:        func(q question, _ map[string]string) Reason { return unless(slices.Contains(q.subject.Roles, "r1")) },
	`params["x"] == "a"`: func(_ question, params map[string]string) Reason {
		if x, ok := params["x"]; ok {
			return unless(x == "a")
		}
		return ConditionFailed
	},
}

// unless is the reason against a condition unless it holds.
func unless(holds bool) Reason {
	if holds {
		return NoRule
	}
	return ConditionFalse
}

// parts are the segments of a rule's pattern as it is written, with the base in place.
func (r *reference) parts(rule *Rule) []string {
	pattern := rule.Pattern
	if rest, ok := strings.CutPrefix(pattern, "{base}"); ok {
		pattern = strings.TrimSuffix(r.base, "/") + rest
	}
	return strings.Split(strings.TrimPrefix(pattern, "/"), "/")
}

// matches tells whether a rule's pattern matches, and with which parameters.
func (r *reference) matches(rule *Rule, p path) (params map[string]string, ok bool) {
	params = make(map[string]string)
	for i, part := range r.parts(rule) {
		name, isParameter := strings.CutPrefix(strings.TrimSuffix(part, "}"), "{")
		name, isRest := strings.CutSuffix(name, "...")
		switch {
		case part == "{$}":
			return params, len(p.segments) == i && p.slash
		case isRest:
			if len(p.segments) == i && p.slash {
				params[name] = ""
				return params, true
			}
			if len(p.segments) <= i {
				return nil, false
			}
			params[name] = strings.TrimPrefix(path{p.segments[i:], p.slash}.String(), "/")
			return params, true
		case i >= len(p.segments):
			return nil, false
		case isParameter:
			params[name] = p.segments[i]
		default:
			if text, _ := url.PathUnescape(part); text != p.segments[i] {
				return nil, false
			}
		}
	}
	return params, len(p.segments) == len(r.parts(rule)) && !p.slash
}

func coversMethod(rule *Rule, method string) bool {
	return slices.Contains(rule.Methods, "*") || slices.Contains(rule.Methods, method) ||
		method == "HEAD" && slices.Contains(rule.Methods, "GET")
}

// order spells a rule's pattern such that, of those that match one path, the most specific
// sorts first, and all with the same meaning are the same.
func (r *reference) order(rule *Rule) string {
	var b strings.Builder
	for _, part := range r.parts(rule) {
		switch {
		case part == "{$}":
			b.WriteString("\x00")
		case strings.HasSuffix(part, "...}"):
			b.WriteString("\U0010fffe")
		case strings.HasPrefix(part, "{"):
			b.WriteString("\U0010fffd")
		default:
			text, _ := url.PathUnescape(part)
			b.WriteString(text)
		}
		b.WriteByte(1)
	}
	return b.String()
}

// who is the reason for which a rule's Who allows, or the one against it.
func (r *reference) who(rule *Rule, s Subject, params map[string]string) Reason {
	if rule.Who.Class == Public {
		return AllowedPublic
	}
	if !s.Authenticated {
		return NotAuthenticated
	}
	switch rule.Who.Class {
	case Authenticated:
		return AllowedAuthenticated
	case Kind:
		for _, name := range rule.Who.Names {
			if name == s.Kind {
				return AllowedKind
			}
		}
		return KindMissing
	case Role:
		for _, name := range rule.Who.Names {
			for _, role := range s.Roles {
				if name == role {
					return AllowedRole
				}
			}
		}
		return RoleMissing
	}
	var resource []string
	for _, arg := range rule.Who.Args {
		if arg[0] == '{' {
			arg = params[arg[1:len(arg)-1]]
		}
		resource = append(resource, arg)
	}
	if s.Grants != nil && s.Grants.Allows(rule.Who.Privilege, resource...) {
		return AllowedGrant
	}
	return GrantMissing
}

// ask is what a rule that matches says.
func (r *reference) ask(rule *Rule, q question) Reason {
	params, _ := r.matches(rule, q.path)
	s := q.subject
	reason := r.who(rule, s, params)
	if rule.When == "" || !reason.Allows() {
		return reason
	}
	if s.Facts == nil {
		return ConditionFailed
	}
	if !s.Authenticated {
		q.subject.Kind, q.subject.Roles = "", nil
	}
	return cmp.Or(conditions[rule.When](q, params), reason)
}

// asked returns the rules with the most specific pattern for the path and method, and
// whether there is a rule for the path at all.
func (r *reference) asked(method string, p path) (best []*Rule, known bool) {
	for i := range r.rules {
		rule := &r.rules[i]
		if _, ok := r.matches(rule, p); !ok {
			continue
		}
		known = true
		if !coversMethod(rule, method) {
			continue
		}
		switch {
		case best == nil || r.order(rule) < r.order(best[0]):
			best = []*Rule{rule}
		case r.order(rule) == r.order(best[0]):
			best = append(best, rule)
		}
	}
	return best, known
}

// decide returns whether a question is allowed, the lines of the rules that may be named
// for it, and the reasons that they may be named with.
func (r *reference) decide(q question) (allow bool, lines []int, reasons []Reason) {
	best, known := r.asked(q.method, q.path)
	if best == nil {
		if !known {
			return false, []int{0}, []Reason{NoRule}
		}
		for i := range r.rules {
			lines = append(lines, r.rules[i].Line)
		}
		return false, lines, []Reason{MethodNotAllowed}
	}
	// The reasons in the order of who is nearest to being allowed, nearest first.
	for _, nearest := range []Reason{
		AllowedPublic, AllowedAuthenticated, AllowedKind, AllowedRole, AllowedGrant,
		NotAuthenticated, ConditionFailed, ConditionFalse, GrantMissing, RoleMissing, KindMissing,
	} {
		for _, rule := range best {
			if reason := r.ask(rule, q); reason == nearest && (lines == nil || allow && reason.Allows()) {
				allow = reason.Allows()
				lines, reasons = append(lines, rule.Line), append(reasons, reason)
			} else if reason == nearest && reason == reasons[0] {
				lines = append(lines, rule.Line)
			}
		}
	}
	return allow, lines, reasons
}
