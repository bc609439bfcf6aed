package caddymodule

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// A former recipient could send the headers of many calls, be revoked, and then
// send the last byte of each body: the server behind would answer them all.
func TestCallThatLosesItsRightWhileItsBodyArrivesIsRefused(t *testing.T) {
	revoked := &schemes.Refusal{Status: 401, Reason: schemes.EndedCredential, Public: "revoked"}
	for _, tc := range []struct {
		name   string
		lose   func(*fakeScheme)
		status int
	}{
		{"nothing is lost", func(*fakeScheme) {}, 200},
		{"the credential", func(s *fakeScheme) { s.identifyErr = revoked }, 401},
		{"the grant", func(s *fakeScheme) { s.allow = false }, 404},
	} {
		for _, length := range []string{"announced", "chunked"} {
			for _, path := range []string{"streamed", "recorded"} {
				t.Run(tc.name+" "+length+" "+path, func(t *testing.T) {
					b := newBench(t)
					if path == "recorded" {
						b.fake.rewrite = func(_ http.Header, body []byte) ([]byte, error) { return body, nil }
					}
					const body = "the whole body"
					r := request("POST", "http://a.example.com/data")
					r.Body = io.NopCloser(iotest.OneByteReader(strings.NewReader(body)))
					r.ContentLength = -1
					if length == "announced" {
						r.ContentLength = int64(len(body))
					}
					w := httptest.NewRecorder()
					var got strings.Builder
					err := b.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
						first := make([]byte, 1)
						if _, err := r.Body.Read(first); err != nil {
							return err
						}
						got.Write(first)
						tc.lose(b.fake)
						if _, err := io.Copy(&got, r.Body); err != nil {
							return caddyhttp.Error(502, err)
						}
						_, err := io.WriteString(w, "answer")
						return err
					}))
					if err != nil || w.Code != tc.status {
						t.Errorf("got %d %q, %v; want %d", w.Code, w.Body, err, tc.status)
					}
					// The end of the body: its last byte if the length is known, else
					// the mark of the end, which an error takes the place of.
					if whole := got.String() == body; tc.status == 200 != whole && length == "announced" {
						t.Errorf("the server behind got %q", got.String())
					}
				})
			}
		}
	}
}

func TestErrorOfABodyIsPassedOn(t *testing.T) {
	b := newBench(t)
	broken := errors.New("connection reset")
	r := request("POST", "http://a.example.com/data")
	r.Body, r.ContentLength = io.NopCloser(iotest.ErrReader(broken)), 9
	asked := 0
	b.serve(t, r, func(_ http.ResponseWriter, r *http.Request) {
		asked = len(b.fake.steps)
		if _, err := io.ReadAll(r.Body); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		if len(b.fake.steps) != asked {
			t.Error("a body that broke off was taken for a whole one")
		}
	})
}
