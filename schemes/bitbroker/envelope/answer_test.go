package envelope

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// whole is an answer as it is sent: status, headers in order, body.
func whole(w *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintln(&b, w.Code)
	for _, name := range slices.Sorted(maps.Keys(w.Header())) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(w.Header()[name], "; "))
	}
	return b.String() + "\n" + w.Body.String()
}

// The answers are those that Express 4.18 with its middleware cors sends.
func TestAnswersAreThoseOfExpress(t *testing.T) {
	type item struct {
		ID   int    `json:"id"`
		Text string `json:"t"`
	}
	five := 5
	for name, test := range map[string]struct {
		method string
		header http.Header
		answer func(http.ResponseWriter, *http.Request)
		want   string
	}{
		"a list": {
			answer: func(w http.ResponseWriter, r *http.Request) {
				JSON(w, r, 200, []item{{1, "a\u2028<&>\u007f\b\f\u0001é"}})
			},
			want: "200\nAccess-Control-Allow-Origin: *\nContent-Length: 37\nContent-Type: application/json; charset=utf-8\n" +
				"Etag: W/\"25-k6vK1EtpFUh5Bok/nsLVXK/a2UI\"\n\n" + `[{"id":1,"t":"a` + "\u2028<&>\u007f" + `\b\f\u0001é"}]`,
		},
		"a backslash before what looks like an escape": {
			answer: func(w http.ResponseWriter, r *http.Request) { JSON(w, r, 200, `\u2028`+"\u2029") },
			want: "200\nAccess-Control-Allow-Origin: *\nContent-Length: 12\nContent-Type: application/json; charset=utf-8\n" +
				"Etag: " + entityTag([]byte(`"\\u2028`+"\u2029"+`"`)) + "\n\n" + `"\\u2028` + "\u2029" + `"`,
		},
		"nothing but the head": {
			method: http.MethodHead,
			answer: func(w http.ResponseWriter, r *http.Request) { JSON(w, r, 200, []item{}) },
			want: "200\nAccess-Control-Allow-Origin: *\nContent-Length: 2\nContent-Type: application/json; charset=utf-8\n" +
				"Etag: W/\"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w\"\n\n",
		},
		"what the client has": {
			header: http.Header{"If-None-Match": {`W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"`}},
			answer: func(w http.ResponseWriter, r *http.Request) { JSON(w, r, 200, []item{}) },
			want:   "304\nAccess-Control-Allow-Origin: *\nEtag: W/\"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w\"\n\n",
		},
		"a token": {
			method: http.MethodPost,
			answer: func(w http.ResponseWriter, r *http.Request) { Token(w, r, 201, "aa.bb.cc") },
			want: "201\nAccess-Control-Allow-Origin: *\nCache-Control: no-store\nContent-Length: 8\nContent-Type: text/html; charset=utf-8\n" +
				"Etag: W/\"8-bFEa3h2OK7GsF8p8KOycND+pn50\"\n\naa.bb.cc",
		},
		"something made": {
			method: http.MethodPost,
			answer: func(w http.ResponseWriter, _ *http.Request) { Empty(w, 201) },
			want:   "201\nAccess-Control-Allow-Origin: *\nContent-Length: 0\n\n",
		},
		"something done": {
			method: http.MethodDelete,
			answer: func(w http.ResponseWriter, _ *http.Request) { Empty(w, 204) },
			want:   "204\nAccess-Control-Allow-Origin: *\n\n",
		},
		"a preflight": {
			method: http.MethodOptions, header: http.Header{"Access-Control-Request-Headers": {"x-bbk-auth-token,content-type"}},
			answer: Preflight,
			want: "204\nAccess-Control-Allow-Headers: x-bbk-auth-token,content-type\nAccess-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\n" +
				"Access-Control-Allow-Origin: *\nVary: Access-Control-Request-Headers\n\n",
		},
		"a preflight that asks for nothing": {
			method: http.MethodOptions, answer: Preflight,
			want: "204\nAccess-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\nAccess-Control-Allow-Origin: *\n" +
				"Vary: Access-Control-Request-Headers\n\n",
		},
		"an error": {
			header: http.Header{"If-None-Match": {"*"}},
			answer: func(w http.ResponseWriter, r *http.Request) {
				Refuse(w, r, &schemes.Refusal{Status: 404, Public: "never told", Cause: errSecret})
			},
			want: "404\nAccess-Control-Allow-Origin: *\nContent-Length: 56\nContent-Type: application/json; charset=utf-8\n" +
				"Etag: W/\"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw\"\n\n" + `{"error":{"code":404,"status":"Not Found","message":""}}`,
		},
		"too many calls": {
			answer: func(w http.ResponseWriter, r *http.Request) { Refuse(w, r, schemes.TooMany(1200*time.Millisecond)) },
			want: "429\nAccess-Control-Allow-Origin: *\nContent-Length: 64\nContent-Type: application/json; charset=utf-8\n" +
				"Etag: " + entityTag([]byte(`{"error":{"code":429,"status":"Too Many Requests","message":""}}`)) + "\nRetry-After: 2\n\n" +
				`{"error":{"code":429,"status":"Too Many Requests","message":""}}`,
		},
		"what is not allowed": {
			answer: func(w http.ResponseWriter, r *http.Request) { Refuse(w, r, schemes.MethodNotAllowed("POST")) },
			want: "405\nAccess-Control-Allow-Origin: *\nAllow: POST\nContent-Length: 65\nContent-Type: application/json; charset=utf-8\n" +
				"Etag: W/\"41-SmP9V7NP2q4WYsWESCCorU7xoEw\"\n\n" + `{"error":{"code":405,"status":"Method Not Allowed","message":""}}`,
		},
		"a bad body": {
			answer: func(w http.ResponseWriter, r *http.Request) {
				BadRequest(w, r, []Fault{{Name: "name", Reason: "a"}, {Name: "tags", Index: &five, Reason: `b "c"`}})
			},
			want: "400\nAccess-Control-Allow-Origin: *\nContent-Length: 144\nContent-Type: application/json; charset=utf-8\n" +
				"Etag: " + entityTag([]byte(badBody)) + "\n\n" + badBody,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(cmp.Or(test.method, http.MethodGet), "/", nil)
			maps.Copy(r.Header, test.header)
			w := httptest.NewRecorder()
			test.answer(w, r)
			if got := whole(w); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

const badBody = `{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"a"},{"name":"tags","index":5,"reason":"b \"c\""}]}}`

var errSecret = errors.New("the store at 192.0.2.1 is gone")

func TestClientHasWhatItNames(t *testing.T) {
	const tag = `W/"2-x"`
	for name, test := range map[string]struct {
		method string
		header http.Header
		fresh  bool
	}{
		"nothing":             {"GET", nil, false},
		"the tag":             {"GET", http.Header{"If-None-Match": {`W/"2-x"`}}, true},
		"the tag, by HEAD":    {"HEAD", http.Header{"If-None-Match": {`W/"2-x"`}}, true},
		"the strong tag":      {"GET", http.Header{"If-None-Match": {`"2-x"`}}, true},
		"one of several":      {"GET", http.Header{"If-None-Match": {`"1-y" , W/"2-x"`}}, true},
		"one of two lines":    {"GET", http.Header{"If-None-Match": {`"1-y"`, `W/"2-x"`}}, true},
		"any":                 {"GET", http.Header{"If-None-Match": {`*`}}, true},
		"another":             {"GET", http.Header{"If-None-Match": {`W/"2-y"`}}, false},
		"any among others":    {"GET", http.Header{"If-None-Match": {`"1-y", *`}}, false},
		"the tag, by POST":    {"POST", http.Header{"If-None-Match": {`*`}}, false},
		"a fresh one":         {"GET", http.Header{"If-None-Match": {`*`}, "Cache-Control": {"max-age=0, no-cache"}}, false},
		"no fresh one":        {"GET", http.Header{"If-None-Match": {`*`}, "Cache-Control": {"x-no-cache"}}, true},
		"by its date alone":   {"GET", http.Header{"If-Modified-Since": {"Sun, 22 Nov 2026 12:00:00 GMT"}}, false},
		"by its date as well": {"GET", http.Header{"If-None-Match": {`*`}, "If-Modified-Since": {"Sun, 22 Nov 2026 12:00:00 GMT"}}, false},
	} {
		r := httptest.NewRequest(test.method, "/", nil)
		maps.Copy(r.Header, test.header)
		if got := isFresh(r, tag); got != test.fresh {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// As the library http-status-codes has them for those that a gateway sends.
func TestPhrases(t *testing.T) {
	for status, want := range map[int]string{
		400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
		413: "Request Entity Too Large", 414: "Request-URI Too Long", 415: "Unsupported Media Type", 425: "Too Early",
		429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error", 502: "Bad Gateway",
		503: "Service Unavailable", 504: "Gateway Timeout",
	} {
		if got := phrase(status); got != want {
			t.Errorf("%d: %q", status, got)
		}
	}
}

func TestEmptyBodyHasItsTag(t *testing.T) {
	if got := entityTag(nil); got != `W/"0-2jmj7l5rSw0yVb/vlWAYkK/YBwk"` {
		t.Error(got)
	}
}
