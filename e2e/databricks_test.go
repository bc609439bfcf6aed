package e2e

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/client"
	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/service/sharing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// administeredSite is deltaSite with the Databricks-compatible administration on a
// site of its own.
const administeredSite = deltaSite + `
http://{$API} {
	gatehouse_admin_api delta
}
`

// administration is a gateway with the clients of an operator's tool.
type administration struct {
	*gateway
	api         string // address of the administration's site
	recipients  *sharing.RecipientsAPI
	shares      *sharing.SharesAPI
	activation  *sharing.RecipientActivationAPI
	federations *sharing.RecipientFederationPoliciesAPI
}

func startAdministration(t *testing.T) *administration {
	t.Helper()
	up, api := harness.NewUpstream(t, nil), harness.Address(t)
	g := &gateway{Instance: harness.Start(t, administeredSite, harness.Env{"UPSTREAM": up.Addr, "API": api}), upstream: up}
	return g.administeredBy(t, api, g.adminToken(t, "operator"))
}

// adminToken makes an admin token; options are further arguments.
func (g *gateway) adminToken(t *testing.T, name string, options ...string) string {
	t.Helper()
	out := g.Gatehouse(append([]string{"admin", "create", name}, options...)...)
	token := regexp.MustCompile(`ghk_[A-Za-z0-9_-]+`).FindString(out)
	if token == "" {
		t.Fatalf("admin create printed no token:\n%s", out)
	}
	return token
}

// administeredBy points the SDK to the administration's site.
func (g *gateway) administeredBy(t *testing.T, api, token string) *administration {
	t.Helper()
	c := databricks(t, api, token)
	return &administration{
		gateway: g, api: api,
		recipients: sharing.NewRecipients(c), shares: sharing.NewShares(c),
		activation: sharing.NewRecipientActivation(c), federations: sharing.NewRecipientFederationPolicies(c),
	}
}

// given makes the SDK take nothing from the environment or the home folder.
type given struct{}

func (given) Name() string                   { return "given" }
func (given) Configure(*config.Config) error { return nil }

