package delta

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// lister is a server behind that lists as the reference server does: a page token is
// an offset that anyone can make up, and a maxResults above its limit is refused.
type lister struct {
	items []string // as JSON
	limit int
	asked int
	each  func() // called for each page, unless nil
}

func (l *lister) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.asked++
	if l.each != nil {
		l.each()
	}
	q := r.URL.Query()
	most, err := strconv.Atoi(q.Get("maxResults"))
	from, _ := strconv.Atoi(strings.TrimPrefix(q.Get("pageToken"), "offset "))
	if err != nil || most > l.limit || from > len(l.items) || len(q["pageToken"]) > 1 || len(q["maxResults"]) > 1 {
		http.Error(w, `{"errorCode":"INVALID_PARAMETER_VALUE","message":"offset `+strconv.Itoa(from)+`"}`, http.StatusBadRequest)
		return
	}
	to, next := min(from+most, len(l.items)), ""
	if to < len(l.items) {
		next = "offset " + strconv.Itoa(to)
	}
	_, _ = fmt.Fprintf(w, `{"items":[%s],"nextPageToken":%q}`, strings.Join(l.items[from:to], ","), next)
}

// named makes items of a listing of tables.
func named(names ...string) (items []string) {
	for _, name := range names {
		items = append(items, fmt.Sprintf(`{"name":%q,"schema":"retail","share":"sales","id":"id of %s"}`, name, name))
	}
	return items
}

// sparse is n names, of which each one at a multiple of every is visible to who
// holds those of visible.
func sparse(n, every int) (names, visible []string) {
	for i := range n {
		name := fmt.Sprintf("hidden%05d", i)
		if i%every == 0 {
			name = fmt.Sprintf("table%05d", i)
			visible = append(visible, name)
		}
		names = append(names, name)
	}
	return names, visible
}

func grantsOn(names []string) (grants []string) {
	for _, name := range names {
		grants = append(grants, "sales/retail/"+name)
	}
	return grants
}

// list is the page that a client gets.
type listed struct {
	Items []struct {
		Name   string `json:"name"`
		Schema string `json:"schema"`
		Share  string `json:"share"`
		ID     string `json:"id"`
	} `json:"items"`
	NextPageToken *string `json:"nextPageToken"`
}

func (l *listed) names() (names []string) {
	for _, item := range l.Items {
		names = append(names, item.Name)
	}
	return names
}

func (s *site) list(token, target string) (*answer, *listed) {
	s.t.Helper()
	a := s.data(token, "GET", target)
	page := new(listed)
	a.wantJSON(s.t, http.StatusOK, page)
	if page.Items == nil || page.NextPageToken != nil && *page.NextPageToken == "" {
		s.t.Fatalf("a page without items or with an empty token: %s", a.Body)
	}
	return a, page
}

// listAll follows the page tokens to the end.
func (s *site) listAll(token, target string) (names []string, pages []*listed) {
	s.t.Helper()
	next := target
	for range 1000 {
		_, page := s.list(token, next)
		names, pages = append(names, page.names()...), append(pages, page)
		if page.NextPageToken == nil {
			return names, pages
		}
		next = target + join(target) + "pageToken=" + url.QueryEscape(*page.NextPageToken)
	}
	s.t.Fatal("the listing has no end")
	return nil, nil
}

func join(target string) string {
	if strings.Contains(target, "?") {
		return "&"
	}
	return "?"
}

func TestSmallListsComeInOnePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	names, visible := sparse(1600, 100)
	server := &lister{items: named(names...), limit: 500}
	s.upstream = server.ServeHTTP
	token, _ := s.holder("acme", grantsOn(visible)...)
	a, page := s.list(token, tablesPath)
	if !slices.Equal(page.names(), visible) || page.NextPageToken != nil {
		t.Errorf("got %q", page.names())
	}
	if want := []string{
		"maxResults=500", "maxResults=500&pageToken=offset+500", "maxResults=500&pageToken=offset+1000", "maxResults=500&pageToken=offset+1500",
	}; !slices.Equal(a.reads, want) {
		t.Errorf("the server was asked %q", a.reads)
	}
	a.wantHeaders(t, "Content-Type", "application/json; charset=utf-8")
}

func TestPagesAreFilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.PageSize = 50 })
	names, visible := sparse(900, 7) // 129 visible
	token, _ := s.holder("acme", grantsOn(visible)...)
	for _, tt := range []struct {
		query string
		pages []int
	}{
		{"", []int{50, 50, 29}},
		{"?maxResults=50", []int{50, 50, 29}},
		{"?maxResults=2147483647", []int{50, 50, 29}},
		{"?maxResults=43", []int{43, 43, 43}},
		{"?maxResults=64", []int{50, 50, 29}},
		{"?maxResults=40&other=1", []int{40, 40, 40, 9}},
	} {
		server := &lister{items: named(names...), limit: 50}
		s.upstream = server.ServeHTTP
		got, pages := s.listAll(token, tablesPath+tt.query)
		if !slices.Equal(got, visible) {
			t.Errorf("%s: got %d names %q, want %d", tt.query, len(got), got, len(visible))
		}
		var lengths []int
		for _, page := range pages {
			lengths = append(lengths, len(page.Items))
		}
		if !slices.Equal(lengths, tt.pages) {
			t.Errorf("%s: pages of %v, want %v", tt.query, lengths, tt.pages)
		}
	}
}

func TestOneItemAtATime(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.PageSize = 3 })
	names, visible := sparse(20, 3)
	s.upstream = (&lister{items: named(names...), limit: 3}).ServeHTTP
	token, _ := s.holder("acme", grantsOn(visible)...)
	got, pages := s.listAll(token, tablesPath+"?maxResults=1")
	if !slices.Equal(got, visible) || len(pages) != len(visible) {
		t.Errorf("got %q in %d pages, want %q", got, len(pages), visible)
	}
}

// What is hidden must not show in the number, the lengths or the bytes of pages.
func TestListingsThatDifferInWhatIsHiddenAreAlike(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.PageSize = 50 })
	_, visible := sparse(300, 3)
	token, _ := s.holder("acme", grantsOn(visible)...)
	var want []string
	for hidden := range 8 { // for each that is visible
		var names []string
		for i, name := range visible {
			for h := range hidden * (i % 3) {
				names = append(names, fmt.Sprintf("x%d_%d", i, h))
			}
			names = append(names, name)
		}
		for range hidden * 30 {
			names = append(names, "last")
		}
		s.upstream = (&lister{items: named(names...), limit: 50}).ServeHTTP
		_, pages := s.listAll(token, tablesPath+"?maxResults=30")
		var got []string
		for _, page := range pages {
			tokenLength := 0
			if page.NextPageToken != nil {
				tokenLength = len(*page.NextPageToken)
			}
			got = append(got, fmt.Sprint(len(page.Items), tokenLength))
		}
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("with %d hidden for each, pages are %v, without %v", hidden, got, want)
		}
	}
}

func TestNoItemsAskedForStillTellsWhetherSomeAreThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.upstream = (&lister{items: named("a", "b"), limit: 500}).ServeHTTP
	token, _ := s.holder("acme", "sales/retail/b")
	_, page := s.list(token, tablesPath+"?maxResults=0")
	if len(page.Items) != 0 || page.NextPageToken == nil {
		t.Fatalf("got %+v", page)
	}
	_, page = s.list(token, tablesPath+"?pageToken="+*page.NextPageToken)
	if !slices.Equal(page.names(), []string{"b"}) || page.NextPageToken != nil {
		t.Errorf("behind it: %+v", page)
	}
	nothing, _ := s.holder("other", "sales/retail/c")
	if _, page = s.list(nothing, tablesPath+"?maxResults=0"); len(page.Items) != 0 || page.NextPageToken != nil {
		t.Errorf("a token to nothing: %+v", page)
	}
}

func TestWorkForOneRequestIsBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.PageSize = 10 })
	names := make([]string, 505)
	for i := range names {
		names[i] = "hidden" + strconv.Itoa(i)
	}
	names[504] = "orders"
	server := &lister{items: named(names...), limit: 10}
	s.upstream = server.ServeHTTP
	token, _ := s.holder("acme", "sales/retail/orders")
	a, first := s.list(token, tablesPath)
	if len(a.reads) != schemes.MaxReads || len(first.Items) != 0 || first.NextPageToken == nil {
		t.Errorf("%d reads, %+v", len(a.reads), first)
	}
	got, pages := s.listAll(token, tablesPath)
	if !slices.Equal(got, []string{"orders"}) || len(pages) != 3 || server.asked != 20+51 {
		t.Errorf("got %q in %d pages and %d reads", got, len(pages), server.asked)
	}
}

