package keyring

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Whatever the endpoint of the keys answers, the last good ones stay until they are too
// old, no longer and no shorter.
func TestHostileKeyEndpointTakesNoKeyAway(t *testing.T) {
	var reached atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Store(true)
		_, _ = io.WriteString(w, certificateAnswer(t, onOneLine(t, p256b)))
	}))
	t.Cleanup(other.Close)

	answers := map[string]http.HandlerFunc{
		"HTML":                   text("<!DOCTYPE html><html><title>Sign in</title></html>"),
		"an empty body":          text(""),
		"an object without keys": text(`{}`),
		"a text for keys":        text(`{"keys":"none","cert":[]}`),
		"204":                    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"404":                    http.NotFound,
		"503 with keys": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(503)
			_, _ = io.WriteString(w, `{"keys":[]}`)
		},
		"a redirect to elsewhere":  http.RedirectHandler(other.URL, http.StatusFound).ServeHTTP,
		"a redirect to itself":     http.RedirectHandler("/keys", http.StatusFound).ServeHTTP,
		"a redirect without place": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) },
		"a gigabyte":               gigabyte,
		"an announced gigabyte": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			gigabyte(w, r)
		},
		"a compressed bomb": bomb,
		"half of what it announced": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"keys":[]}`)
		},
		"an endless body": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"keys":[`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"nothing":             func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"the end of the line": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	hang := []string{"an endless body", "nothing"}
	for kind, use := range map[string]func(c *IssuerConfig, url string){
		"key set":     func(c *IssuerConfig, url string) { c.JWKS = url },
		"certificate": func(c *IssuerConfig, url string) { c.JWKS, c.Certificate = "", url },
	} {
		for name, answer := range answers {
			t.Run(kind+"/"+name, func(t *testing.T) {
				f := newFakeIssuer(t)
				if kind == "certificate" {
					f.answer(&f.keySet, text(certificateAnswer(t, onOneLine(t, p256))))
				} else {
					f.publish(byEC.public())
				}
				i, c := aaaIssuer(t, f, func(c *IssuerConfig) { use(c, f.URL+"/keys") })
				f.answer(&f.keySet, answer)
				if slices.Contains(hang, name) {
					i.client.Timeout = 100 * time.Millisecond // is waited for in real time
				}
				token := byEC.byAAA(t, object{"exp": epoch.Add(100 * time.Hour).Unix()})
				for range 2 {
					if i.refresh(t.Context()) {
						t.Error("taken for keys")
					}
					if _, err := i.VerifyAnyAudience(t.Context(), token); err != nil {
						t.Errorf("the keys at hand are lost: %v", err)
					}
				}
				c.advance(DefaultMaxAge)
				if _, err := i.VerifyAnyAudience(t.Context(), token); err != nil {
					t.Errorf("as old as they may be: %v", err)
				}
				c.advance(time.Second)
				if _, err := i.VerifyAnyAudience(t.Context(), token); !errors.Is(err, ErrUnavailable) {
					t.Errorf("older: got %v, want ErrUnavailable", err)
				}
				// And the endpoint's recovery is one of the gateway's.
				i.client.Timeout = fetchTimeout
				f.answer(&f.keySet, text(`{"keys":[`+mustJSON(t, byEC.public())+`],"cert":`+mustJSON(t, onOneLine(t, p256))+`}`))
				if !i.refresh(t.Context()) {
					t.Error("good keys are not taken any more")
				}
				if _, err := i.VerifyAnyAudience(t.Context(), token); err != nil {
					t.Errorf("good again: %v", err)
				}
			})
		}
	}
	if reached.Load() {
		t.Error("a redirect was followed")
	}
}

// An issuer that says that it has no key has said so.
func TestEmptyKeySetIsAWithdrawal(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	i, _ := aaaIssuer(t, f, nil)
	f.publish()
	if !i.refresh(t.Context()) {
		t.Error("not an answer")
	}
	if _, err := i.VerifyAnyAudience(t.Context(), byEC.byAAA(t, nil)); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("got %v", err)
	}
}

func gigabyte(w http.ResponseWriter, _ *http.Request) {
	spaces := []byte(strings.Repeat(" ", 1<<20))
	for range 1 << 10 {
		if _, err := w.Write(spaces); err != nil {
			return // the reader has had enough
		}
	}
}
