package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// printed is an explanation as people read it.
func (e *explanation) printed() string {
	var b strings.Builder
	e.writeTo(&b)
	return b.String()
}

// What the caller is said to be told must be what it is told, and not what a scheme could say.
func TestExplanationTellsTheBodyOfADenial(t *testing.T) {
	x := newExchange(t)
	g := x.start("")
	for _, tc := range []struct{ method, path, token string }{
		{"GET", "/consumer/list/products", ""},
		{"GET", "/provider/list/products", x.token(nil)},
		{"POST", "/verify", ""},
		{"GET", "/nowhere", ""},
		{"PUT", "/consumer/list/products", x.token(nil)},
		{"HEAD", "/nowhere", ""},
	} {
		e := g.explain(explainQuery{Method: tc.method, Address: "http://apd.example.com" + tc.path, Token: tc.token})
		r := httptest.NewRequest(tc.method, "http://apd.example.com"+tc.path, nil)
		if tc.token != "" {
			r.Header.Set("Authorization", "Bearer "+tc.token)
		}
		w := httptest.NewRecorder()
		g.site.ServeHTTP(w, r)
		body := w.Body.String()
		if tc.method == http.MethodHead {
			body = ""
		}
		if e.Said != body || e.Status != w.Code || (body != "" && !strings.Contains(e.printed(), "is told: "+body[:20])) {
			t.Errorf("%s %s: told %d %q, and the server answers %d %q", tc.method, tc.path, e.Status, e.Said, w.Code, body)
		}
	}
}

// A secret that stands across the end of what is told must not be told by half.
func TestBodyIsHiddenBeforeItIsCut(t *testing.T) {
	w := &unsent{header: http.Header{}}
	w.WriteHeader(http.StatusTeapot)
	for range 3 {
		if n, err := w.Write([]byte(strings.Repeat("é", maxUnsent/4))); n != maxUnsent/2 || err != nil {
			t.Fatal(n, err)
		}
	}
	if len(w.body) != maxUnsent || w.status != http.StatusTeapot {
		t.Errorf("%d bytes, status %d", len(w.body), w.status)
	}
	const token = "a-token-that-nobody-may-see"
	e := &explanation{Said: strings.Repeat("x", maxSaid-10) + token + strings.Repeat("é", maxSaid)}
	e.hide(token)
	if strings.Contains(e.Said, token[:8]) || len(e.Said) > maxSaid || !utf8.ValidString(e.Said) {
		t.Errorf("told: %q", e.Said)
	}
}

func TestCallerThatNobodyAsksForIsSaidToBe(t *testing.T) {
	x := newExchange(t)
	g := x.start("")
	for _, tc := range []struct{ path, want string }{
		{"/apis", "not asked: no rule for this path needs a caller"},
		{"/a%2Fb", "not asked: the request is refused before"},
		{"/consumer/list/products", "user "},
	} {
		e := g.explain(explainQuery{Method: "GET", Address: "http://apd.example.com" + tc.path, Kind: "user", Roles: []string{"consumer"}})
		if text := e.printed(); !strings.Contains(text, "caller     "+tc.want) {
			t.Errorf("%s: %s", tc.path, text)
		}
	}
}

func TestMadeUpIdentityThatNoTokenHasIsNoted(t *testing.T) {
	x := newExchange(t)
	g := x.start("")
	for _, tc := range []struct {
		kind, role string
		strange    []string
	}{
		{"user", "consumer", nil},
		{"aaa-server", "provider", nil},
		{"user", "admin", []string{"the role admin"}},
		{"users", "Consumer", []string{"the kind users", "the role Consumer"}},
	} {
		e := g.explain(explainQuery{Method: "GET", Address: "http://apd.example.com/consumer/list/products", Kind: tc.kind, Roles: []string{tc.role}})
		var strange []string
		for _, note := range e.Notes {
			if _, what, ok := strings.Cut(note, "no token says what is made up here: "); ok {
				strange = append(strange, what)
			}
		}
		if !slices.Equal(strange, tc.strange) {
			t.Errorf("%s %s: %q", tc.kind, tc.role, e.Notes)
		}
	}
}

// Nobody is told of a rule for preflights as of one that is considered, and then of none.
func TestExplanationDoesNotContradictItself(t *testing.T) {
	x := newExchange(t)
	g := x.start("")
	e := g.explain(explainQuery{Method: "GET", Address: "http://apd.example.com/nowhere"})
	if e.Reason != "no_rule" || len(e.Rules) != 0 {
		t.Errorf("%s, and %+v", e.Reason, e.Rules)
	}
	if e.Base != "/dx/apd/dmp/v1" || !strings.Contains(e.printed(), "base       /dx/apd/dmp/v1\n") {
		t.Errorf("the base is not told: %s", e.printed())
	}
	if e = g.explain(explainQuery{Method: "OPTIONS", Address: "http://apd.example.com/nowhere"}); len(e.Rules) != 1 || e.Rules[0].Outcome != "asked" {
		t.Errorf("OPTIONS: %+v", e.Rules)
	}
	e = g.explain(explainQuery{Method: "POST", Address: "http://apd.example.com/admin/revokeToken", Kind: "aaa-server"})
	if e.Endpoint != "revokeUserTokens" {
		t.Errorf("the endpoint is called %q", e.Endpoint)
	}
	e = g.explain(explainQuery{Method: "GET", Address: "http://apd.example.com/consumer/list/products?a=b", Kind: "user", Roles: []string{"consumer"}})
	if e.Decision != allowed || strings.Contains(strings.Join(e.Open, ";"), "limits") {
		t.Errorf("limits of who has none: %+v", e.Open)
	}
	text := e.printed()
	for _, want := range []string{"forwarded  GET /consumer/list/products, Host: apd.example.com, its query as it came;", "would be removed  ", "would be kept     ", "would be set      "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestExplanationSaysWhyAConditionFailed(t *testing.T) {
	const rules = `, "rules": {"source": "own", "line": 1, "text": "allow GET /x public when int(query[\"secret-word\"][0]) > 1"}`
	g := startGatewayWith(t, httpApp(`{"handle": [`+gateJSON("own", rules)+`]}`))
	e := g.explain(explainQuery{Method: "GET", Address: "/x?secret-word=abc"})
	if len(e.Rules) != 1 || e.Rules[0].Reason != "condition_failed" || e.Rules[0].Cause == "" {
		t.Fatalf("%+v", e.Rules)
	}
	if want := "asked: condition_failed: " + e.Rules[0].Cause; !strings.Contains(e.printed(), want) {
		t.Errorf("%q is not in %s", want, e.printed())
	}
	e.Rules[0].Cause = "cannot read plain-word"
	if e.hide("plain-word"); strings.Contains(e.Rules[0].Cause, "plain-word") {
		t.Errorf("told: %s", e.Rules[0].Cause)
	}
}

func TestExplanationsTellNoEndOfATokenThatHasNone(t *testing.T) {
	b := startBroker(t, "")
	b.does(http.StatusCreated, "POST", "/policy/open", policyBody)
	endless := b.does(http.StatusCreated, "POST", "/user/1/access/open", "").Body.String()
	for path, token := range map[string]string{"/consumer/v1/catalog": endless, "/coordinator/v1/user": b.token} {
		e := b.explain(explainQuery{Method: "GET", Address: path, Token: token})
		if e.Identity == nil || e.Decision != allowed || (e.Identity.ExpiresAt == nil) != (token == endless) {
			t.Errorf("%s: %s, %+v", path, e.Decision, e.Identity)
		}
	}
}
