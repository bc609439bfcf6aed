package delta

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// vouched is a site with one federated recipient, acme, whose provider's keys are
// known.
func vouched(t *testing.T) (*site, *provider) {
	t.Helper()
	s := newSite(t)
	p := s.provider("login.example.com")
	s.federated("acme", p.policy(), "sales")
	p.refresh()
	return s, p
}

func TestTokensOfAnIdentityProvider(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.provider("login.example.com")
	other := s.provider("login.example.org")
	created := s.federated("acme", p.policy(), "sales")
	byGroup := p.policy()
	byGroup.Name, byGroup.Claim, byGroup.Subject = "groups", "groups", "readers"
	byGroup.Audiences = []string{"lake", "sharing"}
	s.federated("readers", byGroup)
	p.refresh()
	stranger := newKey(t, "k1")
	for _, tt := range []struct {
		name      string
		token     string
		recipient string // empty: refused as an unknown token
	}{
		{"good", p.token(t, nil), "acme"},
		{"one audience of several", p.token(t, map[string]any{"aud": []string{"x", "sharing"}}), "acme"},
		{"by a group", p.token(t, map[string]any{"sub": "x", "groups": []string{"a", "readers"}}), "readers"},
		{"by a group, for the other audience", p.token(t, map[string]any{"sub": "x", "groups": []string{"readers"}, "aud": "lake"}), "readers"},
		{"another subject", p.token(t, map[string]any{"sub": "acme-client2"}), ""},
		{"subject in another case", p.token(t, map[string]any{"sub": "ACME-client"}), ""},
		{"subject in another claim", p.token(t, map[string]any{"sub": "x", "azp": "acme-client"}), ""},
		{"the recipient's name", p.token(t, map[string]any{"sub": "acme"}), ""},
		{"no subject", p.token(t, map[string]any{"sub": nil}), ""},
		{"another audience", p.token(t, map[string]any{"aud": "other"}), ""},
		{"an audience of another policy only", p.token(t, map[string]any{"aud": "lake"}), ""},
		{"more groups than are looked at", p.token(t, map[string]any{"groups": make([]string, tokenstore.MaxClaimValues+1)}), ""},
		{"two recipients at once", p.token(t, map[string]any{"groups": []string{"readers"}}), ""},
		{"expired", p.token(t, map[string]any{"exp": noon.Add(-time.Minute).Unix()}), ""},
		{"no expiry", p.token(t, map[string]any{"exp": nil}), ""},
		{"of the future", p.token(t, map[string]any{"iat": noon.Add(time.Hour).Unix()}), ""},
		{"signed by another", stranger.sign(t, p.url(), nil), ""},
		{"of an issuer that no policy names", other.token(t, nil), ""},
		{"of a similar issuer", p.token(t, map[string]any{"iss": p.url() + "/"}), ""},
		{"signature cut off", strings.TrimRight(p.token(t, nil)[:strings.LastIndexByte(p.token(t, nil), '.')], ".") + ".", ""},
		{"longer than any header", p.token(t, map[string]any{"pad": strings.Repeat("x", maxJWT)}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // the second time from memory, if it was good
				a := s.data(tt.token, "GET", "/shares")
				if tt.recipient == "" {
					if said := a.wantError(t, http.StatusUnauthorized, "UNAUTHENTICATED"); said != toStrangers {
						t.Errorf("told: %s", said)
					}
					continue
				}
				a.wantStatus(t, http.StatusOK)
				if id := a.call.Identity; id.Name != tt.recipient || id.Kind != kindRecipient || !strings.HasPrefix(id.Accessor, federationIDPrefix) || id.Old != schemes.NotOld {
					t.Errorf("identity %+v", id)
				}
			}
		})
	}
	id := s.data(p.token(t, nil), "GET", "/shares").call.Identity
	if id.Subject != created.ID || !id.Expiry.Equal(noon.Add(time.Hour)) || !id.Grants.Allows(query.String(), "sales") || id.Limits != DefaultLimits {
		t.Errorf("identity %+v", id)
	}
	if other.fetches.Load() != 0 {
		t.Error("a token had the keys of a stranger fetched")
	}
}

