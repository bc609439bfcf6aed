package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// twice composes the bodies of two reads, with queries of their own.
func twice(_ context.Context, read schemes.Read) (schemes.Recorded, error) {
	first, err := read("page=1")
	if err != nil {
		return first, err
	}
	whole := bytes.Clone(first.Body) // lent until the next read
	second, err := read("page=2")
	second.Body = append(whole, second.Body...)
	return second, err
}

func TestComposedOfSeveralReads(t *testing.T) {
	b := newBench(t)
	b.fake.compose = twice
	r := request("GET", "http://a.example.com/list?page=mine&x=y")
	r.Header.Set("X-Kept", "1")
	var queries []string
	w := b.serve(t, r, func(w http.ResponseWriter, behind *http.Request) {
		repl := behind.Context().Value(caddy.ReplacerCtxKey)
		if behind == r || repl == nil || behind.Header.Get("X-Kept") != "1" || behind.Header.Get("Authorization") != "upstream-credential" {
			t.Errorf("the server behind is asked with %v", behind.Header)
		}
		behind.Header.Set("X-Kept", "changed by a handler")
		if r.URL.RawQuery != behind.URL.RawQuery {
			t.Errorf("placeholders say %q, the request %q", r.URL.RawQuery, behind.URL.RawQuery)
		}
		queries = append(queries, behind.URL.RawQuery)
		w.Header().Set("Content-Language", behind.URL.RawQuery)
		_, _ = io.WriteString(w, behind.URL.RawQuery+" ")
	})
	if w.Code != 200 || w.Body.String() != "page=1 page=2 " || w.Header().Get("Content-Length") != "14" {
		t.Errorf("got %d %q %v", w.Code, w.Body, w.Header())
	}
	if fmt.Sprint(queries) != "[page=1 page=2]" || w.Header().Get("Content-Language") != "page=2" {
		t.Errorf("asked %q; headers %v, want those of the last answer", queries, w.Header())
	}
	if r.URL.RawQuery != "page=mine&x=y" {
		t.Errorf("the request's query is left as %q", r.URL.RawQuery)
	}
}

// A count, a link to the server's next page, or a validator would tell of what was left
// out; and what was composed for one caller must not be kept for others.
func TestHeadersOfTheServerBehindDoNotTellWhatIsHidden(t *testing.T) {
	for _, method := range []string{"GET", "HEAD"} {
		b := newBench(t)
		b.fake.rewrite = func(_ http.Header, body []byte) ([]byte, error) { return body, nil }
		r := request(method, "http://a.example.com/list")
		w := httptest.NewRecorder()
		w.Header().Set("Content-Security-Policy", "of an earlier handler")
		if err := b.ServeHTTP(w, r, handlerOf(func(w http.ResponseWriter, _ *http.Request) {
			for _, name := range []string{"X-Total-Count", "Link", "Content-Range", "Etag", "Last-Modified", "Accept-Ranges", "Set-Cookie", "Trailer"} {
				w.Header().Set(name, "1200")
			}
			w.Header().Set("Cache-Control", "public, max-age=3600")
			w.Header().Set("Delta-Sharing-Capabilities", "responseformat=delta")
			_, _ = io.WriteString(w, "items")
		})); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d, %v", w.Code, err)
		}
		h := w.Header()
		h.Del("Content-Length")
		want := http.Header{
			"Cache-Control": {"private, no-store"}, "Content-Security-Policy": {"of an earlier handler"},
			"Delta-Sharing-Capabilities": {"responseformat=delta"},
		}
		if !maps.EqualFunc(h, want, slices.Equal) {
			t.Errorf("%s: got %v, want %v", method, h, want)
		}
	}
}

// A listing of many pages must not go on reading for a recipient that was revoked, nor
// be sent to it.
func TestListingEndsWithTheRightToIt(t *testing.T) {
	revoked := &schemes.Refusal{Status: 401, Reason: schemes.EndedCredential, Public: "revoked"}
	for at, reads := range map[int]int{1: 1, 2: 2} {
		b := newBench(t)
		b.fake.compose = twice
		n := 0
		w := b.serve(t, request("GET", "http://a.example.com/list"), func(w http.ResponseWriter, _ *http.Request) {
			if n++; n == at {
				b.fake.identifyErr = revoked
			}
			_, _ = io.WriteString(w, "items")
		})
		if w.Code != http.StatusUnauthorized || n != reads {
			t.Errorf("revoked during read %d: got %d %q after %d reads", at, w.Code, w.Body, n)
		}
	}
}

