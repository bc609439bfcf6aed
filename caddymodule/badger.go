package caddymodule

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/tokenstore/badgerstore"
)

func init() {
	caddy.RegisterModule(new(BadgerStore))
}

// BadgerStore keeps recipients and tokens in a Badger database in a directory of
// this machine. Only one process can have it open.
type BadgerStore struct {
	// The directory. It is made, readable by its owner only, if it does not
	// exist. Default: `gatehouse` in Caddy's data directory.
	Directory string `json:"directory,omitempty"`

	resolved string
}

// CaddyModule returns the Caddy module information.
func (*BadgerStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gatehouse.stores.badger", New: func() caddy.Module { return new(BadgerStore) }}
}

// Provision finds the directory's one true name, by which the store is shared:
// two spellings of it must not open it twice.
func (s *BadgerStore) Provision(caddy.Context) error {
	directory := s.Directory
	if directory == "" {
		directory = filepath.Join(caddy.AppDataDir(), "gatehouse")
	}
	directory, err := caddy.NewReplacer().ReplaceOrErr(directory, true, true)
	if err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	if s.resolved, err = filepath.Abs(directory); err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	s.resolved = resolveLinks(s.resolved)
	return nil
}

// resolveLinks follows symbolic links in the part of a path that exists.
func resolveLinks(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(resolveLinks(parent), filepath.Base(path))
}

// Key implements StoreModule.
func (s *BadgerStore) Key() string { return s.resolved }

// Options implements StoreModule: there are none beside the directory.
func (s *BadgerStore) Options() string { return "" }

// MasterKeyFile implements StoreModule.
func (s *BadgerStore) MasterKeyFile() string { return filepath.Join(s.resolved, "master.key") }

// Open implements StoreModule.
func (s *BadgerStore) Open(logger *slog.Logger) (tokenstore.Driver, error) {
	return badgerstore.Open(badgerstore.Options{Directory: s.resolved, Logger: logger})
}

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	store badger [<directory>]
func (s *BadgerStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the driver's name
	if d.NextArg() {
		s.Directory = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	if d.NextBlock(d.Nesting()) {
		return d.Errf("the badger store has no option %q", d.Val())
	}
	return nil
}

// Interface guards
var (
	_ StoreModule           = (*BadgerStore)(nil)
	_ caddy.Provisioner     = (*BadgerStore)(nil)
	_ caddyfile.Unmarshaler = (*BadgerStore)(nil)
)
