package envelope

import (
	"net/http"
	"strconv"
)

const (
	jsonType = "application/json; charset=utf-8"
	htmlType = "text/html; charset=utf-8"
)

// JSON answers with a value, and with 304 to a GET or HEAD whose If-None-Match names it.
func JSON(w http.ResponseWriter, r *http.Request, status int, value any) {
	send(w, r, status, jsonType, encode(value))
}

// Token answers with a token alone, which is no JSON but is said to be HTML. It is not to be
// kept by caches.
func Token(w http.ResponseWriter, r *http.Request, status int, token string) {
	w.Header().Set("Cache-Control", "no-store")
	send(w, r, status, htmlType, []byte(token))
}

// Empty answers without a body.
func Empty(w http.ResponseWriter, status int) {
	h := w.Header()
	allowAll(h)
	if status != http.StatusNoContent {
		h.Set("Content-Length", "0")
	}
	w.WriteHeader(status)
}

// Preflight answers what a browser asks before it calls from another origin.
func Preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	allowAll(h)
	h.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
	h.Set("Vary", "Access-Control-Request-Headers")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	w.WriteHeader(http.StatusNoContent)
}

// allowAll lets every origin read the answer. None is let send cookies, and the token is in a
// header that no browser adds by itself.
func allowAll(h http.Header) { h.Set("Access-Control-Allow-Origin", "*") }

func send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	allowAll(h)
	tag := entityTag(body)
	h.Set("ETag", tag)
	if status/100 == 2 && isFresh(r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client is gone: nobody is left to tell
	}
}
