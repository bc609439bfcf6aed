package bitbroker

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

func TestServersBehindLearnWhoseCallItIsAndGetNoToken(t *testing.T) {
	for mode, change := range modes {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, change)
			w := s.newWorld()
			for _, tc := range []struct{ path, token, audience, rate string }{
				{"/consumer/v1/catalog", w.consumer, "pol-one", "consumer:pol-one"},
				{contributorPath, w.contributor, "con-one", ""},
				{coordinatorPath, w.coordinator, "", ""},
			} {
				if mode == "standalone" && tc.path == coordinatorPath {
					continue // the gateway's own
				}
				a := s.ask("GET", tc.path, tc.token, "Authorization", "Bearer x", "Cookie", "a=b", "X-Auth-Token", "x", "Token", "x",
					"Proxy-Authorization", "x", "Upgrade", "websocket", "X-Bbk-Audience", "pol-two", "X-Bbk-Rate-Uid", "consumer:pol-two",
					"X-Forwarded-Scheme", "https", "X-Bbk-Connectors", contributionB, "X-Request-Id", "7", "Origin", "https://app.example")
				a.want(t, 200, true)
				h := a.forwarded.Header
				for _, name := range []string{"X-Bbk-Auth-Token", "Authorization", "Cookie", "X-Auth-Token", "Token", "Proxy-Authorization", "Upgrade", "X-Forwarded-Scheme"} {
					if h[name] != nil {
						t.Errorf("%s: %s goes on", tc.path, name)
					}
				}
				for name, lines := range h {
					if slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, tc.token) }) {
						t.Errorf("%s: the token goes on as %s", tc.path, name)
					}
				}
				if !slices.Equal(h["X-Bbk-Audience"], []string{tc.audience}) {
					t.Errorf("%s: audience %q", tc.path, h["X-Bbk-Audience"])
				}
				if got := h.Get("X-Bbk-Rate-Uid"); got != tc.rate || len(h["X-Bbk-Rate-Uid"]) > 1 {
					t.Errorf("%s: rate uid %q", tc.path, h["X-Bbk-Rate-Uid"])
				}
				if h.Get("X-Bbk-Connectors") != contributionB || h.Get("X-Request-Id") != "7" || h.Get("Origin") == "" {
					t.Errorf("%s: other headers are missing: %v", tc.path, h)
				}
			}
			a := s.ask("OPTIONS", consumerPath, "", "X-Bbk-Audience", "pol-one", "X-Bbk-Rate-Uid", "x", "X-Bbk-Auth-Token", w.consumer)
			a.want(t, 200, true)
			for _, name := range []string{"X-Bbk-Audience", "X-Bbk-Rate-Uid", "X-Bbk-Auth-Token"} {
				if a.forwarded.Header[name] != nil {
					t.Errorf("nobody's call has %s", name)
				}
			}
		})
	}
}

// What a client puts into Connection names nothing that the gateway sets afterwards.
func TestConnectionCannotTakeAwayWhoseCallItIs(t *testing.T) {
	s := newSite(t)
	w := s.newWorld()
	r := schemestest.Request("GET", consumerPath, "", "X-Bbk-Auth-Token", w.consumer,
		"Connection", "close, X-Bbk-Audience", "Connection", "x-bbk-rate-uid", "X_Bbk_Audience", "pol-two")
	headers.NewGuard(nil, "X-Bbk-Auth-Token").Clean(r.Header, true)
	a := s.serve(r)
	a.want(t, 200, true)
	if h := a.forwarded.Header; h.Get("Connection") != "close" || h.Get("X-Bbk-Audience") != "pol-one" || map[string][]string(h)["X_Bbk_Audience"] != nil {
		t.Errorf("%v", h)
	}
}

func TestHostAndPathGoOnAsTheyCame(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	for came, want := range map[string]string{
		"/Consumer/V1/Entity/Country/AbC": "/Consumer/V1/Entity/Country/AbC",
		"/consumer/v1/catalog/":           "/consumer/v1/catalog/",
		"/%63onsumer/v1/a%20b?q=%7B%7d":   "/consumer/v1/a%20b?q=%7B%7d",
	} {
		r := schemestest.Request("GET", came, "", "X-Bbk-Auth-Token", w.consumer)
		r.Host = "Broker.Example.com:8443"
		a := s.serve(r)
		a.want(t, 200, true)
		if got := a.forwarded.URL.RequestURI(); got != want || a.forwarded.Host != "Broker.Example.com:8443" {
			t.Errorf("%s: %s at %s", came, got, a.forwarded.Host)
		}
	}
}

func TestContributorsReachTheirOwnConnectorAlone(t *testing.T) {
	for mode, change := range modes {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, change)
			w := s.newWorld()
			other := w.contributor
			if mode == "standalone" {
				other = s.connector("ent-one", "con-two", contributionB)
			}
			for path, status := range map[string]int{
				"/connector/" + contributionA + "/session/open/stream":            200,
				"/CONNECTOR/" + contributionA + "/SESSION/1/upsert/":              200,
				"/connector/" + contributionB + "/session/open/stream":            404,
				"/connector/" + upper(contributionA) + "/session/open/stream":     404,
				"/connector/" + contributionA[:39] + "/session/open/stream":       404,
				"/connector/" + contributionA + "a/session/open/stream":           404,
				"/connector/" + contributionA + "%20/session/open/stream":         404,
				"/connector/con-one/session/open/stream":                          404,
				"/connector/x/session/open/stream":                                404,
				"/connector/%20/session/open/stream":                              404,
				"/connector/" + contributionA[:39] + "%C3%A1/session/open/stream": 404,
			} {
				s.ask("GET", "/contributor/v1"+path, w.contributor).want(t, status, status == 200)
			}
			s.ask("GET", contributorPath, other).want(t, map[bool]int{true: 404, false: 200}[mode == "standalone"], mode != "standalone")
		})
	}
}

// The servers' own refusals are for the caller: a session that is not open is a 401 of theirs.
func TestRefusalsOfTheServersPass(t *testing.T) {
	for mode, change := range modes {
		s := newSite(t, change)
		w := s.newWorld()
		for _, status := range []int{401, 403, 404, 409, 429, 500} {
			s.behind = func(*http.Request) (int, string) { return status, "of the server" }
			for path, token := range map[string]string{contributorPath: w.contributor, consumerPath: w.consumer} {
				a := s.ask("GET", path, token)
				a.want(t, status, true)
				if a.Body.String() != "of the server" {
					t.Errorf("%s: %s", mode, a.Body)
				}
			}
		}
	}
}
