package harness

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var makeVenv sync.Once

// atOnce ends a script without taking Python's interpreter down: threads of Arrow's that are
// still there then abort the process now and then, after all was read (apache/arrow#34314).
const atOnce = `
import os, sys
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)
`

// atTheEnd does the same for the commands of a shell, from a module that Python loads when it
// starts. A script that failed ends as ever; one that says its own exit status has none here.
const atTheEnd = `
import atexit, os, sys

@atexit.register
def at_once():
    if getattr(sys, "last_exc", None) is None and getattr(sys, "last_value", None) is None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
`

// PythonPath is the environment variable with which Python ends at once in a shell.
func PythonPath(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sitecustomize.py"), []byte(atTheEnd), 0o600); err != nil {
		tb.Fatal(err)
	}
	return "PYTHONPATH=" + dir
}

// Python runs a script with the Python clients of requirements.txt at hand, and
// returns its standard output and how it ended. Arguments reach it as sys.argv[1:].
// The clients are installed on first use, into .venv at the root of the checkout.
func Python(tb testing.TB, script string, args ...string) Result {
	tb.Helper()
	root := Root(tb)
	makeVenv.Do(func() {
		if out, err := exec.Command(filepath.Join(root, "e2e", "venv.sh")).CombinedOutput(); err != nil {
			tb.Fatalf("installing the Python clients: %v\n%s", err, out)
		}
	})
	cmd := exec.Command(filepath.Join(root, ".venv", "bin", "python"), append([]string{"-c", script + atOnce}, args...)...)
	cmd.Dir = tb.TempDir()
	// A proxy of the machine's would swallow calls to 127.0.0.1.
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "PYTHONDONTWRITEBYTECODE=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		tb.Fatalf("running Python: %v", err)
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}
