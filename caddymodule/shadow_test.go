package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// inShadow is a bench whose site is in shadow.
func inShadow(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.Shadow = true
	return b
}

// passed is a request as the server behind got it.
type passed struct {
	uri, host string
	header    http.Header
	trailer   http.Header
	body      string
}

// recordPassed answers 401 and a header of its own, and keeps the request.
func recordPassed(t *testing.T, got **passed) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := &passed{uri: r.URL.RequestURI(), host: r.Host, header: r.Header.Clone(), trailer: r.Trailer}
		if r.Body != nil {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			p.body = string(body)
		}
		*got = p
		w.Header().Set("Www-Authenticate", "of the server behind")
		w.Header().Set("X-Auth-Token", "of the server behind")
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func TestRefusedRequestGoesOnInShadowAsItCame(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(*fakeScheme, *http.Request)
		reason  string
	}{
		{"a host that is none", func(_ *fakeScheme, r *http.Request) { r.Host = "a_b.example.com:x" }, "bad_request"},
		{"an encoded slash", func(_ *fakeScheme, r *http.Request) { r.URL.Path, r.URL.RawPath = "/data/a/b", "/data/a%2Fb" }, "bad_request"},
		{"a dot segment", func(_ *fakeScheme, r *http.Request) { r.URL.Path = "/data/../admin" }, "bad_request"},
		{"two credentials", func(_ *fakeScheme, r *http.Request) { r.Header.Add("Authorization", "another") }, "bad_request"},
		{"an unknown credential", func(_ *fakeScheme, r *http.Request) { r.Header.Set("Authorization", "other") }, "bad_credential"},
		{"a store that cannot tell", func(s *fakeScheme, _ *http.Request) { s.identifyErr = schemes.Unavailable(errors.New("x")) }, "store_failed"},
		{"an error that is no refusal", func(s *fakeScheme, _ *http.Request) { s.identifyErr = errors.New("x") }, "internal"},
		{"a rule", func(s *fakeScheme, _ *http.Request) { s.allow, s.deny = false, policies.GrantMissing }, "grant_missing"},
		{"nobody", func(s *fakeScheme, r *http.Request) {
			s.deny = policies.NotAuthenticated
			r.Header.Del("Authorization")
		}, "not_authenticated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := inShadow(t)
			r := request("POST", "http://a.example.com/%64ata/caf%c3%a9?q=%2F&access_token=x")
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("the body")), 8
			r.Header["X_Odd"] = []string{"1"}
			r.Header["Accept"] = []string{"a", "b"}
			r.Header.Set("X-Real-Ip", "198.51.100.1")
			r.Header.Set("Connection", "keep-alive, X-Odd-Header")
			r.Header.Set("Cookie", "session=1")
			tc.prepare(b.fake, r)
			wantURI, wantHost, wantHeader := r.URL.RequestURI(), r.Host, r.Header.Clone()

			var got *passed
			w := b.serve(t, r, recordPassed(t, &got))
			if got == nil {
				t.Fatalf("it was answered %d %q", w.Code, w.Body)
			}
			if got.uri != wantURI || got.host != wantHost || got.body != "the body" {
				t.Errorf("got %s of %s with %q, want %s of %s", got.uri, got.host, got.body, wantURI, wantHost)
			}
			if !maps.EqualFunc(got.header, wantHeader, slices.Equal) {
				t.Errorf("headers\n%v, want\n%v", got.header, wantHeader)
			}
			// The answer is the server's own.
			if w.Code != 401 || w.Header().Get("Www-Authenticate") != "of the server behind" || w.Header().Get("X-Auth-Token") == "" {
				t.Errorf("answered %d %v", w.Code, w.Header())
			}
			for _, step := range b.fake.steps {
				if step == "forward" || step == "refuse" || strings.HasPrefix(step, "answer") {
					t.Errorf("the scheme was asked to %s", step)
				}
			}
			line := b.auditLine(t)
			if line["decision"] != "shadow" || line["reason"] != tc.reason || line["status"] != int64(401) {
				t.Errorf("audited %v", line)
			}
			want := fmt.Sprintf(`
				# HELP gatehouse_decisions_total Requests decided by the gate, by scheme, decision and reason.
				# TYPE gatehouse_decisions_total counter
				gatehouse_decisions_total{decision="shadow",reason=%q,scheme="fake"} 1
			`, tc.reason)
			if err := testutil.GatherAndCompare(b.count, strings.NewReader(want), "gatehouse_decisions_total"); err != nil {
				t.Error(err)
			}
		})
	}
}

