package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	// What --caddyfile adapts.
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// errOffline is why there is no store.
var errOffline = errors.New("a configuration is explained without a server, and so without its store")

// explainFile explains a request by a configuration alone: it is provisioned as
// `caddy validate` does, and neither started nor is its store opened. warnings are the
// adapter's.
func explainFile(ctx context.Context, file, adapter string, q explainQuery) (e *explanation, warnings []string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	if text, warnings, err = adaptFile(text, file, adapter); err != nil {
		return nil, nil, err
	}
	cfg := new(caddy.Config)
	if err := json.Unmarshal(text, cfg); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	// Its logs are the running server's.
	cfg.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{Level: "ERROR"}}}}
	provisioned, err := caddy.ProvisionContext(cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	defer func() { err = errors.Join(err, cleanUp(provisioned)) }()
	found, err := provisioned.AppIfConfigured("gatehouse")
	if err != nil {
		return nil, nil, fmt.Errorf("%s has no gatehouse", file)
	}
	app := found.(*App)
	app.offline = true
	e, err = app.explain(ctx, q, true)
	return e, warnings, err
}

// adaptFile makes Caddy's JSON of a configuration file: of a Caddyfile, unless its name or
// the adapter says otherwise.
func adaptFile(text []byte, file, name string) (adapted []byte, warnings []string, err error) {
	if name == "" {
		if strings.EqualFold(filepath.Ext(file), ".json") {
			return text, nil, nil
		}
		name = "caddyfile"
	}
	adapter := caddyconfig.GetAdapter(name)
	if adapter == nil {
		return nil, nil, fmt.Errorf("--adapter: there is no adapter %q", name)
	}
	adapted, said, err := adapter.Adapt(text, map[string]any{"filename": file})
	if err != nil {
		return nil, nil, err
	}
	for _, warning := range said {
		warnings = append(warnings, warning.String())
	}
	return adapted, warnings, nil
}

// cleanUp ends what provisioning began. Caddy gives nobody else the means to end a
// configuration that never ran.
func cleanUp(provisioned caddy.Context) error {
	var errs []error
	if found, err := provisioned.AppIfConfigured("gatehouse"); err == nil {
		for _, gate := range found.(*App).gates {
			if cleaner, ok := gate.module.(caddy.CleanerUpper); ok {
				errs = append(errs, cleaner.Cleanup())
			}
		}
	}
	for _, name := range []string{"gatehouse", "http", "tls"} {
		app, err := provisioned.AppIfConfigured(name)
		if err != nil {
			continue
		}
		if cleaner, ok := app.(caddy.CleanerUpper); ok {
			errs = append(errs, cleaner.Cleanup())
		}
	}
	return errors.Join(errs...)
}
