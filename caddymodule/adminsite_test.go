package caddymodule

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
)

// administer sends a request to the administration site.
func (s *sites) administer(method, target, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.adminSite.ServeHTTP(w, r)
	return w
}

// observed is another administration site over the same store, whose logs can be read.
func (s *sites) observed() (*AdminSite, *observer.ObservedLogs) {
	logger, logs := observe(zapcore.DebugLevel)
	site := &AdminSite{
		Scheme: delta.Name, Realm: "default", Site: "here",
		app: s.app, guard: headers.NewGuard(nil),
		record: &siteRecord{adminScheme, "administration", "here", "default", logger, logger, processMetrics},
	}
	site.api = site.build
	return site, logs
}

// answer takes a request through a site alone.
func (s *AdminSite) answer(t *testing.T, target, token string, next caddyhttp.Handler) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	if err := s.ServeHTTP(w, caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil), next); err != nil {
		t.Errorf("%s: %v", target, err)
	}
}

const databricksPath = "/api/2.1/unity-catalog/recipients"

func TestAdminSiteSharesTheRealmsRecipients(t *testing.T) {
	s := startSites(t)
	w := s.administer("POST", databricksPath, s.token, `{"name":"acme","authentication_type":"TOKEN"}`)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	link := s.ok("POST", "/gatehouse/delta/default/recipients/acme/link", "")["activation_link"]
	if !strings.Contains(w.Body.String(), fmt.Sprint(link)) {
		t.Errorf("another link than %s: %s", link, w.Body)
	}
	bearer := s.activate(link)
	if w := s.get("/delta-sharing/shares", bearer); w.Code != http.StatusOK && w.Code != http.StatusBadGateway {
		t.Errorf("the token is refused: %d %s", w.Code, w.Body)
	}
	if w := s.administer("DELETE", databricksPath+"/acme", s.token, ""); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := s.get("/delta-sharing/shares", bearer); w.Code != http.StatusUnauthorized {
		t.Errorf("the token of a deleted recipient: %d", w.Code)
	}
}

func TestAdminSiteAnswersEverythingItself(t *testing.T) {
	s := startSites(t)
	for _, target := range []string{"/", "/.well-known/databricks-config", "/delta-sharing/shares", "/gatehouse/audit", "/a//b", "/a%2fb", "/..%2f"} {
		for _, token := range []string{"", s.token} {
			w := s.administer("GET", target, token, "")
			if w.Code != http.StatusNotFound && w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"error_code"`) {
				t.Errorf("%s: %d %s", target, w.Code, w.Body)
			}
		}
	}
	// The gate's site, the other way round, knows nothing of administration.
	if w := s.get(databricksPath, s.token); w.Code == http.StatusOK || strings.Contains(w.Body.String(), "error_code") {
		t.Errorf("the gate: %d %s", w.Code, w.Body)
	}
}

func TestNothingBehindTheAdminSiteIsReached(t *testing.T) {
	s := startSites(t)
	site, _ := s.observed()
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		t.Error("the next handler is called")
		return nil
	})
	for _, target := range []string{"/", databricksPath, "/openapi.json", "/a%2fb"} {
		site.answer(t, target, "", next)
	}
}

func TestAuditOfTheAdminSiteNamesTheActorAndNoSecret(t *testing.T) {
	s := startSites(t)
	w := s.administer("POST", databricksPath, s.token, `{"name":"acme","authentication_type":"TOKEN"}`)
	_, code, _ := strings.Cut(w.Body.String(), "retrieve_config.html?")
	code, _, _ = strings.Cut(code, `"`)

	site, logs := s.observed()
	for _, call := range []struct{ target, token string }{
		{databricksPath + "/acme", s.token},
		{databricksPath + "/acme", s.token[:len(s.token)-1]},
		{"/api/2.1/unity-catalog/public/data_sharing_activation/" + code, ""},
		{"/api/2.1/unity-catalog/public/data_sharing_activation_info/" + strings.ToUpper(code), ""},
		{"/" + s.token + "?" + code, ""},
	} {
		site.answer(t, call.target, call.token, nil)
	}
	lines := logs.FilterMessage("administration").All()
	if len(lines) != 5 {
		t.Fatalf("%d audit lines", len(lines))
	}
	first := lines[0].ContextMap()
	for field, want := range map[string]any{"actor": "admin ops", "action": "getRecipient", "decision": "allow", "status": int64(200), "path": databricksPath + "/acme"} {
		if first[field] != want {
			t.Errorf("%s = %v, want %v", field, first[field], want)
		}
	}
	if second := lines[1].ContextMap(); second["actor"] != nil || second["decision"] != "deny" || second["reason"] != "bad_credential" {
		t.Errorf("a stranger: %v", second)
	}
	if third := lines[2].ContextMap(); third["action"] != "retrieveRecipientToken" || third["actor"] != "recipient acme" {
		t.Errorf("the holder of a link: %v", third)
	}
	for _, line := range logs.All() {
		text := strings.ToLower(fmt.Sprint(line.Message, line.ContextMap()))
		if strings.Contains(text, strings.ToLower(code)) || strings.Contains(text, s.token[4:]) || strings.Contains(text, "ghd_") {
			t.Errorf("a secret in the log: %s", text)
		}
	}
}

func TestAdminSiteNeedsARealmThatIsServed(t *testing.T) {
	adminRoute := func(options string) string {
		return `{"match": [{"path": ["/admin"]}], "handle": [{"handler": "gatehouse_admin_api", "site": "the admin site"` + options + `}]}`
	}
	gateRoute := `{"match": [{"path": ["/gate"]}], "handle": [` + gateJSON("the gate", `, "realm": "partners"`) + `]}`
	for _, tc := range []struct{ name, routes, says string }{
		{"no gate at all", adminRoute(""), "no site of the running configuration"},
		{"another realm", gateRoute + "," + adminRoute(""), "the realms of delta are: partners"},
		{"another scheme", gateRoute + "," + adminRoute(`, "scheme": "pda"`), `"pda"`},
		{"the realm", gateRoute + "," + adminRoute(`, "realm": "partners"`), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := load(t, config(t, storeApp(t.TempDir())+","+httpApp(tc.routes)))
			switch {
			case tc.says == "" && err != nil:
				t.Error(err)
			case tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "the admin site")):
				t.Errorf("got %v, want an error of the admin site that says %q", err, tc.says)
			}
		})
	}
}

func TestAdminSiteAndGateOnOneRouteFailToLoad(t *testing.T) {
	admin := `{"handler": "gatehouse_admin_api", "site": "the admin site"}`
	for name, handlers := range map[string]string{
		"gate first": gateJSON("the gate", "") + "," + admin, "gate last": admin + "," + gateJSON("the gate", ""),
	} {
		t.Run(name, func(t *testing.T) {
			err := load(t, config(t, storeApp(t.TempDir())+","+httpApp(`{"handle": [`+handlers+`]}`)))
			if err == nil || !strings.Contains(err.Error(), "stands behind") {
				t.Errorf("got %v", err)
			}
		})
	}
}