// Caddy notes in the request's context which group of routes, such as several handle
// blocks, has had its match: the second read would pass them all by.
func TestEachReadTakesTheSameRoutes(t *testing.T) {
	const pages = `{"handler": "subroute", "routes": [
		{"group": "handles", "match": [{"query": {"pageToken": ["two"]}}],
			"handle": [{"handler": "static_response", "body": "{\"items\":[{\"name\":\"sales\"}]}"}]},
		{"group": "handles",
			"handle": [{"handler": "static_response", "body": "{\"items\":[{\"name\":\"finance\"}],\"nextPageToken\":\"two\"}"}]}]}`
	g := startGatewayWith(t, httpApp(`{"handle": [`+gateJSON("the site", "")+`,`+pages+`]}`))
	token := g.activate(g.create("acme", "sales", "finance")["activation_link"])
	if w := g.get("/delta-sharing/shares", token); w.Code != http.StatusOK || w.Body.String() != `{"items":[{"name":"finance"},{"name":"sales"}]}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestBodyGoesWithTheFirstReadOnly(t *testing.T) {
	b := newBench(t)
	b.fake.compose = twice
	r := request("POST", "http://a.example.com/list")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("body")), 4
	r.Header.Set("Content-Length", "4")
	w := b.serve(t, r, func(w http.ResponseWriter, behind *http.Request) {
		body, err := io.ReadAll(behind.Body)
		_, _ = fmt.Fprint(w, behind.ContentLength, behind.Header.Get("Content-Length"), string(body), err, " ")
	})
	if want := "4 4 body <nil> 0   <nil> "; strings.Join(strings.Fields(w.Body.String()), "") != strings.Join(strings.Fields(want), "") {
		t.Errorf("got %q", w.Body)
	}
}

func TestComposingEndsWhereItMust(t *testing.T) {
	refused := &schemes.Refusal{Status: 400, Reason: schemes.BadRequest, Public: "no such page"}
	for _, tc := range []struct {
		name    string
		compose schemes.Compose
		answer  func(status int, header http.Header) *schemes.Refusal
		reads   int
		status  int
		body    string
	}{
		{"refused by the scheme", func(context.Context, schemes.Read) (schemes.Recorded, error) {
			return schemes.Recorded{}, fmt.Errorf("in vain: %w", refused)
		}, nil, 0, 400, "bad_request: no such page"},
		{"not understood", func(_ context.Context, read schemes.Read) (schemes.Recorded, error) {
			answer, _ := read("")
			return answer, errors.New("garbage")
		}, nil, 1, 502, "upstream_failed: The data server's answer cannot be read. Tell the data provider."},
		{"replaced at the second read", twice, func(int, http.Header) *schemes.Refusal { return refused }, 1, 400, "bad_request: no such page"},
		{"too many reads", func(_ context.Context, read schemes.Read) (schemes.Recorded, error) {
			for {
				if _, err := read(""); err != nil {
					return schemes.Recorded{}, err
				}
			}
		}, nil, schemes.MaxReads, 500, "internal: The gateway failed to answer."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.fake.compose, b.fake.answer = tc.compose, tc.answer
			reads := 0
			w := b.serve(t, request("GET", "http://a.example.com/list"), func(w http.ResponseWriter, _ *http.Request) {
				reads++
				w.Header().Set("X-Of-The-Server-Behind", "1")
				_, _ = io.WriteString(w, "hidden")
			})
			if w.Code != tc.status || w.Body.String() != tc.body || reads != tc.reads || w.Header().Get("X-Of-The-Server-Behind") != "" {
				t.Errorf("got %d %q %v after %d reads", w.Code, w.Body, w.Header(), reads)
			}
		})
	}
}

// A server behind that does not answer in time is given up, whether or not the proxy
// looks at the context.
func TestServerBehindThatTakesTooLong(t *testing.T) {
	for name, next := range map[string]http.HandlerFunc{
		"silent": func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		},
		"dripping, by a proxy that streams": func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write([]byte("x")); err != nil {
					panic(http.ErrAbortHandler)
				}
			}
		},
		"silent at the second read": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "page=2" {
				<-r.Context().Done()
				panic(http.ErrAbortHandler)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.composing, b.fake.compose = 20*time.Millisecond, twice
			w := b.serve(t, request("GET", "http://a.example.com/list"), next)
			if w.Code != 504 || !strings.HasPrefix(w.Body.String(), "upstream_failed: ") {
				t.Errorf("got %d %.80q", w.Code, w.Body)
			}
		})
	}
}

func TestNoReadIsBegunWhenTheTimeIsOver(t *testing.T) {
	b := newBench(t)
	b.composing = time.Nanosecond
	b.fake.compose = func(ctx context.Context, read schemes.Read) (schemes.Recorded, error) {
		<-ctx.Done()
		return read("")
	}
	if w := b.serve(t, request("GET", "http://a.example.com/list"), unreachable(t)); w.Code != 504 {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}
