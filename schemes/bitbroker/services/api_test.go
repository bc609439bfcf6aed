package services

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

func TestAStrangerLearnsNothingOfWhatIsServed(t *testing.T) {
	s := newService(t)
	nearly := theSecret[:len(theSecret)-1] + "g"
	for _, path := range []string{
		"/", "/auth/token", "/" + nearly + "/auth/token", "/" + theSecret + "x/auth/token", "/" + strings.ToUpper(theSecret) + "/auth/token",
		"/x/" + theSecret + "/auth/token", "/" + theSecret, "/" + theSecret + "/", "/" + theSecret + "/auth", "/" + theSecret + "/auth/tokens",
		"/" + theSecret + "/Auth/token", "/" + theSecret + "/auth/token/refresh", "/" + theSecret + "/auth/token/check", "/" + theSecret + "/auth/token/check/x/y",
		"/" + theSecret + "/rate/consumer:pol-one", "/" + theSecret + "/rate/coordinator:x/config", "/" + theSecret + "/rate/consumer:/config",
		"/" + theSecret + "/rate/consumer/config", "/" + theSecret + "/rate/config",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "BREW"} {
			if method == "POST" && strings.HasSuffix(path, "/check") && strings.HasPrefix(path, "/"+theSecret+"/") {
				continue // served
			}
			w, _, refusal := s.send(request(method, path, `{"scope":"coordinator"}`))
			if w.Code != 404 || w.Body.String() != "Not Found" || w.Header().Get("Content-Type") != htmlText || len(w.Header()) != 4 || refusal == nil || refusal.Cause != nil {
				t.Errorf("%s %s: %d %s %v (%v)", method, path, w.Code, w.Body, w.Header(), refusal)
			}
		}
	}
	if s.made > 0 {
		t.Errorf("%d tokens were made", s.made)
	}
}

func TestOtherMethodsAreNotFound(t *testing.T) {
	s := newService(t)
	for _, route := range Routes() {
		_, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{secret}", theSecret, "{jti}", id(1), "{uid}", "consumer:pol-one").Replace(path)
		for _, method := range []string{"PATCH", "OPTIONS", "BREW"} {
			if w, _, _ := s.send(request(method, path, "")); w.Code != 404 {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
}

func TestEveryRouteIsServedAndHasAName(t *testing.T) {
	s := newService(t)
	for _, route := range Routes() {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{secret}", theSecret, "{jti}", id(1), "{uid}", "contributor:con-one").Replace(path)
		_, call, _ := s.send(request(method, path, `{"enabled":true}`))
		if call.Action == "" {
			t.Errorf("%s is not served", route)
		}
	}
}

func TestHeadIsAnsweredAsGet(t *testing.T) {
	w, call, _ := newService(t).send(request("HEAD", "auth/.well-known/jwks.json", ""))
	if w.Code != http.StatusOK || call.Action != "showKeys" {
		t.Errorf("%d %s", w.Code, call.Action)
	}
}

// An attacker can replay early data.
func TestWhatChangesSomethingWaitsForTheHandshake(t *testing.T) {
	s := newService(t)
	for route, want := range map[string]int{"POST auth/token": 425, "DELETE auth/token": 425, "PUT rate/consumer:a/config": 425, "GET auth/.well-known/jwks.json": 200} {
		method, path, _ := strings.Cut(route, " ")
		r := request(method, path, `{"scope":"coordinator"}`)
		canonical, err := canonpath.FromRequest(r, canonpath.Options{})
		must(t, err)
		w := httptest.NewRecorder()
		s.Serve(w, &schemes.Call{Request: r, Path: canonical, EarlyData: true})
		if w.Code != want {
			t.Errorf("%s: %d, want %d", route, w.Code, want)
		}
	}
}

func TestLogsSeeThePathBelowTheSecretOnly(t *testing.T) {
	s := newService(t)
	for path, want := range map[string]string{
		"/" + theSecret + "/auth/token":                   "/auth/token",
		"/" + theSecret + "/rate/consumer:pol-one/config": "/rate/consumer:pol-one/config",
		"/" + theSecret:                      "",
		"/" + theSecret[:39] + "/auth/token": "",
		"/auth/" + theSecret:                 "",
		"/":                                  "",
	} {
		canonical, err := canonpath.FromRequest(request("GET", path, ""), canonpath.Options{})
		must(t, err)
		if got := s.Below(canonical); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestSecretsAreLongAndStandForThemselves(t *testing.T) {
	for text, good := range map[string]bool{
		theSecret:                       true,
		strings.Repeat("a", 32):         true,
		strings.Repeat("a", 256):        true,
		strings.Repeat("a", 31):         false,
		strings.Repeat("a", 257):        false,
		"":                              false,
		strings.Repeat("a", 32) + "/":   false,
		strings.Repeat("a", 32) + "%41": false,
		strings.Repeat("a", 32) + ".":   false,
		strings.Repeat("a", 32) + "ä":   false,
		strings.Repeat("a", 32) + "\n":  false,
	} {
		err := CheckSecret(schemes.NewCredential(text))
		if (err == nil) != good || err != nil && text != "" && strings.Contains(fmt.Sprint(err), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