// Who is refused must not be vouched for: neither by the gate, nor by what a client made up
// itself, nor by a placeholder that the site makes a header of.
func TestRefusedRequestInShadowCarriesNoIdentity(t *testing.T) {
	b := inShadow(t)
	b.fake.allow = false
	r := request("GET", "http://a.example.com/data")
	for _, name := range []string{
		"X-Gatehouse-Subject", "X-Gatehouse-Anything", "X_gatehouse_subject", "x-gatehouse-roles", "X.Gatehouse.Kind",
	} {
		r.Header[name] = []string{"root"}
	}
	r.Header.Set("Trailer", "X-Gatehouse-Subject")
	r.Trailer = http.Header{"X-Gatehouse-Subject": {"root"}}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	var got *passed
	b.serve(t, r, recordPassed(t, &got))
	if len(got.header) != 1 || got.header.Get("Authorization") != good {
		t.Errorf("headers %v, want the caller's credential alone", got.header)
	}
	if got.trailer != nil {
		t.Errorf("trailers %v", got.trailer)
	}
	if said := repl.ReplaceAll("{http.auth.user.id}{http.gatehouse.subject}{http.gatehouse.token_id}", ""); said != "" {
		t.Errorf("placeholders say %q", said)
	}
}

// Behind an upgrade to HTTP/2 nobody would look at what is sent.
func TestRefusedRequestInShadowIsNoTunnelPastTheGate(t *testing.T) {
	refused := func(method string) (*bench, *http.Request) {
		b := inShadow(t)
		b.fake.allow = false
		return b, request(method, "http://a.example.com/data")
	}
	b, r := refused("GET")
	r.Header["Connection"], r.Header["Upgrade"] = []string{"Upgrade, HTTP2-Settings"}, []string{"h2c"}
	r.Header["Http2-Settings"] = []string{"AAMAAABkAAQAAP__"}
	var got *passed
	b.serve(t, r, recordPassed(t, &got))
	if len(got.header) != 1 || got.header.Get("Authorization") != good {
		t.Errorf("h2c goes on with %v", got.header)
	}

	b, r = refused("GET")
	r.Header["Connection"], r.Header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	b.serve(t, r, recordPassed(t, &got))
	if got.header.Get("Upgrade") != "websocket" || got.header.Get("Connection") != "Upgrade" {
		t.Errorf("a websocket goes on with %v", got.header)
	}

	for _, tc := range []struct {
		name            string
		major           int
		proto, protocol string
		goesOn          bool
	}{
		{"HTTP/1.1", 1, "HTTP/1.1", "", false},
		{"HTTP/1.1 with a header of that name", 1, "HTTP/1.1", "websocket", false},
		{"HTTP/2", 2, "HTTP/2.0", "", false},
		{"HTTP/2, connect-udp", 2, "HTTP/2.0", "connect-udp", false},
		{"HTTP/2, a websocket", 2, "HTTP/2.0", "websocket", true},
		{"HTTP/3", 3, "HTTP/3.0", "", false},
		{"HTTP/3, connect-udp", 3, "connect-udp", "", false},
		{"HTTP/3, webtransport", 3, "webtransport", "websocket", false},
		{"HTTP/3, a websocket", 3, "websocket", "", true},
	} {
		b, r := refused("CONNECT")
		r.ProtoMajor, r.Proto = tc.major, tc.proto
		if tc.protocol != "" {
			r.Header[":protocol"] = []string{tc.protocol}
		}
		went := false
		w := b.serve(t, r, func(http.ResponseWriter, *http.Request) { went = true })
		if went != tc.goesOn || !went && w.Code != 400 {
			t.Errorf("%s: went on: %t, answered %d", tc.name, went, w.Code)
		}
	}
}

