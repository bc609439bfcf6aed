package canonpath

import (
	"net/url"
	"strings"
)

// Path is a request path in its one spelling. FromURL and FromRequest make it;
// the zero Path is invalid. A Path is immutable and safe for concurrent use.
type Path struct {
	segments []string
	decoded  string
	escaped  string
}

// Segments returns the decoded segments, none of which is empty or holds a
// slash. The path "/" has none. Callers must not modify the slice.
func (p Path) Segments() []string { return p.segments }

// TrailingSlash reports whether the path ends in a slash, as "/" does. It is
// kept because servers answer "/a" and "/a/" differently.
func (p Path) TrailingSlash() bool { return strings.HasSuffix(p.decoded, "/") }

// String returns the path decoded, such as "/a/b/". It is for decisions and for
// logs; it is no URL. It holds no control characters.
func (p Path) String() string { return p.decoded }

// Escaped returns the path in its canonical percent-encoding: what is forwarded.
func (p Path) Escaped() string { return p.escaped }

// Cut removes prefix, such as "/delta-sharing", from the front of p. It compares
// whole decoded segments, case-sensitively, so "/delta" is no prefix of
// "/delta-sharing" (GHSA-gx7w-56w6-g48x), and cuts both spellings at the same
// segment (CVE-2026-40912). A slash at the end of prefix has no meaning, and the
// prefixes "" and "/" cut nothing.
//
// What is left starts with a slash, unless p is exactly prefix: then it has no
// segments, no trailing slash and an empty String, and is good for decisions
// but not for Apply.
func (p Path) Cut(prefix string) (rest Path, ok bool) {
	n, ok := hasPrefix(p.segments, prefix)
	if !ok {
		return Path{}, false
	}
	return Path{
		segments: p.segments[n:],
		decoded:  p.decoded[slashAt(p.decoded, n):],
		escaped:  p.escaped[slashAt(p.escaped, n):],
	}, true
}

// Apply writes p into u, so that u.EscapedPath() is p.Escaped() and u.Path is
// p.String(). The query is left alone. It panics on the zero Path and on the
// empty rest of a Cut, since forwarding either would send the request to
// another place than the one decided on.
func (p Path) Apply(u *url.URL) {
	if p.decoded == "" {
		panic("canonpath: Apply of an empty path")
	}
	u.Path, u.RawPath = p.decoded, ""
	if u.EscapedPath() != p.escaped {
		u.RawPath = p.escaped
	}
}

// hasPrefix reports whether segments begin with those of prefix, and how many
// those are.
func hasPrefix(segments []string, prefix string) (n int, ok bool) {
	prefix = strings.TrimSuffix(strings.TrimPrefix(prefix, "/"), "/")
	for prefix != "" {
		var want string
		want, prefix, _ = strings.Cut(prefix, "/")
		if n == len(segments) || segments[n] != want {
			return 0, false
		}
		n++
	}
	return n, true
}

// slashAt returns the index of the slash in front of segment n, or len(s) when
// there is none.
func slashAt(s string, n int) int {
	for i := range len(s) {
		if s[i] != '/' {
			continue
		}
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}
