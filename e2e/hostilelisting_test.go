package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// write answers a listing with a body that is taken as it is.
func write(body string) http.HandlerFunc { return harness.JSON(body) }

func TestServersThatAnswerListingsBadly(t *testing.T) {
	var asked atomic.Int64
	huge := strings.Repeat("x", 10<<20)
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		status  int
		says    string
	}{
		{"no JSON", write(`<html>hidden</html>`), 502, "errorCode"},
		{"nothing", write(``), 502, "errorCode"},
		{"half of it", write(`{"items":[{"name":"sales"},{"name":"hid`), 502, "errorCode"},
		{"an array", write(`[{"name":"hidden"}]`), 502, "errorCode"},
		{"items that are none", write(`{"items":"hidden"}`), 502, "errorCode"},
		{"two JSON texts", write(`{"items":[]}{"items":[{"name":"hidden"}]}`), 502, "errorCode"},
		{"items twice", write(`{"items":[],"items":[{"name":"hidden"}]}`), 502, "errorCode"},
		{"a name twice", write(`{"items":[{"name":"sales","name":"hidden"}]}`), 0, ""},           // refused, or the item is left out
		{"a name in another case", write(`{"items":[{"name":"sales","Name":"hidden"}]}`), 0, ""}, // Go's own decoder takes the last one
		{"a token that is no text", write(`{"items":[{"name":"sales"}],"nextPageToken":{"a":"hidden"}}`), 502, "errorCode"},
		{"the same token again", write(`{"items":[{"name":"hidden"}],"nextPageToken":"again"}`), 502, "errorCode"},
		{"a token of 5 KB", write(`{"items":[],"nextPageToken":"` + strings.Repeat("t", 5<<10) + `"}`), 502, "errorCode"},
		{"deep nesting", write(`{"items":[{"name":"sales","x":` + strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000) + `}]}`), 502, "errorCode"},
		{"a hidden item of 10 MB", write(`{"items":[{"name":"sales"},{"name":"hidden","x":"` + huge + `"}]}`), 200, `"sales"`},
		{"an answer of 40 MB", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"items":[`)
			for range 4 {
				_, _ = io.WriteString(w, `{"name":"hidden","x":"`+huge+`"},`)
			}
		}, 502, "errorCode"},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"items":[{"name":"sales"}`)
			panic(http.ErrAbortHandler)
		}, 502, "errorCode"},
		{"compressed against our word", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, `{"items":[{"name":"hidden"}]}`)
		}, 502, "errorCode"},
		{"a redirect", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/hidden")
			w.WriteHeader(302)
		}, 502, "errorCode"},
		{"an error that tells", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, `{"errorCode":"INTERNAL_ERROR","message":"no hidden here"}`)
		}, 500, ""},
		{"it does not know us", harness.PlainUnauthorized, 502, "errorCode"},
		{"an endless chain", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"items":[{"name":"hidden-%d"}],"nextPageToken":"page-%d"}`, asked.Load(), asked.Add(1))
		}, 200, `"nextPageToken"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := startGateway(t, tc.handler)
			got := g.send(t, "GET", listing, g.bearer)
			if tc.status != 0 && got.Status != tc.status || !strings.Contains(got.Body, tc.says) {
				t.Errorf("got %d %.300s, want %d with %s", got.Status, got.Body, tc.status, tc.says)
			}
			if tc.status != 500 && strings.Contains(got.Body, "hidden") {
				t.Errorf("the answer lets something through: %.300s", got.Body)
			}
			if got.Header.Get("Location") != "" {
				t.Errorf("the client is sent to %s", got.Header.Get("Location"))
			}
			if n := len(g.upstream.Requests()); n > 20 {
				t.Errorf("one request made %d of the upstream", n)
			}
		})
	}
}

// An endless chain ends for the client too: with an error, not with an endless walk.
func TestEndlessListingEndsAtSomeTime(t *testing.T) {
	var asked atomic.Int64
	g := startGateway(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"items":[],"nextPageToken":"page-%d"}`, asked.Add(1))
	})
	target := pageTarget("")
	for requests := 1; ; requests++ {
		got := g.send(t, "GET", target, g.bearer)
		if got.Status == 502 {
			break
		}
		if got.Status != 200 || requests > 2000 {
			t.Fatalf("request %d: %d %.300s", requests, got.Status, got.Body)
		}
		_, token, _ := strings.Cut(got.Body, `"nextPageToken":"`)
		token, _, _ = strings.Cut(token, `"`)
		target = pageTarget("", "pageToken", token)
	}
	if n := asked.Load(); n > 10_100 {
		t.Errorf("the upstream was asked %d times", n)
	}
}

// A server that never answers costs the client half a minute, and a clear error.
func TestListingOfASilentServerIsGivenUp(t *testing.T) {
	t.Parallel() // it waits most of the time
	g := startGateway(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	r, err := http.NewRequest(http.MethodGet, g.URL(listing), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", strings.TrimPrefix(g.bearer, "Authorization: "))
	client := http.Client{Timeout: time.Minute}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusGatewayTimeout || !strings.Contains(string(body), "errorCode") {
		t.Errorf("got %d %s, %v; want 504 in the protocol's format", res.StatusCode, body, err)
	}
}
