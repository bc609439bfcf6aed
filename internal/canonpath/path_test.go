package canonpath

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"testing"
)

func mustParse(t *testing.T, raw string) Path {
	t.Helper()
	p, err := parse(raw, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCut(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, raw, prefix string
		ok                bool
		segments          []string
		decoded, escaped  string
	}{
		{"one segment", "/delta-sharing/shares/a", "/delta-sharing", true, []string{"shares", "a"}, "/shares/a", "/shares/a"},
		{"several segments", "/a/b/c/", "/a/b", true, []string{"c"}, "/c/", "/c/"},
		{"slash at the end of the prefix", "/a/b", "/a/", true, []string{"b"}, "/b", "/b"},
		{"exactly the prefix", "/a/b", "/a/b", true, nil, "", ""},
		{"the prefix and a slash", "/a/b/", "/a/b", true, nil, "/", "/"},
		{"nothing to cut", "/a/b", "/", true, []string{"a", "b"}, "/a/b", "/a/b"},
		{"CVE-2026-40912 both spellings are cut at one place", "/caf%C3%A9/%C3%BC/x", "/café", true, []string{"ü", "x"}, "/ü/x", "/%C3%BC/x"},
		{"GHSA-gx7w-56w6-g48x no segment boundary", "/delta-sharing-2/x", "/delta-sharing", false, nil, "", ""},
		{"other case", "/Delta/x", "/delta", false, nil, "", ""},
		{"longer than the path", "/a", "/a/b", false, nil, "", ""},
		{"prefix of the root", "/", "/a", false, nil, "", ""},
		{"a prefix that is not canonical matches nothing", "/a/b", "/a//b", false, nil, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rest, ok := mustParse(t, tt.raw).Cut(tt.prefix)
			if ok != tt.ok || !slices.Equal(rest.Segments(), tt.segments) || rest.String() != tt.decoded || rest.Escaped() != tt.escaped {
				t.Errorf("got %v %q %q %q", ok, rest.Segments(), rest.String(), rest.Escaped())
			}
		})
	}
}

func TestApplyOfTheRestOfACut(t *testing.T) {
	t.Parallel()
	rest, _ := mustParse(t, "/base/a+b/").Cut("/base")
	u := url.URL{Path: "/base/a+b/", RawQuery: "q"}
	rest.Apply(&u)
	if got := u.RequestURI(); got != "/a%2Bb/?q" {
		t.Errorf("got %q", got)
	}
}

func TestApplyRefusesAnEmptyPath(t *testing.T) {
	t.Parallel()
	rest, _ := mustParse(t, "/base").Cut("/base")
	for name, p := range map[string]Path{"zero": {}, "empty rest": rest} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("no panic: the request would be forwarded to another path")
				}
			}()
			p.Apply(&url.URL{Path: "/base"})
		})
	}
}

// FuzzFromURL holds the invariant against net/url and net/http: what was
// decided on is what the next server reads, and nothing refused gets through.
func FuzzFromURL(f *testing.F) {
	for _, raw := range []string{
		"/", "/a/b/", "/%61dmin", "/p//a", "/a%2fb", "/a%252e", "/caf%C3%A9", "/a+b", "/a;b", `/a\b`, "//x",
		"/p///", "/a!(b)*", "/a[b]", "/é", "/a%c2%85", "/100%25", "*", "http://h/x", "/%", "/a?b#c", "/%3F/%23",
	} {
		f.Add(raw)
	}
	o := Options{FoldAfter: []string{"/p"}}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.ParseRequestURI(raw)
		if err != nil {
			return
		}
		p, err := FromURL(u, o)
		if err != nil {
			return
		}
		for i := range len(p.String()) {
			if c := p.String()[i]; c < 0x20 || c == 0x7f || c == '\\' || c == ';' {
				t.Fatalf("%q holds %q", p.String(), c)
			}
		}
		for _, s := range p.Segments() {
			if s == "" || s == "." || s == ".." || bytes.ContainsRune([]byte(s), '/') || doublyEncoded(s) {
				t.Fatalf("segment %q", s)
			}
		}

		again, err := parse(p.Escaped(), Options{})
		if err != nil || !same(again, p) {
			t.Fatalf("%q parses to %q, that to %q: %v", raw, p.Escaped(), again.Escaped(), err)
		}

		p.Apply(u)
		if u.Path != p.String() || u.EscapedPath() != p.Escaped() {
			t.Fatalf("Apply gives %q %q, want %q %q", u.Path, u.EscapedPath(), p.String(), p.Escaped())
		}
		sent := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: u.Path, RawPath: u.RawPath}, Host: "h"}
		var wire bytes.Buffer
		if err := sent.Write(&wire); err != nil {
			t.Fatal(err)
		}
		received, err := http.ReadRequest(bufio.NewReader(&wire))
		if err != nil {
			t.Fatal(err)
		}
		upstream, err := FromRequest(received, Options{})
		if err != nil || !same(upstream, p) || received.URL.Path != p.String() {
			t.Fatalf("the next server reads %q: %v", received.URL.Path, err)
		}
	})
}

func same(a, b Path) bool {
	return slices.Equal(a.segments, b.segments) && a.decoded == b.decoded && a.escaped == b.escaped
}
