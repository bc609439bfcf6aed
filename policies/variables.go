package policies

import (
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// facts are the variables of one condition that is asked once; it is no Facts, but has
// one. Each fact is looked up when the condition first names it, and keeps its value.
type facts struct {
	subject       Subject
	line          *line
	method        string
	segments      []string
	trailingSlash bool

	known  map[string]any
	failed bool // some fact was not of its type, or too long
}

var _ cel.Activation = (*facts)(nil)

// Parent implements cel.Activation: there is none.
func (f *facts) Parent() cel.Activation { return nil }

// ResolveName implements cel.Activation.
func (f *facts) ResolveName(name string) (value any, found bool) {
	if value, found = f.known[name]; found {
		return value, true
	}
	switch value, found = f.look(name); {
	case !found:
		return nil, false // CEL looks up the names of types here, too
	case !ofItsType(name, value) || textOf(value) > maxValue:
		// "or" and "and" in a condition can do without an operand that is an error, so
		// that this alone would not make it fail.
		f.failed = true
		value = types.NewErr("%s is not known", name)
	}
	if f.known == nil {
		f.known = make(map[string]any)
	}
	f.known[name] = value
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

// textOf is the length of a text, or of all those in a list or map. Claims were read from
// a credential, which is short.
func textOf(value any) (length int) {
	switch value := value.(type) {
	case string:
		return len(value)
	case []string:
		for _, text := range value {
			length += len(text)
		}
	case map[string]string:
		for name, text := range value {
			length += len(name) + len(text)
		}
	case map[string][]string:
		for name, list := range value {
			length += len(name) + len(list) + textOf(list)
		}
	}
	return length
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
