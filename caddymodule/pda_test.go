package caddymodule

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// pdaJSON is a gate of personal data accounts in JSON; options go into its scheme,
// after a comma.
func pdaJSON(options string) string {
	return fmt.Sprintf(`{"handler": "gatehouse", "site": "the people", "scheme": {"name": "pda"%s}}`, options)
}

// startPeople runs a gateway for personal data accounts in the realm default. Whatever
// passes it is answered by "data".
func startPeople(t *testing.T) *gateway {
	t.Helper()
	return startGatewayWith(t, httpApp(`{"handle": [`+pdaJSON("")+`, {"handler": "static_response", "body": "data"}]}`))
}

const (
	accountsPath     = "/gatehouse/pda/default/accounts"
	applicationsPath = "/gatehouse/pda/default/applications"

	bob         = "bob.pda.example.com"
	bobPassword = "seven dusty lanterns"
)

// account makes an account whose password is bobPassword.
func (g *gateway) account(host string) map[string]any {
	g.t.Helper()
	return g.ok("POST", accountsPath, `{"host":"`+host+`","password":"`+bobPassword+`"}`)
}

// at sends a GET to an account's host, with a token unless it is empty.
func at(site http.Handler, host, target, token string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://"+host+target, nil)
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	return w
}

// signIn returns an owner's token.
func signIn(t *testing.T, site http.Handler, host, password string) string {
	t.Helper()
	username, _, _ := strings.Cut(host, ".")
	w := at(site, host, "/users/access_token", "", "Username", username, "Password", password)
	token := w.Header().Get("X-Auth-Token")
	if w.Code != http.StatusOK || token == "" {
		t.Fatalf("signing in at %s: %d %s", host, w.Code, w.Body)
	}
	return token
}

func TestPDAConfigurationThatCannotWorkFailsToLoad(t *testing.T) {
	for _, tc := range []struct{ name, options, want string }{
		{"upstream of a third kind", `"upstream": "both"`, `upstream: "both" is neither identity nor token`},
		{"idle shorter than it takes to renew", `"idle": "1m"`, "idle"},
		{"absolute shorter than idle", `"absolute": "1h"`, "absolute"},
		{"negative idle", `"idle": "-1h"`, "idle"},
		{"a renewal of no time", `"renew_interval": "1ms"`, "renew_interval"},
		{"an origin with a path", `"cors": ["https://app.example.com/x"]`, "cors"},
		{"any origin", `"cors": ["*"]`, "cors"},
		{"another status of a limit", `"sign_in_limit_status": 503`, "sign_in_limit_status"},
		{"a batch of less than nothing", `"batch_limit": -1`, "batch_limit"},
		{"leaving what there is not", `"leave_to_server": ["everything"]`, "leave_to_server"},
		{"making the data public", `"public": ["/api/*"]`, "public"},
		{"making everything public", `"public": ["/*"]`, "public"},
		{"a realm with a slash", `"realm": "a/b"`, "realm"},
		{"a misspelt option", `"idel": "72h"`, "idel"},
		{"an option of another scheme", `"max_tokens": 2`, "max_tokens"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := validate(config(t, storeApp(t.TempDir())+","+httpApp(`{"handle": [`+pdaJSON(", "+tc.options)+`]}`)))
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "the people") {
				t.Errorf("got %v, which does not name the site and %s", err, tc.want)
			}
		})
	}
}

func TestPDASitesOfOneRealmAgree(t *testing.T) {
	two := func(first, second string) []byte {
		return config(t, storeApp(t.TempDir())+","+httpApp(
			`{"match": [{"host": ["a"]}], "handle": [`+pdaJSON(first)+`]},
			 {"match": [{"host": ["b"]}], "handle": [`+pdaJSON(second)+`]}`))
	}
	for _, tc := range []struct {
		name, first, second string
		agree               bool
	}{
		{"the same settings", "", "", true},
		{"a default, and the same said", "", `, "idle": "72h", "absolute": "30d", "renew_interval": "1m", "upstream": "identity", "batch_limit": 4194304, "sign_in_limit_status": 429`, true},
		{"another upstream", "", `, "upstream": "token"`, false},
		{"other origins", "", `, "cors": ["https://app.example.com"]`, false},
		{"other settings in another realm", "", `, "realm": "b", "upstream": "token"`, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := validate(two(tc.first, tc.second)); (err == nil) != tc.agree {
				t.Errorf("loads: %v", err)
			}
		})
	}
}

// A realm belongs to a scheme: sites of two schemes with one name of a realm have
// nothing to agree on.
func TestRealmsOfTwoSchemesMayHaveOneName(t *testing.T) {
	err := validate(config(t, storeApp(t.TempDir())+","+httpApp(
		`{"match": [{"host": ["a"]}], "handle": [`+gateJSON("site-a", "")+`]}, {"match": [{"host": ["b"]}], "handle": [`+pdaJSON("")+`]}`)))
	if err != nil {
		t.Error(err)
	}
}
