package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// storeTool is the built command below store.
type storeTool struct{ path string }

func buildStoreTool(ctx context.Context, directory string) (storeTool, error) {
	t := storeTool{filepath.Join(directory, "store")}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", t.path, "./store")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return t, fmt.Errorf("building the command that fills stores (run the bench in its own folder): %w", err)
	}
	return t, nil
}

// fill makes a store with so many tokens.
func (t storeTool) fill(ctx context.Context, directory string, tokens uint64, issuer string) error {
	return t.run(ctx, nil, "fill", directory, "-tokens", number(tokens), "-managed", number(min(managed, tokens)), "-issuer", issuer)
}

// lookup returns how long a look-up takes in a store that nobody has open, in
// microseconds.
func (t storeTool) lookup(ctx context.Context, directory string, tokens uint64, count int) (float64, error) {
	var result struct{ Microseconds float64 }
	err := t.run(ctx, &result, "lookup", directory, "-tokens", number(tokens), "-count", strconv.Itoa(count))
	return result.Microseconds, err
}

// commit returns how many synced transactions a second the driver does.
func (t storeTool) commit(ctx context.Context, directory string, parallel, count int) (float64, error) {
	var result struct{ PerSecond float64 }
	err := t.run(ctx, &result, "commit", directory, "-parallel", strconv.Itoa(parallel), "-count", strconv.Itoa(count))
	return result.PerSecond, err
}

func (t storeTool) run(ctx context.Context, result any, command, directory string, args ...string) error {
	cmd := exec.CommandContext(ctx, t.path, append([]string{command, "-directory", directory}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("store %s: %w", command, err)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(out, result)
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }
