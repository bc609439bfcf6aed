package canonpath

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxLength bounds the escaped path, in bytes.
	maxLength = 8 << 10

	maxSegments = 256
)

// Options says what a scheme's clients are forgiven. The zero value forgives
// nothing.
type Options struct {
	// FoldAfter lists prefixes, such as "/delta-sharing" or "/", directly after
	// which one doubled literal slash is folded into one. Clients that join an
	// endpoint with a trailing slash and a path with a leading one send it.
	// Anywhere else, and a second time, a doubled slash is refused.
	FoldAfter []string
}

// FromRequest returns the one spelling of the path of r, or a Refusal. Besides
// what FromURL refuses, it refuses CONNECT, whose target is no path, and a
// literal # anywhere in the request target (CVE-2023-47106, CVE-2021-32779).
func FromRequest(r *http.Request, o Options) (Path, error) {
	if r.Method == http.MethodConnect {
		return Path{}, ConnectMethod
	}
	if strings.IndexByte(r.RequestURI, '#') >= 0 {
		return Path{}, Fragment
	}
	return FromURL(r.URL, o)
}

// FromURL returns the one spelling of u.EscapedPath(), which is what net/http
// would send, or a Refusal. It refuses opaque URLs and paths that do not start
// with a slash, such as "*" (CVE-2026-33186). The time that it takes is linear
// in the length of the path, which is bounded (CVE-2026-56860).
func FromURL(u *url.URL, o Options) (Path, error) {
	if u.Opaque != "" {
		return Path{}, NotRooted
	}
	// The parser for request lines takes a # into RawPath, and EscapedPath would
	// encode it. A ? there was never sent by a client: it would be a query that
	// became part of the path (CVE-2026-32811).
	if u.Fragment != "" || strings.ContainsAny(u.RawPath, "#?") {
		return Path{}, Fragment
	}
	if len(u.Path) > maxLength || len(u.RawPath) > maxLength {
		return Path{}, TooLong
	}
	return parse(u.EscapedPath(), o)
}

// parse makes a Path of a percent-encoded path.
func parse(raw string, o Options) (Path, error) {
	switch {
	case raw == "" || raw[0] != '/':
		return Path{}, NotRooted
	case len(raw) > maxLength:
		return Path{}, TooLong
	}
	p := Path{decoded: raw, escaped: raw}
	if !plain(raw) {
		decoded, err := decode(raw)
		if err != nil {
			return Path{}, err
		}
		p.decoded, p.escaped = decoded, encode(decoded)
		// Encoding may triple the length.
		if len(p.escaped) > maxLength {
			return Path{}, TooLong
		}
	}
	return p.split(o)
}

// split fills in the segments and folds the one doubled slash that o allows.
func (p Path) split(o Options) (Path, error) {
	slashes := strings.Count(p.decoded, "/")
	if slashes > maxSegments {
		return Path{}, TooManySegments
	}
	p.segments = make([]string, 0, slashes)
	folded := -1
	for rest, more := p.decoded[1:], true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		switch {
		case segment == "" && !more: // the trailing slash, or the whole of "/"
		case segment == "":
			if folded >= 0 || !o.foldsAfter(p.segments) {
				return Path{}, DoubledSlash
			}
			folded = len(p.segments)
		case segment == "." || segment == "..":
			return Path{}, DotSegment
		case doublyEncoded(segment):
			return Path{}, DoubleEncoding
		default:
			p.segments = append(p.segments, segment)
		}
	}
	if folded >= 0 {
		p.decoded = withoutSlash(p.decoded, folded)
		p.escaped = withoutSlash(p.escaped, folded)
	}
	return p, nil
}

func (o Options) foldsAfter(segments []string) bool {
	return slices.ContainsFunc(o.FoldAfter, func(prefix string) bool {
		n, ok := hasPrefix(segments, prefix)
		return ok && n == len(segments)
	})
}

// withoutSlash removes the slash in front of segment n.
func withoutSlash(s string, n int) string {
	i := slashAt(s, n)
	return s[:i] + s[i+1:]
}

// plain reports whether s is the same decoded and encoded.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; !literal[c] && c != '/' {
			return false
		}
	}
	return true
}

// decode undoes the percent-encoding once and refuses every byte that servers
// read differently, however it was written.
func decode(raw string) (string, error) {
	b := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c, escaped := raw[i], false
		if c == '%' {
			if i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2]) {
				return "", BadEscape
			}
			c, escaped = unhex(raw[i+1])<<4|unhex(raw[i+2]), true
			i += 2
		}
		switch {
		case c == '/' && escaped: // %2F and %2f alike (CVE-2026-42272)
			return "", EncodedSlash
		case c == '\\':
			return "", Backslash
		case c == ';':
			return "", Semicolon
		case c < 0x20 || c == 0x7f:
			return "", ControlByte
		}
		b = append(b, c)
	}
	if !utf8.Valid(b) {
		return "", InvalidUTF8
	}
	for i := 1; i < len(b); i++ {
		if b[i-1] == 0xc2 && b[i] < 0xa0 { // U+0080 to U+009F are control characters too
			return "", ControlByte
		}
	}
	return string(b), nil
}

// doublyEncoded reports whether a decoded segment still holds a percent escape,
// which a server that decodes again would undo. A lone percent sign is allowed.
func doublyEncoded(segment string) bool {
	for i := 0; i+2 < len(segment); i++ {
		if segment[i] == '%' && isHex(segment[i+1]) && isHex(segment[i+2]) {
			return true
		}
	}
	return false
}
