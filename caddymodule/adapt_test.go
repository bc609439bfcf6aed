package caddymodule

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata/adapt")

// TestAdapt adapts each file of testdata/adapt: a Caddyfile, a line of dashes, and
// the JSON that it becomes or the text of the error. Files named error-* must fail,
// all others must not.
func TestAdapt(t *testing.T) {
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata/adapt (%v)", err)
	}
	const dashes = "----------\n"
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".caddyfiletest")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source, want, _ := strings.Cut(string(text), dashes)
			got, failed := adapt([]byte(source))
			if failed != strings.HasPrefix(name, "error-") {
				t.Fatalf("error: %v, and the file's name says otherwise:\n%s", failed, got)
			}
			if *update {
				if err := os.WriteFile(file, []byte(source+dashes+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s\n(go test -run TestAdapt -update writes what it got)", got, want)
			}
		})
	}
}

// adapt returns the indented JSON of a Caddyfile, or the error's text.
func adapt(source []byte) (result string, failed bool) {
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(source, map[string]any{"filename": "testdata/adapt/Caddyfile"})
	if err != nil {
		return err.Error() + "\n", true
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, adapted, "", "  "); err != nil {
		return err.Error() + "\n", true
	}
	return indented.String() + "\n", false
}
