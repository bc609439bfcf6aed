package delta

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// from is a call from an address.
func from(address string) func(*schemes.Call) {
	return func(c *schemes.Call) { c.ClientIP = address }
}

const (
	athome = "192.0.2.7"
	abroad = "198.51.100.7"
)

func TestLinksAreUsedFromTheRecipientsNetworksOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	order := Order{Name: "acme", Grants: []string{"sales"}, Networks: []string{"192.0.2.0/24", "2001:db8::/32"}}
	created, err := s.Create(t.Context(), order, "test")
	must(t, err)
	link := path(created.Link)
	requests := func() map[string]*http.Request {
		return map[string]*http.Request{
			"json":              schemestest.Request("GET", link, ""),
			"head":              schemestest.Request("HEAD", link, ""),
			"page":              schemestest.Request("GET", link, "", "Accept", browser),
			"download":          post(code(link), "Accept", browser),
			"public info":       schemestest.Request("GET", linkInfoPath+"/"+code(link), ""),
			"public activation": schemestest.Request("GET", retrievalPath+"/"+code(link), ""),
		}
	}
	for _, address := range []string{abroad, "", "2001:db9::1", "192.0.2.7:1"} {
		for name, r := range requests() {
			t.Run(name+" from "+address, func(t *testing.T) {
				a := s.serve(r, from(address))
				a.wantStatus(t, http.StatusForbidden)
				if a.refusal.Reason != schemes.WrongAddress {
					t.Errorf("reason %s", a.refusal.Reason)
				}
				for _, no := range []string{"acme", "sales", "192.0.2", code(link), created.Recipient.ID} {
					if strings.Contains(a.Body.String(), no) {
						t.Errorf("%s is told: %s", no, a.Body)
					}
				}
				if r.Header.Get("Accept") == browser {
					a.wantPage(t, http.StatusForbidden, "Not from this network")
				}
			})
		}
	}
	// A disabled recipient is nothing that others learn.
	s.disable("acme", true)
	if a := s.serve(requests()["json"], from(abroad)); a.refusal.Reason != schemes.WrongAddress {
		t.Errorf("reason %s", a.refusal.Reason)
	}
	s.disable("acme", false)
	// Nothing of all that used the link.
	for name, r := range requests() {
		if name != "json" && name != "download" && name != "public activation" {
			s.serve(r, from(athome)).wantStatus(t, http.StatusOK)
		}
	}
	s.serve(requests()["json"], from("::ffff:192.0.2.9")).wantStatus(t, http.StatusOK)
}

func TestIdentitiesKnowTheirNetworks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, err := s.Create(t.Context(), Order{Name: "acme", Networks: []string{athome}, ManagementKey: true}, "test")
	must(t, err)
	a := s.serve(schemestest.Request("GET", path(created.Link), ""), from(athome))
	var p profile
	a.wantJSON(t, http.StatusOK, &p)
	for name, id := range map[string]*schemes.Identity{
		"data":            s.data(p.BearerToken, "GET", "/shares").call.Identity,
		"credentials api": s.api(created.ManagementKey.Reveal(), "GET", "").call.Identity,
	} {
		if id == nil || !id.MayCallFrom(athome) || id.MayCallFrom(abroad) {
			t.Errorf("%s: identity %+v", name, id)
		}
	}
	// A change counts from the next call.
	s.change("acme", func(r *tokenstore.Recipient) { r.Networks = []string{abroad} })
	if id := s.data(p.BearerToken, "GET", "/shares").call.Identity; id.MayCallFrom(athome) || !id.MayCallFrom(abroad) {
		t.Errorf("identity %+v", id)
	}
}

func TestTokenEndpointServesTheRecipientsNetworksOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, err := s.Create(t.Context(), Order{Name: "acme", Auth: tokenstore.ClientCredentials, Networks: []string{athome}}, "test")
	must(t, err)
	var p clientProfile
	s.serve(schemestest.Request("GET", path(created.Link), ""), from(athome)).wantJSON(t, http.StatusOK, &p)
	exchange := func() *http.Request {
		return tokenRequest("grant_type=client_credentials", "Authorization", basic(p.ClientID, p.ClientSecret))
	}
	s.serve(exchange(), from(abroad)).wantOAuthError(t, http.StatusForbidden, "access_denied")
	s.serve(exchange()).wantOAuthError(t, http.StatusForbidden, "access_denied")
	s.serve(exchange(), from(athome)).wantStatus(t, http.StatusOK)
}

func TestLimitsOfARecipientAndOfItsSite(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.Limits = schemes.Limits{Rate: 10, Burst: 20, Concurrent: 5} })
	for _, tt := range []struct {
		own  tokenstore.Limits
		want schemes.Limits
	}{
		{tokenstore.Limits{}, schemes.Limits{Rate: 10, Burst: 20, Concurrent: 5}},
		{tokenstore.Limits{Rate: 1, Burst: 2, Concurrent: 3}, schemes.Limits{Rate: 1, Burst: 2, Concurrent: 3}},
		{tokenstore.Limits{Concurrent: 7}, schemes.Limits{Rate: 10, Burst: 20, Concurrent: 7}},
	} {
		if got := s.config.limitsOf(&tokenstore.Recipient{Limits: tt.own}); got != tt.want {
			t.Errorf("%+v: %+v, want %+v", tt.own, got, tt.want)
		}
	}
	token, key := s.holder("acme")
	for _, id := range []*schemes.Identity{s.data(token, "GET", "/shares").call.Identity, s.api(key, "GET", "").call.Identity} {
		if id.Limits != s.config.Limits {
			t.Errorf("identity %+v", id)
		}
	}
}
