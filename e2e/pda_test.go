package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// pdaSite is a gateway of personal data accounts at debug level. Any Host reaches it:
// it selects the account. Renewed tokens are signed every second, so that a test sees
// them change.
const pdaSite = `
{
	admin {$ADMIN}
	default_bind 127.0.0.1
	persist_config off
	debug
	gatehouse {
		store badger {$DIR}/store
	}
}
http://:{$GATE_PORT} {
	gatehouse pda {
		renew_interval 1s
	}
	reverse_proxy {$UPSTREAM}
}
`

// pdaWith returns pdaSite with more options for the directive.
func pdaWith(options string) string {
	const last = "renew_interval 1s"
	return strings.Replace(pdaSite, last, last+"\n"+options, 1)
}

// The owner of the account, whose host is where the gateway listens.
const (
	owner         = "ann"
	ownerPassword = "five quiet herons at dawn"
)

// Calls that the tests make often.
const (
	diary    = "/api/v2.6/data/notes/diary"
	calendar = "/api/v2.6/data/calendar/events"
	validate = "/users/access_token/validate"
	signIn   = "/users/access_token"
)

// personal is a gateway before a server of personal data, with one account and its
// owner signed in.
type personal struct {
	*gateway
	server *harness.PersonalServer
	host   string // of the account, without a port
	token  string // the owner's
}

// startPersonal starts one. With a check the server behind looks at tokens itself.
func startPersonal(t *testing.T, caddyfile string) *personal {
	t.Helper()
	p := startPersonalServer(t, caddyfile, nil)
	p.createAccount(t, p.host)
	p.token = p.signedIn(t)
	return p
}

// startPersonalServer starts a gateway without any account.
func startPersonalServer(t *testing.T, caddyfile string, check *harness.TokenCheck) *personal {
	t.Helper()
	server := harness.NewPersonalServer(t, check)
	g := &gateway{Instance: harness.Start(t, caddyfile, harness.Env{"UPSTREAM": server.Addr}), upstream: server.Upstream}
	host, _, _ := net.SplitHostPort(g.Gate)
	return &personal{gateway: g, server: server, host: host}
}

// createAccount makes an account of the owner's.
func (p *personal) createAccount(t *testing.T, host string, args ...string) {
	t.Helper()
	p.withPassword(t, ownerPassword, append([]string{"account", "create", host, "--username", owner}, args...)...)
}

// withPassword runs a command that reads a password from standard input.
func (p *personal) withPassword(t *testing.T, password string, args ...string) {
	t.Helper()
	all := append(append([]string{"gatehouse"}, args...), "--password-file", "-", "--config", p.Config(), "--adapter", "caddyfile")
	if res := p.Command(password+"\n", all...); res.Code != 0 {
		t.Fatalf("%v: exit code %d\n%s%s", args, res.Code, res.Stdout, res.Stderr)
	}
}

// addApplication registers an application with its grants.
func (p *personal) addApplication(t *testing.T, id string, grants ...string) {
	t.Helper()
	args := []string{"application", "add", id, "--version", "1.0.0"}
	for _, grant := range grants {
		args = append(args, "--grant", grant)
	}
	p.Gatehouse(args...)
}

// accessToken is the body of every answer that hands a token out.
type accessToken struct {
	AccessToken string `json:"accessToken"`
	UserID      string `json:"userId"`
}

// credentials are the headers with which an owner signs in.
func credentials(username, password string) []string {
	return []string{"username: " + username, "password: " + password}
}

// escaped is a header's value as clients write it.
func escaped(text string) string {
	return strings.NewReplacer(" ", "%20", "+", "%2B", "%", "%25").Replace(text)
}

// signedIn signs the owner in and returns the token.
func (p *personal) signedIn(t *testing.T) string {
	t.Helper()
	return tokenIn(t, p.send(t, "GET", signIn, credentials(owner, escaped(ownerPassword))...))
}

// xAuth is the header line that presents a token.
func xAuth(token string) string { return "X-Auth-Token: " + token }

// call sends a request with a token; its status must be as wanted.
func (p *personal) call(t *testing.T, status int, method, target, token string, headers ...string) harness.Answer {
	t.Helper()
	return p.wantStatus(t, status, method, target, append([]string{xAuth(token)}, headers...)...)
}

// applicationToken sets an application up as the owner does, and returns its token.
func (p *personal) applicationToken(t *testing.T, id string) string {
	t.Helper()
	p.call(t, 200, "GET", "/api/v2.6/applications/"+id+"/setup", p.token)
	return tokenIn(t, p.call(t, 200, "GET", "/api/v2.6/applications/"+id+"/access-token", p.token))
}

// tokenIn is the token that an answer's body hands out.
func tokenIn(t *testing.T, got harness.Answer) string {
	t.Helper()
	var made accessToken
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != 200 || made.AccessToken == "" {
		t.Fatalf("no token was handed out: %d %s", got.Status, got.Body)
	}
	return made.AccessToken
}

