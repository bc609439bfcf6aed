package delta

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
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
	done, passed, problems, err := s.Import(t.Context(), orders, "test")
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
	if strings.Join(got, " ") != "1 2 3 4 5 6 7 8" || done != 0 || passed != nil {
		t.Errorf("bad are orders %v; %d done, %v passed over", got, done, passed)
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
		done, passed, problems, err := s.Import(t.Context(), orders, "test")
		if done != 2 || len(passed) != want || problems != nil || err != nil {
			t.Errorf("%d done, %v passed over, %v, %v", done, passed, problems, err)
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
		"abc=def-ghi-jkl":                      false,
		"=abcdefghijkl":                        false,
		"============":                         false,
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

// A token that is imported and cannot be read from a call is of no use to anybody.
func TestEveryImportableTokenCanBePresented(t *testing.T) {
	for first := range 256 {
		for _, text := range []string{string(rune(first)) + "abcdefghijkl", "abcdef" + string([]byte{byte(first)}) + "ghijkl", "abcdefghijkl" + string([]byte{byte(first)})} {
			token, ok := headers.Bearer("Bearer " + text)
			if can := ok && token == text; can != (checkImported(text) == nil) {
				t.Errorf("%q: read from a call %t, imported %t", text, can, !can)
			}
		}
	}
}

// GitHub's tokens begin like some of ours, and a row of a list may hold anything.
func TestRefusedTokenSaysPlainlyWhy(t *testing.T) {
	for text, want := range map[string]string{
		"short":                        "too short: an imported token has 12 to 4096 characters",
		strings.Repeat("x", 4097):      "too long",
		"abc=def-ghi-jkl":              "only at the end, =",
		"abc def ghi jkl":              "letters, digits",
		"gho_16C7e42F292c6912E7710c83": "begins like one of Gatehouse's own secrets",
		"ghs_16C7e42F292c6912E7710c83": "some of GitHub's do too",
		"ghd_":                         "only a whole ghd_ token",
		secret.New(secret.DeltaToken).Reveal()[:40]: "only a whole ghd_ token",
	} {
		err := checkImported(text)
		if err == nil || !strings.Contains(err.Error(), want) || len(text) > 4 && text != "short" && strings.Contains(err.Error(), text[:6]) {
			t.Errorf("%.12q: %v, want %s", text, err, want)
		}
		if err != nil && secret.Redact(err.Error()) != err.Error() {
			t.Errorf("%.12q: %v does not reach the operator whole", text, err)
		}
	}
	for _, kind := range []secret.Kind{secret.DeltaToken, secret.ActivationCode, secret.ManagementKey, secret.ClientSecret, secret.AccessToken, secret.AdminToken} {
		if err := checkImported(string(kind) + "x"); !strings.Contains(err.Error(), string(kind)) {
			t.Errorf("%v does not name %s", err, kind)
		}
	}
}
