package caddymodule

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// applicationOrder is what a request says of a new application.
type applicationOrder struct {
	ID           string   `json:"id"`
	Version      string   `json:"version"`
	Name         string   `json:"name"`
	Description  string   `json:"description"`
	URL          string   `json:"url"`
	RedirectURIs []string `json:"redirect_uris"`
	Grants       []string `json:"grants"`
}

func addApplication(app *App, r *http.Request) (any, error) {
	var said applicationOrder
	scheme, _, realm, err := accountCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &said); err != nil {
		return nil, err
	}
	added, err := scheme.AddApplication(r.Context(), tokenstore.Application{
		Realm: realm, ID: said.ID, Version: said.Version, Name: said.Name, Description: said.Description, URL: said.URL,
		RedirectURIs: said.RedirectURIs, Grants: said.Grants,
	}, actor(r))
	if err != nil {
		return nil, err
	}
	view := viewApplication(added)
	if len(added.Grants) == 0 {
		view.Notice = "It has no grants: it can be let in, and may do nothing."
	}
	return view, nil
}

func showApplication(app *App, r *http.Request) (any, error) {
	_, store, realm, err := accountCall(app, r)
	if err != nil {
		return nil, err
	}
	application, err := store.ApplicationByID(r.Context(), realm, r.PathValue("application"))
	if err != nil {
		return nil, err
	}
	return viewApplication(application), nil
}

func listApplications(app *App, r *http.Request) (any, error) {
	_, store, realm, err := accountCall(app, r)
	if err != nil {
		return nil, err
	}
	applications, next, err := store.Applications(r.Context(), realm, r.URL.Query().Get("after"), limitOf(r))
	if err != nil {
		return nil, err
	}
	views := make([]applicationView, len(applications))
	for i, application := range applications {
		views[i] = viewApplication(application)
	}
	return map[string]any{"applications": views, "next": next}, nil
}

// applicationChange is what a request changes of an application; what it leaves out
// stays.
type applicationChange struct {
	Version      *string   `json:"version"`
	Name         *string   `json:"name"`
	Description  *string   `json:"description"`
	URL          *string   `json:"url"`
	RedirectURIs *[]string `json:"redirect_uris"` // in place of all before
	Grant        []string  `json:"grant"`
	Ungrant      []string  `json:"ungrant"`
	Disabled     *bool     `json:"disabled"` // on all accounts
}

func (c *applicationChange) onlyDisabled() bool {
	return c.Disabled != nil && reflect.DeepEqual(*c, applicationChange{Disabled: c.Disabled})
}

// apply changes the application. The new grants are checked by the scheme.
func (c *applicationChange) apply(a *tokenstore.Application) error {
	for value, said := range map[*string]*string{&a.Version: c.Version, &a.Name: c.Name, &a.Description: c.Description, &a.URL: c.URL} {
		if said != nil {
			*value = *said
		}
	}
	if c.RedirectURIs != nil {
		a.RedirectURIs = *c.RedirectURIs
	}
	if c.Disabled != nil {
		a.Disabled = *c.Disabled
	}
	for _, grant := range c.Ungrant {
		i := slices.Index(a.Grants, grant)
		if i < 0 {
			return fmt.Errorf("%w: %s has no grant %q; application show lists those that it has", tokenstore.ErrInvalid, a.ID, grant)
		}
		a.Grants = slices.Delete(a.Grants, i, i+1)
	}
	a.Grants = append(a.Grants, c.Grant...)
	return nil
}

func updateApplication(app *App, r *http.Request) (any, error) {
	var change applicationChange
	scheme, store, realm, err := accountCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &change); err != nil {
		return nil, err
	}
	id := r.PathValue("application")
	var changed tokenstore.Application
	if change.onlyDisabled() {
		// The audit then says what was done.
		changed, err = store.EnableApplication(r.Context(), realm, id, !*change.Disabled, actor(r))
	} else {
		changed, err = scheme.UpdateApplication(r.Context(), id, change.apply, actor(r))
	}
	if err != nil {
		return nil, err
	}
	view := viewApplication(changed)
	if change.Disabled != nil && *change.Disabled {
		view.Notice = "Its calls, on all accounts, " + untilEnabled
	}
	return view, nil
}

func deleteApplication(app *App, r *http.Request) (any, error) {
	_, store, realm, err := accountCall(app, r)
	if err != nil {
		return nil, err
	}
	application, err := store.DeleteApplication(r.Context(), realm, r.PathValue("application"), actor(r))
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"deleted": application.ID,
		"notice":  "Its tokens are good for nothing more, on any account; an application that is added under this id later must be set up anew. " + cannotRecallFiles,
	}, nil
}
