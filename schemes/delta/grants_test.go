package delta

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestCheckGrant(t *testing.T) {
	t.Parallel()
	name255, name256 := strings.Repeat("n", 255), strings.Repeat("n", 256)
	tests := []struct {
		name  string
		grant string
		ok    bool
	}{
		{"share", "sales", true},
		{"schema", "sales/retail", true},
		{"table", "sales/retail/orders", true},
		{"capitals", "Sales/Retail/Orders", true},
		{"dots in a share's name", "sales.v2/retail", true},
		{"other signs", "sales_2026-Q3+(eu)", true},
		{"255 characters", name255 + "/" + name255 + "/" + name255, true},
		{"255 characters of two bytes", strings.Repeat("ä", 255), true},
		{"unicode", "売上/小売/注文", true},
		{"emoji", "📊", true},
		{"every share", "*", true},
		{"every share, with a privilege", "* discover", true},
		{"a star in a name", "sales*", true},
		{"one privilege", "sales/retail/orders query", true},
		{"all privileges", "sales discover,metadata,query,changes,temporary-credentials,volumes,models,skills,iceberg", true},
		{"privileges in any order, and twice", "sales query,discover,query", true},

		{"nothing", "", false},
		{"slash at the front", "/sales", false},
		{"slash at the end", "sales/", false},
		{"empty schema", "sales//orders", false},
		{"four parts", "sales/retail/orders/2026", false},
		{"dot in a schema's name", "sales/retail.eu", false},
		{"dot in a table's name", "sales/retail/orders.v2", false},
		{"space", "sales reports", false},
		{"no privilege behind the space", "sales ", false},
		{"privilege without an object", " query", false},
		{"two spaces", "sales  query", false},
		{"space behind the comma", "sales query, changes", false},
		{"empty privilege", "sales query,", false},
		{"empty privilege first", "sales ,query", false},
		{"capitals in a privilege", "sales Query", false},
		{"the rules' own word", "sales list", false},
		{"what a plain grant gives, by its foreign name", "sales SELECT", false},
		{"tab for the space", "sales\tquery", false},
		{"schema of every share", "*/retail", false},
		{"table of every share", "*/retail/orders query", false},
		{"tab", "sales\treports", false},
		{"line break", "sales\n", false},
		{"nul", "sales\x00", false},
		{"del", "sales\x7f", false},
		{"c1 control", "sales\u0085", false},
		{"256 characters", name256, false},
		{"256 characters in a table's name", "sales/retail/" + name256, false},
		{"256 characters of two bytes", strings.Repeat("ä", 256), false},
		{"invalid utf-8", "sales\xff", false},
		{"what stands for invalid utf-8", "sales\uFFFD", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := CheckGrant(tt.grant)
			if (err == nil) != tt.ok {
				t.Errorf("CheckGrant(%q): %v", tt.grant, err)
			}
			if err != nil && !errors.Is(err, tokenstore.ErrInvalid) {
				t.Errorf("not an ErrInvalid: %v", err)
			}
		})
	}
}

func TestFaultyPartOfAGrantIsNamed(t *testing.T) {
	t.Parallel()
	for grant, part := range map[string]string{
		"a\tb": "share is not", "a/b.c": "schema is not", "a/b/c.d": "table is not", "a/b/c/d": "write share, share/schema",
		"a reed": `"reed" is no privilege; write one or more of discover, metadata,`,
	} {
		if err := CheckGrant(grant); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %v, want %q in it", grant, err, part)
		}
	}
}