// The contract's answers, to the byte.
const (
	notAuthenticated = `{"error":"Not Authenticated","message":"Not Authenticated"}`
	accessDenied     = `{"error":"Forbidden","message":"Access Denied"}`
)

var (
	uuidShape = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	jtiShape  = regexp.MustCompile(`^[0-9a-f]{256}$`)
)

func TestOwnerSignsInWithTheContractsToken(t *testing.T) {
	p := startPersonal(t, pdaSite)
	got := p.send(t, "GET", signIn, credentials(owner, escaped(ownerPassword))...)
	var made accessToken
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != 200 {
		t.Fatalf("signing in: %d %s", got.Status, got.Body)
	}
	if got.Header.Get("X-Auth-Token") != made.AccessToken || got.Header.Get("Cache-Control") != "no-store" || !uuidShape.MatchString(made.UserID) {
		t.Errorf("signing in answers %v %s", got.Header, got.Body)
	}
	claims := harness.ClaimsOf(t, made.AccessToken)
	if claims.Expires-claims.IssuedAt != 30*24*3600 || claims.Issuer != p.Gate || claims.Scope != "owner" ||
		!jtiShape.MatchString(claims.ID) || !strings.HasPrefix(claims.Subject, "1-") || claims.Application != "" {
		t.Errorf("the token says %+v", claims)
	}

	key := p.wantStatus(t, 200, "GET", "/publickey")
	if err := harness.VerifyRS256(made.AccessToken, key.Body); err != nil {
		t.Errorf("the token does not verify with /publickey: %v\n%s", err, key.Body)
	}
	if !strings.HasPrefix(key.Header.Get("Content-Type"), "text/plain") || !strings.HasSuffix(key.Body, "-----END PUBLIC KEY-----\n") {
		t.Errorf("/publickey answers %v %q", key.Header, key.Body)
	}
	jwks := p.wantStatus(t, 200, "GET", "/.well-known/jwks.json")
	var set struct {
		Keys []struct{ Kid, Kty, Alg, Use string }
	}
	if err := json.Unmarshal([]byte(jwks.Body), &set); err != nil || len(set.Keys) != 1 || set.Keys[0].Kid == "" || set.Keys[0].Kty != "RSA" {
		t.Errorf("the key set is %s (%v)", jwks.Body, err)
	}
	if strings.Contains(jwks.Body, `"d"`) {
		t.Error("the key set holds a private key")
	}

	if got := p.call(t, 200, "GET", validate, made.AccessToken); got.Body != `{"message":"Authenticated"}` {
		t.Errorf("validating answers %s", got.Body)
	}
	if got := p.call(t, 200, "GET", diary, made.AccessToken); got.Body != "[]" {
		t.Errorf("reading answers %s", got.Body)
	}
}

func TestHostSelectsTheAccount(t *testing.T) {
	p := startPersonal(t, pdaSite)
	_, port, _ := net.SplitHostPort(p.Gate)
	p.createAccount(t, "bea.example.test")
	const unavailable = `{"error":"Not Found","message":"HAT unavailable"}`
	for _, target := range []string{signIn, diary, "/publickey", "/api/v2.6/phata/profile", "/nowhere"} {
		got := p.send(t, "GET", target, "Host: nobody.example.test", xAuth(p.token))
		if got.Status != 404 || got.Body != unavailable {
			t.Errorf("an unknown host's %s: got %d %s", target, got.Status, got.Body)
		}
		if got.Header.Get("X-Auth-Token") != "" {
			t.Errorf("an unknown host's %s answers with a token", target)
		}
	}
	// A token of one account is nothing to another.
	for _, host := range []string{"bea.example.test", "bea.example.test:" + port, "BEA.example.test"} {
		p.call(t, 401, "GET", diary, p.token, "Host: "+host)
	}
	got := p.send(t, "GET", signIn, append(credentials(owner, escaped(ownerPassword)), "Host: bea.example.test:"+port)...)
	theirs := tokenIn(t, got)
	if iss := harness.ClaimsOf(t, theirs).Issuer; iss != "bea.example.test:"+port {
		t.Errorf("its issuer is %s", iss)
	}
	p.call(t, 200, "GET", diary, theirs, "Host: bea.example.test")
	p.call(t, 401, "GET", diary, theirs)
	if one, two := p.send(t, "GET", "/publickey"), p.send(t, "GET", "/publickey", "Host: bea.example.test"); one.Body == two.Body {
		t.Error("two accounts have one key")
	}
}