// What ends a recipient's access ends it for a remembered token with the next call.
func TestFederatedTokenStopsAtOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end    func(*site, *provider)
		status int
		says   string
	}{
		"key removed":    {func(_ *site, p *provider) { p.publish(t, newKey(t, "k2")); p.refresh() }, 401, toStrangers},
		"key exchanged":  {func(_ *site, p *provider) { p.publish(t, newKey(t, "k1")); p.refresh() }, 401, toStrangers},
		"policy dropped": {func(s *site, _ *provider) { must(t, s.DeleteFederation(t.Context(), "acme", "p", "test")) }, 401, toStrangers},
		"policy of another audience": {func(s *site, _ *provider) {
			s.changePolicy("acme", func(policy *tokenstore.FederationPolicy) { policy.Audiences = []string{"other"} })
		}, 401, toStrangers},
		"policy of another subject": {func(s *site, _ *provider) {
			s.changePolicy("acme", func(policy *tokenstore.FederationPolicy) { policy.Subject = "other" })
		}, 401, toStrangers},
		"revoked": {func(s *site, _ *provider) {
			_, err := s.backend.Store.Revoke(t.Context(), s.Realm(), "acme", "test")
			must(t, err)
		}, 401, "Access was revoked at 2026-11-22T12:00:00Z"},
		"realm revoked":   {func(s *site, _ *provider) { must(t, s.backend.Store.RevokeRealm(t.Context(), s.Realm(), "test")) }, 401, "Access was revoked at"},
		"disabled":        {func(s *site, _ *provider) { s.disable("acme", true) }, 403, disabledText},
		"recipient ended": {func(s *site, _ *provider) { s.change("acme", func(r *tokenstore.Recipient) { r.NotAfter = noon }) }, 401, "Access ended at"},
		"deleted": {func(s *site, _ *provider) {
			_, err := s.backend.Store.DeleteRecipient(t.Context(), s.Realm(), "acme", "test")
			must(t, err)
		}, 401, toStrangers},
		"token expired": {func(s *site, _ *provider) { s.clock.Advance(time.Hour + time.Minute) }, 401, toStrangers},
		"keys too old":  {func(s *site, _ *provider) { s.clock.Advance(25 * time.Hour) }, 503, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := vouched(t)
			token := p.token(t, map[string]any{"exp": noon.Add(48 * time.Hour).Unix()})
			if name == "token expired" {
				token = p.token(t, nil)
			}
			for range 2 {
				s.data(token, "GET", "/shares").wantStatus(t, http.StatusOK)
			}
			tt.end(s, p)
			a := s.data(token, "GET", "/shares")
			a.wantStatus(t, tt.status)
			if !strings.Contains(a.Body.String(), tt.says) {
				t.Errorf("told: %s", a.Body)
			}
			if tt.status == http.StatusServiceUnavailable {
				a.wantHeaders(t, "Retry-After", "1")
			}
		})
	}
}

// A token that is repeated costs no signature check, no read of the store and no
// look at the policies.
func TestFederatedTokenIsRemembered(t *testing.T) {
	t.Parallel()
	s, p := vouched(t)
	token := p.token(t, nil)
	first := s.data(token, "GET", "/shares").call.Identity
	s.driver.afterNextView(func() { t.Error("the store was read") })
	if again := s.data(token, "GET", "/shares").call.Identity; again != first {
		t.Error("the identity was made anew")
	}
	s.driver.after.Store(nil)
	// Another key beside the old one changes nothing but that memory.
	p.mu.Lock()
	old := p.keys[0]
	p.mu.Unlock()
	p.publish(t, old, newKey(t, "k2"))
	p.refresh()
	if again := s.data(token, "GET", "/shares").call.Identity; again == first {
		t.Error("an identity of other keys is remembered")
	}
	// Nothing is remembered beyond the keys: they are used for a day at most.
	long := p.token(t, map[string]any{"exp": noon.Add(48 * time.Hour).Unix()})
	if id := s.data(long, "GET", "/shares").call.Identity; !id.Remember.Equal(noon.Add(24*time.Hour)) || !id.Expiry.Equal(noon.Add(48*time.Hour)) {
		t.Errorf("remembered until %v, ends %v", id.Remember, id.Expiry)
	}
}

func TestRecipientsEndBoundsAFederatedToken(t *testing.T) {
	t.Parallel()
	s, p := vouched(t)
	s.change("acme", func(r *tokenstore.Recipient) { r.NotAfter = noon.Add(time.Minute) })
	token := p.token(t, nil)
	if id := s.data(token, "GET", "/shares").call.Identity; !id.Expiry.Equal(noon.Add(time.Minute)) {
		t.Errorf("expires %v", id.Expiry)
	}
	s.clock.Advance(time.Minute)
	s.data(token, "GET", "/shares").wantStatus(t, http.StatusUnauthorized)
}

func TestNewTokensWorkAfterARevocation(t *testing.T) {
	t.Parallel()
	s, p := vouched(t)
	_, err := s.backend.Store.Revoke(t.Context(), s.Realm(), "acme", "test")
	must(t, err)
	s.clock.Advance(time.Hour)
	s.data(p.token(t, map[string]any{"iat": noon.Unix(), "exp": noon.Add(2 * time.Hour).Unix()}), "GET", "/shares").wantStatus(t, http.StatusUnauthorized)
	fresh := p.token(t, map[string]any{"iat": noon.Add(time.Hour).Unix(), "exp": noon.Add(2 * time.Hour).Unix()})
	s.data(fresh, "GET", "/shares").wantStatus(t, http.StatusOK)
}