func TestCheckGrantsDropsRepetitions(t *testing.T) {
	t.Parallel()
	got, err := CheckGrants([]string{"Sales", "finance/q3", "sales", "FINANCE/Q3", "sales/retail"})
	if want := []string{"Sales", "finance/q3", "sales/retail"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	got, err = CheckGrants([]string{
		"sales", "sales discover,metadata,query,changes", "Sales changes,query,metadata,discover", "sales query", "SALES query,query",
		"sales query,discover", "* query", "*", "sales/a iceberg,volumes,skills,models",
	})
	want := []string{"sales", "sales query", "sales discover,query", "* query", "*", "sales/a volumes,models,skills,iceberg"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if got, err := CheckGrants([]string{"sales", "a b"}); err == nil || got != nil {
		t.Errorf("one bad grant among good ones: %q, %v", got, err)
	}
	if got, err := CheckGrants(nil); err != nil || len(got) != 0 {
		t.Errorf("no grants: %q, %v", got, err)
	}
}

func TestPlainGrants(t *testing.T) {
	t.Parallel()
	type object []string
	tests := []struct {
		name   string
		grants []string
		object object
		list   bool
		read   bool
	}{
		{"granted share", []string{"sales"}, object{"sales"}, true, true},
		{"schema of a granted share", []string{"sales"}, object{"sales", "retail"}, true, true},
		{"table of a granted share", []string{"sales"}, object{"sales", "retail", "orders"}, true, true},
		{"another share", []string{"sales"}, object{"finance"}, false, false},
		{"table of another share", []string{"sales"}, object{"finance", "retail", "orders"}, false, false},

		{"share that holds a granted schema", []string{"sales/retail"}, object{"sales"}, true, false},
		{"granted schema", []string{"sales/retail"}, object{"sales", "retail"}, true, true},
		{"table of a granted schema", []string{"sales/retail"}, object{"sales", "retail", "orders"}, true, true},
		{"schema beside", []string{"sales/retail"}, object{"sales", "wholesale"}, false, false},
		{"table of a schema beside", []string{"sales/retail"}, object{"sales", "wholesale", "orders"}, false, false},

		{"share that holds a granted table", []string{"sales/retail/orders"}, object{"sales"}, true, false},
		{"schema that holds a granted table", []string{"sales/retail/orders"}, object{"sales", "retail"}, true, false},
		{"granted table", []string{"sales/retail/orders"}, object{"sales", "retail", "orders"}, true, true},
		{"table beside", []string{"sales/retail/orders"}, object{"sales", "retail", "returns"}, false, false},

		{"case of the request", []string{"sales/retail"}, object{"SALES", "Retail", "Orders"}, true, true},
		{"case of the grant", []string{"SALES/Retail"}, object{"sales", "retail", "orders"}, true, true},
		{"case beyond ascii", []string{"ÄRZTE"}, object{"ärzte"}, true, true},
		{"letters that only look alike", []string{"ſales"}, object{"sales"}, false, false},

		{"longer name with the same beginning", []string{"sales"}, object{"sales2"}, false, false},
		{"shorter name with the same beginning", []string{"sales"}, object{"sale"}, false, false},
		{"longer schema with the same beginning", []string{"sales/re"}, object{"sales", "retail"}, false, false},
		{"share named as a granted path", []string{"a/b"}, object{"a/b"}, false, false},
		{"slash in a schema's name", []string{"a/b/c"}, object{"a", "b/c"}, false, false},
		{"slash in a name below a granted share", []string{"a"}, object{"a", "b/c"}, false, false},
		{"slash at the front", []string{"a"}, object{"", "a"}, false, false},
		{"dots are no separators", []string{"a.b/c"}, object{"a", "b", "c"}, false, false},
		{"dots in a share's name", []string{"a.b/c"}, object{"a.b", "c"}, true, true},

		{"no grants", nil, object{"sales"}, false, false},
		{"nothing named", []string{"sales"}, object{}, false, false},
		{"an empty name", []string{"sales"}, object{""}, false, false},
		{"an empty name below a granted share", []string{"sales"}, object{"sales", ""}, false, false},
		{"four names", []string{"sales"}, object{"sales", "a", "b", "c"}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set := newGrantSet(tt.grants)
			if got := set.Allows(privilegeList, tt.object...); got != tt.list {
				t.Errorf("list: %v", got)
			}
			for _, privilege := range []string{"discover", "metadata", "query", "changes"} {
				// None named asks for the privilege on anything.
				want := tt.read || len(tt.object) == 0 && len(tt.grants) > 0
				if got := set.Allows(privilege, tt.object...); got != want {
					t.Errorf("%s: %v", privilege, got)
				}
			}
			for _, privilege := range []string{
				"write", "read", "", "list-", "listing", "list-nothing", "Query", "query,changes", "temporary-credentials",
				"volumes", "models", "skills", "iceberg", "list-volumes", "list-models", "list-skills", "list-iceberg",
			} {
				if set.Allows(privilege, tt.object...) {
					t.Errorf("%q is allowed", privilege)
				}
			}
		})
	}
}

// With privileges, all that a grant gives is what it names and what that implies.
func TestPrivilegesOfGrants(t *testing.T) {
	t.Parallel()
	const tables = "discover metadata query changes temporary-credentials "
	tests := []struct {
		name   string
		grants []string
		object string
		want   string // of all privileges, those that are allowed
	}{
		{"discover", []string{"a discover"}, "a/b/c", "list discover"},
		{"metadata implies discover", []string{"a metadata"}, "a/b/c", "list discover metadata"},
		{"query implies metadata", []string{"a query"}, "a/b/c", "list discover metadata query"},
		{"changes implies metadata", []string{"a changes"}, "a/b/c", "list discover metadata changes"},
		{"temporary credentials imply metadata", []string{"a temporary-credentials"}, "a/b/c", "list discover metadata temporary-credentials"},
		{"volumes imply nothing of tables", []string{"a volumes"}, "a/b/c", "list volumes list-volumes"},
		{"models imply nothing of tables", []string{"a models"}, "a/b/c", "list models list-models"},
		{"skills imply nothing of tables", []string{"a skills"}, "a/b/c", "list skills list-skills"},
		{"iceberg implies nothing of tables", []string{"a iceberg"}, "a/b/c", "list iceberg list-iceberg"},
		{"none named", []string{"a"}, "a/b/c", "list discover metadata query changes"},
		{"every share", []string{"*"}, "a/b/c", "list discover metadata query changes"},
		{"every share, one privilege", []string{"* skills"}, "a", "list skills list-skills"},

		{"they add up over levels", []string{"a discover", "a/b query", "a/b/c changes", "* volumes"}, "a/b/c", "list discover metadata query changes volumes list-volumes"},
		{"what is below adds nothing above", []string{"a discover", "a/b query"}, "a", "list discover"},
		{"what is beside adds nothing", []string{"a discover", "a/b/d query", "a/c query", "b query"}, "a/b/c", "list discover"},
		{"two on one object add up", []string{"a/b/c discover", "A/B/C query"}, "a/b/c", "list discover metadata query"},
		{"what holds a volume is listed for it", []string{"a/b/v volumes"}, "a/b", "list list-volumes"},
		{"what holds a table is listed for no volume", []string{"a/b/c", "a/b/v volumes", "a/b/c2"}, "a/b", "list list-volumes"},
		{"what is no grant gives nothing", []string{"a reed", "a ", "*/b", "a/b/c/d"}, "a/b/c", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set := newGrantSet(tt.grants)
			var got []string
			for privilege := range strings.FieldsSeq("list " + tables + "volumes models skills iceberg list-volumes list-models list-skills list-iceberg") {
				if set.Allows(privilege, strings.Split(tt.object, "/")...) {
					got = append(got, privilege)
				}
			}
			want := strings.Fields(tt.want)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("allowed: %q, want %q", got, want)
			}
		})
	}
}

