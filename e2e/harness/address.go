package harness

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var given struct {
	sync.Mutex
	addrs map[string]bool
}

// Address returns a free 127.0.0.1:port that no earlier call returned.
func Address(tb testing.TB) string {
	tb.Helper()
	given.Lock()
	defer given.Unlock()
	if given.addrs == nil {
		given.addrs = make(map[string]bool)
	}
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatalf("looking for a free port: %v", err)
		}
		addr := l.Addr().String()
		l.Close()
		if !given.addrs[addr] {
			given.addrs[addr] = true
			return addr
		}
	}
	tb.Fatal("no free port on 127.0.0.1")
	return ""
}

// listeners counts the sockets that listen on a 127.0.0.1 address, or 0 where the
// system does not tell. Caddy's old and new configuration share a port while they
// change (SO_REUSEPORT).
func listeners(addr string) int {
	_, port, _ := net.SplitHostPort(addr)
	number, _ := strconv.Atoi(port)
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0
	}
	const listening = "00000000:0000 0A"
	return strings.Count(string(table), fmt.Sprintf("0100007F:%04X %s", number, listening))
}

// Eventually polls until the condition holds, and fails the test with what after 20
// seconds. The machine may be busy: a condition that holds at once costs nothing.
func Eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("waited 20 s in vain: %s", what)
		}
	}
}
