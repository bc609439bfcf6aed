package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"time"
)

// Result is how a command ended.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Command runs the binary with these arguments in the instance's environment, and
// gives it stdin to read. A command that does not end within a minute fails the test.
func (i *Instance) Command(stdin string, args ...string) Result {
	i.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, Binary(i.tb), args...)
	cmd.Dir, cmd.Env = Root(i.tb), i.env
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		i.tb.Fatalf("running %v: %v", args, err)
	}
	if ctx.Err() != nil {
		i.tb.Fatalf("%v did not end within a minute:\n%s%s", args, stdout.String(), stderr.String())
	}
	checkNoCrash(i.tb, stdout.String()+"\n"+stderr.String())
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// Gatehouse runs `caddy gatehouse ARGS --address ADMIN` and fails the test unless it
// succeeds. It returns what the command printed.
func (i *Instance) Gatehouse(args ...string) string {
	i.tb.Helper()
	res := i.TryGatehouse(args...)
	if res.Code != 0 {
		i.tb.Fatalf("gatehouse %s: exit code %d\n%s%s", strings.Join(args, " "), res.Code, res.Stdout, res.Stderr)
	}
	return res.Stdout
}

// TryGatehouse is Gatehouse for a command that may fail.
func (i *Instance) TryGatehouse(args ...string) Result {
	i.tb.Helper()
	return i.Command("", append(append([]string{"gatehouse"}, args...), "--address", i.Admin)...)
}

// GatehouseJSON runs a command with --json and decodes its answer into v.
func (i *Instance) GatehouseJSON(v any, args ...string) {
	i.tb.Helper()
	out := i.Gatehouse(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		i.tb.Fatalf("gatehouse %s --json printed no JSON: %v\n%s", strings.Join(args, " "), err, out)
	}
}