// Before the first keys are there, nobody can tell.
func TestProviderThatCannotBeReachedNeverOpens(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.provider("login.example.com")
	s.federated("acme", p.policy(), "sales")
	a := s.data(p.token(t, nil), "GET", "/shares")
	a.wantError(t, http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE")
	a.wantHeaders(t, "Retry-After", "1")
	if a.refusal.Reason != schemes.KeysUnavailable {
		t.Errorf("missing keys are noted as %s", a.refusal.Reason)
	}
	p.refresh()
	s.data(p.token(t, nil), "GET", "/shares").wantStatus(t, http.StatusOK)
	s.broken.Store(true)
	a = s.data(p.token(t, nil), "GET", "/shares")
	a.wantError(t, http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE")
	if a.refusal.Reason != schemes.StoreFailed {
		t.Errorf("a broken store is noted as %s", a.refusal.Reason)
	}
}

// A realm's policies are no other realm's.
func TestPoliciesOfAnotherRealmCountForNothing(t *testing.T) {
	t.Parallel()
	s, p := vouched(t)
	other := s.with(func(c *Config) { c.Realm = "others" })
	s.data(p.token(t, nil), "GET", "/shares").wantStatus(t, http.StatusOK)
	other.data(p.token(t, nil), "GET", "/shares").wantStatus(t, http.StatusUnauthorized)
}

func TestAddFederation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.provider("login.example.com")
	_, err := s.Create(t.Context(), Order{Name: "acme", Auth: tokenstore.Federation}, "test")
	must(t, err)
	s.recipient("bearer")

	policy := p.policy()
	policy.Name = ""
	stored := s.put("acme", policy)
	if !strings.HasPrefix(stored.ID, federationIDPrefix) || stored.Name != stored.ID || stored.Claim != "sub" {
		t.Errorf("stored %+v", stored)
	}
	for name, tt := range map[string]struct {
		recipient string
		change    func(*tokenstore.FederationPolicy)
		want      error
	}{
		"issuer over http":          {"acme", func(p *tokenstore.FederationPolicy) { p.Issuer, p.JWKS = "http://login.example.org", "" }, tokenstore.ErrInvalid},
		"issuer that is no address": {"acme", func(p *tokenstore.FederationPolicy) { p.Issuer, p.JWKS = "login", "" }, tokenstore.ErrInvalid},
		"no issuer":                 {"acme", func(p *tokenstore.FederationPolicy) { p.Issuer = "" }, tokenstore.ErrInvalid},
		"keys over http":            {"acme", func(p *tokenstore.FederationPolicy) { p.JWKS = "http://login.example.org/keys" }, tokenstore.ErrInvalid},
		"keys elsewhere":            {"acme", func(p *tokenstore.FederationPolicy) { p.Subject, p.JWKS = "x", "https://login.example.org/keys" }, tokenstore.ErrInvalid},
		"no audience":               {"acme", func(p *tokenstore.FederationPolicy) { p.Audiences = nil }, tokenstore.ErrInvalid},
		"taken":                     {"acme", func(*tokenstore.FederationPolicy) {}, tokenstore.ErrInvalid},
		"recipient with tokens":     {"bearer", func(p *tokenstore.FederationPolicy) { p.Subject = "x" }, tokenstore.ErrInvalid},
		"no such recipient":         {"nobody", func(p *tokenstore.FederationPolicy) { p.Subject = "x" }, tokenstore.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			policy := p.policy()
			policy.Name = "another"
			tt.change(&policy)
			if _, err := s.AddFederation(t.Context(), tt.recipient, policy, "test"); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
	if err := s.DeleteFederation(t.Context(), "acme", "nothing", "test"); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	must(t, s.DeleteFederation(t.Context(), "acme", stored.ID, "test"))
}

func TestImportedTokenOnDataCalls(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	shaped := newKey(t, "k1").sign(t, "https://elsewhere.example.com", nil) // another system's token may be a JWT
	for name, token := range map[string]string{
		"static": "the-token-that-forty-partners-share", "upstream": upstreamToken, "jwt": shaped,
	} {
		s.imported(name, token, "sales")
		for range 2 {
			a := s.data(token, "GET", "/shares")
			a.wantStatus(t, http.StatusOK)
			if id := a.call.Identity; id.Name != name || id.Old != schemes.Imported || id.Accessor == "" {
				t.Errorf("identity %+v", id)
			}
		}
	}
	_, err := s.backend.Store.Revoke(t.Context(), s.Realm(), "static", "test")
	must(t, err)
	a := s.data("the-token-that-forty-partners-share", "GET", "/shares")
	if said := a.wantError(t, http.StatusUnauthorized, "UNAUTHENTICATED"); !strings.HasPrefix(said, "The bearer token was revoked at") {
		t.Errorf("told: %s", said)
	}
}

func TestRotatedTokensAreOld(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme")
	old := func() *schemes.Identity { return s.data(token, "GET", "/shares").call.Identity }
	if old().Old != schemes.NotOld {
		t.Error("a token in use is old")
	}
	_, _, err := s.Rotate(t.Context(), "acme", time.Hour, "test")
	must(t, err)
	if old().Old != schemes.Rotated {
		t.Error("a rotated token is not old")
	}
}
