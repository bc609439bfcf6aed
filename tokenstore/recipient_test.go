package tokenstore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// A claim of a foreign issuer may name a recipient. Folding would turn the Kelvin
// sign into k, and one name into another's.
func TestNameThatNobodyCanHaveFindsNobody(t *testing.T) {
	f := newFixture(t, newMemory())
	f.create("k")
	for _, name := range []string{"\u212a", "", "k\x00", " k", "k/"} {
		if got, err := f.Recipient(t.Context(), realm, name); !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("%q finds %q, %v", name, got.Name, err)
		}
	}
	if _, err := f.Recipient(t.Context(), realm, "K"); err != nil {
		t.Errorf("case counts: %v", err)
	}
}

func TestRecipientsArePagedInOrderOfNames(t *testing.T) {
	f := newFixture(t, newMemory())
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("%c-%d", "aB"[i%2], i)
		f.create(name)
		want = append(want, name)
	}
	slices.SortFunc(want, func(a, b string) int {
		return slices.Compare([]byte(tokenstore.FoldName(a)), []byte(tokenstore.FoldName(b)))
	})
	if _, err := f.CreateRecipient(t.Context(), tokenstore.NewRecipient{ID: "x", Realm: realm + "2", Name: "other", Link: f.link("other")}, "tester"); err != nil {
		t.Fatal(err)
	}
	for limit := 1; limit <= 8; limit++ {
		var got []string
		for after, more := "", true; more; more = after != "" {
			page, next, err := f.Recipients(t.Context(), realm, after, limit)
			if err != nil || len(page) > limit {
				t.Fatalf("%d recipients, %v", len(page), err)
			}
			for _, r := range page {
				got = append(got, r.Name)
			}
			after = next
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %q, want %q", limit, got, want)
		}
	}
}

func TestTokensArePagedInOrderOfAccessors(t *testing.T) {
	f := newFixture(t, newMemory())
	var want []string
	for i := range 5 {
		name := fmt.Sprint("tok-", i)
		f.create(name)
		f.activate(name)
		want = append(want, name)
	}
	for limit := 1; limit <= 6; limit++ {
		var got []string
		for after, more := "", true; more; more = after != "" {
			page, next, err := f.Tokens(t.Context(), after, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, token := range page {
				got = append(got, token.Accessor)
				if token.Recipient != token.Accessor {
					t.Errorf("token %s is of %q", token.Accessor, token.Recipient)
				}
			}
			after = next
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %q, want %q", limit, got, want)
		}
	}
}

func TestArgumentsThatAreRefusedChangeNothing(t *testing.T) {
	f := newFixture(t, newMemory())
	f.create("acme")
	f.create("zoo")
	before, err := f.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	create := func(change func(*tokenstore.NewRecipient)) error {
		n := tokenstore.NewRecipient{ID: "new", Realm: realm, Name: "new", Link: f.link("new")}
		change(&n)
		_, err := f.CreateRecipient(t.Context(), n, "tester")
		return err
	}
	change := func(fn func(*tokenstore.Recipient)) error {
		_, err := f.ChangeRecipient(t.Context(), realm, "acme", "tester", "updateRecipient",
			func(r *tokenstore.Recipient) (string, error) { fn(r); return "", nil })
		return err
	}
	rotate := func(old time.Duration) error {
		_, _, err := f.Rotate(t.Context(), realm, "acme", tokenstore.Rotation{OldExpiresIn: old, MaxTokens: 2, Link: f.link("new")}, "tester")
		return err
	}
	shorten := func(in time.Duration) error {
		_, _, err := f.Shorten(t.Context(), realm, "acme", in, nil, "tester")
		return err
	}
	const tooLong = 101 * 365 * 24 * time.Hour
	for name, test := range map[string]struct{ got, want error }{
		"name with a slash":       {create(func(n *tokenstore.NewRecipient) { n.Name = "a/b" }), tokenstore.ErrInvalid},
		"realm in capitals":       {create(func(n *tokenstore.NewRecipient) { n.Realm = "Home" }), tokenstore.ErrInvalid},
		"lifetime below zero":     {create(func(n *tokenstore.NewRecipient) { n.TokenLifetime = -1 }), tokenstore.ErrInvalid},
		"name that is taken":      {create(func(n *tokenstore.NewRecipient) { n.Name = "ACME" }), tokenstore.ErrExists},
		"new name with a space":   {change(func(r *tokenstore.Recipient) { r.Name = "a b" }), tokenstore.ErrInvalid},
		"new name that is taken":  {change(func(r *tokenstore.Recipient) { r.Name = "Zoo" }), tokenstore.ErrExists},
		"new lifetime too long":   {change(func(r *tokenstore.Recipient) { r.TokenLifetime = tooLong }), tokenstore.ErrInvalid},
		"overlap below zero":      {rotate(-1), tokenstore.ErrInvalid},
		"overlap too long":        {rotate(tooLong), tokenstore.ErrInvalid},
		"shortening below zero":   {shorten(-1), tokenstore.ErrInvalid},
		"shortening to too long":  {shorten(tooLong), tokenstore.ErrInvalid},
		"mass revocation of none": {f.RevokeRealm(t.Context(), "", "tester"), tokenstore.ErrInvalid},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("%s: %v, want %v", name, test.got, test.want)
		}
	}
	if after, err := f.Revision(t.Context()); err != nil || after != before {
		t.Errorf("the store went from %d to %d, %v", before, after, err)
	}
}

