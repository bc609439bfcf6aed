package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

const (
	query    = "/delta-sharing/shares/sales/schemas/retail/tables/orders/query"
	listing  = "/delta-sharing/shares"
	plainNDJ = "application/x-ndjson; charset=utf-8"
)

// patient gives up on an answer that does not come, so that a gate that held lines
// back would fail a test and not hang it.
var patient = http.Client{Timeout: 20 * time.Second}

// push makes a harness.Stream send a line.
func push(t *testing.T, lines chan<- string, line string) {
	t.Helper()
	select {
	case lines <- line:
	case <-time.After(20 * time.Second):
		t.Fatalf("nobody asks the upstream for the line %.100q", line)
	}
}

// open starts a request whose answer is read as it comes.
func (g *gateway) open(t *testing.T, method, target, body string) (*http.Response, *bufio.Reader) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+g.Gate+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", strings.TrimPrefix(g.bearer, "Authorization: "))
	res, err := patient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res, bufio.NewReader(res.Body)
}

func TestLinesArriveAsTheServerSendsThem(t *testing.T) {
	lines := make(chan string)
	g := startGateway(t, harness.Stream(lines))
	// The header arrives before the first line, and each line before the next is sent.
	res, read := g.open(t, "POST", query, `{}`)
	if res.StatusCode != 200 || res.Header.Get("Delta-Table-Version") != "0" || res.Header.Get("Content-Type") != plainNDJ {
		t.Fatalf("got %d %v", res.StatusCode, res.Header)
	}
	for _, want := range []string{`{"protocol":{}}`, `{"metaData":{}}`, `{"file":{"url":"` + strings.Repeat("x", 1<<20) + `"}}`, `{"endStreamAction":{}}`} {
		push(t, lines, want)
		if got, err := read.ReadString('\n'); err != nil || got != want+"\n" {
			t.Fatalf("got %.100q, %v; want %.100q", got, err, want)
		}
	}
	close(lines)
	if rest, err := io.ReadAll(read); err != nil || len(rest) > 0 {
		t.Errorf("at the end: %q, %v", rest, err)
	}
}

func TestStreamThatBreaksOffIsNotWholeForTheClient(t *testing.T) {
	g := startGateway(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", plainNDJ)
		_, _ = io.WriteString(w, `{"protocol":{}}`+"\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // cuts the connection
	})
	_, read := g.open(t, "POST", query, `{}`)
	got, err := io.ReadAll(read)
	if string(got) != `{"protocol":{}}`+"\n" || err == nil {
		t.Errorf("the client read %q, %v; want the first line and then an error", got, err)
	}

	t.Run("a listing is refused whole", func(t *testing.T) {
		got := g.wantStatus(t, 502, "GET", listing, g.bearer)
		if !strings.Contains(got.Body, `"errorCode":"UPSTREAM_ERROR"`) || strings.Contains(got.Body, "protocol") {
			t.Errorf("the client is told %s", got.Body)
		}
	})
}

func TestFailuresOfTheServerBehindAreNotTheClients(t *testing.T) {
	plain := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "details of the server behind")
		}
	}
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		down    bool
		says    string
	}{
		{"refuses the gateway's token", harness.PlainUnauthorized, false, "refused the gateway"},
		{"asks a proxy to authenticate", plain(407), false, "refused the gateway"},
		{"is down", nil, true, "cannot be reached"},
		{"hangs up at once", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, "cannot be reached"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := startGateway(t, tc.handler)
			if tc.down {
				g.upstream.Close()
			}
			for _, target := range []string{"POST " + query, "GET " + metadata, "GET " + listing} {
				method, path, _ := strings.Cut(target, " ")
				got := g.sendBody(t, method, path, "", g.bearer)
				if got.Status != 502 || got.Header.Get("Content-Type") != "application/json; charset=utf-8" ||
					!strings.Contains(got.Body, `"errorCode":"UPSTREAM_ERROR"`) || !strings.Contains(got.Body, tc.says) {
					t.Errorf("%s: got %d %s %s", target, got.Status, got.Header.Get("Content-Type"), got.Body)
				}
				if got.Header.Get("WWW-Authenticate") != "" || strings.Contains(got.Body, "details") {
					t.Errorf("%s: the answer holds what the server behind said: %v %s", target, got.Header, got.Body)
				}
			}
		})
	}
}

