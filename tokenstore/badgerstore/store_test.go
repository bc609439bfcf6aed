package badgerstore

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// opened returns the store in a new directory, closed at the end of the test.
func opened(t testing.TB) *Store {
	t.Helper()
	return openedIn(t, Options{Directory: t.TempDir()})
}

func openedIn(t testing.TB, options Options) *Store {
	t.Helper()
	store, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, store) })
	return store
}

func closeStore(t testing.TB, store *Store) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

func putOne(t testing.TB, store *Store, key, value string) tokenstore.Revision {
	t.Helper()
	revision, err := store.Update(t.Context(), func(txn tokenstore.Txn) error {
		return txn.Put([]byte(key), []byte(value))
	})
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func getOne(t testing.TB, store *Store, key string) (string, error) {
	var value []byte
	err := store.View(t.Context(), func(r tokenstore.Reader) (err error) {
		value, err = r.Get([]byte(key))
		return err
	})
	return string(value), err
}

func TestOpenMakesPrivateDirectory(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "a", "b", "store")
	openedIn(t, Options{Directory: directory})
	for _, path := range []string{directory, filepath.Dir(directory)} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("mode of %s is %v, %v; want 0700", path, info.Mode(), err)
		}
	}
}

func TestOpenWarnsOfOpenDirectory(t *testing.T) {
	for mode, want := range map[os.FileMode]bool{0o700: false, 0o750: true, 0o755: true} {
		directory := t.TempDir()
		if err := os.Chmod(directory, mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		openedIn(t, Options{Directory: directory, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if got := strings.Contains(log.String(), "open to other users"); got != want {
			t.Errorf("mode %v: warned is %v, want %v", mode, got, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	newer := t.TempDir()
	db, err := badger.Open(badgerOptions(newer).WithExternalMagic(format + 1).WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, directory := range map[string]string{"no directory": "", "a file": file, "a newer format": newer} {
		t.Run(name, func(t *testing.T) {
			store, err := Open(Options{Directory: directory})
			if err == nil {
				closeStore(t, store)
				t.Fatal("it is opened")
			}
			if errors.Is(err, tokenstore.ErrInUse) || !strings.HasPrefix(err.Error(), "opening the token store") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestOpenTwiceIsErrInUse(t *testing.T) {
	directory := t.TempDir()
	store := openedIn(t, Options{Directory: directory})
	putOne(t, store, "k", "v")
	_, err := Open(Options{Directory: directory})
	if !errors.Is(err, tokenstore.ErrInUse) || !strings.Contains(err.Error(), directory) {
		t.Errorf("opening again returns %v, want ErrInUse and the directory's name", err)
	}
	if value, err := getOne(t, store, "k"); value != "v" {
		t.Errorf("the open store returns %q, %v", value, err)
	}
	closeStore(t, store)
	openedIn(t, Options{Directory: directory})
}

func TestSettings(t *testing.T) {
	got := badgerOptions("d")
	if !got.SyncWrites {
		t.Error("commits are not synced: an acknowledged revocation could be lost")
	}
	if !got.DetectConflicts {
		t.Error("conflicts are not detected")
	}
	if got.MetricsEnabled {
		t.Error("Badger's expvar metrics are on: they are global to the process")
	}
	if memory := got.MemTableSize*int64(got.NumMemtables) + got.BlockCacheSize + got.IndexCacheSize; memory > 128<<20 {
		t.Errorf("memtables and caches take %d bytes", memory)
	}
}

func TestGarbageCollectionByTicks(t *testing.T) {
	directory := t.TempDir()
	settings := restlessOptions(directory)
	ticks := make(chan time.Time)
	stopped := false
	reopen := func() *Store {
		t.Helper()
		store, err := open(Options{Directory: directory}, settings, ticks, func() { stopped = true })
		if err != nil {
			t.Fatal(err)
		}
		return store
	}
	files := func() int {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(directory, "*.vlog"))
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	large := strings.Repeat("v", 64<<10)
	store := reopen()
	for range 100 {
		putOne(t, store, "overwritten", large)
	}
	closeStore(t, store) // flushes and compacts, which notes what is dead
	if !stopped {
		t.Error("the ticker runs on after close")
	}
	store = reopen()
	defer closeStore(t, store)
	before := files()
	ticks <- time.Time{}
	ticks <- time.Time{} // accepted once the first collection is over
	if after := files(); after >= before {
		t.Errorf("%d value-log files before the collection, %d after it", before, after)
	}
	if value, err := getOne(t, store, "overwritten"); value != large {
		t.Errorf("the value has %d bytes after the collection, %v", len(value), err)
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	log := badgerLog{slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	log.Errorf("bad %d\n", 1)
	log.Warningf("odd %d", 2)
	log.Infof("so %d", 3)
	log.Debugf("never %d", 4)
	for _, want := range []string{
		`level=ERROR msg=badger notice="bad 1"`, `level=WARN msg=badger notice="odd 2"`, `level=DEBUG msg=badger notice="so 3"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log %q lacks %q", out.String(), want)
		}
	}
	if strings.Contains(out.String(), "never") {
		t.Errorf("log %q has what Badger says at every step", out.String())
	}
}
