package policies

import (
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

const (
	// maxElements bounds what a list or map holds, in elements, those of its elements
	// included. What CEL does with one is counted only when it is done.
	maxElements = 1_000

	// maxClaims bounds the texts of claims together, in bytes: no token says more.
	maxClaims = 2 * MaxFact
)

// facts are the variables of the conditions of one decision; it is no Facts, but has one.
// Each fact is looked up when a condition first names it, and keeps its value.
type facts struct {
	subject       Subject
	method        string
	segments      []string
	trailingSlash bool
	known         map[string]any

	// Of the line that is asked: it, and whether a fact that its condition names is not
	// of its type or too big.
	line   *line
	failed bool
}

// about makes f ready for the condition of another line, whose parameters may have other
// names.
func (f *facts) about(l *line) {
	f.line, f.failed = l, false
	delete(f.known, varParams)
}

var _ cel.Activation = (*facts)(nil)

// Parent implements cel.Activation: there is none.
func (f *facts) Parent() cel.Activation { return nil }

// ResolveName implements cel.Activation.
func (f *facts) ResolveName(name string) (value any, found bool) {
	value, found = f.known[name]
	if !found {
		if value, found = f.look(name); !found {
			return nil, false // CEL looks up the names of types here, too
		}
		if !ofItsType(name, value) || !isSmall(name, value) {
			value = types.NewErr("%s is not known", name)
		}
		if f.known == nil {
			f.known = make(map[string]any)
		}
		f.known[name] = value
	}
	if _, bad := value.(*types.Err); bad {
		// "or" and "and" in a condition can do without an operand that is an error, so
		// that this alone would not make it fail.
		f.failed = true
	}
	return value, true
}

func (f *facts) look(name string) (value any, found bool) {
	known := f.subject.Authenticated
	switch name {
	case varMethod:
		return f.method, true
	case varParams:
		return f.params(), true
	case varKind:
		if !known {
			return "", true
		}
		return f.subject.Kind, true
	case varRoles:
		if !known {
			return []string(nil), true
		}
		return f.subject.Roles, true
	case FactSubject, FactName, FactDelegate:
		if !known {
			return "", true
		}
	case FactClaims:
		if !known {
			return map[string]any{}, true
		}
	case FactPath, FactHost, FactClientIP, FactQuery, FactNow:
	default:
		return nil, false
	}
	return f.subject.Facts.Fact(name), true
}

// ofItsType reports whether a variable has a value of the type that conditions were
// checked with. CEL would find a number unequal to every text, and so go on.
func ofItsType(name string, value any) (ok bool) {
	switch name {
	case FactClaims:
		_, ok = value.(map[string]any)
	case FactQuery:
		_, ok = value.(map[string][]string)
	case FactNow:
		_, ok = value.(time.Time)
	case varRoles:
		_, ok = value.([]string)
	case varParams:
		_, ok = value.(map[string]string)
	default:
		_, ok = value.(string)
	}
	return ok
}

// isSmall reports whether a variable's value is within the bounds.
func isSmall(name string, value any) bool {
	elements, text := measure(value)
	if name == FactClaims {
		return elements <= maxElements && text <= maxClaims
	}
	return elements <= maxElements && text <= MaxFact
}

// measure counts the elements of a list or map, those of its elements included, and the
// bytes of a text, or of all those in a list or map.
func measure(value any) (elements, text int) {
	add := func(name string, value any) {
		e, t := measure(value)
		elements, text = elements+1+e, text+len(name)+t
	}
	switch value := value.(type) {
	case string:
		return 0, len(value)
	case []string:
		for _, v := range value {
			text += len(v)
		}
		return len(value), text
	case map[string]string:
		for name, v := range value {
			add(name, v)
		}
	case map[string][]string:
		for name, v := range value {
			add(name, v)
		}
	case map[string]any:
		for name, v := range value {
			add(name, v)
		}
	case []any:
		for _, v := range value {
			add("", v)
		}
	}
	return elements, text
}

// params are the decoded parameters of the path.
func (f *facts) params() map[string]string {
	params := make(map[string]string)
	for i, s := range f.line.pattern {
		if s.shape == single || s.shape == rest {
			params[s.text] = f.line.value(i, f.segments, f.trailingSlash)
		}
	}
	return params
}
