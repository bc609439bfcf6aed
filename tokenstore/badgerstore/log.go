package badgerstore

import (
	"fmt"
	"log/slog"
	"strings"
)

// badgerLog is Badger's logger over ours. Badger's info is about its inner life,
// hence debug here.
type badgerLog struct{ logger *slog.Logger }

func (l badgerLog) Errorf(format string, args ...any) {
	l.logger.Error("badger", slog.String("notice", text(format, args)))
}

func (l badgerLog) Warningf(format string, args ...any) {
	l.logger.Warn("badger", slog.String("notice", text(format, args)))
}

func (l badgerLog) Infof(format string, args ...any) {
	l.logger.Debug("badger", slog.String("notice", text(format, args)))
}

// Debugf drops the message: Badger writes one per step of every commit.
func (l badgerLog) Debugf(string, ...any) {}

func text(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}
