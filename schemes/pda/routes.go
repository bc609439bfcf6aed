package pda

import (
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// mount is where the rules have the data API; mounts are where clients find it.
const mount = "v2.6"

var mounts = []string{"v2", "v2.0", mount}

const (
	// maxFileName bounds an id of a file or a name of a function, in bytes.
	maxFileName = 256
	// maxID bounds the id of an application, a bundle, a data debit, in bytes.
	maxID = 100
	// maxNamespace bounds a namespace, in bytes.
	maxNamespace = 100
)

// canonical returns the segments of a path as rules and endpoints know it: the data API
// at one mount. It is not ok if a segment has not the form that the server behind wants
// there, so that it would not be found (or be found as something else). What is forwarded
// is the path as it came.
func canonical(path canonpath.Path) (segments []string, slash, ok bool) {
	segments, slash = path.Segments(), path.TrailingSlash()
	if len(segments) < 2 || segments[0] != "api" {
		return segments, slash, wellFormedOutside(segments)
	}
	if !slices.Contains(mounts, segments[1]) {
		return segments, slash, false
	}
	if segments[1] != mount {
		segments = slices.Clone(segments)
		segments[1] = mount
	}
	return segments, slash, wellFormed(segments[2:], slash)
}

// wellFormed checks the forms of a path below the mount, of any route that begins so.
// Only what a rule takes as the rest of a path may end in a slash, and no rest is empty.
func wellFormed(segments []string, slash bool) bool {
	if len(segments) < 2 {
		return !slash
	}
	first, rest := segments[0], segments[1:]
	switch first {
	case "data":
		if len(rest) == 1 {
			return rest[0] == "sources" && !slash
		}
		return isNamespace(rest[0]) && isEndpoint(rest[1:], slash)
	case "contract-data":
		return len(rest) > 1 && isNamespace(rest[1]) && isEndpoint(rest[2:], slash)
	case "combinator":
		return isEndpoint(rest, slash)
	case "applications":
		return isID(rest[0]) && (len(rest) > 2 || !slash)
	case "data-bundle", "data-debit", "data-record":
		return isID(rest[0])
	case "she":
		if rest[0] == "function" {
			return areFileNames(rest[1:])
		}
		return isEndpoint(rest[1:], slash)
	case "files":
		return areFileNames(rest[1:]) && wellFormedAccess(rest)
	default:
		return true
	}
}

// wellFormedAccess checks that users are named by their UUIDs where access to files is
// given and taken.
func wellFormedAccess(rest []string) bool {
	switch rest[0] {
	case "allowAccess", "restrictAccess":
		return isUUID(rest[len(rest)-1])
	default:
		return true
	}
}

func wellFormedOutside(segments []string) bool {
	if len(segments) > 2 && segments[0] == "users" && segments[1] == "user" {
		return isUUID(segments[2])
	}
	return true
}

// routeOf is the route of a call, of which the rules have said its decision.
func (s *Scheme) routeOf(call *schemes.Call) schemes.Route {
	return s.routeDecided(call, call.Decision)
}

func (s *Scheme) routeDecided(call *schemes.Call, decided policies.Decision) schemes.Route {
	if route, ok := s.routes.Decided(decided); ok {
		return route
	}
	segments, slash, ok := canonical(call.Path)
	if !ok {
		return schemes.Route{}
	}
	return s.routes.Of(call.Request.Method, segments, slash)
}

// needsCaller tells whether what is done with a call depends on who calls, so that not even
// rules of the operator can leave it to anybody.
func (s *Scheme) needsCaller(call *schemes.Call, route schemes.Route) bool {
	_, own := s.own[route.Pattern]
	return own && !route.Public || holdsBatch(call.Request.Method, route.Pattern) || showsUsers[route.Pattern]
}

// class is a set of characters that a segment may be made of.
type class uint8

const (
	small       class = 1 << iota // digits, small letters and the hyphen
	capitals                      // capital letters
	hexadecimal                   // digits and a to f, in any case
)

// classes tells of each byte which sets it is in.
var classes = func() (of [256]class) {
	for c := range of {
		switch b := byte(c); {
		case '0' <= b && b <= '9':
			of[c] = small | hexadecimal
		case 'a' <= b && b <= 'f':
			of[c] = small | hexadecimal
		case 'g' <= b && b <= 'z', b == '-':
			of[c] = small
		case 'A' <= b && b <= 'F':
			of[c] = capitals | hexadecimal
		case 'G' <= b && b <= 'Z':
			of[c] = capitals
		}
	}
	return of
}()

// isMadeOf tells whether all of a text is in one of the sets.
func isMadeOf(text string, of class) bool {
	for i := range len(text) {
		if classes[text[i]]&of == 0 {
			return false
		}
	}
	return true
}

// isNamespace takes what the routes of the data API take.
func isNamespace(text string) bool {
	return text != "" && len(text) <= maxNamespace && isMadeOf(text, small)
}

// isEndpoint takes the segments behind a namespace. None are well formed, and match no
// route without the slash behind them.
func isEndpoint(segments []string, slash bool) bool {
	return (len(segments) > 0 || !slash) && !slices.ContainsFunc(segments, func(s string) bool { return !isMadeOf(s, small) })
}

// isID takes the id of an application, a bundle, a data debit.
func isID(text string) bool {
	return text != "" && len(text) <= maxID && isMadeOf(text, small|capitals)
}

// isUUID takes one in its usual form, in any case.
func isUUID(text string) bool {
	parts := strings.Split(text, "-")
	if len(parts) != 5 {
		return false
	}
	for i, length := range [...]int{8, 4, 4, 4, 12} {
		if len(parts[i]) != length || !isMadeOf(parts[i], hexadecimal) {
			return false
		}
	}
	return true
}

// areFileNames takes what a path can hold, in a length that is sensible.
func areFileNames(segments []string) bool {
	return !slices.ContainsFunc(segments, func(s string) bool { return len(s) > maxFileName })
}
