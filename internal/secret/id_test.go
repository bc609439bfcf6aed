package secret

import (
	"errors"
	"regexp"
	"testing"
)

func TestIDsAreShortURLSafeAndNoSecrets(t *testing.T) {
	form := regexp.MustCompile(`^(tok|rcp)_[a-z2-7]{20}$`)
	seen := make(map[string]bool)
	for range 1000 {
		for _, id := range []string{NewAccessor(), NewID("rcp_")} {
			if !form.MatchString(id) || seen[id] {
				t.Fatalf("bad id %q", id)
			}
			seen[id] = true
			if Redact(id) != id {
				t.Fatalf("id %q is redacted: nobody could find it in a log", id)
			}
			for _, k := range kinds {
				if _, err := Parse(k, id); !errors.Is(err, ErrMalformed) {
					t.Fatalf("id %q parses as a secret", id)
				}
			}
		}
	}
}

func TestNewIDPanicsForSecretPrefix(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic: the id could be taken for a secret")
		}
	}()
	NewID("ghd_")
}
