package dx

import (
	"context"
	"slices"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// verifyKeycloak verifies an access token of Keycloak, which must be one of the clients
// that are configured. The error is a fault or keyring's.
func (s *Scheme) verifyKeycloak(ctx context.Context, text string) (*schemes.Identity, error) {
	claims, err := s.keys.keycloak.Verify(ctx, text)
	if err != nil {
		return nil, err
	}
	// Keycloak says so of its access tokens, and otherwise of those that it signs with the
	// same key for pages to read: ID tokens, logout tokens.
	if kind, ok := claims.String("typ"); ok && kind != "Bearer" {
		return nil, faultTokenType
	}
	client := ""
	for _, name := range []string{"azp", "client_id", "sub"} {
		if value, ok := claims.String(name); ok && slices.Contains(s.config.Keycloak.Clients, value) {
			client = value
			break
		}
	}
	if client == "" {
		return nil, faultUnknownClient
	}
	subject := claims.Subject()
	if subject != "" && tokenstore.ValidUser(subject) != nil {
		return nil, faultSubject
	}
	id := s.identity(s.keys.keycloak, claims)
	id.Kind, id.Subject, id.Name = kindKeycloak, client, client
	id.Session = &standing{issued: claims.IssuedAt(), subject: tokenstore.FoldName(subject)}
	return id, nil
}