// What handlers in front of the gate found out stays true.
func TestPlaceholdersOfOthersSurviveARefusalInShadow(t *testing.T) {
	for _, user := range []any{"of basic_auth", "", nil} {
		b := inShadow(t)
		b.fake.allow = false
		r := request("GET", "http://a.example.com/data")
		repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		if user != nil {
			repl.Set("http.auth.user.id", user)
		}
		var got *passed
		b.serve(t, r, recordPassed(t, &got))
		if is, known := repl.Get("http.auth.user.id"); is != user || known != (user != nil) {
			t.Errorf("%v is %v, %t", user, is, known)
		}
		if is, known := repl.Get("http.gatehouse.subject"); known {
			t.Errorf("the gate's own is %v", is)
		}
	}
}

func TestAllowedRequestOfASiteInShadowIsAsEver(t *testing.T) {
	b := inShadow(t)
	b.fake.answer = func(status int, _ http.Header) *schemes.Refusal {
		return &schemes.Refusal{Status: 502, Reason: schemes.UpstreamFailed, Public: "own words"}
	}
	r := request("POST", "http://a.example.com/%64ata")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("the body")), 8
	var got *passed
	w := b.serve(t, r, recordPassed(t, &got))
	if got.uri != "/data" || got.header.Get("Authorization") != "upstream-credential" || got.header.Get("X-Gatehouse-Subject") != "acme" || got.body != "the body" {
		t.Errorf("forwarded %+v", got)
	}
	if w.Code != 502 {
		t.Errorf("answered %d: the scheme did not see the answer", w.Code)
	}
	if line := b.auditLine(t); line["decision"] != "allow" {
		t.Errorf("audited %v", line)
	}
}

// It is on its way with the server's own credential.
func TestAllowedCallThatLosesItsRightIsRefusedInShadowToo(t *testing.T) {
	b := inShadow(t)
	r := request("POST", "http://a.example.com/data")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("the body")), 8
	w := httptest.NewRecorder()
	err := b.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		b.fake.identifyErr = &schemes.Refusal{Status: 401, Reason: schemes.EndedCredential}
		_, err := io.ReadAll(r.Body)
		return err
	}))
	if err != nil || w.Code != 401 {
		t.Errorf("got %d, %v", w.Code, err)
	}
}

func TestGatewaysOwnEndpointsRefuseInShadow(t *testing.T) {
	refusing := func(http.ResponseWriter, *schemes.Call) error {
		return &schemes.Refusal{Status: 403, Reason: schemes.Forbidden, Public: "own words"}
	}
	for _, tc := range []struct {
		name    string
		prepare func(*fakeScheme, *http.Request)
		status  int
	}{
		{"a public one", func(s *fakeScheme, _ *http.Request) { s.public = refusing }, 403},
		{"another", func(s *fakeScheme, _ *http.Request) { s.own = refusing }, 403},
		{"an unknown credential at one", func(s *fakeScheme, r *http.Request) {
			s.own = refusing
			r.Header.Set("Authorization", "other")
		}, 401},
		{"two credentials at one", func(s *fakeScheme, r *http.Request) {
			s.own = refusing
			r.Header.Add("Authorization", good)
		}, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := inShadow(t)
			r := request("GET", "http://a.example.com/data")
			tc.prepare(b.fake, r)
			if w := b.serve(t, r, unreachable(t)); w.Code != tc.status {
				t.Errorf("got %d, want %d", w.Code, tc.status)
			}
			if line := b.auditLine(t); line["decision"] != "deny" {
				t.Errorf("audited %v", line)
			}
		})
	}
}

