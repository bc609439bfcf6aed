package caddymodule

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// adminTokenView is an admin token as the admin API shows it.
type adminTokenView struct {
	Name      string     `json:"name"`
	ID        string     `json:"id"`
	Realm     string     `json:"realm"`
	Role      string     `json:"role"`   // "full" or "read-only"
	Status    string     `json:"status"` // "active", "expired" or "revoked"
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by,omitempty"`
	ExpiresAt time.Time  `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`

	// Token is shown once, where it was made.
	Token string `json:"token,omitempty"`
}

func viewAdmin(admin tokenstore.AdminToken, now time.Time) adminTokenView {
	view := adminTokenView{
		Name: admin.Name, ID: admin.Accessor, Realm: admin.Realm, Role: string(admin.Role), Status: tokenstore.StatusActive,
		CreatedAt: admin.CreatedAt, CreatedBy: admin.CreatedBy, ExpiresAt: admin.ExpiresAt,
	}
	switch {
	case !admin.RevokedAt.IsZero():
		view.Status, view.RevokedAt = string(tokenstore.Revoked), &admin.RevokedAt
	case !admin.Live(now):
		view.Status = string(tokenstore.Expired)
	}
	return view
}

// adminLifetime is how long an admin token lives unless its order says otherwise.
const adminLifetime = 365 * 24 * time.Hour

func createAdmin(app *App, r *http.Request) (any, error) {
	order := struct {
		Name     string         `json:"name"`
		Role     string         `json:"role"`
		Lifetime caddy.Duration `json:"lifetime"`
	}{Role: string(tokenstore.AdminFull), Lifetime: caddy.Duration(adminLifetime)}
	scheme, store, _, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	token, admin, err := scheme.CreateAdmin(r.Context(), order.Name, tokenstore.AdminRole(order.Role), time.Duration(order.Lifetime), actor(r))
	if err != nil {
		return nil, err
	}
	view := viewAdmin(admin, store.Now())
	view.Token = token.Reveal()
	return view, nil
}

func listAdmins(app *App, r *http.Request) (any, error) {
	_, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	admins, next, err := store.Admins(r.Context(), realm, r.URL.Query().Get("after"), limitOf(r))
	if err != nil {
		return nil, err
	}
	views := make([]adminTokenView, len(admins))
	for i, admin := range admins {
		views[i] = viewAdmin(admin, store.Now())
	}
	return map[string]any{"admins": views, "next": next}, nil
}

func revokeAdmin(app *App, r *http.Request) (any, error) {
	_, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	admin, err := store.RevokeAdmin(r.Context(), realm, r.PathValue("admin"), actor(r))
	if err != nil {
		return nil, err
	}
	return viewAdmin(admin, store.Now()), nil
}
