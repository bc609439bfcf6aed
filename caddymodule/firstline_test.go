package caddymodule

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// learning is a bench that notes the lines that it learns.
func learning(t *testing.T) (*bench, *[]string) {
	b := newBench(t)
	lines := new([]string)
	b.fake.learn = func(_ context.Context, line []byte) error {
		*lines = append(*lines, string(line))
		return nil
	}
	return b, lines
}

func TestFirstLineIsLearntOnceAndTheAnswerStays(t *testing.T) {
	long := strings.Repeat("x", maxFirstLine)
	for _, tc := range []struct {
		name  string
		body  string
		lines []string
	}{
		{"one line", "first\n", []string{"first"}},
		{"without a line break", "first", []string{"first"}},
		{"several", "first\nsecond\nthird", []string{"first"}},
		{"ended as on Windows", "first\r\nsecond", []string{"first"}},
		{"empty", "", []string{""}},
		{"an empty line first", "\nsecond\n", []string{""}},
		{"as long as may be", long + "\nsecond", []string{long}},
		{"too long", long + "x\nsecond", nil},
		{"too long, without a line break", long + long, nil},
	} {
		for name, send := range map[string]func(w http.ResponseWriter, body string) error{
			"at once": func(w http.ResponseWriter, body string) error {
				_, err := io.WriteString(w, body)
				return err
			},
			"byte by byte, flushed": func(w http.ResponseWriter, body string) error {
				w.WriteHeader(200)
				for i := range len(body) {
					_, err := io.WriteString(w, body[i:i+1])
					if err := errors.Join(err, http.NewResponseController(w).Flush()); err != nil {
						return err
					}
				}
				return nil
			},
			"ReadFrom": func(w http.ResponseWriter, body string) error {
				n, err := w.(io.ReaderFrom).ReadFrom(iotest.HalfReader(strings.NewReader(body)))
				if n != int64(len(body)) {
					return errors.New("the proxy would think that the client is gone")
				}
				return err
			},
			"both": func(w http.ResponseWriter, body string) error {
				_, err := io.WriteString(w, body[:len(body)/2])
				if err != nil {
					return err
				}
				_, err = io.Copy(w, strings.NewReader(body[len(body)/2:]))
				return err
			},
		} {
			t.Run(tc.name+" "+name, func(t *testing.T) {
				b, lines := learning(t)
				w := httptest.NewRecorder()
				err := b.ServeHTTP(w, request("POST", "http://a.example.com/query"), caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
					if r.Header.Get("Accept-Encoding") != "" {
						t.Error("a compressed answer is asked for")
					}
					w.Header().Set("X-Kept", "1")
					return send(w, tc.body)
				}))
				if err != nil || w.Code != 200 || w.Body.String() != tc.body || w.Header().Get("X-Kept") != "1" {
					t.Errorf("got %d %.80q, %v", w.Code, w.Body, err)
				}
				if !slices.Equal(*lines, tc.lines) {
					t.Errorf("learnt %.80q", *lines)
				}
				if got := b.auditLine(t)["status"]; got != int64(200) {
					t.Errorf("audited status %v", got)
				}
			})
		}
	}
}

