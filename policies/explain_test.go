package policies

import (
	"fmt"
	"slices"
	"testing"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, `
		allow GET  /a/b       role r
		allow GET  /a/b       kind k
		allow GET  /a/b       grant g
		allow GET  /a/b       public when claims.absent == 1
		allow POST /a/b       public
		allow GET  /a/{x}     public
		allow PUT  /{y}/b     public
		allow *    /{rest...} authenticated
		allow *    /c         public`)
	tests := []struct {
		method, path string
		subject      Subject
		want         []string
	}{
		{"GET", "/a/b", Subject{Authenticated: true, Roles: []string{"r"}}, []string{
			"allow POST /a/b public: another method",
			"allow GET /a/b kind k: asked, kind_missing",
			"allow GET /a/b role r: asked, allowed_role",
			"allow GET /a/b grant g: an alternative allowed before",
			"allow GET /a/b public when claims.absent == 1: an alternative allowed before",
			"allow GET /a/{x} public: a more specific pattern decides",
			"allow PUT /{y}/b public: another method",
			"allow * /{rest...} authenticated: a more specific pattern decides",
		}},
		{"GET", "/a/b", Subject{Facts: someFacts{}}, []string{
			"allow POST /a/b public: another method",
			"allow GET /a/b kind k: asked, not_authenticated",
			"allow GET /a/b role r: asked, not_authenticated",
			"allow GET /a/b grant g: asked, not_authenticated",
			"allow GET /a/b public when claims.absent == 1: asked, condition_failed",
			"allow GET /a/{x} public: a more specific pattern decides",
			"allow PUT /{y}/b public: another method",
			"allow * /{rest...} authenticated: a more specific pattern decides",
		}},
		{"DELETE", "/a/b/", Subject{}, []string{"allow * /{rest...} authenticated: asked, not_authenticated"}},
	}
	for _, tt := range tests {
		segments, slash := split(tt.path)
		d, list := p.Explain(tt.method, segments, slash, tt.subject)
		var got []string
		for _, c := range list {
			text := fmt.Sprintf("%s: %v", c.Rule, c.Outcome)
			if c.Outcome == Asked {
				text += ", " + c.Reason.String()
			}
			got = append(got, text)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s %s: got\n%q, want\n%q", tt.method, tt.path, got, tt.want)
		}
		if want := p.Decide(tt.method, segments, slash, tt.subject); d.Reason != want.Reason || d.Rule != want.Rule {
			t.Errorf("%s %s: explained %v, decided %v", tt.method, tt.path, d.Reason, want.Reason)
		}
	}
	for _, p := range []*Policy{nil, {}} {
		if d, list := p.Explain("GET", nil, true, Subject{}); d.Allow || list != nil {
			t.Errorf("an empty policy explains %v %v", d, list)
		}
	}
}

func TestRulesAreListedInOneOrder(t *testing.T) {
	t.Parallel()
	text := "allow GET /b public when true\nallow PUT /a role x\nallow GET /b role y\nallow GET {base}/c public\nallow GET /a public"
	rules, err := Parse("r", text)
	if err != nil {
		t.Fatal(err)
	}
	var first []string
	for range 5 {
		p, err := Compile(slices.Clone(rules), "/base")
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, r := range p.Rules() {
			list = append(list, r.String())
		}
		if first == nil {
			first = list
		}
		if !slices.Equal(list, first) || len(list) != len(rules) {
			t.Errorf("got %q, before %q", list, first)
		}
		slices.Reverse(rules)
		rules[0], rules[2] = rules[2], rules[0]
	}
	if want := []string{"allow GET /a public", "allow PUT /a role x", "allow GET /b role y", "allow GET /b public when true", "allow GET {base}/c public"}; !slices.Equal(first, want) {
		t.Errorf("got %q", first)
	}
	if rules := (*Policy)(nil).Rules(); rules != nil {
		t.Errorf("no policy has %v", rules)
	}
}

func TestOutcomesHaveWords(t *testing.T) {
	t.Parallel()
	for o := OtherMethod; o <= NotNeeded+1; o++ {
		if (o.String() == "unknown") != (o > NotNeeded) {
			t.Errorf("outcome %d is %q", o, o)
		}
	}
}

func TestExplainSaysWhyAConditionFailed(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, `allow GET /a authenticated when claims.nope == "x"`)
	s := Subject{Authenticated: true, Facts: factsOf{FactClaims: map[string]any{}}}
	_, considered := p.Explain("GET", []string{"a"}, false, s)
	if len(considered) != 1 || considered[0].Reason != ConditionFailed || considered[0].Cause != "no such key: nope" {
		t.Errorf("got %+v", considered)
	}
}

// factsOf are facts by their names.
type factsOf map[string]any

func (f factsOf) Fact(name string) any { return f[name] }
