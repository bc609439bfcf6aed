package main

import (
	"errors"
	"testing"

	"github.com/gatehouse-auth/gatehouse/bench/secrets"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/tokenstore/badgerstore"
)

func TestFilledStoreKnowsEveryTokenAndManagementKey(t *testing.T) {
	driver, err := badgerstore.Open(badgerstore.Options{Directory: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = driver.Close() })
	const tokens, managed = 2*perCommit + 1, 3
	if err := fill(t.Context(), driver, settings{tokens: tokens, managed: managed}); err != nil {
		t.Fatal(err)
	}
	store := tokenstore.New(driver, tokenstore.Options{})
	names := make(map[string]bool)
	for n := range uint64(tokens) {
		holder, err := store.TokenHolder(t.Context(), realm, secret.DigestOf(secrets.Token(n)))
		if err != nil {
			t.Fatalf("token %d: %v", n, err)
		}
		names[holder.Recipient.Name] = true
	}
	if len(names) != tokens {
		t.Errorf("%d tokens of %d recipients", tokens, len(names))
	}
	for n := range uint64(managed + 1) {
		_, err := store.ManagementKeyHolder(t.Context(), realm, secret.DigestOf(secrets.ManagementKey(n)))
		if none := errors.Is(err, tokenstore.ErrNotFound); err != nil && !none || none != (n == managed) {
			t.Errorf("management key %d of %d: %v", n, managed, err)
		}
	}
	if _, err := store.TokenHolder(t.Context(), realm, secret.DigestOf(secrets.Token(tokens))); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("a token that was not filled in: %v", err)
	}
}
