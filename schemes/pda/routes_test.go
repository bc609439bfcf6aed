package pda

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
)

func TestMountsAreOne(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/api/v2/data/notes/x":     "/api/v2.6/data/notes/x",
		"/api/v2.0/data/notes/x/":  "/api/v2.6/data/notes/x/",
		"/api/v2.6/data/notes/x":   "/api/v2.6/data/notes/x",
		"/api/v2":                  "/api/v2.6",
		"/api/v2.1/data/notes/x":   "",
		"/api/v2.60/data/notes/x":  "",
		"/api/v20/data/notes/x":    "",
		"/users/access_token":      "/users/access_token",
		"/publickey/":              "/publickey/",
		"/api/v2/applications/hmi": "/api/v2.6/applications/hmi",
	} {
		path, err := canonpath.FromURL(&url.URL{Path: in}, canonpath.Options{})
		if err != nil {
			t.Fatal(err)
		}
		segments, slash, ok := canonical(path)
		got := "/" + strings.Join(segments, "/")
		if slash {
			got += "/"
		}
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s gives %s, %v; want %q", in, got, ok, want)
		}
		if path.String() != in || !slices.Equal(path.Segments(), strings.FieldsFunc(in, func(r rune) bool { return r == '/' })) {
			t.Errorf("%s was changed into %s: it is what is forwarded", in, path)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, row := range access {
		f.Add(row.path)
	}
	f.Fuzz(func(t *testing.T, target string) {
		path, err := canonpath.FromURL(&url.URL{Path: target}, canonpath.Options{})
		if err != nil {
			return
		}
		segments, _, ok := canonical(path)
		if !ok || len(segments) < 4 || segments[0] != "api" || segments[2] != "data" {
			return
		}
		if segments[1] != mount {
			t.Fatalf("%q is at the mount %q", target, segments[1])
		}
		for _, s := range segments[3:] {
			if s == "" || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
				t.Fatalf("%q has the segment %q", target, s)
			}
		}
	})
}