func TestObjectAndSelectOfGrants(t *testing.T) {
	t.Parallel()
	for grant, selects := range map[string]bool{
		"Sales": true, "sales/a/b": true, "*": true, "sales query": false, "sales query,changes": true, "* discover,metadata,query,changes,skills": true,
		"sales changes,temporary-credentials": false, "sales volumes": false,
	} {
		if got := IncludesSelect(grant); got != selects {
			t.Errorf("%q includes SELECT: %v", grant, got)
		}
		if got, _, _ := strings.Cut(grant, " "); ObjectOf(grant) != got {
			t.Errorf("object of %q is %q", grant, ObjectOf(grant))
		}
	}
	for _, wrong := range []string{"", "a reed", "*/a", "a//b"} {
		if IncludesSelect(wrong) {
			t.Errorf("%q includes SELECT", wrong)
		}
	}
}

// The revision is that of what is given, not of how it is written.
func TestRevisionOfGrants(t *testing.T) {
	t.Parallel()
	same := [][]string{
		{"a", "b/c query"},
		{"b/c query", "a"},
		{"A", "B/C query"},
		{"a", "a", "b/c query"},
		{"a changes,query", "b/c query,discover"},
		{"a query", "a changes", "b/c metadata,query"},
		{"a", "b/c query", "no grant"},
	}
	want := newGrantSet(same[0]).revision
	for _, grants := range same {
		if newGrantSet(grants).revision != want {
			t.Errorf("%q differs from %q", grants, same[0])
		}
	}
	seen := map[revision][]string{want: same[0]}
	for _, grants := range [][]string{
		nil, {"a"}, {"b/c query"}, {"a", "b/c"}, {"a", "b/c query,skills"}, {"a", "b/c query", "*"}, {"a", "b/c query", "* skills"}, {"a/b", "c query"}, {"a skills", "b/c query"},
	} {
		got := newGrantSet(grants).revision
		if other, ok := seen[got]; ok {
			t.Errorf("%q has the revision of %q", grants, other)
		}
		seen[got] = grants
	}
}

