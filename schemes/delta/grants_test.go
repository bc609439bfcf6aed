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

		{"nothing", "", false},
		{"slash at the front", "/sales", false},
		{"slash at the end", "sales/", false},
		{"empty schema", "sales//orders", false},
		{"four parts", "sales/retail/orders/2026", false},
		{"dot in a schema's name", "sales/retail.eu", false},
		{"dot in a table's name", "sales/retail/orders.v2", false},
		{"space", "sales reports", false},
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
		"a b": "share is not", "a/b c": "schema is not", "a/b/c d": "table is not", "a/b/c/d": "write share, share/schema",
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
	if got, err := CheckGrants([]string{"sales", "a b"}); err == nil || got != nil {
		t.Errorf("one bad grant among good ones: %q, %v", got, err)
	}
	if got, err := CheckGrants(nil); err != nil || len(got) != 0 {
		t.Errorf("no grants: %q, %v", got, err)
	}
}

func TestGrants(t *testing.T) {
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
			if got := set.Allows(privilegeRead, tt.object...); got != tt.read {
				t.Errorf("read: %v", got)
			}
			if set.Allows("write", tt.object...) || set.Allows("", tt.object...) {
				t.Error("a privilege that does not exist is allowed")
			}
		})
	}
}

// FuzzCheckGrant: a grant that is accepted gives the object that it names, and
// nothing beside, above or below it in disguise.
func FuzzCheckGrant(f *testing.F) {
	for _, seed := range []string{"sales", "sales/retail/orders", "a//b", "a.b/c", "ſ", "İ", "a\xff", "\u212a/K"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, grant string) {
		if CheckGrant(grant) != nil {
			return
		}
		if !utf8.ValidString(grant) {
			t.Fatalf("%q is accepted", grant)
		}
		names, set := strings.Split(grant, "/"), newGrantSet([]string{grant})
		if !set.Allows(privilegeRead, names...) || !set.Allows(privilegeList, names[:1]...) {
			t.Errorf("%q does not give what it names", grant)
		}
		for n := 1; n < len(names); n++ {
			if set.Allows(privilegeRead, names[:n]...) {
				t.Errorf("%q gives %q to read", grant, names[:n])
			}
		}
		last := len(names) - 1
		beside := slices.Clone(names)
		beside[last] += "x"
		if set.Allows(privilegeList, beside...) || set.Allows(privilegeList, grant+"/") {
			t.Errorf("%q gives more than it names", grant)
		}
		if unique, err := CheckGrants([]string{grant, strings.ToUpper(grant), grant}); err == nil && !slices.Contains(unique, grant) {
			t.Errorf("%q is lost among its repetitions: %q", grant, unique)
		}
	})
}
