package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go/service/sharing"
)

// change is one change of a share's permissions.
func (a *administration) change(t *testing.T, share string, change sharing.PermissionsChange) *sharing.UpdateSharePermissionsResponse {
	t.Helper()
	return must[*sharing.UpdateSharePermissionsResponse](t)(a.shares.UpdatePermissions(context.Background(),
		sharing.UpdateSharePermissions{Name: share, Changes: []sharing.PermissionsChange{change}}))
}

func TestDatabricksSDKGrantsAndTakesShares(t *testing.T) {
	a, ctx := startAdministration(t), context.Background()
	token := bearer(a.activate(t, a.createRecipient(t, "acme")))
	a.wantStatus(t, 404, "GET", metadata, token)

	a.change(t, "sales", sharing.PermissionsChange{Principal: "acme", Add: []string{"SELECT"}})
	a.wantStatus(t, 200, "GET", metadata, token)
	a.change(t, "finance", sharing.PermissionsChange{Principal: "ACME", Add: []string{"SELECT"}})

	// Seen from the share, with the recipient as the principal.
	of := must[*sharing.GetSharePermissionsResponse](t)(a.shares.SharePermissionsByName(ctx, "sales"))
	if len(of.PrivilegeAssignments) != 1 || of.PrivilegeAssignments[0].Principal != "acme" ||
		len(of.PrivilegeAssignments[0].Privileges) != 1 || of.PrivilegeAssignments[0].Privileges[0] != sharing.PrivilegeSelect {
		t.Errorf("permissions of sales: %+v", of.PrivilegeAssignments)
	}
	// Seen from the recipient.
	has := must[*sharing.GetRecipientSharePermissionsResponse](t)(a.recipients.SharePermissionsByName(ctx, "acme"))
	shares := make(map[string]bool)
	for _, share := range has.PermissionsOut {
		shares[share.ShareName] = len(share.PrivilegeAssignments) == 1 && share.PrivilegeAssignments[0].Principal == "acme" &&
			len(share.PrivilegeAssignments[0].Privileges) == 1 && share.PrivilegeAssignments[0].Privileges[0] == sharing.PrivilegeSelect
	}
	if len(shares) != 2 || !shares["sales"] || !shares["finance"] {
		t.Errorf("share permissions of acme: %+v", has.PermissionsOut)
	}

	a.change(t, "sales", sharing.PermissionsChange{Principal: "acme", Remove: []string{"SELECT"}})
	a.wantStatus(t, 404, "GET", metadata, token)
	of = must[*sharing.GetSharePermissionsResponse](t)(a.shares.SharePermissionsByName(ctx, "sales"))
	if len(of.PrivilegeAssignments) != 0 {
		t.Errorf("after taking it back: %+v", of.PrivilegeAssignments)
	}

	_, err := a.shares.UpdatePermissions(ctx, sharing.UpdateSharePermissions{
		Name: "sales", Changes: []sharing.PermissionsChange{{Principal: "nobody", Add: []string{"SELECT"}}},
	})
	wantCode(t, "an unknown principal", err, 404, "RECIPIENT_DOES_NOT_EXIST")
	_, err = a.shares.UpdatePermissions(ctx, sharing.UpdateSharePermissions{
		Name: "sales", Changes: []sharing.PermissionsChange{{Principal: "acme", Add: []string{"MODIFY"}}},
	})
	wantCode(t, "a privilege that shares do not have", err, 400, "INVALID_PARAMETER_VALUE")

	// All changes of one call are made, or none.
	_, err = a.shares.UpdatePermissions(ctx, sharing.UpdateSharePermissions{Name: "sales", Changes: []sharing.PermissionsChange{
		{Principal: "acme", Add: []string{"SELECT"}}, {Principal: "nobody", Add: []string{"SELECT"}},
	}})
	wantCode(t, "a change that is half wrong", err, 404, "RECIPIENT_DOES_NOT_EXIST")
	a.wantStatus(t, 404, "GET", metadata, token)
}

