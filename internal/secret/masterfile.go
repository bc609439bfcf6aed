package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const maxMasterFile = 64 << 10

// LoadOrCreateMasterKey reads the key file at path or, when there is none, makes
// one with a fresh key, mode 0600, and returns only when file and directory are
// on disk: a key that sealed something must survive a power cut. created tells
// the caller to warn that the new file needs a backup. It refuses a file that
// group or others can read (not on Windows, which has no such modes). Every
// error is an ErrMasterKey and names the path.
func LoadOrCreateMasterKey(path string) (s *Sealer, created bool, err error) {
	s, err = loadMasterKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, false, err
	}
	err = createMasterKey(path)
	switch {
	case errors.Is(err, fs.ErrExist): // another process was faster
	case err != nil:
		return nil, false, fmt.Errorf("%w: cannot make the file %s: %w", ErrMasterKey, path, pathless(err))
	default:
		created = true
	}
	if s, err = loadMasterKeys(path); err != nil {
		return nil, false, err
	}
	return s, created, nil
}

func loadMasterKeys(path string) (*Sealer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: cannot read the file %s: %w", ErrMasterKey, path, pathless(err))
	}
	defer f.Close()
	// The open file is asked, not the path: what is judged is what is read.
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: cannot read the file %s: %w", ErrMasterKey, path, pathless(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrMasterKey, path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: the file %s can be used by others than its owner (mode %04o): run chmod 600 %s",
			ErrMasterKey, path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxMasterFile+1))
	if err != nil {
		return nil, fmt.Errorf("%w: cannot read the file %s: %w", ErrMasterKey, path, pathless(err))
	}
	if len(text) > maxMasterFile {
		return nil, fmt.Errorf("%w: the file %s is larger than %d bytes and cannot be a key file", ErrMasterKey, path, maxMasterFile)
	}
	s, err := ParseMasterKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	return s, nil
}

// createMasterKey fails with fs.ErrExist when the file is there already. The key
// is written beside the path and linked to it, because with O_EXCL on the path
// itself a crash could leave an empty file, and a second process read half a key.
func createMasterKey(path string) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.new") // O_EXCL, 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString("# gatehouse master key: keep a copy in a safe place, sealed values are lost without it\n" +
		NewMasterKey().Reveal() + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// pathless drops the operation and path of an error whose message names the
// path already.
func pathless(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	return err
}
