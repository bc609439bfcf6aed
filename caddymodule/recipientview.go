package caddymodule

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// recipientView is a recipient as the admin API shows it. Durations are in
// seconds, times RFC 3339.
type recipientView struct {
	Name          string            `json:"name"`
	ID            string            `json:"id"`
	Realm         string            `json:"realm"`
	Comment       string            `json:"comment,omitempty"`
	Owner         string            `json:"owner,omitempty"`
	Properties    map[string]string `json:"properties,omitempty"`
	Auth          string            `json:"auth"` // "token", "oauth" or "federation"
	Grants        []string          `json:"grants"`
	TokenLifetime int64             `json:"token_lifetime_seconds,omitempty"` // 0: the site's
	NotAfter      *time.Time        `json:"not_after,omitempty"`              // when all that it holds ends
	Networks      []string          `json:"networks"`                         // none: it may call from anywhere
	Limits        limitsView        `json:"limits"`
	Disabled      bool              `json:"disabled"`
	ManagementKey bool              `json:"has_management_key"`
	CreatedAt     time.Time         `json:"created_at"`
	CreatedBy     string            `json:"created_by,omitempty"`
	UpdatedAt     time.Time         `json:"updated_at"`
	UpdatedBy     string            `json:"updated_by,omitempty"`
	Tokens        []credentialView  `json:"tokens"`
	Federation    []policyView      `json:"federation,omitempty"`

	// How it stands.
	State       string     `json:"state"` // "active", "link waits", "no token", "federated", "no policy", "disabled" or "ended"
	EndsAt      *time.Time `json:"ends_at,omitempty"`
	LastUsed    *time.Time `json:"last_used_at,omitempty"`
	OldToken    bool       `json:"has_old_token"` // a rotated token in its overlap, or an imported one
	OldLastUsed *time.Time `json:"old_token_last_used_at,omitempty"`

	// Shown once, where they were made.
	ActivationLink   string     `json:"activation_link,omitempty"`
	LinkExpiresAt    *time.Time `json:"activation_link_expires_at,omitempty"`
	NewManagementKey string     `json:"management_key,omitempty"`

	// Notice says what a change cannot do, Warning what is wrong as things stand.
	Notice  string `json:"notice,omitempty"`
	Warning string `json:"warning,omitempty"`
}

// limitsView are a recipient's own limits; 0 is the site's.
type limitsView struct {
	Rate       int `json:"rate,omitempty"`       // calls a second, in the long run
	Burst      int `json:"burst,omitempty"`      // calls at once
	Concurrent int `json:"concurrent,omitempty"` // calls being answered at a time
}

// credentialView is a token in use, or a link that waits.
type credentialView struct {
	ID        string     `json:"id"`
	Status    string     `json:"status"` // "pending", "active" or "rotated"
	Kind      string     `json:"kind"`   // "bearer token" or "client secret": of a link, what it delivers
	Imported  bool       `json:"imported"`
	CreatedAt time.Time  `json:"created_at"`
	RotatedAt *time.Time `json:"rotated_at,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // of a pending link: when the link ends; none: never
	LastUsed  *time.Time `json:"last_used_at,omitempty"`
	ClientIP  string     `json:"client_ip,omitempty"`
	UserAgent string     `json:"user_agent,omitempty"`
}

// policyView is a federation policy.
type policyView struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Comment   string     `json:"comment,omitempty"`
	Issuer    string     `json:"issuer"`
	JWKS      string     `json:"jwks,omitempty"` // none: as the issuer's discovery document says
	Audiences []string   `json:"audiences"`
	Claim     string     `json:"claim"`
	Subject   string     `json:"subject"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
	LastUsed  *time.Time `json:"last_used_at,omitempty"`
}

// Words for the ways of authentication, in orders and views.
const (
	authToken      = "token"
	authOAuth      = "oauth"
	authFederation = "federation"
)

var authWords = map[tokenstore.Authentication]string{
	tokenstore.BearerTokens:      authToken,
	tokenstore.ClientCredentials: authOAuth,
	tokenstore.Federation:        authFederation,
}

// parseAuth reads one of the words; none means token.
func parseAuth(word string) (tokenstore.Authentication, error) {
	if word == "" {
		return tokenstore.BearerTokens, nil
	}
	for auth, known := range authWords {
		if word == known {
			return auth, nil
		}
	}
	return 0, fmt.Errorf("%w: auth: %q is none of %s, %s and %s", tokenstore.ErrInvalid, word, authToken, authOAuth, authFederation)
}

