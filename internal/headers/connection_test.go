package headers

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func onlyKnownOptions(line string) bool {
	for option := range strings.SplitSeq(line, ",") {
		if connectionToken(trim(option)) < 0 {
			return false
		}
	}
	return true
}

func TestConnectionNamesNoHeaders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		connection []string
		upgrade    []string
		want       []string
		wantUp     []string
	}{
		{"absent", nil, nil, nil, nil},
		{"ordinary", []string{"keep-alive"}, nil, []string{"keep-alive"}, nil},
		{"case of the client is kept when clean", []string{"Keep-Alive"}, nil, []string{"Keep-Alive"}, nil},
		{"websocket", []string{"keep-alive, Upgrade"}, []string{"websocket"}, []string{"keep-alive, Upgrade"}, []string{"websocket"}},
		{"websocket in capitals", []string{"Upgrade"}, []string{"WebSocket"}, []string{"Upgrade"}, []string{"WebSocket"}},
		{"CVE-2024-45410 proxy headers named", []string{"close, X-Forwarded-For, X-Gatehouse-Subject"}, nil, []string{"close"}, nil},
		{"what the gateway tells a BitBroker's servers", []string{"close, X-Bbk-Audience", "x-bbk-rate-uid,X-Forwarded-Proto"}, nil, []string{"close"}, nil},
		{"CVE-2026-29054 in small letters", []string{"x-gatehouse-subject"}, nil, nil, nil},
		{"GHSA-w9mr-28mw-j8hg in a second line", []string{"close", "X-Gatehouse-Roles"}, nil, []string{"close"}, nil},
		{"several clean lines become one", []string{"te", "Close"}, nil, []string{"close, te"}, nil},
		{"empty elements", []string{",, ,\tclose,,X-User,"}, nil, []string{"close"}, nil},
		{"only empty elements", []string{" , "}, nil, nil, nil},
		{"credential named", []string{"Authorization"}, nil, nil, nil},
		{"quoted", []string{`"X-User", close`}, nil, []string{"close"}, nil},
		{"h2c", []string{"Upgrade, HTTP2-Settings"}, []string{"h2c"}, nil, nil},
		{"h2c beside websocket", []string{"Upgrade"}, []string{"h2c, websocket"}, []string{"Upgrade"}, []string{"websocket"}},
		{"h2c in a second line", []string{"upgrade, x"}, []string{"websocket", "h2c"}, []string{"upgrade"}, []string{"websocket"}},
		{"unknown protocol", []string{"keep-alive, upgrade"}, []string{"TLS/1.3"}, []string{"keep-alive"}, nil},
		{"upgrade without a protocol", []string{"upgrade"}, nil, nil, nil},
		{"empty upgrade", []string{"upgrade"}, []string{""}, nil, nil},
	}
	g := testGuard()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			if tt.connection != nil {
				h["Connection"] = tt.connection
			}
			if tt.upgrade != nil {
				h["Upgrade"] = tt.upgrade
			}
			g.Clean(h, true)
			if !slices.Equal(h["Connection"], tt.want) || !slices.Equal(h["Upgrade"], tt.wantUp) {
				t.Errorf("got %q %q, want %q %q", h["Connection"], h["Upgrade"], tt.want, tt.wantUp)
			}
			if lines, ok := h["Connection"]; ok && len(lines) == 0 {
				t.Error("an empty Connection is left")
			}
		})
	}
}

func TestTrailersAreDropped(t *testing.T) {
	t.Parallel()
	left := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, nil))
		if _, announced := r.Trailer["X-Gatehouse-User"]; !announced {
			t.Error("the server saw no announcement; the test tests nothing")
		}
		DropTrailers(r)
		// net/http fills trailers in at the end of the body.
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		left <- r.Trailer
	}))
	defer server.Close()

	// The reader hides the length, so that the body is sent in chunks.
	body := struct{ io.Reader }{strings.NewReader("data")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Trailer = http.Header{"X-Gatehouse-User": {"evil"}}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if got := <-left; len(got) != 0 {
		t.Errorf("trailers left: %v", got)
	}

	announced := &http.Request{Header: http.Header{"Trailer": {"X-User"}}}
	DropTrailers(announced)
	if len(announced.Header) != 0 {
		t.Error("the announcement is left")
	}
}
