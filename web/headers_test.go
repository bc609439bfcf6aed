package web

import (
	"net/http"
	"strings"
	"testing"
)

func TestSecurityHeaders(t *testing.T) {
	h := http.Header{"Cache-Control": {"public", "max-age=1"}, "X-Frame-Options": {"ALLOWALL"}}
	SecurityHeaders(h)
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"X-Frame-Options": "DENY", "X-Robots-Tag": "noindex",
	} {
		if got := h.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %q, want %q alone", name, got, want)
		}
	}
	csp := h.Values("Content-Security-Policy")
	if len(csp) != 1 {
		t.Fatalf("%d policies", len(csp))
	}
	directives := make(map[string]string)
	for d := range strings.SplitSeq(csp[0], "; ") {
		name, value, _ := strings.Cut(d, " ")
		directives[name] = value
	}
	for name, want := range map[string]string{
		"default-src": "'none'", "form-action": "'self'", "frame-ancestors": "'none'", "base-uri": "'none'",
	} {
		if directives[name] != want {
			t.Errorf("%s: got %q, want %q", name, directives[name], want)
		}
	}
	if !strings.HasPrefix(directives["style-src"], "'sha256-") || strings.ContainsAny(directives["style-src"], " *") {
		t.Errorf("style-src: %q", directives["style-src"])
	}
	if len(directives) != 5 || strings.Contains(csp[0], "unsafe") {
		t.Errorf("policy allows more than it should: %s", csp[0])
	}
}