// isTheServersOwn warns of an imported token that opens the server behind.
const isTheServersOwn = "The token is the data server's own: whoever holds it can also reach the server directly, past the gateway, if the network lets them. Change the server's token, and upstream_token with it, at once: this recipient goes on as it is, and only the gateway knows the new one. Then give each partner a recipient of its own, and revoke this one."

// viewRecipient reads a recipient and what it holds.
func viewRecipient(ctx context.Context, scheme *delta.Scheme, store *tokenstore.Store, realm, name string) (recipientView, error) {
	recipient, live, err := store.Credentials(ctx, realm, name)
	if err != nil {
		return recipientView{}, err
	}
	o := tokenstore.Overview{Recipient: recipient, Credentials: live, Uses: make(map[string]tokenstore.Use)}
	ids := make([]string, 0, len(live)+len(recipient.Federation))
	for _, c := range live {
		ids = append(ids, c.Accessor)
	}
	for _, policy := range recipient.Federation {
		ids = append(ids, policy.ID)
	}
	for _, id := range ids {
		if o.Uses[id], err = store.LastUse(ctx, id); err != nil {
			return recipientView{}, err
		}
	}
	return recipientViewOf(scheme, o, store.Now()), nil
}

func recipientViewOf(scheme *delta.Scheme, o tokenstore.Overview, now time.Time) recipientView {
	r, stands := o.Recipient, standingOf(o, now)
	view := recipientView{
		Name: r.Name, ID: r.ID, Realm: r.Realm, Comment: r.Comment, Owner: r.Owner, Properties: r.Properties,
		Auth: authWords[r.Auth], Grants: append([]string{}, r.Grants...), TokenLifetime: int64(r.TokenLifetime / time.Second),
		NotAfter: known(r.NotAfter), Networks: append([]string{}, r.Networks...), Limits: limitsView(r.Limits),
		Disabled: r.Disabled, ManagementKey: len(r.ManagementKey) > 0,
		CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy, UpdatedAt: r.UpdatedAt, UpdatedBy: r.UpdatedBy,
		Tokens: []credentialView{},
		State:  stands.state(), EndsAt: known(stands.ends), LastUsed: known(stands.lastUsed),
		OldToken: stands.old, OldLastUsed: known(stands.oldUsed),
	}
	for _, c := range o.Credentials {
		view.Tokens = append(view.Tokens, credentialViewOf(c, o))
		if isUpstreamToken(scheme, c) {
			view.Warning = isTheServersOwn
		}
	}
	for _, p := range r.Federation {
		view.Federation = append(view.Federation, policyView{
			ID: p.ID, Name: p.Name, Comment: p.Comment, Issuer: p.Issuer, JWKS: p.JWKS, Audiences: p.Audiences,
			Claim: p.Claim, Subject: p.Subject, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
			LastUsed: known(o.Uses[p.ID].At),
		})
	}
	return view
}

func credentialViewOf(c tokenstore.Credential, o tokenstore.Overview) credentialView {
	item := credentialView{ID: c.Accessor, Status: statusOf(c), CreatedAt: c.CreatedAt()}
	if c.Pending {
		item.Kind, item.ExpiresAt = o.Recipient.CredentialKind().String(), known(c.Link.ExpiresAt)
		return item
	}
	item.Kind, item.Imported, item.RotatedAt = c.Token.Kind.String(), c.Token.Imported, known(c.Token.RotatedAt)
	if !isEndless(c.Token) {
		item.ExpiresAt = known(c.Token.ExpiresAt)
	}
	use := o.Uses[c.Accessor]
	item.LastUsed, item.ClientIP, item.UserAgent = known(use.At), use.ClientIP, use.UserAgent
	return item
}

// isUpstreamToken tells whether a credential is the token of the server behind. It
// can only be imported: what the gateway makes itself is nobody else's.
func isUpstreamToken(scheme *delta.Scheme, c tokenstore.Credential) bool {
	return c.Token != nil && c.Token.Imported && len(c.Digest) == len(secret.Digest{}) &&
		scheme.IsUpstreamToken(secret.Digest(c.Digest))
}

// known is a time, or nil if there is none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
