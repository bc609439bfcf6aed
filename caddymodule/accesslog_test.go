package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/logging"
)

func TestUnfilteredAccessLogsOfAGateAreWarnedOf(t *testing.T) {
	const gate = `
		gatehouse delta {
			public_url http://a.example.com
			upstream_token a
		}`
	const redacted = `format filter {
				request>uri gatehouse_redact
			}`
	for _, tc := range []struct {
		name, site, log, standard string
		warned                    bool
	}{
		{"unfiltered", gate, "log", "", true},
		{"filtered", gate, "log {\n" + redacted + "\n}", redacted, false},
		{"only the site's log filtered", gate, "log {\n" + redacted + "\n}", "", true},
		{"only the default log filtered", gate, "log {\noutput discard\n}", redacted, true},
		{"filtered by another filter", gate, "log {\noutput discard\nformat filter {\nrequest>headers delete\n}\n}", redacted, true},
		{"the gate in a route", "route {" + gate + "\n}", "log", "", true},
		{"no access log", gate, "", "", false},
		{"no gate", "respond hello", "log", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "log")
			if err := load(t, adaptTo(t, fmt.Sprintf(`{
				admin off
				persist_config off
				storage file_system %s
				log {
					output file %s {
						roll_disabled
					}
					%s
				}
				gatehouse {
					store badger %s
				}
			}
			http://a.example.com:0 {
				%s
				%s
			}`, t.TempDir(), file, tc.standard, t.TempDir(), tc.log, tc.site))); err != nil {
				t.Fatal(err)
			}
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
			log, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(string(log), "not every log keeps tokens out"); (got > 0) != tc.warned || got > 1 {
				t.Errorf("warned %d times, want %t:\n%s", got, tc.warned, log)
			}
		})
	}
}

