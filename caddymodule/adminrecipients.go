package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// recipientView is a recipient as the admin API shows it. Durations are in
// seconds, times RFC 3339.
type recipientView struct {
	Name          string           `json:"name"`
	ID            string           `json:"id"`
	Realm         string           `json:"realm"`
	Comment       string           `json:"comment,omitempty"`
	Grants        []string         `json:"grants"`
	TokenLifetime int64            `json:"token_lifetime_seconds,omitempty"` // 0: the site's
	Disabled      bool             `json:"disabled"`
	ManagementKey bool             `json:"has_management_key"`
	CreatedAt     time.Time        `json:"created_at"`
	UpdatedAt     time.Time        `json:"updated_at"`
	Tokens        []credentialView `json:"tokens"`

	// Shown once, where they were made.
	ActivationLink   string     `json:"activation_link,omitempty"`
	LinkExpiresAt    *time.Time `json:"activation_link_expires_at,omitempty"`
	NewManagementKey string     `json:"management_key,omitempty"`

	// Notice says what a change cannot do.
	Notice string `json:"notice,omitempty"`
}

// credentialView is a token in use, or a link that waits.
type credentialView struct {
	ID        string     `json:"id"`
	Status    string     `json:"status"` // "pending", "active" or "rotated"
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"` // of a pending link: when the link ends
	LastUsed  *time.Time `json:"last_used_at,omitempty"`
	ClientIP  string     `json:"client_ip,omitempty"`
	UserAgent string     `json:"user_agent,omitempty"`
}

// cannotRecall is the honest part of every revocation.
const cannotRecall = "Pre-signed URLs and temporary credentials that the data server has already given out cannot be recalled; they end by themselves, by default within 1 hour."

// recipientCall finds what a call on a realm's recipients needs.
func recipientCall(app *App, r *http.Request) (*delta.Scheme, *tokenstore.Store, string, error) {
	realm := r.PathValue("realm")
	found, err := app.scheme(delta.Name, realm)
	if err != nil {
		return nil, nil, "", err
	}
	scheme, ok := found.(*delta.Scheme)
	if !ok {
		return nil, nil, "", fmt.Errorf("realm %s is served by %T", realm, found)
	}
	backend, err := app.open(r.Context())
	if err != nil {
		return nil, nil, "", err
	}
	return scheme, backend.Store, realm, nil
}

func listRecipients(app *App, r *http.Request) (any, error) {
	_, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	recipients, next, err := store.Recipients(r.Context(), realm, r.URL.Query().Get("after"), limitOf(r))
	if err != nil {
		return nil, err
	}
	views := make([]recipientView, 0, len(recipients))
	for _, recipient := range recipients {
		view, err := viewRecipient(r.Context(), store, realm, recipient.ID)
		if errors.Is(err, tokenstore.ErrNotFound) {
			continue // deleted since the page was read
		}
		if err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	return map[string]any{"recipients": views, "next": next}, nil
}

func createRecipient(app *App, r *http.Request) (any, error) {
	var order struct {
		Name          string         `json:"name"`
		Comment       string         `json:"comment"`
		Grants        []string       `json:"grants"`
		TokenLifetime caddy.Duration `json:"token_lifetime"`
		ManagementKey bool           `json:"management_key"`
	}
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	created, err := scheme.Create(r.Context(), delta.Order{
		Name: order.Name, Comment: order.Comment, Grants: order.Grants,
		TokenLifetime: time.Duration(order.TokenLifetime), ManagementKey: order.ManagementKey,
	}, actor(r))
	if err != nil {
		return nil, err
	}
	view, err := viewRecipient(r.Context(), store, realm, order.Name)
	if err != nil {
		return nil, err
	}
	view.ActivationLink, view.LinkExpiresAt = created.Link, &created.LinkExpires
	if !created.ManagementKey.IsZero() {
		view.NewManagementKey = created.ManagementKey.Reveal()
	}
	return view, nil
}

func showRecipient(app *App, r *http.Request) (any, error) {
	_, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	return viewRecipient(r.Context(), store, realm, r.PathValue("name"))
}

func updateRecipient(app *App, r *http.Request) (any, error) {
	var change struct {
		NewName       *string         `json:"new_name"`
		Comment       *string         `json:"comment"`
		Grant         []string        `json:"grant"`
		Ungrant       []string        `json:"ungrant"`
		TokenLifetime *caddy.Duration `json:"token_lifetime"`
		Disabled      *bool           `json:"disabled"`
	}
	_, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &change); err != nil {
		return nil, err
	}
	recipient, err := store.ChangeRecipient(r.Context(), realm, r.PathValue("name"), actor(r), "updateRecipient",
		func(recipient *tokenstore.Recipient) (string, error) {
			var detail []string
			if change.NewName != nil {
				recipient.Name = *change.NewName
				detail = append(detail, "name")
			}
			if change.Comment != nil {
				recipient.Comment = *change.Comment
				detail = append(detail, "comment")
			}
			if change.TokenLifetime != nil {
				recipient.TokenLifetime = time.Duration(*change.TokenLifetime)
				detail = append(detail, "token lifetime")
			}
			if change.Disabled != nil {
				recipient.Disabled = *change.Disabled
				detail = append(detail, fmt.Sprintf("disabled: %t", *change.Disabled))
			}
			for _, gone := range change.Ungrant {
				at := slices.IndexFunc(recipient.Grants, func(grant string) bool {
					return tokenstore.FoldName(grant) == tokenstore.FoldName(gone)
				})
				if at < 0 {
					return "", fmt.Errorf("%w: %q is not among the recipient's grants: %s", tokenstore.ErrInvalid, gone, strings.Join(recipient.Grants, ", "))
				}
				recipient.Grants = slices.Delete(recipient.Grants, at, at+1)
				detail = append(detail, "ungranted "+gone)
			}
			var err error
			recipient.Grants, err = delta.CheckGrants(append(recipient.Grants, change.Grant...))
			for _, added := range change.Grant {
				detail = append(detail, "granted "+added)
			}
			return strings.Join(detail, "; "), err
		})
	if err != nil {
		return nil, err
	}
	view, err := viewRecipient(r.Context(), store, realm, recipient.Name)
	if len(change.Ungrant) > 0 || change.Disabled != nil && *change.Disabled {
		view.Notice = cannotRecall
	}
	return view, err
}

