package canonpath

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// target parses s as the target of a request line, as net/http does.
func target(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.ParseRequestURI(s)
	if err != nil {
		t.Fatalf("net/url does not take %q: %v", s, err)
	}
	return u
}

func TestAcceptedPathsHaveOneSpelling(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		raw      string
		segments []string
		decoded  string
		escaped  string
	}{
		{"root", "/", nil, "/", "/"},
		{"plain", "/shares/sales", []string{"shares", "sales"}, "/shares/sales", "/shares/sales"},
		{"trailing slash is kept", "/shares/", []string{"shares"}, "/shares/", "/shares/"},
		{"case is kept", "/Shares/SALES", []string{"Shares", "SALES"}, "/Shares/SALES", "/Shares/SALES"},
		{"needless escape is undone", "/%61dmin", []string{"admin"}, "/admin", "/admin"},
		{"digits of escapes become capitals", "/caf%c3%a9", []string{"café"}, "/café", "/caf%C3%A9"},
		{"raw utf-8 is escaped", "/café", []string{"café"}, "/café", "/caf%C3%A9"},
		{"plus is sent so that forms agree", "/a+b", []string{"a+b"}, "/a+b", "/a%2Bb"},
		{"escaped plus stays a plus", "/a%2Bb", []string{"a+b"}, "/a+b", "/a%2Bb"},
		{"space", "/a%20b", []string{"a b"}, "/a b", "/a%20b"},
		{"sub-delimiters are not escaped", "/a!$&'()*,=:@b", []string{"a!$&'()*,=:@b"}, "/a!$&'()*,=:@b", "/a!$&'()*,=:@b"},
		{"escaped sub-delimiters lose the escape", "/%28x%29", []string{"(x)"}, "/(x)", "/(x)"},
		{"brackets are escaped", "/a[1]", []string{"a[1]"}, "/a[1]", "/a%5B1%5D"},
		{"lone percent", "/100%25", []string{"100%"}, "/100%", "/100%25"},
		{"percent before no digits", "/a%25zz", []string{"a%zz"}, "/a%zz", "/a%25zz"},
		{"question mark as data stays data", "/a%3Fb", []string{"a?b"}, "/a?b", "/a%3Fb"},
		{"hash as data stays data", "/a%23b", []string{"a#b"}, "/a#b", "/a%23b"},
		{"three dots are a name", "/.../a", []string{"...", "a"}, "/.../a", "/.../a"},
		{"dots in names", "/.well-known/a..b", []string{".well-known", "a..b"}, "/.well-known/a..b", "/.well-known/a..b"},
		{"absolute form", "http://evil.example/x", []string{"x"}, "/x", "/x"},
		{"query is no part", "/a?b=/../c;d", []string{"a"}, "/a", "/a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := target(t, tt.raw)
			query := u.RawQuery
			p, err := FromURL(u, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(p.Segments(), tt.segments) || p.String() != tt.decoded || p.Escaped() != tt.escaped {
				t.Errorf("got %q %q %q, want %q %q %q", p.Segments(), p.String(), p.Escaped(), tt.segments, tt.decoded, tt.escaped)
			}
			if want := strings.HasSuffix(tt.decoded, "/"); p.TrailingSlash() != want {
				t.Errorf("trailing slash is %v, want %v", p.TrailingSlash(), want)
			}
			p.Apply(u)
			if u.Path != tt.decoded || u.EscapedPath() != tt.escaped || u.RawQuery != query {
				t.Errorf("after Apply: path %q, escaped %q, query %q", u.Path, u.EscapedPath(), u.RawQuery)
			}
		})
	}
}

func TestAmbiguousPathsAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		raw  string
		want Refusal
	}{
		{"CVE-2026-33494 dot segment", "/public/../admin", DotSegment},
		{"CVE-2025-47952 encoded dot segment", "/public/%2e%2e/admin", DotSegment},
		{"CVE-2025-32431 half encoded dot segment", "/public/.%2E/admin", DotSegment},
		{"single dot", "/a/./b", DotSegment},
		{"single dot at the end", "/a/.", DotSegment},
		{"two dots at the end", "/a/..", DotSegment},
		{"dot segment first", "/../a", DotSegment},
		{"CVE-2021-29492 doubled slash", "/a//b", DoubledSlash},
		{"CVE-2026-26205 doubled slash as authority", "//evil.example/x", DoubledSlash},
		{"doubled slash at the end", "/a//", DoubledSlash},
		{"only slashes", "///", DoubledSlash},
		{"CVE-2026-42272 encoded slash, capital", "/a%2Fb", EncodedSlash},
		{"CVE-2026-42272 encoded slash, small", "/a%2fb", EncodedSlash},
		{"CVE-2021-29492 encoded backslash", "/a%5cb", Backslash},
		{"CVE-2026-52844 encoded backslash, capital", "/a%5C..%5Cb", Backslash},
		{"literal backslash", `/a\b`, Backslash},
		{"semicolon", "/a;b", Semicolon},
		{"semicolon with dots", "/a/..;/b", Semicolon},
		{"encoded semicolon", "/a%3bb", Semicolon},
		{"NUL", "/a%00b", ControlByte},
		{"line feed", "/a%0Ab", ControlByte},
		{"carriage return", "/a%0db", ControlByte},
		{"tab", "/a%09", ControlByte},
		{"DEL", "/a%7f", ControlByte},
		{"C1 control character", "/a%c2%85b", ControlByte},
		{"double encoding of a slash", "/a%252fb", DoubleEncoding},
		{"double encoding of dots", "/a/%252e%252e/b", DoubleEncoding},
		{"double encoding in parts", "/a%25%32%66b", DoubleEncoding},
		{"overlong slash", "/a%c0%afb", InvalidUTF8},
		{"overlong dot", "/%c0%ae%c0%ae/b", InvalidUTF8},
		{"latin-1", "/caf%e9", InvalidUTF8},
		{"surrogate", "/%ed%a0%80", InvalidUTF8},
		{"CVE-2023-47106 fragment", "/public#/admin", Fragment},
		{"CVE-2026-33186 no slash in front", "*", NotRooted},
		{"absolute form without a path", "http://example.com", NotRooted},
		{"too long", "/" + strings.Repeat("a", maxLength), TooLong},
		{"too long once encoded", "/" + strings.Repeat("é", maxLength/3), TooLong},
		{"too long in its canonical encoding", "/" + strings.Repeat("+", maxLength/2), TooLong},
		{"CVE-2026-56860 thousands of dot segments", strings.Repeat("/a/..", 1000), TooManySegments},
		{"too many segments", strings.Repeat("/a", maxSegments+1), TooManySegments},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := target(t, tt.raw)
			_, err := FromRequest(&http.Request{Method: http.MethodGet, URL: u, RequestURI: tt.raw}, Options{})
			if !errors.Is(err, tt.want) || !errors.Is(err, ErrRefused) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.want == Fragment {
				// Seen without its request line as well.
				if _, err := FromURL(u, Options{}); !errors.Is(err, Fragment) {
					t.Errorf("FromURL: got %v, want %v", err, tt.want)
				}
			}
		})
	}
}

func TestURLsThatNoClientSends(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		u    url.URL
		want error
	}{
		{"opaque", url.URL{Scheme: "http", Opaque: "//x/y"}, NotRooted},
		{"empty", url.URL{}, NotRooted},
		{"relative", url.URL{Path: "a/b"}, NotRooted},
		{"CVE-2026-32811 query in the raw path", url.URL{Path: "/a?b", RawPath: "/a?b"}, Fragment},
		{"fragment", url.URL{Path: "/a", Fragment: "b"}, Fragment},
		{"raw NUL", url.URL{Path: "/a\x00"}, ControlByte},
		{"raw invalid utf-8", url.URL{Path: "/a\xff"}, InvalidUTF8},
		{"CVE-2026-48020 decoded path rewritten to hold an escape", url.URL{Path: "/a%2fb"}, DoubleEncoding},
		{"raw path that belongs to another path is ignored, as net/http does", url.URL{Path: "/a", RawPath: "/%62"}, nil},
		{"raw path with a bad escape is ignored, as net/http does", url.URL{Path: "/a", RawPath: "/%zz"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := FromURL(&tt.u, Options{})
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err == nil && p.String() != "/a" {
				t.Errorf("got %q, want /a", p)
			}
		})
	}
	if _, err := parse("/a%2", Options{}); !errors.Is(err, BadEscape) {
		t.Errorf("truncated escape: got %v", err)
	}
	if _, err := parse("/a%g1", Options{}); !errors.Is(err, BadEscape) {
		t.Errorf("wrong digit: got %v", err)
	}
}

