package harness

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// NodeScript runs a script in Node.js, which brings a client of its own (fetch), and returns
// what it printed and how it ended. Arguments reach it as process.argv[1] and further; what
// nobody may see in a list of processes belongs into stdin.
func NodeScript(tb testing.TB, script, stdin string, args ...string) Result {
	tb.Helper()
	cmd := exec.Command("node", append([]string{"--input-type=commonjs", "-e", script}, args...)...)
	cmd.Dir = tb.TempDir()
	// A proxy of the machine's would swallow calls to 127.0.0.1.
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "NODE_OPTIONS=")
	cmd.Stdin = bytes.NewBufferString(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		tb.Fatalf("running Node.js: %v", err)
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}
