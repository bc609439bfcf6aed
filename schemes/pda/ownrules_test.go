package pda

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// own makes a site of rules of the operator's own.
func own(t *testing.T, text string) func(*Config) {
	t.Helper()
	rules, err := policies.Parse("own.rules", text)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Rules = rules }
}

// passed is what became of a call.
type passed struct {
	status    int    // of a refusal, or of the gateway's own answer
	body      string // of that
	own       bool   // the scheme's own endpoint answered
	forwarded bool
	composed  bool
	call      *schemes.Call
}

func (p passed) String() string {
	return fmt.Sprintf("status %d, own %v, forwarded %v, composed %v", p.status, p.own, p.forwarded, p.composed)
}

// walk takes a call the way that the gate takes it, with an identity for who sends a token.
func (in *signedIn) walk(t *testing.T, method, target, body string, identity *schemes.Identity) (p passed) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://ann.example.com"+target, strings.NewReader(body))
	r.Method = method
	if identity != nil {
		r.Header.Set(tokenField, "a-token")
	}
	path, err := canonpath.FromRequest(r, in.Paths())
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	p.call = &schemes.Call{Request: r, Writer: w, Host: "ann.example.com", Path: path, ClientIP: "192.0.2.1"}
	refused := func(err error) passed {
		refusal := (*schemes.Refusal)(nil)
		if !errors.As(err, &refusal) {
			t.Fatalf("%s %s: %v", method, target, err)
		}
		p.status = refusal.Status
		return p
	}
	answered := func(endpoint schemes.Endpoint) passed {
		p.own = true
		if err := endpoint(w, p.call); err != nil {
			return refused(err)
		}
		p.status, p.body = w.Code, w.Body.String()
		return p
	}
	if endpoint := in.Public(p.call); endpoint != nil {
		return answered(endpoint)
	}
	if p.call.Credential, err = in.Credential(p.call); err != nil {
		return refused(err)
	}
	if !p.call.Credential.IsZero() {
		p.call.Identity = identity
	}
	if endpoint := in.Endpoint(p.call); endpoint != nil {
		return answered(endpoint)
	}
	if p.call.Decision = in.Decide(p.call); !p.call.Decision.Allow {
		return refused(in.Denied(p.call))
	}
	p.status, p.forwarded, p.composed = http.StatusOK, true, in.Compose(p.call) != nil
	return p
}

// under is the same site under other rules.
func (in *signedIn) under(t *testing.T, text string) *signedIn {
	t.Helper()
	return &signedIn{Scheme: newScheme(t, in.backend, own(t, text)), backend: in.backend, driver: in.driver, token: in.token}
}

