package delta

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/policies"
)

func TestRulesOfTheOperatorReachBeyondTheEndpoint(t *testing.T) {
	rules, err := policies.Parse("own.rules", `
allow GET /health public
allow GET /stats kind recipient
allow GET {base}/shares kind recipient when client_ip == "192.0.2.1"
allow GET {base}/shares/{share} grant list {share}`)
	must(t, err)
	s := newSite(t, func(c *Config) { c.Rules = rules })
	token, _ := s.holder("acme", "sales")

	// Nobody's call never carries the server's own token.
	a := s.serve(request("GET", "/health", ""))
	a.wantStatus(t, http.StatusOK)
	if got := a.forwarded.Header.Values("Authorization"); len(got) != 0 {
		t.Errorf("the server behind got %q with a public call", got)
	}
	a = s.serve(request("GET", "/stats", "", "Authorization", "Bearer "+token))
	a.wantStatus(t, http.StatusOK)
	if got := a.forwarded.Header.Get("Authorization"); got != "Bearer "+upstreamToken {
		t.Errorf("the server behind got %q", got)
	}
	s.serve(request("GET", "/stats", "")).wantStatus(t, http.StatusUnauthorized)
	s.serve(request("GET", "/elsewhere", "", "Authorization", "Bearer bad")).wantStatus(t, http.StatusNotFound)
	s.data(token, "GET", "/shares/sales").wantStatus(t, http.StatusOK)
	s.data(token, "GET", "/shares/other").wantStatus(t, http.StatusNotFound)
	s.data(token, "GET", "/shares").wantStatus(t, http.StatusNotFound) // from another address
	s.data(token, "GET", "/shares/sales/schemas").wantStatus(t, http.StatusNotFound)
}
