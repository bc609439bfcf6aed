package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// config is a Caddy configuration in JSON around some apps, that touches nothing
// outside of the test's folder and logs nothing.
func config(t *testing.T, apps string) []byte {
	t.Helper()
	return fmt.Appendf(nil, `{
		"admin": {"disabled": true, "config": {"persist": false}},
		"storage": {"module": "file_system", "root": %q},
		"logging": {"logs": {"default": {"writer": {"output": "discard"}}}},
		"apps": {%s}
	}`, t.TempDir(), apps)
}

// storeApp is the gatehouse app with a store in a folder.
func storeApp(directory string) string {
	return fmt.Sprintf(`"gatehouse": {"store": {"driver": "badger", "directory": %q}}`, directory)
}

// httpApp is an http app with one server, given its routes.
func httpApp(routes string) string {
	return fmt.Sprintf(`"http": {"servers": {"srv": {"listen": ["127.0.0.1:0"], "routes": [%s]}}}`, routes)
}

// gateJSON is a gate in JSON; options go into its scheme, after a comma.
func gateJSON(site, options string) string {
	return fmt.Sprintf(`{"handler": "gatehouse", "site": %q, "scheme":
		{"name": "delta", "public_url": "https://sharing.example.com", "upstream_token": "upstream-secret"%s}}`, site, options)
}

// validate checks a configuration as `caddy validate` does.
func validate(configuration []byte) error {
	cfg := new(caddy.Config)
	if err := json.Unmarshal(configuration, cfg); err != nil {
		return err
	}
	return caddy.Validate(cfg)
}

// load loads a configuration; it is stopped with the test, before the folders that
// the configuration names are removed.
func load(t *testing.T, configuration []byte) error {
	t.Helper()
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return caddy.Load(configuration, true)
}

// run loads a configuration that must be right.
func run(t *testing.T, configuration []byte) {
	t.Helper()
	if err := load(t, configuration); err != nil {
		t.Fatal(err)
	}
}

// gateway is a running delta gateway in this process, without a network.
type gateway struct {
	t      *testing.T
	site   http.Handler
	admin  http.Handler
	logs   *observer.ObservedLogs // of the admin API
	app    *App
	stores string // the folder of its store
}

// startGateway runs a gateway with the realm default. Whatever passes it is
// answered by an empty listing.
func startGateway(t *testing.T) *gateway {
	t.Helper()
	return startGatewayWith(t, httpApp(`{"handle": [`+
		gateJSON("the site", `, "credentials_api": {"path": "/dds-tokens"}`)+`,
		{"handler": "static_response", "body": "{\"items\":[]}"}]}`))
}

// startGatewayWith runs a gateway with an http app of which the server srv has the
// realm default.
func startGatewayWith(t *testing.T, httpApp string) *gateway {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "store")
	run(t, config(t, storeApp(directory)+","+httpApp))
	ours, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	admin, logs := adminHandler(t)
	return &gateway{t: t, site: serverNamed(t, "srv"), admin: admin, logs: logs, app: ours, stores: directory}
}

// serverNamed is a server of the running configuration.
func serverNamed(t *testing.T, name string) http.Handler {
	t.Helper()
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		t.Fatal(err)
	}
	return app.(*caddyhttp.App).Servers[name]
}

// adminHandler serves the admin API as Caddy's admin endpoint does.
func adminHandler(t *testing.T) (http.Handler, *observer.ObservedLogs) {
	t.Helper()
	logger, logs := observe(zapcore.DebugLevel)
	mux := http.NewServeMux()
	for _, route := range (&AdminAPI{logger: logger}).Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			err := route.Handler.ServeHTTP(w, r)
			if err == nil {
				return
			}
			answer, ok := err.(caddy.APIError)
			if !ok {
				t.Errorf("%s: error %v is no caddy.APIError: Caddy would show its text", route.Pattern, err)
			}
			w.WriteHeader(answer.HTTPStatus)
			_ = json.NewEncoder(w).Encode(answer)
		})
	}
	return mux, logs
}

// call sends a request to the admin API and returns status and decoded answer.
func (g *gateway) call(method, path, body string) (int, map[string]any) {
	g.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	g.admin.ServeHTTP(w, r)
	answer := map[string]any{}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		g.t.Fatalf("%s %s: %d %q is no JSON object: %v", method, path, w.Code, w.Body, err)
	}
	return w.Code, answer
}

// ok is call for what must succeed.
func (g *gateway) ok(method, path, body string) map[string]any {
	g.t.Helper()
	status, answer := g.call(method, path, body)
	if status != http.StatusOK {
		g.t.Fatalf("%s %s: %d %v", method, path, status, answer)
	}
	return answer
}

// get sends a GET through the gate.
func (g *gateway) get(target, bearer string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	w := httptest.NewRecorder()
	g.site.ServeHTTP(w, r)
	return w
}

// activate follows an activation link as a program and returns the bearer token.
func (g *gateway) activate(link any) string {
	g.t.Helper()
	w := g.get(fmt.Sprint(link), "")
	var profile struct {
		BearerToken string `json:"bearerToken"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &profile); err != nil || profile.BearerToken == "" {
		g.t.Fatalf("the link gave %d %q, no profile", w.Code, w.Body)
	}
	return profile.BearerToken
}

// stubStore is a StoreModule that counts what happens to it.
type stubStore struct {
	key, options string
	fail         func() error // nil: Open succeeds
	changing     func()       // called while it opens and closes, unless nil

	opened, closed atomic.Int32
	open           atomic.Int32 // how many are open now
	overlapped     atomic.Bool  // two were open at once
}

func (s *stubStore) Key() string           { return s.key }
func (s *stubStore) Options() string       { return s.options }
func (s *stubStore) MasterKeyFile() string { return s.key + ".key" }

func (s *stubStore) Open(*slog.Logger) (tokenstore.Driver, error) {
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return nil, err
		}
	}
	if s.changing != nil {
		s.changing()
	}
	s.opened.Add(1)
	if s.open.Add(1) > 1 {
		s.overlapped.Store(true)
	}
	return &stubDriver{store: s}, nil
}

// stubDriver is an empty driver.
type stubDriver struct{ store *stubStore }

func (d *stubDriver) View(context.Context, func(tokenstore.Reader) error) error {
	return tokenstore.ErrNotFound
}

func (d *stubDriver) Update(context.Context, func(tokenstore.Txn) error) (tokenstore.Revision, error) {
	return 0, tokenstore.ErrClosed
}

func (d *stubDriver) Changes(context.Context, tokenstore.Revision, int) (tokenstore.ChangePage, error) {
	return tokenstore.ChangePage{}, nil
}

func (d *stubDriver) PruneChanges(context.Context, tokenstore.Revision) error { return nil }

func (d *stubDriver) Exclusive() bool { return true }

func (d *stubDriver) Close() error {
	if d.store.changing != nil {
		d.store.changing()
	}
	d.store.open.Add(-1)
	d.store.closed.Add(1)
	return nil
}

// write makes a file in a fresh folder and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// adaptTo adapts a Caddyfile that must be right.
func adaptTo(t *testing.T, caddyfile string) []byte {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), nil)
	if err != nil {
		t.Fatal(err)
	}
	return adapted
}

func observe(level zapcore.Level) (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(level)
	return zap.New(core), logs
}
