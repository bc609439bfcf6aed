package policies

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func mustCompile(t testing.TB, text string) *Policy {
	t.Helper()
	rules, err := Parse("test", text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(rules, "")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// granted is a set of "privilege:resource/resource".
type granted []string

func (g granted) Allows(privilege string, resource ...string) bool {
	return slices.Contains(g, privilege+":"+strings.Join(resource, "/"))
}

// subject reads the third column of the tables in testdata.
func subject(t *testing.T, text string) (s Subject) {
	t.Helper()
	if text == "-" {
		return s
	}
	var g granted
	for word := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "anonymous": // a mistake of the caller: everything but a credential
			continue
		case "valid":
		case "kind":
			s.Kind = value
		case "role":
			s.Roles = strings.Split(value, ",")
		case "grant":
			g = append(g, value)
		default:
			t.Fatalf("subject %q", text)
		}
	}
	if g != nil {
		s.Grants = g
	}
	s.Authenticated = !strings.HasPrefix(text, "anonymous")
	return s
}

// TestDecisions runs the tables in testdata: NAME.rules is a policy and NAME.tsv
// has method, path, subject, reason and rule of each decision.
func TestDecisions(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.rules")
	if err != nil || len(files) == 0 {
		t.Fatal("no tables", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".rules"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			table, err := os.ReadFile(strings.TrimSuffix(file, ".rules") + ".tsv")
			if err != nil {
				t.Fatal(err)
			}
			rules, err := Parse(file, string(text))
			if err != nil {
				t.Fatal(err)
			}
			// The order of lines never matters: the table holds for every shuffle.
			random := rand.New(rand.NewPCG(1, 2))
			for range 20 {
				random.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
				p, err := Compile(slices.Clone(rules), "")
				if err != nil {
					t.Fatal(err)
				}
				decideTable(t, p, string(table))
				if t.Failed() {
					return // once is enough
				}
			}
		})
	}
}

func decideTable(t *testing.T, p *Policy, table string) {
	t.Helper()
	number := 0
	for row := range strings.Lines(table) {
		number++
		row = strings.TrimSuffix(row, "\n")
		if row == "" || row[0] == '#' {
			continue
		}
		columns := strings.Split(row, "\t")
		if len(columns) != 5 {
			t.Fatalf("row %d has %d columns", number, len(columns))
		}
		segments, trailing := split(columns[1])
		d := p.Decide(columns[0], segments, trailing, subject(t, columns[2]))
		rule := "-"
		if d.Rule != nil {
			rule = d.Rule.String()
		}
		if d.Reason.String() != columns[3] || rule != columns[4] || d.Allow != d.Reason.Allows() {
			t.Errorf("row %d: %s\ngot %v %q", number, row, d.Reason, rule)
		}
	}
}

func TestEmptyPoliciesDeny(t *testing.T) {
	t.Parallel()
	compiled, err := Compile(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*Policy{"nil": nil, "zero": {}, "no rules": compiled} {
		d := p.Decide("GET", []string{"a"}, false, Subject{Authenticated: true})
		if d.Allow || d.Reason != NoRule || d.Rule != nil {
			t.Errorf("%s: got %+v", name, d)
		}
		if _, ok := d.Param("a"); ok {
			t.Errorf("%s: there is a parameter", name)
		}
	}
}

func TestOverlappingRulesAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, a, b string
		overlap    bool
	}{
		{"parameter against parameter", "GET /{a}/x", "GET /y/{b}", true},
		{"rest against parameter", "GET /a/{r...}", "GET /{b}/x", true},
		{"rest against end marker", "GET /a/{r...}", "GET /{b}/{$}", true},
		{"all methods", "* /{a}/x", "POST /y/{b}", true},
		{"GET covers HEAD", "HEAD /{a}/x", "GET /y/{b}", true},
		{"one method of several", "PUT,GET /{a}/x", "POST,PUT /y/{b}", true},
		{"other methods", "GET /{a}/x", "POST /y/{b}", false},
		{"same pattern", "GET /{a}/x", "GET /{b}/x", false},
		{"more specific", "GET /a/{b}", "GET /a/b", false},
		{"more specific twice", "GET /{a}/{b}", "GET /a/b", false},
		{"rest and longer", "GET /{a...}", "GET /x/{b}/y", false},
		{"other literal", "GET /{a}/x/c", "GET /y/{b}/d", false},
		{"other length", "GET /{a}/x", "GET /y/{b}/z", false},
		{"end marker against parameter", "GET /{a}/{$}", "GET /y/{b}", false},
		{"rest needs the slash", "GET /{a}/x/{r...}", "GET /y/{b}", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, order := range [][2]string{{tt.a, tt.b}, {tt.b, tt.a}} {
				rules, err := Parse("r", "allow "+order[0]+" role a\nallow "+order[1]+" role b")
				if err != nil {
					t.Fatal(err)
				}
				_, err = Compile(rules, "")
				if errors.Is(err, ErrOverlap) != tt.overlap || (err != nil) != tt.overlap {
					t.Fatalf("got %v", err)
				}
				if err != nil && (!strings.Contains(err.Error(), "r:1") || !strings.Contains(err.Error(), "r:2")) {
					t.Errorf("%q does not name both lines", err)
				}
			}
		})
	}
}

func TestParams(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, "allow GET /s/{share}/{$} public\nallow GET /t/{share}/x/{tail...} public\nallow POST /u/{v} public")
	tests := []struct{ method, path, name, want string }{
		{"GET", "/s/sales/", "share", "sales"},
		{"GET", "/t/a b/x/", "share", "a b"},
		{"GET", "/t/a/x/", "tail", ""},
		{"GET", "/t/a/x/b/c", "tail", "b/c"},
		{"GET", "/t/a/x/b/c/", "tail", "b/c/"},
		{"GET", "/u/w", "v", "w"}, // of a rule for another method
	}
	for _, tt := range tests {
		segments, trailing := split(tt.path)
		if got, ok := p.Decide(tt.method, segments, trailing, Subject{}).Param(tt.name); got != tt.want || !ok {
			t.Errorf("%s %s: %s is %q %v, want %q", tt.method, tt.path, tt.name, got, ok, tt.want)
		}
	}
	segments, trailing := split("/s/sales/")
	for _, name := range []string{"", "$", "s", "tail"} {
		if got, ok := p.Decide("GET", segments, trailing, Subject{}).Param(name); ok {
			t.Errorf("%q is %q", name, got)
		}
	}
}

func TestEnumsHaveFixedWords(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for r := NoRule; r <= AllowedGrant; r++ {
		if r.String() == "" || seen[r.String()] {
			t.Errorf("reason %d is %q", r, r)
		}
		if r.Allows() != strings.HasPrefix(r.String(), "allowed") {
			t.Errorf("%v allows: %v", r, r.Allows())
		}
		seen[r.String()] = true
	}
	if r := AllowedGrant + 1; r.String() != "unknown" || r.Allows() {
		t.Errorf("reason out of range: %v %v", r, r.Allows())
	}
	if c := Grant + 1; c.String() != "" {
		t.Errorf("class out of range: %v", c)
	}
}

func TestGrantWithoutArgumentsNamesNoResource(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, "allow GET /config grant catalogue")
	for grants, allow := range map[string]bool{"catalogue:": true, "catalogue:a": false, "other:": false} {
		if d := p.Decide("GET", []string{"config"}, false, Subject{Authenticated: true, Grants: granted{grants}}); d.Allow != allow {
			t.Errorf("%s: %v", grants, d.Reason)
		}
	}
}
