package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// inFront is a gateway in front of a BitBroker that answers each call with the body of the
// header Answer-With.
type inFront struct {
	*gateway
	services http.Handler
}

func startInFront(t *testing.T) *inFront {
	t.Helper()
	g := startGatewayWith(t, `"http": {"servers": {
		"srv": {"listen": ["127.0.0.1:0"], "routes": [{"handle": [`+brokerJSON(`, "mode": "in_front"`)+`,
			{"handler": "static_response", "status_code": "{http.request.header.Answer-Status}", "body": "{http.request.header.Answer-With}"}]}]},
		"services": {"listen": ["127.0.0.2:0"], "routes": [{"handle": [`+servicesJSON("")+`]}]}}}`)
	return &inFront{g, serverNamed(t, "services")}
}

// asks sends a request as the BitBroker does.
func (f *inFront) asks(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/"+servicesSecret+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	f.services.ServeHTTP(w, r)
	return w
}

func TestTokenThatABitBrokerAskedForIsGoodOnceItGaveItAway(t *testing.T) {
	f := startInFront(t)
	first := f.ok("POST", coordinatorsPath, `{"user":1}`)["token"].(string)
	var minted struct{ Token, JTI string }
	f.decode(f.asks("POST", "/auth/token", `{"scope":"consumer","aud":"open"}`), &minted)
	consume := func(want int) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/consumer/v1/catalog", nil)
		r.Header.Set("X-Bbk-Auth-Token", minted.Token)
		r.Header.Set("Answer-Status", "200")
		w := httptest.NewRecorder()
		f.site.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%d %s, want %d", w.Code, w.Body, want)
		}
	}
	consume(http.StatusUnauthorized)
	r := httptest.NewRequest(http.MethodPost, "/coordinator/v1/user/7/access/open", nil)
	r.Header.Set("X-Bbk-Auth-Token", first)
	r.Header.Set("Answer-Status", "201")
	r.Header.Set("Answer-With", minted.Token)
	w := httptest.NewRecorder()
	f.site.ServeHTTP(w, r)
	if w.Code != http.StatusCreated || w.Body.String() != minted.Token {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	consume(http.StatusOK)
	if w := f.asks("DELETE", "/auth/token", `["`+minted.JTI+`"]`); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	consume(http.StatusForbidden)
}

func TestServicesAnswerEverythingThemselves(t *testing.T) {
	f := startInFront(t)
	for _, target := range []string{"/", "/auth/token", "/coordinator/v1", "/a//b", "/a%2fb", "/..%2f", "/" + servicesSecret + "/auth/../auth/token"} {
		r := httptest.NewRequest(http.MethodPost, "http://services.example.com/", strings.NewReader(`{"scope":"coordinator"}`))
		r.URL.Path, r.URL.RawPath, _ = strings.Cut(target, "?")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		f.services.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound || w.Body.String() != "Not Found" {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	// The gate's site, the other way round, knows nothing of them.
	if w := callBroker(f.site, "POST", "/"+servicesSecret+"/auth/token", "", `{"scope":"coordinator"}`); w.Code != http.StatusNotFound {
		t.Errorf("the gate: %d %s", w.Code, w.Body)
	}
}

// observedServices is another such site over the same store, whose logs can be read.
func (f *inFront) observedServices() (*BitBrokerServices, *observer.ObservedLogs) {
	logger, logs := observe(zapcore.DebugLevel)
	site := &BitBrokerServices{
		Realm: "default", Site: "here", app: f.app, secret: schemes.NewCredential(servicesSecret),
		guard:  headers.NewGuard(nil),
		record: &siteRecord{servicesScheme, "bitbroker service", "here", "default", logger, logger, processMetrics},
	}
	site.api = site.build
	return site, logs
}

// answer takes a request through a site alone.
func (s *BitBrokerServices) answer(t *testing.T, method, target, body string) (*httptest.ResponseRecorder, *http.Request) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
	if err := s.ServeHTTP(w, r, nil); err != nil {
		t.Errorf("%s: %v", target, err)
	}
	return w, r
}

func TestAuditOfTheServicesNamesWhatWasAskedAndNoSecret(t *testing.T) {
	f := startInFront(t)
	site, logs := f.observedServices()
	nearly := servicesSecret[:len(servicesSecret)-1] + "x"
	var minted struct{ Token string }
	w, r := site.answer(t, "POST", "/"+servicesSecret+"/auth/token", `{"scope":"consumer","aud":"open"}`)
	f.decode(w, &minted)
	if skip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.LogSkipVar).(bool); !skip {
		t.Error("the request would stand in an access log")
	}
	for _, call := range [][3]string{
		{"PUT", "/" + servicesSecret + "/rate/consumer:open/config", `{"enabled":true,"rate":5}`},
		{"POST", "/" + nearly + "/auth/token", `{"scope":"coordinator"}`},
		{"GET", "/" + servicesSecret + "//auth", ""},
		{"GET", "/" + servicesSecret + "/auth/token/check/" + minted.Token, ""},
		{servicesSecret, "/" + servicesSecret + "/auth/token", ""},
		{"GET", "/" + servicesSecret + "/rate/consumer:open/config?" + servicesSecret, ""},
	} {
		site.answer(t, call[0], call[1], call[2])
	}
	lines := logs.FilterMessage("bitbroker service").All()
	if len(lines) != 7 {
		t.Fatalf("%d audit lines", len(lines))
	}
	first := lines[0].ContextMap()
	for field, want := range map[string]any{"realm": "default", "method": "POST", "path": "/auth/token", "action": "mintToken", "decision": "allow", "reason": "own_endpoint", "status": int64(200)} {
		if first[field] != want {
			t.Errorf("%s = %v, want %v", field, first[field], want)
		}
	}
	if second := lines[1].ContextMap(); second["path"] != "/rate/consumer:open/config" || second["action"] != "setLimits" {
		t.Errorf("%v", second)
	}
	if third := lines[2].ContextMap(); third["path"] != "" || third["action"] != nil || third["decision"] != "deny" || third["status"] != int64(404) {
		t.Errorf("a stranger: %v", third)
	}
	for _, line := range logs.All() {
		if line.Context == nil {
			continue
		}
		text := fmt.Sprint(line.Message, line.ContextMap())
		method := line.ContextMap()["method"]
		if method == servicesSecret {
			continue // whoever knows the secret may call a method so
		}
		if strings.Contains(text, servicesSecret[:20]) || strings.Contains(text, minted.Token) {
			t.Errorf("a secret in the log: %s", text)
		}
	}
}

