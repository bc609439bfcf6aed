package e2e

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// startPersonalExample runs Caddyfile.example as startWithSecrets does, and returns its
// gateway of personal data accounts before a recording server.
func startPersonalExample(t *testing.T, caddyfile string) *personal {
	t.Helper()
	file := filepath.Join(t.TempDir(), "upstream")
	if err := os.WriteFile(file, []byte(upstreamSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := harness.NewPersonalServer(t, nil)
	env := exampleEnv(t, harness.Env{"UPSTREAM": server.Addr, "UPSTREAM_TOKEN": file, "PDA_DEMO": server.Addr})
	g := &gateway{Instance: harness.Start(t, caddyfile, env), upstream: server.Upstream}
	g.Gate = net.JoinHostPort("127.0.0.1", env["PDA_PORT"])
	return &personal{gateway: g, server: server, host: "127.0.0.1"}
}

// plantPersonal makes an account with keys of the test's, and sends each secret by the
// carriers it has, and by those it should not have.
func (p *personal) plantPersonal(t *testing.T) secretsSeen {
	t.Helper()
	key := harness.NewRSAKey(t)
	keyPEM := harness.PrivatePEM(key)
	dir := t.TempDir()
	for name, text := range map[string]string{"key.pem": keyPEM, "crypter": crypterKey + "\n", "weak": "letmein123letmein\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.createAccount(t, p.host, "--key-file", filepath.Join(dir, "key.pem"), "--crypter-file", filepath.Join(dir, "crypter"))
	p.token = p.signedIn(t)
	p.addApplication(t, "app", "namespace-read:notes")
	p.Gatehouse("application", "update", "app", "--redirect-uri", "https://app.example.com/back")
	block, _ := pem.Decode([]byte(keyPEM))
	guess, other := "a-guess-of-some-length-8231", "another heron altogether 5"
	hatLogin := p.call(t, 200, "GET", "/control/v2/auth/hatlogin?name=app&redirect="+url.QueryEscape("https://app.example.com/back"), p.token)
	_, handedOver, _ := strings.Cut(hatLogin.Body, "token=")
	handedOver, _, _ = strings.Cut(handedOver, `"`)
	all := secretsSeen{
		"owner's password": ownerPassword, "owner's password, escaped": escaped(ownerPassword), "failed guess": guess, "next password": other,
		"owner's token": p.token, "application's token": p.applicationToken(t, "app"), "single sign-on's token": handedOver,
		"service token": tokenIn(t, p.call(t, 200, "GET", "/users/application_token?name=a&resource=b", p.token)),
		"fresh token":   p.call(t, 200, "GET", diary, p.token).Header.Get("X-Auth-Token"),
		"signing key":   string(block.Bytes), "signing key in PEM": strings.Split(keyPEM, "\n")[3],
		"signing key's exponent": string(key.D.Bytes()), "signing key's prime": string(key.Primes[0].Bytes()), //nolint:staticcheck // to search for it
		"crypter key":        crypterKey,
		"server's own token": harness.PersonalToken, "server's password hash": harness.PersonalHash,
		"basic credentials": base64.StdEncoding.EncodeToString([]byte(owner + ":" + ownerPassword)),
	}
	for name, secret := range all {
		if len(secret) < 20 {
			t.Fatalf("%s is %q: the test is wrong", name, secret)
		}
	}

	// What clients and their mistakes send.
	isText := func(s string) bool { return !strings.ContainsAny(s, "\r\n\x00") && strings.ToValidUTF8(s, "") == s }
	for name, secret := range all {
		if !isText(secret) {
			continue
		}
		for _, target := range []string{signIn, validate, diary, "/publickey", "/api/v2.6/phata/profile", "/nowhere", "/api/v2.6/data/notes/answers/599", "/api/v2.6/data/notes/answers/500", diary + "%00"} {
			for _, headers := range [][]string{
				credentials(owner, secret),
				credentials(secret, "x"),
				append(credentials(owner, secret), "password: "+secret),
				{xAuth(p.token), "username: " + secret, "password: " + secret},
				{xAuth(secret)},
				{xAuth(secret), xAuth(secret + "x")},
				{"Authorization: Bearer " + secret},
				{"Authorization: Basic " + secret},
				{"Cookie: token=" + secret, xAuth(p.token)},
				{"Token: " + secret, "X-Bbk-Auth-Token: " + secret, xAuth(p.token)},
				{"Referer: http://" + p.Gate + "/?token=" + secret, xAuth(p.token)},
				{"Host: other.example", xAuth(secret)},
			} {
				p.say(t, "GET", target, "", headers...)
			}
		}
		p.say(t, "POST", signIn, "username="+owner+"&password="+url.QueryEscape(secret), "Content-Type: application/x-www-form-urlencoded")
		body := `{"newPassword":"` + strings.ReplaceAll(secret, `"`, "") + `","password":"` + strings.ReplaceAll(secret, `"`, "") + `"}`
		p.say(t, "POST", "/control/v2/auth/password", body, xAuth(p.token), "Content-Type: application/json")
		p.say(t, "POST", "/control/v2/auth/password", `{"newPassword":"`+secret, xAuth(p.token), "Content-Type: application/json")
		if strings.Contains(name, "token") && secret != harness.PersonalToken {
			for _, target := range []string{diary, signIn, "/publickey", "/nowhere"} {
				p.say(t, "GET", target+"?X-Auth-Token="+secret, "")
				p.say(t, "GET", target+"?token="+secret, "")
				p.say(t, "GET", "/"+secret, "", xAuth(p.token))
			}
			p.TryGatehouse("token", "revoke", secret)
		}
		// What an operator or a script may get wrong.
		for _, body := range []string{`{"host":"x","password":"` + secret, `{"host":"a b","password":"` + secret + `","key":"` + secret + `","crypter_key":"` + secret + `"}`} {
			r, err := http.NewRequest("POST", "http://"+p.Admin+"/gatehouse/pda/default/accounts", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
	}
	p.server.Forget()
	p.withPassword(t, other, "account", "passwd", p.host)
	p.Gatehouse("account", "rotate-key", p.host, "--overlap", "1h")
	p.Gatehouse("account", "revoke", p.host)
	return all
}

// printed is what the commands say, of success and of failure.
func (p *personal) printed(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, args := range [][]string{
		{"account", "list"},
		{"account", "show", p.host},
		{"account", "list", "--json"},
		{"account", "show", p.host, "--json"},
		{"application", "list"},
		{"application", "show", "app", "--json"},
		{"token", "list", "--json"},
		{"account", "show", "nobody.example.test"},
	} {
		res := p.TryGatehouse(args...)
		fmt.Fprintf(&all, "== %v\n%s%s\n", args[:2], res.Stdout, res.Stderr)
	}
	for _, path := range []string{"/config/", "/metrics", "/gatehouse/audit", "/gatehouse/pda/default/accounts", "/gatehouse/pda/default/applications", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline"} {
		res, err := http.Get("http://" + p.Admin + path)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if _, err := fmt.Fprintf(&text, "== %s %s\n", path, res.Status); err != nil {
			t.Fatal(err)
		}
		if err := res.Write(&text); err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
		}
		all.WriteString(text.String())
	}
	return all.String()
}

func TestNoSecretOfPersonalAccountsIsWrittenDown(t *testing.T) {
	p := startPersonalExample(t, exampleWithUpstream(t))
	secrets := p.plantPersonal(t)
	printed := p.printed(t)
	p.Stop()

	written := p.Everything()
	for _, want := range []string{`"msg":"upstream roundtrip"`, `"logger":"http.log.access`, `"msg":"decision"`, "REDACTED", "access.log", "default.log"} {
		if !strings.Contains(written, want) {
			t.Errorf("the process did not write %s; mend this test", want)
		}
	}
	places := p.Files() // the store's too
	places["the output"], places["the commands and the admin endpoint"] = p.Output(), printed
	for place, text := range places {
		for _, leak := range secrets.leaks(text) {
			t.Errorf("%s holds the %q", place, leak)
		}
	}
}

// The control of the test above: without the filters the same run does write tokens and
// passwords down.
func TestWithoutFiltersSecretsOfPersonalAccountsAreWritten(t *testing.T) {
	caddyfile := exampleWithUpstream(t)
	from, to := strings.Index(caddyfile, "(redacted) {"), strings.Index(caddyfile, "\n}\n")
	p := startPersonalExample(t, caddyfile[:from]+"(redacted) {\n\tformat json"+caddyfile[to:])
	secrets := p.plantPersonal(t)
	p.Stop()
	leaks := strings.Join(secrets.leaks(p.Everything()), "\n")
	for _, want := range []string{"owner's password", "owner's token", "fresh token", "application's token"} {
		if !strings.Contains(leaks, want) {
			t.Errorf("the logs do not hold the %s: the test cannot fail", want)
		}
	}
}
