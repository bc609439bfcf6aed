package e2e

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// exampleWithUpstream is Caddyfile.example at debug level, with its logs in files as
// well as on standard error, before a recording upstream.
func exampleWithUpstream(t *testing.T) string {
	t.Helper()
	caddyfile, _, _ := strings.Cut(exampleCaddyfile(t), "# The demo data.")
	for _, change := range [][2]string{
		{"reverse_proxy {$DEMO}", "reverse_proxy {$UPSTREAM}"},
		{"upstream_token {file.examples/delta/token}", "upstream_token {file.{$UPSTREAM_TOKEN}}"},
		{"persist_config off", "debug"}, // with its autosave, as by default
		{"\tlog {\n\t\timport redacted\n", "\tlog {\n\t\timport redacted\n\t\toutput file {$DIR}/access.log\n"},
		{"\t\timport redacted\n\t}\n\n\tgatehouse {", "\t\timport redacted\n\t\toutput file {$DIR}/default.log\n\t}\n\n\tgatehouse {"},
	} {
		if !strings.Contains(caddyfile, change[0]) {
			t.Fatalf("Caddyfile.example no longer holds %q; mend this test", change[0])
		}
		caddyfile = strings.ReplaceAll(caddyfile, change[0], change[1])
	}
	return caddyfile
}

// secretsSeen are the secrets of a run, by what they are.
type secretsSeen map[string]string

