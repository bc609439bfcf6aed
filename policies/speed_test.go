package policies

import (
	"fmt"
	"strings"
	"testing"
)

// thousand are 1,000 rules: those of a protocol with grants for 60 mounts, deep ones, and
// alternatives.
var thousand = func() string {
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, `
			allow GET    /m%[1]d/health                                   public
			allow GET    /m%[1]d/shares                                   authenticated
			allow GET    /m%[1]d/shares/{s}                               grant list {s}
			allow GET    /m%[1]d/shares/{s}/schemas                       grant list {s}
			allow GET    /m%[1]d/shares/{s}/schemas/{c}/tables            grant list {s} {c}
			allow POST   /m%[1]d/shares/{s}/schemas/{c}/tables/{t}/query  grant query {s} {c} {t}
			allow GET    /m%[1]d/shares/{s}/schemas/{c}/tables/{t}/query  grant query {s} {c} {t}
			allow POST   /m%[1]d/product                                  role provider
			allow POST   /m%[1]d/product                                  role consumer,delegate
			allow DELETE /m%[1]d/product/{id}                             role provider
			allow *      /m%[1]d/admin/{rest...}                          kind admin
			allow GET    /m%[1]d/a/b/c/d/e/f/g/h/i/j                      kind user
			allow GET    /m%[1]d/files/{path...}                          grant files {path}
			allow GET    /m%[1]d/mine/{id}                                role consumer when subject == params.id
			allow PUT    /m%[1]d/policy                                   role provider
			allow GET    /m%[1]d/policy                                   role provider`, i)
	}
	for i := range 40 {
		fmt.Fprintf(&b, "\nallow GET /alternatives role r%d", i)
	}
	return b.String()
}()

// speeds are calls with what they may allocate.
var speeds = []struct {
	name, method, path string
	allow              bool
	allocations        float64
}{
	{"public", "GET", "/m7/health", true, 0},
	{"role", "POST", "/m59/product", true, 0},
	{"grant", "POST", "/m31/shares/sales/schemas/finance/tables/q3/query", true, 0},
	{"deep", "GET", "/m31/a/b/c/d/e/f/g/h/i/j", true, 0},
	{"last alternative", "GET", "/alternatives", true, 0},
	{"rest", "GET", "/m3/files/x", true, 0},
	{"longer rest", "GET", "/m3/files/x/y", true, 1}, // the text of the rest
	{"no rule", "GET", "/m31/shares/sales/schemas/finance/tables/q3/nothing", false, 0},
	{"no rule at all", "GET", "/nowhere/to/be/seen", false, 0},
	{"other method", "PATCH", "/m31/shares/sales/schemas/finance/tables/q3/query", false, 0},
	{"condition", "GET", "/m3/mine/sub", true, 100},
}

var anyone = Subject{
	Authenticated: true, Kind: "user", Roles: []string{"consumer", "r39"}, Grants: everything{}, Facts: someFacts{},
}

// everything is granted.
type everything struct{}

func (everything) Allows(string, ...string) bool { return true }

func TestDecidingAllocatesNothing(t *testing.T) {
	p := mustCompile(t, thousand)
	if n := len(p.Rules()); n != 1000 {
		t.Fatalf("%d rules", n)
	}
	for _, tt := range speeds {
		segments, slash := split(tt.path)
		if d := p.Decide(tt.method, segments, slash, anyone); d.Allow != tt.allow {
			t.Errorf("%s: got %v", tt.name, d.Reason)
		}
		if got := testing.AllocsPerRun(100, func() { p.Decide(tt.method, segments, slash, anyone) }); got > tt.allocations {
			t.Errorf("%s: got %v allocations, want %v", tt.name, got, tt.allocations)
		}
	}
}

// TestGrantsAreAskedConcurrently: the slices that name resources are used again.
func TestGrantsAreAskedConcurrently(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, "allow GET /{a} grant g {a}\nallow GET /{a}/{b} grant g {a} x {b}\nallow GET /long/{a}/x grant g 1 2 3 4 5 6 7 8 9 {a}")
	done := make(chan bool)
	for i := range 4 {
		go func() {
			defer func() { done <- true }()
			id := fmt.Sprint(i)
			s := Subject{Authenticated: true, Grants: granted{"g:" + id, "g:" + id + "/x/" + id, "g:1/2/3/4/5/6/7/8/9/" + id}}
			for range 500 {
				for _, segments := range [][]string{{id}, {id, id}, {"long", id, "x"}} {
					if d := p.Decide("GET", segments, false, s); !d.Allow {
						t.Errorf("%v: got %v", segments, d.Reason)
					}
				}
				if d := p.Decide("GET", []string{"other", id}, false, s); d.Allow {
					t.Errorf("%s has what others have", id)
				}
			}
		}()
	}
	for range 4 {
		<-done
	}
}

func BenchmarkDecide(b *testing.B) {
	p := mustCompile(b, thousand)
	for _, tt := range speeds {
		b.Run(strings.ReplaceAll(tt.name, " ", "-"), func(b *testing.B) {
			segments, slash := split(tt.path)
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(tt.method, segments, slash, anyone)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		mustCompile(b, thousand)
	}
}