// FuzzCheckGrant: a grant that is accepted gives the object that it names, with the
// privileges that it names, and nothing beside, above or below it in disguise.
func FuzzCheckGrant(f *testing.F) {
	for _, seed := range []string{
		"sales", "sales/retail/orders", "a//b", "a.b/c", "ſ", "İ", "a\xff", "\u212a/K", "a query", "a/b changes,volumes", "*", "* iceberg", "*/a", "a  query", "a query,",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, grant string) {
		_, given, err := parseGrant(grant)
		if err != nil {
			if set := newGrantSet([]string{grant}); set.any(anything) || IncludesSelect(grant) {
				t.Fatalf("%q is refused, and gives something", grant)
			}
			return
		}
		if !utf8.ValidString(grant) || given == 0 || given&^anything != 0 {
			t.Fatalf("%q is accepted and gives %b", grant, given)
		}
		object := ObjectOf(grant)
		names, set := strings.Split(object, "/"), newGrantSet([]string{grant})
		if set.on(names...) != given.closed() || !set.Allows(privilegeList, names[:1]...) {
			t.Errorf("%q does not give what it names", grant)
		}
		if again, err := CheckGrants([]string{grant}); err != nil || newGrantSet(again).revision != set.revision {
			t.Errorf("%q becomes %q, %v", grant, again, err)
		} else if once, err := CheckGrants(append(again, again...)); err != nil || !slices.Equal(once, again) {
			t.Errorf("%q becomes %q, and that %q, %v", grant, again, once, err)
		}
		if unique, err := CheckGrants([]string{grant, strings.ToUpper(object), grant}); err == nil && len(unique) > 2 {
			t.Errorf("%q stands among its repetitions: %q", grant, unique)
		}
		if object == everyShare {
			return
		}
		for n := 1; n < len(names); n++ {
			if set.on(names[:n]...) != 0 {
				t.Errorf("%q gives something on %q", grant, names[:n])
			}
		}
		last := len(names) - 1
		beside := slices.Clone(names)
		beside[last] += "x"
		if set.Allows(privilegeList, beside...) || set.Allows(privilegeList, object+"/") {
			t.Errorf("%q gives more than it names", grant)
		}
	})
}
