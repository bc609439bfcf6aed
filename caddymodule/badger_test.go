package caddymodule

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func keyOf(t *testing.T, directory string) string {
	t.Helper()
	store := &BadgerStore{Directory: directory}
	if err := store.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	return store.Key()
}

// Two spellings of a directory are one store: opened twice it would be in use.
func TestKeyOfADirectoryIsItsOneTrueName(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, directory := range []string{"there/store", "elsewhere"} {
		if err := os.MkdirAll(filepath.Join(root, directory), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"link": "there", "chain": "link", "absolute": filepath.Join(root, "there"), "tostore": "there/store"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(root)
	t.Setenv("GATEHOUSE_TEST_ROOT", root)
	want := filepath.Join(root, "there", "store")
	for _, spelling := range []string{
		want, want + "/", root + "/./there//store", root + "/elsewhere/../there/store",
		"there/store", "./there/store", "elsewhere/../there/store",
		"link/store", "chain/store", "absolute/store", "tostore", root + "/chain/../there/store",
		"{env.GATEHOUSE_TEST_ROOT}/link/store",
	} {
		if got := keyOf(t, spelling); got != want {
			t.Errorf("%s has the key %s, want %s", spelling, got, want)
		}
	}
	// A directory that is not there yet, behind a link that is.
	if got, want := keyOf(t, "link/new/store"), filepath.Join(root, "there", "new", "store"); got != want {
		t.Errorf("a new directory has the key %s, want %s", got, want)
	}
	if keyOf(t, "there/other") == keyOf(t, "there/store") {
		t.Error("two directories have one key")
	}
}

func TestDefaultDirectoryIsBelowCaddysData(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_DATA_HOME", root)
	if got, want := keyOf(t, ""), filepath.Join(root, "caddy", "gatehouse"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBadgerOpensAndTellsWhatIsInUse(t *testing.T) {
	store := &BadgerStore{Directory: filepath.Join(t.TempDir(), "store")}
	if err := store.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	driver, err := store.Open(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(store.Key()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, %v; it is for its owner only", info, err)
	}
	if _, err := store.Open(slog.New(slog.DiscardHandler)); !errors.Is(err, tokenstore.ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if got := filepath.Dir(store.MasterKeyFile()); got != store.Key() {
		t.Errorf("the master key is made in %s", got)
	}
	if err := driver.Close(); err != nil {
		t.Error(err)
	}
}
