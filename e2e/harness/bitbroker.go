package harness

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
)

// BitBroker stands in for a BitBroker's coordinator, contributor and consumer servers, all
// at one address. It routes, answers, and calls its auth and rate services as the real one
// does, in the same order of steps, and with the real one's holes: it asks nobody who
// calls, takes no lock from one step to the next, ends no coordinator's token with its user
// and none with a policy, a connector or an entity type, ignores the status of its
// services' answers, and lets any contributor use any connector.
type BitBroker struct {
	*Upstream

	services string // address of its two services; empty: it has no registry
	client   *http.Client

	mu       sync.Mutex // of all below; held for one step of a call
	lastUser int
	users    map[int]*brokerUser
	policies map[string]json.RawMessage
	entities map[string]*brokerEntity
	sessions map[string]string          // contribution id -> id of its open session
	records  map[string]json.RawMessage // vendor's id -> record
	made     int
	pause    func(step string)
}

// The base paths of its three servers, as its Helm charts set them.
const (
	CoordinatorBase = "/coordinator/v1"
	ContributorBase = "/contributor/v1"
	ConsumerBase    = "/consumer/v1"
)

// StartBitBroker starts one with a user of the id 1, who is a coordinator. services is where
// its auth service (below /auth) and its rate service (below /rate) are. It stops when the
// test ends.
func StartBitBroker(tb testing.TB, services string) *BitBroker {
	tb.Helper()
	b := newBitBroker(tb)
	b.services = strings.TrimRight(services, "/")
	b.lastUser = 1
	b.users[1] = &brokerUser{id: 1, name: "Bootstrap", email: "admin@example.com", organization: "Example", key: "00000000-0000-0000-0000-000000000000"}
	return b
}

// StartDataServer starts one that has data alone: no coordinator API, any connector, any
// policy.
func StartDataServer(tb testing.TB) *BitBroker {
	tb.Helper()
	return newBitBroker(tb)
}

func newBitBroker(tb testing.TB) *BitBroker {
	tb.Helper()
	b := &BitBroker{
		client:   &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		users:    make(map[int]*brokerUser),
		policies: make(map[string]json.RawMessage),
		entities: make(map[string]*brokerEntity),
		sessions: make(map[string]string),
		records:  make(map[string]json.RawMessage),
	}
	b.Upstream = NewUpstream(tb, b.serve)
	tb.Cleanup(b.client.CloseIdleConnections)
	return b
}

// UseServices makes it ask other services from now on, as after a change of its
// configuration.
func (b *BitBroker) UseServices(services string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.services = strings.TrimRight(services, "/")
}

// Pause makes it call a function between two steps of a call, such as "minted", before what
// was minted is written down; nil: no more.
func (b *BitBroker) Pause(pause func(step string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pause = pause
}

// hasData tells whether it has data alone.
func (b *BitBroker) hasData() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.services == ""
}

func (b *BitBroker) paused(step string) {
	b.mu.Lock()
	pause := b.pause
	b.mu.Unlock()
	if pause != nil {
		pause(step)
	}
}

// brokerCall is one call of one of its servers.
type brokerCall struct {
	w      http.ResponseWriter
	r      *http.Request
	base   string            // the server's address, as its answers spell it
	params map[string]string // of the path, in lower case
	raw    []byte            // the body, if it is JSON
	body   map[string]json.RawMessage
}

// brokerRoute is one line of a server's router; a segment with a colon is a parameter.
type brokerRoute struct {
	method, path string
	serve        func(*BitBroker, *brokerCall) error
}

// brokerError is an answer in the servers' error form.
type brokerError struct {
	status int
	faults []brokerFault
}

func (e *brokerError) Error() string { return http.StatusText(e.status) }

type brokerFault struct {
	Name   string `json:"name"`
	Index  *int   `json:"index"`
	Reason string `json:"reason"`
}

func failure(status int, faults ...brokerFault) error { return &brokerError{status, faults} }