// Who misspells an address of the gateway's own sends a secret that is good once, and that
// the server behind must not see.
func TestOneTimeSecretsAtNearlyOwnAddressesStayOutOfTheServerInShadow(t *testing.T) {
	g := startGatewayWith(t, httpApp(`{"handle": [`+
		strings.Replace(gateJSON("the site", `, "credentials_api": {"path": "/dds-tokens"}`), `"site"`, `"shadow": true, "site"`, 1)+`,
		{"handler": "static_response", "status_code": 418}]}`))
	g.ok("POST", recipientsPath, `{"name":"acme","grants":["sales"]}`)
	link, _ := url.Parse(g.ok("POST", recipientsPath+"/acme/link", `{"fresh":true}`)["activation_link"].(string))
	for _, tc := range []struct {
		target string
		goesOn bool
	}{
		{"/delta_sharing//retrieve_config.html", false},
		{"/delta_sharing/retrieve_config.html/", false},
		{"/delta_sharing/./retrieve_config.html", false},
		{"/x/../delta_sharing/retrieve_config.html", false},
		{"/x/..;/delta_sharing/retrieve_config.html", false},
		{"/delta_sharing/retrieve_config.html;x=1", false},
		{"/delta_sharing;a/retrieve_config.html;", false},
		{"/delta_sharing%2Fretrieve_config.html", false},
		{"/delta_sharing%5Cretrieve_config.html", false},
		{"/delta_sharing/%2e/retrieve_config.html", false},
		{"/delta_sharing/%252e/retrieve%255fconfig.html", false},
		{"/oauth//token", false},
		{"/oauth/token/", false},
		{"/oauth/token;", false},
		{"/dds-tokens/", false},
		{"/dds-tokens//", false},
		{"//dds-tokens", false},
		{"/api/2.1/unity-catalog/public//data_sharing_activation/x", false},
		{"/elsewhere//x/", true},
		{"/elsewhere/../x", true},
		{"/oauth/token/x/", true},
		{"/delta_sharing/retrieve_config.htm/", true},
		{"/", true},
		{"/%zz", true},
	} {
		r := httptest.NewRequest("POST", "http://sharing.example.com/", nil)
		r.URL = &url.URL{Scheme: "http", Host: r.Host, Path: tc.target, RawQuery: link.RawQuery}
		if decoded, err := url.PathUnescape(tc.target); err == nil {
			r.URL.Path, r.URL.RawPath = decoded, tc.target
		}
		w := httptest.NewRecorder()
		g.site.ServeHTTP(w, r)
		if went := w.Code == 418; went != tc.goesOn {
			t.Errorf("%s: went on: %t, answered %d %s", tc.target, went, w.Code, w.Body)
		}
		e := g.explain(explainQuery{Method: "POST", Address: "http://sharing.example.com" + strings.Replace(tc.target, "%zz", "%25zz", 1)})
		if e.GoesOn != tc.goesOn {
			t.Errorf("%s: explained as going on: %t", tc.target, e.GoesOn)
		}
	}
	if g.activate(link) == "" {
		t.Error("the link was used up")
	}
}

// A request from another gate carries that one's credential for the server behind.
func TestSecondGateRefusesInShadow(t *testing.T) {
	b := inShadow(t)
	r := request("GET", "http://a.example.com/data")
	caddyhttp.SetVar(r.Context(), passedVar, true)
	if w := b.serve(t, r, unreachable(t)); w.Code != 500 {
		t.Errorf("got %d, want 500", w.Code)
	}
}

// A scheme may have read of a body what it then refuses.
func TestBodyThatWasReadGoesOnWholeInShadow(t *testing.T) {
	const body = "what was read, and what was not"
	for _, read := range []int{0, 1, 8, len(body)} {
		b := inShadow(t)
		r := request("POST", "http://a.example.com/data")
		b.fake.identifyErr = errors.New("refused")
		inner := &closeCounter{Reader: strings.NewReader(body)}
		r.Body, r.ContentLength = inner, int64(len(body))
		b.scheme = &readingScheme{b.fake, read}
		var got *passed
		b.serve(t, r, recordPassed(t, &got))
		if got == nil || got.body != body {
			t.Errorf("after %d bytes were read, %+v went on", read, got)
		}
		if inner.closed != 0 {
			t.Error("the body was closed before it went on")
		}
	}
}

// boundedWriter notes the deadline of its connection.
type boundedWriter struct {
	http.ResponseWriter
	deadline time.Time
}

func (w *boundedWriter) SetReadDeadline(deadline time.Time) error {
	w.deadline = deadline
	return nil
}

// waitingScheme gives up to wait for a body, of which some has arrived, or nothing.
type waitingScheme struct {
	*fakeScheme
	came string
}

func (s *waitingScheme) Identify(ctx context.Context, call *schemes.Call) (*schemes.Identity, error) {
	_, err := schemes.ReadWithin(call.Writer, time.Minute, func() error {
		if _, err := io.ReadFull(call.Request.Body, make([]byte, len(s.came)+1)); err == nil {
			return nil
		}
		return os.ErrDeadlineExceeded
	})
	return nil, schemes.Unavailable(err)
}

