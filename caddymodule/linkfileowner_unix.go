//go:build unix

package caddymodule

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// mustBeOurs refuses a file that somebody else made, or can reach by another name: who
// owns a file reads it whatever its mode, also in a folder that all can write to.
func mustBeOurs(file fs.FileInfo) error {
	stat, ok := file.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return errors.New("it is not known whose file it is")
	case int(stat.Uid) != os.Geteuid():
		return errors.New("it belongs to another user: name another file, which is made")
	case stat.Nlink != 1:
		return errors.New("it has another name too (a hard link): name another file, which is made")
	default:
		return nil
	}
}