func (b *BitBroker) serve(w http.ResponseWriter, r *http.Request) {
	c := &brokerCall{w: w, r: r}
	if err := c.readBody(); err != nil { // before CORS, as there
		c.refuse(err)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	for _, server := range []struct {
		base, name string
		routes     []brokerRoute
	}{
		{CoordinatorBase, "coordinator", coordinatorRoutes},
		{ContributorBase, "contributor", contributorRoutes},
		{ConsumerBase, "consumer", consumerRoutes},
	} {
		if server.name == "coordinator" && b.hasData() {
			continue
		}
		if rest, ok := below(r.URL, server.base); ok {
			c.base = c.origin() + server.base
			c.refuse(b.route(c, server.name, server.routes, rest))
			return
		}
	}
	c.refuse(failure(http.StatusNotFound))
}

// below returns the segments of a path below a base. Letters' case means nothing to its
// router, nor does a slash at the end; each segment is decoded once.
func below(u *url.URL, base string) ([]string, bool) {
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	if len(path) < len(base) || !sameLiteral(path[:len(base)], base) {
		return nil, false
	}
	path = path[len(base):]
	if path == "" {
		return nil, true
	}
	if path[0] != '/' {
		return nil, false
	}
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		decoded, err := url.PathUnescape(s)
		if err != nil {
			return nil, false
		}
		segments[i] = decoded
	}
	return segments, true
}

func (b *BitBroker) route(c *brokerCall, name string, routes []brokerRoute, segments []string) error {
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if len(segments) == 0 && method == http.MethodGet {
		return c.json(http.StatusOK, map[string]string{
			"now": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "name": "bit-broker " + name + " service",
			"base": c.base, "status": "development",
		})
	}
	for _, route := range routes {
		if params, ok := match(route.path, segments); ok && route.method == method {
			c.params = params
			return route.serve(b, c)
		}
	}
	return failure(http.StatusNotFound)
}

// sameLiteral compares as its router does: a letter outside of ASCII is never one within.
func sameLiteral(a, b string) bool {
	return strings.EqualFold(a, b) && !strings.ContainsFunc(b, func(r rune) bool { return r > unicode.MaxASCII })
}

// match compares segments with a pattern. Parameters are lower-cased as JavaScript does,
// which makes a k of the Kelvin sign.
func match(pattern string, segments []string) (map[string]string, bool) {
	parts := strings.Split(pattern, "/")
	if len(parts) != len(segments) {
		return nil, false
	}
	params := make(map[string]string)
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			params[name] = strings.ToLower(segments[i])
		} else if !sameLiteral(part, segments[i]) {
			return nil, false
		}
	}
	return params, true
}

// origin is what it takes for its own address: it believes the headers.
func (c *brokerCall) origin() string {
	scheme := c.r.Header.Get("X-Forwarded-Scheme")
	if scheme == "" {
		scheme = c.r.Header.Get("X-Forwarded-Proto")
	}
	if scheme == "" {
		scheme = "http"
	}
	return scheme + "://" + c.r.Host
}

// location is the address of the request itself.
func (c *brokerCall) location() string {
	return c.origin() + strings.TrimSuffix(c.r.URL.EscapedPath(), "/")
}

// readBody reads a JSON object or array; a body of another type counts as empty.
func (c *brokerCall) readBody() error {
	c.body = make(map[string]json.RawMessage)
	text, err := io.ReadAll(c.r.Body)
	if err != nil {
		return err
	}
	kind, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	if len(text) == 0 || strings.TrimSpace(kind) != "application/json" {
		return nil
	}
	c.raw = text
	if text[0] == '[' && json.Valid(text) {
		return nil
	}
	if json.Unmarshal(text, &c.body) != nil {
		return failure(http.StatusBadRequest, brokerFault{Name: "syntax", Reason: "Unexpected token in JSON"})
	}
	return nil
}

// text is a member of the body; empty if it is missing or no string.
func (c *brokerCall) text(name string) string {
	var s string
	_ = json.Unmarshal(c.body[name], &s)
	return s
}

func (c *brokerCall) json(status int, value any) error {
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(value)
	return nil
}

// send answers with a bare text, which its framework says to be HTML.
func (c *brokerCall) send(status int, text string) error {
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.WriteHeader(status)
	_, _ = io.WriteString(c.w, text)
	return nil
}

func (c *brokerCall) empty(status int) error {
	c.w.WriteHeader(status)
	return nil
}

// refuse writes an error; one that is none of its own is internal, and says its text.
func (c *brokerCall) refuse(err error) {
	if err == nil {
		return
	}
	var known *brokerError
	var message any = ""
	status := http.StatusInternalServerError
	switch {
	case errors.As(err, &known):
		status = known.status
		if len(known.faults) > 0 {
			message = known.faults
		}
	default:
		message = err.Error()
	}
	_ = c.json(status, map[string]any{"error": map[string]any{"code": status, "status": http.StatusText(status), "message": message}})
}