func TestApplicationMayDoWhatItWasGranted(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.addApplication(t, "diary-app", "namespace-read:notes", "namespace-write:notes")
	p.addApplication(t, "reader", "namespace-read:notes")
	writer, reader := p.applicationToken(t, "diary-app"), p.applicationToken(t, "reader")

	claims := harness.ClaimsOf(t, writer)
	if claims.Application != "diary-app" || claims.Version != "1.0.0" || claims.Scope != "" || claims.Resource != "" ||
		claims.ID == harness.ClaimsOf(t, p.token).ID || claims.Expires-claims.IssuedAt != 30*24*3600 {
		t.Errorf("the application's token says %+v", claims)
	}
	batch := func(namespaces ...string) string {
		var records []string
		for _, ns := range namespaces {
			records = append(records, fmt.Sprintf(`{"endpoint":"%s/diary","data":{"n":1}}`, ns))
		}
		return "[" + strings.Join(records, ",") + "]"
	}
	for _, tc := range []struct {
		name, token, method, target, body string
		status                            int
	}{
		{"read", reader, "GET", diary, "", 200},
		{"read on the second mount", reader, "GET", "/api/v2/data/notes/diary", "", 200},
		{"read on the third mount", reader, "GET", "/api/v2.0/data/notes/diary", "", 200},
		{"write with a right to read", reader, "POST", diary, `{"a":1}`, 403},
		{"write", writer, "POST", diary, `{"a":1}`, 201},
		{"read a foreign namespace", writer, "GET", calendar, "", 403},
		{"write to a foreign namespace", writer, "POST", calendar, `{"a":1}`, 403},
		{"a batch", writer, "POST", "/api/v2.6/data-batch", batch("notes", "notes"), 201},
		{"a batch with a foreign record", writer, "POST", "/api/v2.6/data-batch", batch("notes", "calendar"), 403},
		{"an update with a foreign record", writer, "PUT", "/api/v2/data", batch("calendar"), 403},
		{"deletion by id", writer, "DELETE", "/api/v2.6/data?records=00000000-0000-4000-8000-000000000001", "", 403},
		{"another application's token", writer, "GET", "/api/v2.6/applications/reader/access-token", "", 403},
		{"the list of applications", writer, "GET", "/api/v2.6/applications", "", 403},
		{"the users", writer, "GET", "/users/user", "", 403},
		{"a change of the password", writer, "POST", "/control/v2/auth/password", `{"newPassword":"a b c d e f g h 17","password":"x"}`, 403},
		{"the owner reads", p.token, "GET", calendar, "", 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := len(p.server.Requests())
			got := p.sendBody(t, tc.method, tc.target, tc.body, xAuth(tc.token), "Content-Type: application/json")
			if got.Status != tc.status {
				t.Errorf("got %d %s, want %d", got.Status, got.Body, tc.status)
			}
			if tc.status == 403 && len(p.server.Requests()) != before {
				t.Error("the server behind was asked")
			}
			if got.Header.Get("X-Auth-Token") == "" {
				t.Error("the answer has no fresh token")
			}
		})
	}
}

func TestBatchIsForwardedUnchanged(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.addApplication(t, "diary-app", "namespace-write:notes")
	token := p.applicationToken(t, "diary-app")
	const body = " [ {\"data\" : {\"t\":\"\\u00e9 é\",\"n\":1e2},\r\n\t\"endpoint\":\"notes/diary\"} ]\n"
	for _, method := range []struct{ method, target string }{{"POST", "/api/v2.6/data-batch"}, {"POST", "/api/v2/data-batch"}} {
		got := p.sendBody(t, method.method, method.target, body, xAuth(token), "Content-Type: application/json")
		if got.Status != 201 || p.server.Last(t).Body != body {
			t.Errorf("got %d %s; the server behind was sent %q", got.Status, got.Body, p.server.Last(t).Body)
		}
	}
}

func TestApplicationThatIsNotSetUpIsOnlyValidated(t *testing.T) {
	p := startPersonal(t, pdaSite)
	p.addApplication(t, "diary-app", "namespace-read:notes")
	got := p.call(t, 200, "GET", "/api/v2.6/applications/diary-app/access-token", p.token)
	token := tokenIn(t, got)
	if got.Header.Get("X-Auth-Token") == token {
		t.Error("the header holds the application's token, not the caller's")
	}
	if got := harness.ClaimsOf(t, got.Header.Get("X-Auth-Token")); got.ID != harness.ClaimsOf(t, p.token).ID {
		t.Error("the header's token is not the caller's")
	}
	p.call(t, 200, "GET", validate, token)
	p.call(t, 403, "GET", diary, token)
	p.call(t, 200, "GET", "/api/v2/applications/diary-app/setup", p.token)
	p.call(t, 200, "GET", diary, token)
	p.call(t, 200, "GET", "/api/v2.0/applications/diary-app/disable", p.token)
	p.call(t, 403, "GET", diary, token)
	if got := p.call(t, 404, "GET", "/api/v2.6/applications/unknown/access-token", p.token); !strings.Contains(got.Body, `"message":"Application not Found"`) {
		t.Errorf("an unknown application's token: %s", got.Body)
	}
}

func TestPasswordHashesNeverLeave(t *testing.T) {
	p := startPersonal(t, pdaSite)
	got := p.call(t, 200, "GET", "/users/user", p.token)
	if strings.Contains(got.Body, harness.PersonalHash) || strings.Contains(got.Body, `"pass"`) || !strings.Contains(got.Body, `"name":"Ann"`) {
		t.Errorf("the users are %s", got.Body)
	}
}