// A BitBroker heeds no status: what the gateway could not do must look like a network failure
// to it.
func TestWhatCouldNotBeDoneBreaksTheConnection(t *testing.T) {
	f := startInFront(t)
	site, logs := f.observedServices()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	backend, err := f.app.open(t.Context())
	must(err)
	must(backend.Store.Close())
	func() {
		defer func() {
			if cause := recover(); cause != http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is thrown
				t.Errorf("no abort: %v", cause)
			}
		}()
		site.answer(t, "DELETE", "/"+servicesSecret+"/auth/token", `["`+someUser+`"]`)
	}()
	if w, _ := site.answer(t, "POST", "/"+servicesSecret+"/auth/token", `{"scope":"coordinator"}`); w.Code != http.StatusServiceUnavailable {
		t.Errorf("minting: %d %s", w.Code, w.Body)
	}
	lines := logs.FilterMessage("bitbroker service").All()
	if len(lines) != 2 || lines[0].ContextMap()["status"] != int64(0) || lines[0].ContextMap()["reason"] != "store_failed" {
		t.Errorf("%v", lines)
	}
}

func TestServicesStandInNoAccessLog(t *testing.T) {
	t.Setenv("SERVICES_SECRET", servicesSecret) // Caddy logs its configuration
	path := filepath.Join(t.TempDir(), "access.log")
	run(t, fmt.Appendf(nil, `{
		"admin": {"disabled": true, "config": {"persist": false}},
		"storage": {"module": "file_system", "root": %q},
		"logging": {"logs": {"default": {"level": "DEBUG", "writer": {"output": "file", "roll": false, "filename": %q}}}},
		"apps": {%s, "http": {"servers": {
			"front": {"listen": ["127.0.0.1:0"], "routes": [{"handle": [%s]}]},
			"services": {"listen": ["127.0.0.2:0"], "logs": {}, "routes": [{"match": [{"path": ["/other"]}], "handle": [{"handler": "static_response"}]}, {"handle": [%s]}]}}}}
	}`, t.TempDir(), path, storeApp(filepath.Join(t.TempDir(), "store")), brokerJSON(`, "mode": "in_front"`), strings.Replace(servicesJSON(""), servicesSecret, "{env.SERVICES_SECRET}", 1)))
	f := &inFront{&gateway{t: t}, serverNamed(t, "services")}
	if w := f.asks("POST", "/auth/token", `{"scope":"coordinator"}`); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	f.asks("GET", "/auth/token/x", "")
	f.services.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/other", nil))
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(log, []byte(`"/other"`)) || !bytes.Contains(log, []byte("mintToken")) {
		t.Errorf("the log is not there:\n%s", log)
	}
	if bytes.Contains(log, []byte("not every log keeps tokens out")) {
		t.Error("warned of an access log that the services are not in")
	}
	if bytes.Contains(log, []byte(servicesSecret)) {
		t.Errorf("the secret is in the log:\n%s", log)
	}
}

