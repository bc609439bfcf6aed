package harness

import (
	"io"
	"net/http"
)

// JSON answers every request with this text as application/json.
func JSON(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, text)
	}
}

// PlainUnauthorized answers as the open-source Delta Sharing server does without its
// global token: plain text, no JSON, no WWW-Authenticate.
func PlainUnauthorized(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, "401 Unauthorized")
}

// Stream answers with one ndjson line per value received, each flushed by itself, and
// ends when lines is closed or the client is gone. A test that sends a line and sees
// it at the client before it sends the next has shown that nothing buffers.
func Stream(lines <-chan string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson; charset=utf-8")
		w.Header().Set("Delta-Table-Version", "0")
		flush := http.NewResponseController(w)
		_ = flush.Flush()
		for {
			select {
			case line, ok := <-lines:
				if !ok {
					return
				}
				_, _ = io.WriteString(w, line+"\n")
				_ = flush.Flush()
			case <-r.Context().Done():
				return
			}
		}
	}
}
