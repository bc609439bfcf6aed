package tokenstore_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func (f *fixture) changePolicy(recipient, id string, change func(*tokenstore.FederationPolicy) error) (tokenstore.FederationPolicy, error) {
	stored, _, err := f.ChangeFederationPolicy(f.t.Context(), realm, recipient, id, "tester", change)
	return stored, err
}

func TestPolicyIsChangedByItsIdAndInNothingElse(t *testing.T) {
	f := newFixture(t, newMemory())
	f.createFederated("acme")
	f.putPolicy("acme", f.policy("ann"))
	got, err := f.changePolicy("acme", "id of ann", func(p *tokenstore.FederationPolicy) error {
		p.ID, p.Name, p.Subject, p.Audiences[0] = "another", "another", "ben", "reports"
		return nil
	})
	if err != nil || got.ID != "id of ann" || got.Name != "ann" || got.Subject != "ben" || got.Audiences[0] != "reports" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := f.FederatedHolder(t.Context(), realm, f.foreign("ann")); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("the subject of before: %v, want ErrNotFound", err)
	}
	if issuer, err := f.Issuer(t.Context(), realm, issuer); err != nil || len(issuer.Audiences) != 1 || issuer.Audiences["reports"] != 1 {
		t.Errorf("the issuer has %v, %v", issuer.Audiences, err)
	}
	nothing := func(*tokenstore.FederationPolicy) error { return nil }
	stop := errors.New("stop")
	for what, test := range map[string]struct {
		recipient, id string
		change        func(*tokenstore.FederationPolicy) error
		want          error
	}{
		"by its name":           {"acme", "ann", nothing, tokenstore.ErrNotFound},
		"of no recipient":       {"nobody", "id of ann", nothing, tokenstore.ErrNotFound},
		"that the caller stops": {"acme", "id of ann", func(*tokenstore.FederationPolicy) error { return stop }, stop},
		"without a subject":     {"acme", "id of ann", func(p *tokenstore.FederationPolicy) error { p.Subject = ""; return nil }, tokenstore.ErrInvalid},
		"without its audiences": {"acme", "id of ann", func(p *tokenstore.FederationPolicy) error { p.Audiences = nil; return nil }, tokenstore.ErrInvalid},
		"of a claim unlisted":   {"acme", "id of ann", func(p *tokenstore.FederationPolicy) error { p.Claim = "email"; return nil }, tokenstore.ErrInvalid},
	} {
		if _, err := f.changePolicy(test.recipient, test.id, test.change); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
	if r, err := f.Recipient(t.Context(), realm, "acme"); err != nil || len(r.Federation) != 1 || r.Federation[0].Subject != "ben" {
		t.Errorf("the recipient has %+v, %v", r.Federation, err)
	}
}

func TestChangeDoesNotBringBackAPolicyThatIsGone(t *testing.T) {
	driver := &racing{Driver: newMemory()}
	f := newFixture(t, driver)
	f.createFederated("acme")
	f.putPolicy("acme", f.policy("ann"))
	driver.between = func() {
		if _, err := f.DeleteFederationPolicy(t.Context(), realm, "acme", "ann", "tester"); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.changePolicy("acme", "id of ann", func(p *tokenstore.FederationPolicy) error { p.Comment = "new"; return nil }); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("changed: %v, want ErrNotFound", err)
	}
	if r, err := f.Recipient(t.Context(), realm, "acme"); err != nil || len(r.Federation) != 0 {
		t.Errorf("the recipient has %+v, %v", r.Federation, err)
	}
}

func TestPolicyThatIsAddedReplacesNone(t *testing.T) {
	driver := &racing{Driver: newMemory()}
	f := newFixture(t, driver)
	f.createFederated("acme")
	add := func(name string, p tokenstore.FederationPolicy) error {
		p.Name = name
		_, _, err := f.AddFederationPolicy(t.Context(), realm, "acme", p, "tester")
		return err
	}
	driver.between = func() { f.putPolicy("acme", f.policy("ann")) }
	for _, name := range []string{"ann", "ANN", "id of ann"} {
		if err := add(name, f.policy("ben")); !errors.Is(err, tokenstore.ErrExists) {
			t.Errorf("%s: %v, want ErrExists", name, err)
		}
	}
	if err := add("ben", f.policy("ben")); err != nil {
		t.Error(err)
	}
	if r, err := f.Recipient(t.Context(), realm, "acme"); err != nil || len(r.Federation) != 2 || r.Federation[0].Subject != "ann" {
		t.Errorf("the recipient has %+v, %v", r.Federation, err)
	}
}
