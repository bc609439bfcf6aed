package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/bench/secrets"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// What the bench's issuer says in its token.
const (
	federatedAudience = "https://sharing.example.com"
	federatedSubject  = "bench"
)

// addSpecial makes the recipients that there is one of: one that may see a part of
// what is shared, an OAuth client with an access token, and one that an issuer
// vouches for.
func addSpecial(ctx context.Context, driver tokenstore.Driver, issuer string) error {
	store := tokenstore.New(driver, tokenstore.Options{})
	for _, add := range []func(context.Context, *tokenstore.Store) error{addSome, addClient} {
		if err := add(ctx, store); err != nil {
			return err
		}
	}
	if issuer == "" {
		return nil
	}
	return addFederated(ctx, store, issuer)
}

func create(ctx context.Context, store *tokenstore.Store, name, grant string, auth tokenstore.Authentication) (tokenstore.Recipient, secret.Digest, error) {
	code := secret.New(secret.ActivationCode).Digest()
	n := tokenstore.NewRecipient{ID: secret.NewID("rcp_"), Realm: realm, Name: name, Grants: []string{grant}, Auth: auth}
	if auth != tokenstore.Federation {
		n.Link = tokenstore.NewLink{Accessor: secret.NewAccessor(), Code: code, Lifetime: time.Hour}
	}
	recipient, err := store.CreateRecipient(ctx, n, "bench")
	if err != nil {
		return recipient, code, fmt.Errorf("recipient %s: %w", name, err)
	}
	return recipient, code, nil
}

func addSome(ctx context.Context, store *tokenstore.Store) error {
	_, code, err := create(ctx, store, "some", "sales/orders", tokenstore.BearerTokens)
	if err != nil {
		return err
	}
	_, err = store.Activate(ctx, realm, code, secret.DigestOf(secrets.Token(secrets.Some)), tokenstore.BearerToken, lifetime)
	return err
}

func addClient(ctx context.Context, store *tokenstore.Store) error {
	recipient, code, err := create(ctx, store, "client", "sales", tokenstore.ClientCredentials)
	if err != nil {
		return err
	}
	clientSecret := secret.New(secret.ClientSecret).Digest()
	if _, err := store.Activate(ctx, realm, code, clientSecret, tokenstore.ClientSecret, lifetime); err != nil {
		return err
	}
	_, err = store.IssueAccessToken(ctx, realm, recipient.ID, clientSecret, tokenstore.NewAccessToken{
		Accessor: secret.NewAccessor(), Digest: secret.DigestOf(secrets.AccessToken()), Lifetime: lifetime,
	})
	return err
}

func addFederated(ctx context.Context, store *tokenstore.Store, issuer string) error {
	if _, _, err := create(ctx, store, "federated", "sales", tokenstore.Federation); err != nil {
		return err
	}
	_, _, err := store.AddFederationPolicy(ctx, realm, "federated", tokenstore.FederationPolicy{
		ID: secret.NewID("fed_"), Name: "bench", Issuer: issuer, Audiences: []string{federatedAudience},
		Claim: "sub", Subject: federatedSubject,
	}, "bench")
	return err
}
