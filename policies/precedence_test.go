package policies

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// randomPattern makes short patterns over few names, so that they often meet.
func randomPattern(random *rand.Rand) string {
	var b strings.Builder
	depth := 1 + random.IntN(3)
	for i := range depth {
		b.WriteByte('/')
		switch n := random.IntN(10); {
		case n < 5:
			b.WriteByte("ab"[random.IntN(2)])
		case n < 8 || i < depth-1:
			fmt.Fprintf(&b, "{p%d}", i)
		case n == 8:
			b.WriteString("{rest...}")
		default:
			b.WriteString("{$}")
		}
	}
	return b.String()
}

func randomPath(random *rand.Rand) string {
	var b strings.Builder
	for range random.IntN(4) {
		b.WriteByte('/')
		b.WriteByte("abc"[random.IntN(3)])
	}
	if b.Len() == 0 || random.IntN(3) == 0 {
		b.WriteByte('/')
	}
	return b.String()
}

type found struct{ pattern string }

func (found) ServeHTTP(http.ResponseWriter, *http.Request) {}

// TestPrecedenceIsThatOfServeMux takes http.ServeMux as the oracle for which
// patterns conflict and which of them a path goes to.
func TestPrecedenceIsThatOfServeMux(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	conflicts, matches := 0, 0
	for range 4000 {
		mux := http.NewServeMux()
		var rules []Rule
		for i := range 2 + random.IntN(5) {
			pattern := randomPattern(random)
			rule := Rule{Source: "r", Line: i, Methods: []string{"*"}, Pattern: pattern, Who: Who{Class: Public}}
			taken, conflict := register(mux, pattern)
			if taken {
				continue // the same pattern twice, which is ours to allow
			}
			if below, ok := strings.CutPrefix(pattern, "/a/"); ok && i%2 == 0 {
				rule.Pattern = "{base}/" + below
			}
			_, err := Compile(append(slices.Clone(rules), rule), "/a")
			if errors.Is(err, ErrOverlap) != conflict || errors.Is(err, ErrSyntax) {
				t.Fatalf("%v and %s: conflict for ServeMux: %v, for us: %v", rules, pattern, conflict, err)
			}
			if conflict {
				conflicts++
				continue
			}
			rules = append(rules, rule)
		}
		p, err := Compile(rules, "/a")
		if errors.Is(err, ErrUnreachable) {
			continue // more specific ones take all paths of one, which ServeMux lets be
		}
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			path := randomPath(random)
			want, got := "", ""
			switch h, _ := mux.Handler(httptest.NewRequest(http.MethodGet, path, nil)); h := h.(type) {
			case found:
				want = h.pattern
			case http.HandlerFunc: // its 404
			default: // its redirect to the path with a slash, which a rule has not
				continue
			}
			segments, trailing := split(path)
			if d := p.Decide(http.MethodGet, segments, trailing, Subject{}); d.Allow {
				got = strings.Replace(d.Rule.Pattern, "{base}", "/a", 1)
				matches++
			}
			if got != want {
				t.Fatalf("%v: %s goes to %q, with ServeMux to %q", rules, path, got, want)
			}
		}
	}
	if conflicts < 500 || matches < 5000 {
		t.Errorf("only %d conflicts and %d matches: the patterns are too random to test anything", conflicts, matches)
	}
}

// register adds pattern to mux and tells from its panic why it could not.
func register(mux *http.ServeMux, pattern string) (taken, conflict bool) {
	defer func() {
		if r := recover(); r != nil {
			taken = strings.Contains(fmt.Sprint(r), "matches the same requests as")
			conflict = !taken
		}
	}()
	mux.Handle(pattern, found{pattern})
	return false, false
}

// TestMethodsSelectBeforePatternsCompete checks Decide against a search without
// a tree: of the lines that match path and method, the one whose
// pattern no other matching pattern lies within.
func TestMethodsSelectBeforePatternsCompete(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	methods := []string{"*", "GET", "HEAD", "POST"}
	compiled := 0
	for range 4000 {
		var rules []Rule
		for i := range 1 + random.IntN(5) {
			rules = append(rules, Rule{
				Line: i, Methods: []string{methods[random.IntN(4)]}, Pattern: randomPattern(random), Who: Who{Class: Public},
			})
		}
		p, err := Compile(rules, "")
		if err != nil {
			continue
		}
		compiled++
		for range 10 {
			method, path := methods[1+random.IntN(3)], randomPath(random)
			segments, trailing := split(path)
			d := p.Decide(method, segments, trailing, Subject{})
			reason, shapes := search(t, rules, method, segments, trailing)
			if d.Reason != reason || d.Allow && shapeOf(t, d.Rule.Pattern) != shapes {
				t.Fatalf("%v: %s %s gives %v by %v, want %v by %s", rules, method, path, d.Reason, d.Rule, reason, shapes)
			}
		}
	}
	if compiled < 1000 {
		t.Errorf("only %d policies compiled", compiled)
	}
}

// search returns the shape of the pattern that must win. Shapes order patterns
// by what they match, segment for segment.
func search(t *testing.T, rules []Rule, method string, segments []string, trailing bool) (Reason, string) {
	t.Helper()
	reason, best := NoRule, "~"
	for _, r := range rules {
		l, err := newLine(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !matches(l.pattern, segments, trailing) {
			continue
		}
		if !l.covers(method) {
			if reason == NoRule {
				reason = MethodNotAllowed
			}
			continue
		}
		reason, best = AllowedPublic, min(best, shapeOf(t, r.Pattern))
	}
	return reason, best
}

func matches(pattern []segment, segments []string, trailing bool) bool {
	for i, s := range pattern {
		switch {
		case s.shape == rest:
			return i < len(segments) || trailing
		case s.shape == slash:
			return i == len(segments) && trailing
		case i == len(segments), s.shape == literal && s.text != segments[i]:
			return false
		}
	}
	return len(pattern) == len(segments) && !trailing
}

// shapeOf spells a pattern such that the more specific of two that match one
// path sorts first: {$} and literals before {name} before {name...}.
func shapeOf(t *testing.T, pattern string) string {
	t.Helper()
	segments, err := parsePattern(pattern, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range segments {
		b.WriteString(map[shape]string{literal: "/" + s.text, slash: "/$", single: "/{", rest: "/|"}[s.shape])
	}
	return b.String()
}
