package caddymodule

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func hold(t *testing.T, store *stubStore) *storeRef {
	t.Helper()
	ref, err := holdStore(store, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func (r *storeRef) mustRelease(t *testing.T) {
	t.Helper()
	if err := r.release(); err != nil {
		t.Error(err)
	}
}

func TestStoreOpensAtTheFirstUseAndClosesWithTheLastReference(t *testing.T) {
	store := &stubStore{key: t.Name()}
	first, second := hold(t, store), hold(t, store)
	if store.opened.Load() != 0 {
		t.Fatal("holding opened it")
	}
	a, err := first.pool.open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := second.pool.open()
	if err != nil || a != b || store.opened.Load() != 1 {
		t.Fatalf("two references opened it %d times (%v)", store.opened.Load(), err)
	}
	first.mustRelease(t)
	if store.closed.Load() != 0 {
		t.Fatal("closed while it is held")
	}
	second.mustRelease(t)
	if store.closed.Load() != 1 {
		t.Errorf("closed %d times, want once", store.closed.Load())
	}
	if _, held := stores.References(store.key); held {
		t.Error("the pool still knows it")
	}
}

// An unmatched release would take somebody else's reference: Caddy cleans up twice
// what fails to provision and then to stop.
func TestReleaseTwiceGivesBackOneReference(t *testing.T) {
	store := &stubStore{key: t.Name()}
	first, second := hold(t, store), hold(t, store)
	if _, err := second.pool.open(); err != nil {
		t.Fatal(err)
	}
	first.mustRelease(t)
	first.mustRelease(t)
	if refs, _ := stores.References(store.key); refs != 1 || store.closed.Load() != 0 {
		t.Errorf("%d references, closed %d times", refs, store.closed.Load())
	}
	second.mustRelease(t)
}

func TestStoreThatWasNeverUsedIsReleasedUnopened(t *testing.T) {
	store := &stubStore{key: t.Name()}
	hold(t, store).mustRelease(t)
	if store.opened.Load() != 0 || store.closed.Load() != 0 {
		t.Errorf("opened %d, closed %d", store.opened.Load(), store.closed.Load())
	}
}

// A request may outlive its configuration: it must not open again what was closed.
func TestOpenAfterTheLastReleaseIsRefused(t *testing.T) {
	for _, used := range []bool{true, false} {
		store := &stubStore{key: t.Name()}
		ref := hold(t, store)
		if used {
			if _, err := ref.pool.open(); err != nil {
				t.Fatal(err)
			}
		}
		ref.mustRelease(t)
		opened := store.opened.Load()
		if _, err := ref.pool.open(); !errors.Is(err, tokenstore.ErrClosed) {
			t.Errorf("used %t: got %v, want ErrClosed", used, err)
		}
		if store.opened.Load() != opened {
			t.Errorf("used %t: it was opened again", used)
		}
	}
}

func TestFailedOpenIsTriedAgain(t *testing.T) {
	locked := errors.New("locked")
	fail := locked
	store := &stubStore{key: t.Name(), fail: func() error { return fail }}
	ref := hold(t, store)
	defer ref.mustRelease(t)
	if _, err := ref.pool.open(); !errors.Is(err, locked) {
		t.Fatalf("got %v", err)
	}
	fail = nil
	if _, err := ref.pool.open(); err != nil {
		t.Errorf("the second try: %v", err)
	}
}

// The pool forgets a store before it is closed. What then makes a new entry of the
// same directory must wait for the close, or the directory is in use.
func TestOpenAndCloseHoldTheLockOfTheDirectory(t *testing.T) {
	store := &stubStore{key: t.Name()}
	changes := 0
	store.changing = func() {
		changes++
		if lock := lockOf(store.key); lock.TryLock() {
			lock.Unlock()
			t.Error("another entry could open it meanwhile")
		}
	}
	ref := hold(t, store)
	if _, err := ref.pool.open(); err != nil {
		t.Fatal(err)
	}
	ref.mustRelease(t)
	if changes != 2 {
		t.Errorf("opened and closed %d times", changes)
	}
}

func TestOneIsOpenHoweverManyHoldAndRelease(t *testing.T) {
	store := &stubStore{key: t.Name()}
	const users, rounds = 4, 300
	var group sync.WaitGroup
	for range users {
		group.Go(func() {
			for range rounds {
				ref := hold(t, store)
				if _, err := ref.pool.open(); err != nil {
					t.Error(err) // ErrClosed would be wrong too: it is held
				}
				ref.mustRelease(t)
			}
		})
	}
	group.Wait()
	if store.overlapped.Load() {
		t.Error("two were open at once")
	}
	if opened, closed := store.opened.Load(), store.closed.Load(); opened == 0 || opened != closed {
		t.Errorf("opened %d times, closed %d times", opened, closed)
	}
}

// A late request opens through a reference while the last one is being released: one
// of them comes first, and neither waits for ever.
func TestOpenRacesTheLastRelease(t *testing.T) {
	store := &stubStore{key: t.Name()}
	for range 300 {
		ref := hold(t, store)
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := ref.pool.open(); err != nil && !errors.Is(err, tokenstore.ErrClosed) {
				t.Error(err)
			}
		})
		group.Go(func() { ref.mustRelease(t) })
		group.Wait()
	}
	if store.open.Load() != 0 {
		t.Errorf("%d were left open", store.open.Load())
	}
}

func TestOtherOptionsOfAnOpenStoreWarn(t *testing.T) {
	store := &stubStore{key: t.Name(), options: "sync"}
	defer hold(t, store).mustRelease(t)
	for options, want := range map[string]int{"sync": 0, "no sync": 1} {
		logger, logs := observe(zapcore.WarnLevel)
		ref, err := holdStore(&stubStore{key: t.Name(), options: options}, logger)
		if err != nil {
			t.Fatal(err)
		}
		ref.mustRelease(t)
		if logs.Len() != want {
			t.Errorf("options %q: %d warnings, want %d", options, logs.Len(), want)
		}
	}
}

func TestMasterKeyIsMadeOnceWithAWarning(t *testing.T) {
	store := &stubStore{key: filepath.Join(t.TempDir(), "store")}
	logger, logs := observe(zapcore.WarnLevel)
	first, err := masterKey(store, logger)
	if err != nil {
		t.Fatal(err)
	}
	second, err := masterKey(store, logger)
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := second.Open(first.Seal([]byte("x"), nil), nil); err != nil || string(opened) != "x" {
		t.Errorf("the second load has another key: %v", err)
	}
	if logs.Len() != 1 || logs.All()[0].ContextMap()["file"] != store.MasterKeyFile() {
		t.Errorf("warned %v, want once, with the file's name", logs.All())
	}
}