func deleteRecipient(app *App, r *http.Request) (any, error) {
	_, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	recipient, err := store.DeleteRecipient(r.Context(), realm, r.PathValue("name"), actor(r))
	if err != nil {
		return nil, err
	}
	return map[string]string{"deleted": recipient.Name, "notice": cannotRecall}, nil
}

func rotateRecipient(app *App, r *http.Request) (any, error) {
	var order struct {
		OldExpiresIn *caddy.Duration `json:"old_expires_in"`
	}
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	if order.OldExpiresIn == nil {
		return nil, fmt.Errorf("%w: old_expires_in is missing: how long the tokens in use go on, such as \"24h\" or \"0s\"", tokenstore.ErrInvalid)
	}
	name := r.PathValue("name")
	link, expires, err := scheme.Rotate(r.Context(), name, time.Duration(*order.OldExpiresIn), actor(r))
	if err != nil {
		return nil, err
	}
	view, err := viewRecipient(r.Context(), store, realm, name)
	view.ActivationLink, view.LinkExpiresAt = link, &expires
	return view, err
}

func revokeRecipient(app *App, r *http.Request) (any, error) {
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	recipient, err := store.Revoke(r.Context(), realm, r.PathValue("name"), actor(r))
	if err != nil {
		return nil, err
	}
	view, err := viewRecipient(r.Context(), store, realm, recipient.Name)
	view.Notice = cannotRecall
	if scheme.SelfService(recipient) {
		view.Notice += " The recipient can make itself a new token at the credentials API; disable it to prevent that."
	}
	return view, err
}

func linkRecipient(app *App, r *http.Request) (any, error) {
	var order struct {
		Fresh bool `json:"fresh"`
	}
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	link, expires, err := scheme.Link(r.Context(), name, order.Fresh, actor(r))
	if err != nil {
		return nil, err
	}
	view, err := viewRecipient(r.Context(), store, realm, name)
	view.ActivationLink, view.LinkExpiresAt = link, &expires
	return view, err
}

func setManagementKey(app *App, r *http.Request) (any, error) {
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	key, err := scheme.NewManagementKey(r.Context(), name, actor(r))
	if err != nil {
		return nil, err
	}
	view, err := viewRecipient(r.Context(), store, realm, name)
	view.NewManagementKey = key.Reveal()
	return view, err
}

func removeManagementKey(app *App, r *http.Request) (any, error) {
	_, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	recipient, err := store.SetManagementKey(r.Context(), realm, r.PathValue("name"), nil, actor(r))
	if err != nil {
		return nil, err
	}
	return viewRecipient(r.Context(), store, realm, recipient.Name)
}

func revokeRealm(app *App, r *http.Request) (any, error) {
	_, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := store.RevokeRealm(r.Context(), realm, actor(r)); err != nil {
		return nil, err
	}
	return map[string]string{"revoked_realm": realm, "notice": cannotRecall}, nil
}

// viewRecipient reads a recipient and what it holds.
func viewRecipient(ctx context.Context, store *tokenstore.Store, realm, name string) (recipientView, error) {
	recipient, live, err := store.Credentials(ctx, realm, name)
	if err != nil {
		return recipientView{}, err
	}
	view := recipientView{
		Name: recipient.Name, ID: recipient.ID, Realm: recipient.Realm, Comment: recipient.Comment,
		Grants: append([]string{}, recipient.Grants...), TokenLifetime: int64(recipient.TokenLifetime / time.Second),
		Disabled: recipient.Disabled, ManagementKey: len(recipient.ManagementKey) > 0,
		CreatedAt: recipient.CreatedAt, UpdatedAt: recipient.UpdatedAt, Tokens: []credentialView{},
	}
	for _, c := range live {
		item := credentialView{ID: c.Accessor, CreatedAt: c.CreatedAt()}
		if c.Pending {
			item.Status, item.ExpiresAt = "pending", c.Link.ExpiresAt
			view.Tokens = append(view.Tokens, item)
			continue
		}
		item.Status, item.ExpiresAt = tokenstore.StatusActive, c.Token.ExpiresAt
		if c.Rotated() {
			item.Status = string(tokenstore.Rotated)
		}
		use, err := store.LastUse(ctx, c.Accessor)
		if err != nil {
			return recipientView{}, err
		}
		if !use.At.IsZero() {
			item.LastUsed, item.ClientIP, item.UserAgent = &use.At, use.ClientIP, use.UserAgent
		}
		view.Tokens = append(view.Tokens, item)
	}
	return view, nil
}
