package harness

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Node is a running Node.js process with the npm client of personal data accounts,
// @dataswift/hat-js, unmodified. hatjs/driver.js says what it can be asked.
type Node struct {
	tb    testing.TB
	mu    sync.Mutex
	stdin io.WriteCloser
	last  int
	wait  map[int]chan nodeReply
	ended bool
}

// NodeError is what the npm client threw.
type NodeError struct {
	Cause, Message string
	// Status is the HTTP status of the answer, or 0 if the call never left.
	Status int
}

func (e *NodeError) Error() string {
	return fmt.Sprintf("%s: %s (status %d)", e.Cause, e.Message, e.Status)
}

// NodeAnswer is what a call of the npm client gave: an HTTP answer, or the Value of a
// function that needs none.
type NodeAnswer struct {
	Status int
	// Token is the refreshed one of the answer, empty if it had none.
	Token string
	Body  json.RawMessage
	Value json.RawMessage
}

type nodeReply struct {
	ID     int
	Result NodeAnswer
	Error  *NodeError
}

var installHatJS sync.Once

// StartNode runs the driver until the test ends. The client is installed on first
// use, into hatjs/node_modules. Where there is no Node.js the test is skipped, or
// fails if $GATEHOUSE_CI is set.
func StartNode(tb testing.TB) *Node {
	tb.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if os.Getenv("GATEHOUSE_CI") != "" {
			tb.Fatalf("no %s in PATH", program)
		}
		tb.Skipf("no %s in PATH", program)
	}
	folder := filepath.Join(Root(tb), "e2e", "hatjs")
	installHatJS.Do(func() {
		if out, err := exec.Command(filepath.Join(folder, "install.sh")).CombinedOutput(); err != nil {
			tb.Fatalf("installing the npm client: %v\n%s", err, out)
		}
	})

	n := &Node{tb: tb, wait: make(map[int]chan nodeReply)}
	cmd := exec.Command("node", filepath.Join(folder, "driver.js"))
	// A proxy of the machine's would swallow calls to 127.0.0.1.
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "NODE_OPTIONS=")
	var stderr output
	cmd.Stderr = &stderr
	var err error
	if n.stdin, err = cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("starting Node.js: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.read(stdout)
	}()
	tb.Cleanup(func() {
		n.stdin.Close()
		<-done
		if err := cmd.Wait(); err != nil {
			tb.Errorf("the npm client's driver ended with %v\n%s", err, stderr.String())
		}
		if tb.Failed() {
			tb.Logf("the npm client's driver said\n%s", lastLines(stderr.String(), 20))
		}
	})
	return n
}

// read hands each reply to who waits for it, until the driver ends.
func (n *Node) read(stdout io.Reader) {
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		var reply nodeReply
		if err == nil {
			err = json.Unmarshal(line, &reply)
		}
		n.mu.Lock()
		if err != nil {
			n.ended = true
			for _, waiting := range n.wait {
				close(waiting)
			}
			n.wait = nil
			n.mu.Unlock()
			_, _ = io.Copy(io.Discard, lines) // so that it never waits for its reader
			return
		}
		waiting := n.wait[reply.ID]
		delete(n.wait, reply.ID)
		n.mu.Unlock()
		if waiting != nil {
			waiting <- reply
		}
	}
}

// ask sends one request and waits for its reply, a minute at most. Calls of several
// goroutines run in parallel.
func (n *Node) ask(request map[string]any) (NodeAnswer, error) {
	n.tb.Helper()
	reply := make(chan nodeReply, 1)
	n.mu.Lock()
	if n.ended {
		n.mu.Unlock()
		return NodeAnswer{}, &NodeError{Message: "the driver has ended"}
	}
	n.last++
	request["id"] = n.last
	n.wait[n.last] = reply
	line, err := json.Marshal(request)
	if err == nil {
		_, err = n.stdin.Write(append(line, '\n'))
	}
	n.mu.Unlock()
	if err != nil {
		return NodeAnswer{}, &NodeError{Message: err.Error()}
	}
	select {
	case got, ok := <-reply:
		if !ok {
			return NodeAnswer{}, &NodeError{Message: "the driver ended before it answered"}
		}
		if got.Error != nil {
			return NodeAnswer{}, got.Error
		}
		return got.Result, nil
	case <-time.After(time.Minute):
		return NodeAnswer{}, &NodeError{Message: "no answer within a minute"}
	}
}

// HatClient is one client object in Node.js, as an application makes it.
type HatClient struct {
	node *Node
	name string
}

// HatClient makes a client with a token, for API version v2.6 over plain HTTP. An
// empty token makes one that is not signed in. The client decides from the token's iss
// where it calls.
func (n *Node) HatClient(token string) *HatClient {
	n.tb.Helper()
	n.mu.Lock()
	name := fmt.Sprintf("client %d", n.last)
	n.mu.Unlock()
	config := map[string]any{"apiVersion": "v2.6", "secure": false}
	if token != "" {
		config["token"] = token
	}
	if _, err := n.ask(map[string]any{"op": "open", "client": name, "config": config}); err != nil {
		n.tb.Fatalf("making a client: %v", err)
	}
	return &HatClient{n, name}
}

// Try calls a method of one of the client's parts, such as hatData and create.
func (c *HatClient) Try(api, method string, args ...any) (NodeAnswer, error) {
	c.node.tb.Helper()
	if args == nil {
		args = []any{}
	}
	return c.node.ask(map[string]any{"op": "call", "client": c.name, "api": api, "method": method, "args": args})
}

// Call is Try for a call that must succeed.
func (c *HatClient) Call(api, method string, args ...any) NodeAnswer {
	c.node.tb.Helper()
	got, err := c.Try(api, method, args...)
	if err != nil {
		c.node.tb.Fatalf("%s.%s: %v", api, method, err)
	}
	return got
}

// Tokens returns what the client's onTokenChange was given, in order.
func (c *HatClient) Tokens() []string {
	c.node.tb.Helper()
	got, err := c.node.ask(map[string]any{"op": "tokens", "client": c.name})
	if err != nil {
		c.node.tb.Fatalf("reading the tokens: %v", err)
	}
	var tokens []string
	if err := json.Unmarshal(got.Value, &tokens); err != nil {
		c.node.tb.Fatalf("reading the tokens: %v", err)
	}
	return tokens
}
