package caddymodule

import (
	"context"
	"log/slog"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap/exp/zapslog"
)

// processLog writes to Caddy's default log as it is at that moment. What
// outlives a configuration logs through it: a logger taken from one would write
// to what the next has closed.
type processLog struct {
	name  string
	attrs []slog.Attr
}

func newProcessLog(name string) *slog.Logger { return slog.New(&processLog{name: name}) }

func (l *processLog) handler() slog.Handler {
	return zapslog.NewHandler(caddy.Log().Core(), zapslog.WithName(l.name)).WithAttrs(l.attrs)
}

// Enabled implements slog.Handler.
func (l *processLog) Enabled(ctx context.Context, level slog.Level) bool {
	return l.handler().Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (l *processLog) Handle(ctx context.Context, record slog.Record) error {
	return l.handler().Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (l *processLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &processLog{l.name, append(append([]slog.Attr{}, l.attrs...), attrs...)}
}

// WithGroup implements slog.Handler. Nothing that logs here uses groups; their
// attributes stand beside the others.
func (l *processLog) WithGroup(string) slog.Handler { return l }
