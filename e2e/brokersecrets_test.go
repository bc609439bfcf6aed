package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// startBrokerSecrets runs the site of Caddyfile.example as startWithSecrets does.
func startBrokerSecrets(t *testing.T, caddyfile string) *brokerage {
	t.Helper()
	file := filepath.Join(t.TempDir(), "upstream")
	if err := os.WriteFile(file, []byte(upstreamSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := harness.StartDataServer(t)
	b := startBrokerExample(t, caddyfile, harness.Env{"UPSTREAM": server.Addr, "UPSTREAM_TOKEN": file, "BBK_DEMO": server.Addr})
	b.server, b.upstream = server, server.Upstream
	return b
}

// brokerFrontLogged is brokerFrontSite with the logs of Caddyfile.example, or with none of
// its filters.
func brokerFrontLogged(t *testing.T, filtered bool) string {
	t.Helper()
	example := exampleCaddyfile(t)
	from, to := strings.Index(example, "(redacted) {"), strings.Index(example, "\n}\n")
	snippet := example[from : to+3]
	if !filtered {
		snippet = "(redacted) {\n\tformat json\n}\n"
	}
	site := strings.Replace(brokerFrontSite, "\tpersist_config off\n", "\tlog default {\n\t\timport redacted\n\t\toutput file {$DIR}/default.log\n\t}\n", 1)
	site = strings.NewReplacer(
		"http://{$GATE} {\n", "http://{$GATE} {\n\tlog {\n\t\timport redacted\n\t\toutput file {$DIR}/access.log\n\t}\n",
		"http://{$SERVICES} {\n", "http://{$SERVICES} {\n\tlog {\n\t\timport redacted\n\t\toutput file {$DIR}/services.log\n\t}\n",
		"mode in_front\n", "mode in_front\nearlier_tokens {\nkey_file {$KEYS}\nuntil 2099-01-01\n}\n",
	).Replace(site)
	return snippet + site
}

// startBrokerFrontSecrets runs it, with tokens of before as well.
func startBrokerFrontSecrets(t *testing.T, filtered bool) (*brokerage, secretsSeen) {
	t.Helper()
	auth := harness.StartBrokerAuth(t)
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, fmt.Appendf(nil, "%s", jsonText(t, auth.KeySet())), 0o600); err != nil {
		t.Fatal(err)
	}
	services := harness.Address(t)
	server := harness.StartBitBroker(t, "http://"+services+"/"+servicesSecret)
	b := launchBrokerage(t, brokerFrontLogged(t, filtered), server, harness.Env{"SERVICES": services, "KEYS": keys})
	b.services, b.front = services, true
	b.token = b.firstCoordinator(t, "create", "--user", "1")
	return b, secretsSeen{
		"services' secret": servicesSecret,
		"earlier token":    auth.Sign(harness.BrokerClaims("consumer", "open-data", harness.RandomUUID())),
		"bootstrap token":  auth.Sign(harness.BootstrapClaims(harness.RandomUUID())),
	}
}

// plantBroker gives out tokens of every kind, ends some, and sends each by the carriers it
// has, and by those it should not have.
func (b *brokerage) plantBroker(t *testing.T, all secretsSeen) secretsSeen {
	t.Helper()
	m := man(t, b)
	alice := b.createUser(t, "alice@example.com")
	all["first coordinator"], all["consumer"], all["contributor"] = b.token, m.consumer, m.connector.Token
	all["demoted coordinator"] = b.promoted(t, alice)
	b.admin(t, 204, "DELETE", alice+"/coordinator", "")
	all["coordinator"] = b.promoted(t, alice)
	all["reissued consumer"] = tokenOf(t, b.admin(t, 200, "PUT", m.bob+"/access/open-data", ""))
	all["rotated contributor"] = tokenOf(t, b.admin(t, 200, "PUT", "/entity/country/connector/atlas/token", ""))
	all["contributor by command"] = brokerToken.FindString(b.Gatehouse("connector", "rotate", "country", "atlas"))
	all["never issued"] = harness.RandomUUID() + "." + harness.RandomUUID() + "." + harness.RandomUUID()
	if b.front {
		all["pending"] = b.mint(t, `{"scope":"consumer","aud":"open-data"}`).Token
		for _, path := range []string{"/auth/token", "/auth/token/check/x", "/rate/consumer:open-data/config", "/rate/x", "", "/auth/token%00"} {
			for _, method := range []string{"GET", "POST", "PUT", "DELETE", "BREW"} {
				b.sayTo(t, b.services, method, "/"+servicesSecret+path, `{"scope":"`+servicesSecret)
			}
		}
		b.sayTo(t, b.services, "POST", "/"+servicesSecret+"/auth/token", `["`+all["pending"]+`"]`, "Referer: http://x/"+servicesSecret, bbk(all["pending"]))
	} else {
		all["app secret"] = harness.BrokerSecret
	}
	for name, secret := range all {
		if len(secret) < 20 {
			t.Fatalf("%s is %q: the test is wrong", name, secret)
		}
		if name == "services' secret" || name == "app secret" {
			continue // nobody says it to the gate
		}
		for _, target := range []string{asCoordinator, asConsumer, m.connector.session(), coordinatorAPI + "/user/1/coordinator", coordinatorAPI, "/nowhere", asConsumer + "%00"} {
			for _, headers := range [][]string{
				{bbk(secret)},
				{bbk(secret), bbk(secret + "x")},
				{bbk("Bearer " + secret)},
				{bearer(secret)},
				{"Authorization: " + secret},
				{"Cookie: token=" + secret},
				{"X-Auth-Token: " + secret, "Token: " + secret},
				{"Referer: http://" + b.Gate + "/?token=" + secret, bbk(b.token)},
				{"Host: other.example", bbk(secret)},
			} {
				b.say(t, "GET", target, "", headers...)
				b.say(t, "POST", target, `{"name":"`+secret, append(headers, "Content-Type: application/json")...)
			}
		}
		b.say(t, "GET", asConsumer+"?x-bbk-auth-token="+secret, "")
		b.say(t, "GET", asConsumer+"?token="+secret, "", bbk(b.token))
		b.say(t, "GET", "/"+secret, "", bbk(b.token))
		b.say(t, "GET", consumerAPI+"/entity/"+secret, "")
		b.TryGatehouse("token", "revoke", secret)
		b.TryGatehouse("connector", "rotate", "country", secret)
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(b.Gate)
		for _, args := range [][]string{{"--token-file", file}, {"--token-file", file, "--json"}} {
			res := b.TryGatehouse(append([]string{"explain", "GET", "http://127.0.0.1:" + port + asConsumer}, args...)...)
			if strings.Contains(res.Stdout+res.Stderr, secret) {
				t.Errorf("explain prints the token of the %s", name)
			}
		}
	}
	return all
}

// sayTo is say to another address of the gateway's.
func (b *brokerage) sayTo(t *testing.T, addr, method, target, body string, headers ...string) {
	t.Helper()
	c := harness.Dial(t, addr)
	defer c.Close()
	headers = append(headers, "Connection: close", "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)))
	c.Write(harness.Request(method, target, addr, headers...) + body)
	c.Rest()
}

// brokerPrinted is what the commands and the admin endpoint say.
func (b *brokerage) brokerPrinted(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, args := range [][]string{{"coordinator", "list"}, {"coordinator", "list", "--json"}, {"token", "list"}, {"token", "list", "--json"}, {"connector", "rotate", "country", "none"}} {
		res := b.TryGatehouse(args...)
		fmt.Fprintf(&all, "== %v\n%s%s\n", args, res.Stdout, res.Stderr)
	}
	for _, path := range []string{"/config/", "/metrics", "/gatehouse/audit", "/gatehouse/tokens", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline"} {
		res, err := http.Get("http://" + b.Admin + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Write(&all); err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
		}
	}
	return all.String()
}

// wantUnwritten fails if a secret stands anywhere that the process wrote.
func (b *brokerage) wantUnwritten(t *testing.T, secrets secretsSeen, printed string, files ...string) {
	t.Helper()
	written := b.Everything()
	for _, want := range append([]string{`"msg":"upstream roundtrip"`, `"logger":"http.log.access`, `"msg":"decision"`, "access.log", "default.log"}, files...) {
		if !strings.Contains(written, want) {
			t.Errorf("the process did not write %s; mend this test", want)
		}
	}
	places := b.Files() // the store's too
	places["the output"], places["the commands and the admin endpoint"] = b.Output(), printed
	for place, text := range places {
		if b.front && strings.HasSuffix(place, filepath.Join("config", "Caddyfile")) {
			continue
		}
		for _, leak := range secrets.leaks(text) {
			t.Errorf("%s holds the %.1500s", place, leak)
		}
	}
}

func TestNoTokenOfABitBrokerIsWrittenDown(t *testing.T) {
	b := startBrokerSecrets(t, exampleWithUpstream(t))
	secrets := b.plantBroker(t, secretsSeen{})
	delete(secrets, "app secret") // the example has none
	printed := b.brokerPrinted(t)
	b.Stop()
	b.wantUnwritten(t, secrets, printed)
}

func TestNoSecretInFrontOfABitBrokerIsWrittenDown(t *testing.T) {
	b, secrets := startBrokerFrontSecrets(t, true)
	b.plantBroker(t, secrets)
	printed := b.brokerPrinted(t)
	b.Stop()
	b.wantUnwritten(t, secrets, printed)
}

// The control of the tests above: without the filters the same run does write tokens down.
// The secret of the services' addresses is in no log even then.
func TestWithoutFiltersTokensOfABitBrokerAreWritten(t *testing.T) {
	b, secrets := startBrokerFrontSecrets(t, false)
	b.plantBroker(t, secrets)
	b.Stop()
	leaks := strings.Join(secrets.leaks(b.Everything()), "\n")
	for _, want := range []string{"consumer", "coordinator", "contributor"} {
		if !strings.Contains(leaks, want+": ") {
			t.Errorf("the logs do not hold the token of the %s: the test cannot fail", want)
		}
	}
	if strings.Contains(leaks, "services' secret: ") {
		t.Error("the logs hold the secret of the services' addresses")
	}
}
