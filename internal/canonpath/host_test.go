package canonpath

import (
	"errors"
	"strings"
	"testing"
)

func TestHost(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", maxLabel)
	tests := []struct {
		name, in, want string // want "" means refused
	}{
		{"plain", "example.com", "example.com"},
		{"CVE-2026-48794 capital in an inner label", "a.eXample.com", "a.example.com"},
		{"port", "example.com:8443", "example.com"},
		{"empty port", "example.com:", "example.com"},
		{"CVE-2022-23632 trailing dot", "example.com.", "example.com"},
		{"trailing dot and port", "Example.com.:443", "example.com"},
		{"underscore", "my_host", "my_host"},
		{"IPv4", "127.0.0.1:80", "127.0.0.1"},
		{"IPv6", "[::1]", "[::1]"},
		{"IPv6 with port", "[2001:DB8:0:0::1]:443", "[2001:db8::1]"},
		{"longest label", long + ".com", long + ".com"},
		{"empty", "", ""},
		{"only a dot", ".", ""},
		{"only a port", ":80", ""},
		{"two trailing dots", "example.com..", ""},
		{"empty label", "a..b", ""},
		{"leading dot", ".a", ""},
		{"label too long", long + "a.com", ""},
		{"name too long", strings.Repeat("a.", 127) + "com", ""},
		{"port with letters", "example.com:80a", ""},
		{"port too long", "example.com:080080", ""},
		{"two ports", "example.com:80:80", ""},
		{"IPv6 without brackets", "::1", ""},
		{"IPv6 with zone", "[fe80::1%25eth0]", ""},
		{"IPv4 in brackets", "[127.0.0.1]", ""},
		{"bracket not closed", "[::1", ""},
		{"bytes behind the bracket", "[::1]x", ""},
		{"bad port behind the bracket", "[::1]:x", ""},
		{"user information", "user@example.com", ""},
		{"slash", "example.com/x", ""},
		{"backslash", `example.com\x`, ""},
		{"space", "example .com", ""},
		{"NUL", "example.com\x00", ""},
		{"line feed", "example.com\n", ""},
		{"percent escape", "ex%61mple.com", ""},
		{"not ASCII", "exämple.com", ""},
		{"wildcard", "*.example.com", ""},
		{"list", "a.com,b.com", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Host(tt.in)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Fatalf("got %q %v, want %q", got, err, tt.want)
			}
			if err != nil && (!errors.Is(err, BadHost) || !errors.Is(err, ErrRefused)) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"Example.com.:80", "[::1]:80", "a_b", "::", "a..b", "[::ffff:1.2.3.4]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host, err := Host(s)
		if err != nil {
			return
		}
		if again, err := Host(host); err != nil || again != host {
			t.Fatalf("%q gives %q, that %q: %v", s, host, again, err)
		}
		if host != strings.ToLower(host) || strings.HasSuffix(host, ".") || strings.ContainsAny(host, "/\\@ \x00") {
			t.Fatalf("%q gives %q", s, host)
		}
	})
}

func BenchmarkHost(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Host("sharing.example.com:8443"); err != nil {
			b.Fatal(err)
		}
	}
}
