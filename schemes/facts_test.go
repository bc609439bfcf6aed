package schemes

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/policies"
)

// Servers behind read the query again, and not as Go does.
func TestQueryThatServersReadOtherwiseIsNoFact(t *testing.T) {
	many := func(count int) string {
		var query strings.Builder
		for i := range count {
			fmt.Fprintf(&query, "&p%d=1", i)
		}
		return query.String()[1:]
	}
	for name, tc := range map[string]struct {
		query string
		want  map[string][]string // nil: it cannot be asked
	}{
		"none":                      {"", map[string][]string{}},
		"some":                      {"a=1&b=2&&a=3", map[string][]string{"a": {"1", "3"}, "b": {"2"}}},
		"without a value":           {"a&b=", map[string][]string{"a": {""}, "b": {""}}},
		"an empty name":             {"=a=b", nil},
		"an empty name, alone":      {"a=1&=", nil},
		"names that differ by case": {"size=1&Size=2", nil},
		"and in other letters":      {"%C3%A9=1&%C3%89=2", nil},
		"a semicolon":               {"a=1;b=2", nil},
		"a bad escape":              {"a=%zz", nil},
		"a fragment":                {"a=1#&b=2", nil},
		"a thousand":                {many(1000), nil},
		"the longest":               {"a=" + strings.Repeat("1", policies.MaxFact-2), map[string][]string{"a": {strings.Repeat("1", policies.MaxFact-2)}}},
		"too long":                  {"a=" + strings.Repeat("1", policies.MaxFact-1), nil},
		"too long as it is written": {"a=" + strings.Repeat("%31", policies.MaxFact/3+1), nil},
		"a thousand of one name":    {strings.Repeat("a=1&", 1000), nil},
	} {
		t.Run(name, func(t *testing.T) {
			call := Call{Request: &http.Request{URL: &url.URL{RawQuery: tc.query}}}
			got := call.Fact(policies.FactQuery)
			if tc.want == nil && got != nil || tc.want != nil && fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("%v", got)
			}
			// Who asks for the absence of a name is not answered either.
			rules, err := policies.Parse("own", "allow GET /{path...} public when !('z' in query)")
			if err != nil {
				t.Fatal(err)
			}
			policy, err := policies.Compile(rules, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := policy.Decide("GET", nil, true, call.PolicySubject()).Allow; got != (tc.want != nil) {
				t.Errorf("allowed: %v", got)
			}
		})
	}
	call := Call{Request: &http.Request{URL: &url.URL{RawQuery: many(999)}}}
	if got, ok := call.Fact(policies.FactQuery).(map[string][]string); !ok || len(got) != 999 {
		t.Errorf("%d of 999", len(got))
	}
}
