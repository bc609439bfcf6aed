package caddymodule

import (
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
	recipient, err := store.Recipient(r.Context(), realm, r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	// The store would replace it, and whoever it was for would be shut out unnoticed.
	if _, taken := recipient.Policy(order.Name); taken {
		return nil, fmt.Errorf("%w: recipient %q has a federation policy %q already; remove it first", tokenstore.ErrInvalid, recipient.Name, order.Name)
	}
	if _, err := scheme.PutFederation(r.Context(), recipient.ID, tokenstore.FederationPolicy{
		Name: order.Name, Comment: order.Comment, Issuer: order.Issuer, JWKS: order.JWKS,
		Audiences: order.Audiences, Claim: order.Claim, Subject: order.Subject,
	}, actor(r)); err != nil {
		return nil, err
	}
	return viewRecipient(r.Context(), scheme, store, realm, recipient.ID)
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
