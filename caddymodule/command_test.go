package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestCommands runs the scripts in testdata/script, each against a server of its own
// in another process. What a script has beside testscript's commands:
//
//	fetch LINK-FILE PROFILE   follows the link in a file and keeps the answer
//	shares PROFILE STATUS     lists the shares with a profile's token
//	                          (SITE in it is the site's address)
//	signin HOST NAME PASSWORD-FILE STATUS [TOKEN-FILE]
//	                          signs an owner in at an account's host, and keeps the token
//	calls HOST TOKEN-FILE TARGET STATUS
//	                          sends a GET to an account's host; a token in the body of the
//	                          answer is kept in the file issued
//	keep FILE FIELD           keeps a field of the JSON in stdout as a file
//	coordinates METHOD TARGET TOKEN-FILE STATUS [BODY]
//	                          calls the site of a BitBroker's contract, and keeps the answer
//	                          in the file answered
//	hides FILE…               fails if stdout, stderr or the server's log tell what a file holds
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               startServer,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fetch":  fetch,
			"shares": shares,
			"keep":   keep,
			"signin": signin,
			"calls":  calls,
			"hides":  hides,

			"coordinates": coordinates,
		},
	})
}

// scriptSite is the configuration of a script's server.
const scriptSite = `{
	admin %[1]s
	default_bind 127.0.0.1
	persist_config off
	storage file_system %[3]s/data
	log {
		level DEBUG
	}
	gatehouse {
		store badger %[3]s/store
	}
}
http://%[2]s {
	gatehouse delta {
		public_url http://%[2]s
		upstream_token {env.UPSTREAM_TOKEN}
		credentials_api /dds-tokens
	}
	respond {"items":[]}
}
http://second.example.com:%[4]s {
	gatehouse delta {
		public_url http://second.example.com
		upstream_token {env.UPSTREAM_TOKEN}
		realm second
	}
	respond {"items":[]}
}
http://*.pda.example.com:%[4]s {
	gatehouse pda
	respond data
}
http://market.example.com:%[4]s {
	gatehouse dx {
		issuer cos.example.com
		audience apd.example.com
		key_file %[3]s/exchange.pem
	}
	respond data
}
http://broker.example.com:%[4]s {
	gatehouse bitbroker
	respond data
}
http://front.example.com:%[4]s {
	gatehouse bitbroker {
		mode in_front
		realm front
	}
	respond data
}
http://services.example.com:%[4]s {
	gatehouse_bitbroker_services {
		realm front
		secret 0123456789abcdefABCDEF_-0123456789abcdef
	}
}
`

// startServer runs the test binary as a server. It is ready when it has written the
// bytes from its standard input to the pingback address, as for `caddy start`.
func startServer(env *testscript.Env) error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	admin, site := ports[0], ports[1]
	_, port, _ := net.SplitHostPort(site)
	_, key, err := newExchangeKey()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(env.WorkDir, "exchange.pem"), key, 0o600); err != nil {
		return err
	}
	configuration := filepath.Join(env.WorkDir, "Caddyfile")
	if err := os.WriteFile(configuration, fmt.Appendf(nil, scriptSite, admin, site, env.WorkDir, port), 0o600); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	log, err := os.Create(filepath.Join(env.WorkDir, "server.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	env.Setenv("ADMIN", admin)
	env.Setenv("SITE", site)
	env.Setenv("PEOPLE", "127.0.0.1:"+port)
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("UPSTREAM_TOKEN", "upstream-secret")

	caddy, err := exec.LookPath("caddy") // testscript.Main put it in the PATH
	if err != nil {
		return err
	}
	const expect = "ready"
	server := exec.Command(caddy, "run", "--config", configuration, "--adapter", "caddyfile", "--pingback", listener.Addr().String())
	server.Dir, server.Env, server.Stdin, server.Stdout, server.Stderr = env.WorkDir, env.Vars, strings.NewReader(expect), log, log
	if err := server.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- server.Wait()
		listener.Close() // a server that ends early would never call
	}()
	env.Defer(func() {
		_ = server.Process.Signal(os.Interrupt)
		<-ended
	})
	connection, err := listener.Accept()
	if err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("the server did not start: %w\n%s", err, text)
	}
	defer connection.Close()
	if got, err := io.ReadAll(connection); err != nil || string(got) != expect {
		return fmt.Errorf("the server said %q, %w", got, err)
	}
	return nil
}

// freePorts returns addresses that were free a moment ago.
func freePorts(n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close() // held until all are found
		addresses[i] = listener.Addr().String()
	}
	return addresses, nil
}

