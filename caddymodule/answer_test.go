package caddymodule

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// wire puts the gate behind a real HTTP server, which is strict where
// httptest.ResponseRecorder is not: interim answers, trailers, hijacking.
func (b *bench) wire(t *testing.T, next caddyhttp.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := request("GET", "http://a.example.com/").Context()
		w.Header().Set("Server", "Caddy")
		if err := b.ServeHTTP(w, r.WithContext(ctx), next); err != nil {
			panic(http.ErrAbortHandler) // as Caddy does with an answer that has begun
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// ask sends a request with the good credential and reads the whole answer.
func ask(t *testing.T, server *httptest.Server, trace *httptrace.ClientTrace) (*http.Response, string) {
	t.Helper()
	ctx := t.Context()
	if trace != nil {
		ctx = httptrace.WithClientTrace(ctx, trace)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/data", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", good)
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

// fresh is an Answer that sets a header, as a scheme with a fresh token does.
func fresh(_ int, header http.Header) *schemes.Refusal {
	header.Set("X-Fresh", "gate")
	return nil
}

// Whatever way the answer is sent, the scheme sees its final status once, before the
// header goes out.
func TestSchemeSeesTheFinalStatusOnce(t *testing.T) {
	for _, tc := range []struct {
		name   string
		next   http.HandlerFunc
		status int
		body   string
	}{
		{"plain", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			_, _ = io.WriteString(w, "body")
		}, 200, "body"},
		{"Write without WriteHeader", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "body") }, 200, "body"},
		{"nothing at all", func(http.ResponseWriter, *http.Request) {}, 200, ""},
		{"ReadFrom without WriteHeader", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("body"))
		}, 200, "body"},
		{"io.Copy", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(203)
			_, _ = io.Copy(w, strings.NewReader("body"))
		}, 203, "body"},
		{"Flush before anything, as server-sent events do", func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
			_, _ = io.WriteString(w, "body")
		}, 200, "body"},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, ""},
		{"not modified", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, 304, ""},
		{"103, then 200", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(103)
			w.WriteHeader(200)
			_, _ = io.WriteString(w, "body")
		}, 200, "body"},
		{"103 only", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103) }, 200, ""},
		{"WriteHeader twice", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(202)
			w.WriteHeader(200)
		}, 202, ""},
		{"error page", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, "oops")
		}, 500, "oops"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			var seen []int
			b.fake.answer = func(status int, header http.Header) *schemes.Refusal {
				seen = append(seen, status)
				return fresh(status, header)
			}
			server := b.wire(t, func(w http.ResponseWriter, r *http.Request) error {
				w.Header().Set("X-Fresh", "server behind") // Set replaces it, and does not add
				tc.next(w, r)
				return nil
			})
			answer, body := ask(t, server, nil)
			if answer.StatusCode != tc.status || body != tc.body {
				t.Errorf("got %d %q, want %d %q", answer.StatusCode, body, tc.status, tc.body)
			}
			if !slices.Equal(seen, []int{tc.status}) {
				t.Errorf("the scheme saw %v, want %d once", seen, tc.status)
			}
			if got := answer.Header["X-Fresh"]; !slices.Equal(got, []string{"gate"}) {
				t.Errorf("X-Fresh is %q, want the gate's alone", got)
			}
			server.Close() // the audit line is written when the handler ends
			if got := b.auditLine(t)["status"]; got != int64(tc.status) {
				t.Errorf("audited status %v, want %d", got, tc.status)
			}
		})
	}
}

// A writer that took a 103 for the answer would let the real one through unseen, with
// the server's own token.
func TestInterimAnswerPassesWithoutTheFreshHeader(t *testing.T) {
	b := newBench(t)
	b.fake.answer = fresh
	server := b.wire(t, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		return nil
	})
	var interim []int
	_, _ = ask(t, server, &httptrace.ClientTrace{Got1xxResponse: func(status int, header textproto.MIMEHeader) error {
		interim = append(interim, status)
		if header.Get("X-Fresh") != "" || header.Get("Link") == "" {
			t.Errorf("103 has headers %v", header)
		}
		return nil
	}})
	if !slices.Equal(interim, []int{103}) {
		t.Errorf("interim answers %v", interim)
	}
}

