package policies

import (
	"errors"
	"strings"
	"testing"
)

func TestBasePath(t *testing.T) {
	t.Parallel()
	rules, err := Parse("r", `
		allow GET {base} role base
		allow GET {base}/{$} role slash
		allow GET {base}/policies role policies
		allow GET {base}/policies/{id} grant read {id}
		allow GET /dx/other role other`)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ base, path, want string }{
		{"/dx/apd", "/dx/apd", "{base}"},
		{"/dx/apd", "/dx/apd/", "{base}/{$}"},
		{"/dx/apd", "/dx/apd/policies", "{base}/policies"},
		{"/dx/apd", "/dx/apd/policies/7", "{base}/policies/{id}"},
		{"/dx/apd", "/policies", ""},
		{"/dx/apd", "/{base}/policies", ""},
		{"/dx/apd", "/dx/other", "/dx/other"},
		{"/caf%C3%A9", "/café/policies", "{base}/policies"},
		{"/dx", "/dx/other", "/dx/other"},
	}
	for _, tt := range tests {
		p, err := Compile(rules, tt.base)
		if err != nil {
			t.Fatal(err)
		}
		segments, slash := split(tt.path)
		d, got := p.Decide("GET", segments, slash, Subject{}), ""
		if d.Rule != nil {
			got = d.Rule.Pattern
		}
		if got != tt.want {
			t.Errorf("%s under %s goes to %q, want %q", tt.path, tt.base, got, tt.want)
		}
		if id, ok := d.Param("id"); ok != strings.HasSuffix(tt.want, "{id}") || ok && id != "7" {
			t.Errorf("%s under %s: id is %q %v", tt.path, tt.base, id, ok)
		}
	}
	for _, base := range []string{"", "/"} {
		p, err := Compile(rules[1:], base)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{"/": "{base}/{$}", "/policies": "{base}/policies", "/dx/other": "/dx/other"} {
			segments, slash := split(path)
			if d := p.Decide("GET", segments, slash, Subject{}); d.Rule == nil || d.Rule.Pattern != want {
				t.Errorf("%s under %q goes to %v, want %q", path, base, d.Rule, want)
			}
		}
		if _, err := Compile(rules, base); !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), "no base path") {
			t.Errorf("{base} alone under %q: %v", base, err)
		}
	}
}

func TestBaseMeetsWholePaths(t *testing.T) {
	t.Parallel()
	rules, err := Parse("r", "allow GET {base}/a role a\nallow GET /dx/a role a\nallow GET /{x}/b role a\nallow GET {base}/{y} role a")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Compile(rules, "/dx")
	if !errors.Is(err, ErrUnreachable) || !errors.Is(err, ErrOverlap) {
		t.Errorf("got %v", err)
	}
	if _, err = Compile(rules, "/dx/v1"); err != nil {
		t.Errorf("elsewhere: %v", err)
	}
}

func TestFaultsOfBasePaths(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"{base}x": "without a slash", "{base}{x}": "without a slash", "/{base}": "at the beginning only", "/a/{base...}": "at the beginning only",
		"{base}/{base}": "at the beginning only", "{base}/": "ends in a slash", "{Base}/a": "does not start with a slash",
		"{base}/{x}/{x}": "a name of its own", "{base}/..": "no request can match",
	} {
		if _, err := Parse("r", "allow GET "+pattern+" public"); !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", pattern, err)
		}
	}
	if _, err := Parse("r", "allow GET {base}/{x} grant p {base}"); err == nil || !strings.Contains(err.Error(), "no parameter") {
		t.Errorf("as an argument: got %v", err)
	}
	for _, base := range []string{"dx", "/dx/", "/{x}", "/a/{$}", "/a/{r...}", "//", "/a b/..", "{base}", "/a?b", "/%2F"} {
		if p, err := Compile(nil, base); err == nil || p != nil || !strings.HasPrefix(err.Error(), "base path") {
			t.Errorf("%s: got %v", base, err)
		}
	}
}
