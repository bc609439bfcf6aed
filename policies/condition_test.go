package policies

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// facts of a call that most conditions are asked about here.
var callFacts = someFacts{
	FactSubject: "s-1", FactName: "Ann", FactDelegate: "d-1", FactPath: "/a/b%20c", FactHost: "example.com", FactClientIP: "192.0.2.7",
	FactClaims: map[string]any{
		"role": "consumer", "admin": true, "level": float64(3), "count": int64(3), "none": nil,
		"list": []any{"x", "y"}, "nested": map[string]any{"org": "o-1"},
	},
	FactQuery: map[string][]string{"size": {"10"}, "tag": {"a", "b"}},
	FactNow:   time.Date(2026, 11, 22, 10, 0, 0, 0, time.FixedZone("", 7*3600)),
}

// ask puts a condition to a caller with those facts, kind and roles, at /a/b c/d/e.
func ask(t testing.TB, when string, s Subject) Reason {
	t.Helper()
	p := mustCompile(t, "allow GET /a/{x}/{more...} public when "+when)
	d := p.Decide("GET", []string{"a", "b c", "d", "e"}, false, s)
	if d.Allow != d.Reason.Allows() {
		t.Fatalf("%v allows: %v", d.Reason, d.Allow)
	}
	return d.Reason
}

