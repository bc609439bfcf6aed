package e2e

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// anotherSite is deltaSite without the gate; the admin endpoint and port stay.
const anotherSite = `
{
	admin {$ADMIN}
	default_bind 127.0.0.1
	persist_config off
}
http://{$GATE} {
	respond "another site"
}
`

// call is a request that a client repeats.
type call struct {
	name, method, target, body, auth string
	want                             string // in the answer
}

// repeat sends a call over and over until done is closed, and counts how often it
// was answered as it should be. Any other answer fails the test.
//
// A connection that ends without an answer does not: at a reload Caddy closes the
// old listener with what waits to be accepted there, gate or no gate (measured with
// Caddy 2.11.9 and nothing but reverse_proxy). The clients in use connect again.
func (g *gateway) repeat(t *testing.T, c call, done <-chan struct{}, served *atomic.Int64) {
	client := http.Client{Transport: &http.Transport{}}
	broken := 0
	for {
		select {
		case <-done:
			return
		default:
		}
		r, err := http.NewRequest(c.method, "http://"+g.Gate+c.target, strings.NewReader(c.body))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Authorization", strings.TrimPrefix(c.auth, "Authorization: "))
		res, err := client.Do(r)
		if err != nil {
			if broken++; broken > 5 {
				t.Errorf("%s: no connection holds: %v", c.name, err)
				return
			}
			continue
		}
		broken = 0
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 || !strings.Contains(string(text), c.want) {
			t.Errorf("%s: got %d %s, %v", c.name, res.StatusCode, text, err)
			return
		}
		served.Add(1)
	}
}

func TestReloadsUnderLoadFailNoRequest(t *testing.T) {
	g := startGateway(t, harness.JSON(`{"items":[{"name":"sales"},{"name":"finance"}]}`))
	m := g.manager(t, "acme")
	calls := []call{
		{"data", "GET", metadata, "", g.bearer, `"finance"`},
		{"query", "POST", query, `{"limitHint":1}`, g.bearer, `"finance"`},
		{"listing", "GET", listing, "", g.bearer, `{"items":[{"name":"sales"}]}`},
		{"credentials", "GET", "/dds-tokens", "", m.auth, `"ACTIVE"`},
		{"a change of credentials", "PATCH", "/dds-tokens", endingIn(99999999), m.auth, `"ACTIVE"`},
	}
	var (
		served  = make([]atomic.Int64, len(calls))
		running sync.WaitGroup
		done    = make(chan struct{})
	)
	for i, c := range calls {
		running.Go(func() { g.repeat(t, c, done, &served[i]) })
	}
	for i := range 50 {
		before := served[0].Load()
		// Every other one differs, so that the gate is built with other settings.
		status, text := g.Load(strings.Replace(deltaSite, "credentials_api", fmt.Sprintf("token_lifetime %dd\n credentials_api", 80+i%2), 1))
		if status != 200 {
			t.Fatalf("reload %d: got %d %s", i, status, text)
		}
		harness.Eventually(t, "calls go on", func() bool { return t.Failed() || served[0].Load() > before+2 })
	}
	close(done)
	running.Wait()
	for i, c := range calls {
		if served[i].Load() < 50 {
			t.Errorf("%s was called %d times only", c.name, served[i].Load())
		}
	}
	for line := range strings.Lines(g.Output()) {
		if strings.Contains(line, `"level":"error"`) || strings.Contains(strings.ToLower(line), "cannot acquire") || strings.Contains(line, "DB Closed") {
			t.Errorf("the log says %s", line)
		}
	}
}

// Caddy does not wait at a reload for requests that run: they go on without what
// they began with.
func TestRunningRequestsOutliveTheirStore(t *testing.T) {
	for _, tc := range []struct{ name, next string }{
		{"the gate is taken away", anotherSite},
		{"the store is moved", strings.Replace(deltaSite, "{$DIR}/store", "{$DIR}/elsewhere", 1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lines := make(chan string)
			held := make(chan struct{})
			g := startGateway(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/shares"):
					<-held
					harness.JSON(`{"items":[{"name":"sales"}]}`)(w, r)
				case strings.HasSuffix(r.URL.Path, "/metadata"):
					harness.JSON(`{}`)(w, r)
				default:
					harness.Stream(lines)(w, r)
				}
			})
			// One answer is being streamed; one listing has been asked for.
			_, read := g.open(t, "POST", query, `{}`)
			push(t, lines, "1")
			if got, err := read.ReadString('\n'); got != "1\n" {
				t.Fatalf("got %q, %v", got, err)
			}
			listed := make(chan harness.Answer)
			go func() { listed <- g.send(t, "GET", listing, g.bearer) }()
			harness.Eventually(t, "the listing waits", func() bool { return len(g.upstream.Requests()) == 2 })

			if status, text := g.Load(tc.next); status != 200 {
				t.Fatalf("got %d %s", status, text)
			}
			if got := g.send(t, "GET", metadata, g.bearer); strings.Contains(got.Body, "{}") {
				t.Errorf("the new configuration answers %d %s to an old token", got.Status, got.Body)
			}
			push(t, lines, "2")
			if got, err := read.ReadString('\n'); got != "2\n" {
				t.Errorf("after the reload the stream says %q, %v", got, err)
			}
			close(lines)
			if rest, err := io.ReadAll(read); err != nil || len(rest) != 0 {
				t.Errorf("the stream ends with %q, %v", rest, err)
			}
			close(held)
			if got := <-listed; got.Status != 200 || got.Body != `{"items":[{"name":"sales"}]}` {
				t.Errorf("the listing that waited: got %d %s", got.Status, got.Body)
			}

			if status, text := g.Load(deltaSite); status != 200 {
				t.Fatalf("back again: got %d %s", status, text)
			}
			g.wantStatus(t, 200, "GET", metadata, g.bearer)
			g.Gatehouse("recipient", "revoke", "acme")
			g.wantStatus(t, 401, "GET", metadata, g.bearer)
		})
	}
}