// plant sends each secret by the carriers it has, and by those it should not have.
func (g *gateway) plant(t *testing.T) secretsSeen {
	t.Helper()
	const profilePath = "/delta_sharing/retrieve_config.html"
	code := func(link string) string { return strings.TrimPrefix(link, "http://"+g.Gate+profilePath+"?") }

	pending := g.createRecipient(t, "waiting", "sales")
	used := g.createRecipient(t, "acme", "sales")
	posted := g.createRecipient(t, "other", "sales")
	m := g.manager(t, "acme")
	token := g.activate(t, used)
	button := g.sendBody(t, "POST", profilePath, "code="+code(posted), "Content-Type: application/x-www-form-urlencoded")
	_, postedToken, _ := strings.Cut(button.Body, `"bearerToken":"`)
	postedToken, _, _ = strings.Cut(postedToken, `"`)
	rotated := m.list(t, "POST", endingIn(3600))[0]
	client, _ := g.createClient(t, "client", "sales")
	basic := base64.StdEncoding.EncodeToString([]byte(client.ClientID + ":" + client.ClientSecret))
	jwt := "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhY21lIiwiaXNzIjoieCJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
	all := secretsSeen{
		"code of a pending link": code(pending), "code of a used link": code(used), "code that was posted": code(posted),
		"code of a rotation": code(*rotated.ActivationLink), "bearer token": token, "token of a posted code": postedToken,
		"management key": strings.TrimPrefix(m.auth, "Authorization: Bearer "), "JWT": jwt,
		"upstream token": upstreamSecret, "client secret": client.ClientSecret, "client secret in a header": basic,
		"access token": g.accessToken(t, client), "admin token": g.adminToken(t, "operator"),
	}
	for name, secret := range all {
		if len(secret) < 30 {
			t.Fatalf("%s is %q: the test is wrong", name, secret)
		}
	}

	// What the page and its mistakes send.
	for _, link := range []string{pending, used, pending + "&utm_source=mail", pending + "="} {
		g.say(t, "GET", g.target(t, link), "", "Accept: text/html", "Referer: "+link)
	}
	g.say(t, "HEAD", g.target(t, pending), "")
	g.say(t, "GET", g.target(t, used), "", "Accept: */*")
	g.say(t, "GET", profilePath+"/"+code(pending), "")
	g.say(t, "GET", "/api/2.1/unity-catalog/public/data_sharing_activation/"+code(pending), "")
	g.say(t, "POST", profilePath, "code="+code(used), "Content-Type: application/x-www-form-urlencoded")
	g.say(t, "POST", profilePath+"?"+code(pending), "code="+strings.Repeat("x", 8<<10), "Content-Type: application/x-www-form-urlencoded")

	// What a client and its mistakes send to the token endpoint.
	form := "grant_type=client_credentials&client_id=" + client.ClientID + "&client_secret=" + client.ClientSecret
	endpoint := g.target(t, client.TokenEndpoint)
	for _, secret := range all {
		for _, header := range []string{"Authorization: Basic " + secret, bearer(secret), "Accept: */*"} {
			g.say(t, "POST", endpoint, form, header, "Content-Type: application/x-www-form-urlencoded")
			g.say(t, "POST", endpoint, "grant_type="+secret+"&scope="+secret, header, "Content-Type: application/x-www-form-urlencoded")
			g.say(t, "PUT", endpoint, "", header)
		}
	}
	g.say(t, "POST", endpoint+"?"+form, "", "Content-Type: application/x-www-form-urlencoded")
	g.say(t, "GET", endpoint+"?"+form, "")

	for _, secret := range all {
		for _, target := range []string{metadata, listing, "/dds-tokens", "/admin", metadata + "%00"} {
			for _, carrier := range [][]string{
				{"Authorization: Bearer " + secret},
				{"Authorization: " + secret},
				{"Authorization: Basic " + secret},
				{"Authorization: Bearer " + secret, "Authorization: Bearer " + secret + "x"},
				{"Proxy-Authorization: Bearer " + secret},
				{"Cookie: token=" + secret},
				{"X-Auth-Token: " + secret},
				{"X-Bbk-Auth-Token: " + secret},
				{"Token: " + secret},
				{bearer(token), "Referer: http://" + g.Gate + profilePath + "?" + secret},
				{bearer(token), "X-Auth-Token: " + secret, "Cookie: a=" + secret, "Token: " + secret},
			} {
				g.say(t, "GET", target, "", carrier...)
			}
			g.say(t, "GET", target+"?access_token="+secret, "", bearer(token))
			g.say(t, "GET", target+"?token="+url.QueryEscape("Bearer "+secret), "")
			g.say(t, "POST", target, "access_token="+secret, bearer(token), "Content-Type: application/x-www-form-urlencoded")
			g.say(t, "PATCH", target, `{"`+secret+`":`, m.auth, "Content-Type: application/json")
		}
		shapeless := secret == upstreamSecret || secret == basic // nothing knows them where nobody says them
		if !shapeless {
			g.say(t, "GET", "/delta-sharing/shares/"+secret, "", bearer(token))
			g.say(t, "GET", "/"+secret, "")
			g.say(t, "BREW", "/"+secret, "")
		}
		g.say(t, "GET", metadata, "", "Host: other.example", "Authorization: Bearer "+secret, "Referer: http://x"+profilePath+"?"+secret)

		// What an operator or a script may get wrong.
		if !shapeless {
			g.TryGatehouse("token", "revoke", secret)
			g.TryGatehouse("recipient", "ungrant", "acme", secret)
		}
		for _, body := range []string{`{"name":"` + secret, `{"name":"a b","comment":"` + secret + `"}`} {
			r, err := http.NewRequest("POST", "http://"+g.Admin+"/gatehouse/delta/default/recipients", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Auth-Token", secret)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
	}
	m.list(t, "GET", "")
	g.Gatehouse("recipient", "revoke", "acme")
	g.wantStatus(t, 401, "GET", metadata, bearer(token))
	return all
}

// say sends a request whose answer may break off or never come.
func (g *gateway) say(t *testing.T, method, target, body string, headers ...string) {
	t.Helper()
	headers = append(headers, "Connection: close", fmt.Sprintf("Content-Length: %d", len(body)))
	c := harness.Dial(t, g.Gate)
	defer c.Close()
	c.Write(harness.Request(method, target, g.Gate, headers...) + body)
	c.Rest()
}

// upstreamSecret is the global token of the server behind, as long and as odd as an
// operator may make it.
const upstreamSecret = "upstream-5f2ac8b1d0e94c7fb3a1c6d2e8f09a47"

func startWithSecrets(t *testing.T, caddyfile string) *gateway {
	t.Helper()
	file := filepath.Join(t.TempDir(), "upstream")
	if err := os.WriteFile(file, []byte(upstreamSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var answers atomic.Int64
	up := harness.NewUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch answers.Add(1) % 5 {
		case 0:
			w.WriteHeader(http.StatusInternalServerError)
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			_, _ = io.WriteString(w, `{"items":[{"name":`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case 3:
			harness.PlainUnauthorized(w, r)
		default:
			harness.JSON(`{"items":[]}`)(w, r)
		}
	})
	env := exampleEnv(t, harness.Env{"UPSTREAM": up.Addr, "UPSTREAM_TOKEN": file})
	return &gateway{Instance: harness.Start(t, caddyfile, env), upstream: up}
}

// adminAnswers is what the admin endpoint says, but for the calls that are there to
// show a secret once.
func (g *gateway) adminAnswers(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{
		"/config/", "/metrics", "/reverse_proxy/upstreams", "/debug/vars", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2",
		"/gatehouse/audit", "/gatehouse/tokens", "/gatehouse/delta/default/recipients", "/gatehouse/delta/default/recipients/acme",
	} {
		res, err := http.Get("http://" + g.Admin + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 || len(text) == 0 {
			t.Fatalf("%s: got %d, %v", path, res.StatusCode, err)
		}
		fmt.Fprintf(&all, "== %s\n%s\n", path, text)
	}
	return all.String()
}

// leaks tells which secrets stand in a text, with the line around each.
func (s secretsSeen) leaks(text string) []string {
	var found []string
	for name, secret := range s {
		if at := strings.Index(text, secret); at >= 0 {
			from := strings.LastIndexByte(text[:at], '\n') + 1
			found = append(found, fmt.Sprintf("%s: …%s…", name, text[max(from, at-600):min(len(text), at+200)]))
		}
	}
	return found
}

func TestNoSecretIsWrittenDown(t *testing.T) {
	g := startWithSecrets(t, exampleWithUpstream(t))
	secrets := g.plant(t)
	answers := g.adminAnswers(t)
	g.Stop()

	// The test is worth something only if the logs are as talkative as can be.
	written := g.Everything()
	for _, want := range []string{
		`"msg":"upstream roundtrip"`, `"logger":"http.log.access`, `"msg":"decision"`, "REDACTED",
		"access.log", "default.log", "autosave.json",
	} {
		if !strings.Contains(written, want) {
			t.Errorf("the process did not write %s; mend this test", want)
		}
	}
	places := g.Files() // the store's too
	places["the output"], places["the admin endpoint"] = g.Output(), answers
	for place, text := range places {
		for _, leak := range secrets.leaks(text) {
			t.Errorf("%s holds the %q", place, leak)
		}
	}
	if strings.Contains(written, "not every log keeps") {
		t.Error("the shipped filters are not noticed: the gate warns of access logs")
	}
}

// The control of the test above: without the filters the same run does write codes
// down, and the gate has warned of it.
func TestWithoutFiltersTheGateWarns(t *testing.T) {
	caddyfile := exampleWithUpstream(t)
	from, to := strings.Index(caddyfile, "(redacted) {"), strings.Index(caddyfile, "\n}\n")
	if from < 0 || to < from {
		t.Fatal("Caddyfile.example has no snippet redacted; mend this test")
	}
	caddyfile = caddyfile[:from] + "(redacted) {\n\tformat json" + caddyfile[to:]
	g := startWithSecrets(t, caddyfile)
	if !strings.Contains(g.Output()+g.Everything(), "gatehouse_redact") {
		t.Error("no warning names the filter gatehouse_redact")
	}
	secrets := g.plant(t)
	g.Stop()
	leaks := strings.Join(secrets.leaks(g.Everything()), "\n")
	for _, want := range []string{"code of a pending link", "code of a used link", "JWT"} {
		if !strings.Contains(leaks, want) {
			t.Errorf("the logs do not hold the %s: the test cannot fail", want)
		}
	}
}