// owner is who signed in.
func (in *signedIn) owner(t *testing.T) *schemes.Identity {
	t.Helper()
	call := in.call(t, patternValidate)
	call.Credential = schemes.NewCredential(in.token)
	identity, err := in.Identify(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

// known completes one of the callers as Identify would.
func known(identity *schemes.Identity) *schemes.Identity {
	if identity == nil {
		return nil
	}
	complete := *identity
	complete.Realm, complete.Subject, complete.Session = "default", "ann", new(family)
	return &complete
}

const someUser = "5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e"

func TestOwnRulesInAnotherSpellingDecideAlike(t *testing.T) {
	t.Parallel()
	respelt := regexp.MustCompile(`\{(\w+)`).ReplaceAllString(defaultRules, "{an_$1")
	shipped := signIn(t)
	for name, text := range map[string]string{"other names": respelt, "the shipped set by its name": defaultRules} {
		other := shipped.under(t, text)
		for _, row := range access {
			for _, caller := range callers {
				identity := known(caller.identity)
				if row.path == patternSignOut || row.path == patternPassword {
					continue // which would end what the others need
				}
				want := shipped.walk(t, row.method, row.path, "[]", identity)
				got := other.walk(t, row.method, row.path, "[]", identity)
				if got.String() != want.String() || got.call.Action != want.call.Action || got.call.Decision.Reason != want.call.Decision.Reason {
					t.Errorf("%s: %s %s by %s: %s (%s), want %s (%s)",
						name, row.method, row.path, caller.name, got, got.call.Decision.Reason, want, want.call.Decision.Reason)
				}
			}
		}
	}
}

func TestOwnRulesDoNotOpenFilesOfOthers(t *testing.T) {
	t.Parallel()
	notes, owner := known(application(kindApplication, "manage-files:photos")), known(callers[1].identity)
	site := signIn(t)
	for _, text := range []string{
		"allow GET /api/v2.6/files/file/{id} authenticated", "allow * /api/{rest...} authenticated", "allow GET /{rest...} public",
	} {
		in := site.under(t, text)
		for _, m := range mounts {
			path := "/api/" + m + "/files/file/f1"
			if got := in.walk(t, "GET", path, "", notes); got.status != http.StatusForbidden {
				t.Errorf("%s: %s by an application: %s", text, path, got)
			}
			if got := in.walk(t, "GET", path, "", nil); got.forwarded {
				t.Errorf("%s: %s by nobody: %s", text, path, got)
			}
			if got := in.walk(t, "GET", path, "", owner); !got.forwarded && !strings.HasSuffix(text, "public") {
				t.Errorf("%s: %s by the owner: %s", text, path, got)
			}
		}
	}
}

func TestOwnRulesDoNotLetABatchPassUnread(t *testing.T) {
	t.Parallel()
	const foreign, mine = `[{"endpoint":"other/x","data":{}}]`, `[{"endpoint":"notes/x","data":{}}]`
	notes, service := known(application(kindApplication, "namespace-write:notes")), known(&schemes.Identity{Kind: kindService})
	site := signIn(t)
	for _, text := range []string{
		"allow POST /api/v2.6/{what} grant namespace-write", "allow * /api/{rest...} authenticated", "allow POST /{rest...} public",
	} {
		in := site.under(t, text)
		for _, tt := range []struct {
			body     string
			identity *schemes.Identity
			status   int
		}{{foreign, notes, 403}, {mine, notes, 200}, {mine, nil, 401}} {
			got := in.walk(t, "POST", "/api/v2/data-batch", tt.body, tt.identity)
			if got.status != tt.status || got.forwarded != (tt.status == 200) {
				t.Errorf("%s: %s: %s, want %d", text, tt.body, got, tt.status)
			}
		}
		if got := in.walk(t, "POST", "/api/v2/data-batch", mine, service); got.status != http.StatusForbidden {
			t.Errorf("%s: who has no grants at all: %s", text, got)
		}
	}
}

func TestOwnRulesDoNotShowHashes(t *testing.T) {
	t.Parallel()
	platform := known(application(kindApplication, "platform"))
	site := signIn(t)
	for _, text := range []string{
		"allow GET /users/{what} grant platform", "allow GET /users/{what} public", "allow * /users/{rest...} authenticated", "allow * /{rest...} public",
	} {
		in := site.under(t, text)
		paths := []string{patternUsers}
		if strings.Contains(text, "rest") {
			paths = append(paths, patternUsers+"/", patternUsers+"/"+someUser+"/enable")
		}
		for _, path := range paths {
			if got := in.walk(t, "GET", path, "", platform); !got.forwarded || !got.composed {
				t.Errorf("%s: %s: %s", text, path, got)
			}
			if got := in.walk(t, "GET", path, "", nil); got.forwarded || got.status != http.StatusUnauthorized {
				t.Errorf("%s: %s by nobody: %s", text, path, got)
			}
		}
	}
}

// ownPaths are paths of the scheme's own endpoints.
func ownPaths(in *signedIn) (paths []string) {
	for pattern := range in.own {
		paths = append(paths, strings.ReplaceAll(pattern, "{application}", "friend"))
	}
	return paths
}

func TestOwnRulesDoNotSendCallsOfTheGatewaysOwnToTheServer(t *testing.T) {
	t.Parallel()
	site := signIn(t)
	for _, text := range []string{"allow * /{rest...} authenticated", "allow * /{rest...} public", "allow GET /healthz public"} {
		in := site.under(t, text)
		owner := in.owner(t)
		for _, path := range ownPaths(in) {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "OPTIONS"} {
				for _, slash := range []string{"", "/"} {
					if path == patternPassword || path == patternSignOut && method == "POST" && slash == "" {
						continue // which would end what the others need
					}
					for _, identity := range []*schemes.Identity{nil, owner} {
						got := in.walk(t, method, path+slash, "", identity)
						if got.forwarded {
							t.Errorf("%s: %s %s%s was forwarded", text, method, path, slash)
						}
						if got.own && (slash != "" || method == "PUT" || method == "OPTIONS") {
							t.Errorf("%s: %s %s%s is an endpoint", text, method, path, slash)
						}
					}
				}
			}
		}
	}
}

func TestOwnEndpointsThatOwnRulesDoNotAllowAreDenied(t *testing.T) {
	t.Parallel()
	in := signIn(t).under(t, "allow GET /healthz public\nallow GET /publickey kind owner\nallow POST /control/v2/{rest...} kind owner")
	owner, notes := in.owner(t), known(application(kindApplication))
	for _, tt := range []struct {
		method, path string
		identity     *schemes.Identity
		status       int
	}{
		{"GET", patternSignIn, nil, 404},
		{"GET", patternKeySet, nil, 404},
		{"GET", patternApplications, owner, 404},
		{"GET", patternPublicKey, nil, 401},
		{"GET", patternPublicKey, notes, 403},
		{"GET", patternPublicKey, owner, 200},
		{"GET", patternLogin, owner, 404},
		{"POST", patternSignOut, nil, 401},
		{"POST", patternSignOut, notes, 403},
	} {
		if got := in.walk(t, tt.method, tt.path, "", tt.identity); got.status != tt.status || got.forwarded {
			t.Errorf("%s %s: %s, want %d", tt.method, tt.path, got, tt.status)
		}
	}
}

func TestOwnEndpointsServeNobodyWhateverOwnRulesSay(t *testing.T) {
	t.Parallel()
	spoken := map[string]int{ // what nobody gets where the shipped rules let nobody in
		patternSignIn: 401, patternPublicKey: 200, patternKeySet: 200, "/api/v2.6/applications/friend/hmi": 200,
	}
	site := signIn(t)
	if _, err := site.AddApplication(t.Context(), tokenstore.Application{ID: "friend", Version: "1.0.0", Name: "Friend", URL: "https://friend.example.com"}, "test"); err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"allow * /{rest...} public", "allow GET,POST /{rest...} public when method != \"\""} {
		in := site.under(t, text)
		for _, path := range ownPaths(in) {
			want, public := spoken[path]
			if !public {
				want = http.StatusUnauthorized
			}
			method := "GET"
			if path == patternPassword || path == patternSignOut {
				method = "POST"
			}
			if got := in.walk(t, method, path, "{}", nil); got.status != want || !got.own {
				t.Errorf("%s: %s %s by nobody: %s, want %d", text, method, path, got, want)
			}
		}
		stored, _, _, err := in.backend.Store.AccountByHost(t.Context(), "default", "ann.example.com")
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 && len(stored.Applications) != 0 {
			t.Errorf("%s: nobody let in %+v", text, stored.Applications)
		}
		// Who has a token is looked at all the same.
		owner := in.owner(t)
		for path, want := range map[string]string{"/api/v2.6/applications/friend/setup": `"friend"`, "/api/v2.6/applications/friend/access-token": "accessToken", patternApplications: `"friend"`} {
			if got := in.walk(t, "GET", path, "", owner); got.status != http.StatusOK || !strings.Contains(got.body, want) {
				t.Errorf("%s: %s by the owner: %s: %s", text, path, got, got.body)
			}
		}
		if got := in.walk(t, "GET", patternApplications, "", known(&schemes.Identity{Kind: kindService})); got.status != http.StatusOK || got.body != "[]" {
			t.Errorf("%s: applications for who has no grants: %s: %s", text, got, got.body)
		}
		for _, row := range access { // and nothing panics
			in.walk(t, row.method, row.path, "[]", nil)
		}
	}
}

