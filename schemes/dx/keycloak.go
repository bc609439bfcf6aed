package dx

import (
	"context"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
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
	client := s.clientOf(claims)
	if client == "" {
		return nil, faultUnknownClient
	}
	id := s.identity(s.keys.keycloak, claims)
	id.Kind, id.Subject, id.Name = kindKeycloak, client, client
	// Its sub can be revoked, if it has one, and so can the client, by the id that the audit
	// has.
	token := &standing{issued: claims.IssuedAt(), delegator: tokenstore.FoldName(client)}
	if subject := claims.Subject(); subject != "" {
		var ok bool
		if token.subject, ok = userOf(subject); !ok {
			return nil, faultSubject
		}
	}
	id.Session = token
	return id, nil
}

// clientOf returns which of the configured clients a token is of: a client that acts for
// itself, or a user that is listed; "" for all others. A client's id also stands in the
// tokens that its users get, who are anybody in the realm.
func (s *Scheme) clientOf(claims keyring.Claims) string {
	listed := s.config.Keycloak.Clients
	for _, name := range []string{"azp", "client_id"} {
		if client, ok := claims.String(name); ok && slices.Contains(listed, client) && mayBeItself(claims, client) {
			return client
		}
	}
	if subject := claims.Subject(); slices.Contains(listed, subject) {
		return subject
	}
	return ""
}

// mayBeItself tells whether a token that names a client can be of its service account, which
// Keycloak calls so in preferred_username. A token without the scope profile names nobody;
// what somebody signed in for tells of the sign-in.
func mayBeItself(claims keyring.Claims, client string) bool {
	if claims.Has("preferred_username") {
		name, _ := claims.String("preferred_username")
		return keyring.SameName(name, "service-account-"+client)
	}
	return !slices.ContainsFunc(ofSignIns, claims.Has)
}

// ofSignIns are claims that Keycloak's tokens have of a session.
var ofSignIns = []string{"sid", "session_state", "auth_time", "nonce"}
