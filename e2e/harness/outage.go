package harness

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// outage is a server that a test can stop and run again, at the same address.
type outage struct {
	tb      testing.TB
	addr    string
	handler http.Handler
	server  *httptest.Server // nil while it is stopped
}

// Run starts a stopped server again, with what it knew.
func (o *outage) Run() {
	o.tb.Helper()
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		o.tb.Fatalf("starting a server again: %v", err)
	}
	o.server = httptest.NewUnstartedServer(o.handler)
	o.server.Listener.Close()
	o.server.Listener = listener
	o.server.Start()
}

// Stop makes the server unreachable, also over connections that are open.
func (o *outage) Stop() {
	if o.server != nil {
		o.server.CloseClientConnections()
		o.server.Close()
		o.server = nil
	}
}
