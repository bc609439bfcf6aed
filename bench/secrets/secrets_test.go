package secrets

import (
	"errors"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

func TestGatewayTakesThemForItsOwn(t *testing.T) {
	for n := range uint64(100) {
		if _, err := secret.Parse(secret.DeltaToken, Token(n)); err != nil {
			t.Errorf("Token(%d): %v", n, err)
		}
		if _, err := secret.Parse(secret.ManagementKey, ManagementKey(n)); err != nil {
			t.Errorf("ManagementKey(%d): %v", n, err)
		}
	}
}

func TestBadChecksumIsOneCharacterAway(t *testing.T) {
	for n := range uint64(100) {
		bad, good := BadChecksum(n), Token(n)
		if len(bad) != len(good) || bad == good || bad[:len(bad)-1] != good[:len(good)-1] {
			t.Fatalf("BadChecksum(%d) is not Token(%d) with another last character", n, n)
		}
		if _, err := secret.Parse(secret.DeltaToken, bad); !errors.Is(err, secret.ErrMalformed) {
			t.Errorf("BadChecksum(%d): error %v, want ErrMalformed", n, err)
		}
	}
}

func TestTokensDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for n := range uint64(1000) {
		seen[Token(n)] = true
	}
	if len(seen) != 1000 {
		t.Errorf("1000 numbers made %d tokens", len(seen))
	}
}
