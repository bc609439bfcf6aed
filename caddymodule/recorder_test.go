package caddymodule

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// upper is a rewrite that can be told from what it was given.
func upper(_ http.Header, body []byte) ([]byte, error) {
	return append(bytes.ToUpper(body), '!'), nil
}

// rewriting sends a request whose answer is rewritten.
func rewriting(t *testing.T, method string, next http.HandlerFunc) (*bench, *httptest.ResponseRecorder) {
	t.Helper()
	b := newBench(t)
	b.fake.rewrite = upper
	return b, b.serve(t, request(method, "http://a.example.com/list"), next)
}

func TestAnswerIsRewrittenWithItsOwnLength(t *testing.T) {
	_, w := rewriting(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"Content-Type": "application/json", "Content-Length": "4", "Etag": `"all"`,
			"Last-Modified": "x", "Content-Md5": "x", "Digest": "x", "Repr-Digest": "x", "Content-Digest": "x", "Accept-Ranges": "bytes",
			"Content-Encoding": "identity", "Trailer": "X-Sum",
		} {
			w.Header().Set(name, value)
		}
		w.WriteHeader(103)
		w.WriteHeader(200)
		_, _ = io.WriteString(w, "li")
		_, _ = io.WriteString(w, "st")
		w.Header().Set(http.TrailerPrefix+"X-Sum", "of the whole list")
	})
	if w.Code != 200 || w.Body.String() != "LIST!" {
		t.Fatalf("got %d %q", w.Code, w.Body)
	}
	want := http.Header{"Content-Type": {"application/json"}, "Content-Length": {"5"}, "Cache-Control": {"private, no-store"}}
	for name, values := range w.Header() {
		if len(want[name]) != 1 || want[name][0] != values[0] {
			t.Errorf("%s: %q, want %q; it tells of the unfiltered answer", name, values, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestHeadersThatTheNextHandlerDeletesStayDeleted(t *testing.T) {
	b := newBench(t)
	b.fake.rewrite = upper
	w := httptest.NewRecorder()
	w.Header().Set("Server", "Caddy")
	w.Header().Set("Alt-Svc", "h3")
	if err := b.ServeHTTP(w, request("GET", "http://a.example.com/list"), handlerOf(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Del("Server")
		_, _ = io.WriteString(w, "list")
	})); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Server") != "" || w.Header().Get("Alt-Svc") != "h3" {
		t.Errorf("headers %v", w.Header())
	}
}

// A compressed or partial answer, or none because nothing changed, cannot be filtered.
func TestServerBehindIsAskedForAPlainWholeAnswer(t *testing.T) {
	conditions := []string{
		"Accept-Encoding", "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
	}
	for _, rewritten := range []bool{true, false} {
		b := newBench(t)
		if rewritten {
			b.fake.rewrite = upper
		}
		r := request("GET", "http://a.example.com/list")
		for _, name := range conditions {
			r.Header.Set(name, "x")
		}
		r.Header.Set("Accept", "application/json")
		b.serve(t, r, func(_ http.ResponseWriter, r *http.Request) {
			for _, name := range conditions {
				if passes := r.Header.Get(name) != ""; passes == rewritten {
					t.Errorf("rewritten %t: %s passes: %t", rewritten, name, passes)
				}
			}
			if r.Header.Get("Accept") == "" {
				t.Error("Accept is gone")
			}
		})
	}
}

func TestAnswerThatCannotBeFilteredIsNotSent(t *testing.T) {
	const listing = "confidential-listing"
	for _, tc := range []struct {
		name string
		next http.HandlerFunc
	}{
		{"gzip unasked", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, listing)
			_ = z.Close()
		}},
		{"206", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(206)
			_, _ = io.WriteString(w, listing)
		}},
		{"304", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }},
		{"203", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(203)
			_, _ = io.WriteString(w, listing)
		}},
		{"302", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://10.0.0.1/"+listing)
			w.WriteHeader(302)
		}},
		{"101", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(101) }},
		{"too long", func(w http.ResponseWriter, _ *http.Request) {
			block := []byte(strings.Repeat(listing, 1<<10))
			for range maxRecorded/len(block) + 1 {
				if _, err := w.Write(block); err != nil {
					panic(http.ErrAbortHandler) // as reverse_proxy does
				}
			}
			t.Error("it was read to the end")
		}},
		{"too long, and no panic", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, maxRecorded+1))
		}},
		{"that the rewrite does not understand", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, listing+" unreadable")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.fake.rewrite = func(_ http.Header, body []byte) ([]byte, error) {
				if bytes.HasSuffix(body, []byte("unreadable")) {
					return nil, errors.New("not JSON")
				}
				return body, nil
			}
			w := b.serve(t, request("GET", "http://a.example.com/list"), tc.next)
			if w.Code != 502 || !strings.HasPrefix(w.Body.String(), "upstream_failed: ") {
				t.Errorf("got %d %.80q, want 502", w.Code, w.Body)
			}
			if strings.Contains(w.Body.String(), listing) || w.Header().Get("Location") != "" || w.Header().Get("Content-Encoding") != "" {
				t.Errorf("something of it was sent: %v %.80q", w.Header(), w.Body)
			}
		})
	}
}

