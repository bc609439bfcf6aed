package tokenstore_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// entries are the records of a kind.
func entries(t *testing.T, driver tokenstore.Driver, kind byte) (all []tokenstore.Entry) {
	t.Helper()
	read(t, driver, func(r tokenstore.Reader) (err error) {
		all, err = r.Scan([]byte{kind}, nil, 1000)
		return err
	})
	return all
}

func (f *fixture) wantRevoked(what string, err error) {
	f.t.Helper()
	if end, ok := errors.AsType[*tokenstore.EndedError](err); !ok || end.Reason != tokenstore.Revoked {
		f.t.Errorf("%s: %v, want that it was revoked", what, err)
	}
}

// The recipient's record is the head of the set of its tokens: a token that it does not
// name is nobody's, whatever the token's own record says.
func TestTokenOutsideItsRecipientsSlotsIsRefused(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, driver)
	f.create("acme")
	before := entries(t, driver, 'r') // with a link in the slot
	f.activate("acme")
	if _, err := f.TokenHolder(t.Context(), realm, tokenOf("acme")); err != nil {
		t.Fatal(err)
	}
	write(t, driver, before, nil)
	_, err := f.TokenHolder(t.Context(), realm, tokenOf("acme"))
	f.wantRevoked("its token", err)
	if info, err := f.TokenByAccessor(t.Context(), "acme"); err != nil || info.Status != "revoked" {
		t.Errorf("by its accessor it is %s, %v", info.Status, err)
	}
	if _, err := f.RevokeToken(t.Context(), "acme", "tester"); err != nil {
		t.Errorf("revoking it: %v", err)
	}
}

func TestAccessTokenWithoutItsClientSecretIsRefused(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, driver)
	f.createClient("client")
	before := entries(t, driver, 't')
	f.access("client", "access")
	_, err := driver.Update(t.Context(), func(txn tokenstore.Txn) error {
		for _, entry := range before {
			if err := txn.Delete(entry.Key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.TokenHolder(t.Context(), realm, accessOf("access"))
	f.wantRevoked("its access token", err)
	if info, err := f.TokenByAccessor(t.Context(), "access"); err != nil || info.Status != "revoked" {
		t.Errorf("by its accessor it is %s, %v", info.Status, err)
	}
}

// The index of an identity only leads to a recipient, whose record decides.
func TestIdentityThatItsRecipientDoesNotNameIsRefused(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, driver)
	f.createFederated("acme")
	before := entries(t, driver, 'r')
	f.putPolicy("acme", f.policy("ann"))
	if h, err := f.FederatedHolder(t.Context(), realm, f.foreign("ann")); err != nil || h.Recipient.Name != "acme" {
		t.Fatalf("%s, %v", h.Recipient.Name, err)
	}
	write(t, driver, before, nil)
	if h, err := f.FederatedHolder(t.Context(), realm, f.foreign("ann")); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("it is %s, %v, want ErrNotFound", h.Recipient.Name, err)
	}
}

// racing is a driver whose next Update loses its first run to what between does.
type racing struct {
	tokenstore.Driver
	between func()
}

func (d *racing) Update(ctx context.Context, fn func(tokenstore.Txn) error) (tokenstore.Revision, error) {
	if between := d.between; between != nil {
		d.between = nil
		_, err := d.Driver.Update(ctx, func(txn tokenstore.Txn) error {
			_ = fn(txn)
			return errDiscard
		})
		if !errors.Is(err, errDiscard) {
			return 0, err
		}
		between()
	}
	return d.Driver.Update(ctx, fn)
}

// A policy that is replaced keeps its id; one that is gone when the transaction runs
// again gives its id to nobody.
func TestPolicyKeepsNothingOfARunThatLost(t *testing.T) {
	driver := &racing{Driver: newMemory()}
	f := newFixture(t, driver)
	f.createFederated("acme")
	f.putPolicy("acme", f.policy("ann"))
	driver.between = func() {
		if _, err := f.DeleteFederationPolicy(t.Context(), realm, "acme", "ann", "tester"); err != nil {
			t.Error(err)
		}
	}
	later := f.policy("ann")
	later.ID = "later"
	if got, _, err := f.PutFederationPolicy(t.Context(), realm, "acme", later, "tester"); err != nil || got.ID != "later" {
		t.Errorf("the policy's id is %q, %v, want its own", got.ID, err)
	}
}

// What change sees in the second run is what stands, not what the first run made of it.
func TestChangeThatRunsAgainSeesFreshValues(t *testing.T) {
	driver := &racing{Driver: newMemory()}
	f := newFixture(t, driver)
	f.create("acme")
	change := func(fn func(*tokenstore.Recipient)) tokenstore.Recipient {
		t.Helper()
		got, err := f.ChangeRecipient(t.Context(), realm, "acme", "tester", "updateRecipient",
			func(r *tokenstore.Recipient) (string, error) { fn(r); return "", nil })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	change(func(r *tokenstore.Recipient) {
		r.Grants, r.Networks, r.Properties = []string{"sales"}, []string{"192.0.2.1"}, map[string]string{"a": "1"}
	})
	driver.between = func() {
		change(func(r *tokenstore.Recipient) { r.Properties["b"] = "2" })
	}
	got := change(func(r *tokenstore.Recipient) {
		r.Grants, r.Networks = append(r.Grants, "finance"), append(r.Networks, "192.0.2.2")
		r.Properties["c"] = "3"
	})
	if len(got.Grants) != 2 || len(got.Networks) != 2 || len(got.Properties) != 3 {
		t.Errorf("grants %q, networks %q, properties %v", got.Grants, got.Networks, got.Properties)
	}
}

func TestCallersGrantsAreNotTheAnswers(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, driver)
	grants := []string{"sales"}
	f.create("acme")
	kept, err := f.ChangeRecipient(t.Context(), realm, "acme", "tester", "updateRecipient",
		func(r *tokenstore.Recipient) (string, error) { r.Grants = grants; return "", nil })
	if err != nil {
		t.Fatal(err)
	}
	grants[0] = "everything"
	if kept.Grants[0] != "sales" {
		t.Error("the caller's slice is the answer's")
	}
	if all := entries(t, driver, 'r'); len(all) != 1 || bytes.Contains(all[0].Value, []byte("everything")) {
		t.Errorf("%d records", len(all))
	}
}
