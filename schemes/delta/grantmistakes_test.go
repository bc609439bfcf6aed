package delta

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Typed without quotes, a grant and its privilege are two grants: the second would give
// a share of that name.
func TestPrivilegeAloneIsNoNewGrant(t *testing.T) {
	t.Parallel()
	for _, name := range privilegeNames {
		for _, grant := range []string{name, strings.ToUpper(name)} {
			err := CheckNewGrants([]string{"finance/reports", grant})
			if !errors.Is(err, tokenstore.ErrInvalid) || !strings.Contains(err.Error(), "is a privilege") {
				t.Errorf("%q: %v", grant, err)
			}
		}
		// A share of that name, and one that holds such a name, can be granted.
		way := name + " " + selects.String()
		if err := CheckNewGrants([]string{way, name + "/a", "a/" + name, "a " + name}); err != nil {
			t.Error(err)
		}
		if got, err := CheckGrants([]string{way}); err != nil || !slices.Equal(got, []string{name}) {
			t.Errorf("%q becomes %q, %v", way, got, err)
		}
	}
}

func TestDoubtsAboutGrants(t *testing.T) {
	t.Parallel()
	for grant, want := range map[string]string{
		"finance": "", "finance.eu": "", "a.b.c.d": "", "a.b.c/d": "", "finance/reports/q3 query,changes": "", "*": "",
		"finance.reports.q3":       `write "finance/reports/q3"`,
		"finance.reports.q3 query": `write "finance/reports/q3"`,
		"finance,sales":            "an argument of its own",
		"finance/a,finance/b":      "an argument of its own",
	} {
		if got := Doubt(grant); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", grant, got, want)
		}
	}
}

func TestGrantsThatAreStillOnAnObject(t *testing.T) {
	t.Parallel()
	grants := []string{"Finance discover", "finance/reports/q3", "finance/report", "financex", "finance/other"}
	for object, want := range map[string][]string{
		"finance/reports":    {"Finance discover", "finance/reports/q3"},
		"FINANCE/reports/q3": {"Finance discover", "finance/reports/q3"},
		"finance":            {"Finance discover", "finance/reports/q3", "finance/report", "finance/other"},
		"sales":              nil,
		"*":                  grants,
	} {
		if got := StillOn(grants, object); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", object, got, want)
		}
	}
	if got := StillOn([]string{"* query"}, "sales/a"); len(got) != 1 {
		t.Errorf("every share: %q", got)
	}
}