func TestConditions(t *testing.T) {
	t.Parallel()
	caller := Subject{Authenticated: true, Kind: "user", Roles: []string{"provider", "consumer"}, Facts: callFacts}
	tests := []struct {
		when string
		want Reason
	}{
		// Every variable.
		{`subject == "s-1" && name == "Ann" && delegate == "d-1"`, AllowedPublic},
		{`path == "/a/b%20c" && host == "example.com" && client_ip.startsWith("192.0.2.")`, AllowedPublic},
		{`kind == "user" && method == "GET"`, AllowedPublic},
		{`kind == "owner"`, ConditionFalse},
		{`"provider" in roles && roles.size() == 2`, AllowedPublic},
		{`"admin" in roles`, ConditionFalse},
		{`params.x == "b c" && params.more == "d/e" && size(params) == 2`, AllowedPublic},
		{`query.size == ["10"] && query["tag"][1] == "b"`, AllowedPublic},
		{`claims.role == "consumer" && claims.admin == true && claims.nested.org == "o-1"`, AllowedPublic},
		{`claims.level > 2 && claims.count == 3 && "y" in claims.list && claims.none == null`, AllowedPublic},
		{`now < timestamp("2026-11-22T03:00:01Z") && now >= timestamp("2026-11-22T03:00:00Z")`, AllowedPublic},
		{`now.getHours() == 3`, AllowedPublic}, // in UTC, wherever the server stands
		{`now == now`, AllowedPublic},

		// The functions that are there.
		{`has(claims.role) && !has(claims.absent)`, AllowedPublic},
		{`roles.exists(r, r.startsWith("pro")) && roles.all(r, r.size() > 3)`, AllowedPublic},
		{`"CONSUMER" in roles.filter(r, r != "provider").map(r, r.upperAscii())`, AllowedPublic},
		{`name in [` + strings.Repeat(`"x", `, 500) + `"Ann"] && [[1, 2], [3]] != [] && subject in [name, "s-1", claims.role]`, AllowedPublic},
		{`name.lowerAscii() == "ann" && "a,b".split(",").size() == 2`, AllowedPublic},
		{`host.matches("^[a-z.]+$")`, AllowedPublic},
		{`"2f1a-0c".matches("^[0-9a-f]{4}-[0-9a-f]{2}$")`, AllowedPublic}, // CEL's own bound of patterns cannot count
		{`type(claims.role) == string`, AllowedPublic},

		// What cannot be answered denies.
		{`claims.absent == "x"`, ConditionFailed},
		{`claims.absent != "x"`, ConditionFailed},
		{`query["absent"][0] == "x"`, ConditionFailed},
		{`query["size"][7] == "x"`, ConditionFailed},
		{`params.absent == "x"`, ConditionFailed},
		{`claims.role < 3`, ConditionFailed},
		{`!claims.role`, ConditionFailed},
		{`1 / (roles.size() - 2) == 0`, ConditionFailed},
		{`timestamp(name) < now`, ConditionFailed},
		{`claims.list.all(a, claims.list.all(b, claims.list.all(c, c.matches("(x+x+)+y"))))`, ConditionFalse},

		// CEL's "or" and "and" do without an operand that cannot be answered.
		{`claims.absent == "x" || true`, AllowedPublic},
		{`claims.absent == "x" && false`, ConditionFalse},
	}
	for _, tt := range tests {
		t.Run(tt.when, func(t *testing.T) {
			t.Parallel()
			if got := ask(t, tt.when, caller); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestConditionIsAskedOnlyOfThoseWhoAreAllowed(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, "allow GET /a role r when subject == name && name == subject")
	counting := new(counted)
	for _, s := range []Subject{{}, {Roles: []string{"r"}}, {Authenticated: true, Roles: []string{"s"}}} {
		s.Facts = counting
		if d := p.Decide("GET", []string{"a"}, false, s); d.Allow || counting.asked != 0 {
			t.Errorf("%+v: got %v, %d facts asked", s, d.Reason, counting.asked)
		}
	}
	d := p.Decide("GET", []string{"a"}, false, Subject{Authenticated: true, Roles: []string{"r"}, Facts: counting})
	if d.Reason != AllowedRole || counting.asked != 2 {
		t.Errorf("got %v, %d facts asked", d.Reason, counting.asked)
	}
}

// counted is the same text for every fact.
type counted struct{ asked int }

func (c *counted) Fact(string) any {
	c.asked++
	return "same"
}

// TestFactsAreAskedOnceInADecision: each alternative read the query again.
func TestFactsAreAskedOnceInADecision(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, `
		allow GET /{x} public when query.q[0] == "1" && host == "h"
		allow GET /{y} public when query.q[0] == "2" && params.y == "a"
		allow GET /{x} public when query.q[0] == "3" && params.x == "b" && now == now
		allow GET /{z} authenticated when query.q[0] == "3" && now == now && params.z == "a"`)
	facts := &countedByName{someFacts: someFacts{FactQuery: map[string][]string{"q": {"3"}}, FactHost: "", FactNow: time.Time{}}}
	d := p.Decide("GET", []string{"a"}, false, Subject{Authenticated: true, Facts: facts})
	if d.Reason != AllowedAuthenticated || facts.asked[FactQuery] != 1 || facts.asked[FactNow] != 1 || facts.asked[FactHost] != 0 {
		t.Errorf("got %v by %v, asked %v", d.Reason, d.Rule, facts.asked)
	}
	p.Decide("GET", []string{"a"}, false, Subject{Facts: facts})
	if facts.asked[FactQuery] != 2 {
		t.Errorf("another decision asked %v", facts.asked)
	}
}

// countedByName counts how often each fact is asked.
type countedByName struct {
	someFacts
	asked map[string]int
}

func (c *countedByName) Fact(name string) any {
	if c.asked == nil {
		c.asked = make(map[string]int)
	}
	c.asked[name]++
	return c.someFacts.Fact(name)
}

// TestUnknownFactFailsEveryAlternative: what was found wrong once is not forgotten, and
// fails none that does not name it.
func TestUnknownFactFailsEveryAlternative(t *testing.T) {
	t.Parallel()
	s := Subject{Facts: someFacts{FactHost: 7}}
	p := mustCompile(t, `
		allow GET /a public when host == "a" || true
		allow GET /a public when host == "b" || true
		allow GET /a public when host == "c" || subject == ""`)
	if d := p.Decide("GET", []string{"a"}, false, s); d.Reason != ConditionFailed {
		t.Errorf("got %v by %v", d.Reason, d.Rule)
	}
	p = mustCompile(t, `
		allow GET /a public when host == "a" || true
		allow GET /a public when method == "GET"`)
	if d := p.Decide("GET", []string{"a"}, false, s); d.Reason != AllowedPublic {
		t.Errorf("got %v by %v", d.Reason, d.Rule)
	}
}

// TestConditionSeesNobody: what facts say of a caller whose credential was not found valid
// is kept from conditions.
func TestConditionSeesNobody(t *testing.T) {
	t.Parallel()
	claimed := Subject{Kind: "user", Roles: []string{"admin"}, Facts: callFacts}
	for _, when := range []string{`kind == "" && roles == []`, `subject + name + delegate == ""`, `claims == {}`, `params.x == "b c" && host != ""`} {
		if got := ask(t, when, claimed); got != AllowedPublic {
			t.Errorf("%s: got %v", when, got)
		}
	}
}

// TestUnknownFactsFailConditions: CEL finds a number unequal to every text, and "or" does
// without an operand that cannot be answered, so that neither may see a wrong fact.
func TestUnknownFactsFailConditions(t *testing.T) {
	t.Parallel()
	for _, facts := range []Facts{
		nil,
		nothing{},
		panicking{},
		someFacts{
			FactSubject: 1, FactName: nil, FactDelegate: errors.New("x"), FactPath: []byte("/"), FactHost: new(string), FactClientIP: true,
			FactClaims: map[string]string{"a": "b"}, FactQuery: map[string]any{"a": []string{"b"}}, FactNow: "2026-11-22T00:00:00Z",
		},
	} {
		for _, fact := range []string{FactSubject, FactName, FactDelegate, FactPath, FactHost, FactClientIP, FactClaims, FactQuery, FactNow} {
			other := `"x"`
			switch fact {
			case FactClaims, FactQuery:
				other = `{"x": ["y"]}`
			case FactNow:
				other = `timestamp("2020-01-01T00:00:00Z")`
			}
			for _, when := range []string{fact + " != " + other, "true || " + fact + " == " + other, fact + " == " + other + " || true"} {
				got := ask(t, when, Subject{Authenticated: true, Facts: facts})
				// A fact that is never looked at makes nothing fail.
				if unasked := strings.HasPrefix(when, "true") && facts != nil && got == AllowedPublic; got != ConditionFailed && !unasked {
					t.Errorf("%T: %s: got %v", facts, when, got)
				}
			}
		}
	}
}

type nothing struct{}

func (nothing) Fact(string) any { return nil }

type panicking struct{}

func (panicking) Fact(string) any { panic("a fault of the scheme's") }

// TestLongTextsFailConditions: what a function does with a text is counted when it is done.
func TestLongTextsFailConditions(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", MaxFact-10)
	long := longest + strings.Repeat("a", 11)
	for _, text := range []string{longest, long} {
		want := AllowedPublic
		if text == long {
			want = ConditionFailed
		}
		s := Subject{Facts: someFacts{FactHost: text, FactPath: text, FactQuery: map[string][]string{"q": {text}}}}
		for _, when := range []string{"host != '' || true", "path != '' || true", "query.q[0] != ''", "has(query.q)"} {
			if got := ask(t, when, s); got != want {
				t.Errorf("%d bytes: %s: got %v", len(text), when, got)
			}
		}
		p := mustCompile(t, "allow GET /{x...} public when params.x != ''")
		if d := p.Decide("GET", []string{text}, false, s); d.Reason != want {
			t.Errorf("%d bytes as a parameter: got %v", len(text), d.Reason)
		}
	}
}

func TestFaultsOfConditionsAreOneLine(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, when, want string }{
		{"unknown variable", `claim.role == "x"`, "at its character 1: undeclared reference to 'claim'"},
		{"syntax", `kind == `, "Syntax error"},
		{"types", `kind == 3`, "no matching overload"},
		{"text", `kind`, "is of type string"},
		{"anything", `claims.admin`, "is of type dyn"},
		{"regular expression", `kind.matches("(")`, "invalid matches argument"},
		{"time", `now > timestamp("today")`, "invalid timestamp argument"},
		{"unknown function", `fetch("https://example.com/") == ""`, "undeclared reference to 'fetch'"},
		{"too deep", strings.Repeat("(", 1500) + "true" + strings.Repeat(")", 1500), "the condition is wrong: expression recursion limit exceeded"},
		{"nested too deep", `roles.all(a, roles.all(b, roles.all(c, roles.all(d, d == a))))`, "exceeds nesting limit"},
		{"regular expression too big", `kind.matches("(a{400})(b{400})")`, "too big"},
		{"two lines of fault", `kind == "a" kind == ) (`, "Syntax error"},
		{"regular expression of the caller's", `kind.matches(name)`, "no constant"},
		{"regular expression of the caller's in a list", `roles.all(r, "x".matches(r))`, "no constant"},
		{"replacing", `name.replace("a", name) == ""`, "without the function replace"},
		{"joining", `roles.join(name) == ""`, "without the function join"},
		{"formatting", `"%s".format([name]) == ""`, "without the function format"},
		{"quoting", `strings.quote(name) == ""`, "without the function strings.quote"},
		{"searching", `name.indexOf("a") + name.lastIndexOf("a") == 0`, "without the function indexOf"},
		{"long list of facts", "query in [" + strings.Repeat("query,", 17) + "]", "not all constants has more than 16 elements"},
		{"long list in a list", "[[query, query, query, query, query, query, query, query], [query, query, query, query, query, query, query]] == []", "more than 16 elements"},
		{"long map", `{1:1, 2:2, 3:3, 4:4, 5:5, 6:6, 7:7, 8:8, 9:9}.size() == 9`, "more than 16 elements"},
		{"list of a loop's variable", `roles.all(r, [r, r].size() == 2)`, "made of r, the variable of a loop"},
		{"list that grows", `[1].map(a, [a, a]).map(a, [a, a]) == []`, "made of a, the variable of a loop"},
		{"map of a loop's variable", `roles.all(r, {"x": r} == {})`, "made of r, the variable of a loop"},
		{"assignment", `kind = "a"`, "Syntax error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules, err := Parse("r", "\nallow GET /a public when "+tt.when)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Compile(rules, "")
			if !errors.Is(err, ErrSyntax) {
				t.Fatalf("got %v", err)
			}
			if text := err.Error(); !strings.HasPrefix(text, "r:2: the condition") || !strings.Contains(text, tt.want) || strings.Contains(text, "\n") || len(text) > 500 {
				t.Errorf("got %q", text)
			}
		})
	}
}

