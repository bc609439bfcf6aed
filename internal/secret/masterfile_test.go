package secret

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestMasterKeyFileIsMadeOnceAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	first, created, err := LoadOrCreateMasterKey(path)
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	sealed := first.Seal([]byte("x"), nil)

	second, created, err := LoadOrCreateMasterKey(path)
	if err != nil || created {
		t.Fatalf("second time: created %v, %v", created, err)
	}
	if got, err := second.Open(sealed, nil); err != nil || string(got) != "x" {
		t.Errorf("after a restart: %q, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestMasterKeyFileMadeByManyAtOnceIsOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	var made atomic.Int32
	sealers := make([]*Sealer, 16)
	var wg sync.WaitGroup
	for i := range sealers {
		wg.Go(func() {
			s, created, err := LoadOrCreateMasterKey(path)
			if err != nil {
				t.Error(err)
			}
			if created {
				made.Add(1)
			}
			sealers[i] = s
		})
	}
	wg.Wait()
	if t.Failed() || made.Load() != 1 {
		t.Fatalf("made %d times", made.Load())
	}
	for _, s := range sealers {
		if _, err := s.Open(sealers[0].Seal(nil, nil), nil); err != nil {
			t.Fatal("two processes hold different keys")
		}
	}
}

func TestMasterKeyFileRefusals(t *testing.T) {
	key := NewMasterKey().Reveal()
	write := func(t *testing.T, text string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "master.key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := map[string]struct {
		path func(*testing.T) string
		want string
		unix bool
	}{
		"group can read":    {func(t *testing.T) string { return write(t, key, 0o640) }, "chmod 600", true},
		"others can read":   {func(t *testing.T) string { return write(t, key, 0o604) }, "chmod 600", true},
		"group can write":   {func(t *testing.T) string { return write(t, key, 0o620) }, "chmod 600", true},
		"an empty file":     {func(t *testing.T) string { return write(t, "", 0o600) }, "no key found", false},
		"not a key":         {func(t *testing.T) string { return write(t, "hunter2", 0o600) }, "line 1", false},
		"a huge file":       {func(t *testing.T) string { return write(t, strings.Repeat("#\n", maxMasterFile), 0o600) }, "larger than", false},
		"a directory":       {func(t *testing.T) string { return t.TempDir() }, "not a regular file", true},
		"no such directory": {func(t *testing.T) string { return filepath.Join(t.TempDir(), "none", "k") }, "cannot make the file", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.unix && runtime.GOOS == "windows" {
				t.Skip("Windows has no modes that keep other users out")
			}
			path := test.path(t)
			s, created, err := LoadOrCreateMasterKey(path)
			if s != nil || created || !errors.Is(err, ErrMasterKey) {
				t.Fatalf("got %v, created %v", err, created)
			}
			msg := err.Error()
			if !strings.Contains(msg, test.want) || !strings.Contains(msg, path) {
				t.Errorf("message %q must hold %q and the path", msg, test.want)
			}
			if strings.Contains(msg, key) || strings.Contains(msg, "hunter2") {
				t.Errorf("message tells the content: %s", msg)
			}
		})
	}
}

func TestDanglingLinkIsNoInvitation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets only some users make symbolic links")
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadOrCreateMasterKey(path); !errors.Is(err, ErrMasterKey) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "elsewhere")); err == nil {
		t.Error("the key was written where the link points")
	}
}
