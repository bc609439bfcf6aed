package delta

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// brings is an order of a recipient that brings a token.
func brings(name, token string) Order {
	return Order{Name: name, Grants: []string{"sales"}, Imported: schemes.NewCredential(token)}
}

func TestImportNamesEveryBadOrderOnce(t *testing.T) {
	s := newSite(t)
	s.recipient("taken", "sales")
	orders := []Order{
		brings("good", "good-token-of-partner"),
		brings("short", "too-short"),                                          // malformed
		brings("TAKEN", "another-token-of-partner"),                           // the store's to find
		{Name: "none", Grants: []string{"sales"}},                             // malformed
		brings("good", "good-token-of-partner-2"),                             // twice
		brings("reuse", "too-short"),                                          // malformed as well as twice
		{Name: "a/b", Imported: schemes.NewCredential("a-token-of-somebody")}, // the store's to find
		brings("none", "the-token-of-none"),                                   // the name of a malformed order
		brings("last", "good-token-of-partner"),                               // twice
	}
	orders[1].Grants = []string{"a/b/c/d/e"} // bad twice, named once
	done, skipped, problems, err := s.Import(t.Context(), orders, "test")
	must(t, err)
	var got []string
	for _, p := range problems {
		if !errors.Is(p.Err, tokenstore.ErrInvalid) && !errors.Is(p.Err, tokenstore.ErrExists) {
			t.Errorf("order %d: %v", p.Order, p.Err)
		}
		if strings.Contains(p.Err.Error(), "token-of") || strings.Contains(p.Err.Error(), "too-short") {
			t.Errorf("order %d tells its token: %v", p.Order, p.Err)
		}
		got = append(got, fmt.Sprint(p.Order))
	}
	if strings.Join(got, " ") != "1 2 3 4 5 6 7 8" || done != 0 || skipped != 0 {
		t.Errorf("bad are orders %v; %d done, %d skipped", got, done, skipped)
	}
	for _, name := range []string{"good", "last", "none"} {
		if _, err := s.backend.Store.Recipient(t.Context(), s.config.Realm, name); !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("recipient %s: %v, want ErrNotFound", name, err)
		}
	}
}

func TestImportedTokensWork(t *testing.T) {
	s := newSite(t)
	ours := secret.New(secret.DeltaToken).Reveal() // of another gateway
	orders := []Order{brings("foreign", "a-token-of-another-server"), brings("ours", ours)}
	for _, want := range []int{0, 2} { // the second time all is there
		done, skipped, problems, err := s.Import(t.Context(), orders, "test")
		if done != 2 || skipped != want || problems != nil || err != nil {
			t.Errorf("%d done, %d skipped, %v, %v", done, skipped, problems, err)
		}
	}
	for _, order := range orders {
		holder, err := s.backend.Store.TokenHolder(t.Context(), s.config.Realm, secret.DigestOf(order.Imported.Reveal()))
		if err != nil || holder.Recipient.Name != order.Name || !holder.Token.Imported {
			t.Errorf("token of %s: %s, %v", order.Name, holder.Recipient.Name, err)
		}
	}
}

func TestTextThatMayBeAnImportedToken(t *testing.T) {
	for text, good := range map[string]bool{
		"abcdefghijkl":                         true,
		"dapi0123456789abcdef":                 true,
		"a.b-c_d~e+f/g==":                      true,
		strings.Repeat("x", 4096):              true,
		strings.Repeat("x", 4097):              false,
		"abcdefghijk":                          false,
		"":                                     false,
		"abcdef ghijkl":                        false,
		"abcdefghijkl\n":                       false,
		"abcdefghijkl\u00e9":                   false,
		"abcdefghijk,l":                        false,
		secret.New(secret.DeltaToken).Reveal(): true,
		secret.New(secret.ActivationCode).Reveal(): false,
		secret.New(secret.AdminToken).Reveal():     false,
		secret.New(secret.ClientSecret).Reveal():   false,
		secret.New(secret.ManagementKey).Reveal():  false,
	} {
		if err := checkImported(text); (err == nil) != good || !good && !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("%.20q (%d bytes): %v", text, len(text), err)
		}
	}
}