func TestAfterSomeSecondsAShortPageIsAnswered(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.PageSize = 10 })
	names, visible := sparse(100, 5)
	server := &lister{items: named(names...), limit: 10, each: func() { s.clock.Advance(readingTime / 2) }}
	s.upstream = server.ServeHTTP
	token, _ := s.holder("acme", grantsOn(visible)...)
	a, page := s.list(token, tablesPath)
	if len(a.reads) != 2 || len(page.Items) != 4 || page.NextPageToken == nil {
		t.Errorf("%d reads, %d items", len(a.reads), len(page.Items))
	}
	if got, _ := s.listAll(token, tablesPath); !slices.Equal(got, visible) {
		t.Errorf("in all: %q", got)
	}
	// One answer is read however long it takes.
	server.each = func() { s.clock.Advance(time.Hour) }
	if a, page = s.list(token, tablesPath); len(a.reads) != 1 || len(page.Items) != 2 {
		t.Errorf("%d reads, %d items", len(a.reads), len(page.Items))
	}
	// A clock that is set back keeps nobody waiting for ever.
	server.each, server.asked = func() { s.clock.Advance(-time.Hour) }, 0
	if a, page = s.list(token, tablesPath); len(a.reads) != 6 || len(page.Items) != 10 {
		t.Errorf("%d reads, %d items", len(a.reads), len(page.Items))
	}
}

func TestItemsOfManyMegabytes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	long := func(name string) string {
		return fmt.Sprintf(`{"name":%q,"share":"sales","schema":"retail","properties":{"x":%q}}`, name, strings.Repeat("x", 10<<20))
	}
	s.upstream = (&lister{items: []string{long("a"), long("hidden"), long("b"), named("c")[0]}, limit: 500}).ServeHTTP
	token, _ := s.holder("acme", "sales/retail/a", "sales/retail/b", "sales/retail/c")
	next := ""
	for _, want := range [][]string{{"a"}, {"b", "c"}} {
		a := s.data(token, "GET", tablesPath+"?pageToken="+next)
		a.wantStatus(t, http.StatusOK)
		var page listed
		must(t, json.Unmarshal(a.Body.Bytes(), &page))
		if !slices.Equal(page.names(), want) || a.Body.Len() > maxPageBytes+4096 {
			t.Errorf("got %q in %d bytes, want %q", page.names(), a.Body.Len(), want)
		}
		if page.NextPageToken != nil {
			next = *page.NextPageToken
		}
	}
}

