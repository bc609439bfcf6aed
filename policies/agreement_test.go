package policies

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// someFacts has a value for every fact.
type someFacts map[string]any

func (f someFacts) Fact(name string) any {
	if value, ok := f[name]; ok {
		return value
	}
	return map[string]any{
		FactSubject: "sub", FactName: "name", FactDelegate: "", FactPath: "/p", FactHost: "host", FactClientIP: "192.0.2.1",
		FactClaims: map[string]any{}, FactQuery: map[string][]string{}, FactNow: time.Unix(1e9, 0),
	}[name]
}

// grown makes a policy's rules, one after the other, of which none overlap. Some of them
// may be unreachable.
func grown(random *rand.Rand, base string) (rules []Rule) {
	whens := []string{"", "", "", "", "true", "false", `claims.absent == "x"`, `method == "GET"`, `kind != "k1"`, `"r1" in roles`, `params["x"] == "a"`}
	methods := []string{"*", "GET", "HEAD", "POST", "GET,POST"}
	whos := []string{"public", "authenticated", "kind k1", "kind k1,k2", "role r1", "role r2", "role r1,r2", "grant g", "grant g a", "grant g {x}"}
	tails := []string{"", "/a", "/b", "/%61", "/{x}", "/{$}", "/{rest...}", "/{x}/{$}", "/{x}/{rest...}", "/{x}/{y}", "/{x}/{y}/{rest...}", "/{x}/a", "/a/{x}"}
	heads := []string{"", "/a", "/{z}", "{base}"}
	if random.IntN(3) == 0 {
		// Often enough these take all paths of one of them.
		tails, heads = []string{"/{$}", "/{x}", "/{rest...}", "/{x}/{$}", "/{x}/{y}", "/{x}/{rest...}", "/{x}/{y}/{rest...}"}, heads[1:2]
	}
	for i := range 3 + random.IntN(13) {
		text := fmt.Sprintf("allow %s %s%s %s", pick(random, methods), pick(random, heads), pick(random, tails), pick(random, whos))
		if when := pick(random, whens); when != "" {
			text += " when " + when
		}
		more, err := Parse("r", strings.Repeat("\n", i)+text)
		if err != nil || len(more) != 1 {
			continue // a grant for a parameter that the pattern has not
		}
		more = append(slices.Clone(rules), more...)
		if err := compileError(more, base); !errors.Is(err, ErrOverlap) && !errors.Is(err, ErrSyntax) {
			rules = more
		}
	}
	return rules
}

func compileError(rules []Rule, base string) error {
	_, err := Compile(rules, base)
	return err
}

func pick[T any](random *rand.Rand, list []T) T { return list[random.IntN(len(list))] }

// subjects are some of every sort, such that each part of a rule's Who has one that only it
// allows.
var subjects = []Subject{
	{},
	{Facts: someFacts{}, Kind: "k1", Roles: []string{"r1"}},
	{Facts: someFacts{}, Authenticated: true},
	{Facts: someFacts{}, Authenticated: true, Kind: "k1"},
	{Facts: someFacts{}, Authenticated: true, Kind: "k2", Roles: []string{"r3"}},
	{Facts: someFacts{}, Authenticated: true, Roles: []string{"r1"}},
	{Facts: someFacts{}, Authenticated: true, Roles: []string{"r2"}},
	{Authenticated: true, Kind: "k1", Roles: []string{"r2", "r1"}, Grants: everything{}},
	{Facts: someFacts{}, Authenticated: true, Grants: granted{"g:"}},
	{Facts: someFacts{}, Authenticated: true, Grants: granted{"g:a"}},
	{Facts: someFacts{}, Authenticated: true, Grants: granted{"g:c"}},
}

// paths are all short ones over a few segments, of which no rule names "c".
var paths = func() (paths []path) {
	for _, a := range []string{"", "a", "b", "c"} {
		for _, b := range []string{"", "a", "b", "c"} {
			for _, c := range []string{"", "a", "b", "c"} {
				for _, d := range []string{"", "c"} {
					for _, slash := range []string{"", "/"} {
						if text := "/" + strings.Trim(strings.Join([]string{a, b, c, d}, "/"), "/"); !strings.Contains(text, "//") && text+slash != "//" {
							paths = append(paths, pathOf(text+slash))
						}
					}
				}
			}
		}
	}
	return paths
}()

// FuzzAgreement holds a policy of random rules against the reference.
func FuzzAgreement(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 7))
		base := pick(random, []string{"", "/", "/a", "/b"})
		rules := grown(random, base)
		rules = checkUnreachable(t, rules, base)
		p, err := Compile(rules, base)
		if err != nil {
			t.Fatalf("%v without the unreachable rules: %v", rules, err)
		}
		r := &reference{rules, base}
		for range 500 {
			q := question{pick(random, []string{"GET", "HEAD", "POST", "PURGE"}), pick(random, paths), pick(random, subjects)}
			checkAgreement(t, p, r, q)
		}
	})
}

