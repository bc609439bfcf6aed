package delta

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// CreateAdmin makes an admin token for the realm's administration over HTTP. It is
// shown once. The errors are those of tokenstore.Store.CreateAdmin.
func (s *Scheme) CreateAdmin(ctx context.Context, name string, role tokenstore.AdminRole, lifetime time.Duration, actor string) (secret.Token, tokenstore.AdminToken, error) {
	backend, err := s.open(ctx)
	if err != nil {
		return secret.Token{}, tokenstore.AdminToken{}, err
	}
	token := secret.New(secret.AdminToken)
	admin, err := backend.Store.CreateAdmin(ctx, tokenstore.AdminToken{
		Accessor: secret.NewAccessor(), Realm: s.config.Realm, Name: name, Role: role,
	}, token.Digest(), lifetime, actor)
	if err != nil {
		return secret.Token{}, tokenstore.AdminToken{}, err
	}
	return token, admin, nil
}

// Admin finds out who presented an admin token. The errors are secret.ErrMalformed and
// tokenstore.ErrNotFound; any other means that the store could not tell.
func (s *Scheme) Admin(ctx context.Context, presented string) (tokenstore.AdminToken, error) {
	token, err := secret.Parse(secret.AdminToken, presented)
	if err != nil {
		return tokenstore.AdminToken{}, err
	}
	backend, err := s.open(ctx)
	if err != nil {
		return tokenstore.AdminToken{}, err
	}
	return backend.Store.Admin(ctx, s.config.Realm, token.Digest())
}