func TestTokenOfARecipientWithItsOwnLifetime(t *testing.T) {
	f := newFixture(t, newMemory())
	const own = time.Hour
	_, err := f.CreateRecipient(t.Context(), tokenstore.NewRecipient{
		ID: "id", Realm: realm, Name: "acme", Link: f.link("acme"), TokenLifetime: own,
	}, "tester")
	if err != nil {
		t.Fatal(err)
	}
	holder, err := f.Activate(t.Context(), realm, codeOf("acme"), tokenOf("acme"), tokenstore.BearerToken, lifetime)
	if err != nil || !holder.Token.ExpiresAt.Equal(f.now().Add(own)) {
		t.Errorf("the token ends at %s, %v, want the recipient's own lifetime", holder.Token.ExpiresAt, err)
	}
}

func TestAuditSaysWhoDidWhat(t *testing.T) {
	f := newFixture(t, newMemory())
	key := codeOf("key")
	f.create("acme")
	f.activate("acme")
	var errs []error
	note := func(err error) { f.advance(time.Second); errs = append(errs, err) }
	f.advance(time.Second)
	_, _, err := f.Rotate(t.Context(), realm, "acme", tokenstore.Rotation{MaxTokens: 2, OldExpiresIn: lifetime, Link: f.link("second")}, "ann")
	note(err)
	_, _, err = f.Shorten(t.Context(), realm, "acme", time.Hour, nil, "ben")
	note(err)
	_, err = f.RevokeToken(t.Context(), "acme", "cat")
	note(err)
	_, err = f.RevokeToken(t.Context(), "acme", "cat") // has ended: nothing to note
	note(err)
	_, err = f.SetManagementKey(t.Context(), realm, "acme", &key, "dan")
	note(err)
	_, err = f.Revoke(t.Context(), realm, "acme", "eve")
	note(err)
	note(f.RevokeRealm(t.Context(), realm, "fay"))
	_, err = f.DeleteRecipient(t.Context(), realm, "acme", "gus")
	note(err)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	entries, _, err := f.Audit(t.Context(), nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, e := range entries {
		got = append(got, e.Actor+" "+e.Action+" "+e.Name+" "+e.Accessor)
		if e.Realm != realm || e.Action != "revokeRealm" && e.Subject != "id of acme" {
			t.Errorf("entry %d is of %s/%s", i, e.Realm, e.Subject)
		}
	}
	want := []string{
		"tester createRecipient acme ",
		"activation link retrieveRecipientToken acme acme",
		"ann rotateRecipientToken acme ",
		"ben updateRecipientTokens acme ",
		"cat revokeToken acme acme",
		"dan updateRecipient acme ",
		"eve revokeRecipientTokens acme ",
		"fay revokeRealm  ",
		"gus deleteRecipient acme ",
	}
	// The first two are of one second, in either order.
	slices.Sort(got[:min(2, len(got))])
	slices.Sort(want[:2])
	if !slices.Equal(got, want) {
		t.Errorf("the audit says\n%q, want\n%q", got, want)
	}
}
