package caddymodule

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App holds what the gates of a process share: the store of recipients and
// tokens, and the key that seals what must be shown again. Without configuration
// the store lies in the folder `gatehouse` of Caddy's data directory.
type App struct {
	// The store. Default: badger, in the folder `gatehouse` of Caddy's data directory.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=gatehouse.stores inline_key=driver"`

	// The key that seals stored secrets that must be shown again, such as the
	// code of a pending activation link: 32 bytes in base64 or hex, one key per
	// line, of which the first seals and all open. It should be a placeholder
	// such as `{file./etc/gatehouse/master.key}`. Default: made once in the file
	// `master.key` in the store's folder, readable by its owner only.
	MasterKey string `json:"master_key,omitempty"`

	module  StoreModule
	sealer  *secret.Sealer // of MasterKey; nil: the one in the store's folder
	ref     *storeRef
	backend atomic.Pointer[schemes.Backend]
	logger  *zap.Logger
	ctx     caddy.Context
	surveys *surveyor // nil before Start
	letGo   func()    // of the issuers of its realms; nil before Start
	stops   []func()  // what schemes do in the background
	offline bool      // the store is never opened

	mu          sync.Mutex
	realms      map[realmKey]*realmEntry
	gates       []*Gate // complete once all are provisioned
	admins      []*AdminSite
	services    []*BitBrokerServices
	permissions []*TLSPermission
}

// realmKey names a realm of one scheme.
type realmKey struct{ scheme, realm string }

// realmEntry is what the sites of a realm agree on.
type realmEntry struct {
	site     string // the first that named it
	settings string
	scheme   schemes.Scheme
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gatehouse", New: func() caddy.Module { return new(App) }}
}

// Provision checks the options. It opens nothing: a configuration is also
// provisioned to be validated, while another process has the store open.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx, a.logger = ctx, ctx.Logger()
	a.realms = make(map[realmKey]*realmEntry)
	if a.MasterKey != "" {
		text, err := resolveSecret(a.MasterKey)
		if err != nil {
			return fmt.Errorf("gatehouse: master_key: %w", err)
		}
		if a.sealer, err = secret.ParseMasterKeys(text); err != nil {
			return fmt.Errorf("gatehouse: master_key: %w", err)
		}
	}
	if a.StoreRaw == nil {
		a.StoreRaw = json.RawMessage(`{"driver":"badger"}`)
	}
	module, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("gatehouse: store: %w", err)
	}
	var ok bool
	if a.module, ok = module.(StoreModule); !ok {
		return fmt.Errorf("gatehouse: store: %T is not a store", module)
	}
	a.ref, err = holdStore(a.module, a.logger)
	return err
}

// Start opens the store, so that one that cannot be opened is an error at load
// and not at the first request.
func (a *App) Start() error {
	if err := checkGates(a.ctx); err != nil {
		return fmt.Errorf("gatehouse: %w", err)
	}
	if err := cmp.Or(a.checkAdminSites(), a.checkServices(), a.checkPermissions()); err != nil {
		return fmt.Errorf("gatehouse: %w", err)
	}
	backend, err := a.open(context.Background())
	if err != nil {
		return fmt.Errorf("gatehouse: %w", err)
	}
	a.letGo = backend.Issuers.Follow(a.realmNames()...)
	for _, gate := range a.gates {
		if starter, ok := gate.module.(moduleStarter); ok {
			starter.start()
		}
		if starter, ok := gate.scheme.(schemes.Starter); ok {
			a.stops = append(a.stops, starter.Start(backend))
		}
	}
	warnOfLogs(a.ctx, a.logger)
	a.warnOfShadow()
	a.warnOfMissingServices()
	a.warnOfUpstreamTokens(context.Background())
	a.surveys = startSurveys(a, &processMetrics.surveys, nil)
	return nil
}

// Stop ends what runs in the background, and no more: requests of this configuration
// may still be running.
func (a *App) Stop() error {
	if a.surveys != nil {
		a.surveys.Stop()
	}
	return nil
}

