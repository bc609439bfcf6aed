package badgerstore

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// prepareDirectory makes the directory and syncs the ones above it that had to
// be made or changed: Badger syncs its own, but a power cut could still lose the
// entry that leads to it.
func prepareDirectory(directory string, logger *slog.Logger) error {
	absolute, err := filepath.Abs(directory)
	if err != nil {
		return err
	}
	var changed []string
	for at := absolute; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err == nil {
			if at == absolute && info.Mode().Perm()&0o077 != 0 {
				logger.Warn("token store's directory is open to other users; mode 0700 keeps them out",
					slog.String("directory", directory), slog.String("mode", info.Mode().Perm().String()))
			}
			break
		}
		if !os.IsNotExist(err) {
			return err
		}
		changed = append(changed, filepath.Dir(at))
	}
	if err := os.MkdirAll(absolute, 0o700); err != nil {
		return err
	}
	for _, parent := range changed {
		if err := syncDirectory(parent); err != nil {
			return err
		}
	}
	return nil
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	err = directory.Sync()
	if closeErr := directory.Close(); err == nil {
		err = closeErr
	}
	return err
}

// openError explains why Badger did not open a directory.
func openError(directory string, err error) error {
	// Badger's wrapper prints the cause instead of wrapping it (y.Wrap), so that
	// its text is all there is. The words are the same on every system.
	if strings.Contains(err.Error(), "Another process is using this Badger database") {
		return fmt.Errorf("opening the token store in %s: %w: it is open already; "+
			"stop the other process or talk to its admin endpoint", directory, tokenstore.ErrInUse)
	}
	return fmt.Errorf("opening the token store in %s: %w", directory, err)
}