func TestHeadersThatTheGatewayDoesNotKnowPassBothWays(t *testing.T) {
	g := startGateway(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"Content-Type": plainNDJ, "Delta-Table-Version": "12", "Fileidhash": "parquet",
			"Delta-Sharing-Capabilities": "responseformat=delta", "X-Of-The-Server": "yes", "Etag": `"1"`,
		} {
			w.Header().Set(name, value)
		}
		_, _ = io.WriteString(w, "{}\n")
	})
	const body = `{"predicateHints":["a = 'ä'"],"limitHint":1}`
	got := g.sendBody(t, "POST", query+"?x=%2F&y=a+b", body, g.bearer,
		"Content-Type: application/json; charset=utf-8",
		"delta-sharing-capabilities: responseformat=delta;readerfeatures=deletionvectors;includeendstreamaction=true",
		"fileidhash: PARQUET", "X-Of-The-Client: yes", "User-Agent: Delta-Sharing-Spark/3.2.0", "Accept-Encoding: gzip, br")
	if got.Status != 200 || got.Body != "{}\n" {
		t.Fatalf("got %d %q", got.Status, got.Body)
	}
	for name, want := range map[string]string{
		"Content-Type": plainNDJ, "Delta-Table-Version": "12", "Fileidhash": "parquet",
		"Delta-Sharing-Capabilities": "responseformat=delta", "X-Of-The-Server": "yes", "Etag": `"1"`,
	} {
		if have := got.Header.Values(name); len(have) != 1 || have[0] != want {
			t.Errorf("the client sees %s %q, want %q", name, have, want)
		}
	}
	seen := g.upstream.Last(t)
	if seen.Line != "POST "+query+"?x=%2F&y=a+b HTTP/1.1" || seen.Body != body {
		t.Errorf("the upstream was sent %q with %q", seen.Line, seen.Body)
	}
	for name, want := range map[string]string{
		"Delta-Sharing-Capabilities": "responseformat=delta;readerfeatures=deletionvectors;includeendstreamaction=true",
		"Fileidhash":                 "PARQUET", "X-Of-The-Client": "yes", "User-Agent": "Delta-Sharing-Spark/3.2.0",
		"Accept-Encoding": "gzip, br", "Content-Type": "application/json; charset=utf-8",
	} {
		if have := seen.Header.Values(name); len(have) != 1 || have[0] != want {
			t.Errorf("the upstream sees %s %q, want %q", name, have, want)
		}
	}
}

func TestHeadGetsHeadersAlone(t *testing.T) {
	g := startGateway(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Delta-Table-Version", "7")
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	})
	const table = "/delta-sharing/shares/sales/schemas/retail/tables/orders"
	if got := g.wantStatus(t, 200, "HEAD", table, g.bearer); got.Header.Get("Delta-Table-Version") != "7" {
		t.Errorf("got %v, want the table's version", got.Header)
	}
	g.wantStatus(t, 401, "HEAD", table)
	g.wantStatus(t, 404, "HEAD", strings.Replace(table, "sales", "finance", 1), g.bearer)
	link := g.createRecipient(t, "other", "sales")
	g.wantStatus(t, 200, "HEAD", g.target(t, link), "Accept: */*")
	if got := g.follow(t, link); got.Status != 200 {
		t.Errorf("HEAD used the link up: got %d %s", got.Status, got.Body)
	}
}

