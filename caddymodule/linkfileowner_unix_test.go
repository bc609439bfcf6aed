//go:build unix

package caddymodule

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// ownedFile is a file as the system would describe it.
type ownedFile struct {
	fs.FileInfo
	sys any
}

func (f ownedFile) Sys() any { return f.sys }

// Another user could make the file beforehand in a folder that all can write to, and
// would then own every link that is written.
func TestLinkFileOfAnotherUserIsRefused(t *testing.T) {
	us := uint32(os.Geteuid())
	for name, tt := range map[string]struct {
		sys  any
		want string
	}{
		"ours":       {&syscall.Stat_t{Uid: us, Nlink: 1}, ""},
		"another's":  {&syscall.Stat_t{Uid: us + 1, Nlink: 1}, "belongs to another user"},
		"two names":  {&syscall.Stat_t{Uid: us, Nlink: 2}, "another name too"},
		"no name":    {&syscall.Stat_t{Uid: us}, "another name too"},
		"not a file": {nil, "not known whose"},
	} {
		err := mustBeOurs(ownedFile{sys: tt.sys})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("needs a file of another user, and only root can give one away")
	}
	path := filepath.Join(t.TempDir(), "links.csv")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if f, err := openLinkFile(path); err == nil || !strings.Contains(err.Error(), "links.csv: it belongs to another user") {
		t.Errorf("opened as %v, %v", f, err)
	}
	if text, err := os.ReadFile(path); err != nil || len(text) > 0 {
		t.Errorf("it holds %q, %v", text, err)
	}
}

func TestLinkFileWithAnotherNameIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "links.csv")
	f, err := openLinkFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, path+".2"); err != nil {
		t.Fatal(err)
	}
	if f, err := openLinkFile(path); err == nil || !strings.Contains(err.Error(), "another name too") {
		t.Errorf("opened as %v, %v", f, err)
	}
	if err := os.Remove(path + ".2"); err != nil {
		t.Fatal(err)
	}
	if f, err = openLinkFile(path); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