func TestRequestTargets(t *testing.T) {
	t.Parallel()
	_, err := FromRequest(&http.Request{Method: http.MethodConnect, URL: &url.URL{Path: "/a"}}, Options{})
	if !errors.Is(err, ConnectMethod) {
		t.Errorf("CVE-2026-71324: CONNECT gives %v", err)
	}
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/a", RawQuery: "b#c"}, RequestURI: "/a?b#c"}
	if _, err := FromRequest(r, Options{}); !errors.Is(err, Fragment) {
		t.Errorf("CVE-2026-41059: # in the query gives %v", err)
	}
}

func TestDoubledSlashIsFoldedOnlyWhereNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		after []string
		raw   string
		want  string // "" means refused
	}{
		{"after the prefix", []string{"/delta-sharing"}, "/delta-sharing//shares/a", "/delta-sharing/shares/a"},
		{"prefix written with a slash", []string{"/delta-sharing/"}, "/delta-sharing//shares", "/delta-sharing/shares"},
		{"second of several prefixes", []string{"/x", "/a/b"}, "/a/b//c", "/a/b/c"},
		{"prefix spelt with an escape", []string{"/delta-sharing"}, "/%64elta-sharing//sh%61res", "/delta-sharing/shares"},
		{"rest with an escape", []string{"/p"}, "/p//a%20b", "/p/a%20b"},
		{"nothing behind it", []string{"/p"}, "/p//", "/p/"},
		{"at the root", []string{"/"}, "//shares", "/shares"},
		{"root alone", []string{"/"}, "//", "/"},
		{"three slashes", []string{"/p"}, "/p///a", ""},
		{"a second doubled slash", []string{"/p"}, "/p//a//b", ""},
		{"deeper than the prefix", []string{"/p"}, "/p/a//b", ""},
		{"before the prefix", []string{"/p"}, "//p/a", ""},
		{"other case", []string{"/p"}, "/P//a", ""},
		{"no segment boundary", []string{"/p"}, "/pp//a", ""},
		{"encoded slash", []string{"/p"}, "/p/%2Fa", ""},
		{"dot segment behind it", []string{"/p"}, "/p//../a", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := FromURL(target(t, tt.raw), Options{FoldAfter: tt.after})
			if (err != nil) != (tt.want == "") {
				t.Fatal(err)
			}
			if p.Escaped() != tt.want {
				t.Errorf("got %q, want %q", p.Escaped(), tt.want)
			}
			if err == nil {
				again, err := FromURL(target(t, p.Escaped()), Options{})
				if err != nil || !slices.Equal(again.Segments(), p.Segments()) || again.String() != p.String() {
					t.Errorf("the folded path is not canonical: %v %q", err, again.Segments())
				}
			}
		})
	}
}

func TestEveryRefusalHasAText(t *testing.T) {
	t.Parallel()
	for r, text := range refusalTexts {
		if r.String() == "" || text == "" || strings.ToLower(text[:1]) != text[:1] {
			t.Errorf("%q: %q", r, text)
		}
		if errors.Is(r, Refusal("other")) || !errors.Is(r, ErrRefused) {
			t.Errorf("%q is told apart wrongly", r)
		}
	}
}

func BenchmarkFromURL(b *testing.B) {
	for name, raw := range map[string]string{
		"plain":   "/delta-sharing/shares/sales/schemas/finance/tables/q3/query",
		"escaped": "/delta-sharing/shares/sales/schemas/caf%C3%A9/tables/q%203/query",
		"refused": "/delta-sharing/shares/../schemas",
	} {
		b.Run(name, func(b *testing.B) {
			u, o := target(b, raw), Options{FoldAfter: []string{"/delta-sharing"}}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = FromURL(u, o)
			}
		})
	}
}

func TestOrdinaryPathsCostOneAllocation(t *testing.T) {
	u := target(t, "/delta-sharing/shares/sales/schemas/finance/tables/q3/query")
	got := testing.AllocsPerRun(100, func() {
		if _, err := FromURL(u, Options{}); err != nil {
			t.Fatal(err)
		}
	})
	if got > 1 {
		t.Errorf("got %v allocations, want 1", got)
	}
}