func TestDatabricksSDKManagesFederationPolicies(t *testing.T) {
	a, ctx := startAdministration(t), context.Background()
	made := must[*sharing.RecipientInfo](t)(a.recipients.Create(ctx, sharing.CreateRecipient{
		Name: "federated", AuthenticationType: sharing.AuthenticationTypeOidcFederation,
	}))
	if made.AuthenticationType != sharing.AuthenticationTypeOidcFederation || len(made.Tokens) != 0 {
		t.Errorf("created %+v", made)
	}
	_, err := a.recipients.RotateToken(ctx, sharing.RotateRecipientToken{Name: "federated"})
	if err == nil {
		t.Error("a recipient without tokens was rotated")
	}

	policy := func(subject string) *sharing.OidcFederationPolicy {
		return &sharing.OidcFederationPolicy{
			Issuer: "https://issuer.example", Subject: subject, SubjectClaim: "azp", Audiences: []string{"sharing", "other"},
		}
	}
	for _, name := range []string{"first", "second"} {
		got := must[*sharing.FederationPolicy](t)(a.federations.Create(ctx, sharing.CreateFederationPolicyRequest{
			RecipientName: "federated", Policy: sharing.FederationPolicy{Name: name, Comment: "their " + name, OidcPolicy: policy(name)},
		}))
		if got.Name != name || got.Id == "" || got.CreateTime == "" || got.OidcPolicy == nil || got.OidcPolicy.Subject != name {
			t.Errorf("created %+v", got)
		}
	}
	got := must[*sharing.FederationPolicy](t)(a.federations.GetFederationPolicyByRecipientNameAndName(ctx, "federated", "second"))
	if got.Comment != "their second" || got.OidcPolicy == nil || got.OidcPolicy.Issuer != "https://issuer.example" ||
		got.OidcPolicy.SubjectClaim != "azp" || len(got.OidcPolicy.Audiences) != 2 {
		t.Errorf("got %+v with %+v", got, got.OidcPolicy)
	}
	list := func() string {
		t.Helper()
		var names []string
		for _, p := range must[[]sharing.FederationPolicy](t)(a.federations.ListAll(ctx, sharing.ListFederationPoliciesRequest{RecipientName: "federated"})) {
			names = append(names, p.Name)
		}
		return strings.Join(names, " ")
	}
	if got := list(); got != "first second" {
		t.Errorf("listed %q", got)
	}
	if err := a.federations.DeleteByRecipientNameAndName(ctx, "federated", "first"); err != nil {
		t.Fatal(err)
	}
	if got := list(); got != "second" {
		t.Errorf("after deleting the first: %q", got)
	}

	for what, change := range map[string]func(p *sharing.OidcFederationPolicy){
		"no issuer":             func(p *sharing.OidcFederationPolicy) { p.Issuer = "" },
		"an issuer without TLS": func(p *sharing.OidcFederationPolicy) { p.Issuer = "http://issuer.example" },
		"no subject":            func(p *sharing.OidcFederationPolicy) { p.Subject = "" },
		"another claim":         func(p *sharing.OidcFederationPolicy) { p.SubjectClaim = "email" },
	} {
		bad := policy("third")
		change(bad)
		_, err := a.federations.Create(ctx, sharing.CreateFederationPolicyRequest{
			RecipientName: "federated", Policy: sharing.FederationPolicy{Name: "third", OidcPolicy: bad},
		})
		wantCode(t, what, err, 400, "INVALID_PARAMETER_VALUE")
	}
	_, err = a.federations.ListByRecipientName(ctx, "nobody")
	wantCode(t, "policies of nobody", err, 404, "RECIPIENT_DOES_NOT_EXIST")
}

