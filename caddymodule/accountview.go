package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// accountView is an account as the admin API shows it, without any secret.
type accountView struct {
	Host         string          `json:"host"`
	ID           string          `json:"id"`
	Realm        string          `json:"realm"`
	Address      string          `json:"address,omitempty"` // that tokens name as their issuer; none: as the request says
	UserID       string          `json:"user_id"`
	Username     string          `json:"username"`
	State        string          `json:"state"` // "active" or "disabled"
	Disabled     bool            `json:"disabled"`
	PasswordKind string          `json:"password_kind"` // "argon2id", or "bcrypt": imported, and not used yet
	PasswordAt   time.Time       `json:"password_set_at"`
	Applications []enrolmentView `json:"applications"`
	// Keys are not shown in a list.
	Keys      []accountKeyView `json:"keys,omitempty"`
	RevokedAt *time.Time       `json:"tokens_revoked_at,omitempty"` // all that were issued until then
	CreatedAt time.Time        `json:"created_at"`
	CreatedBy string           `json:"created_by,omitempty"`
	UpdatedAt time.Time        `json:"updated_at"`
	UpdatedBy string           `json:"updated_by,omitempty"`

	// Notice says what a change cannot do.
	Notice string `json:"notice,omitempty"`
}

// enrolmentView is an application that the owner has set up.
type enrolmentView struct {
	Application string     `json:"application"`
	State       string     `json:"state"`   // "enabled", "disabled", "disabled on all accounts" or "no longer registered"
	Enabled     bool       `json:"enabled"` // whether its calls are accepted
	SetUpAt     time.Time  `json:"set_up_at"`
	DisabledAt  *time.Time `json:"disabled_at,omitempty"` // on this account
}

func viewEnrolment(e tokenstore.Enrolment, registered tokenstore.Application) enrolmentView {
	view := enrolmentView{Application: e.Application, State: "enabled", SetUpAt: e.SetUpAt, DisabledAt: known(e.DisabledAt)}
	switch {
	case registered.UID != e.UID: // also if another one has its id since
		view.State = "no longer registered"
	case registered.Disabled:
		view.State = "disabled on all accounts"
	case view.DisabledAt != nil:
		view.State = "disabled"
	default:
		view.Enabled = true
	}
	return view
}

// accountKeyView is a key with which tokens of the account are verified.
type accountKeyView struct {
	ID        string     `json:"id"` // as tokens name it in kid
	CreatedAt time.Time  `json:"created_at"`
	Until     *time.Time `json:"until,omitempty"` // none: it signs
}

func viewAccount(a tokenstore.Account, registered map[string]tokenstore.Application) accountView {
	view := accountView{
		Host: a.Host, ID: a.ID, Realm: a.Realm, Address: a.Address, UserID: a.UserID, Username: a.Username,
		State: "active", Disabled: a.Disabled, PasswordKind: "bcrypt", PasswordAt: a.PasswordAt,
		Applications: make([]enrolmentView, len(a.Applications)), RevokedAt: known(a.EndedAt),
		CreatedAt: a.CreatedAt, CreatedBy: a.CreatedBy, UpdatedAt: a.UpdatedAt, UpdatedBy: a.UpdatedBy,
	}
	if a.Disabled {
		view.State = "disabled"
	}
	if strings.HasPrefix(a.Password.Reveal(), "$argon2id$") {
		view.PasswordKind = "argon2id"
	}
	for i, e := range a.Applications {
		view.Applications[i] = viewEnrolment(e, registered[e.Application])
	}
	return view
}

// registeredFor are the registry's entries, by their ids, of what accounts of a realm
// have set up; of one that was deleted it is zero.
func registeredFor(ctx context.Context, store *tokenstore.Store, realm string, accounts ...tokenstore.Account) (map[string]tokenstore.Application, error) {
	registered := make(map[string]tokenstore.Application)
	for _, account := range accounts {
		for _, e := range account.Applications {
			if _, ok := registered[e.Application]; ok {
				continue
			}
			application, err := store.ApplicationByID(ctx, realm, e.Application)
			if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
				return nil, err
			}
			registered[e.Application] = application
		}
	}
	return registered, nil
}

// viewAccountOf reads the account of a host, with its keys.
func viewAccountOf(app *App, r *http.Request, host string) (accountView, error) {
	_, store, realm, err := accountCall(app, r)
	if err != nil {
		return accountView{}, err
	}
	account, keys, _, err := store.AccountByHost(r.Context(), realm, host)
	if err != nil {
		return accountView{}, err
	}
	registered, err := registeredFor(r.Context(), store, realm, account)
	if err != nil {
		return accountView{}, err
	}
	view := viewAccount(account, registered)
	for _, key := range keys.At(store.Now()) {
		view.Keys = append(view.Keys, accountKeyView{key.ID, key.CreatedAt, known(key.Until)})
	}
	return view, nil
}

// applicationView is an application of the registry.
type applicationView struct {
	ID           string    `json:"id"`
	Realm        string    `json:"realm"`
	Version      string    `json:"version"`
	Name         string    `json:"name,omitempty"`
	Description  string    `json:"description,omitempty"`
	URL          string    `json:"url,omitempty"`
	RedirectURIs []string  `json:"redirect_uris"`
	Grants       []string  `json:"grants"`
	State        string    `json:"state"` // "active" or "disabled"
	Disabled     bool      `json:"disabled"`
	CreatedAt    time.Time `json:"created_at"`
	CreatedBy    string    `json:"created_by,omitempty"`
	UpdatedAt    time.Time `json:"updated_at"`
	UpdatedBy    string    `json:"updated_by,omitempty"`
	Notice       string    `json:"notice,omitempty"`
}

func viewApplication(a tokenstore.Application) applicationView {
	view := applicationView{
		ID: a.ID, Realm: a.Realm, Version: a.Version, Name: a.Name, Description: a.Description, URL: a.URL,
		RedirectURIs: append([]string{}, a.RedirectURIs...), Grants: append([]string{}, a.Grants...),
		State: "active", Disabled: a.Disabled,
		CreatedAt: a.CreatedAt, CreatedBy: a.CreatedBy, UpdatedAt: a.UpdatedAt, UpdatedBy: a.UpdatedBy,
	}
	if a.Disabled {
		view.State = "disabled"
	}
	return view
}
