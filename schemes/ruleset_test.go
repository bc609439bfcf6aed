package schemes

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/policies"
)

func TestLiteralsEndAtTheFirstParameter(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"/oauth/token":        "oauth token, whole",
		"/o%61uth/t%6fken":    "oauth token, whole",
		"/oauth/token/{$}":    "oauth token",
		"/api/{x}/y":          "api",
		"/{rest...}":          "",
		"{base}":              "dx apd, whole",
		"{base}/shares/{any}": "dx apd shares",
	} {
		segments, whole := Literals(pattern, "/dx/apd")
		got := strings.Join(segments, " ")
		if whole {
			got += ", whole"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}

func TestRouteComesFromTheShippedRulesHoweverOwnOnesAreSpelt(t *testing.T) {
	t.Parallel()
	set := RuleSet{Name: "shipped", Text: "allow GET {base}/things/{thing} kind user\nallow GET /open public\nallow POST {base}/things/{thing} kind admin\n"}
	own, err := policies.Parse("own", "allow * /{anything...} authenticated")
	if err != nil {
		t.Fatal(err)
	}
	noMistake := func(*policies.Rule) string { return "" }
	for _, tt := range []struct {
		method, path string
		slash        bool
		pattern      string
		param        string
		exact        bool
		public       bool
	}{
		{"GET", "x/things/a", false, "{base}/things/{thing}", "a", true, false},
		{"HEAD", "x/things/a", false, "{base}/things/{thing}", "a", true, false},
		{"DELETE", "x/things/a", false, "{base}/things/{thing}", "a", false, false},
		{"GET", "x/things/a", true, "{base}/things/{thing}", "a", false, false},
		{"GET", "open", false, "/open", "", true, true},
		{"GET", "things/a", false, "", "", false, false},
		{"GET", "x/things/a/b", false, "", "", false, false},
	} {
		segments := strings.Split(tt.path, "/")
		check := func(from string, route Route) {
			t.Helper()
			if route.Pattern != tt.pattern || route.Param("thing") != tt.param || route.Exact != tt.exact || route.Public != tt.public {
				t.Errorf("%s %s by %s: %+v", tt.method, tt.path, from, route)
			}
		}
		policy, routes, err := set.Compile(own, "/x", noMistake)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := routes.Decided(policy.Decide(tt.method, segments, tt.slash, policies.Subject{})); ok {
			t.Error("own rules say the route")
		}
		check("own rules", routes.Of(tt.method, segments, tt.slash))
		if policy, routes, err = set.Compile(nil, "/x", noMistake); err != nil {
			t.Fatal(err)
		}
		route, ok := routes.Decided(policy.Decide(tt.method, segments, tt.slash, policies.Subject{Authenticated: true, Kind: "user"}))
		if !ok {
			t.Error("the shipped rules do not say the route")
		}
		if !tt.slash { // which no shipped rule allows
			check("the shipped rules", route)
		}
	}
}

func TestMistakesInOwnRulesSayWhereTheyStand(t *testing.T) {
	t.Parallel()
	set := RuleSet{Name: "shipped", Text: "allow GET /bad public\n"}
	own, err := policies.Parse("own.rules", "allow GET /good public\n\nallow GET /bad public\nallow GET /bad/too public")
	if err != nil {
		t.Fatal(err)
	}
	mistake := func(r *policies.Rule) string {
		if strings.HasPrefix(r.Pattern, "/bad") {
			return "that is bad"
		}
		return ""
	}
	_, _, err = set.Compile(own, "", mistake)
	var fault *policies.Fault
	if !errors.As(err, &fault) || err.Error() != "rules: own.rules:3: that is bad\nown.rules:4: that is bad" {
		t.Errorf("%v", err)
	}
	if _, _, err := set.Compile(slices.Delete(own, 1, 3), "", mistake); err != nil {
		t.Errorf("good rules: %v", err)
	}
	if _, _, err := set.Compile(nil, "", mistake); err != nil {
		t.Errorf("the shipped set: %v", err)
	}
}
