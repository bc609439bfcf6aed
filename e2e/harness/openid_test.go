package harness

import (
	"context"
	"slices"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
)

// The provider is worth something only if a relying party of another make accepts it.
func TestOpenIDProviderIsOneForAnotherLibrary(t *testing.T) {
	o := StartOpenID(t)
	// verify is a relying party that starts afresh: discovery, keys, signature, claims.
	verify := func(token string) (*oidc.IDToken, error) {
		provider, err := oidc.NewProvider(context.Background(), o.Issuer())
		if err != nil {
			return nil, err
		}
		return provider.Verifier(&oidc.Config{ClientID: "sharing"}).Verify(context.Background(), token)
	}
	first := o.Token("acme", "sharing", "partners")
	got, err := verify(first)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Authorized string `json:"azp"`
		Groups     []string
	}
	if err := got.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if got.Issuer != o.Issuer() || got.Subject != "acme" || claims.Authorized != "acme" || !slices.Equal(claims.Groups, []string{"partners"}) ||
		got.Expiry.Sub(got.IssuedAt) != OpenIDLifetime {
		t.Errorf("the token says %+v, %+v", got, claims)
	}
	if _, err := verify(o.Token("acme", "another")); err == nil {
		t.Error("a token for another audience is accepted")
	}

	o.RotateKey()
	second := o.Token("acme", "sharing")
	for name, token := range map[string]string{"old": first, "new": second} {
		if _, err := verify(token); err != nil {
			t.Errorf("after the rotation the %s token is refused: %v", name, err)
		}
	}
	o.DropOldKeys()
	if _, err := verify(first); err == nil {
		t.Error("a token of a withdrawn key is accepted")
	}
	if _, err := verify(second); err != nil {
		t.Errorf("a token of the present key is refused: %v", err)
	}

	before := o.Fetches()
	if before == 0 {
		t.Error("no fetch of the keys was counted")
	}
	o.Stop()
	if _, err := verify(second); err == nil {
		t.Error("a stopped provider answers")
	}
	o.Run()
	if _, err := verify(second); err != nil || o.Fetches() != before+1 {
		t.Errorf("a provider that runs again: %v; %d fetches, want %d", err, o.Fetches(), before+1)
	}
}
