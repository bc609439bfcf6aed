package caddymodule

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/schemes/dx"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// cannotRecallCalls is the honest part of every revocation of a foreign issuer's tokens.
const cannotRecallCalls = "Calls that are already with the server behind cannot be recalled. Whoever reaches that server without the gateway, and resource servers with access tokens of their own, still have the tokens accepted until they expire."

// revokedUser is a user of a foreign issuer whose tokens are over.
type revokedUser struct {
	ID string `json:"id"`
	// Until is when the last token was issued that is over; nil if only some are.
	Until      *time.Time         `json:"until,omitempty"`
	Delegators []revokedDelegator `json:"delegators,omitempty"`
	RevokedAt  time.Time          `json:"revoked_at"`
	RevokedBy  string             `json:"revoked_by"`
	Notice     string             `json:"notice,omitempty"`
}

// revokedDelegator is for whom the user acts by tokens that are over.
type revokedDelegator struct {
	ID    string    `json:"id"`
	Until time.Time `json:"until"`
}

func viewRevokedUser(cut tokenstore.CutOff) revokedUser {
	view := revokedUser{ID: cut.User, RevokedAt: cut.UpdatedAt, RevokedBy: cut.UpdatedBy}
	if !cut.Until.IsZero() {
		view.Until = &cut.Until
	}
	for id, until := range cut.Delegators {
		view.Delegators = append(view.Delegators, revokedDelegator{id, until})
	}
	slices.SortFunc(view.Delegators, func(a, b revokedDelegator) int { return strings.Compare(a.ID, b.ID) })
	return view
}

// userCall finds what a call on the users of a realm needs. scheme is which one the
// request names; users are of one only.
func userCall(app *App, r *http.Request, scheme string) (*dx.Scheme, error) {
	if scheme != "" && scheme != dx.Name {
		return nil, fmt.Errorf("%w: users are revoked of the scheme %s; %q has none", tokenstore.ErrInvalid, dx.Name, scheme)
	}
	s, _, _, err := schemeCall[*dx.Scheme](app, r, dx.Name)
	return s, err
}

func revokeUser(app *App, r *http.Request) (any, error) {
	var order struct {
		Scheme    string `json:"scheme"`
		Delegator string `json:"delegator"`
	}
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	scheme, err := userCall(app, r, order.Scheme)
	if err != nil {
		return nil, err
	}
	cut, err := scheme.RevokeUser(r.Context(), r.PathValue("id"), order.Delegator, actor(r))
	if err != nil {
		return nil, err
	}
	view := viewRevokedUser(cut)
	view.Notice = "Tokens of this user that were issued until now are refused, also those of delegates who act for the user. "
	if order.Delegator != "" {
		view.Notice = "Tokens issued until now with which this user acts for " + strings.ToLower(order.Delegator) + " are refused; the user's others are not. "
	}
	view.Notice += "Those that are made in the next half minute are refused too, since their issuer's clock may run ahead; later ones are accepted. " + cannotRecallCalls
	for _, id := range []string{cut.User, order.Delegator} {
		if id != "" && uuid.Validate(id) != nil && !scheme.IsIssuer(id) {
			view.Notice += fmt.Sprintf(" Is %q spelt right? Users' ids are UUIDs, and nobody here knows whether there is such a user.", id)
		}
	}
	return view, nil
}

func listRevokedUsers(app *App, r *http.Request) (any, error) {
	query := r.URL.Query()
	scheme, err := userCall(app, r, query.Get("scheme"))
	if err != nil {
		return nil, err
	}
	list, next, err := scheme.RevokedUsers(r.Context(), query.Get("after"), limitOf(r))
	if err != nil {
		return nil, err
	}
	views := make([]revokedUser, len(list))
	for i, cut := range list {
		views[i] = viewRevokedUser(cut)
	}
	return map[string]any{"users": views, "next": next}, nil
}