func TestAnswerAtTheLimitIsRead(t *testing.T) {
	_, w := rewriting(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write(make([]byte, maxRecorded)); err != nil {
			t.Error(err)
		}
	})
	if w.Code != 200 || w.Body.Len() != maxRecorded+1 {
		t.Errorf("got %d and %d bytes", w.Code, w.Body.Len())
	}
}

// A panic that the recorder did not cause is somebody's fault, and goes up.
func TestFaultWhileTheAnswerIsTooLongGoesUp(t *testing.T) {
	b := newBench(t)
	b.fake.rewrite = upper
	defer func() {
		if cause := recover(); cause != "fault" {
			t.Errorf("recovered %v", cause)
		}
	}()
	_ = b.ServeHTTP(httptest.NewRecorder(), request("GET", "http://a.example.com/list"), handlerOf(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, maxRecorded+1))
		panic("fault")
	}))
}

func TestHeadOfARewrittenAnswerTellsNoLength(t *testing.T) {
	_, w := rewriting(t, "HEAD", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "123456")
		w.Header().Set("Etag", `"all"`)
		w.WriteHeader(200)
	})
	if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "" || w.Header().Get("Etag") != "" {
		t.Errorf("got %d %v %q; length and tag tell of what is hidden", w.Code, w.Header(), w.Body)
	}
}

func TestErrorOfTheServerBehindPassesUnrewritten(t *testing.T) {
	_, w := rewriting(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(429)
		_, _ = io.WriteString(w, "slow down")
	})
	if w.Code != 429 || w.Body.String() != "slow down" || w.Header().Get("Content-Length") != strconv.Itoa(len("slow down")) {
		t.Errorf("got %d %q %v", w.Code, w.Body, w.Header())
	}
}

func TestSchemeCanReplaceARecordedAnswer(t *testing.T) {
	b := newBench(t)
	b.fake.rewrite = upper
	b.fake.answer = func(status int, _ http.Header) *schemes.Refusal {
		return &schemes.Refusal{Status: 502, Reason: schemes.UpstreamFailed, Public: "ours, for " + strconv.Itoa(status)}
	}
	w := b.serve(t, request("GET", "http://a.example.com/list"), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(401)
		_, _ = io.WriteString(w, "own")
	})
	if w.Code != 502 || w.Body.String() != "upstream_failed: ours, for 401" || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("got %d %q %v", w.Code, w.Body, w.Header())
	}
}

func TestSchemesHeadersReachARecordedAnswer(t *testing.T) {
	b := newBench(t)
	b.fake.rewrite, b.fake.answer = upper, fresh
	w := b.serve(t, request("GET", "http://a.example.com/list"), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("X-Fresh", "server behind")
		_, _ = io.WriteString(w, "list")
	})
	if got := w.Header()["X-Fresh"]; len(got) != 1 || got[0] != "gate" {
		t.Errorf("X-Fresh is %q", got)
	}
}
