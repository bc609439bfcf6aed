package policies

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// asking is what a caller asks about who chose the query, in so many elements of a list.
func asking(elements int, others map[string][]string) Subject {
	query := map[string][]string{"many": make([]string, elements)}
	for i := range query["many"] {
		query["many"][i] = fmt.Sprint(i)
	}
	for name, list := range others {
		query[name] = list
	}
	return Subject{Authenticated: true, Facts: someFacts{FactQuery: query, FactNow: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}}
}

// TestCostlyConditionsAreGivenUp: each takes more work than CEL counts by itself, or more
// than is allowed.
func TestCostlyConditionsAreGivenUp(t *testing.T) {
	t.Parallel()
	times := func(text, between string, count int) string {
		return strings.Join(slices.Repeat([]string{text}, count), between)
	}
	caller := asking(400, map[string][]string{
		"long": {strings.Repeat("a", 4000)}, "digits": {strings.Repeat("0", 1000)}, "zone": {"UTC"}, "few": {"a"},
	})
	for _, tt := range []struct{ good, costly string }{
		{`query.many.all(a, a != "x")`, `query.many.all(a, query.many.all(b, a != b + "x"))`},
		{`query.few.map(x, query.long[0] + x).size() == 1`, `query.many.map(x, query.long[0] + x).size() == 400`},
		{`query.few.map(x, query).size() == 1`, `query.many.map(x, query).size() == 400`},
		{`!query.long[0].matches("b$")`, times(`!query.long[0].matches("b$")`, " && ", 8)},
		{`query.many == query.many`, times(`query.many == query.many`, " && ", 8)},
		{`query == query`, times(`query == query`, " && ", 8)},
		{`!(query != query)`, `query.many.all(a, !(query != query))`},
		{`query in [query]`, times(`query in [query]`, " && ", 8)},
		{`(query.many + query.many).size() == 800`, `(` + times(`query.many`, " + ", 30) + `).size() == 12000`},
		{`query.long[0].size() == 4000`, times(`query.long[0].size() == 4000`, " && ", 20)},
		{`size(query.long[0]) == 4000`, times(`size(query.long[0]) == 4000`, " && ", 20)},
		{`double(query.digits[0]) == 0.0`, `query.many.all(a, double(query.digits[0]) == 0.0)`},
		{`now.getHours(query.zone[0]) == 10`, times(`now.getHours(query.zone[0]) == 10`, " && ", 6)},
		{`query.few[0].split("").size() == 1`, times(`query.long[0].split("").size() == 4000`, " && ", 2)},
	} {
		if got := ask(t, tt.good, caller); got != AllowedPublic {
			t.Errorf("%s: got %v", tt.good, got)
		}
		if got := ask(t, tt.costly, caller); got != ConditionFailed {
			t.Errorf("%s: got %v", tt.costly, got)
		}
	}
}

// TestLongListsFailConditions: with 9,800 elements in a query, a loop took half a second,
// since CEL's own bookkeeping grows with the square of what a loop does.
func TestLongListsFailConditions(t *testing.T) {
	t.Parallel()
	list := make([]any, maxElements)
	nested := map[string]any{"a": []any{map[string]any{"b": list[:maxElements-2]}}}
	for _, tt := range []struct {
		name, when string
		caller     Subject
		want       Reason
	}{
		{"query", `query.many.size() == 999`, asking(maxElements-1, nil), AllowedPublic},
		{"longer query", `query.many.size() == 1000`, asking(maxElements, nil), ConditionFailed},
		{"loop over a query", `query.many.all(a, a != "b")`, asking(9800, nil), ConditionFailed},
		{"or true", `query.many == [] || true`, asking(9800, nil), ConditionFailed},
		{"roles", `roles.size() == 1000`, Subject{Authenticated: true, Roles: make([]string, 1000), Facts: someFacts{}}, AllowedPublic},
		{"more roles", `roles.size() == 1001`, Subject{Authenticated: true, Roles: make([]string, 1001), Facts: someFacts{}}, ConditionFailed},
		{"claims", `claims.l.size() == 999`, claiming(map[string]any{"l": list[:999]}), AllowedPublic},
		{"more claims", `claims.l.size() == 1000`, claiming(map[string]any{"l": list}), ConditionFailed},
		{"claims within claims", `claims.a.size() == 1`, claiming(nested), ConditionFailed},
		{"claims of a token of 4 kB", `claims.s.size() == 4096`, claiming(map[string]any{"s": strings.Repeat("a", 4096)}), AllowedPublic},
		{"claims of the longest token", `has(claims.s)`, claiming(map[string]any{"s": strings.Repeat("a", 12<<10)}), AllowedPublic},
		{"longer claims", `has(claims.s)`, claiming(map[string]any{"s": []any{strings.Repeat("a", 16<<10)}}), ConditionFailed},
	} {
		if got := ask(t, tt.when, tt.caller); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

func claiming(claims map[string]any) Subject {
	return Subject{Authenticated: true, Facts: someFacts{FactClaims: claims}}
}

// BenchmarkCondition asks the most that conditions can be made to do.
func BenchmarkCondition(b *testing.B) {
	names := map[string][]string{}
	for i := range 490 {
		names[fmt.Sprint(i)] = []string{"x"}
	}
	manyQueries := "[" + strings.Repeat("query,", maxLiteral) + "]"
	for _, bb := range []struct {
		name, when string
		caller     Subject
	}{
		{"usual", `subject == "" && "provider" in roles`, asking(1, nil)},
		{"loop", `query.many.all(a, a != "b")`, asking(maxElements-1, nil)},
		{"loops-in-loops", `query.many.all(a, query.many.all(b, query.many.all(c, true)))`, asking(maxElements-1, nil)},
		{"lists", strings.Repeat("query.many == query.many && ", 100) + "true", asking(maxElements-1, nil)},
		{"maps", manyQueries + "==" + manyQueries, asking(1, names)},
		{"expression", strings.Repeat(`query.l[0].matches("(a|aa|aaa|aaaa|aaaaa|[a-z]a|[ab]*c){3}b") || `, 10) + "true", asking(1, map[string][]string{"l": {strings.Repeat("a", MaxFact-10)}})},
		{"numbers", `query.many.all(a, double(query.l[0]) > 1.0 || true)`, asking(400, map[string][]string{"l": {strings.Repeat("1", 4000)}})},
		{"errors", `query.many.all(a, claims.absent == a || true)`, asking(maxElements-1, nil)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			p := mustCompile(b, "allow GET /a public when "+bb.when)
			for b.Loop() {
				p.Decide("GET", []string{"a"}, false, bb.caller)
			}
		})
	}
}
