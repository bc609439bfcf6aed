package harness

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// The tests of the gateway say "this never reached the upstream". That is worth
// something only if the upstream records everything.
func TestUpstreamRecordsEveryByte(t *testing.T) {
	u := NewUpstream(t, nil)
	raw := "POST /a%2Fb//c?q=1&q=2 HTTP/1.1\r\nhost: x\r\nx-MIXED: One\r\nX-Mixed:  two\r\n" +
		"Transfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n3\r\nabc\r\n0\r\nX-Late: v\r\n\r\n"
	c := Dial(t, u.Addr)
	for range 2 { // the second one on the same connection is its own record
		c.Write(raw)
		if got := c.Read("POST"); got.Status != 200 || got.Body != "{}" {
			t.Fatalf("got %+v", got)
		}
	}
	all := u.Requests()
	if len(all) != 2 {
		t.Fatalf("recorded %d requests, want 2", len(all))
	}
	for _, s := range all {
		if s.Raw != raw || s.Line != "POST /a%2Fb//c?q=1&q=2 HTTP/1.1" || s.Body != "abc" ||
			s.Trailer.Get("X-Late") != "v" || len(s.Header["X-Mixed"]) != 2 {
			t.Errorf("recorded %+v", s)
		}
	}
	if u.Wire() != raw+raw {
		t.Errorf("the wire saw %q", u.Wire())
	}
}

func TestWireHoldsWhatTheServerCannotRead(t *testing.T) {
	u := NewUpstream(t, nil)
	if got := Send(t, u.Addr, "GET / HTTP/1.1\r\nBad Header\r\n\r\n"); got.Status != 400 {
		t.Fatalf("got %+v", got)
	}
	if len(u.Requests()) != 0 || !strings.Contains(u.Wire(), "Bad Header") {
		t.Errorf("requests %v, wire %q", u.Requests(), u.Wire())
	}
}

func TestStreamSendsLineByLine(t *testing.T) {
	lines := make(chan string)
	u := NewUpstream(t, Stream(lines))
	res, err := http.Get("http://" + u.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	read := bufio.NewReader(res.Body)
	for _, want := range []string{`{"a":1}`, `{"b":2}`} {
		lines <- want
		if got, err := read.ReadString('\n'); err != nil || got != want+"\n" {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	close(lines)
}

func TestCrashIsSeen(t *testing.T) {
	for text, want := range map[string]bool{
		"panic: runtime error: index out of range":           true,
		"INFO ok\nfatal error: concurrent map writes\n":      true,
		"http: panic serving 127.0.0.1:1: boom":              true,
		"goroutine 7 [running]:":                             true,
		`{"msg":"handled request","uri":"/panic: at disco"}`: false,
	} {
		if got := crash.MatchString(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestListenersAreCounted(t *testing.T) {
	l, err := net.Listen("tcp", Address(t))
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat("/proc/net/tcp")
	if got := listeners(l.Addr().String()); err == nil && got != 1 {
		t.Errorf("counted %d, want 1", got)
	}
	l.Close()
	if got := listeners(l.Addr().String()); got != 0 {
		t.Errorf("counted %d after it was closed", got)
	}
}