// What the server behind answers to a listing, and what becomes of it.
func TestHostileServersBehind(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales/retail/orders")
	endless := 0
	for _, tt := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		status int
		reads  int
	}{
		{"garbage", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>hidden")) }, 502, 1},
		{"nothing", func(http.ResponseWriter, *http.Request) {}, 502, 1},
		{"a token to the same page", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"items":[{"name":"hidden"}],"nextPageToken":"same"}`))
		}, 502, 2},
		{"a chain without end", func(w http.ResponseWriter, _ *http.Request) {
			endless++
			_, _ = fmt.Fprintf(w, `{"items":[{"name":"hidden"}],"nextPageToken":"hidden%d"}`, endless)
		}, 200, schemes.MaxReads},
		{"more items than any page has", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"items":[` + strings.Repeat("{},", maxUpstreamItems) + `{}]}`))
		}, 502, 1},
		{"a token of 5 KiB", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"items":[],"nextPageToken":%q}`, strings.Repeat("h", 5<<10))
		}, 502, 1},
		{"a name twice", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"items":[{"name":"orders","name":"hidden"}]}`))
		}, 200, 1},
		{"items twice", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"items":[{"name":"orders"}],"items":[{"name":"hidden"}]}`))
		}, 502, 1},
		{"garbage on the second page", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("pageToken") == "" {
				_, _ = w.Write([]byte(`{"items":[{"name":"orders"}],"nextPageToken":"2"}`))
			} else {
				_, _ = w.Write([]byte(`hidden`))
			}
		}, 502, 2},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, 500, 1},
		{"not found", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "hidden", http.StatusNotFound) }, 404, 1},
		{"not authorized", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "hidden", http.StatusUnauthorized) }, 502, 1},
		{"an error on the second page", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("pageToken") == "" {
				_, _ = w.Write([]byte(`{"items":[{"name":"orders"}],"nextPageToken":"2"}`))
			} else {
				w.WriteHeader(http.StatusTooManyRequests)
			}
		}, 429, 2},
		{"that forgets its own token", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("pageToken") == "" {
				_, _ = w.Write([]byte(`{"items":[{"name":"orders"}],"nextPageToken":"2"}`))
			} else {
				http.Error(w, "token hidden", http.StatusBadRequest)
			}
		}, 502, 2},
	} {
		s.upstream = tt.answer
		a := s.data(token, "GET", tablesPath)
		if a.Code != tt.status || len(a.reads) != tt.reads || strings.Contains(a.Body.String(), "hidden") {
			t.Errorf("%s: %d after %d reads: %s; want %d after %d", tt.name, a.Code, len(a.reads), a.Body, tt.status, tt.reads)
		}
	}
}

func TestAChainOfPagesHasAnEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales/retail/orders")
	pages := 0
	s.upstream = func(w http.ResponseWriter, _ *http.Request) {
		pages++
		_, _ = fmt.Fprintf(w, `{"items":[{"name":"hidden"}],"nextPageToken":"%d"}`, pages)
	}
	next := ""
	for {
		a := s.data(token, "GET", tablesPath+"?pageToken="+next)
		if a.Code != http.StatusOK {
			a.wantError(t, http.StatusBadGateway, "UPSTREAM_ERROR")
			break
		}
		var page listed
		must(t, json.Unmarshal(a.Body.Bytes(), &page))
		if page.NextPageToken == nil || pages > maxChain {
			t.Fatalf("page %d: %s", pages, a.Body)
		}
		next = *page.NextPageToken
	}
	if pages != maxChain {
		t.Errorf("it ends after %d pages, want %d", pages, maxChain)
	}
}

func TestHeadOfAListingReadsOnePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	server := &lister{items: named("a"), limit: 500}
	s.upstream = server.ServeHTTP
	token, _ := s.holder("acme", "sales")
	a := s.data(token, "HEAD", tablesPath+"?maxResults=7")
	a.wantStatus(t, http.StatusOK)
	if want := []string{"maxResults=500"}; !slices.Equal(a.reads, want) {
		t.Errorf("the server was asked %q", a.reads)
	}
	s.data(token, "HEAD", tablesPath+"?maxResults=x").wantStatus(t, http.StatusBadRequest)
}

func TestListingWithoutAStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales")
	call := s.data(token, "GET", tablesPath).call
	s.broken.Store(true)
	_, err := s.Compose(call)(t.Context(), func(string) (schemes.Recorded, error) {
		t.Error("the server is asked")
		return schemes.Recorded{}, nil
	})
	var refusal *schemes.Refusal
	if !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable {
		t.Errorf("got %v", err)
	}
}

func TestServerBehindThatForgotATokenMakesOursStale(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.PageSize = 2 })
	server := &lister{items: named("a", "b", "c"), limit: 2}
	s.upstream = server.ServeHTTP
	token, _ := s.holder("acme", "sales")
	_, page := s.list(token, tablesPath)
	server.items = nil
	message := s.data(token, "GET", tablesPath+"?pageToken="+*page.NextPageToken).wantError(t, http.StatusBadRequest, "INVALID_PARAMETER_VALUE")
	if strings.Contains(message, "offset") {
		t.Errorf("told: %s", message)
	}
}

// Between two pages, grants change: what was granted when the token was issued must
// not be what the next page shows.
func TestGrantsChangedBetweenPages(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.PageSize = 2 })
	s.upstream = (&lister{items: named("a", "b", "c", "d"), limit: 2}).ServeHTTP
	token, _ := s.holder("acme", "sales")
	_, page := s.list(token, tablesPath)
	stale := tablesPath + "?pageToken=" + *page.NextPageToken
	s.list(token, stale) // it can be used more than once
	regrant := func(grants ...string) {
		s.change("acme", func(r *tokenstore.Recipient) { r.Grants = grants })
	}
	regrant("sales/retail/a")
	s.data(token, "GET", stale).wantError(t, http.StatusBadRequest, "INVALID_PARAMETER_VALUE")
	regrant("finance")
	s.data(token, "GET", stale).wantError(t, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST")
	regrant("SALES", "sales")
	if _, page = s.list(token, stale); !slices.Equal(page.names(), []string{"c", "d"}) {
		t.Errorf("with the same grants again: %q", page.names())
	}
}