// The bound of a step that gave up is none of the server's, which can wait for longer.
func TestBodyThatWasGivenUpArrivesInShadow(t *testing.T) {
	for _, came := range []string{"", "some"} {
		b := inShadow(t)
		b.scheme = &waitingScheme{b.fake, came}
		r := request("POST", "http://a.example.com/data")
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(came), iotest.ErrReader(os.ErrDeadlineExceeded))), 100
		w := &boundedWriter{ResponseWriter: httptest.NewRecorder()}
		reached := false
		err := b.ServeHTTP(w, r, handlerOf(func(http.ResponseWriter, *http.Request) {
			if reached = true; !w.deadline.IsZero() {
				t.Errorf("after %q the rest must have come by %s", came, w.deadline)
			}
		}))
		if err != nil || !reached {
			t.Errorf("after %q: reached %v, %v", came, reached, err)
		}
	}
}

// readingScheme reads of the body, and closes it, before it refuses.
type readingScheme struct {
	*fakeScheme
	bytes int
}

func (s *readingScheme) Identify(ctx context.Context, call *schemes.Call) (*schemes.Identity, error) {
	if _, err := io.ReadFull(call.Request.Body, make([]byte, s.bytes)); err != nil {
		return nil, err
	}
	call.Request.Body.Close()
	return s.fakeScheme.Identify(ctx, call)
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error {
	c.closed++
	return nil
}

// What the next handler cannot do is Caddy's to answer, as without a gate.
func TestErrorBehindGoesUpInShadow(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int64
	}{{caddyhttp.Error(503, errors.New("no upstreams")), 503}, {errors.New("x"), 500}, {nil, 200}} {
		b := inShadow(t)
		b.fake.allow = false
		err := b.ServeHTTP(httptest.NewRecorder(), request("GET", "http://a.example.com/data"),
			caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return tc.err }))
		if !errors.Is(err, tc.err) {
			t.Errorf("got %v, want %v", err, tc.err)
		}
		if line := b.auditLine(t); line["status"] != tc.status {
			t.Errorf("audited the status %v, want %d", line["status"], tc.status)
		}
	}
}

// The token of the server behind must never go with a request that was refused.
func TestRefusedRecipientInShadowSendsItsOwnTokenOnly(t *testing.T) {
	g := startGatewayWith(t, httpApp(`{"handle": [`+
		strings.Replace(gateJSON("the site", ""), `"site"`, `"shadow": true, "site"`, 1)+`,
		{"handler": "static_response", "status_code": 418, "headers": {"Got": ["{http.request.header.Authorization}"], "As": ["{http.request.uri}"], "Subject": ["{http.request.header.X-Gatehouse-Subject}"]}}]}`))
	g.ok("POST", recipientsPath, `{"name":"acme","grants":["sales"]}`)
	token := g.activate(g.ok("POST", recipientsPath+"/acme/link", `{"fresh":true}`)["activation_link"])
	for _, tc := range []struct{ target, bearer, got, as string }{
		{"/delta-sharing/shares/secret", token, "Bearer " + token, "/delta-sharing/shares/secret"},
		{"/delta-sharing/shares", "another", "Bearer another", "/delta-sharing/shares"},
		{"/elsewhere//%2e%2e/x", token, "Bearer " + token, "/elsewhere//%2e%2e/x"},
		{"/delta-sharing/shares?access_token=x", "", "", "/delta-sharing/shares?access_token=x"},
		{"/delta-sharing/shares/sales", token, "Bearer upstream-secret", "/delta-sharing/shares/sales"}, // allowed
	} {
		w := g.get("http://sharing.example.com"+tc.target, tc.bearer)
		if w.Code != 418 || w.Header().Get("Got") != tc.got || w.Header().Get("As") != tc.as {
			t.Errorf("%s: %d, went on as %s with %q", tc.target, w.Code, w.Header().Get("As"), w.Header().Get("Got"))
		}
		if subject := w.Header().Get("Subject"); (subject != "") != strings.Contains(tc.got, "upstream") {
			t.Errorf("%s: went on with the subject %q", tc.target, subject)
		}
	}
}

func TestSitesInShadowAreNamedAtLoad(t *testing.T) {
	logger, logs := observe(0)
	b, other := inShadow(t), newBench(t)
	app := &App{logger: logger, gates: []*Gate{b.Gate, other.Gate}}
	app.warnOfShadow()
	warned := logs.All()
	if len(warned) != 1 || warned[0].Level.String() != "warn" || warned[0].ContextMap()["site"] != "the site" {
		t.Errorf("logged %v", warned)
	}
}