func TestErrorAfterAnInterimAnswerIsRefused(t *testing.T) {
	b := newBench(t)
	server := b.wire(t, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		return errors.New("connection reset")
	})
	answer, body := ask(t, server, nil)
	if answer.StatusCode != 502 || !strings.HasPrefix(body, "upstream_failed") || answer.Header.Get("Link") != "" {
		t.Errorf("got %d %q %v", answer.StatusCode, body, answer.Header)
	}
}

func TestReplacedAnswerHasNothingOfTheServersOwn(t *testing.T) {
	for _, tc := range []struct {
		name string
		next caddyhttp.HandlerFunc
	}{
		{"body", func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(401)
			_, err := io.WriteString(w, "the server's own")
			return err
		}},
		{"ReadFrom", func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(401)
			n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("the server's own"))
			if n != int64(len("the server's own")) {
				return errors.New("the proxy would think that the client is gone")
			}
			return err
		}},
		{"flushed", func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(401)
			return http.NewResponseController(w).Flush()
		}},
		{"WriteHeader again", func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(401)
			w.WriteHeader(200)
			return nil
		}},
		{"trailers, announced", func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Trailer", "X-Own-Trailer")
			w.WriteHeader(401)
			w.Header().Set("X-Own-Trailer", "1")
			return nil
		}},
		{"trailers, unannounced", func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(401)
			w.Header().Set(http.TrailerPrefix+"X-Own-Trailer", "1")
			return nil
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.fake.answer = func(status int, _ http.Header) *schemes.Refusal {
				if status == 401 {
					return &schemes.Refusal{Status: 502, Reason: schemes.UpstreamFailed, Public: "ours"}
				}
				return nil
			}
			server := b.wire(t, func(w http.ResponseWriter, r *http.Request) error {
				w.Header().Set("WWW-Authenticate", "Bearer")
				w.Header().Set("X-Own", "1")
				w.Header().Set("Set-Cookie", "own=1")
				w.Header().Set("Server", "own")
				return tc.next(w, r)
			})
			answer, body := ask(t, server, nil)
			if answer.StatusCode != 502 || body != "upstream_failed: ours" {
				t.Errorf("got %d %q", answer.StatusCode, body)
			}
			if answer.ProtoMajor != 2 {
				t.Fatalf("%s: HTTP/2 alone sends unannounced trailers whatever the length", answer.Proto)
			}
			for name := range answer.Header {
				if !slices.Contains([]string{"Content-Type", "Content-Length", "Date", "Server"}, name) {
					t.Errorf("the answer has %s", name)
				}
			}
			if got := answer.Header.Get("Server"); got != "Caddy" {
				t.Errorf("Server is %q, want the one from before", got)
			}
			if len(answer.Trailer) > 0 {
				t.Errorf("trailers %v", answer.Trailer)
			}
		})
	}
}

func TestTrailersOfAStreamedAnswerPass(t *testing.T) {
	b := newBench(t)
	server := b.wire(t, func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, "body")
		w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
		return err
	})
	if answer, _ := ask(t, server, nil); answer.Trailer.Get("X-Sum") != "1" {
		t.Errorf("trailers %v", answer.Trailer)
	}
}

// The server's own token never gets through: not behind the scheme's back either.
func TestServersTokenIsNoTrailer(t *testing.T) {
	for name, next := range map[string]func(http.ResponseWriter){
		"announced": func(w http.ResponseWriter) {
			w.Header().Set("Trailer", "x-auth-token, X-Sum")
			_, _ = io.WriteString(w, "body")
			w.Header().Set("X-Auth-Token", "the server's")
			w.Header().Set("X-Sum", "1")
		},
		"not announced": func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "body")
			w.Header().Set(http.TrailerPrefix+"X-Auth-Token", "the server's")
			w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			server := b.wire(t, func(w http.ResponseWriter, _ *http.Request) error {
				next(w)
				return nil
			})
			answer, _ := ask(t, server, nil)
			if answer.Trailer.Get("X-Auth-Token") != "" || answer.Trailer.Get("X-Sum") != "1" {
				t.Errorf("trailers %v", answer.Trailer)
			}
		})
	}
}