// Cleanup ends what schemes do, and lets go of the issuers of its realms and of the store, which closes once no
// configuration holds it. A request that is still running then gets an error, and is
// refused.
func (a *App) Cleanup() error {
	for _, stop := range a.stops {
		stop()
	}
	if a.letGo != nil {
		a.letGo()
	}
	if a.ref == nil {
		return nil // Provision failed before
	}
	return a.ref.release()
}

// open is a schemes.Opener. Caddy may start the HTTP servers before this app, so
// a request may be what opens the store.
func (a *App) open(context.Context) (*schemes.Backend, error) {
	if backend := a.backend.Load(); backend != nil {
		return backend, nil
	}
	if a.offline {
		return nil, errOffline
	}
	shared, err := a.ref.pool.open()
	if err != nil {
		return nil, err
	}
	backend := *shared
	if backend.Sealer = a.sealer; backend.Sealer == nil {
		if backend.Sealer, err = masterKey(a.module, a.logger); err != nil {
			return nil, err
		}
	}
	a.backend.CompareAndSwap(nil, &backend)
	return a.backend.Load(), nil
}

// join notes a site that is complete.
func (a *App) join(g *Gate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gates = append(a.gates, g)
}

// register notes the realm of a site. Sites that share a realm must agree on its
// settings, or one recipient would have two truths.
func (a *App) register(site, settings string, scheme schemes.Scheme) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := realmKey{scheme.Name(), scheme.Realm()}
	if first, ok := a.realms[key]; ok {
		if first.settings != settings {
			return fmt.Errorf("realm %q has another %s at %s; sites of one realm must agree in that, or name a realm of their own with the option realm",
				key.realm, strings.Join(differing(first.settings, settings), " and "), first.site)
		}
		return nil
	}
	a.realms[key] = &realmEntry{site: site, settings: settings, scheme: scheme}
	return nil
}

// differing are the options that two settings, as JSON objects, do not agree on. It
// names no values: some are secrets.
func differing(a, b string) []string {
	var left, right map[string]json.RawMessage
	if json.Unmarshal([]byte(a), &left) != nil || json.Unmarshal([]byte(b), &right) != nil {
		return []string{"setting"}
	}
	var names []string
	for _, pair := range []struct{ from, to map[string]json.RawMessage }{{left, right}, {right, left}} {
		for name, value := range pair.from {
			if other, ok := pair.to[name]; (!ok || !bytes.Equal(value, other)) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// schemes returns the schemes of all realms.
func (a *App) schemes() []schemes.Scheme {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]schemes.Scheme, 0, len(a.realms))
	for _, entry := range a.realms {
		all = append(all, entry.scheme)
	}
	return all
}

// realmNames returns the names of all realms, of whatever scheme.
func (a *App) realmNames() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	names := make([]string, 0, len(a.realms))
	for key := range a.realms {
		names = append(names, key.realm)
	}
	return names
}

// errUnknownRealm names the realms there are.
var errUnknownRealm = errors.New("no site has this realm")

// scheme returns the scheme that serves a realm.
func (a *App) scheme(name, realm string) (schemes.Scheme, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if entry, ok := a.realms[realmKey{name, realm}]; ok {
		return entry.scheme, nil
	}
	var known []string
	for key := range a.realms {
		if key.scheme == name {
			known = append(known, key.realm)
		}
	}
	sort.Strings(known)
	if len(known) == 0 {
		return nil, fmt.Errorf("%w: no site of the running configuration has `gatehouse %s`", errUnknownRealm, name)
	}
	return nil, fmt.Errorf("%w; the realms of %s are: %s", errUnknownRealm, name, strings.Join(known, ", "))
}

// resolveSecret replaces the placeholders of a secret option, such as
// {file./etc/gatehouse/upstream} and {env.TOKEN}. White space around the value is
// cut off: files end with a line break.
func resolveSecret(option string) (string, error) {
	value, err := caddy.NewReplacer().ReplaceOrErr(option, true, true)
	if err != nil {
		// Caddy's replacer treats a file that cannot be read as an empty one.
		return "", fmt.Errorf("the value cannot be resolved; does the file or variable exist, may this user read it, and is it not empty? (%w)", err)
	}
	value = strings.TrimSpace(value)
	if value == "" {
		return "", errors.New("the value is empty")
	}
	return value, nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
