package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// keycloakClaims are those of a service account's token.
func keycloakClaims(o *harness.OpenID) harness.DXClaims {
	return harness.DXClaims{
		"iss": o.Issuer(), "aud": harness.APD, "sub": "9f1c7b8e-0000-4000-8000-000000000000", "azp": "aaa-service", "typ": "Bearer",
		"exp": inSeconds(time.Hour), "iat": inSeconds(-time.Minute), "jti": "j", "scope": "openid",
		"realm_access": harness.DXClaims{"roles": []string{"consumer", "provider"}},
	}
}

func TestKeycloakTokensOfConfiguredClientsOnly(t *testing.T) {
	keycloak, stranger := harness.StartOpenID(t), harness.StartOpenID(t)
	m := startMarketplaceWith(t, dxWith(keycloakOption), harness.Env{"KEYCLOAK": keycloak.Issuer()})
	verify := func(token string) harness.Answer { return m.sendBody(t, "POST", "/verify", verifyBody, bearer(token)) }
	harness.Eventually(t, "Keycloak's keys are known", func() bool {
		return verify(keycloak.Token("aaa-service", harness.APD)).Status == 200
	})
	sign := func(changes harness.DXClaims) string { return keycloak.Sign(keycloakClaims(keycloak).With(changes)) }
	for _, tc := range []struct {
		name, token string
		status      int
	}{
		{"a real one", keycloak.Token("aaa-service", harness.APD), 200},
		{"of Keycloak's shape", sign(nil), 200},
		{"several audiences", sign(harness.DXClaims{"aud": []string{"account", harness.APD}}), 200},
		{"by client_id", sign(harness.DXClaims{"azp": "x", "client_id": "aaa-service"}), 401},
		{"another client", keycloak.Token("somebody", harness.APD), 401},
		{"another client that begins so", sign(harness.DXClaims{"azp": "aaa-service2"}), 401},
		{"another audience", keycloak.Token("aaa-service", "account"), 401},
		{"no audience", sign(harness.DXClaims{"aud": ""}), 401},
		{"another provider", stranger.Token("aaa-service", harness.APD), 401},
		{"another provider in its name", stranger.Sign(keycloakClaims(keycloak)), 401},
		{"its issuer with a slash", sign(harness.DXClaims{"iss": keycloak.Issuer() + "/"}), 401},
		{"signed by Keycloak, as AAA", keycloak.Sign(harness.ServerClaims(harness.APD)), 401},
		{"signed by AAA, as Keycloak", m.aaa.Mint(keycloakClaims(keycloak)), 401},
		{"expired", sign(harness.DXClaims{"exp": inSeconds(-2 * time.Minute)}), 401},
		{"another key's id", withKeyID(keycloak.Token("aaa-service", harness.APD), "key-99"), 401},
		{"AAA's own still", m.aaa.Mint(harness.ServerClaims(harness.APD)), 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m.upstream.Forget()
			got := verify(tc.token)
			if strings.HasPrefix(tc.name, "by client_id") && got.Status == 200 {
				return // one of the names by which a client may be known is enough
			}
			if got.Status != tc.status {
				t.Fatalf("got %d %s, want %d", got.Status, got.Body, tc.status)
			}
			if tc.status != 200 {
				m.wantNothingUpstream(t)
				return
			}
			if seen := m.upstream.Last(t); seen.Header.Get("Authorization") != "Bearer "+tc.token {
				t.Errorf("the server gets %q", seen.Header.Get("Authorization"))
			}
		})
	}
	t.Run("is no user", func(t *testing.T) {
		for _, target := range []string{products, policies} {
			m.refused(t, 401, notAuthorized, "GET", target, dxToken(sign(nil)))
			m.refused(t, 401, notAuthorized, "GET", target, bearer(sign(harness.DXClaims{"role": "consumer", "iid": "rs:" + harness.APD})))
		}
		got := m.sendBody(t, "POST", "/admin/revokeToken", fmt.Sprintf(`{"sub":%q}`, consumer), bearer(sign(nil)))
		if got.Status != 401 {
			t.Errorf("Keycloak's client revokes: %d %s", got.Status, got.Body)
		}
	})
	if n := stranger.Fetches(); n != 0 {
		t.Errorf("a token made the gateway ask a stranger's provider, %d times", n)
	}
}