// While an answer is held back its headers are not sent: a trailer of it would become one.
func TestServersTokenIsNoHeaderOfAnAnswerThatWasHeldBack(t *testing.T) {
	for _, body := range []string{"one line", "one\ntwo"} {
		b, _ := learning(t)
		server := b.wire(t, func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Trailer", "X-Auth-Token")
			_, err := io.WriteString(w, body)
			w.Header().Set("X-Auth-Token", "the server's")
			return err
		})
		answer, got := ask(t, server, nil)
		if answer.Header.Get("X-Auth-Token") != "" || answer.Trailer.Get("X-Auth-Token") != "" || got != body {
			t.Errorf("%q: headers %v, trailers %v, body %q", body, answer.Header, answer.Trailer, got)
		}
	}
}

// A WebSocket goes through WriteHeader(101) and then Hijack.
func TestSwitchingProtocolsIsFinal(t *testing.T) {
	b := newBench(t)
	b.fake.answer = fresh
	done := make(chan struct{}) // Close of the server does not wait for what was taken over
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		err := b.ServeHTTP(w, r.WithContext(request("GET", "http://a/").Context()), caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Connection", "Upgrade")
			w.WriteHeader(http.StatusSwitchingProtocols)
			connection, stream, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return err
			}
			defer connection.Close()
			_, _ = stream.WriteString("no longer HTTP")
			return stream.Flush()
		}))
		if err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = io.WriteString(connection, "GET /ws HTTP/1.1\r\nHost: a\r\nAuthorization: "+good+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	reader := bufio.NewReader(connection)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(reader)
	if answer.StatusCode != 101 || answer.Header.Get("X-Fresh") != "gate" || string(rest) != "no longer HTTP" {
		t.Errorf("got %d %v %q", answer.StatusCode, answer.Header, rest)
	}
	<-done
	if got := b.auditLine(t)["status"]; got != int64(101) {
		t.Errorf("audited status %v", got)
	}
}

// An answer that breaks off must look broken to the client, never complete.
func TestBrokenAnswerIsSeenAsBroken(t *testing.T) {
	b := newBench(t)
	server := b.wire(t, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Length", "8")
		_, err := w.(io.ReaderFrom).ReadFrom(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF)))
		return err
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/data", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", good)
	answer, err := server.Client().Do(r)
	if err != nil {
		return // broken before the header was sent: just as good
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("read %d %q without an error", answer.StatusCode, body)
	}
}

func TestStatusIsNotedHoweverAnOwnEndpointAnswers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		serve  func(w http.ResponseWriter)
		status int64
	}{
		{"WriteHeader", func(w http.ResponseWriter) { w.WriteHeader(201) }, 201},
		{"Write", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "x") }, 200},
		{"ReadFrom", func(w http.ResponseWriter) { _, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("x")) }, 200},
		{"Flush", func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }, 200},
		{"103, then 204", func(w http.ResponseWriter) {
			w.WriteHeader(103)
			w.WriteHeader(204)
		}, 204},
		{"twice: the first counts", func(w http.ResponseWriter) {
			w.WriteHeader(404)
			w.WriteHeader(200)
		}, 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.fake.own = func(w http.ResponseWriter, _ *schemes.Call) error {
				tc.serve(w)
				return nil
			}
			b.serve(t, request("GET", "http://a.example.com/own"), unreachable(t))
			if got := b.auditLine(t)["status"]; got != tc.status {
				t.Errorf("audited %v, want %d", got, tc.status)
			}
		})
	}
}
