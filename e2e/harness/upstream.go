package harness

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Upstream is a server behind the gateway that keeps every request just as it came.
type Upstream struct {
	// Addr is its 127.0.0.1:port.
	Addr string

	server *httptest.Server
	mu     sync.Mutex
	seen   []Seen
	conns  []*recordingConn
}

// Seen is one request that reached the upstream.
type Seen struct {
	// Raw is every byte of it: request line, header, body as sent, trailer.
	Raw string
	// Line is the request line without its end.
	Line string
	// Header and Trailer are as Go reads them.
	Header, Trailer http.Header
	// Host is the Host header.
	Host string
	// Body is the body without its transfer coding.
	Body string
}

// NewUpstream starts an upstream that answers as the handler says; nil answers an
// empty JSON object. The request's body has been read and can be read again. It
// stops when the test ends.
func NewUpstream(tb testing.TB, handler http.HandlerFunc) *Upstream {
	tb.Helper()
	if handler == nil {
		handler = JSON(`{}`)
	}
	u := &Upstream{}
	u.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.record(r)
		handler(w, r)
	}))
	u.server.Listener = recordingListener{u.server.Listener, u}
	u.server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	u.server.Start()
	u.Addr = u.server.Listener.Addr().String()
	tb.Cleanup(u.server.Close)
	return u
}

// Close stops the upstream before the test ends.
func (u *Upstream) Close() { u.server.Close() }

func (u *Upstream) record(r *http.Request) {
	body, _ := io.ReadAll(r.Body) // then r.Trailer is complete
	r.Body = io.NopCloser(bytes.NewReader(body))
	raw := r.Context().Value(connKey{}).(*recordingConn).take()
	line, _, _ := strings.Cut(raw, "\r\n")
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen = append(u.seen, Seen{raw, line, r.Header.Clone(), r.Trailer.Clone(), r.Host, string(body)})
}

// Requests returns what has reached the upstream, in order, since the last Forget.
func (u *Upstream) Requests() []Seen {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]Seen(nil), u.seen...)
}

// Last returns the newest request, and fails the test if there is none.
func (u *Upstream) Last(tb testing.TB) Seen {
	tb.Helper()
	all := u.Requests()
	if len(all) == 0 {
		tb.Fatal("no request reached the upstream")
	}
	return all[len(all)-1]
}

// Forget drops what was recorded.
func (u *Upstream) Forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen = nil
}

// Wire returns every byte that ever reached the upstream, also of requests that its
// server could not read.
func (u *Upstream) Wire() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all strings.Builder
	for _, c := range u.conns {
		all.WriteString(c.all())
	}
	return all.String()
}

type connKey struct{}

type recordingListener struct {
	net.Listener
	u *Upstream
}

func (l recordingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	rc := &recordingConn{Conn: c}
	l.u.mu.Lock()
	defer l.u.mu.Unlock()
	l.u.conns = append(l.u.conns, rc)
	return rc, nil
}

// recordingConn keeps what is read from it. The gateway does not pipeline, so the
// bytes since the last request are those of the current one.
type recordingConn struct {
	net.Conn
	mu   sync.Mutex
	text []byte
	from int
}

func (c *recordingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, p[:n]...)
	return n, err
}

func (c *recordingConn) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	raw := string(c.text[c.from:])
	c.from = len(c.text)
	return raw
}

func (c *recordingConn) all() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.text)
}