func fetch(ts *testscript.TestScript, neg bool, args []string) {
	link := strings.TrimSpace(ts.ReadFile(args[0]))
	answer, err := http.Get(link)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if (answer.StatusCode == http.StatusOK) == neg {
		ts.Fatalf("the link answers %d %s", answer.StatusCode, body)
	}
	if !neg {
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), body, 0o600))
	}
}

func shares(ts *testscript.TestScript, _ bool, args []string) {
	var profile struct {
		Endpoint    string `json:"endpoint"`
		BearerToken string `json:"bearerToken"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &profile))
	r, err := http.NewRequest(http.MethodGet, strings.Replace(profile.Endpoint, "SITE", ts.Getenv("SITE"), 1)+"/shares", nil)
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer "+profile.BearerToken)
	r.Header.Set("User-Agent", "script/1")
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	if got := fmt.Sprint(answer.StatusCode); got != args[1] {
		ts.Fatalf("the token gets %s, want %s", got, args[1])
	}
}

// visit sends a GET to an account's host.
func visit(ts *testscript.TestScript, host, target string, header http.Header) *http.Response {
	r, err := http.NewRequest(http.MethodGet, "http://"+ts.Getenv("PEOPLE")+target, nil)
	ts.Check(err)
	r.Host, r.Header = host, header
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	return answer
}

func signin(ts *testscript.TestScript, _ bool, args []string) {
	host, name, password, status := args[0], args[1], strings.TrimRight(ts.ReadFile(args[2]), "\n"), args[3]
	answer := visit(ts, host, "/users/access_token", http.Header{"Username": {url.QueryEscape(name)}, "Password": {url.QueryEscape(password)}})
	defer answer.Body.Close()
	if got := fmt.Sprint(answer.StatusCode); got != status {
		ts.Fatalf("signing in gets %s, want %s", got, status)
	}
	if len(args) > 4 {
		ts.Check(os.WriteFile(ts.MkAbs(args[4]), []byte(answer.Header.Get("X-Auth-Token")+"\n"), 0o600))
	}
}

func calls(ts *testscript.TestScript, _ bool, args []string) {
	host, token, target, status := args[0], strings.TrimSpace(ts.ReadFile(args[1])), args[2], args[3]
	answer := visit(ts, host, target, http.Header{"X-Auth-Token": {token}})
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if got := fmt.Sprint(answer.StatusCode); got != status {
		ts.Fatalf("%s gets %s %s, want %s", target, got, body, status)
	}
	var issued struct {
		AccessToken string `json:"accessToken"`
	}
	if json.Unmarshal(body, &issued) == nil && issued.AccessToken != "" {
		ts.Check(os.WriteFile(ts.MkAbs("issued"), []byte(issued.AccessToken+"\n"), 0o600))
	}
}

func coordinates(ts *testscript.TestScript, _ bool, args []string) {
	method, target, token, status := args[0], args[1], strings.TrimSpace(ts.ReadFile(args[2])), args[3]
	r, err := http.NewRequest(method, "http://"+ts.Getenv("PEOPLE")+target, strings.NewReader(strings.Join(args[4:], "")))
	ts.Check(err)
	r.Host = "broker.example.com"
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Bbk-Auth-Token", token)
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if got := fmt.Sprint(answer.StatusCode); got != status {
		ts.Fatalf("%s %s gets %s %s, want %s", method, target, got, body, status)
	}
	ts.Check(os.WriteFile(ts.MkAbs("answered"), body, 0o600))
}

func keep(ts *testscript.TestScript, _ bool, args []string) {
	var object any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &object))
	for name := range strings.SplitSeq(args[1], ".") {
		if list, ok := object.([]any); ok && len(list) > 0 {
			object = list[0] // of a list the first
		}
		members, ok := object.(map[string]any)
		if !ok {
			ts.Fatalf("stdout has no %s", args[1])
		}
		object = members[name]
	}
	text, ok := object.(string)
	if !ok {
		ts.Fatalf("%s is %v, no string", args[1], object)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text+"\n"), 0o600))
}

func hides(ts *testscript.TestScript, _ bool, args []string) {
	log, err := os.ReadFile(ts.MkAbs("server.log"))
	ts.Check(err)
	told := bytes.Join([][]byte{[]byte(ts.ReadFile("stdout")), []byte(ts.ReadFile("stderr")), log}, nil)
	for _, file := range args {
		hidden := strings.TrimSpace(ts.ReadFile(file))
		var profile struct {
			BearerToken string `json:"bearerToken"`
		}
		if json.Unmarshal([]byte(hidden), &profile) == nil {
			hidden = profile.BearerToken
		}
		if _, code, ok := strings.Cut(hidden, "?"); ok {
			hidden = code // of a link
		}
		if hidden == "" || bytes.Contains(told, []byte(hidden)) {
			ts.Fatalf("what %s holds is told (or is nothing)", file)
		}
	}
}
