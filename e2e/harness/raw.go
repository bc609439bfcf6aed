package harness

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Answer is one response as it came over the wire. Status 0 means that the server
// closed the connection without one.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Conn is a plain connection to a server, on which any bytes can be said.
type Conn struct {
	tb   testing.TB
	conn net.Conn
	read *bufio.Reader
}

// Dial opens a connection that is closed when the test ends. It gives up on a server
// that says nothing for 20 seconds.
func Dial(tb testing.TB, addr string) *Conn {
	tb.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatalf("connecting: %v", err)
	}
	tb.Cleanup(func() { conn.Close() })
	return &Conn{tb, conn, bufio.NewReader(conn)}
}

// Write sends the bytes as they are. A server that has refused already and closed is
// no failure: its answer is what counts.
func (c *Conn) Write(raw string) {
	_, _ = io.WriteString(c.conn, raw)
}

// Read returns the next final response; 1xx ones are skipped. Its body ends where its
// headers say. method is that of the request: the answer to HEAD has no body.
func (c *Conn) Read(method string) Answer {
	c.tb.Helper()
	c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		res, err := http.ReadResponse(c.read, &http.Request{Method: method})
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err) {
			return Answer{}
		}
		if err != nil {
			c.tb.Fatalf("reading the response: %v", err)
		}
		if res.StatusCode < 200 && res.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		if res.StatusCode == http.StatusSwitchingProtocols {
			return Answer{Status: res.StatusCode, Header: res.Header}
		}
		body, err := io.ReadAll(res.Body)
		if err != nil && !isReset(err) {
			c.tb.Fatalf("reading the response body: %v", err)
		}
		res.Body.Close()
		return Answer{res.StatusCode, res.Header, string(body)}
	}
}

// Rest returns what the server says until it closes the connection.
func (c *Conn) Rest() string {
	c.tb.Helper()
	c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	rest, err := io.ReadAll(c.read)
	if err != nil && !isReset(err) {
		c.tb.Fatalf("reading to the end: %v", err)
	}
	return string(rest)
}

// Close ends the connection, as a client that gives up does.
func (c *Conn) Close() { c.conn.Close() }

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// Send opens a connection, says the bytes and returns the first final response.
func Send(tb testing.TB, addr, raw string) Answer {
	tb.Helper()
	c := Dial(tb, addr)
	defer c.Close()
	c.Write(raw)
	method, _, _ := strings.Cut(raw, " ")
	return c.Read(method)
}

// Request spells an HTTP/1.1 request without a body, line by line as given: nothing
// is sorted, escaped or made canonical. Without a Host line among the headers, it
// gets the one of host.
func Request(method, target, host string, headers ...string) string {
	var raw strings.Builder
	fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\n", method, target)
	hasHost := false
	for _, h := range headers {
		hasHost = hasHost || strings.HasPrefix(strings.ToLower(h), "host:")
	}
	if !hasHost {
		fmt.Fprintf(&raw, "Host: %s\r\n", host)
	}
	for _, h := range headers {
		raw.WriteString(h + "\r\n")
	}
	raw.WriteString("\r\n")
	return raw.String()
}
