package caddymodule

import (
	"fmt"
	"os"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	// What the configurations of the tests use beside the module itself.
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/gzip"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
)

// TestMain lets the scripts in testdata/script run the test binary as caddy.
func TestMain(m *testing.M) {
	testscript.Main(leakCheck{m}, map[string]func(){"caddy": caddycmd.Main})
}

// leakCheck runs the tests and then looks for goroutines they left behind.
type leakCheck struct{ *testing.M }

// Run implements testscript.TestingM.
func (m leakCheck) Run() int {
	code := m.M.Run()
	if code != 0 {
		return code
	}
	// Caddy's clean-up of its storage ends when it next looks at the lock's file.
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
