package harness

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// output collects what a process prints. It may be read while the process runs.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Output returns what every run of the instance printed so far to standard output
// and standard error.
func (i *Instance) Output() string { return i.output.String() }

// Everything returns Output and the content of every file below the instance's
// folder that is text by name: logs, Caddy's own state. The store's files are left
// out; see Files for those.
func (i *Instance) Everything() string {
	var all strings.Builder
	all.WriteString(i.Output())
	for path, text := range i.Files() {
		if !strings.Contains(path, string(filepath.Separator)+"store"+string(filepath.Separator)) {
			all.WriteString("\n== " + path + "\n" + text)
		}
	}
	return all.String()
}

// Files returns every file below the instance's folder with its bytes, store and
// keys included: what somebody finds who steals the disk.
func (i *Instance) Files() map[string]string {
	files := make(map[string]string)
	err := filepath.WalkDir(i.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // files of a running store come and go
		}
		if info, err := d.Info(); err != nil || info.Size() > 256<<20 {
			return nil
		}
		if text, err := os.ReadFile(path); err == nil {
			files[path] = string(text)
		}
		return nil
	})
	if err != nil {
		i.tb.Fatalf("reading the instance's folder: %v", err)
	}
	return files
}

// crash matches what no run may print.
var crash = regexp.MustCompile(`(?m)^(panic: |fatal error: |SIGSEGV|WARNING: DATA RACE|goroutine \d+ \[)|http: panic serving|aborting with incomplete response: panic`)

func checkNoCrash(tb testing.TB, text string) {
	tb.Helper()
	if at := crash.FindStringIndex(text); at != nil {
		tb.Errorf("the process crashed:\n%s", text[at[0]:min(len(text), at[0]+4000)])
	}
}

// lastLines returns the end of a text, for the log of a failed test.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
