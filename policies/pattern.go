package policies

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// segment is one element of a pattern.
type segment struct {
	shape shape
	text  string // the literal, decoded, or the name of the parameter
}

type shape uint8

const (
	literal shape = iota // the same text
	single               // {name}: one segment
	rest                 // {name...}: what follows a slash, also nothing
	slash                // {$}: the slash at the end
)

const (
	// baseWord stands for the base path where a pattern begins.
	baseWord = "{base}"

	// maxMethods bounds the methods of a rule; the registry of HTTP methods has fewer.
	maxMethods = 64
)

// parsePattern reads a path pattern, with base in the place of {base}. Its language is
// that of http.ServeMux with less in it: what ServeMux would accept and people misread
// is refused.
func parsePattern(pattern string, base []segment) ([]segment, error) {
	path, below := strings.CutPrefix(pattern, baseWord)
	switch {
	case below && path == "" && len(base) == 0:
		return nil, fmt.Errorf("pattern %q is no path, since there is no base path; write {base}/{$}", pattern)
	case below && path == "":
		return base, nil
	case below && path[0] != '/':
		return nil, fmt.Errorf("pattern %q goes on behind {base} without a slash; write it as {base}/path", pattern)
	case !below && !strings.HasPrefix(pattern, "/"):
		return nil, fmt.Errorf("pattern %q does not start with a slash; write the path without a host, as in /path/{name} or {base}/path/{name}", pattern)
	case !below:
		base = nil
	}
	segments, err := parsePath(path)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	return slices.Concat(base, segments), nil
}

// parseBase reads the path that {base} stands for, with literal segments only.
func parseBase(base string) ([]segment, error) {
	if base == "" || base == "/" {
		return nil, nil
	}
	segments, err := parsePattern(base, nil)
	if err != nil {
		return nil, fmt.Errorf("base path: %w", err)
	}
	if slices.ContainsFunc(segments, func(s segment) bool { return s.shape != literal }) {
		return nil, fmt.Errorf("base path %q holds a parameter; write a plain path", base)
	}
	return segments, nil
}

func parsePath(pattern string) ([]segment, error) {
	if strings.ContainsAny(pattern, "?#") {
		return nil, errors.New("it holds a ? or #; rules match the path only, and either is written as %3F or %23 in it")
	}
	parts := strings.Split(pattern[1:], "/")
	segments := make([]segment, 0, len(parts))
	names := make(map[string]bool)
	for i, part := range parts {
		last := i == len(parts)-1
		if part == "" && last {
			return nil, fmt.Errorf("%q ends in a slash; write %[1]s{name...} for everything below it, or %[1]s{$} for that path alone", pattern)
		}
		s, err := parseSegment(part)
		if err != nil {
			return nil, err
		}
		if (s.shape == rest || s.shape == slash) && !last {
			return nil, fmt.Errorf("%s stands before its end; move it there or write {name}", part)
		}
		if s.shape == single || s.shape == rest {
			if names[s.text] {
				return nil, fmt.Errorf("two parameters are called %q; give each a name of its own", s.text)
			}
			names[s.text] = true
		}
		segments = append(segments, s)
	}
	return segments, nil
}

func parseSegment(part string) (segment, error) {
	inner, open := strings.CutPrefix(part, "{")
	inner, closed := strings.CutSuffix(inner, "}")
	switch {
	case part == "{$}":
		return segment{shape: slash}, nil
	case open && closed && !strings.ContainsAny(inner, "{}"):
		name, more := strings.CutSuffix(inner, "...")
		if !isName(name) {
			return segment{}, fmt.Errorf("%s is no parameter; its name is made of letters, digits and _, as in {name}", part)
		}
		if name == "base" {
			return segment{}, fmt.Errorf("%s is no parameter; {base} stands for the base path, at the beginning only", part)
		}
		if more {
			return segment{rest, name}, nil
		}
		return segment{single, name}, nil
	case strings.ContainsAny(part, "{}"):
		return segment{}, fmt.Errorf("%q mixes braces and text; a parameter fills a whole segment, as in /{name}/", part)
	case strings.Contains(part, "*"):
		return segment{}, fmt.Errorf("%q holds a *, which is no wildcard; write {name} for one segment, {name...} for all that follow, or %%2A for a star", part)
	}
	text, err := url.PathUnescape(part)
	if err != nil {
		return segment{}, fmt.Errorf("%q has a bad percent escape; write a percent sign as %%25", part)
	}
	if !reachable(text) {
		return segment{}, fmt.Errorf("no request can match the segment %q, since such paths are refused; write the path as it is after cleaning", part)
	}
	return segment{literal, text}, nil
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// reachable reports whether a canonical path can have the decoded segment.
func reachable(text string) bool {
	return text != "" && text != "." && text != ".." && !strings.ContainsAny(text, `/\;`) &&
		strings.ToValidUTF8(text, "") == text && strings.IndexFunc(text, unicode.IsControl) < 0 && !escape.MatchString(text)
}

// isName reports whether ServeMux would take name for a wildcard.
func isName(name string) bool {
	for i, c := range name {
		if !unicode.IsLetter(c) && c != '_' && (i == 0 || !unicode.IsDigit(c)) {
			return false
		}
	}
	return name != ""
}

// isMethod accepts the tokens that are in use as methods, which are
// case-sensitive (RFC 9110, section 9.1): a rule for "get" would match nothing.
func isMethod(method string) bool {
	for i, c := range method {
		if (c < 'A' || c > 'Z') && (c != '-' || i == 0) {
			return false
		}
	}
	return method != ""
}

func checkMethods(methods []string) error {
	if len(methods) == 0 {
		return errors.New("the rule names no method; write one, or * for all")
	}
	if len(methods) > maxMethods {
		return fmt.Errorf("the rule names %d methods, and %d are allowed; write * for all", len(methods), maxMethods)
	}
	for _, method := range methods {
		if method == "*" && len(methods) > 1 {
			return errors.New("* stands beside other methods; write * alone, for it covers them")
		}
		if method != "*" && !isMethod(method) {
			return fmt.Errorf("%q is no method; write it in capitals, several joined by commas without spaces, or * for all", method)
		}
	}
	return nil
}
