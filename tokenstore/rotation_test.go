package tokenstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// A check sees what the transaction found, and what it refuses changes nothing.
func TestCheckRefusesInsideTheTransaction(t *testing.T) {
	f := newFixture(t, newMemory())
	f.create("acme")
	f.activate("acme")
	before, err := f.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	refusal := errors.New("refused")
	asked := 0
	check := func(r tokenstore.Recipient, live []tokenstore.Credential) error {
		asked++
		if r.Name != "acme" || len(live) != 1 || live[0].Token == nil {
			t.Errorf("the check sees %q with %d credentials", r.Name, len(live))
		}
		return refusal
	}
	_, _, rotateErr := f.Rotate(t.Context(), realm, "acme", tokenstore.Rotation{MaxTokens: 2, Link: f.link("second"), Check: check}, "tester")
	_, _, shortenErr := f.Shorten(t.Context(), realm, "acme", time.Hour, check, "tester")
	_, _, revokeErr := f.Shorten(t.Context(), realm, "acme", 0, check, "tester")
	for name, err := range map[string]error{"rotate": rotateErr, "shorten": shortenErr, "revoke": revokeErr} {
		if !errors.Is(err, refusal) {
			t.Errorf("%s returns %v, want what the check says", name, err)
		}
	}
	after, err := f.Revision(t.Context())
	if err != nil || after != before || asked != 3 {
		t.Errorf("the store went from %d to %d, %v, and %d checks were asked", before, after, err, asked)
	}
}

// What a check saw must still be true when the change is committed: another
// operation between runs it again.
func TestCheckIsAskedAgainAfterAConflict(t *testing.T) {
	f := newFixture(t, newMemory())
	f.create("acme")
	refusal := errors.New("the link was used")
	asked := 0
	check := func(_ tokenstore.Recipient, live []tokenstore.Credential) error {
		if asked++; asked == 1 {
			f.activate("acme") // meanwhile
		}
		if live[0].Token != nil {
			return refusal
		}
		return nil
	}
	_, _, err := f.Rotate(t.Context(), realm, "acme", tokenstore.Rotation{MaxTokens: 2, Link: f.link("second"), Check: check}, "tester")
	if !errors.Is(err, refusal) || asked != 2 {
		t.Errorf("rotation returns %v after %d checks, want a refusal by the second", err, asked)
	}
	if _, err := f.TokenHolder(t.Context(), realm, tokenOf("acme")); err != nil {
		t.Errorf("the token: %v", err)
	}
}

func TestRelink(t *testing.T) {
	f := newFixture(t, newMemory())
	f.create("acme")
	relink := func(name string) error {
		_, _, err := f.Relink(t.Context(), realm, "acme", 2, f.link(name), "tester")
		return err
	}
	if err := relink("second"); err != nil {
		t.Fatalf("a link that waits is not replaced: %v", err)
	}
	if err := f.tryActivate("acme"); err == nil {
		t.Error("the link that was replaced can be used")
	}
	f.activate("second")
	if err := relink("third"); !errors.Is(err, tokenstore.ErrTokenInUse) {
		t.Errorf("with a token in use: %v, want ErrTokenInUse", err)
	}
	_, _, err := f.Rotate(t.Context(), realm, "acme", tokenstore.Rotation{MaxTokens: 2, OldExpiresIn: time.Hour, Link: f.link("third")}, "tester")
	if err != nil {
		t.Fatal(err)
	}
	f.advance(time.Minute)
	if err := relink("fourth"); err != nil {
		t.Errorf("a link that waits beside a rotated token is not replaced: %v", err)
	}
	if info, err := f.TokenByAccessor(t.Context(), "second"); err != nil || !info.RotatedAt.Equal(dawn) {
		t.Errorf("the token was rotated at %s, %v, want when it was first", info.RotatedAt, err)
	}
	f.advance(time.Hour - time.Minute - 1)
	if _, err := f.TokenHolder(t.Context(), realm, tokenOf("second")); err != nil {
		t.Errorf("within its overlap: %v", err)
	}
	f.advance(1) // a new link did not lengthen it
	var end *tokenstore.EndedError
	if _, err := f.TokenHolder(t.Context(), realm, tokenOf("second")); !errors.As(err, &end) || end.Reason != tokenstore.Rotated {
		t.Errorf("after its overlap: %v", err)
	}
	f.activate("fourth")
}