func TestServicesNeedARealmInFront(t *testing.T) {
	services := func(options string) string {
		return `{"match": [{"path": ["/services"]}], "handle": [` + servicesJSON(options) + `]}`
	}
	gate := func(options string) string {
		return `{"match": [{"path": ["/gate"]}], "handle": [` + brokerJSON(options) + `]}`
	}
	for _, tc := range []struct{ name, routes, says string }{
		{"no gate at all", services(""), "no site of the running configuration has `gatehouse bitbroker`"},
		{"another realm", gate(`, "mode": "in_front", "realm": "market"`) + "," + services(""), "the realms of bitbroker are: market"},
		{"without a BitBroker", gate("") + "," + services(""), "has no BitBroker"},
		{"the realm", gate(`, "mode": "in_front", "realm": "market"`) + "," + services(`, "realm": "market"`), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := load(t, config(t, storeApp(t.TempDir())+","+httpApp(tc.routes)))
			switch {
			case tc.says == "" && err != nil:
				t.Error(err)
			case tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "the services")):
				t.Errorf("got %v, want an error of the site that says %q", err, tc.says)
			}
		})
	}
}

func TestServicesNeedASecret(t *testing.T) {
	for name, secret := range map[string]string{"none": "", "short": "0123456789", "with a slash": servicesSecret + "/", "of a missing file": "{file./nowhere/secret}"} {
		handler := strings.Replace(servicesJSON(""), servicesSecret, secret, 1)
		err := validate(config(t, storeApp(t.TempDir())+","+httpApp(`{"handle": [`+handler+`]}`)))
		if err == nil || !strings.Contains(err.Error(), "gatehouse_bitbroker_services at the services: secret: ") || secret != "" && secret[0] == '0' && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServicesAndGateOnOneRouteFailToLoad(t *testing.T) {
	gate := brokerJSON(`, "mode": "in_front"`)
	for name, handlers := range map[string]string{
		"gate first": gate + "," + servicesJSON(""), "gate last": servicesJSON("") + "," + gate,
		"two": servicesJSON("") + "," + servicesJSON(""),
	} {
		t.Run(name, func(t *testing.T) {
			err := load(t, config(t, storeApp(t.TempDir())+","+httpApp(`{"handle": [`+handlers+`]}`)))
			if err == nil || !strings.Contains(err.Error(), "stands behind") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRealmInFrontWithoutServicesIsWarnedOf(t *testing.T) {
	for name, tc := range map[string]struct {
		options, services string
		warned            bool
	}{
		"in front":               {`, "mode": "in_front"`, "", true},
		"in front with services": {`, "mode": "in_front"`, "," + servicesJSON(""), false},
		"standalone":             {``, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			routes := `{"match": [{"path": ["/a"]}], "handle": [` + brokerJSON(tc.options) + `]}`
			if tc.services != "" {
				routes += `, {"match": [{"path": ["/b"]}], "handle": [` + tc.services[1:] + `]}`
			}
			run(t, config(t, storeApp(filepath.Join(t.TempDir(), "store"))+","+httpApp(routes)))
			app, err := runningApp()
			if err != nil {
				t.Fatal(err)
			}
			logger, logs := observe(zapcore.WarnLevel)
			app.logger = logger
			app.warnOfMissingServices()
			if got := logs.FilterMessageSnippet("nowhere to ask for tokens").Len() > 0; got != tc.warned {
				t.Errorf("warned: %t", got)
			}
		})
	}
}

// What a Caddyfile says of the secret must not be in what Caddy shows of its configuration.
func TestSecretOfTheServicesStaysAPlaceholder(t *testing.T) {
	t.Setenv("SERVICES_SECRET", servicesSecret)
	site := &BitBrokerServices{Secret: "{env.SERVICES_SECRET}"}
	if err := site.resolve(); err != nil || site.secret.Reveal() != servicesSecret {
		t.Fatal(err)
	}
	text, err := json.Marshal(site)
	if err != nil || strings.Contains(string(text), servicesSecret) {
		t.Errorf("%s, %v", text, err)
	}
}

// Nor does it heed that its limits were refused, and nobody else could say why no policy is made.
func TestLimitsThatAreRefusedBreakTheConnectionAndAreLogged(t *testing.T) {
	site, logs := startInFront(t).observedServices()
	func() {
		defer func() {
			if cause := recover(); cause != http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is thrown
				t.Errorf("no abort: %v", cause)
			}
		}()
		site.answer(t, "PUT", "/"+servicesSecret+"/rate/consumer:open/config", `{"enabled":"yes"}`)
	}()
	if refused := logs.FilterMessage("refused").All(); len(refused) != 1 || refused[0].Level != zapcore.ErrorLevel {
		t.Errorf("the log says %v", refused)
	}
}