func TestConditionsAreAskedConcurrently(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, `allow GET /{x} authenticated when params.x == subject && roles.exists(r, r.matches("^s[0-9]$") && r == subject) && host.split(".").size() == 2`)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			id := fmt.Sprint("s", i)
			s := Subject{Authenticated: true, Roles: []string{id}, Facts: someFacts{FactSubject: id, FactHost: "example.com"}}
			for range 200 {
				if d := p.Decide("GET", []string{id}, false, s); !d.Allow {
					t.Errorf("%s: got %v", id, d.Reason)
				}
				if d := p.Decide("GET", []string{"other"}, false, s); d.Reason != ConditionFalse {
					t.Errorf("%s: got %v", id, d.Reason)
				}
			}
		})
	}
	group.Wait()
}

// TestNearestDenialIsGiven: of alternatives that all deny, the one that comes nearest.
func TestNearestDenialIsGiven(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, `
		allow GET /a role r
		allow GET /a kind k when false
		allow GET /a kind k when claims.absent == 1
		allow GET /a public when subject == "s"
		allow GET /b public when false`)
	tests := []struct {
		path, kind, role string
		authenticated    bool
		want             Reason
	}{
		{"a", "", "", false, NotAuthenticated},
		{"a", "k", "r", true, AllowedRole},
		{"a", "k", "", true, ConditionFailed},
		{"a", "", "", true, ConditionFalse},
		{"b", "", "", false, ConditionFalse},
	}
	for _, tt := range tests {
		s := Subject{Authenticated: tt.authenticated, Kind: tt.kind, Roles: []string{tt.role}, Facts: someFacts{}}
		if d := p.Decide("GET", []string{tt.path}, false, s); d.Reason != tt.want {
			t.Errorf("%+v: got %v", tt, d.Reason)
		}
	}
}
