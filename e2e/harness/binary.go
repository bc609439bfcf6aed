package harness

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Root returns the checkout's root folder. The tests run one or two folders below it.
func Root(tb testing.TB) string {
	tb.Helper()
	root, err := findRoot()
	if err != nil {
		tb.Fatalf("finding the checkout: %v", err)
	}
	return root
}

var findRoot = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "xcaddy.sh")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no folder above holds xcaddy.sh")
})

// Binary returns the path of the binary under test: $GATEHOUSE_BIN, or bin/caddy in
// the checkout, which is built first if it is missing. It does not rebuild a stale
// one: run xcaddy.sh after a change.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := findBinary()
	if err != nil {
		tb.Fatalf("finding the binary: %v", err)
	}
	return path
}

var findBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("GATEHOUSE_BIN"); path != "" {
		path, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		_, err = os.Stat(path)
		return path, err
	}
	root, err := findRoot()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", "caddy")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if out, err := exec.Command(filepath.Join(root, "xcaddy.sh")).CombinedOutput(); err != nil {
		return "", errors.New("xcaddy.sh failed:\n" + string(out))
	}
	return path, nil
})