func TestFailedReloadLeavesTheOldConfigurationAtWork(t *testing.T) {
	g := startGateway(t, nil)
	for _, tc := range []struct{ name, next, says string }{
		{"does not parse", strings.Replace(deltaSite, "gatehouse delta", "gatehouse gamma", 1), "there is no scheme"},
		{"does not provision", strings.Replace(deltaSite, "{$ROOT}/examples/delta/token", "/nonexistent/token", 1), "upstream_token"},
		{"does not start", strings.Replace(deltaSite, "{$DIR}/store", "/dev/null/store", 1), "/dev/null"},
		{"another part does not start", strings.Replace(deltaSite, "http://:{$GATE_PORT}", "http://192.0.2.1:{$GATE_PORT} {\n bind 192.0.2.1\n}\nhttp://:{$GATE_PORT}", 1), "192.0.2.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, text := g.Load(tc.next)
			if status != 400 || !strings.Contains(text, tc.says) {
				t.Errorf("got %d %s, want 400 with %s", status, text, tc.says)
			}
			// Data, and the admin API of the configuration that runs.
			g.wantStatus(t, 200, "GET", metadata, g.bearer)
			name := "made-after-" + strings.ReplaceAll(tc.name, " ", "-")
			fresh := bearer(g.activate(t, g.createRecipient(t, name, "sales")))
			g.wantStatus(t, 200, "GET", metadata, fresh)
			g.Gatehouse("recipient", "revoke", name)
			g.wantStatus(t, 401, "GET", metadata, fresh)
		})
	}
	if res := g.Reload(deltaSite); res.Code != 0 {
		t.Errorf("the next good reload failed: %s", res.Stderr)
	}
	g.wantStatus(t, 200, "GET", metadata, g.bearer)
}

func TestValidateWorksBesideTheRunningServer(t *testing.T) {
	g := startGateway(t, nil)
	res := g.Command("", "validate", "--adapter", "caddyfile", "--config", g.Config())
	if res.Code != 0 || !strings.Contains(res.Stdout+res.Stderr, "Valid configuration") {
		t.Errorf("validate: exit code %d\n%s%s", res.Code, res.Stdout, res.Stderr)
	}
	g.wantStatus(t, 200, "GET", metadata, g.bearer)
}

func TestSecondProcessOnTheSameStoreSaysSo(t *testing.T) {
	g := startGateway(t, nil)
	second := harness.New(t, deltaSite, harness.Env{"UPSTREAM": g.upstream.Addr, "DIR": g.Dir})
	res := second.Command("", "run", "--adapter", "caddyfile", "--config", second.Config())
	if res.Code == 0 || !strings.Contains(res.Stderr, g.Dir+"/store") || !strings.Contains(res.Stderr, "another process") {
		t.Errorf("exit code %d\n%s", res.Code, res.Stderr)
	}
	g.wantStatus(t, 200, "GET", metadata, g.bearer)
}

// counter reads a metric of Caddy's admin endpoint.
func (g *gateway) counter(t *testing.T, series string) float64 {
	t.Helper()
	res, err := http.Get("http://" + g.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindSubmatch(text)
	if match == nil {
		return 0
	}
	value, err := strconv.ParseFloat(string(match[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestMetricsSurviveAReload(t *testing.T) {
	g := startGateway(t, nil)
	const (
		allow = `gatehouse_decisions_total{decision="allow",reason="allowed_grant",scheme="delta"}`
		deny  = `gatehouse_decisions_total{decision="deny",reason="bad_credential",scheme="delta"}`
		took  = `gatehouse_request_duration_seconds_count{decision="deny",scheme="delta"}`
	)
	ask := func() {
		g.wantStatus(t, 200, "GET", metadata, g.bearer)
		g.wantStatus(t, 401, "GET", metadata, bearer("nonsense"))
	}
	ask()
	if a, d := g.counter(t, allow), g.counter(t, deny); a != 1 || d != 1 {
		t.Fatalf("counted are %v and %v, want 1 and 1", a, d)
	}
	for range 3 {
		if status, text := g.Load(deltaSite); status != 200 {
			t.Fatalf("got %d %s", status, text)
		}
		ask()
	}
	if a, d, n := g.counter(t, allow), g.counter(t, deny), g.counter(t, took); a != 4 || d != 4 || n != 4 {
		t.Errorf("after reloads counted are %v, %v and %v, want 4 each", a, d, n)
	}
}