func checkAgreement(t *testing.T, p *Policy, r *reference, q question) {
	t.Helper()
	allow, lines, reasons := r.decide(q)
	d := p.Decide(q.method, q.path.segments, q.path.slash, q.subject)
	line := 0
	if d.Rule != nil {
		line = d.Rule.Line
	}
	if d.Allow != allow || !slices.Contains(lines, line) || !slices.Contains(reasons, d.Reason) {
		t.Fatalf("%v\n%s %s as %+v: got %v %v by %v, want %v %v by one of %v",
			r.rules, q.method, q.path, q.subject, d.Allow, d.Reason, d.Rule, allow, reasons, lines)
	}
	explained, list := p.Explain(q.method, q.path.segments, q.path.slash, q.subject)
	if explained.Allow != d.Allow || explained.Rule != d.Rule || explained.Reason != d.Reason {
		t.Fatalf("Explain says %+v, Decide says %+v", explained, d)
	}
	checkExplained(t, r, q, d, list)
}

// checkExplained checks what Explain tells of each rule.
func checkExplained(t *testing.T, r *reference, q question, d Decision, list []Consideration) {
	t.Helper()
	best, _ := r.asked(q.method, q.path)
	seen, last := 0, ""
	for _, c := range list {
		rule := c.Rule
		if order := r.order(rule); order < last {
			t.Fatalf("%s comes late in %v", rule, list)
		} else {
			last = order
		}
		if _, ok := r.matches(rule, q.path); ok {
			seen++
		}
		want, reason := LessSpecific, NoRule
		switch {
		case !coversMethod(rule, q.method):
			want = OtherMethod
		case slices.ContainsFunc(best, func(b *Rule) bool { return b.Line == rule.Line }):
			want, reason = Asked, r.ask(rule, q)
			if c.Outcome == NotNeeded && d.Allow && d.Rule != rule {
				want, reason = NotNeeded, NoRule
			}
			if reason.Allows() && d.Rule != rule {
				t.Fatalf("%s allowed, but the decision is by %s", rule, d.Rule)
			}
		}
		if c.Outcome != want || c.Reason != reason {
			t.Fatalf("%s %s: %s is %v %v, want %v %v", q.method, q.path, rule, c.Outcome, c.Reason, want, reason)
		}
	}
	matching := 0
	for i := range r.rules {
		if _, ok := r.matches(&r.rules[i], q.path); ok {
			matching++
		}
	}
	if seen != matching || len(list) != matching {
		t.Fatalf("%s: %d rules considered, %d of them rightly, %d match", q.path, len(list), seen, matching)
	}
}

// checkUnreachable checks for every rule whether Compile rightly finds it unreachable or
// not, and returns those that are not.
func checkUnreachable(t *testing.T, rules []Rule, base string) (reached []Rule) {
	t.Helper()
	found := make(map[int]bool)
	if err := compileError(rules, base); err != nil {
		for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
			var fault *Fault
			switch {
			case errors.Is(err, ErrUnreachable) && errors.As(err, &fault):
				found[fault.Line] = true
			default:
				t.Fatalf("%v: %v", rules, err)
			}
		}
	}
	for _, rule := range rules {
		if !found[rule.Line] {
			reached = append(reached, rule)
		}
	}
	for _, rule := range rules {
		others := slices.DeleteFunc(slices.Clone(reached), func(r Rule) bool { return r.Line == rule.Line })
		if decidesSomething(&reference{append(others, rule), base}, rule.Line) == found[rule.Line] {
			t.Fatalf("%v\nis %s:%s unreachable? got %v", rules, rule.Position(), rule.String(), found[rule.Line])
		}
	}
	return reached
}

// decidesSomething looks for a call that a rule is asked for, whose Who allows it, and that
// no other rule allows without condition.
func decidesSomething(r *reference, line int) bool {
	for _, method := range []string{"GET", "HEAD", "POST", "PURGE"} {
		for _, p := range paths {
			best, _ := r.asked(method, p)
			index := slices.IndexFunc(best, func(b *Rule) bool { return b.Line == line })
			if index < 0 {
				continue
			}
			params, _ := r.matches(best[index], p)
			for _, s := range subjects {
				if r.who(best[index], s, params).Allows() && !slices.ContainsFunc(best, func(b *Rule) bool {
					params, _ := r.matches(b, p)
					return b.Line != line && b.When == "" && r.who(b, s, params).Allows()
				}) {
					return true
				}
			}
		}
	}
	return false
}
