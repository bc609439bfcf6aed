package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/bench/secrets"
)

// recorder answers with a status and keeps what the requests carried.
type recorder struct {
	mu     sync.Mutex
	bearer map[string]int
	conns  map[string]bool
}

func record(t *testing.T, status int) (*recorder, *pool) {
	t.Helper()
	r := &recorder{bearer: make(map[string]int), conns: make(map[string]bool)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.bearer[strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer ")]++
		r.conns[request.RemoteAddr] = true
		w.WriteHeader(status)
		_, _ = w.Write([]byte("answer"))
	}))
	t.Cleanup(s.Close)
	p, err := newPool(s.Listener.Addr().String(), 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.close() })
	return r, p
}

func TestLoadSendsEachNumberOnceOverKeptConnections(t *testing.T) {
	r, p := record(t, http.StatusOK)
	distinct := works(managed, managed, "")[1]
	l, err := p.run(t.Context(), distinct, http.StatusOK, 100, 50)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.latencies) != 50 {
		t.Errorf("%d latencies of 50 requests", len(l.latencies))
	}
	for n := uint64(100); n < 150; n++ {
		if r.bearer[secrets.Token(n)] != 1 {
			t.Errorf("token %d came %d times", n, r.bearer[secrets.Token(n)])
		}
	}
	if len(r.bearer) != 50 || len(r.conns) > 3 {
		t.Errorf("%d tokens over %d connections, want 50 over 3", len(r.bearer), len(r.conns))
	}
}

func TestRotationOfFamiliesUsesEachToken(t *testing.T) {
	account := &personal{server: new(server), owner: "owner", families: []family{{"x", "a"}, {"x", "b"}, {"y", "c"}}}
	works := account.works()
	seen := make(map[string]bool)
	for n := range uint64(7) {
		_, rest, _ := strings.Cut(string(works[1].request("host", n)), "X-Auth-Token: ")
		token, _, _ := strings.Cut(rest, "\r\n")
		seen[token] = true
	}
	if len(seen) != 3 || !seen["a"] || !seen["b"] || !seen["c"] {
		t.Errorf("the tokens are %v", seen)
	}
	if got := string(works[0].request("host", 1)); !strings.Contains(got, "X-Auth-Token: owner\r\n") || !strings.HasSuffix(got, "\r\n\r\n") {
		t.Errorf("the repeated request is %q", got)
	}
}

func TestLoadFailsOnAnUnexpectedAnswer(t *testing.T) {
	_, p := record(t, http.StatusServiceUnavailable)
	if _, err := p.run(t.Context(), works(managed, managed, "")[0], http.StatusOK, 0, 10); err == nil {
		t.Error("ten answers 503 where 200 was expected are no error")
	}
}

// TestCPUCountsTheOtherProcess keeps the figure that everything rests on honest: a
// process that works gains CPU time, by its own account, and no more.
func TestCPUCountsTheOtherProcess(t *testing.T) {
	cmd := exec.Command("sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; read -r wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	s := &server{cmd: cmd}
	got, err := s.cpu()
	if err != nil {
		t.Fatal(err)
	}
	resident, err := s.memory()
	if err != nil || resident.mapped+resident.own == 0 {
		t.Errorf("resident memory of a running shell: %+v, %v", resident, err)
	}
	in.Close()
	_ = cmd.Wait() // the shell's read fails at the end of its input
	want := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if got < want*8/10 || got > want*12/10 {
		t.Errorf("%v while it ran, %v when it had ended", got, want)
	}
}

func TestSitesDifferInTheGateOnly(t *testing.T) {
	s := &server{address: "127.0.0.1:1", admin: "127.0.0.1:2", directory: os.TempDir()}
	bare := caddyfile(bareSite, s, "127.0.0.1:3", "store")
	gated := caddyfile(gatewaySite, s, "127.0.0.1:3", "store")
	for _, line := range strings.Split(bare, "\n") {
		if !strings.Contains(gated, line) {
			t.Errorf("bare Caddy has a line of its own: %q", line)
		}
	}
	for name, text := range map[string]string{"bare": bare, "gateway": gated} {
		if strings.Contains(text, "{ADDRESS}") || strings.Contains(text, "{UPSTREAM}") || strings.Contains(text, "{STORE}") {
			t.Errorf("%s: a placeholder is left in\n%s", name, text)
		}
	}
}