// The redacting filter alone leaves the passwords of sign-ins in a log: they are headers
// that Caddy does not know, and look like nothing. On an address alone it leaves tokens
// there too, and reverse_proxy logs those that go on to the server behind.
func TestLogsThatShowSecretsInHeadersAreWarnedOf(t *testing.T) {
	const (
		uri     = "\nrequest>uri gatehouse_redact"
		token   = "\nrequest>headers>Token delete"
		broker  = "\nrequest>headers>X-Bbk-Auth-Token delete"
		proxied = "\nrequest>headers>X-Auth-Token delete\nheaders>X-Auth-Token delete"
		signIns = proxied + "\nrequest>headers>Username delete\nrequest>headers>Password replace X\nresp_headers>X-Auth-Token delete"
		all     = "\nrequest>headers delete\nresp_headers delete\nheaders delete"

		noAccessLog = "none"
		pda         = "gatehouse pda"
		pdaToken    = "gatehouse pda {\nupstream token\n}"
	)
	dx := "gatehouse dx {\nissuer cos.example.com\naudience apd.example.com\nkey_file " + newExchange(t).keyFile + "\n}"
	ofToken, ofBroker := []string{"request>headers>Token"}, []string{"request>headers>X-Bbk-Auth-Token"}
	ofProxied := []string{"headers>X-Auth-Token", "request>headers>X-Auth-Token"}
	ofSignIns := []string{
		"headers>X-Auth-Token", "request>headers>Password", "request>headers>Username",
		"request>headers>X-Auth-Token", "resp_headers>X-Auth-Token",
	}
	for _, tc := range []struct {
		name, site, log, standard string
		warned                    []string
	}{
		{"owners sign in, the addresses alone", pda, uri, uri, ofSignIns},
		{"owners sign in, in a route", "route {\n" + pda + "\n}", uri, uri, ofSignIns},
		{"owners sign in, some of the headers", pda, uri + proxied, uri + signIns, []string{ofSignIns[1], ofSignIns[2], ofSignIns[4]}},
		{"owners sign in, the site's log alone", pda, uri + signIns, uri, ofSignIns},
		{"owners sign in, their headers", pda, uri + signIns, uri + signIns, nil},
		{"owners sign in, all headers", pda, uri + all, uri + all, nil},
		{"owners sign in, no access log", pda, noAccessLog, "", nil},
		{"owners sign in, the token goes on, no access log", pdaToken, noAccessLog, uri, ofProxied},
		{"owners sign in, the token goes on, no access log, filtered", pdaToken, noAccessLog, uri + proxied, nil},
		{"owners sign in, in shadow, no access log", "gatehouse pda {\nshadow\n}", noAccessLog, uri, ofSignIns},

		{"identity tokens, the addresses alone", dx, uri, uri, ofToken},
		{"identity tokens, the site's log alone", dx, uri + token, uri, ofToken},
		{"identity tokens, the default log alone", dx, uri, uri + token, ofToken},
		{"identity tokens, both", dx, uri + token, uri + token, nil},
		{"identity tokens, a filter that deletes nothing", dx, uri + token, uri + "\nrequest>headers>Token rename Other", ofToken},
		{"identity tokens, another's headers", dx, uri + signIns, uri + signIns, ofToken},
		{"identity tokens, no access log", dx, noAccessLog, "", ofToken},
		{"identity tokens, no access log, the addresses alone", dx, noAccessLog, uri, ofToken},
		{"identity tokens, no access log, filtered", dx, noAccessLog, uri + token, nil},

		{"a BitBroker's tokens, the addresses alone", "gatehouse bitbroker", uri, uri, ofBroker},
		{"a BitBroker's tokens, the site's log alone", "gatehouse bitbroker", uri + broker, uri, ofBroker},
		{"a BitBroker's tokens, both", "gatehouse bitbroker", uri + broker, uri + broker, nil},
		{"a BitBroker's tokens, no access log", "gatehouse bitbroker", noAccessLog, uri, nil},
		{"a BitBroker's tokens, in shadow, no access log", "gatehouse bitbroker {\nshadow\n}", noAccessLog, uri, ofBroker},

		{"bearer tokens, which Caddy knows", "gatehouse delta {\npublic_url http://a.example.com\nupstream_token a\n}", uri, uri, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "log")
			filter := func(fields string) string {
				if fields == "" {
					return ""
				}
				return "format filter {" + fields + "\n}"
			}
			access := ""
			if tc.log != noAccessLog {
				access = "log {\noutput discard\n" + filter(tc.log) + "\n}"
			}
			if err := load(t, adaptTo(t, fmt.Sprintf(`{
				admin off
				persist_config off
				storage file_system %s
				log {
					output file %s {
						roll_disabled
					}
					%s
				}
				gatehouse {
					store badger %s
				}
			}
			http://a.example.com:0 {
				%s
				%s
			}`, t.TempDir(), file, filter(tc.standard), t.TempDir(), access, tc.site))); err != nil {
				t.Fatal(err)
			}
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
			if got := warnedFields(t, file); !slices.Equal(got, tc.warned) {
				t.Errorf("warned of %q, want %q", got, tc.warned)
			}
		})
	}
}

