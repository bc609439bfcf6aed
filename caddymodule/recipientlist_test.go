package caddymodule

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
)

// names walks all pages of a list and returns whom it shows.
func (g *gateway) names(query string) []string {
	g.t.Helper()
	var names []string
	after := ""
	for range 100 {
		page := g.ok("GET", recipientsPath+"?"+query+"&after="+url.QueryEscape(after), "")
		for _, item := range page["recipients"].([]any) {
			names = append(names, item.(map[string]any)["name"].(string))
		}
		if after, _ = page["next"].(string); after == "" {
			return names
		}
	}
	g.t.Fatal("the list has no end")
	return nil
}

// The filter works on the server: what it leaves out takes no place on a page.
func TestFilteredListsComeInFullPages(t *testing.T) {
	g := startGateway(t)
	var want []string
	for i := range 23 {
		name := fmt.Sprintf("r%02d", i)
		g.create(name, "sales")
		if i%4 == 1 || i%3 == 0 {
			g.ok("PATCH", recipientsPath+"/"+name, `{"disabled": true}`)
			want = append(want, name)
		}
	}
	for limit := range 8 {
		if got := g.names(fmt.Sprintf("disabled=true&limit=%d", limit+1)); !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v, want %v", limit+1, got, want)
		}
		if got := g.names(fmt.Sprintf("limit=%d", limit+1)); len(got) != 23 {
			t.Errorf("pages of %d, unfiltered: %v", limit+1, got)
		}
	}
	page := g.ok("GET", recipientsPath+"?disabled=true&limit=3", "")
	if items := page["recipients"].([]any); len(items) != 3 {
		t.Errorf("the first page has %d of 3", len(items))
	}
	if got := g.names("disabled=true&unretrieved=true"); !slices.Equal(got, want) {
		t.Errorf("both: %v", got)
	}
	if got := g.names("disabled=true&expiring=24h"); got != nil {
		t.Errorf("nobody's token expires, but %v", got)
	}
}