// Nothing of the answer may be known before its first line is learnt; all behind it
// streams.
func TestNothingIsSentBeforeTheLineIsLearnt(t *testing.T) {
	b := newBench(t)
	w := httptest.NewRecorder()
	b.fake.learn = func(_ context.Context, line []byte) error {
		if w.Flushed || w.Body.Len() > 0 || string(line) != "first" {
			t.Errorf("learning %q, when %q was sent, flushed %v", line, w.Body, w.Flushed)
		}
		return nil
	}
	err := b.ServeHTTP(w, request("POST", "http://a.example.com/query"), handlerOf(func(out http.ResponseWriter, _ *http.Request) {
		control := http.NewResponseController(out)
		out.WriteHeader(http.StatusOK)
		_ = control.Flush()
		_, _ = io.WriteString(out, "fir")
		_ = control.Flush()
		if w.Flushed || w.Body.Len() > 0 {
			t.Errorf("sent already: %q", w.Body)
		}
		_, _ = io.WriteString(out, "st\nsec")
		_ = control.Flush()
		if !w.Flushed || w.Body.String() != "first\nsec" {
			t.Errorf("held back: %q", w.Body)
		}
		_, _ = io.WriteString(out, "ond\n")
		if w.Body.String() != "first\nsecond\n" {
			t.Errorf("held back: %q", w.Body)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnswerThatCannotBeLearntIsNotSent(t *testing.T) {
	unavailable := schemes.Unavailable(errors.New("disk"))
	for _, tc := range []struct {
		name   string
		learn  error
		next   caddyhttp.HandlerFunc
		status int
	}{
		{"the scheme refuses", unavailable, func(w http.ResponseWriter, _ *http.Request) error {
			for range 3 {
				if _, err := io.WriteString(w, "secret\n"); err != nil {
					return err // the proxy would believe that the client is gone
				}
			}
			_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("secret"))
			return err
		}, 503},
		{"the scheme refuses at the end", unavailable, func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(w, "secret")
			return err
		}, 503},
		{"the scheme fails", errors.New("fault"), func(w http.ResponseWriter, _ *http.Request) error {
			_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("secret\nsecret"))
			return err
		}, 500},
		{"compressed", nil, func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Encoding", "gzip")
			_, err := io.WriteString(w, "secret\n")
			return err
		}, 502},
		{"the server behind fails in the first line", nil, func(w http.ResponseWriter, _ *http.Request) error {
			_, _ = io.WriteString(w, "secret")
			return caddyhttp.Error(502, errors.New("reset"))
		}, 502},
		{"the proxy aborts in the first line", nil, func(w http.ResponseWriter, _ *http.Request) error {
			_, _ = io.WriteString(w, "secret")
			panic(http.ErrAbortHandler)
		}, 502},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.fake.learn = func(context.Context, []byte) error { return tc.learn }
			w := httptest.NewRecorder()
			w.Header().Set("Server", "Caddy")
			err := b.ServeHTTP(w, request("POST", "http://a.example.com/query"), caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				w.Header().Set("X-Of-The-Server-Behind", "secret")
				return tc.next(w, r)
			}))
			if err != nil || w.Code != tc.status || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("got %d %q, %v; want %d", w.Code, w.Body, err, tc.status)
			}
			if w.Header().Get("X-Of-The-Server-Behind") != "" || w.Header().Get("Server") != "Caddy" || w.Header().Get("Content-Encoding") != "" {
				t.Errorf("headers %v", w.Header())
			}
			if got := b.auditLine(t)["status"]; got != int64(tc.status) {
				t.Errorf("audited status %v", got)
			}
		})
	}
}

func TestFaultWhileTheFirstLineIsHeldBackGoesUp(t *testing.T) {
	b, _ := learning(t)
	defer func() {
		if cause := recover(); cause != "fault" {
			t.Errorf("recovered %v", cause)
		}
	}()
	_ = b.ServeHTTP(httptest.NewRecorder(), request("POST", "http://a.example.com/query"), handlerOf(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic("fault")
	}))
}

func TestOnlyAGoodAnswerIsHeldBack(t *testing.T) {
	for _, status := range []int{300, 400, 403, 429, 500, 503} {
		b, lines := learning(t)
		w := b.serve(t, request("POST", "http://a.example.com/query"), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "error\n")
		})
		if w.Code != status || w.Body.String() != "error\n" || len(*lines) != 0 {
			t.Errorf("got %d %q, learnt %q", w.Code, w.Body, *lines)
		}
	}
	for _, status := range []int{200, 202, 206} {
		b, lines := learning(t)
		w := b.serve(t, request("POST", "http://a.example.com/query"), func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "line\n")
		})
		if w.Code != status || w.Body.String() != "line\n" || !slices.Equal(*lines, []string{"line"}) {
			t.Errorf("got %d %q, learnt %q", w.Code, w.Body, *lines)
		}
	}
}

// A call that lost its right while its body arrived gets nothing of an answer that
// waits.
func TestLapsedCallLearnsNothing(t *testing.T) {
	b, lines := learning(t)
	r := request("POST", "http://a.example.com/query")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("body")), 4
	w := b.serve(t, r, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "secret")
		b.fake.allow = false
		_, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "\n")
	})
	if w.Code != 404 || strings.Contains(w.Body.String(), "secret") || len(*lines) != 0 {
		t.Errorf("got %d %q, learnt %q", w.Code, w.Body, *lines)
	}
}