// warnedFields are what the warning of headers in a log names; nil if there is none.
func warnedFields(t *testing.T, file string) []string {
	t.Helper()
	log, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var fields []string
	for line := range strings.Lines(string(log)) {
		var entry struct {
			Msg    string   `json:"msg"`
			Fields []string `json:"fields"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(entry.Msg, "headers unknown to Caddy") {
			if fields != nil {
				t.Error("warned twice")
			}
			fields = entry.Fields
		}
	}
	return fields
}

// What the warning names is what logs show: the token stands in the access log, and in the
// default log when an answer breaks off, until both have the filters that it asks for.
func TestIdentityTokensStayOutOfLogsThatAreNotWarnedOf(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("less"))
	}))
	defer broken.Close()
	e := newExchange(t)
	token := e.token(nil)
	for _, tc := range []struct {
		name, fields string
		accessLog    bool
		shown        bool
	}{
		{"access logs on, the addresses alone", "request>uri gatehouse_redact", true, true},
		{"access logs on, the header deleted", "request>uri gatehouse_redact\nrequest>headers>Token delete", true, false},
		{"access logs off, the addresses alone", "request>uri gatehouse_redact", false, true},
		{"access logs off, the header deleted", "request>uri gatehouse_redact\nrequest>headers>Token delete", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "log")
			log := fmt.Sprintf("log {\noutput file %s {\nroll_disabled\n}\nformat filter {\n%s\n}\n}", file, tc.fields)
			access := ""
			if tc.accessLog {
				access = strings.Replace(log, file, file+".access", 1)
			}
			run(t, adaptTo(t, fmt.Sprintf(`{
				admin off
				persist_config off
				storage file_system %s
				%s
				gatehouse {
					store badger %s
				}
			}
			http://a.example.com:0 {
				%s
				gatehouse dx {
					issuer cos.example.com
					audience apd.example.com
					key_file %s
				}
				reverse_proxy %s
			}`, t.TempDir(), log, t.TempDir(), access, e.keyFile, strings.TrimPrefix(broken.URL, "http://"))))
			site := serverNamed(t, "srv0")
			func() {
				defer func() { _ = recover() }() // net/http's business: the proxy aborts
				r := httptest.NewRequest(http.MethodGet, "http://a.example.com/consumer/list/products", nil)
				r = r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, new(http.Server)))
				r.Header.Set("Token", token)
				site.ServeHTTP(httptest.NewRecorder(), r)
			}()
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
			files, want := []string{file}, []string{"aborting with incomplete response"}
			if tc.accessLog {
				files, want = append(files, file+".access"), append(want, "handled request")
			}
			for i, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(string(text), want[i]) {
					t.Fatalf("the log has no line %q; mend this test:\n%s", want[i], text)
				}
				if shown := strings.Contains(string(text), token); shown != tc.shown {
					t.Errorf("the log with %q shows the token: %t, want %t", want[i], shown, tc.shown)
				}
			}
			if warned := warnedFields(t, file) != nil; warned != tc.shown {
				t.Errorf("warned: %t, want %t", warned, tc.shown)
			}
		})
	}
}

// The http app, when it is provisioned first, hands this app a context to which it
// has added values: it is the same configuration.
func TestRedactionIsFoundInADerivedContext(t *testing.T) {
	base, cancel := context.WithCancel(t.Context())
	defer cancel()
	redacting.Lock()
	redacting.logs[base.Done()] = map[*logging.FilterEncoder]hiddenFields{new(logging.FilterEncoder): nil}
	redacting.Unlock()
	defer func() {
		redacting.Lock()
		defer redacting.Unlock()
		delete(redacting.logs, base.Done())
	}()
	all := func(hiddenFields) bool { return true }
	derived := context.WithValue(base, caddyhttp.ServerCtxKey, new(caddyhttp.Server))
	if got := logsThat(caddy.Context{Context: derived}, all); got != 1 {
		t.Errorf("%d logs redact, want 1", got)
	}
	other, end := context.WithCancel(t.Context())
	defer end()
	if got := logsThat(caddy.Context{Context: other}, all); got != 0 {
		t.Errorf("%d logs of another configuration redact, want 0", got)
	}
}

// What notes that a configuration redacts must go with the configuration, or each
// reload would leave one behind.
func TestNoteOfARedactionEndsWithItsConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base, cancel := context.WithCancel(context.Background())
		noteRedaction(caddy.Context{Context: base})
		if _, noted := redacting.logs[base.Done()]; !noted {
			t.Error("it is not noted")
		}
		cancel()
		synctest.Wait()
		redacting.Lock()
		defer redacting.Unlock()
		if _, noted := redacting.logs[base.Done()]; noted {
			t.Error("it is still noted")
		}
	})
}
