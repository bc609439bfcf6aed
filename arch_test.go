package gatehouse_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/gatehouse-auth/gatehouse"

	softLimit = 400 // lines of a non-test file; more is reported
	hardLimit = 600 // lines of a non-test file; more fails
)

// layers says which of our packages a package may import. Keys and values are paths
// below the module root: "." is the root, "schemes" that package alone, "schemes/*"
// every package below it. The first matching line counts. In tests a package may
// also import what testLayers allows.
var layers = []struct {
	pkg string
	may []string
}{
	{".", []string{"caddymodule"}},
	{"caddymodule", []string{"caddymodule/*", "schemes", "schemes/*", "policies", "tokenstore", "tokenstore/badgerstore", "web", "openapi", "internal/*"}},
	{"caddymodule/*", []string{"schemes", "policies", "tokenstore", "internal/*"}},
	{"schemes", []string{"policies", "tokenstore", "internal/*"}},
	{"schemes/delta/*", []string{"schemes", "schemes/delta", "policies", "tokenstore", "web", "internal/*"}},
	{"schemes/bitbroker", []string{"schemes", "schemes/bitbroker/*", "policies", "tokenstore", "internal/*"}},
	{"schemes/bitbroker/*", []string{"schemes", "schemes/bitbroker/*", "tokenstore", "internal/*"}},
	{"schemes/schemestest", []string{"schemes", "tokenstore", "tokenstore/badgerstore", "internal/*"}},
	{"schemes/*", []string{"schemes", "policies", "tokenstore", "web", "internal/*"}},
	{"openapi", nil},
	{"policies", nil},
	{"tokenstore", []string{"internal/*"}},
	{"tokenstore/*", []string{"tokenstore", "internal/*"}},
	{"web", []string{"internal/*"}},
	{"internal/*", []string{"internal/*"}},
}

// testLayers is what tests may import beyond layers: a store to run on. The policies
// stay without any.
var testLayers = []struct {
	pkg string
	may []string
}{
	{"caddymodule", []string{"tokenstore/*"}},
	{"caddymodule/*", []string{"tokenstore/*"}},
	{"schemes", []string{"tokenstore/*"}},
	{"schemes/*", []string{"tokenstore/*", "schemes/schemestest"}},
	{"tokenstore", []string{"tokenstore/*"}},
	{"tokenstore/*", []string{"tokenstore/*"}},
}

// fences says who alone may import a module of somebody else's, tests included.
var fences = []struct {
	prefix string
	only   []string
}{
	{"github.com/caddyserver/", []string{"caddymodule", "caddymodule/*"}},
	{"github.com/dgraph-io/", []string{"tokenstore/badgerstore"}},
	{"cel.dev/", []string{"policies"}},
	{"github.com/golang-jwt/", []string{"internal/keyring", "schemes", "schemes/*"}},
}

// pkg is the part of `go list -json` that the rules look at.
type pkg struct {
	Dir          string
	ImportPath   string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// place is the package's path below the module root, "." for the root itself.
func (p pkg) place() string { return place(p.ImportPath) }

func place(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

func (p pkg) testImports() []string {
	return slices.Concat(p.TestImports, p.XTestImports)
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range listPackages(t) {
		may, known := allowed(p.place())
		if !known {
			t.Errorf("package %s has no line in layers; give it one, and say in its doc.go who may import it", p.place())
			continue
		}
		for _, path := range p.Imports {
			checkArrow(t, p.place(), path, may, "")
		}
		for _, path := range p.testImports() {
			checkArrow(t, p.place(), path, slices.Concat(may, allowedInTests(p.place())), " (in a test)")
		}
	}
}

func checkArrow(t *testing.T, from, path string, may []string, where string) {
	t.Helper()
	if path == module || strings.HasPrefix(path, module+"/") {
		to := place(path)
		if to != from && !matchesAny(may, to) {
			t.Errorf("broken arrow: %s -> %s%s; it may import only %v", from, to, where, may)
		}
		return
	}
	for _, f := range fences {
		if strings.HasPrefix(path, f.prefix) && !matchesAny(f.only, from) {
			t.Errorf("broken arrow: %s -> %s%s; only %v may import %s", from, path, where, f.only, f.prefix)
		}
	}
}

func allowed(place string) (may []string, known bool) {
	for _, l := range layers {
		if matches(l.pkg, place) {
			return l.may, true
		}
	}
	return nil, false
}

func allowedInTests(place string) []string {
	for _, l := range testLayers {
		if matches(l.pkg, place) {
			return l.may
		}
	}
	return nil
}

func matchesAny(patterns []string, place string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, place) })
}

func matches(pattern, place string) bool {
	if below, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(place, below+"/")
	}
	return pattern == place
}

func TestEveryPackageHasDoc(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.place() == "." {
			continue // gatehouse.go is nothing but the comment
		}
		if !slices.Contains(p.GoFiles, "doc.go") {
			t.Errorf("package %s has no doc.go; it states the purpose, the one invariant, and who may import it", p.place())
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			switch n := bytes.Count(text, []byte("\n")); {
			case n > hardLimit:
				t.Errorf("%s/%s has %d lines, more than %d; split it by concept", p.place(), name, n, hardLimit)
			case n > softLimit:
				t.Logf("%s/%s has %d lines; over %d is a sign of two concepts", p.place(), name, n, softLimit)
			}
		}
	}
}

// TestRulesAreNotVacuous keeps the tests above honest: arrows that must break, do.
func TestRulesAreNotVacuous(t *testing.T) {
	for _, tc := range []struct {
		name, from, to string
		want           bool
	}{
		{"the root reaches the module", ".", "caddymodule", true},
		{"a scheme reaches the store", "schemes/delta", "tokenstore", true},
		{"a scheme never reaches another", "schemes/delta", "schemes/pda", false},
		{"a scheme never reaches a driver", "schemes/delta", "tokenstore/badgerstore", false},
		{"policies import nothing of ours", "policies", "internal/canonpath", false},
		{"nobody reaches back to Caddy's side", "schemes", "caddymodule", false},
		{"internal stays below", "internal/secret", "tokenstore", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			may, known := allowed(tc.from)
			if !known {
				t.Fatalf("%s has no line in layers", tc.from)
			}
			if got := matchesAny(may, tc.to); got != tc.want {
				t.Errorf("%s -> %s: allowed = %v, want %v", tc.from, tc.to, got, tc.want)
			}
		})
	}
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	// -e: a package that does not build yet is the compiler's business, and must not
	// hide a broken arrow.
	out, err := exec.Command("go", "list", "-e", "-json=Dir,ImportPath,GoFiles,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("reading the answer of go list: %v", err)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		t.Fatal("go list found no package")
	}
	return all
}