func TestOwnRulesDoNotOpenLinksOfOtherSites(t *testing.T) {
	t.Parallel()
	in := signIn(t).under(t, "allow * /api/v2.6/{rest...} authenticated")
	call := in.call(t, "/api/v2.6/data-debit/d1/enable")
	call.Identity = known(callers[1].identity)
	call.Request.Header.Set("Sec-Fetch-Site", "cross-site")
	if d := in.Decide(call); d.Allow {
		t.Error("a link of another site enables a data debit")
	}
}

func TestOwnRulesThatCannotHoldAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"allow GET /api/v2.6/x grant namespaceread":                `own.rules:2: there is no privilege "namespaceread"`,
		"allow GET /api/v2.6/x/{n} grant namespace-read:notes {n}": `"namespace-read:notes"`,
		"allow GET /api/v2/data/{n}/{e...} grant owner":            "own.rules:2: no path is at /api/v2 for the rules; write /api/v2.6",
		"allow GET /api/v2.0/x public":                             "/api/v2.0",
		"allow GET /api/v1/x public":                               "/api/v1",
		"allow GET /%61pi/v%32/x public":                           "/api/v2",
		"allow GET /api/v2 public":                                 "/api/v2",
		"allow GET /api/v2%2E6/x public":                           "",
		"allow GET /api/{mount}/x public":                          "",
		"allow GET /api/{rest...} public":                          "",
		"allow GET /api public":                                    "",
		"allow GET /apis/v2/x public":                              "",
		"allow GET /x/{n} grant namespace-read {n}":                "",
		"allow GET /x kind owner when name == \"a\"":               "",
	} {
		config := Config{
			Realm: "default", Idle: DefaultIdle, Absolute: DefaultAbsolute, RenewInterval: DefaultRenewInterval,
			LimitStatus: http.StatusTooManyRequests, BatchLimit: DefaultBatchLimit,
		}
		own(t, "\n"+text)(&config)
		_, err := New(config, nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
