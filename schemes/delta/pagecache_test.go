package delta

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestPagesAreReadAgainOnlyWhenTheyDiffer(t *testing.T) {
	t.Parallel()
	var c pageCache
	read := func(key, body string) *page {
		t.Helper()
		p, err := c.read(key, []byte(body))
		if err != nil || p.text != body {
			t.Fatalf("%s: %+v, %v", body, p, err)
		}
		return p
	}
	one, other := `{"items":[{"name":"a"}]}`, `{"items":[{"name":"b"}]}`
	first := read("k", one)
	if read("k", one) != first {
		t.Error("the same bytes are read twice")
	}
	if again := read("k", other); again == first || again.items[0].name != "b" {
		t.Errorf("other bytes give %+v", again)
	}
	if read("k", one) == first || read("k2", one) == read("k", one) {
		t.Error("a page is known that was not the last for its key")
	}
	if p, err := c.read("k", []byte("{")); p != nil || err == nil {
		t.Errorf("garbage gives %+v", p)
	}
	if p := read("k", one); p != c.pages["k"] {
		t.Error("garbage drives a page out")
	}
}

func TestCachedPagesAreBounded(t *testing.T) {
	t.Parallel()
	var c pageCache
	for i := range 3 * maxCachedPages {
		if _, err := c.read(fmt.Sprint(i), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.pages) != maxCachedPages {
		t.Errorf("%d pages are kept", len(c.pages))
	}
	for key, body := range map[string]string{
		"long":                              `{"x":"` + strings.Repeat("x", maxCachedPage) + `"}`,
		"many":                              `{"items":[` + strings.Repeat("{},", maxCachedItems) + `{}]}`,
		strings.Repeat("k", maxCachedKey+1): "{}",
	} {
		if _, err := c.read(key, []byte(body)); err != nil || c.pages[key] != nil {
			t.Errorf("%.10s is kept; %v", key, err)
		}
	}
}

// What one recipient was shown must not be what another is.
func TestCachedPageIsDecidedOnAnewForEach(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.upstream = (&lister{items: named("a", "b"), limit: 500}).ServeHTTP
	acme, _ := s.holder("acme", "sales/retail/a")
	other, _ := s.holder("other", "sales/retail/b")
	for range 3 {
		for token, want := range map[string]string{acme: "a", other: "b"} {
			if _, page := s.list(token, tablesPath); !slices.Equal(page.names(), []string{want}) {
				t.Errorf("shown %q, want %s", page.names(), want)
			}
		}
	}
	s.upstream = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }
	s.data(acme, "GET", tablesPath).wantStatus(t, http.StatusNotFound)
}
