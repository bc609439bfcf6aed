package caddymodule

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
// that Caddy does not know, and look like nothing.
func TestAccessLogsThatShowPasswordsOfSignInsAreWarnedOf(t *testing.T) {
	const (
		uriAlone = "format filter {\nrequest>uri gatehouse_redact\n}"
		headers  = "format filter {\nrequest>uri gatehouse_redact\nrequest>headers>Username delete\nrequest>headers>Password delete\nrequest>headers>X-Auth-Token delete\n}"
		all      = "format filter {\nrequest>uri gatehouse_redact\nrequest>headers delete\n}"
		some     = "format filter {\nrequest>uri gatehouse_redact\nrequest>headers>Username delete\n}"
	)
	for _, tc := range []struct {
		name, site, log, standard string
		warned                    bool
	}{
		{"the addresses alone", "gatehouse pda", uriAlone, uriAlone, true},
		{"in a route", "route {\ngatehouse pda\n}", uriAlone, uriAlone, true},
		{"some of the headers", "gatehouse pda", some, headers, true},
		{"the site's log alone", "gatehouse pda", headers, uriAlone, true},
		{"the headers of sign-ins", "gatehouse pda", headers, headers, false},
		{"all headers", "gatehouse pda", all, all, false},
		{"nobody signs in", "gatehouse delta {\npublic_url http://a.example.com\nupstream_token a\n}", uriAlone, uriAlone, false},
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
				log {
					output discard
					%s
				}
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
			if got := strings.Count(string(log), "not every log keeps their passwords out"); (got > 0) != tc.warned || got > 1 {
				t.Errorf("warned %d times, want %t:\n%s", got, tc.warned, log)
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
	redacting.logs[base.Done()] = map[*logging.FilterEncoder]bool{new(logging.FilterEncoder): true}
	redacting.Unlock()
	defer func() {
		redacting.Lock()
		defer redacting.Unlock()
		delete(redacting.logs, base.Done())
	}()
	derived := context.WithValue(base, caddyhttp.ServerCtxKey, new(caddyhttp.Server))
	if got := redactingLogs(caddy.Context{Context: derived}); got != 1 {
		t.Errorf("%d logs redact, want 1", got)
	}
	other, end := context.WithCancel(t.Context())
	defer end()
	if got := redactingLogs(caddy.Context{Context: other}); got != 0 {
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
