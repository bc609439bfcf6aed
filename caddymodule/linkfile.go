package caddymodule

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// linkFile is a CSV file of activation links, for the one who hands them over. It can
// be used again after an interruption: it knows whose links it holds.
type linkFile struct {
	file *os.File
	held map[string]bool // folded names
}

// linkColumns is the first line of the file.
var linkColumns = []string{"name", "activation_link", "expires_at"}

// maxLinkFile bounds a file that is read again, in bytes.
const maxLinkFile = 1 << 30

// openLinkFile opens or makes a file that only its owner can read. It follows no
// symbolic link at the path's end, and a last line that was cut off by an
// interruption is removed.
func openLinkFile(path string) (*linkFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		f, err = openOwnFile(path)
	} else if err == nil {
		err = syncFolder(path)
	}
	if err != nil {
		return nil, fmt.Errorf("--links-out: %w", err)
	}
	links := &linkFile{file: f, held: make(map[string]bool)}
	if err := links.read(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("--links-out: %s: %w", path, err)
	}
	return links, nil
}

// openOwnFile opens a file that is there, if it is a regular one of the user's own that
// nobody else can use.
func openOwnFile(path string) (*os.File, error) {
	before, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = safeForLinks(path, before, info)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// safeForLinks says why an open file cannot take links. before is what it was when its
// path was looked at.
func safeForLinks(path string, before, info fs.FileInfo) error {
	if !os.SameFile(before, info) {
		return fmt.Errorf("%s was exchanged while it was opened", path)
	}
	if err := mustBeOurs(info); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s can be used by others than its owner (mode %04o): run chmod 600, or name another file", path, info.Mode().Perm())
	}
	return nil
}

// syncFolder makes sure that a file that was made is still there after a power cut.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && runtime.GOOS != "windows" {
		return err
	}
	return nil
}

// read learns whose links the file holds.
func (l *linkFile) read() error {
	text, err := io.ReadAll(io.LimitReader(l.file, maxLinkFile+1))
	if err != nil {
		return err
	}
	if len(text) > maxLinkFile {
		return errors.New("the file is too large to be one of activation links")
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	if whole == 0 && !bytes.HasPrefix(lineOf(linkColumns), text) {
		return errNoLinkFile
	}
	rows, err := csv.NewReader(bytes.NewReader(text[:whole])).ReadAll()
	if err != nil {
		return errNoLinkFile // its own text may quote a link
	}
	for i, row := range rows {
		if len(row) != len(linkColumns) || i == 0 && !bytes.Equal(lineOf(row), lineOf(linkColumns)) {
			return errNoLinkFile
		}
		if i > 0 {
			l.held[tokenstore.FoldName(row[0])] = true
		}
	}
	if whole < len(text) {
		if err := l.file.Truncate(int64(whole)); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return l.write(linkColumns)
	}
	return nil
}

var errNoLinkFile = errors.New("it is not a file of activation links that this command wrote; name another, which is made")

// holds tells whether the file holds a link of the recipient.
func (l *linkFile) holds(name string) bool { return l.held[tokenstore.FoldName(name)] }

// add writes a link, and returns when it is on disk.
func (l *linkFile) add(name, link, expires string) error {
	if err := l.write([]string{name, link, expires}); err != nil {
		return fmt.Errorf("--links-out: writing the link of %s: %w", name, err)
	}
	l.held[tokenstore.FoldName(name)] = true
	return nil
}

func (l *linkFile) write(row []string) error {
	if _, err := l.file.Write(lineOf(row)); err != nil {
		return err
	}
	return l.file.Sync()
}

// Close closes the file.
func (l *linkFile) Close() error { return l.file.Close() }

// lineOf is a row as a line of CSV.
func lineOf(row []string) []byte {
	var line bytes.Buffer
	w := csv.NewWriter(&line)
	_ = w.Write(row) // to memory
	w.Flush()
	return line.Bytes()
}