func databricks(t *testing.T, addr, token string) *client.DatabricksClient {
	t.Helper()
	c, err := client.New(&config.Config{
		Host: "http://" + addr, Token: token, AuthType: "pat",
		HTTPTimeoutSeconds: 20, RetryTimeoutSeconds: 1, Loaders: []config.Loader{given{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// must fails the test on an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// ownSecret matches what begins like a secret of the gateway's.
var ownSecret = regexp.MustCompile(`gh[adkmos]_`)

// wantCode fails the test unless the SDK understood the error by its code and status.
func wantCode(t *testing.T, what string, err error, status int, code string) {
	t.Helper()
	var answer *apierr.APIError
	if !errors.As(err, &answer) || answer.ErrorCode != code || answer.StatusCode != status {
		t.Errorf("%s: got %#v, want %d %s", what, err, status, code)
		return
	}
	if answer.Message == "" || ownSecret.MatchString(answer.Message) {
		t.Errorf("%s: message %q", what, answer.Message)
	}
}

// wantTime fails the test unless a time in milliseconds is at most two minutes off.
func wantTime(t *testing.T, what string, got int64, want time.Time) {
	t.Helper()
	if off := time.UnixMilli(got).Sub(want).Abs(); off > 2*time.Minute {
		t.Errorf("%s: got %d, which is %s off", what, got, off)
	}
}

// code is the activation token of a link, which the SDK puts into a path.
func code(t *testing.T, link string) string {
	t.Helper()
	_, code, found := strings.Cut(link, "?")
	if !found {
		t.Fatalf("activation_url %q holds no token", link)
	}
	return code
}

func TestDatabricksSDKLivesThroughARecipient(t *testing.T) {
	a, ctx := startAdministration(t), context.Background()
	now := time.Now()

	made := must[*sharing.RecipientInfo](t)(a.recipients.Create(ctx, sharing.CreateRecipient{
		Name: "Acme", AuthenticationType: sharing.AuthenticationTypeToken, Comment: "a partner", Owner: "sales desk",
		IpAccessList:      &sharing.IpAccessList{AllowedIpAddresses: []string{"127.0.0.0/8", "2001:db8::/32"}},
		PropertiesKvpairs: &sharing.SecurablePropertiesKvPairs{Properties: map[string]string{"region": "eu", "tier": "gold"}},
	}))
	if made.Name != "Acme" || made.Id == "" || made.AuthenticationType != sharing.AuthenticationTypeToken || made.Activated ||
		made.Comment != "a partner" || made.CreatedBy == "" || made.Owner != "sales desk" || len(made.Tokens) != 1 ||
		made.PropertiesKvpairs == nil || made.PropertiesKvpairs.Properties["tier"] != "gold" ||
		made.IpAccessList == nil || len(made.IpAccessList.AllowedIpAddresses) != 2 {
		t.Errorf("created %+v", made)
	}
	wantTime(t, "created_at", made.CreatedAt, now)
	first := made.Tokens[0]
	if first.Id == "" || first.ActivationUrl == "" || !strings.HasPrefix(first.ActivationUrl, a.URL(activationPage)+"?") {
		t.Fatalf("its token is %+v", first)
	}
	wantTime(t, "the token's created_at", first.CreatedAt, now)

	must[*sharing.UpdateSharePermissionsResponse](t)(a.shares.UpdatePermissions(ctx, sharing.UpdateSharePermissions{
		Name: "sales", Changes: []sharing.PermissionsChange{{Principal: "acme", Add: []string{"SELECT"}}},
	}))

	// The information does not use the link up, the retrieval does.
	for range 2 {
		if err := a.activation.GetActivationUrlInfoByActivationUrl(ctx, code(t, first.ActivationUrl)); err != nil {
			t.Fatalf("activation info: %v", err)
		}
	}
	file := must[*sharing.RetrieveTokenResponse](t)(a.activation.RetrieveTokenByActivationUrl(ctx, code(t, first.ActivationUrl)))
	if file.ShareCredentialsVersion != 1 || file.Endpoint != a.URL("/delta-sharing") || file.BearerToken == "" {
		t.Errorf("retrieved %+v", file)
	}
	ends := must[time.Time](t)(time.Parse(time.RFC3339, file.ExpirationTime))
	a.wantStatus(t, 200, "GET", metadata, bearer(file.BearerToken))
	_, err := a.activation.RetrieveTokenByActivationUrl(ctx, code(t, first.ActivationUrl))
	if err == nil {
		t.Error("a used link delivers again")
	}
	if err := a.activation.GetActivationUrlInfoByActivationUrl(ctx, code(t, first.ActivationUrl)); err == nil {
		t.Error("a used link is said to be valid")
	}
	got := must[*sharing.RecipientInfo](t)(a.recipients.GetByName(ctx, "acme"))
	if !got.Activated || got.ActivationUrl != "" || len(got.Tokens) != 1 || got.Tokens[0].ActivationUrl != "" || got.Tokens[0].Id != first.Id {
		t.Errorf("after the retrieval: %+v", got)
	}
	wantTime(t, "the token's expiration_time", got.Tokens[0].ExpirationTime, ends)

	rotated := must[*sharing.RecipientInfo](t)(a.recipients.RotateToken(ctx, sharing.RotateRecipientToken{Name: "Acme", ExistingTokenExpireInSeconds: 3600}))
	if len(rotated.Tokens) != 2 {
		t.Fatalf("rotated: %+v", rotated.Tokens)
	}
	old := slices.IndexFunc(rotated.Tokens, func(token sharing.RecipientTokenInfo) bool { return token.Id == first.Id })
	if old < 0 {
		t.Fatalf("the old token is gone: %+v", rotated.Tokens)
	}
	wantTime(t, "the old token's end", rotated.Tokens[old].ExpirationTime, now.Add(time.Hour))
	second := rotated.Tokens[1-old]
	newFile := must[*sharing.RetrieveTokenResponse](t)(a.activation.RetrieveTokenByActivationUrl(ctx, code(t, second.ActivationUrl)))
	for _, token := range []string{file.BearerToken, newFile.BearerToken} {
		a.wantStatus(t, 200, "GET", metadata, bearer(token))
	}
	_, err = a.recipients.RotateToken(ctx, sharing.RotateRecipientToken{Name: "Acme", ExistingTokenExpireInSeconds: 60})
	wantCode(t, "a third token", err, 400, "INVALID_PARAMETER_VALUE")
	if err != nil && !strings.Contains(err.Error(), "There are already two active tokens for recipient") {
		t.Errorf("the refusal of a third token says %q", err)
	}

	if err := a.recipients.DeleteByName(ctx, "acme"); err != nil {
		t.Fatalf("deleting: %v", err)
	}
	for _, token := range []string{file.BearerToken, newFile.BearerToken} {
		a.wantStatus(t, 401, "GET", metadata, bearer(token))
	}
	_, err = a.recipients.GetByName(ctx, "acme")
	wantCode(t, "a deleted recipient", err, 404, "RECIPIENT_DOES_NOT_EXIST")
}

// Recipients reach the gateway's own site; the administration may be internal.
func TestDatabricksSDKActivatesOnTheRecipientsSite(t *testing.T) {
	a, ctx := startAdministration(t), context.Background()
	outside := sharing.NewRecipientActivation(databricks(t, a.Gate, "none"))
	link := a.createRecipient(t, "acme", "sales")
	if err := outside.GetActivationUrlInfoByActivationUrl(ctx, code(t, link)); err != nil {
		t.Errorf("activation info: %v", err)
	}
	file := must[*sharing.RetrieveTokenResponse](t)(outside.RetrieveTokenByActivationUrl(ctx, code(t, link)))
	a.wantStatus(t, 200, "GET", metadata, bearer(file.BearerToken))
}

func TestDatabricksSDKUpdatesRecipients(t *testing.T) {
	a, ctx := startAdministration(t), context.Background()
	token := a.activate(t, a.createRecipient(t, "acme", "sales"))
	end := time.Now().Add(48 * time.Hour)

	update := func(change sharing.UpdateRecipient) *sharing.RecipientInfo {
		t.Helper()
		return must[*sharing.RecipientInfo](t)(a.recipients.Update(ctx, change))
	}
	update(sharing.UpdateRecipient{Name: "acme", Comment: "moved"})
	update(sharing.UpdateRecipient{Name: "acme", PropertiesKvpairs: &sharing.SecurablePropertiesKvPairs{Properties: map[string]string{"a": "1", "b": "2"}}})
	update(sharing.UpdateRecipient{Name: "acme", PropertiesKvpairs: &sharing.SecurablePropertiesKvPairs{Properties: map[string]string{"c": "3"}}})
	got := update(sharing.UpdateRecipient{Name: "acme", ExpirationTime: end.UnixMilli(), NewName: "acme-eu"})
	if got.Name != "acme-eu" || got.Comment != "moved" || got.PropertiesKvpairs == nil ||
		len(got.PropertiesKvpairs.Properties) != 1 || got.PropertiesKvpairs.Properties["c"] != "3" {
		t.Errorf("after the changes: %+v", got)
	}
	wantTime(t, "expiration_time", got.ExpirationTime, end)
	wantTime(t, "updated_at", got.UpdatedAt, time.Now())
	a.wantStatus(t, 200, "GET", metadata, bearer(token)) // a new name, the same recipient

	for _, tc := range []struct {
		addresses []string
		status    int
	}{
		{[]string{"192.0.2.7", "2001:db8::/32"}, 403},
		{[]string{"192.0.2.7", "127.0.0.1"}, 200},
		{[]string{"192.0.2.0/24"}, 403},
		{nil, 200}, // an empty list is: from anywhere
	} {
		update(sharing.UpdateRecipient{Name: "acme-eu", IpAccessList: &sharing.IpAccessList{AllowedIpAddresses: tc.addresses}})
		if got := a.wantStatus(t, tc.status, "GET", metadata, bearer(token)); tc.status == 403 && !strings.Contains(got.Body, "PERMISSION_DENIED") {
			t.Errorf("with %v the refusal says %s", tc.addresses, got.Body)
		}
	}
	_, err := a.recipients.Update(ctx, sharing.UpdateRecipient{Name: "acme-eu", ExpirationTime: time.Now().Add(-time.Minute).UnixMilli()})
	wantCode(t, "an end in the past", err, 400, "INVALID_PARAMETER_VALUE")
	update(sharing.UpdateRecipient{Name: "acme-eu", ExpirationTime: time.Now().Add(2 * time.Second).UnixMilli()})
	harness.Eventually(t, "the recipient's time is over", func() bool {
		return a.send(t, "GET", metadata, bearer(token)).Status == 401
	})
}

func TestDatabricksSDKListsEveryRecipientOnce(t *testing.T) {
	a, ctx := startAdministration(t), context.Background()
	var want []string
	for i := range 23 {
		name := fmt.Sprintf("recipient-%02d", i)
		must[*sharing.RecipientInfo](t)(a.recipients.Create(ctx, sharing.CreateRecipient{Name: name, AuthenticationType: sharing.AuthenticationTypeToken}))
		want = append(want, name)
	}
	for _, size := range []int{0, 1, 5, 23, 1000} { // 0 is what the SDK sends for "not set"
		all := must[[]sharing.RecipientInfo](t)(a.recipients.ListAll(ctx, sharing.ListRecipientsRequest{MaxResults: size}))
		var got []string
		for _, r := range all {
			got = append(got, r.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: got %v", size, got)
		}
	}
	_, err := a.recipients.ListAll(ctx, sharing.ListRecipientsRequest{PageToken: "forged"})
	wantCode(t, "a forged page token", err, 400, "INVALID_PARAMETER_VALUE")
}