// raw returns an answer as it came over the wire, but for its date.
func (g *gateway) raw(t *testing.T, method, target string) string {
	t.Helper()
	c := harness.Dial(t, g.Gate)
	defer c.Close()
	c.Write(harness.Request(method, target, g.Gate, g.bearer, "Connection: close", "Content-Length: 0"))
	head, body, _ := strings.Cut(c.Rest(), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	kept := lines[:0]
	for _, line := range lines {
		if !strings.HasPrefix(line, "Date: ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\r\n") + "\r\n\r\n" + body
}

// An answer that differed would tell which names exist.
func TestMissingAndUngrantedAnswerAlike(t *testing.T) {
	g := startGateway(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Of-The-Server", "yes")
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Delta-Table-Version", "1")
		http.Error(w, "no "+r.URL.Path+" in /srv/data", http.StatusNotFound)
	})
	g.Gatehouse("recipient", "grant", "acme", "sales temporary-credentials")
	const table = "/delta-sharing/shares/SHARE/schemas/none/tables/none"
	for _, call := range []string{
		"GET /delta-sharing/shares/SHARE", "GET /delta-sharing/shares/SHARE/schemas", "GET /delta-sharing/shares/SHARE/all-tables",
		"GET /delta-sharing/shares/SHARE/schemas/none/tables", "HEAD " + table, "GET " + table + "/version",
		"GET " + table + "/metadata", "POST " + table + "/query", "GET " + table + "/changes?startingVersion=0",
		"POST " + table + "/queries/1", "POST " + table + "/temporary-table-credentials",
	} {
		method, target, _ := strings.Cut(call, " ")
		g.upstream.Forget()
		missing := g.raw(t, method, strings.Replace(target, "SHARE", "sales", 1))
		reaches := 1
		if strings.Contains(call, "/queries/") { // of an id that nobody was given
			reaches = 0
		}
		if n := len(g.upstream.Requests()); n != reaches {
			t.Errorf("%s: the granted call reached the upstream %d times, want %d", call, n, reaches)
		}
		g.upstream.Forget()
		ungranted := g.raw(t, method, strings.Replace(target, "SHARE", "finance", 1))
		g.wantNothingUpstream(t)
		if missing != ungranted || !strings.HasPrefix(missing, "HTTP/1.1 404 ") {
			t.Errorf("%s: what is missing answers\n%s\nwhat is not granted\n%s", call, missing, ungranted)
		}
	}
}

func TestCompressionIsLeftToWhereItCanBe(t *testing.T) {
	// Compresses whenever it may, as the reference server does, and sometimes when not.
	g := startGateway(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		text := `{"items":[{"name":"sales"},{"name":"finance"}],"nextPageToken":""}`
		if r.Header.Get("X-Unasked") != "" {
			w.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(w, text)
			return
		}
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			_, _ = io.WriteString(w, text)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = io.WriteString(zip, text)
		_ = zip.Close()
	})
	t.Run("a listing arrives plain and whole", func(t *testing.T) {
		got := g.wantStatus(t, 200, "GET", listing, g.bearer, "Accept-Encoding: gzip", "If-None-Match: *", "Range: bytes=0-9")
		if got.Body != `{"items":[{"name":"sales"}]}` || got.Header.Get("Content-Encoding") != "" {
			t.Errorf("got %v %q", got.Header, got.Body)
		}
		if seen := g.upstream.Last(t); seen.Header.Get("Range")+seen.Header.Get("If-None-Match") != "" {
			t.Errorf("the upstream was asked for a part, or for changes: %v", seen.Header)
		}
	})
	t.Run("a listing that is compressed unasked is refused", func(t *testing.T) {
		got := g.wantStatus(t, 502, "GET", listing, g.bearer, "X-Unasked: yes")
		if strings.Contains(got.Body, "finance") {
			t.Errorf("got %s", got.Body)
		}
	})
	t.Run("data passes as it is", func(t *testing.T) {
		got := g.wantStatus(t, 200, "GET", metadata, g.bearer, "Accept-Encoding: gzip")
		zip, err := gzip.NewReader(bytes.NewReader([]byte(got.Body)))
		if err != nil || got.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("got %v, %v", got.Header, err)
		}
		if text, err := io.ReadAll(zip); err != nil || !strings.Contains(string(text), "finance") {
			t.Errorf("got %s, %v", text, err)
		}
	})
}
