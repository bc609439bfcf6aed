package caddymodule

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// What outlives a configuration must not go on writing to the log of the first.
func TestProcessLogFollowsTheDefaultLog(t *testing.T) {
	folder := t.TempDir()
	use := func(name string) {
		t.Helper()
		run(t, adaptTo(t, fmt.Sprintf(`{
			admin off
			persist_config off
			log {
				output file %s/%s {
					roll_disabled
				}
				level INFO
			}
		}`, folder, name)))
	}
	logger := newProcessLog("gatehouse.test").With("kept", "attribute")
	use("first")
	logger.Info("message one")
	logger.Debug("below the level")
	use("second")
	logger.WithGroup("group").Info("message two", "own", 2)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"first":  {"message one", `"kept":"attribute"`, `"logger":"gatehouse.test"`},
		"second": {"message two", `"kept":"attribute"`, `"own":2`},
	} {
		log, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(string(log), part) {
				t.Errorf("the %s log has no %s:\n%s", name, part, log)
			}
		}
		if n := strings.Count(string(log), "gatehouse.test"); n != 1 {
			t.Errorf("the %s log has %d lines, want 1:\n%s", name, n, log)
		}
	}
}
