package harness

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Env is what a Caddyfile's {$NAME} stands for.
type Env map[string]string

// Instance is one server with a folder, ports and an admin endpoint of its own. It
// is stopped when the test ends.
type Instance struct {
	// Gate is the address for the gateway's site: {$GATE} in the Caddyfile.
	Gate string
	// Admin is the address of the admin endpoint: {$ADMIN}.
	Admin string
	// Dir is the folder for everything it writes: {$DIR}. It outlives a Restart.
	Dir string

	tb     testing.TB
	env    []string
	config string
	cmd    *exec.Cmd
	exited chan error
	output output
}

// Start runs the binary on a Caddyfile in the checkout's root, so that relative paths
// work as for a user, and returns when it answers. Beside env the Caddyfile can use
// {$GATE}, {$GATE_PORT}, {$ADMIN}, {$DIR} and {$ROOT}, the checkout; it must set `admin {$ADMIN}` itself.
func Start(tb testing.TB, caddyfile string, env Env) *Instance {
	tb.Helper()
	i := New(tb, caddyfile, env)
	i.Run()
	return i
}

// New prepares an instance without starting it, for tests of commands that need
// none, and of servers that refuse to start.
func New(tb testing.TB, caddyfile string, env Env) *Instance {
	tb.Helper()
	i := &Instance{Gate: Address(tb), Admin: Address(tb), Dir: tb.TempDir(), tb: tb}
	_, port, _ := net.SplitHostPort(i.Gate)
	all := Env{
		"GATE":            i.Gate,
		"GATE_PORT":       port,
		"ADMIN":           i.Admin,
		"DIR":             i.Dir,
		"ROOT":            Root(tb),
		"HOME":            filepath.Join(i.Dir, "home"),
		"XDG_DATA_HOME":   filepath.Join(i.Dir, "data"),
		"XDG_CONFIG_HOME": filepath.Join(i.Dir, "config"),
		"PATH":            os.Getenv("PATH"),
		"NO_COLOR":        "1",
	}
	maps.Copy(all, env)
	for name, value := range all {
		i.env = append(i.env, name+"="+value)
	}
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		if err := os.MkdirAll(all[name], 0o700); err != nil {
			tb.Fatal(err)
		}
	}
	i.config = filepath.Join(i.Dir, "config", "Caddyfile")
	i.write(caddyfile)
	return i
}

func (i *Instance) write(caddyfile string) {
	i.tb.Helper()
	if err := os.WriteFile(i.config, []byte(caddyfile), 0o600); err != nil {
		i.tb.Fatal(err)
	}
}

// Run starts a prepared or stopped instance and returns when it answers.
func (i *Instance) Run() {
	i.tb.Helper()
	i.cmd = exec.Command(Binary(i.tb), "run", "--adapter", "caddyfile", "--config", i.config)
	i.cmd.Dir, i.cmd.Env = Root(i.tb), i.env
	i.cmd.Stdout, i.cmd.Stderr = &i.output, &i.output
	if err := i.cmd.Start(); err != nil {
		i.tb.Fatalf("starting the binary: %v", err)
	}
	exited, cmd := make(chan error, 1), i.cmd
	i.exited = exited
	go func() { exited <- cmd.Wait() }()
	i.tb.Cleanup(i.Stop)

	died := false
	Eventually(i.tb, "the server answers", func() bool {
		select {
		case err := <-exited:
			i.exited, died = nil, true
			i.tb.Errorf("the server ended at start: %v", err)
			return true
		default:
		}
		return i.ready()
	})
	if died {
		i.tb.Fatalf("%s", lastLines(i.Output(), 40))
	}
}

// ready tells whether the first configuration is in place: the admin endpoint is up
// before that, and answers null.
func (i *Instance) ready() bool {
	client := http.Client{Timeout: time.Second}
	res, err := client.Get("http://" + i.Admin + "/config/apps")
	if err != nil {
		return false
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return false
	}
	conn, err := net.DialTimeout("tcp", i.Gate, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// Stop ends the process as an operator does, with SIGTERM, and fails the test if it
// does not end in time, ends with an error or has crashed. Stopping a stopped
// instance does nothing.
func (i *Instance) Stop() {
	i.tb.Helper()
	if i.exited == nil {
		return
	}
	if err := i.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		i.tb.Errorf("stopping the server: %v", err)
	}
	select {
	case err := <-i.exited:
		if err != nil {
			i.tb.Errorf("the server ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		i.tb.Error("the server did not end 20 s after SIGTERM")
		i.cmd.Process.Kill()
		<-i.exited
	}
	i.exited = nil
	checkNoCrash(i.tb, i.Output())
	if i.tb.Failed() {
		i.tb.Logf("the server's last lines:\n%s", lastLines(i.Output(), 20))
	}
}

// Kill ends the process as a power cut does, without a chance to tidy up.
func (i *Instance) Kill() {
	i.tb.Helper()
	if err := i.cmd.Process.Kill(); err != nil {
		i.tb.Fatalf("killing the server: %v", err)
	}
	<-i.exited
	i.exited = nil
	checkNoCrash(i.tb, i.Output())
}

// Reload replaces the Caddyfile of the running server as `caddy reload` does, and
// returns that command's result.
func (i *Instance) Reload(caddyfile string) Result {
	i.tb.Helper()
	i.write(caddyfile)
	res := i.Command("", "reload", "--adapter", "caddyfile", "--config", i.config, "--address", i.Admin, "--force")
	Eventually(i.tb, "one listener is left", func() bool { return listeners(i.Gate) < 2 })
	return res
}

// Load posts a Caddyfile to the admin endpoint, which costs less than a reload by
// command, and returns the answer's status and text. An unchanged one is loaded too.
func (i *Instance) Load(caddyfile string) (status int, text string) {
	i.tb.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+i.Admin+"/load", strings.NewReader(caddyfile))
	if err != nil {
		i.tb.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/caddyfile")
	r.Header.Set("Cache-Control", "must-revalidate")
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		i.tb.Fatalf("loading a configuration: %v", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		i.tb.Fatalf("loading a configuration: %v", err)
	}
	Eventually(i.tb, "one listener is left", func() bool { return listeners(i.Gate) < 2 })
	return res.StatusCode, string(body)
}

// Config returns the path of the Caddyfile, for commands that take one.
func (i *Instance) Config() string { return i.config }

// Running tells whether the process has not ended.
func (i *Instance) Running() bool {
	if i.exited == nil {
		return false
	}
	select {
	case err := <-i.exited:
		i.exited <- err // buffered; Stop reads it again
		return false
	default:
		return true
	}
}

// PeakMemory returns the most memory that the process has had resident, in MiB, or 0
// where the system does not tell.
func (i *Instance) PeakMemory() int {
	i.tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kib int
	_, _ = fmt.Sscan(rest, &kib)
	return kib >> 10
}

// URL returns the http URL of a path on the gateway's site.
func (i *Instance) URL(path string) string {
	return "http://" + i.Gate + "/" + strings.TrimPrefix(path, "/")
}
