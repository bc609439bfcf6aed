package caddymodule

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func addFederation(app *App, r *http.Request) (any, error) {
	var order struct {
		Name      string   `json:"name"`
		Comment   string   `json:"comment"`
		Issuer    string   `json:"issuer"`
		JWKS      string   `json:"jwks"`
		Audiences []string `json:"audiences"`
		Claim     string   `json:"claim"`
		Subject   string   `json:"subject"`
	}
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	_, err = scheme.AddFederation(r.Context(), name, tokenstore.FederationPolicy{
		Name: order.Name, Comment: order.Comment, Issuer: order.Issuer, JWKS: order.JWKS,
		Audiences: order.Audiences, Claim: order.Claim, Subject: order.Subject,
	}, actor(r))
	if errors.Is(err, tokenstore.ErrExists) {
		return nil, fmt.Errorf("%w: recipient %q has a federation policy %q already; remove it first", tokenstore.ErrInvalid, name, order.Name)
	}
	if err != nil {
		return nil, err
	}
	return viewRecipient(r.Context(), scheme, store, realm, name)
}

func removeFederation(app *App, r *http.Request) (any, error) {
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	if err := scheme.DeleteFederation(r.Context(), name, r.PathValue("policy"), actor(r)); err != nil {
		return nil, err
	}
	view, err := viewRecipient(r.Context(), scheme, store, realm, name)
	view.Notice = cannotRecall
	return view, err
}