func TestDatabricksSDKIsToldWhatIsWrong(t *testing.T) {
	a, ctx := startAdministration(t), context.Background()
	a.createRecipient(t, "acme", "sales")
	create := func(change func(*sharing.CreateRecipient)) error {
		order := sharing.CreateRecipient{Name: "new", AuthenticationType: sharing.AuthenticationTypeToken}
		change(&order)
		_, err := a.recipients.Create(ctx, order)
		return err
	}
	rotate := func(name string, seconds int64) error {
		_, err := a.recipients.RotateToken(ctx, sharing.RotateRecipientToken{Name: name, ExistingTokenExpireInSeconds: seconds})
		return err
	}
	update := func(change sharing.UpdateRecipient) error {
		_, err := a.recipients.Update(ctx, change)
		return err
	}
	addresses := func(list ...string) *sharing.IpAccessList { return &sharing.IpAccessList{AllowedIpAddresses: list} }
	const invalid = "INVALID_PARAMETER_VALUE"
	for _, tc := range []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"a name that exists", create(func(r *sharing.CreateRecipient) { r.Name = "ACME" }), 400, "RECIPIENT_ALREADY_EXISTS"},
		{"no name", create(func(r *sharing.CreateRecipient) { r.Name = "" }), 400, invalid},
		{"a name with a slash", create(func(r *sharing.CreateRecipient) { r.Name = "a/b" }), 400, invalid},
		{"a name that is too long", create(func(r *sharing.CreateRecipient) { r.Name = strings.Repeat("x", 256) }), 400, invalid},
		{"an unknown kind", create(func(r *sharing.CreateRecipient) { r.AuthenticationType = "PASSWORD" }), 400, invalid},
		{"an end in the past", create(func(r *sharing.CreateRecipient) { r.ExpirationTime = 1 }), 400, invalid},
		{"an address that is none", create(func(r *sharing.CreateRecipient) { r.IpAccessList = addresses("10.0.0.0/33") }), 400, invalid},
		{"101 addresses", create(func(r *sharing.CreateRecipient) {
			r.IpAccessList = addresses(strings.Fields(strings.Repeat("10.0.0.1 ", 101))...)
		}), 400, invalid},
		{"an update of nobody", update(sharing.UpdateRecipient{Name: "nobody", Comment: "x"}), 404, "RECIPIENT_DOES_NOT_EXIST"},
		{"a new name that is none", update(sharing.UpdateRecipient{Name: "acme", NewName: "-x"}), 400, invalid},
		{"a rotation of nobody", rotate("nobody", 0), 404, "RECIPIENT_DOES_NOT_EXIST"},
		{"a rotation into the past", rotate("acme", -1), 400, invalid},
		{"a deletion of nobody", a.recipients.DeleteByName(ctx, "nobody"), 404, "RECIPIENT_DOES_NOT_EXIST"},
	} {
		wantCode(t, tc.name, tc.err, tc.status, tc.code)
	}
}

func TestDatabricksSDKNeedsAnAdminToken(t *testing.T) {
	a, ctx := startAdministration(t), context.Background()
	recipient := a.activate(t, a.createRecipient(t, "acme", "sales"))
	for name, token := range map[string]string{
		"none of ours": "dapi00000000000000000000000000000000", "a recipient's": recipient, "the server's own": demoToken,
	} {
		_, err := a.administeredBy(t, a.api, token).recipients.GetByName(ctx, "acme")
		wantCode(t, "token: "+name, err, 401, "UNAUTHENTICATED")
	}

	reader := a.administeredBy(t, a.api, a.adminToken(t, "auditor", "--role", "read-only"))
	if _, err := reader.recipients.GetByName(ctx, "acme"); err != nil {
		t.Errorf("reading with the role read-only: %v", err)
	}
	_, err := reader.recipients.Update(ctx, sharing.UpdateRecipient{Name: "acme", Comment: "x"})
	wantCode(t, "an update with the role read-only", err, 403, "PERMISSION_DENIED")
	_, err = reader.recipients.RotateToken(ctx, sharing.RotateRecipientToken{Name: "acme"})
	wantCode(t, "a rotation with the role read-only", err, 403, "PERMISSION_DENIED")
	wantCode(t, "a deletion with the role read-only", reader.recipients.DeleteByName(ctx, "acme"), 403, "PERMISSION_DENIED")
	// Whoever may only read must not find a link that can be used.
	got := must[*sharing.RecipientInfo](t)(a.recipients.GetByName(ctx, "acme"))
	must[*sharing.RecipientInfo](t)(a.recipients.RotateToken(ctx, sharing.RotateRecipientToken{Name: "acme", ExistingTokenExpireInSeconds: 60}))
	seen := must[*sharing.RecipientInfo](t)(reader.recipients.GetByName(ctx, "acme"))
	if len(seen.Tokens) != len(got.Tokens)+1 {
		t.Errorf("the reader sees %+v", seen.Tokens)
	}
	for _, token := range seen.Tokens {
		if token.ActivationUrl != "" {
			t.Error("a pending link is shown to the role read-only")
		}
	}

	// The administration is not on the recipients' site.
	elsewhere := a.administeredBy(t, a.Gate, a.adminToken(t, "lost"))
	if _, err := elsewhere.recipients.GetByName(ctx, "acme"); err == nil {
		t.Error("the recipients' site serves the administration")
	}
}
